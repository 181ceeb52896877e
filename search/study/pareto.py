"""The Pareto front of costs and a reward, and the volume that it dominates."""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from nasnet_keras.search.study.trial import Trial
from nasnet_keras.utils.checks import finite, quoted

__all__ = ["cost_of", "front", "front_of", "hypervolume", "hypervolumes", "points_of", "reference_of", "spread_along"]


def front(points: Sequence[Sequence[float]] | np.ndarray) -> list[int]:
    """Find the points that no other point dominates: none is at most as costly with at least the reward.

    Args:
        points: rows of costs, of which less is better, and at the end a reward, of which more is better. A row with a
            number that is missing (NaN) or infinite is on no front.

    Returns:
        The indices of the front, by ascending first cost, then second cost and so on. Of equal points it has the first.

    Raises:
        ValueError: the points are no rows of a cost and a reward at least.

    Example:
        >>> front([(5.0, 0.8), (1.0, 0.5), (2.0, 0.9), (2.0, 0.9), (1.0, 0.4)])
        [1, 2]
    """
    losses = _losses(points)
    known = np.flatnonzero(np.isfinite(losses).all(axis=1))
    # In this order no point can dominate one before it. The stable sort leaves equal points as they were.
    order = known[np.lexsort(losses[known].T[_significance(losses.shape[1])])]
    if losses.shape[1] == 2:
        rewards = -losses[order, 1]
        before = np.maximum.accumulate(np.concatenate([[-np.inf], rewards]))[:-1]
        return order[rewards > before].tolist()
    found = _Front(losses.shape[1])
    return [int(index) for index in order if found.add(losses[index])]


def hypervolume(points: Sequence[Sequence[float]] | np.ndarray, reference: Sequence[float]) -> float:
    """Compute the volume of all that the points dominate and that dominates the reference point, exactly.

    With one cost it is the area between the front's step line and the reference, found by sorting; with more costs, the
    space is cut into slices along the first one.

    Args:
        points: rows of costs and a reward, as of `front`. Those that do not dominate the reference add nothing.
        reference: costs and a reward, worse than those of interest.

    Raises:
        ValueError: the points are no rows of a cost and a reward at least, or the reference has another length or a
            number that is not finite.

    Source: Zitzler and Thiele 1998 (there the "size of the space covered").

    Example:
        >>> hypervolume([(1.0, 0.5), (2.0, 0.75)], reference=(4.0, 0.25))
        1.25
    """
    losses, corner = _checked(points, reference)
    return _volume(losses, corner)


def hypervolumes(points: Sequence[Sequence[float]] | np.ndarray, reference: Sequence[float]) -> np.ndarray:
    """Compute the hypervolume of the first point, of the first two, and so on up to all of them.

    A point adds the volume of its own box without what the front before it dominates of that box, so that thousands of
    points take a fraction of a second.

    Args:
        points, reference: as of `hypervolume`.

    Returns:
        An array of one number for each point, which never falls.

    Raises:
        ValueError: as of `hypervolume`.

    Example:
        >>> hypervolumes([(1.0, 0.5), (float("nan"), 0.9), (2.0, 0.75)], reference=(4.0, 0.25)).tolist()
        [0.75, 0.75, 1.25]
    """
    losses, corner = _checked(points, reference)
    return _running(losses, corner)


def cost_of(trial: Trial, name: str) -> float | None:
    """Return a cost of a trial; None if it is not known, or no finite number."""
    cost = trial.costs.get(name)
    return cost if finite(cost) else None


def points_of(trials: Iterable[Trial], costs: Sequence[str]) -> np.ndarray:
    """Make the points of trials, as of `front`; what a trial lacks is NaN."""
    rows = [[*(cost_of(trial, name) for name in costs), trial.reward] for trial in trials]
    return np.array(rows, dtype=float).reshape(len(rows), len(costs) + 1)


def reference_of(trials: Iterable[Trial], costs: Sequence[str], limits: Mapping[str, float]) -> list[float] | None:
    """Choose the reference point of a study's hypervolume: its limits, and a reward of 0.

    Args:
        trials: all trials whose volumes are compared.
        costs: names of costs.
        limits: the limits by the names of their costs; the largest cost of any trial takes the place of one that lacks.

    Returns:
        The costs and the reward, which is the lowest one if that is negative; None if no trial has all of them.
    """
    points = points_of((trial for trial in trials if trial.reward is not None), costs)
    points = points[np.isfinite(points).all(axis=1)]
    if not len(points):
        return None
    largest = points.max(axis=0)
    most = [float(limits.get(name, largest[place])) for place, name in enumerate(costs)]
    return [*most, min(0.0, float(points[:, -1].min()))]


