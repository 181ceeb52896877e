"""Algorithms that propose by all results, and with regard to the proposals that are under way."""

from abc import abstractmethod

import numpy as np

from nasnet_keras.search.algorithms.base import Algorithm, Distinct, Key, from_rows, to_rows
from nasnet_keras.search.spaces.base import Choices, Space

__all__ = ["FromHistory"]


class FromHistory(Algorithm):
    """Keeps all results, and proposes by the first ones and by the choices of all trials since, told or under way.

    `ask` must not take note of what it returned, so it works out what was proposed for each trial under way, from the
    results that were known by then. It takes it that as many results were missing then as now, which holds in a search.

    A subclass gives `proposal`.

    Args:
        space: the space to search.
        seed: seed of all random numbers.

    Attributes:
        choices, rewards: those of all trials that were told; the reward of a child that failed is -infinity.
        key: the key of a network by its choices (see `Distinct`).
        told: the keys of all networks that were told.

    Example:
        >>> from nasnet_keras.search.spaces.nasbench201 import NASBench201Space
        >>> class InTurn(FromHistory):
        ...     '''Proposes the first networks of a list that are neither told nor under way.'''
        ...     def proposal(self, trial, known, earlier, taken):
        ...         return next(self.key.new(((0, 0, 0, 0, 0, last) for last in range(5)), taken))
        >>> algorithm = InTurn(NASBench201Space(), seed=0)
        >>> algorithm.tell((0, 0, 0, 0, 0, 1), reward=0.5)
        >>> [algorithm.ask(trial)[-1] for trial in (1, 2, 3)]
        [0, 2, 3]
    """

    def __init__(self, space: Space, seed: int) -> None:
        super().__init__(space, seed)
        self.choices: list[Choices] = []
        self.rewards: list[float] = []
        self.key = Distinct(self)
        self.told: set[Key] = set()
        self._forget()

    @abstractmethod
    def proposal(self, trial: int, known: int, earlier: list[Choices], taken: set[Key]) -> Choices:
        """Propose a choice vector for a trial.

        Args:
            trial: the number of the trial.
            known: how many results it may use: the first of `rewards`.
            earlier: the choices of all trials before it, of which the first `known` have these results.
            taken: the keys of their networks, none of which it should propose if it finds another.
        """

    def ask(self, trial: int) -> Choices:
        earlier, taken = self.choices[:trial], self.told.copy()
        missing, sequence = trial - len(earlier), self._sequences_told[len(earlier)]
        for number in range(len(earlier), trial + 1):
            known = max(0, number - missing)
            found = self._proposals.setdefault(number, {})
            if (known, sequence) not in found:
                choices = self.proposal(number, known, earlier, taken)
                found[known, sequence] = choices, self.key(choices)
            choices, key = found[known, sequence]
            earlier.append(choices)
            taken.add(key)
            sequence = self._followed(sequence, choices)
        return earlier[trial]

    def tell(self, choices: Choices, reward: float | None) -> None:
        self.choices.append(tuple(choices))
        self.rewards.append(-np.inf if reward is None else float(reward))
        self.told.add(self.key(choices))
        self._sequences_told.append(self._followed(self._sequences_told[-1], self.choices[-1]))
        self._proposals.pop(len(self.choices) - 1, None)

    def state(self) -> dict[str, np.ndarray]:
        choices = to_rows(self.choices, len(self.space.decisions))
        return {"choices": choices, "rewards": np.array(self.rewards, np.float64)}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        if {*state} != {"choices", "rewards"} or len(state["choices"]) != len(state["rewards"]):
            raise ValueError(f"expected a state of {type(self).__name__}, got {', '.join(state)}")
        choices = from_rows(state["choices"])
        for one in choices:
            self.space.pick(one)
        self.choices, self.rewards = choices, state["rewards"].tolist()
        self.told = {self.key(one) for one in choices}
        self._forget()

    def _forget(self) -> None:
        """Drop what only saves time: proposals, by trial, number of known results and the choices of all trials before.

        Sequences of choices have numbers, so that thousands of trials under way are not compared one by one.
        """
        self._proposals: dict[int, dict[tuple[int, int], tuple[Choices, Key]]] = {}
        self._sequences: dict[tuple[int, Choices], int] = {}  # by the sequence without the last trial, and its choices
        self._sequences_told = [0]  # after each number of results
        for choices in self.choices:
            self._sequences_told.append(self._followed(self._sequences_told[-1], choices))

    def _followed(self, sequence: int, choices: Choices) -> int:
        """The number of a sequence of choices that goes on."""
        return self._sequences.setdefault((sequence, choices), len(self._sequences) + 1)
