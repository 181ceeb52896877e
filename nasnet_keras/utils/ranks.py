"""The agreement of orders."""

import math
import statistics
from collections.abc import Sequence

import numpy as np

__all__ = ["kendall_tau", "normal_scores", "ranks", "spearman"]


def kendall_tau(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Compute Kendall's tau-b of two orders of the same things, from -1 to 1; None if one of them is constant.

    Source: Kendall 1945.

    Example:
        >>> kendall_tau([1.0, 2.0, 3.0], [10.0, 30.0, 20.0])
        0.3333333333333333
    """
    signs = [np.sign(np.subtract.outer(values, values)) for values in map(np.asarray, (first, second))]
    ordered = math.prod(float((sign != 0).sum()) for sign in signs)
    return float((signs[0] * signs[1]).sum()) / math.sqrt(ordered) if ordered else None


def ranks(values: Sequence[float]) -> np.ndarray:
    """Compute the rank of each value, from 0 for the smallest; equal values have the mean of their ranks.

    Example:
        >>> ranks([3.0, 1.0, 3.0]).tolist()
        [1.5, 0.0, 1.5]
    """
    _, places, counts = np.unique(np.asarray(values), return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts + 1) / 2)[places]


def normal_scores(values: Sequence[float]) -> np.ndarray:
    """Replace each value by the normal quantile of its rank, so that no outlier and no scale is left.

    Source: van der Waerden 1952, with ranks in the middles of equal shares.

    Example:
        >>> normal_scores([0.7, 0.1, 0.8, 0.75]).round(2).tolist()
        [-0.32, -1.15, 1.15, 0.32]
    """
    shares = (ranks(values) + 0.5) / len(values)
    return np.array([statistics.NormalDist().inv_cdf(share) for share in shares])


def spearman(first: Sequence[float], second: Sequence[float]) -> float | None:
    """Compute Spearman's rank correlation of two orders of the same things, from -1 to 1; None if one is constant.

    Source: Spearman 1904.

    Example:
        >>> spearman([1.0, 2.0, 3.0], [10.0, 30.0, 20.0])
        0.5
    """
    centred = [found - found.mean() for found in map(ranks, (first, second))]
    length = math.sqrt(math.prod(float(one @ one) for one in centred))
    return float(centred[0] @ centred[1]) / length if length else None
