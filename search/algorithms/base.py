"""The interface of search algorithms, and the tools of those that learn."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator

import numpy as np

from nasnet_keras.search.spaces.base import Choices, Space

__all__ = ["Algorithm", "Seen", "from_rows", "neighbours", "to_rows"]

_TRIES = 32


class Algorithm(ABC):
    """Proposes choice vectors for trials, and learns from their results. The rules:

    - `tell` is called once for each trial, in the order of trial numbers, from 0. The reward of a child that failed is
      None: it was proposed, and is worse than every child that did not fail.
    - `ask(trial)` is the proposal for a trial, given all results told so far. It depends on the seed, the trial's
      number and those results alone. It changes nothing that a later `ask` or `tell` gives, so that any number of
      trials may be asked for before their results are told.
    - `state` returns the whole state, as arrays. A new object, made with the same arguments, goes on from them after
      `restore` as the old one would have; so it does after it was told all results again.
    - Rewards may have any scale: percent, shares and latencies in milliseconds work with the same settings.
    - No method blocks, or keeps files, devices or processes. An object belongs to one thread.

    Args:
        space: the space to search.
        seed: of all random numbers.

    Attributes:
        space, seed: as given.
    """

    def __init__(self, space: Space, seed: int) -> None:
        self.space = space
        self.seed = seed

    @abstractmethod
    def ask(self, trial: int) -> Choices:
        """Propose a choice vector of the space `space.at(trial)` for trial number `trial`."""

    def draw(self, count: int, generator: np.random.Generator) -> np.ndarray:
        """Draw choice vectors for a supernet to train with: by the controller's policy, or uniformly without one.

        They may repeat, and are told to nobody.

        Args:
            count: number of vectors.
            generator: of the random numbers.

        Returns:
            Integers of shape (count, decisions).
        """
        return np.array([self.space.sample(generator) for _ in range(count)], np.int32)

    @abstractmethod
    def tell(self, choices: Choices, reward: float | None) -> None:
        """Take the result of the next trial: its reward (higher is better), or None if the child failed."""

    @abstractmethod
    def state(self) -> dict[str, np.ndarray]:
        """A copy of the whole state, as arrays by name; empty if nothing is learnt."""

    @abstractmethod
    def restore(self, state: dict[str, np.ndarray]) -> None:
        """Go on from a state that `state` returned.

        Raises:
            ValueError: it is not a state of this algorithm in this space.
        """

    def generator(self, trial: int) -> np.random.Generator:
        """The random numbers of one trial."""
        return np.random.default_rng((self.seed, trial))


class Seen:
    """The choice vectors that were told, so that no child is evaluated twice.

    They are kept as bytes: twenty thousand trials of fifty decisions take three megabytes.

    Args:
        decisions: number of decisions of the whole space.
    """

    def __init__(self, decisions: int) -> None:
        self._decisions = decisions
        self._rows: dict[bytes, None] = {}  # a set that keeps its order

    def add(self, choices: Choices) -> None:
        """Add a choice vector."""
        self._rows[self._row(choices)] = None

    def first_new(self, candidates: Iterable[Choices]) -> Choices:
        """The first candidate that was not told yet; the last one if all were."""
        for candidate in candidates:
            if self._row(candidate) not in self._rows:
                break
        return candidate

    def to_array(self) -> np.ndarray:
        """All vectors, as uint16 of shape (vectors, decisions); shorter ones end in the largest number."""
        return np.frombuffer(b"".join(self._rows), np.uint16).reshape(-1, self._decisions)

    def restore(self, rows: np.ndarray) -> None:
        """Take the place of the object that gave an array by `to_array`.

        Raises:
            ValueError: `to_array` of a space with as many decisions does not give such an array.
        """
        if rows.dtype != np.uint16 or rows.ndim != 2 or rows.shape[1] != self._decisions:
            raise ValueError(f"expected rows of {self._decisions} choices, got {rows.dtype} of shape {rows.shape}")
        self._rows = dict.fromkeys(row.tobytes() for row in rows)

    def _row(self, choices: Choices) -> bytes:
        return to_rows([choices], self._decisions).astype(np.uint16).tobytes()


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
