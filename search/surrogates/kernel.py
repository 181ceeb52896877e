"""The covariance of networks, as functions of their features."""

import math
from collections.abc import Sequence

import numpy as np

__all__ = ["Kernel", "matern", "squared_distances", "squared_lengths"]


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
        self._roots = np.sqrt(np.repeat(groups, groups))
        self._scales = np.repeat(np.exp(-hyperparameters[:-2]), groups)
        self._slope = math.exp(2 * hyperparameters[-1]) / len(groups)

    def scaled(self, rows: np.ndarray) -> np.ndarray:
        """Rows of features as the other methods take them: each group divided by the root of its size."""
        return rows / self._roots

    def covariance(self, rows: np.ndarray, others: np.ndarray) -> np.ndarray:
        """The covariances of rows with others, of shape (rows, others)."""
        smooth = matern(squared_distances(rows * self._scales, others * self._scales))
        return smooth + rows @ (self._slope * others).T

    def variance(self, rows: np.ndarray) -> np.ndarray:
        """The variances of rows, of shape (rows,)."""
        return 1 + self._slope * squared_lengths(rows)


def matern(squared: np.ndarray) -> np.ndarray:
    """The Matérn function with 3/2 of squared distances: 1 at 0."""
    distances = np.sqrt(3 * squared)
    return (1 + distances) * np.exp(-distances)


def squared_distances(rows: np.ndarray, others: np.ndarray) -> np.ndarray:
    """The squared distances of rows from others, of shape (rows, others)."""
    return np.maximum(np.add.outer(squared_lengths(rows), squared_lengths(others)) - 2 * rows @ others.T, 0)


def squared_lengths(rows: np.ndarray) -> np.ndarray:
    """The squared length of each row."""
    return np.einsum("nf,nf->n", rows, rows)
