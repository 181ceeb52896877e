"""The covariance of networks, as functions of their features."""

import math
from collections.abc import Sequence

import numpy as np

__all__ = ["Kernel"]


class Kernel:
    """The covariance of a `GaussianProcess` with given hyperparameters, up to its factor.

    Args:
        groups: numbers of columns of the groups of features.
        hyperparameters: those of the process, of which that of the noise is not used.

    Example:
        >>> kernel = Kernel((1,), np.log([2.0, 0.1, 0.5]))
        >>> rows = kernel.scaled(np.array([[0.0], [3.0]]))
        >>> kernel.covariance(rows, rows).round(3).tolist(), kernel.variance(rows).tolist()
        ([[1.0, 0.268], [0.268, 3.25]], [1.0, 3.25])
    """

    def __init__(self, groups: Sequence[int], hyperparameters: np.ndarray) -> None:
        self._groups = groups
        self._scales = np.exp(-2 * hyperparameters[:-2])
        self._slope = math.exp(2 * hyperparameters[-1]) / len(groups)

    def scaled(self, rows: np.ndarray) -> np.ndarray:
        """Rows of features as the other methods take them: each group divided by the root of its size."""
        return rows / np.sqrt(np.repeat(self._groups, self._groups))

    def covariance(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        """The covariances of rows with others, of shape (rows, others)."""
        weights = np.sqrt(np.repeat(self._scales, self._groups))
        ours, theirs = rows * weights, others * weights
        squares = (ours * ours).sum(1)[:, None] + (theirs * theirs).sum(1) - 2 * ours @ theirs.T
        distances = np.sqrt(3 * np.maximum(squares, 0))
        return (1 + distances) * np.exp(-distances) + self._slope * rows @ others.T

    def variance(self, rows: np.ndarray) -> np.ndarray:
        """The variances of rows, of shape (rows,)."""
        return 1 + self._slope * (rows * rows).sum(axis=1)
