"""The interface of search algorithms, and what those that learn share."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

import numpy as np

from nasnet_keras.search.spaces.base import Choices, Space

__all__ = ["Algorithm", "Seen", "lists", "neighbours", "rows"]

_TRIES = 32


class Algorithm(ABC):
    """Proposes choices for trials, and learns from their results. The rules:

    - `tell` is called once a trial, in the order of trial numbers, from 0. A child that failed is told with a reward
      of None: it was proposed and is worse than every child that did not fail.
    - `ask(trial)` is the proposal for that trial given what was told so far. It depends on the seed, the trial's
      number and the results told, and on nothing else; asking changes nothing that a later `ask` or `tell` gives, so
      any number of trials may be asked for before their results are told.
    - The whole state is what `state` returns, as arrays. `restore` of it, in a new object made with the same
      arguments, goes on as the old object would have; so does telling a new object all results again.
    - Rewards may have any scale: percent, shares and latencies in milliseconds work with the same settings.
    - Neither call blocks or keeps files, devices or processes. An object belongs to one thread.

    Args:
        space: where to search.
        seed: of everything random.
    """

    def __init__(self, space: Space, seed: int) -> None:
        self.space = space
        self.seed = seed

    @abstractmethod
    def ask(self, trial: int) -> Choices:
        """The choices for trial number `trial`."""

    def draw(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """Choices for a supernet to train with, shape (count, decisions): of the policy, or uniform without one.

        They may repeat, and nothing is learnt of them.
        """
        return np.array([self.space.sample(generator) for _ in range(count)], np.int32)

    @abstractmethod
    def tell(self, choices: Choices, reward: float | None) -> None:
        """The result of the next trial: its reward (higher is better), or None where the child failed."""

    @abstractmethod
    def state(self) -> dict[str, np.ndarray]:
        """A copy of all that was learnt, by name; empty where nothing is."""

    @abstractmethod
    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from what `state` returned.

        Raises:
            ValueError: it is not a state of this algorithm in this space.
        """

    def generator(self, trial: int) -> np.random.Generator:
        """The random numbers of one trial."""
        return np.random.default_rng((self.seed, trial))


class Seen:
    """The choices that were told, so that a child is not evaluated twice.

    Kept as bytes: twenty thousand trials of fifty decisions take three megabytes.

    Args:
        decisions: their number in a list of choices.
    """

    def __init__(self, decisions: int) -> None:
        self._decisions = decisions
        self._rows: dict[bytes, None] = {}  # a set that keeps its order

    def add(self, choices: Choices) -> None:
        self._rows[self._row(choices)] = None

    def first_new(self, candidates: Iterable[Choices]) -> Choices:
        """The first candidate that was not told yet; the last one if all were."""
        for candidate in candidates:
            if self._row(candidate) not in self._rows:
                break
        return candidate

    def to_array(self) -> np.ndarray:
        """Shape (rows, decisions); a shorter list of choices ends in the largest number."""
        return np.frombuffer(b"".join(self._rows), np.uint16).reshape(-1, self._decisions)

    def restore(self, rows: np.ndarray) -> None:
        """Raises ValueError where the array is not what `to_array` gives."""
        if rows.dtype != np.uint16 or rows.ndim != 2 or rows.shape[1] != self._decisions:
            raise ValueError(f"expected rows of {self._decisions} choices, got {rows.dtype} of shape {rows.shape}")
        self._rows = dict.fromkeys(row.tobytes() for row in rows)

    def _row(self, choices: Choices) -> bytes:
        return rows([choices], self._decisions).astype(np.uint16).tobytes()


def neighbours(space: Space, choices: Choices, generator: np.random.Generator) -> Iterator[Choices]:
    """Mutations of a list of choices; then, since all of them may be known, a walk of as many steps away from it."""
    mutated = choices
    for attempt in range(2 * _TRIES):
        mutated = space.mutate(choices if attempt < _TRIES else mutated, generator)
        yield mutated


def rows(choices: Iterable[Choices], decisions: int) -> np.ndarray:
    """Lists of choices as int64 rows; of a space that grows, the shorter ones end in -1.

    Example:
        >>> rows([(3, 0), (1, 2, 3)], 3).tolist()
        [[3, 0, -1], [1, 2, 3]]
    """
    padded = [(*each, *[-1] * (decisions - len(each))) for each in choices]
    return np.array(padded, np.int64).reshape(-1, decisions)


def lists(padded: np.ndarray) -> list[Choices]:
    """The lists of choices whose `rows` these are."""
    return [tuple(choice for choice in row if choice >= 0) for row in padded.tolist()]
