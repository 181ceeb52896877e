"""The interface of search spaces: ordered decisions, on which every algorithm acts."""

import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.search.equality import network_name
from nasnet_keras.search.spaces.growth import Growth
from nasnet_keras.utils import checks

__all__ = ["Choices", "Decision", "Space"]

Choices = tuple[int, ...]
"""A choice vector: one index for each decision."""


@dataclass(frozen=True)
class Decision:
    """One choice among several.

    Attributes:
        name: the name of the decision, such as `normal_block_0_combine`.
        choices: the names of the choices, at least one.
    """

    name: str
    choices: tuple[str, ...]


class Space(ABC):
    """A set of genotypes to search. Each is described by exactly one choice vector: one index for each decision.

    A subclass gives `decisions`, `decode` and `encode`; the other methods follow from them. The rules, which
    `search.testing.check_space` tries on any space:

    - **Free decisions.** Every choice vector within the decisions' ranges is legal: no decision restricts another.
    - **Genotypes** are values of any kind that the package has (`Genotype`, `MacroGenotype`, `ChainGenotype`,
      `NASBench201Genotype`, `StageGenotype`) or strings, such as a benchmark's names of its cells. They can be compared
      and hashed, and are the same after they were written as JSON and read again: a study is read without its space.
    - **One encoding.** `encode` is the inverse of `decode`: `encode(decode(choices)) == choices`. It refuses a genotype
      that `decode` cannot give, such as one of another space, with a `ValueError`.
    - **Growing.** If a space grows with the trials, `at` gives the space of a trial. Its decisions are the first ones
      of the whole space, and its choice vectors, though shorter, describe the same genotypes in the whole space.
    - **Growing cells.** A space whose cells may have fewer blocks says how they grow by `growth`, and progressive
      search is for it. `decode` and `encode` take the shorter choice vectors too; `sample` draws whole cells, and
      `mutate` keeps the number of blocks.
    - **Equal networks.** `network_name` is the same for genotypes that describe the same network, and depends on the
      genotype only.
    - **Proposals.** If not all choice vectors can be judged, `fits` says which ones can; `sample` and `mutate` give no
      others, and a mutation then may change several decisions. `nearest` leads to one that can, and `likeliest` says
      which of several candidates is worth a trial most; both may stay as they are.
    - **Constant.** A space does not change, and all randomness comes from the generator that a method is given.
    - **Ownership.** A space keeps no files, devices or processes, and stays in the search's own process.

    Attributes:
        decisions: the decisions in order, with different names; an algorithm takes them one after another.
        network: the arguments that all networks of the genotypes are built with, beside the sizes that a search
            chooses; by default none. They are read of spaces that a configuration names.
        growth: how its cells grow block by block; None, the default, if they do not.
    """

    decisions: tuple[Decision, ...]
    growth: Growth | None = None
    network: Mapping[str, Any] = MappingProxyType({})

    @abstractmethod
    def decode(self, choices: Sequence[int]) -> Any:
        """Convert a choice vector to the genotype that it describes.

        Raises:
            ValueError: the vector has another length, or an index is out of range.
        """

    @abstractmethod
    def encode(self, genotype: Any) -> Choices:
        """Convert a genotype to the choice vector that describes it.

        Raises:
            ValueError: the genotype is not of this space; the message says why.
        """

    def architecture(self, genotype: Any) -> BaseGenotype | None:
        """Return the value that a genotype's network is built of, by which models of rewards know it.

        By default that is a genotype of the package itself, with the arguments `network`. A string is not known, so
        that a space of strings gives the values that they stand for, if the package can build them.
        """
        return genotype if isinstance(genotype, BaseGenotype) else None

    def network_name(self, genotype: Any) -> str:
        """Name the network of a genotype: equal names mean that judging both tells no more than judging one.

        By default it is the same for all spellings of one network (see `BaseGenotype.canonical`), and a string is its
        own name. No search judges two genotypes of one name, unless a child failed.
        """
        return network_name(genotype)

    def at(self, trial: int) -> "Space":
        """Return the space that a trial is proposed from: by default the whole space."""
        del trial
        return self

    def legal_length(self, length: int) -> bool:
        """Whether a choice vector may have a length: by default that of `decisions`, or one that `growth` has."""
        return length == len(self.decisions) or (self.growth is not None and length in self.growth.lengths)

    def decisions_of(self, length: int) -> tuple[Decision, ...]:
        """The decisions that a choice vector of a legal length has choices of, in order: the first ones, or by
        `growth` those of the first blocks of each cell.
        """
        if length == len(self.decisions) or self.growth is None:
            return self.decisions[:length]
        return tuple(self.decisions[place] for place in self.growth.places(length))

    @property
    def size(self) -> int:
        """The number of choice vectors; several of them may describe the same network."""
        return math.prod(len(decision.choices) for decision in self.decisions)

    def fits(self, choices: Sequence[int]) -> bool:
        """Whether a legal choice vector may be proposed; by default all may. Draws and mutations fit; a policy filters.

        A search under a limit of costs proposes from a space in which the vectors within the limit fit.
        """
        del choices
        return True

    def nearest(self, choices: Sequence[int]) -> Choices:
        """Return the choice vector that fits and is nearest to another, such as the draw of a policy: by default that
        itself, which may not fit.
        """
        return tuple(choices)

    def part(self, fits: Callable[[Choices], bool]) -> "Space":
        """The space of those that fit, for a space that lists its choice vectors: by default the whole space."""
        del fits
        return self

    def likeliest(self, candidates: Iterable[Choices]) -> Choices:
        """The candidate that is worth a trial most, as far as can be told before any: by default the first one. A
        search under a limit of costs proposes from a space that prefers those that use what the limit allows.
        """
        return next(iter(candidates))

    def sample(self, generator: np.random.Generator) -> Choices:
        """Draw each decision's choice uniformly."""
        return tuple(int(generator.integers(len(decision.choices))) for decision in self.decisions)

    def mutate(self, choices: Sequence[int], generator: np.random.Generator) -> Choices:
        """Change the choice of one decision, drawn uniformly, to another one, drawn uniformly.

        Raises:
            ValueError: the choice vector is not legal, or no decision has a second choice.
        """
        self.pick(choices)
        decisions = self.decisions_of(len(choices))
        open_decisions = [i for i, decision in enumerate(decisions) if len(decision.choices) > 1]
        if not open_decisions:
            raise ValueError("nothing can be mutated: every decision has one choice only")
        index = open_decisions[int(generator.integers(len(open_decisions)))]
        step = 1 + int(generator.integers(len(decisions[index].choices) - 1))
        mutated = list(choices)
        mutated[index] = (mutated[index] + step) % len(decisions[index].choices)
        return tuple(mutated)

    def pick(self, choices: Sequence[int]) -> list[str]:
        """The names of the choices of a vector.

        Raises:
            ValueError: the vector has another length, or an index is out of range.
        """
        if not self.legal_length(len(choices)):
            raise ValueError(f"expected {len(self.decisions)} choices, got {len(choices)}")
        picked = []
        for decision, choice in zip(self.decisions_of(len(choices)), choices, strict=True):
            index = checks.integer(choice)
            if index is None or not 0 <= index < len(decision.choices):
                raise ValueError(f"{decision.name} must be from 0 to {len(decision.choices) - 1}, got {choice}")
            picked.append(decision.choices[index])
        return picked

    def find(self, names: Sequence[str]) -> Choices:
        """The choice vector of names: the inverse of `pick`.

        Raises:
            ValueError: there are more or fewer names than decisions, or a name is not among a decision's choices.
        """
        if not self.legal_length(len(names)):
            raise ValueError(f"expected {len(self.decisions)} names, got {len(names)}")
        choices = []
        for decision, name in zip(self.decisions_of(len(names)), names, strict=True):
            checks.choice(decision.name, name, decision.choices)
            choices.append(decision.choices.index(name))
        return tuple(choices)
