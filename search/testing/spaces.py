"""The rules of spaces."""

import json
from collections.abc import Iterator

import numpy as np

from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.genotypes.catalogue import NASNET_A
from nasnet_keras.search.spaces.base import Choices, Decision, Space
from nasnet_keras.search.spaces.growth import Growth, swapped
from nasnet_keras.search.study.trial import genotype_of, genotype_text
from nasnet_keras.search.surrogates.tokens import Tokens
from nasnet_keras.search.testing.contract import ContractError, allowed, refused, require
from nasnet_keras.utils.checks import quoted

__all__ = ["check_corners", "check_space"]

_GROWN_UP = 2**31  # beyond the last trial


def check_space(space: Space, samples: int = 100) -> None:
    """Check the rules of a space.

    Args:
        space: the space to check.
        samples: the number of genotypes drawn, and of mutations.

    Raises:
        ContractError: a rule is broken.

    Example:
        >>> from nasnet_keras.search import CellSpace
        >>> check_space(CellSpace(num_blocks=2))
    """
    require(isinstance(space, Space), f"expected a Space, got {quoted(space)}")
    check_corners(space)
    generator = np.random.default_rng(0)
    for _ in range(samples):
        _check_genotype(space, space.sample(generator))
    _check_refusals(space, _lasts(space))
    _check_mutations(space, samples)
    _check_growth(space, generator)
    for trial in (0, 1, 10, 100, 1000, 10_000, _GROWN_UP):
        _check_part(space, trial, generator)


def check_corners(space: Space) -> None:
    """Check the decisions, and the genotypes of the first and of the last choices, quickly.

    Raises:
        ContractError: a rule is broken.
    """
    decisions = getattr(space, "decisions", None)
    listed = isinstance(decisions, tuple) and all(isinstance(one, Decision) and one.choices for one in decisions)
    require(listed and bool(decisions), f"decisions must be a tuple of Decision, got {quoted(decisions)}")
    require(len({one.name for one in decisions}) == len(decisions), "names of decisions must be unique")
    growth = getattr(space, "growth", None)
    require(growth is None or isinstance(growth, Growth), f"growth must be a Growth or None, got {quoted(growth)}")
    for choices in ((0,) * len(decisions), _lasts(space)):
        _check_genotype(space, choices)


def _lasts(space: Space) -> Choices:
    return tuple(len(one.choices) - 1 for one in space.decisions)


def _check_part(space: Space, trial: int, generator: np.random.Generator) -> None:
    """Check the space of one trial."""
    part = space.at(trial)
    first = space.decisions[: len(part.decisions)]
    require(part.decisions == first, f"at({trial}) must have the first decisions of the whole space")
    choices = part.sample(generator)
    same = part.decode(choices) == space.decode(choices)
    require(same, f"choices of at({trial}) must mean the same in the whole space, got {choices}")
    _check_genotype(space, choices)


def _check_genotype(space: Space, choices: Choices) -> None:
    """Check one genotype, by its choices."""
    with allowed(f"all choices within the decisions' ranges are legal, as {choices}"):
        genotype = space.decode(choices)
        kinds = isinstance(genotype, (BaseGenotype, str))
        require(kinds, f"a genotype must be one of the package's or a string, got {quoted(genotype)}")
        encoded = space.encode(genotype)
        require(encoded == choices, f"encode must undo decode, got {encoded} from {choices}")
        same = space.decode(choices) == genotype and hash(space.decode(choices)) == hash(genotype)
        require(same, "decode must give equal genotypes for equal choices")
        read = genotype_of(json.loads(genotype_text(genotype)))
        require(read == genotype, f"a genotype must be the same when it is read again, got {quoted(genotype)}")
        name = space.network_name(genotype)
        same = isinstance(name, str) and name == space.network_name(read)
        require(same, f"network_name must give equal genotypes equal texts, got {quoted(name)} for {quoted(genotype)}")


def _neighbours(space: Space, choices: Choices) -> Iterator[Choices]:
    """All choice vectors that differ in one decision."""
    for place, decision in enumerate(space.decisions[: len(choices)]):
        for choice in range(len(decision.choices)):
            if choice != choices[place]:
                yield (*choices[:place], choice, *choices[place + 1 :])


def _check_refusals(space: Space, lasts: Choices) -> None:
    with refused("decode of too many choices"):
        space.decode((*lasts, 0))
    for place, last in enumerate(lasts):
        for wrong in (-1, last + 1):
            choices = (*lasts[:place], wrong, *lasts[place + 1 :])
            with refused(f"decode of {choices}"):
                space.decode(choices)
    for other in (NASNET_A, "no genotype"):
        try:
            encoded = space.encode(other)
        except ValueError:
            continue
        except Exception as error:
            raise ContractError(f"encode of another genotype must raise a ValueError, got {error!r}") from error
        require(space.decode(encoded) == other, f"encode must refuse the genotypes of others, as {quoted(other)}")


def _check_mutations(space: Space, samples: int) -> None:
    if not any(len(one.choices) > 1 for one in space.decisions):
        return
    one, other = (np.random.default_rng(1) for _ in range(2))
    for _ in range(samples):  # a small space gives the same choices once by chance
        choices = space.sample(one)
        require(space.sample(other) == choices, "sample must depend on the generator only")
        require(space.fits(choices), f"sample must give choices that fit, got {choices}")
    for _ in range(samples):
        mutated = space.mutate(choices, one)
        require(space.mutate(choices, other) == mutated, "mutate must depend on the generator only")
        changed = sum(a != b for a, b in zip(choices, mutated, strict=True))
        scattered = changed > 1 and not all(space.fits(vector) for vector in _neighbours(space, choices))
        require(changed == 1 or scattered, f"a mutation must change one decision, got {mutated} from {choices}")
        require(space.fits(mutated), f"mutate must give choices that fit, got {mutated}")
        _check_genotype(space, mutated)


def _check_growth(space: Space, generator: np.random.Generator) -> None:
    """Check the genotypes of cells of fewer blocks."""
    growth = space.growth
    if growth is None:
        return
    with allowed(f"decisions must be as {growth} says"):
        Tokens.of(space.decisions, growth)
    for length in (0, growth.lengths[0] - 1, growth.lengths[0] + 1 if growth.length > 1 else len(space.decisions) + 1):
        with refused(f"decode of {length} choices"):
            space.decode((0,) * length)
    for length in growth.lengths:
        whole = space.sample(generator)
        choices = tuple(whole[place] for place in growth.places(length))
        _check_genotype(space, choices)
        if any(len(one.choices) > 1 for one in space.decisions_of(length)):
            mutated = space.mutate(choices, generator)
            require(len(mutated) == length, f"mutate must keep the number of blocks, got {mutated} from {choices}")
        if growth.swappable:
            _check_swap(space, choices, growth.last(length).stop)


def _check_swap(space: Space, choices: Choices, end: int) -> None:
    """Check that a block whose sides are swapped is of an equal network."""
    start, decisions = end - space.growth.length, space.decisions_of(len(choices))
    places = swapped([one.choices for one in decisions[start:end]])
    other = (*choices[:start], *(choices[start + place] for place in places), *choices[end:])
    names = [space.network_name(space.decode(one)) for one in (choices, other)]
    require(len({*names}) == 1, f"the sides of a block must be swappable, got {choices} and {other} of two networks")
