"""The interface of search algorithms, and the tools of those that learn."""

from abc import ABC, abstractmethod
from collections.abc import Container, Iterable, Iterator
from typing import Any

import numpy as np

from nasnet_keras.search.equality import NETWORKS
from nasnet_keras.search.spaces.base import Choices, Space

__all__ = ["Algorithm", "Distinct", "Key", "Seen", "from_rows", "grown", "neighbours", "to_rows"]

Key = str | Choices
"""What tells a network from others: its name, or in studies of earlier versions its choices (see `Distinct`)."""

_TRIES = 32
_REMEMBERED = 2**14  # keys, of which a new one takes a fraction of a millisecond
_NONE = np.iinfo(np.uint16).max  # the choices that a shorter vector lacks


class Algorithm(ABC):
    """Proposes choice vectors for trials, and learns from their results.

    A subclass gives `ask` and `tell`. The rules, which `search.testing.check_algorithm` tries on any class:

    - **Order.** `tell` is called once for each trial, in the order of trial numbers, from 0. It receives the choices
      that were proposed and their reward, or None if the child failed. A failed child is worse than every other.
    - **Replay.** `ask(trial)` depends on the space, the seed, the arguments of the constructor, the trial's number and
      the results told so far, and on nothing else: no clock, no global random generator, no file. Random numbers come
      from `generator(trial)`. A search that was killed tells a new object all results again, and the object then
      proposes what the first one would have proposed.
    - **Waiting.** Trials are asked for in order, each when at least the first `awaits(trial)` trials are told. Which
      further ones are told is up to the search.
    - **No side effects.** `ask` changes nothing that a later `ask` or `tell` gives. The search asks for several trials
      before their results are told, and asks for a trial again if it was killed in between.
    - **Legal proposals.** `ask(trial)` is a choice vector, a tuple of ints, of `space.at(trial)`. Under a limit of
      costs the space's `sample` and `mutate` keep to it, and `fits` tells other proposals apart: one over the limit is
      a trial that is lost.
    - **Repeats.** A proposal of a network that was judged in the same search, however it is written, is legal, and is
      not judged again: the trial has the known result. It is better to draw again, as `Seen` helps to; a trial under
      way is not told yet, so that some repeats remain. A network whose child failed is judged again, with another seed,
      and so is any network if the evaluator learns between trials (`Evaluator.prepare`).
    - **State.** `state` and `restore` save the time that telling thousands of trials again would take; a class without
      them is told all results again. A class that has them returns its whole state as arrays: `restore` of it, in a new
      object made with the same arguments, goes on as the old object would have. The arrays are copies.
    - **Rewards** are finite and may have any scale: percent, shares and negative latencies in milliseconds. Under a
      hard limit a child over it has a reward from -1 to below 0, which falls with the excess, and others have 0 or
      more.
    - **Ownership.** Neither call waits for anything, or keeps files, devices or processes. An object belongs to one
      thread of one process, is never copied, and serves one search.

    Args:
        space: the space to search.
        seed: seed of all random numbers.

    Attributes:
        space, seed: the arguments.
        distinct_by: what no trial repeats if that can be avoided, in the words of `nasnet_keras.search.equality`. A
            search sets it before the first trial if the study was begun by an earlier version.
        least_trials: number of trials without which a search by the algorithm makes no sense.
    """

    distinct_by: str = NETWORKS
    least_trials: int = 1

    def __init__(self, space: Space, seed: int) -> None:
        self.space = space
        self.seed = seed

    @abstractmethod
    def ask(self, trial: int) -> Choices:
        """Propose a choice vector for a trial.

        Args:
            trial: its number, from 0; all trials that are told are earlier ones.
        """

    def awaits(self, trial: int) -> int:
        """The number of the first trials whose results a proposal needs: from 0, the default, to `trial`.

        A search has its own bound for how many results a proposal may lack (`window`), and keeps the stricter one. Let
        all trials of a generation wait for the one before.
        """
        del trial
        return 0

    def draw(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """Draw choice vectors for a supernet to train with: from the policy, or uniformly if there is none.

        They may repeat. Nothing is learnt from drawing.

        Args:
            count: number of vectors.
            generator: the only source of random numbers.

        Returns:
            Integers of shape (count, decisions), each row legal in the whole space.
        """
        return np.array([self.space.sample(generator) for _ in range(count)], np.int32)

    @abstractmethod
    def tell(self, choices: Choices, reward: float | None) -> None:
        """Learn the result of the next trial.

        Args:
            choices: the choices of the trial.
            reward: finite, higher is better; None if the child failed.
        """

    def facts(self) -> dict[str, Any]:
        """Return what identifies files that it learnt from, as JSON values by names: a study goes on with the same."""
        return {}

    def notes(self) -> dict[str, list[dict[str, Any]]]:
        """What was learnt of the space, for people: tables by their titles, by default none.

        A table is a list of rows, and a row has a text, a number or None by the title of each column. A search asks at
        its end, and `result.json` and the report have the tables.
        """
        return {}

    def state(self) -> dict[str, np.ndarray]:
        """Return a copy of all that was learnt, by name; by default nothing, and all trials are told again."""
        return {}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Continue from a state that `state` returned.

        Raises:
            ValueError: it is not a state of this algorithm in this space. The object is as it was.
        """
        if state:
            raise ValueError(f"{type(self).__name__} has no state, got {', '.join(state)}")

    def generator(self, trial: int) -> np.random.Generator:
        """Return a generator of the random numbers of one trial, the same ones at each call."""
        return np.random.default_rng((self.seed, trial))


class Distinct:
    """The keys of choice vectors for an algorithm: equal ones are of the same network, of which one trial is enough.

    Args:
        algorithm: the algorithm, whose `space` and `distinct_by` hold at each call.

    Example:
        >>> from nasnet_keras.search import CellSpace
        >>> from nasnet_keras.search.algorithms.random import RandomSearch
        >>> key = Distinct(RandomSearch(CellSpace(num_blocks=1), seed=0))
        >>> key((0, 1, 4, 5, 0, 0, 0, 0, 0, 0)) == key((1, 0, 5, 4, 0, 0, 0, 0, 0, 0))  # the sides are swapped
        True
    """

    def __init__(self, algorithm: Algorithm) -> None:
        self._algorithm = algorithm
        self._known: dict[Choices, str] = {}

    def __call__(self, choices: Choices) -> Key:
        choices = tuple(choices)
        if self._algorithm.distinct_by != NETWORKS:
            return choices
        if choices not in self._known:
            if len(self._known) == _REMEMBERED:
                self._known.clear()
            space = self._algorithm.space
            self._known[choices] = space.network_name(space.decode(choices))
        return self._known[choices]

    def new(self, candidates: Iterable[Choices], taken: Container[Key]) -> Iterator[Choices]:
        """The candidates whose keys are not taken; the last candidate alone if all are."""
        found = False
        for candidate in candidates:
            if self(candidate) not in taken:
                found = True
                yield candidate
        if not found:
            yield candidate


class Seen:
    """The networks that an algorithm was told of, so that none is evaluated twice, however it is written.

    One choice vector of each is kept, as bytes: twenty thousand trials of fifty decisions take four megabytes.

    Args:
        algorithm: as for `Distinct`.

    Example:
        >>> from nasnet_keras.search import CellSpace
        >>> from nasnet_keras.search.algorithms.random import RandomSearch
        >>> seen = Seen(RandomSearch(CellSpace(num_blocks=1), seed=0))
        >>> seen.add((0, 1, 4, 5, 0, 0, 0, 0, 0, 0))
        >>> list(seen.new([(1, 0, 5, 4, 0, 0, 0, 0, 0, 0), (0, 1, 5, 4, 0, 0, 0, 0, 0, 0)]))  # the first swaps sides
        [(0, 1, 5, 4, 0, 0, 0, 0, 0, 0)]
    """

    def __init__(self, algorithm: Algorithm) -> None:
        self._algorithm, self._key = algorithm, Distinct(algorithm)
        self._rows: dict[Key, bytes] = {}  # by their keys, in the order of the trials

    def add(self, choices: Choices) -> None:
        """Add a choice vector."""
        self._rows.setdefault(self._key(choices), self._row(choices))

    def new(self, candidates: Iterable[Choices]) -> Iterator[Choices]:
        """The candidates that were not told yet; the last one alone if all were."""
        return self._key.new(candidates, self._rows)

    def draws(self, space: Space, generator: np.random.Generator) -> Iterator[Choices]:
        """Uniform draws from a space that were not told yet; in studies of earlier versions, any."""
        drawn = (space.sample(generator) for _ in range(_TRIES))
        return self.new(drawn) if self._algorithm.distinct_by == NETWORKS else drawn

    def to_array(self) -> np.ndarray:
        """All vectors, as uint16 of shape (vectors, decisions); shorter ones end in the largest number."""
        return np.frombuffer(b"".join(self._rows.values()), np.uint16).reshape(-1, self._decisions)

    def restore(self, rows: np.ndarray) -> None:
        """Take the place of the object that gave an array by `to_array`.

        Raises:
            ValueError: `to_array` of a space with as many decisions does not give such an array.
        """
        if rows.dtype != np.uint16 or rows.ndim != 2 or rows.shape[1] != self._decisions:
            raise ValueError(f"expected rows of {self._decisions} choices, got {rows.dtype} of shape {rows.shape}")
        vectors = from_rows(np.where(rows == _NONE, -1, rows.astype(np.int64)))
        self._rows = {self._key(vector): row.tobytes() for vector, row in zip(vectors, rows, strict=True)}

    @property
    def _decisions(self) -> int:
        return len(self._algorithm.space.decisions)

    def _row(self, choices: Choices) -> bytes:
        return to_rows([choices], self._decisions).astype(np.uint16).tobytes()


def grown(space: Space, choices: Choices, generator: np.random.Generator) -> Choices:
    """A choice vector with random choices of the decisions that it lacks, since the space has grown."""
    return (*choices, *space.sample(generator)[len(choices) :]) if len(choices) < len(space.decisions) else choices


def neighbours(space: Space, choices: Choices, generator: np.random.Generator) -> Iterator[Choices]:
    """Mutations of a choice vector; then, since all of them may be known, a walk of as many steps away from it."""
    mutated = choices
    for attempt in range(2 * _TRIES):
        mutated = space.mutate(choices if attempt < _TRIES else mutated, generator)
        yield mutated


def to_rows(choices: Iterable[Choices], decisions: int) -> np.ndarray:
    """Choice vectors as rows of one array, of int64; in a space that grows, the shorter ones end in -1.

    Example:
        >>> to_rows([(3, 0), (1, 2, 3)], 3).tolist()
        [[3, 0, -1], [1, 2, 3]]
    """
    padded = [(*each, *[-1] * (decisions - len(each))) for each in choices]
    return np.array(padded, np.int64).reshape(-1, decisions)


def from_rows(rows: np.ndarray) -> list[Choices]:
    """The choice vectors of rows: the inverse of `to_rows`."""
    return [tuple(choice for choice in row if choice >= 0) for row in rows.tolist()]
