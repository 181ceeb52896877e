"""The order of a network's parts, which may be written in several: one of them is chosen, the same for all."""

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from typing import Any

__all__ = ["canonical_order"]

Places = Mapping[int, int]
"""By parts, their places in an order."""

_WORK = 40_000  # tries times parts: some tenths of a second at most; cells that a search draws need a few tries


class _TooManyOrdersError(Exception):
    pass


def canonical_order(reads: Sequence[Set[int]], described: Callable[[int, Places], Any]) -> dict[int, int]:
    """Choose an order of a network's parts that does not depend on the order in which they are given.

    It is the smallest topological order: of all orders in which no part comes before one that it reads, the one whose
    descriptions are the smallest sequence. Parts of equal descriptions that differ in their readers are all tried,
    but for those of which a first try shows that they lead to the same network. So a cell of a dozen different blocks
    takes less than a millisecond. Of dozens of equal blocks with different readers there are too many orders: then the
    first of equal parts is taken, and the order may depend on the one that is given.

    Args:
        reads: by parts, the parts that each one reads.
        described: describes a part, given the places of those that it reads. Parts are described by equal values if
            they do the same with the same inputs; values can be compared and hashed.

    Returns:
        The places of all parts, by parts, in the order of the places.

    Example:
        >>> parts = ("pool", "conv", "conv"), (set(), set(), {0})  # the second conv reads the pool
        >>> canonical_order(parts[1], lambda part, places: (parts[0][part], *(places[one] for one in parts[1][part])))
        {1: 0, 0: 1, 2: 2}
    """
    try:
        found = _orders(reads, described, {}, {}, itertools.count())
    except _TooManyOrdersError:
        found = _orders(reads, described, {}, {}, itertools.count(), first=True)
    return found[min(found)]


def _orders(
    reads: Sequence[Set[int]],
    described: Callable[[int, Places], Any],
    places: Places,
    ready: Mapping[int, Any],
    tries: Iterator[int],
    first: bool = False,
) -> dict[tuple[Any, ...], dict[int, int]]:
    """The ends of all orders that begin with some places and are the smallest at each place, by their descriptions.

    Args:
        reads, described: as in `canonical_order`.
        places: the parts that have a place.
        ready: descriptions of parts without a place that read none without a place, as far as they are known.
        tries: counts the calls.
        first: whether the first of several parts of equal descriptions is taken, and no other one tried.
    """
    places, ready, sequence = dict(places), dict(ready), []
    if next(tries) * len(reads) > _WORK:
        raise _TooManyOrdersError
    while len(places) < len(reads):
        for part, inputs in enumerate(reads):
            if part not in ready and part not in places and inputs <= places.keys():
                ready[part] = described(part, places)
        least = min(ready.values())
        equal = [part for part, description in ready.items() if description == least]
        sequence.append(least)
        if len(equal) > 1 and not first and any(part in inputs for part in equal for inputs in reads):
            found: dict[tuple[Any, ...], dict[int, int]] = {}
            for part in equal:
                branch = {**places, part: len(places)}, {one: ready[one] for one in ready if one != part}
                tried = _orders(reads, described, *branch, tries, first=True)
                # The same end as of another part: the network looks the same from both.
                if not found.keys() & tried.keys():
                    found |= _orders(reads, described, *branch, tries)
            return {(*sequence, *end): order for end, order in found.items()}
        places[equal[0]] = len(places)
        del ready[equal[0]]
    return {tuple(sequence): places}
