"""Search spaces as ordered lists of decisions: what every algorithm acts on."""

import math
from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nasnet_keras.utils import checks

__all__ = ["Choices", "Decision", "Space"]

Choices = tuple[int, ...]  # one index a decision


@dataclass(frozen=True)
class Decision:
    """One choice among named ones."""

    name: str
    choices: tuple[str, ...]


class Space(ABC):
    """What may be searched: genotypes, each described by exactly one list of choices, one index a decision.

    A space gives `decisions`, `decode` and `encode`; the rest follows. The rules:

    - Every list of choices within the decisions' ranges is legal, whatever the other choices are.
    - Where a space grows with the trials, `at` gives the one of a trial, whose decisions are the first of the whole
      space's. Its lists of choices are legal in the whole space too, though they are shorter.
    - `encode` is the inverse of `decode`: `encode(decode(choices)) == choices`, and a genotype that `decode` cannot
      give is refused with a `ValueError`.
    - A genotype is a value: equal, hashable and writable as JSON.
    - Nothing is random but through the generator that is handed in.
    """

    decisions: tuple[Decision, ...]

    @abstractmethod
    def decode(self, choices: Sequence[int]) -> Any:
        """The genotype that a list of choices describes.

        Raises:
            ValueError: the list has another length, or an index is out of range.
        """

    @abstractmethod
    def encode(self, genotype: Any) -> Choices:
        """The choices that describe a genotype.

        Raises:
            ValueError: the genotype is not one of this space; it says why.
        """

    def at(self, trial: int) -> "Space":
        """The space that trial number `trial` is proposed from: by default the whole one."""
        del trial
        return self

    def legal_length(self, length: int) -> bool:
        """Whether a list of choices may be so long: by default as long as there are decisions."""
        return length == len(self.decisions)

    @property
    def size(self) -> int:
        """How many lists of choices there are (several may describe the same network)."""
        return math.prod(len(decision.choices) for decision in self.decisions)

    def sample(self, generator: np.random.Generator) -> Choices:
        """Choices drawn uniformly for each decision."""
        return tuple(int(generator.integers(len(decision.choices))) for decision in self.decisions)

    def mutate(self, choices: Sequence[int], generator: np.random.Generator) -> Choices:
        """The same choices but for one decision, drawn uniformly, which gets another value, drawn uniformly.

        Raises:
            ValueError: the choices are not legal, or no decision has a second choice.
        """
        self.pick(choices)
        open_decisions = [i for i in range(len(choices)) if len(self.decisions[i].choices) > 1]
        if not open_decisions:
            raise ValueError("nothing can be mutated: every decision has one choice only")
        index = open_decisions[int(generator.integers(len(open_decisions)))]
        step = 1 + int(generator.integers(len(self.decisions[index].choices) - 1))
        mutated = list(choices)
        mutated[index] = (mutated[index] + step) % len(self.decisions[index].choices)
        return tuple(mutated)

    def pick(self, choices: Sequence[int]) -> list[str]:
        """The names that a list of choices picks.

        Raises:
            ValueError: the list has another length, or an index is out of range.
        """
        if not self.legal_length(len(choices)):
            raise ValueError(f"expected {len(self.decisions)} choices, got {len(choices)}")
        picked = []
        for decision, choice in zip(self.decisions, choices, strict=False):
            index = checks.integer(choice)
            if index is None or not 0 <= index < len(decision.choices):
                raise ValueError(f"{decision.name} must be from 0 to {len(decision.choices) - 1}, got {choice}")
            picked.append(decision.choices[index])
        return picked

    def find(self, names: Sequence[str]) -> Choices:
        """The choices that pick these names: the inverse of `pick`.

        Raises:
            ValueError: there are more or fewer names than decisions, or a name is not among a decision's choices.
        """
        if not self.legal_length(len(names)):
            raise ValueError(f"expected {len(self.decisions)} names, got {len(names)}")
        choices = []
        for decision, name in zip(self.decisions, names, strict=False):
            checks.choice(decision.name, name, decision.choices)
            choices.append(decision.choices.index(name))
        return tuple(choices)
