"""Statistics of a search: pure functions of rewards and genotypes."""

import math
import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.pages.axes import thinned
from nasnet_keras.utils.ranks import kendall_tau

__all__ = [
    "ExpectedBest",
    "expected_best",
    "improvements",
    "interval_of_difference",
    "interval_of_mean",
    "kendall_tau",
    "mean_ranks",
    "operation_counts",
    "operation_shares",
    "rank_sum",
    "running_mean",
]

_BAND = (0.1, 0.9)
_CURVE_POINTS = 200
_NEGLIGIBLE = 1e-16
_STUDENT = (12.71, 4.30, 3.18, 2.78, 2.57, 2.45, 2.36, 2.31, 2.26, 2.23)  # 97.5 % quantiles, by degrees of freedom
_EDGE = re.compile(r"\|?(\w+)~\d+")  # NAS-Bench-201: `operation~input`


@dataclass(frozen=True)
class ExpectedBest:
    """The best of `counts[i]` children drawn without replacement: its mean, and its 10 % and 90 % quantiles."""

    counts: np.ndarray
    mean: np.ndarray
    low: np.ndarray
    high: np.ndarray


def expected_best(rewards: Sequence[float], counts: Sequence[int] | None = None) -> ExpectedBest:
    """Compute the distribution of the best of n rewards over all ways to draw n of them, exactly.

    With the R rewards in ascending order, the best of n is at most the k-th in C(k, n) of C(R, n) draws.

    Args:
        rewards: at least one reward.
        counts: the numbers n, each from 1 to R; None for all of them, or for 200 if there are more.

    Returns:
        The mean and two quantiles for each n, in the unit of the rewards.

    Source: the expected validation performance of Dodge et al. 2019, section 3, here without replacement.

    Example:
        >>> expected_best([1.0, 2.0, 3.0]).mean.round(3).tolist()
        [2.0, 2.667, 3.0]
    """
    ordered = np.sort(np.asarray(rewards, dtype=float))
    total = len(ordered)
    counts = _curve_counts(total) if counts is None else np.asarray(counts, dtype=int)
    log_factorial = np.concatenate([[0.0], np.cumsum(np.log(np.arange(1, total + 1)))])
    figures = np.empty((3, len(counts)))
    for index, count in enumerate(counts):
        # The best of n is never below the n-th, and below the k-th in less than (k / R)^n of the draws.
        lowest = max(count, int(total * _NEGLIGIBLE ** (1.0 / count)))
        ranks = np.arange(lowest, total + 1)
        at_most = np.exp(
            log_factorial[ranks] - log_factorial[ranks - count] - log_factorial[total] + log_factorial[total - count]
        )
        at_most[-1] = 1.0
        possible = ordered[lowest - 1 :]
        low, high = (possible[np.searchsorted(at_most, share - 1e-9)] for share in _BAND)
        figures[:, index] = possible @ np.diff(at_most, prepend=0.0), low, high
    return ExpectedBest(counts, *figures)


