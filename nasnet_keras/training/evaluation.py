"""Evaluation: the answers of a network to images, and the share that it gets right."""

from dataclasses import dataclass

import numpy as np

from nasnet_keras.training.datasets.base import Split
from nasnet_keras.training.step import State, TrainStep

__all__ = ["JUDGED", "Answers", "accuracy", "answers", "predictions"]

JUDGED = ("validation", "test")
"""The splits that a network is judged on; the last one that has images gives the final figure."""


@dataclass(frozen=True)
class Answers:
    """The answers of a network to images.

    Attributes:
        labels: the most probable class of each image, `(count,)`, from 0.
        probabilities: the probability of this class, `(count,)`, from 0 to 1.

    Example:
        >>> Answers.of_logits(np.array([[0.0, 0.0], [0.0, 9.0]])).labels.tolist()
        [0, 1]
    """

    labels: np.ndarray
    probabilities: np.ndarray

    @classmethod
    def of_logits(cls, logits: np.ndarray) -> "Answers":
        """Return the answers that logits `(count, classes)` stand for."""
        logits = np.asarray(logits, np.float64)
        sums = np.exp(logits - logits.max(-1, keepdims=True)).sum(-1)
        return cls(np.argmax(logits, -1), 1.0 / sums)


def accuracy(stepper: TrainStep, state: State, split: Split, batch_size: int = 256) -> float:
    """The share of a split's images, from 0 to 1, that the averaged weights get right."""
    return float(np.mean(predictions(stepper, state, split, batch_size) == split.labels))


def predictions(stepper: TrainStep, state: State, split: Split, batch_size: int = 256) -> np.ndarray:
    """The labels `(count,)` that the averaged weights give a split's images."""
    return answers(stepper, state, split, batch_size).labels


def answers(stepper: TrainStep, state: State, split: Split, batch_size: int = 256) -> Answers:
    """The answers of the averaged weights to a split's images."""
    batch_size = min(batch_size, len(split))
    logits = []
    for start in range(0, len(split), batch_size):
        part = split.take(slice(start, start + batch_size))
        logits.append(stepper.logits(state, _padded(part.images, batch_size))[: len(part)])
    return Answers.of_logits(np.concatenate(logits))


def _padded(images: np.ndarray, count: int) -> np.ndarray:
    """`count` images, so that all batches have one shape and are compiled once."""
    return np.concatenate([images, np.zeros((count - len(images), *images.shape[1:]), images.dtype)])
