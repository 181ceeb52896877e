"""Simple references: what costs explain, what numbers of operations tell, and what random children reach."""

from collections.abc import Callable

import numpy as np

__all__ = ["expected_best", "isotonic", "ridge"]

_ALPHAS = 10.0 ** np.arange(-2, 4.5, 0.5)


def isotonic(costs: np.ndarray, rewards: np.ndarray) -> np.ndarray:
    """What costs explain of rewards: the function of the cost that never falls and has the least squared errors.

    Source: Ayer et al. 1955 (pool adjacent violators).
    """
    _, places, sizes = np.unique(costs, return_inverse=True, return_counts=True)
    pools: list[tuple[float, int, int]] = []  # means, sizes, and numbers of costs
    for total, size in zip(np.bincount(places, rewards), sizes, strict=True):
        pools.append((total / size, size, 1))
        while len(pools) > 1 and pools[-2][0] >= pools[-1][0]:
            (mean, size, count), (other, more, before) = pools.pop(), pools.pop()
            pools.append(((mean * size + other * more) / (size + more), size + more, count + before))
    return np.repeat([mean for mean, _, _ in pools], [count for _, _, count in pools])[places]


def ridge(rows: np.ndarray, rewards: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """A ridge regression, of the penalty with the least error of each network when the others teach it."""
    mean, level = rows.mean(axis=0), rewards.mean()
    left, values, right = np.linalg.svd(rows - mean, full_matrices=False)
    parts = left.T @ (rewards - level)

    def error(alpha: float) -> float:
        shrunk = left * (values**2 / (values**2 + alpha))
        own = (shrunk * left).sum(axis=1) + 1 / len(rows)  # the share of a network in its own prediction
        return float(np.mean(((rewards - level - shrunk @ parts) / np.maximum(1 - own, 0.01)) ** 2))

    slopes = right.T @ (values / (values**2 + min(_ALPHAS, key=error)) * parts)
    return lambda others: level + (others - mean) @ slopes


def expected_best(rewards: np.ndarray, count: int) -> float:
    """The expected best of so many different ones at random."""
    ordered, chance, expected = np.sort(rewards)[::-1], 1.0, 0.0  # the chance that no better one was drawn
    for place, reward in enumerate(ordered[: len(ordered) - count + 1]):
        drawn = count / (len(ordered) - place)
        expected, chance = expected + chance * drawn * reward, chance * (1 - drawn)
    return float(expected)