def _curve_counts(total: int) -> np.ndarray:
    """Numbers from 1 to `total` for a curve: half of them evenly, half by equal factors, as the first change most."""
    even = thinned(total, _CURVE_POINTS // 2) + 1
    return np.unique([*even, *np.geomspace(1, total, _CURVE_POINTS // 2).round().astype(int)])


def improvements(rewards: Sequence[float | None]) -> list[int]:
    """List the indices of the rewards that are higher than all before them; None stands for a failure.

    Example:
        >>> improvements([0.5, None, 0.4, 0.7, 0.7])
        [0, 3]
    """
    places, best = [], -math.inf
    for place, reward in enumerate(rewards):
        if reward is not None and reward > best:
            places.append(place)
            best = reward
    return places


def running_mean(values: Sequence[float], window: int) -> np.ndarray:
    """Compute for each value the mean of it and of up to `window - 1` values before it.

    Example:
        >>> running_mean([1.0, 2.0, 6.0], 2).tolist()
        [1.0, 1.5, 4.0]
    """
    sums = np.concatenate([[0.0], np.cumsum(values)])
    ends = np.arange(1, len(values) + 1)
    starts = np.maximum(0, ends - window)
    return (sums[ends] - sums[starts]) / (ends - starts)


def rank_sum(first: Sequence[float], second: Sequence[float]) -> tuple[float, float]:
    """Test whether the values of `first` are higher than those of `second`.

    Returns:
        The share of pairs in which the first is higher, from 0 to 1 (ties count half), and the two-sided p-value of
        the rank sum test by its normal approximation with ties, which is 1 if all values are equal.

    Source: Wilcoxon 1945; Mann and Whitney 1947.

    Example:
        >>> rank_sum([3.0, 4.0], [1.0, 2.0])[0]
        1.0
    """
    n, m = len(first), len(second)
    values = np.concatenate([first, second])
    counts = np.unique(values, return_counts=True)[1]
    wins = float(mean_ranks(values)[:n].sum()) - n * (n + 1) / 2
    total = n + m
    ties = float((counts.astype(float) ** 3 - counts).sum()) / max(1, total * (total - 1))
    variance = n * m / 12 * (total + 1 - ties)
    if variance <= 0.0:
        return 0.5, 1.0
    z = max(0.0, abs(wins - n * m / 2) - 0.5) / math.sqrt(variance)
    return wins / (n * m), math.erfc(z / math.sqrt(2.0))


def interval_of_mean(values: Sequence[float]) -> float:
    """Compute half of the 95 % interval of a mean by Student's t, in the unit of the values, of which there are two.

    Example:
        >>> round(interval_of_mean([1.0, 2.0, 3.0]), 2)
        2.48
    """
    return _quantile(len(values) - 1) * math.sqrt(np.var(values, ddof=1) / len(values))


def interval_of_difference(first: Sequence[float], second: Sequence[float]) -> float:
    """Compute half of the 95 % interval of a difference of means, for two samples of one variance, in their unit.

    Beyond ten degrees of freedom the quantile is 2.2, so the interval is up to 12 % too wide.

    Example:
        >>> round(interval_of_difference([1.0, 2.0], [3.0, 4.0]), 2)
        3.04
    """
    freedom = len(first) + len(second) - 2
    squares = sum((len(sample) - 1) * np.var(sample, ddof=1) for sample in (first, second) if len(sample) > 1)
    return _quantile(freedom) * math.sqrt(squares / freedom * (1 / len(first) + 1 / len(second)))


def _quantile(freedom: int) -> float:
    return _STUDENT[freedom - 1] if freedom <= len(_STUDENT) else 2.2


def mean_ranks(values: Sequence[float]) -> np.ndarray:
    """Rank values from 1; equal values have the mean of their ranks.

    Example:
        >>> mean_ranks([5.0, 1.0, 5.0]).tolist()
        [2.5, 1.0, 2.5]
    """
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[places]


def operation_counts(genotype: BaseGenotype | str) -> dict[str, Counter[str]]:
    """Count the operations of each cell, by the cell's name.

    Example:
        >>> operation_counts("|none~0|+|none~0|skip_connect~1|")
        {'cell': Counter({'none': 2, 'skip_connect': 1})}
    """
    return {"cell": Counter(_EDGE.findall(genotype))} if isinstance(genotype, str) else genotype.operation_counts()


def operation_shares(genotypes: Iterable[BaseGenotype | str]) -> dict[str, dict[str, float]]:
    """Compute the share of each operation among all edges of each cell, from 0 to 1, by the cell's name."""
    totals: dict[str, Counter[str]] = {}
    for genotype in genotypes:
        for cell, counts in operation_counts(genotype).items():
            totals.setdefault(cell, Counter()).update(counts)
    return {
        cell: {operation: count / counts.total() for operation, count in counts.items()}
        for cell, counts in totals.items()
    }
