"""The search space of NAS-Bench-201, a table of the accuracies of all its cells."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import ClassVar

from nasnet_keras.genotypes.nasbench201 import NASBENCH201_EDGES, NASBENCH201_OPERATIONS, NASBench201Genotype
from nasnet_keras.search.equality import network_name
from nasnet_keras.search.spaces.base import Choices, Decision, Space
from nasnet_keras.search.spaces.tables import Benchmark, Figure
from nasnet_keras.utils.checks import quoted

__all__ = ["OPERATIONS", "NASBench201Space"]

OPERATIONS = NASBENCH201_OPERATIONS

_FIGURES = ("validation_accuracy_12_epochs", "test_accuracy_200_epochs")


@dataclass(frozen=True)
class NASBench201Space(Space):
    """NAS-Bench-201's space: a cell of four nodes, an operation on each of the six edges between them.

    A genotype is the string by which the benchmark's table knows it: `|operation~input|` for each edge, and `+` between
    nodes. `nasnet_keras.NASBench201Genotype` is the value of that string, and `encode` takes both.

    A search reads the validation accuracy after 12 epochs, in percent as in the table, as the benchmark's own search
    algorithms do; finalists are judged by the test accuracy after 200.

    Attributes:
        operations: names of the operations to choose from.
        listed: whether cells are looked up in the table, which lists those of equal networks apart, each with figures
            of its own. If not, they are built, and cells of equal networks are one to a search.

    Raises:
        ValueError: an operation is unknown or listed twice, or there is no operation.

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

    benchmark: ClassVar[Benchmark] = Benchmark(
        name="NAS-Bench-201",
        keys=("cell",),
        reward=_FIGURES[0],
        figures=MappingProxyType({name: Figure((name,)) for name in _FIGURES}),
        index="index",
        counted=True,
    )

    operations: tuple[str, ...] = OPERATIONS
    listed: bool = field(default=True, compare=False)
    decisions: tuple[Decision, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        values = tuple(self.operations)
        if not values or set(values) - set(OPERATIONS) or len(set(values)) != len(values):
            raise ValueError(f"operations must be some of {', '.join(OPERATIONS)}, each once, got {quoted(values)}")
        object.__setattr__(self, "operations", values)
        decisions = tuple(Decision(f"node_{node}_from_{source}", values) for node, source in NASBENCH201_EDGES)
        object.__setattr__(self, "decisions", decisions)

    def decode(self, choices: Sequence[int]) -> str:
        return str(NASBench201Genotype(self.pick(choices)))

    def encode(self, genotype: NASBench201Genotype | str) -> Choices:
        known = isinstance(genotype, NASBench201Genotype)
        return self.find((genotype if known else NASBench201Genotype.from_plain(genotype)).operations)

    def network_name(self, genotype: str) -> str:
        return network_name(genotype, self.listed)

    def architecture(self, genotype: str) -> NASBench201Genotype:
        return NASBench201Genotype.from_plain(genotype)
