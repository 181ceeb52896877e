"""Genotypes of NAS-Bench-201: its cells as values, written as the benchmark writes them.

A cell has four nodes. Node 0 is its input; an edge applies an operation to an earlier node, and a node is the sum of
the edges that lead to it. The last node is the output.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from nasnet_keras.genotypes.base import BaseGenotype, GenotypeError, short, tuple_of
from nasnet_keras.genotypes.operations import NASBENCH201_OPERATIONS
from nasnet_keras.genotypes.picture import Row
from nasnet_keras.utils.checks import quoted

__all__ = ["NASBENCH201_EDGES", "NASBENCH201_OPERATIONS", "NASBench201Genotype"]

NASBENCH201_EDGES = ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2))
"""The edges, in the order in which the benchmark writes them: the node, and the earlier node that it reads."""

_PATTERN = re.compile(r"\|(\w+)~0\|\+\|(\w+)~0\|(\w+)~1\|\+\|(\w+)~0\|(\w+)~1\|(\w+)~2\|")
_LONGEST = 1000  # letters of a cell's text


@dataclass(frozen=True)
class NASBench201Genotype(BaseGenotype):
    """A cell of NAS-Bench-201.

    Its text is the benchmark's own, and its JSON form is that text. Its fingerprint is the fingerprint of the text, as
    in the trials of a search on the benchmark.

    Attributes:
        operations: six of `NASBENCH201_OPERATIONS`, in the order of the edges, `NASBENCH201_EDGES`.

    Raises:
        GenotypeError: the number of operations is not six, or an operation is unknown.

    Source: Dong and Yang 2020 (arXiv 2001.00326), section 2.1.

    Example:
        >>> genotype = NASBench201Genotype(["nor_conv_3x3"] * 3 + ["skip_connect"] + ["nor_conv_3x3"] * 2)
        >>> str(genotype)
        '|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|skip_connect~0|nor_conv_3x3~1|nor_conv_3x3~2|'
        >>> all(NASBench201Genotype.from_json(text) == genotype for text in (str(genotype), genotype.to_json()))
        True
    """

    operations: tuple[str, ...]

    def __post_init__(self) -> None:
        operations = tuple_of(self.operations, str, "a cell's operations")
        if len(operations) != len(NASBENCH201_EDGES):
            raise GenotypeError(f"a cell of NAS-Bench-201 has six operations, got {len(operations)}")
        for operation in operations:
            if operation not in NASBENCH201_OPERATIONS:
                legal = ", ".join(NASBENCH201_OPERATIONS)
                raise GenotypeError(f"an operation of NAS-Bench-201 must be one of {legal}, got {quoted(operation)}")
        object.__setattr__(self, "operations", operations)

    def __str__(self) -> str:
        nodes = ("".join(f"{operation}~{source}|" for source, operation in node) for node in self.nodes)
        return "+".join(f"|{node}" for node in nodes)

    @property
    def nodes(self) -> tuple[tuple[tuple[int, str], ...], ...]:
        """For each node from 1, the earlier nodes that it reads, and the operations that it reads them by."""
        edges = list(zip(NASBENCH201_EDGES, self.operations, strict=True))
        return tuple(tuple((source, name) for (to, source), name in edges if to == node) for node in (1, 2, 3))

    def canonical(self) -> "NASBench201Genotype":
        """The one spelling of the network: where nothing leads from node 1 to node 2, the smaller of the two orders of
        these nodes, by the numbers of the operations in `NASBENCH201_OPERATIONS`.

        Nothing else is equal. Cells that compute the same function although they hold different operations, as some
        with operations behind a node of zeros or through a skip, are different networks: the benchmark builds all of
        their operations, counts their parameters, and lists them with figures of their own. It also trained equal
        networks anew, so that a search of its table tells all 15,625 texts apart.

        Example:
            >>> from itertools import product
            >>> cells = map(NASBench201Genotype, product(NASBENCH201_OPERATIONS, repeat=6))
            >>> len({cell.canonical() for cell in cells})
            14125
        """
        first, second, between, *last = self.operations
        if between != "none":
            return self
        swapped = (second, first, between, last[0], last[2], last[1])
        return NASBench201Genotype(min(self.operations, swapped, key=_numbers))

    def describe(self) -> str:
        """Describe the genotype in words, a line for each node."""
        return "\n".join(["cell of NAS-Bench-201: 4 nodes, 6 edges", *self._described()])

    def _described(self) -> Iterator[str]:
        for number, node in enumerate(self.nodes, start=1):
            title = "output" if number == len(self.nodes) else f"node_{number}"
            terms = [f"{operation}(node_{source})" for source, operation in node if operation != "none"]
            yield f"  {title} = {' + '.join(terms) or 'zeros'}"

    def operation_counts(self) -> dict[str, Counter[str]]:
        return {"cell": Counter(self.operations)}

    def rows(self) -> tuple[Row, ...]:
        """The boxes of its picture. An edge of `none` is not drawn."""
        rows = [Row("node_0: input")]
        for number, node in enumerate(self.nodes, start=1):
            read = [(source, operation) for source, operation in node if operation != "none"]
            lines = tuple(f"{operation} (node_{source})" for source, operation in read)
            title = f"node_{number}: {'output' if number == len(self.nodes) else 'add'}"
            rows.append(Row(title, lines, tuple(source for source, _ in read)))
        return tuple(rows)

    def to_plain(self) -> str:
        return str(self)

    @classmethod
    def is_plain(cls, plain: object) -> bool:
        return isinstance(plain, str) and plain.lstrip().startswith("|")

    @classmethod
    def from_plain(cls, plain: object) -> "NASBench201Genotype":
        match = _PATTERN.fullmatch(plain.strip()) if isinstance(plain, str) and len(plain) <= _LONGEST else None
        if match is None:
            example = cls(("skip_connect",) * len(NASBENCH201_EDGES))
            raise GenotypeError(f"expected a cell such as {example}, of NAS-Bench-201, got {short(plain)}")
        return cls(match.groups())


def _numbers(operations: Iterable[str]) -> list[int]:
    return [NASBENCH201_OPERATIONS.index(operation) for operation in operations]
