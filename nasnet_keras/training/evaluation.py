"""Evaluation: the labels that a network gives images, and the share that it gets right."""

import numpy as np

from nasnet_keras.training.datasets.base import Split
from nasnet_keras.training.step import State, TrainStep

__all__ = ["accuracy", "predictions"]


def accuracy(stepper: TrainStep, state: State, split: Split, batch_size: int = 256) -> float:
    """The share of a split's images, from 0 to 1, that the averaged weights get right."""
    return float(np.mean(predictions(stepper, state, split, batch_size) == split.labels))


def predictions(stepper: TrainStep, state: State, split: Split, batch_size: int = 256) -> np.ndarray:
    """The labels `(count,)` that the averaged weights give a split's images."""
    batch_size = min(batch_size, len(split))
    labels = []
    for start in range(0, len(split), batch_size):
        part = split.take(slice(start, start + batch_size))
        logits = stepper.logits(state, _padded(part.images, batch_size))[: len(part)]
        labels.append(np.argmax(logits, -1))
    return np.concatenate(labels)


def _padded(images: np.ndarray, count: int) -> np.ndarray:
    """`count` images, so that all batches have one shape and are compiled once."""
    return np.concatenate([images, np.zeros((count - len(images), *images.shape[1:]), images.dtype)])