def front_of(trials: Sequence[Trial], costs: Sequence[str]) -> list[Trial]:
    """Choose the trials of a front, by ascending cost; one that did not succeed, or without a cost, is on none.

    Raises:
        ValueError: no cost is named, one is named twice, or no trial of all that succeeded has one of them.
    """
    if isinstance(costs, str) or not costs or len(set(costs)) < len(costs):
        raise ValueError(f"costs must be names of costs, each once, got {quoted(costs)}")
    judged = [trial for trial in trials if trial.status == "ok"]
    for name in costs:
        if judged and all(cost_of(trial, name) is None for trial in judged):
            known = sorted({key for trial in judged for key in trial.costs})
            raise ValueError(f"no trial has the cost {quoted(name)}; known are {', '.join(known) or 'none'}")
    return [judged[index] for index in front(points_of(judged, costs))]


def spread_along(trials: Sequence[Trial], cost: str, count: int, most: float | None = None) -> list[Trial]:
    """Choose trials of the front of a cost, spread evenly in the logarithm of the cost from the cheapest one up.

    Args:
        trials: trials whose cost is known.
        cost: the name of the cost.
        count: the most trials.
        most: the cost up to which they spread, such as a limit; by default that of the costliest on the front.

    Returns:
        Trials of the front by ascending cost: the costliest always, and all if there are no more than `count`.

    Example:
        >>> made = [Trial(n, "|none~0|", "ok", n / 9, {}, 1.0, 0, {"latency_ms": 2.0**n}) for n in range(9)]
        >>> [trial.costs["latency_ms"] for trial in spread_along(made, "latency_ms", 3)]
        [1.0, 16.0, 256.0]
    """
    found = front_of(trials, [cost]) if trials else []
    if len(found) <= count:
        return found
    costs = np.array([cost_of(trial, cost) for trial in found])
    places = np.log(np.maximum(costs, costs[costs > 0.0].min() / 2.0))  # a cost of 0 has no logarithm
    top = places[-1] if most is None else np.log(most)
    chosen: list[int] = []
    for target in np.linspace(top, places[0], count):  # the best comes first, and nothing nearer takes its place
        distances = np.abs(places - target)
        distances[chosen] = np.inf
        chosen.append(int(np.argmin(distances)))
    return [found[place] for place in sorted(chosen)]


class _Front:
    """Points that do not dominate each other, added one by one."""

    def __init__(self, width: int) -> None:
        self.losses = np.empty((0, width))

    def add(self, point: np.ndarray) -> bool:
        """Add a point and drop those that it dominates, unless it is dominated itself; returns whether it is not."""
        if (self.losses <= point).all(axis=1).any():
            return False
        self.losses = np.concatenate([self.losses[~(point <= self.losses).all(axis=1)], point[None]])
        return True


def _losses(points: Sequence[Sequence[float]] | np.ndarray) -> np.ndarray:
    """The points with the reward's sign changed, so that less is better in all columns."""
    losses = np.array(points, dtype=float)
    if losses.size == 0 and losses.ndim < 2:
        return np.empty((0, 2))
    if losses.ndim != 2 or losses.shape[1] < 2:
        raise ValueError(f"points must be rows of costs and a reward, got an array of shape {losses.shape}")
    losses[:, -1] *= -1.0
    return losses


def _checked(points: Sequence[Sequence[float]] | np.ndarray, reference: Sequence[float]) -> tuple[np.ndarray, ...]:
    """The losses of the points that dominate the reference, NaN for all others, and those of the reference."""
    (corner,) = _losses([reference])
    losses = _losses(points)
    if len(losses) and losses.shape[1] != len(corner):
        raise ValueError(f"the reference must have {losses.shape[1]} numbers as the points do, got {len(corner)}")
    if not np.isfinite(corner).all():
        raise ValueError(f"the reference must be finite, got {tuple(reference)}")
    if not len(losses):
        return np.empty((0, len(corner))), corner
    inside = np.isfinite(losses).all(axis=1) & (losses < corner).all(axis=1)
    return np.where(inside[:, None], losses, np.nan), corner


def _significance(width: int) -> list[int]:
    """The columns from the least to the most significant one, as `np.lexsort` takes them."""
    return list(range(width - 1, -1, -1))


def _volume(losses: np.ndarray, corner: np.ndarray) -> float:
    """The volume between points and a corner, by slices along the first column."""
    losses = losses[~np.isnan(losses[:, 0])]
    if not len(losses):
        return 0.0
    losses = losses[np.argsort(losses[:, 0], kind="stable")]
    widths = np.diff(losses[:, 0], append=corner[0])
    if losses.shape[1] == 2:
        return float(widths @ (corner[1] - np.minimum.accumulate(losses[:, 1])))
    return float(widths @ _running(losses[:, 1:], corner[1:]))


def _running(losses: np.ndarray, corner: np.ndarray) -> np.ndarray:
    """The volume between the first points and a corner, for each number of points."""
    found, added = _Front(losses.shape[1]), np.zeros(len(losses))
    for index, point in enumerate(losses):
        before = found.losses
        if not np.isnan(point[0]) and found.add(point):
            shared = _volume(np.maximum(before, point), corner)
            added[index] = max(0.0, float(np.prod(corner - point)) - shared)
    return np.cumsum(added)
