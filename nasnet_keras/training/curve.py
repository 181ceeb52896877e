"""The curve of a run's validation accuracy, and what of it may be chance."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Curve", "accuracy_of", "standard_error"]


def accuracy_of(entry: Mapping[str, float]) -> float:
    """Return the validation accuracy that an epoch is judged by: with weights of classes, the weighted one."""
    return entry.get("validation_weighted_accuracy", entry.get("validation_accuracy", 0.0))


def standard_error(accuracy: float, images: int) -> float:
    """Return how far an accuracy, a share of so many images, is from that of all images, on average.

    Example:
        >>> standard_error(0.5, 100)
        0.05
    """
    return math.sqrt(accuracy * (1.0 - accuracy) / images)


@dataclass(frozen=True)
class Curve:
    """The figures of the epochs of a run.

    Attributes:
        history: the figures, one dict for each epoch.
        images: the number of validation images.

    Example:
        >>> shares = enumerate((0.5, 0.9, 0.6))
        >>> curve = Curve([{"epoch": epoch, "validation_accuracy": share} for epoch, share in shares], images=100)
        >>> curve.best["epoch"], curve.has_fallen
        (1, True)
    """

    history: Sequence[Mapping[str, Any]]
    images: int

    @property
    def best(self) -> Mapping[str, Any]:
        """The first of the epochs with the best validation accuracy."""
        return max(self.history, key=accuracy_of)

    @property
    def last(self) -> Mapping[str, Any]:
        """The last epoch."""
        return self.history[-1]

    @property
    def has_fallen(self) -> bool:
        """Whether the last epoch is worse than the best one by more than chance alone makes of one among many.

        Three standard errors, of an accuracy with two images more of each answer: the best of many epochs is lucky, and
        of few images all may be right.
        """
        best = accuracy_of(self.best)
        known = (best * self.images + 2) / (self.images + 4)
        return accuracy_of(self.last) < best - 3 * standard_error(known, self.images)

    @property
    def is_overfitted(self) -> bool:
        """Whether the network knows its training images in the end, and others much less."""
        known = self.last.get("accuracy", 0.0)
        return known > 0.9 and known > accuracy_of(self.last) + 0.15
