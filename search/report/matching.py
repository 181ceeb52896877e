"""Comparisons at equal cost: pure functions of costs and rewards."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nasnet_keras.search.report.statistics import mean_ranks

__all__ = ["RATIO", "EqualCost", "cost_classes", "equal_cost", "nearest_pairs"]

RATIO = 1.25
"""Costs are about equal up to this ratio."""
_SHUFFLES, _FEWEST = 2000, 500
_WORK = 8_000_000  # ranks that are shuffled in all, unless the fewest shuffles need more
_AT_ONCE = 200_000  # ranks that are shuffled in one step, for the memory
_TELLING = 40  # ways to give the children their origins; of fewer none is as rare as 5 % on both sides


@dataclass(frozen=True)
class EqualCost:
    """What is known of two kinds of children at about equal cost.

    Attributes:
        pairs: number of pairs of one child of each kind in the same class of cost.
        counts: numbers of children of each kind in these pairs.
        share: the share of pairs in which the first kind has the higher reward, ties counted half; None without pairs.
        p_value: the chance of a share as far from one half if the kinds were alike; None if there are too few children
            to tell.
    """

    pairs: int
    counts: tuple[int, int]
    share: float | None
    p_value: float | None


def cost_classes(costs: Sequence[float], ratio: float = RATIO) -> np.ndarray:
    """Divide costs into classes, each from a cost up to `ratio` times it, beginning with the lowest.

    Returns:
        The number of the class of each cost.

    Example:
        >>> cost_classes([8.0, 1.0, 1.25, 1.26, 0.0]).tolist()
        [3, 1, 1, 2, 0]
    """
    distinct, places = np.unique(np.asarray(costs, dtype=float), return_inverse=True)
    classes, begin = np.zeros(len(distinct), dtype=int), 0
    for place, cost in enumerate(distinct):
        if place and cost > ratio * distinct[begin] * (1 + 1e-12):
            begin = place
        classes[place] = classes[place - 1] + (begin == place) if place else 0
    return classes[places]


def equal_cost(first: Sequence[tuple[float, float]], second: Sequence[tuple[float, float]]) -> EqualCost:
    """Test whether children of one kind have higher rewards than those of another at about equal cost.

    Children are compared within classes of cost only, so that no large network is compared with a small one. The
    p-value is two-sided, from 2,000 permutations of the kinds within the classes (500 with very many children), always
    the same ones.

    Args:
        first, second: a cost and a reward of each child.

    Source: van Elteren 1960, here with equal weights of all pairs.

    Example:
        >>> equal_cost([(1.0, 0.9), (50.0, 0.99)], [(1.1, 0.8), (9.0, 0.7)])
        EqualCost(pairs=1, counts=(1, 1), share=1.0, p_value=None)
    """
    points = np.array([*first, *second], dtype=float).reshape(-1, 2)
    kinds = np.arange(len(points)) < len(first)
    classes = cost_classes(points[:, 0])
    found = [(points[mine, 1], kinds[mine]) for mine in (classes == one for one in np.unique(classes))]
    mixed = [(mean_ranks(rewards), ours) for rewards, ours in found if ours.any() and not ours.all()]
    counts = sum(int(ours.sum()) for _, ours in mixed), sum(int((~ours).sum()) for _, ours in mixed)
    pairs = sum(int(ours.sum()) * int((~ours).sum()) for _, ours in mixed)
    if not pairs:
        return EqualCost(0, counts, None, None)
    wins = sum(float(ranks[ours].sum()) - _least(ours) for ranks, ours in mixed)
    return EqualCost(pairs, counts, wins / pairs, _p_value(mixed, wins - pairs / 2))


def nearest_pairs(first: Sequence[float], second: Sequence[float]) -> list[tuple[int, int]]:
    """Pair each cost of `first` with one of `second`, each used once, those of the smallest ratios first.

    Returns:
        The pairs of indices, in the order of `first`; as many as the shorter one has.

    Example:
        >>> nearest_pairs([1.0, 8.0], [9.0, 3.0, 100.0])
        [(0, 1), (1, 0)]
    """
    logs = [np.log(np.maximum(np.asarray(costs, dtype=float), 1e-30)) for costs in (first, second)]
    distances = np.abs(np.subtract.outer(*logs))
    found: dict[int, int] = {}
    for place in np.argsort(distances, axis=None, kind="stable"):
        one, other = divmod(int(place), len(second))
        if one not in found and other not in found.values():
            found[one] = other
    return sorted(found.items())


def _least(ours: np.ndarray) -> float:
    """The sum of ranks of those that lose all pairs."""
    count = int(ours.sum())
    return count * (count + 1) / 2


def _p_value(mixed: list[tuple[np.ndarray, np.ndarray]], distance: float) -> float | None:
    """The share of permutations within classes whose wins are as far from one half of all pairs."""
    ways = sum(_log_ways(len(ours), int(ours.sum())) for _, ours in mixed)
    if ways < math.log(_TELLING) - 1e-9:
        return None
    shuffles = max(_FEWEST, min(_SHUFFLES, _WORK // sum(len(ours) for _, ours in mixed)))
    generator, sums = np.random.default_rng(0), np.zeros(shuffles)
    for ranks, ours in mixed:
        count, expected = int(ours.sum()), float(ranks.mean()) * int(ours.sum())
        step = max(1, _AT_ONCE // len(ranks))
        for begin in range(0, shuffles, step):
            rows = min(step, shuffles - begin)
            drawn = generator.permuted(np.broadcast_to(ranks, (rows, len(ranks))), axis=1)
            sums[begin : begin + rows] += drawn[:, :count].sum(axis=1) - expected
    return float((1 + (np.abs(sums) >= abs(distance) - 1e-9).sum()) / (1 + shuffles))


def _log_ways(total: int, count: int) -> float:
    return math.lgamma(total + 1) - math.lgamma(count + 1) - math.lgamma(total - count + 1)
