"""A split and the answers of a network to its images."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from nasnet_keras.training.datasets.base import Dataset, Split
from nasnet_keras.training.evaluation import JUDGED, Answers

__all__ = ["Judged", "judged", "surest"]


@dataclass(frozen=True)
class Judged:
    """A split of a data set, and the answers of a network to its images.

    Attributes:
        name: `validation` or `test`.
        split: the images.
        answers: the answers to them, in their order.

    Example:
        >>> split = Split(np.zeros((3, 4, 4, 3), "uint8"), np.array([0, 1, 1]))
        >>> one = Judged("test", split, Answers(np.array([1, 1, 0]), np.array([0.6, 0.9, 0.8])))
        >>> one.wrong.tolist(), one.shown(2), one.confusion(2).tolist()
        ([0, 2], 'test[2]', [[0, 1], [1, 1]])
    """

    name: str
    split: Split
    answers: Answers

    def __len__(self) -> int:
        return len(self.split)

    @property
    def wrong(self) -> np.ndarray:
        """The indices of the images that were answered wrong."""
        return np.flatnonzero(self.answers.labels != self.split.labels)

    def shown(self, index: int) -> str:
        """The path of an image's file, or another name by which people find it; empty if there is none."""
        origins = self.split.origins
        return f"{self.name}[{index}]" if origins is None else origins.shown(index)

    def confusion(self, classes: int) -> np.ndarray:
        """Count images by true class (rows) and predicted class (columns)."""
        found = np.zeros((classes, classes), np.int64)
        np.add.at(found, (self.split.labels, self.answers.labels), 1)
        return found


def judged(dataset: Dataset, answers: Mapping[str, Answers]) -> list[Judged]:
    """Join the splits of a data set with the answers by their names; the one that the final figures are of is last."""
    return [Judged(name, getattr(dataset, name), answers[name]) for name in JUDGED if name in answers]


def surest(judged: Iterable[Judged]) -> list[tuple[Judged, int]]:
    """List the mistakes, each a split and the index of an image, the surest first."""
    mistakes = [(one, index) for one in judged for index in one.wrong.tolist()]
    return sorted(mistakes, key=lambda mistake: -mistake[0].answers.probabilities[mistake[1]])
