"""The features of networks: numbers that say what a network computes, and at what cost, whatever its kind."""

import functools
import hashlib
import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence, Set
from typing import Any

import numpy as np

from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.networks.any import network_config, taken_arguments
from nasnet_keras.search.spaces.base import Choices, Space
from nasnet_keras.search.surrogates.trace import Node, live, trace

__all__ = ["GROUPS", "Features", "described"]

GROUPS = ("network", "operations", "levels", "places", "pairs", "triples", "choices")
"""The groups of features; the name of a feature begins with its group."""

_SAMPLE = 256  # random networks, from which the features of a space and their scales are found
_LEAST = 0.2  # of a feature's standard deviation; features are logarithms, so this is a difference by a fifth
_NAMES = 2**14  # of features, that are remembered
_REMEMBERED = 2**12  # rows of networks, which take up to three milliseconds and 15 kB each
_MARKED = 2**17  # networks, of which a few bytes are remembered


def described(output: Node | None) -> dict[str, float]:
    """Describe a network by the features that are not 0.

    All are logarithms of amounts, and do not depend on the order in which a network is written, nor on parts that lead
    nowhere:

    - `network`: parameters, multiply-adds, output channels and number of all operations; the number of paths from the
      image to the classifier; the longest, the shortest and the mean number of operations on them.
    - `operations`: number, parameters and multiply-adds of the operations of each kind.
    - `levels`: number of operations of each kind, by how often the map that they make was halved.
    - `places`: the same by how many operations the longest path has since the map before was halved, too, so that
      networks that order the same operations otherwise differ.
    - `pairs`, `triples`: how often kinds of operations follow each other on paths.

    Args:
        output: the node that the classifier reads.

    Example:
        >>> from nasnet_keras import NASBench201Genotype
        >>> operations = ["nor_conv_3x3", "none", "none", "avg_pool_3x3", "nor_conv_1x1", "none"]
        >>> features = described(trace(NASBench201Genotype(operations)))
        >>> operations[5] = "skip_connect"  # of a node without inputs
        >>> features == described(trace(NASBench201Genotype(operations)))
        True
        >>> round(math.expm1(features["operations.number.avg_pool_3x3"]))
        3
    """
    totals: defaultdict[tuple[str | int, ...], float] = defaultdict(float)
    paths: dict[Node, tuple[float, float, int, int]] = {}
    since: dict[Node, int] = {}  # operations on the longest path since the last one on a larger map
    ends: dict[Node, set[tuple[str, ...]]] = {}
    for node in live(output):
        ends[node] = set().union(*(ends[one] for one in node.inputs)) if node.inputs else {()}
        paths[node] = _paths([paths[one] for one in node.inputs], bool(node.kind))
        since[node] = max((since[one] for one in node.inputs if one.level == node.level), default=0)
        if node.kind:
            since[node] += 1
            totals["places", node.level, since[node], node.kind] += 1
            for parts, amount in _counted(node):
                totals[parts] += amount
            ends[node] = _followed(ends[node], node.kind, totals)
    if output is not None:
        number, length, longest, shortest = paths[output]
        totals["network", "paths"], totals["network", "mean"] = number, length / number
        totals["network", "longest"], totals["network", "shortest"] = longest, shortest
    return {_name(parts): math.log1p(total) for parts, total in totals.items()}


