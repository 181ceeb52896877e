"""The genotypes of a space that are within limits."""

import functools
import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.search.spaces.base import Choices, Decision, Space
from nasnet_keras.search.spaces.growth import Growth

__all__ = ["LimitedSpace"]

_DRAWS = 100  # uniform ones, before a walk towards the limits
_STEPS = 400  # of such a walk
_MUTATIONS = 32
_CHANGES = 3  # of one mutation: what a change costs too much, others may save
_RIVALS = 4  # candidates for a trial, of which the one that uses most of the limits gets it
_SMALL = 2**15  # choice vectors of a space that are all looked at, once, where draws find too few
_REMEMBERED = 2**16  # excesses, which cost milliseconds each


class LimitedSpace(Space):
    """A space whose draws and mutations are within limits, as far as any can be found.

    Draws are uniform within the limits: those over them are drawn again, up to a hundred times. Where fewer than one in
    a hundred is within, a small space is listed, and a walk of mutations that are less and less over the limits ends
    the draw in a large one. The space has the
    decisions and the class of the one that it limits, so that whatever is made for that class, such as a controller,
    works with it. Choices over the limits stay legal, and only `fits` tells them apart.

    Of several candidates for a trial it prefers the one that uses most of what the limits allow, since of networks of
    which no more is known, larger and slower ones are better in the mean. Algorithms that learn ask for it by
    `likeliest`; random search stays uniform.

    Args:
        space: the space to limit.
        excess: a function of a genotype that returns how far it is over the limits: at most 0 within them, and the
            nearer to 0 the more of them it uses. It depends on the genotype only.

    Example:
        >>> from nasnet_keras.search.spaces.enas_macro import MacroSpace
        >>> skips = lambda genotype: float(sum(len(layer.skips) for layer in genotype.layers))
        >>> space = LimitedSpace(MacroSpace(num_layers=4), skips)
        >>> space.fits((0, 1, 0, 2, 0, 0, 3, 0, 0, 0)), space.fits((0, 1, 1, 2, 0, 0, 3, 0, 0, 0))
        (True, False)
        >>> space.fits(space.sample(np.random.default_rng(0)))
        True
        >>> isinstance(space, MacroSpace), space.num_layers
        (True, 4)
    """

    def __init__(self, space: Space, excess: Callable[[Any], float]) -> None:
        self._space, self._excess = space, excess
        self._known: dict[Choices, float] = {}
        self._space = space.part(self.fits)
        self.decisions = space.decisions

    @property
    def __class__(self) -> type:
        """The class of the space that is limited: `isinstance` holds for it too, since all its facts are the same."""
        return type(self._space)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):  # also while the object is made
            raise AttributeError(name)
        return getattr(self._space, name)

    @property
    def size(self) -> int:
        return self._space.size

    def decode(self, choices: Sequence[int]) -> Any:
        return self._space.decode(choices)

    def encode(self, genotype: Any) -> Choices:
        return self._space.encode(genotype)

    def architecture(self, genotype: Any) -> BaseGenotype | None:
        return self._space.architecture(genotype)

    @property
    def network(self) -> Mapping[str, Any]:
        return self._space.network

    def network_name(self, genotype: Any) -> str:
        return self._space.network_name(genotype)

    def at(self, trial: int) -> Space:
        part = self._space.at(trial)
        return self if part is self._space else LimitedSpace(part, self._excess)

    def part(self, fits: Callable[[Choices], bool]) -> Space:
        return self._space.part(fits)

    def nearest(self, choices: Sequence[int]) -> Choices:
        return self._space.nearest(choices)

    def likeliest(self, candidates: Iterable[Choices]) -> Choices:
        """Of the first four candidates, the one within the limits that uses most of them; else the least over them."""
        return min(itertools.islice(candidates, _RIVALS), key=lambda one: (not self.fits(one), abs(self.excess(one))))

    @property
    def growth(self) -> Growth | None:
        return self._space.growth

    def legal_length(self, length: int) -> bool:
        return self._space.legal_length(length)

    def decisions_of(self, length: int) -> tuple[Decision, ...]:
        return self._space.decisions_of(length)

    def fits(self, choices: Sequence[int]) -> bool:
        return self._space.fits(choices) and self.excess(choices) <= 0

    def excess(self, choices: Sequence[int]) -> float:
        """How far a choice vector is over the limits; at most 0 within."""
        key = tuple(choices)
        if key not in self._known:
            if len(self._known) >= _REMEMBERED:
                self._known.clear()
            self._known[key] = self._excess(self._space.decode(key))
        return self._known[key]

    @property
    def is_small(self) -> bool:
        """Whether all of its choice vectors can be looked at: a space whose vectors are all legal, and not too many."""
        return math.prod(len(one.choices) for one in self.decisions) == self._space.size <= _SMALL

    @functools.cached_property
    def within(self) -> tuple[Choices, ...]:
        """All choice vectors within the limits of a small space; none of a large one."""
        vectors = itertools.product(*(range(len(one.choices)) for one in self.decisions)) if self.is_small else ()
        return tuple(filter(self.fits, vectors))

    def sample(self, generator: np.random.Generator) -> Choices:
        """Draw a choice vector within the limits; if none is found, the one that is least over them."""
        drawn = self._first_within(self._space.sample(generator) for _ in range(_DRAWS))
        if self.fits(drawn) or self._space.size == 1:
            return drawn
        if self.within:
            return self.within[int(generator.integers(len(self.within)))]
        return drawn if self.is_small else self._walked(drawn, generator)

    def mutate(self, choices: Sequence[int], generator: np.random.Generator) -> Choices:
        """Change the choice of one decision. A mutation over the limits is changed further, up to three times in all,
        or else dropped; if none is found that is within them, a walk goes on from the one that is least over them,
        or in a small space any other that is within them is drawn.
        """
        origin = tuple(choices)
        changed = self._first_within(self._mutations(origin, generator))
        if self.fits(changed):
            return changed
        others = [one for one in self.within if one != origin]
        return others[int(generator.integers(len(others)))] if others else self._walked(changed, generator, origin)

    def _mutations(self, choices: Choices, generator: np.random.Generator) -> Iterator[Choices]:
        """Walks of three changes, which end where they are within the limits; none comes back to where it began."""
        for _ in range(_MUTATIONS):
            mutated = choices
            for _ in range(_CHANGES):
                mutated = self._space.mutate(mutated, generator)
                if mutated != choices:
                    yield mutated

    def _first_within(self, candidates: Iterator[Choices]) -> Choices:
        """The first that is within the limits; the one that is least over them if none is."""
        least = next(candidates)
        for candidate in itertools.chain([least], candidates):
            if self.excess(candidate) < self.excess(least):
                least = candidate
            if self.fits(least):
                break
        return least

    def _walked(self, choices: Choices, generator: np.random.Generator, origin: Choices | None = None) -> Choices:
        """Mutate until the limits are kept, by steps that are less and less over them, but not back to the origin."""
        for _ in range(_STEPS):
            if self.fits(choices):
                break
            step = self._space.mutate(choices, generator)
            if step != origin and self.excess(step) <= self.excess(choices):
                choices = step
        return choices
