"""Spaces of which a table holds some networks only."""

import copy
import functools
from abc import abstractmethod
from collections.abc import Callable, Sequence

import numpy as np

from nasnet_keras.search.spaces.base import Choices, Space

__all__ = ["PartialSpace"]


class PartialSpace(Space):
    """A space with free decisions, of which only some networks, far from each other, were ever judged.

    All choice vectors are legal, and `fits` holds for those of known networks. Proposals are known networks only, so
    that no trial is wasted: `sample` draws one of them, and `mutate` changes one decision as in any other space, and
    then goes to the nearest known network, so that it may change several. The nearest one differs by the fewest steps
    along the choices of all decisions, which must therefore be in an order, such as that of kernels by their size.
    """

    @property
    @abstractmethod
    def known(self) -> tuple[Choices, ...]:
        """The choice vectors of the known networks, each once; empty if all are known."""

    @functools.cached_property
    def _places(self) -> dict[Choices, int]:
        return {choices: place for place, choices in enumerate(self.known)}

    @functools.cached_property
    def _columns(self) -> np.ndarray:
        """The choices of the known networks, of shape (decisions, networks): a sum over decisions is one of rows."""
        return np.array(self.known, np.int16).T.copy()

    @property
    def size(self) -> int:
        return len(self.known) or super().size

    def fits(self, choices: Sequence[int]) -> bool:
        return not self.known or tuple(choices) in self._places

    def sample(self, generator: np.random.Generator) -> Choices:
        if not self.known:
            return super().sample(generator)
        return self.known[int(generator.integers(len(self.known)))]

    def mutate(self, choices: Sequence[int], generator: np.random.Generator) -> Choices:
        """Change one decision, and go to the nearest known network, any of equally near ones, but not back."""
        changed = super().mutate(choices, generator)
        if not self.known:
            return changed
        steps = self._steps(changed)
        if (place := self._places.get(tuple(choices))) is not None:
            steps[place] = np.iinfo(np.int16).max
        nearest = np.flatnonzero(steps == steps.min())
        return self.known[int(nearest[generator.integers(len(nearest))])]

    def nearest(self, choices: Sequence[int]) -> Choices:
        return tuple(choices) if self.fits(choices) else self.known[int(np.argmin(self._steps(choices)))]

    def part(self, fits: Callable[[Choices], bool]) -> "PartialSpace":
        """The space of those known networks that fit; the whole space if none does."""
        kept = tuple(filter(fits, self.known))
        if not kept:
            return self
        part = copy.copy(self)
        for name in ("_places", "_columns"):
            part.__dict__.pop(name, None)
        part.__dict__["known"] = kept
        return part

    def _steps(self, choices: Sequence[int]) -> np.ndarray:
        """The steps from a choice vector to each known network."""
        return np.abs(self._columns - np.array(choices, np.int16)[:, None]).sum(axis=0, dtype=np.int16)
