"""Local search with random restarts."""

import itertools
import math
from collections.abc import Iterable, Iterator

import numpy as np

from nasnet_keras.search.algorithms.base import Key, grown, neighbours
from nasnet_keras.search.algorithms.history import FromHistory
from nasnet_keras.search.spaces.base import Choices, Space

__all__ = ["LocalSearch"]

_REPEATS = 6  # mutations in a row, for each neighbour found so far, after which there is no new one
_STARTS = 256  # draws of a start, of which the first new one is taken
_NEIGHBOURHOODS = 32  # remembered: while many children are on their way, the last points are asked for again and again


class LocalSearch(FromHistory):
    """Climbs from a random start: neighbours are tried in random order, and the first better one is the next point.

    The neighbours of a point are its mutations, at most as many as there are changes of one decision: in a small space
    all of them are tried. If none is better, the point is an optimum, and the next start is drawn. Nothing is proposed
    twice as long as anything new is found, and points are not left for equally good ones.

    Whatever differs in its spelling alone is the same network, and known if that is.

    Children that are on their way are not proposed again. If all neighbours are on their way, the next start is drawn
    early.

    Under a limit of costs a trial gets the likeliest of several neighbours or starts, as the limited space says.

    Args:
        space: the space to search.
        seed: seed of all random numbers.

    Raises:
        ValueError: the space has one genotype only.

    Source: White et al. 2021 (arXiv 2005.02960) and den Ottelander et al. 2021 (arXiv 2004.08996), who found it as good
    as much that is less simple.

    Example:
        >>> from nasnet_keras.search import CellSpace
        >>> algorithm = LocalSearch(CellSpace(), seed=0)
        >>> start = algorithm.ask(0)
        >>> algorithm.tell(start, reward=0.5)
        >>> [sum(a != b for a, b in zip(start, algorithm.ask(trial))) for trial in (1, 2, 3)]
        [1, 1, 1]
    """

    def __init__(self, space: Space, seed: int) -> None:
        super().__init__(space, seed)
        if space.size == 1:
            raise ValueError("local search needs a space of more than one genotype")
        self._points: list[int | None] = [None]  # the trial of the present point, after each number of results
        self._neighbourhoods: dict[tuple[int, int], _Remembered] = {}

    def tell(self, choices: Choices, reward: float | None) -> None:
        point = self._points[-1]
        if point is not None and self._is_optimum(point):
            point = None
        super().tell(choices, reward)
        if self.rewards[-1] > (-math.inf if point is None else self.rewards[point]):
            point = len(self.rewards) - 1
        self._points.append(point)

    def state(self) -> dict[str, np.ndarray]:
        points = [-1 if point is None else point for point in self._points]
        return {**super().state(), "points": np.array(points, np.int32)}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        results = {name: value for name, value in state.items() if name != "points"}
        if len(state.get("points", ())) != len(results.get("rewards", ())) + 1:
            raise ValueError(f"expected a state of LocalSearch, got {', '.join(state)}")
        super().restore(results)
        self._points = [None if point < 0 else point for point in state["points"].tolist()]
        self._neighbourhoods.clear()

    def proposal(self, trial: int, known: int, earlier: list[Choices], taken: set[Key]) -> Choices:
        del earlier
        space, generator, point = self.space.at(trial), self.generator(trial), self._points[known]

        def new(candidates: Iterable[Choices]) -> Iterator[Choices]:
            return (one for one in candidates if self.key(one) not in taken)

        around = () if point is None else self._around(point, space)
        starts = (space.sample(generator) for _ in range(_STARTS))
        for candidates in map(new, (around, starts)):
            for first in candidates:
                return space.likeliest(itertools.chain([first], candidates))
        start = space.sample(generator)
        return next(new(neighbours(space, start, generator)), start)

    def _is_optimum(self, point: int) -> bool:
        """Whether all neighbours of a point are known."""
        return all(self.key(one) in self.told for one in self._around(point, self.space.at(len(self.choices))))

    def _around(self, point: int, space: Space) -> "_Remembered":
        """The neighbours of a point in random order."""
        key = point, len(space.decisions)
        if key not in self._neighbourhoods:
            if len(self._neighbourhoods) == _NEIGHBOURHOODS:
                del self._neighbourhoods[min(self._neighbourhoods)]
            generator = np.random.default_rng((self.seed, point, 1))
            self._neighbourhoods[key] = _Remembered(_mutations(space, self.choices[point], generator))
        return self._neighbourhoods[key]


class _Remembered:
    """An iterator that can be gone through again and again, and goes no further than was looked at."""

    def __init__(self, source: Iterator[Choices]) -> None:
        self._source, self._found = source, []

    def __iter__(self) -> Iterator[Choices]:
        for place in itertools.count():
            if place == len(self._found):
                more = next(self._source, None)
                if more is None:
                    return
                self._found.append(more)
            yield self._found[place]


def _mutations(space: Space, point: Choices, generator: np.random.Generator) -> Iterator[Choices]:
    """The different mutations of a point, until there are as many as changes of one decision, or no new one."""
    point = grown(space, point, generator)
    changes = sum(len(decision.choices) - 1 for decision in space.decisions)
    found, repeats = {point}, 0
    while len(found) <= changes and repeats < _REPEATS * len(found):
        mutated = space.mutate(point, generator)
        repeats += 1
        if mutated not in found:
            found.add(mutated)
            repeats = 0
            yield mutated
