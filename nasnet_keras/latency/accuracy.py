"""How well predicted latencies agree with measured ones: their errors, and their order."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nasnet_keras.utils.ranks import kendall_tau

__all__ = ["Accuracy"]


@dataclass(frozen=True)
class Accuracy:
    """The agreement of predicted with measured latencies.

    Attributes:
        networks: their number.
        median_error: the median error of a prediction, as a share of the measured latency.
        ninety_percent_error: the error that 90% of the predictions do not exceed, as a share of it.
        kendall_tau: the rank correlation: 1 for the same order, 0 for none or for constant values, -1 for the
            opposite one.
    """

    networks: int
    median_error: float
    ninety_percent_error: float
    kendall_tau: float

    @classmethod
    def of(cls, predicted: Sequence[float], measured: Sequence[float]) -> "Accuracy":
        """Compare predicted with measured latencies.

        Example:
            >>> Accuracy.of([1.0, 2.2, 3.0], [1.0, 2.0, 4.0])
            Accuracy(networks=3, median_error=0.1, ninety_percent_error=0.22, kendall_tau=1.0)
        """
        predicted, measured = np.asarray(predicted, float), np.asarray(measured, float)
        errors = np.abs(predicted / measured - 1)
        median, most = (round(float(value), 6) for value in np.quantile(errors, (0.5, 0.9)))
        return cls(len(measured), median, most, round(kendall_tau(predicted, measured) or 0.0, 6))

    def __str__(self) -> str:
        return (
            f"median error {self.median_error:.1%}, 90% of errors up to {self.ninety_percent_error:.1%}, Kendall's tau "
            f"{self.kendall_tau:.2f}, on {self.networks} networks"
        )
