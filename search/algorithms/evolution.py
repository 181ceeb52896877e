"""Regularized evolution."""

import math
from collections import deque
from collections.abc import Iterator

import numpy as np

from nasnet_keras.search.algorithms.base import Algorithm, Seen, from_rows, grown, neighbours, to_rows
from nasnet_keras.search.spaces.base import Choices, Space
from nasnet_keras.utils.checks import positive_integer

__all__ = ["RegularizedEvolution"]


class RegularizedEvolution(Algorithm):
    """A population that ages: the best of a random sample is mutated, the child enters, the oldest leaves.

    The first population is random. A child whose network was evaluated before is drawn or mutated again, since its
    reward is known. Under a limit of costs a trial gets the likeliest of several draws or mutations, as the limited
    space says.

    Args:
        space: the space to search.
        seed: seed of all random numbers.
        population_size: number of the last children, which may become parents.
        sample_size: number of those, drawn with replacement, that compete to become the parent; None for a fifth.

    Raises:
        ValueError: the space has one genotype only, or a size is not a positive integer.

    Source: Real et al. 2019, section 3. They use populations of 100 and samples of 25 for 20,000 children; the default
    is for hundreds.

    Example:
        >>> from nasnet_keras.search import CellSpace
        >>> algorithm = RegularizedEvolution(CellSpace(), seed=0, population_size=1)
        >>> parent = algorithm.ask(0)
        >>> algorithm.tell(parent, reward=0.5)
        >>> sum(a != b for a, b in zip(parent, algorithm.ask(1)))
        1
    """

    def __init__(self, space: Space, seed: int, population_size: int = 50, sample_size: int | None = None) -> None:
        super().__init__(space, seed)
        if space.size == 1:
            raise ValueError("evolution needs a space of more than one genotype")
        self._population_size = positive_integer("population_size", population_size)
        self._population: deque[tuple[Choices, float]] = deque(maxlen=self._population_size)
        if sample_size is None:
            sample_size = math.ceil(self._population_size / 5)
        self._sample_size = positive_integer("sample_size", sample_size)
        self._seen = Seen(self)

    def ask(self, trial: int) -> Choices:
        generator, space = self.generator(trial), self.space.at(trial)
        if trial < self._population_size or not self._population:
            return space.likeliest(self._seen.draws(space, generator))
        return space.likeliest(self._seen.new(self._children(space, generator)))

    def tell(self, choices: Choices, reward: float | None) -> None:
        self._population.append((tuple(choices), -math.inf if reward is None else float(reward)))
        self._seen.add(choices)

    def state(self) -> dict[str, np.ndarray]:
        return {
            "population": to_rows((member for member, _ in self._population), len(self.space.decisions)),
            "rewards": np.array([reward for _, reward in self._population], np.float64),
            "seen": self._seen.to_array(),
        }

    def restore(self, state: dict[str, np.ndarray]) -> None:
        if set(state) != {"population", "rewards", "seen"} or len(state["population"]) != len(state["rewards"]):
            raise ValueError(f"expected a state of regularised evolution, got {', '.join(state)}")
        members = from_rows(state["population"])
        for member in members:
            self.space.pick(member)
        self._seen.restore(state["seen"])
        self._population.clear()
        self._population.extend(zip(members, state["rewards"].tolist(), strict=True))

    def _children(self, space: Space, generator: np.random.Generator) -> Iterator[Choices]:
        rivals = generator.integers(len(self._population), size=self._sample_size)
        parent, _ = max((self._population[rival] for rival in rivals), key=lambda member: member[1])
        return neighbours(space, grown(space, parent, generator), generator)
