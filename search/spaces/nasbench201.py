"""The search space of NAS-Bench-201, in which every cell's accuracy is in a table."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from nasnet_keras.search.space import Choices, Decision, Space

__all__ = ["OPERATIONS", "NASBench201Space"]

OPERATIONS = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")

_EDGES = ((1, 0), (2, 0), (2, 1), (3, 0), (3, 1), (3, 2))  # node, and the earlier node that the edge reads
_PATTERN = re.compile(r"\|(\w+)~0\|\+\|(\w+)~0\|(\w+)~1\|\+\|(\w+)~0\|(\w+)~1\|(\w+)~2\|")


@dataclass(frozen=True)
class NASBench201Space(Space):
    """NAS-Bench-201's space: a cell of four nodes, an operation on each of the six edges between them.

    A genotype is the benchmark's own string, `|operation~input|` an edge and `+` between nodes.

    Attributes:
        operations: names of operations to choose from.

    Raises:
        ValueError: an operation is unknown or listed twice, or there is none.

    Source: Dong and Yang 2020, section 2.1.

    Example:
        >>> space = NASBench201Space()
        >>> space.size
        15625
        >>> space.decode((3, 3, 0, 1, 2, 3))
        '|nor_conv_3x3~0|+|nor_conv_3x3~0|none~1|+|skip_connect~0|nor_conv_1x1~1|nor_conv_3x3~2|'
        >>> space.encode(space.decode((3, 3, 0, 1, 2, 3)))
        (3, 3, 0, 1, 2, 3)
    """

    operations: tuple[str, ...] = OPERATIONS
    decisions: tuple[Decision, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        values = tuple(self.operations)
        if not values or set(values) - set(OPERATIONS) or len(set(values)) != len(values):
            raise ValueError(f"operations must be some of {', '.join(OPERATIONS)}, each once, got {values}")
        object.__setattr__(self, "operations", values)
        decisions = tuple(Decision(f"node_{node}_from_{source}", values) for node, source in _EDGES)
        object.__setattr__(self, "decisions", decisions)

    def decode(self, choices: Sequence[int]) -> str:
        nodes: dict[int, str] = {}
        for (node, source), operation in zip(_EDGES, self.pick(choices), strict=True):
            nodes[node] = f"{nodes.get(node, '|')}{operation}~{source}|"
        return "+".join(nodes.values())

    def encode(self, genotype: str) -> Choices:
        match = _PATTERN.fullmatch(genotype) if isinstance(genotype, str) else None
        if match is None:
            raise ValueError(f"expected a cell such as {self.decode([0] * len(_EDGES))}, got {genotype!r:.120}")
        return self.find(match.groups())