class Features:
    """Rows of features of a space's networks, in a scale that suits models.

    The columns are the features that random networks of the space have, each less its mean and in units of its standard
    deviation among them. Choices enter only where a space says no architecture (`Space.architecture`): there is a
    feature for each choice of each decision. Otherwise equal networks have equal rows, however they are written.

    Args:
        space: the space.
        others: genotypes of other networks, of any kind, that are to have rows, too. Features that they alone have are
            further columns, which are 0 in the rows of the space. The columns of a group are multiplied so that
            networks of the space are as far from each other as without them.

    Raises:
        ValueError: the others have no feature in common with the space in which both differ.

    Attributes:
        names: the names of the columns.
        groups: the number of columns of each group that has any; the groups stand one after another.

    Example:
        >>> from nasnet_keras.search import spaces
        >>> features = Features(spaces.make("nasbench201"))
        >>> rows = features.rows([(0, 2, 0, 3, 0, 4), (2, 0, 3, 0, 4, 0)])
        >>> rows.shape == (2, len(features.names)) and sum(features.groups) == len(features.names)
        True
    """

    def __init__(self, space: Space, others: Sequence[Any] = ()) -> None:
        self._space = space
        self._row = functools.lru_cache(_REMEMBERED)(self._scaled)
        self._mark = functools.lru_cache(_MARKED)(self._hashed)
        generator = np.random.default_rng(0)
        found = [self._described(Space.sample(space, generator)) for _ in range(_SAMPLE)]
        self._others = [self._of_other(genotype) for genotype in others]
        own, more = _varying(found), _varying(self._others)
        if others and not own & more:
            raise ValueError("no feature in which they differ is one of the networks that are searched")
        self.names = tuple(sorted(own | more, key=lambda name: (GROUPS.index(_group(name)), name)))
        self._columns = {name: column for column, name in enumerate(self.names)}
        values, sizes = _table(found, self._columns), (_sizes(own), _sizes(self.names))
        foreign = np.array([name not in own for name in self.names])
        deviations = np.where(foreign, _table(self._others or found, self._columns).std(axis=0), values.std(axis=0))
        larger = np.array([sizes[1][group] / (sizes[0][group] or sizes[1][group]) for group in map(_group, self.names)])
        self._mean, self._scale = values.mean(axis=0), np.maximum(deviations, _LEAST) / np.sqrt(larger)
        self.groups = tuple(sizes[1][group] for group in GROUPS if sizes[1][group])

    def rows(self, choices: Iterable[Choices]) -> np.ndarray:
        """The rows of networks by their choice vectors, of shape (networks, columns).

        A feature in which neither random networks differ nor others do is left out.
        """
        return np.array([self._row(tuple(one)) for one in choices]).reshape(-1, len(self.names))

    def marks(self, choices: Iterable[Choices]) -> list[bytes]:
        """A mark of the row of each network: equal ones are of equal rows. A search remembers those of all its trials.

        Example:
            >>> from nasnet_keras.search import spaces
            >>> features = Features(spaces.make("nasbench201"))
            >>> first, second, third = features.marks([(0, 0, 0, 2, 0, 3), (0, 0, 0, 2, 0, 0), (0, 0, 0, 3, 0, 0)])
            >>> first == second, first == third  # an edge from a node without inputs changes nothing
            (True, False)
        """
        return [self._mark(tuple(one)) for one in choices]

    @property
    def other_rows(self) -> np.ndarray:
        """The rows of the other networks, of shape (others, columns)."""
        return (_table(self._others, self._columns) - self._mean) / self._scale

    def _scaled(self, choices: Choices) -> np.ndarray:
        return (_table([self._described(choices)], self._columns)[0] - self._mean) / self._scale

    def _hashed(self, choices: Choices) -> bytes:
        return hashlib.blake2b(self._row(choices).tobytes(), digest_size=16).digest()

    def _of_other(self, genotype: Any) -> dict[str, float]:
        """The features of a network that need not be of the space, nor take all arguments of its networks."""
        if not isinstance(genotype, BaseGenotype):
            return self._described(self._space.encode(genotype))
        taken = taken_arguments(type(network_config(genotype)))
        return described(trace(genotype, **{name: one for name, one in self._space.network.items() if name in taken}))

    def _described(self, choices: Choices) -> dict[str, float]:
        architecture = self._space.architecture(self._space.decode(choices))
        if architecture is not None:
            return described(trace(architecture, **self._space.network))
        decisions = zip(self._space.decisions, self._space.pick(choices), strict=False)
        return {f"choices.{decision.name}.{name}": 1.0 for decision, name in decisions}


@functools.lru_cache(_NAMES)
def _name(parts: tuple[str | int, ...]) -> str:
    return ".".join(map(str, parts))


def _paths(inputs: Sequence[tuple[float, float, int, int]], counts: bool) -> tuple[float, float, int, int]:
    """Of the paths that lead to a node: their number, their total length, the longest and the shortest one's length."""
    if not inputs:
        return 1.0, 0.0, 0, 0
    numbers, lengths, longest, shortest = zip(*inputs, strict=True)
    number = sum(numbers)
    return number, sum(lengths) + number * counts, max(longest) + counts, min(shortest) + counts


def _counted(node: Node) -> tuple[tuple[tuple[str | int, ...], int], ...]:
    """What an operation adds to the totals of its network."""
    kind, parameters, multiply_adds = node.kind, node.parameters, node.multiply_adds
    return (
        (("network", "number"), 1),
        (("network", "channels"), node.channels),
        (("network", "parameters"), parameters),
        (("network", "multiply_adds"), multiply_adds),
        (("levels", node.level, kind), 1),
        (("operations", "number", kind), 1),
        (("operations", "parameters", kind), parameters),
        (("operations", "multiply_adds", kind), multiply_adds),
    )


def _followed(ends: Set[tuple[str, ...]], kind: str, totals: dict[Any, float]) -> set[tuple[str, ...]]:
    """Count the pairs and triples that an operation ends, and return the ends of the paths that lead to its result.

    Args:
        ends: the last two operations of the paths that lead to it, or fewer where there are no two.
        kind: its kind.
        totals: the totals of the network, which it adds to.
    """
    for before in {end[-1] for end in ends if end}:
        totals["pairs", before, kind] += 1
    for end in ends:
        if len(end) == 2:
            totals["triples", *end, kind] += 1
    return {(*end[-1:], kind) for end in ends}


def _group(name: str) -> str:
    return name.partition(".")[0]


def _sizes(names: Iterable[str]) -> Counter[str]:
    """The number of columns of each group."""
    return Counter(map(_group, names))


def _varying(found: Sequence[dict[str, float]]) -> set[str]:
    """The names of the features in which networks differ."""
    names = sorted(set().union(*found))
    values = _table(found, {name: column for column, name in enumerate(names)})
    if not found:
        return set()
    return {name for name, spread in zip(names, np.ptp(values, axis=0), strict=True) if spread > 0}


def _table(found: Sequence[dict[str, float]], columns: dict[str, int]) -> np.ndarray:
    table = np.zeros((len(found), len(columns)))
    for row, one in zip(table, found, strict=True):
        for name, value in one.items():
            if name in columns:
                row[columns[name]] = value
    return table
