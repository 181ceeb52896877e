"""How many images a network gets right."""

import numpy as np

from nasnet_keras.training.datasets import Split
from nasnet_keras.training.step import State, Stepper

__all__ = ["accuracy"]


def accuracy(stepper: Stepper, state: State, split: Split, batch_size: int = 256) -> float:
    """The share of a split's images, from 0 to 1, that the averaged weights get right."""
    batch_size = min(batch_size, len(split))
    right = 0
    for start in range(0, len(split), batch_size):
        part = split.take(slice(start, start + batch_size))
        logits = stepper.logits(state, _padded(part.images, batch_size))[: len(part)]
        right += int(np.sum(np.argmax(logits, -1) == part.labels))
    return right / len(split)


def _padded(images: np.ndarray, count: int) -> np.ndarray:
    """`count` images, so that all batches have one shape and are compiled once."""
    return np.concatenate([images, np.zeros((count - len(images), *images.shape[1:]), images.dtype)])
