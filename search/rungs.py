"""Rungs: epochs after which children that have fallen behind the others are stopped.

A child trains for a part of its epochs, and goes on only if its accuracy on the training images is among the best share
of all children that came as far before it: see `study.ladder`, which knows these.

Source: successive halving (Jamieson and Talwalkar 2016, arXiv 1502.07943), in the form that waits for no other child
(Li et al. 2020, arXiv 1810.05934). Here a child is stopped for good.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from nasnet_keras.utils.checks import quoted

__all__ = ["STOPPED", "Floor", "Rung", "StoppedAtRung", "accuracy_name", "is_rung", "read_floors", "rungs_of"]

STOPPED = "stopped"
"""The status of a child that was stopped at a rung. Its reward is the one to expect of it, see `Floor.expected`."""

_RUNG = re.compile(r"([1-9][0-9]{0,5}):(0?\.[0-9]{1,6})", re.ASCII)


@dataclass(frozen=True)
class Rung:
    """An epoch after which children are compared.

    Attributes:
        epoch: the number of epochs before it, from 1.
        share: the share of the children that goes on, above 0 and below 1.

    Raises:
        ValueError: a value is out of range.

    Example:
        >>> Rung.parse("1:0.5")
        Rung(epoch=1, share=0.5)
    """

    epoch: int
    share: float

    def __post_init__(self) -> None:
        if not 0.0 < self.share < 1.0:
            raise ValueError(f"the share of a rung must be above 0 and below 1, got {quoted(self.share)}")

    @classmethod
    def parse(cls, text: Any) -> "Rung":
        """Read a rung as it is written on a command line.

        Raises:
            ValueError: it is not an epoch and a share.
        """
        found = _RUNG.fullmatch(text) if isinstance(text, str) else None
        if found is None:
            raise ValueError(f"a rung is an epoch and the share that goes on, such as 1:0.5, got {quoted(text)}")
        return cls(int(found[1]), float(found[2]))


def is_rung(text: Any) -> bool:
    """Whether a text can be a rung.

    Example:
        >>> is_rung("1:0.5"), is_rung("1:1.5")
        (True, False)
    """
    try:
        return bool(Rung.parse(text))
    except ValueError:
        return False


def rungs_of(texts: Iterable[Any]) -> tuple[Rung, ...]:
    """Read rungs in the order of their epochs.

    Raises:
        ValueError: a text is no rung, or two are of one epoch.

    Example:
        >>> [rung.epoch for rung in rungs_of(["3:0.5", "1:0.25"])]
        [1, 3]
    """
    found = sorted(map(Rung.parse, texts), key=lambda rung: rung.epoch)
    epochs = [rung.epoch for rung in found]
    if len(set(epochs)) < len(epochs):
        raise ValueError(f"rungs must be of different epochs, got those after {', '.join(map(str, epochs))}")
    return tuple(found)


@dataclass(frozen=True)
class Floor:
    """The accuracy with which a child goes on after an epoch, and the reward to expect of one that does not.

    Attributes:
        epoch: the number of epochs.
        least: the lowest accuracy on the training images, within that epoch, with which a child goes on.
        accuracy, reward: the means of the children that were trained to the end.
        slope: the growth of the reward with the accuracy among them, at least 0.

    Example:
        >>> floor = Floor(1, least=0.4, accuracy=0.5, reward=0.6, slope=0.5)
        >>> round(floor.expected(0.3), 3), floor.expected(0.7)
        (0.5, 0.6)
    """

    epoch: int
    least: float
    accuracy: float
    reward: float
    slope: float

    def expected(self, accuracy: float) -> float:
        """Estimate the reward of a child that is stopped: from 0 to the mean of those that were not."""
        return max(0.0, self.reward + self.slope * min(0.0, accuracy - self.accuracy))


class StoppedAtRung(Exception):  # noqa: N818 – it is no error
    """Raised by an evaluator that stops a child at a rung.

    Args:
        reward: the reward to expect of it.
        metrics: what is known of it, as JSON values by name.
    """

    def __init__(self, reward: float, metrics: dict[str, Any]) -> None:
        super().__init__("stopped at a rung")
        self.reward, self.metrics = reward, metrics


def accuracy_name(epoch: int) -> str:
    """Return the name of the metric with the accuracy on the training images within an epoch that has a rung."""
    return f"train_accuracy_{epoch}"


def read_floors(plain: Iterable[dict[str, Any]]) -> tuple[Floor, ...]:
    """Read floors from JSON values, their fields by name."""
    return tuple(Floor(**one) for one in plain)
