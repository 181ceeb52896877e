"""The search space of Accel-NASBench, a table of the accuracies and latencies of some of its networks."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

from nasnet_keras.genotypes.stages import DEPTHWISE, INVERTED, Stage, StageGenotype
from nasnet_keras.search.spaces.base import Choices, Decision
from nasnet_keras.search.spaces.partial import PartialSpace
from nasnet_keras.search.spaces.tables import Benchmark, Figure, read
from nasnet_keras.utils.checks import quoted

__all__ = ["AccelNASBenchSpace"]

_BLOCKS = 7
_MOST_LAYERS = (3, 3, 3, 3, 3, 4, 3)
_SHAPES = ((16, 1), (24, 2), (40, 2), (80, 2), (112, 1), (192, 2), (320, 1))  # filters and stride of each block
_FIELDS = MappingProxyType(  # of a block: the letters of the table's columns, and the names of decisions
    {"e": "expansion", "k": "kernel", "l": "layers", "se": "squeeze_excite"}
)
_KEYS = tuple(f"block{block}_{letters}" for block in range(_BLOCKS) for letters in _FIELDS)
_BLOCK = re.compile(r"e(\d+)k(\d+)l(\d+)(se)?", re.ASCII)


def _named(texts: Sequence[str]) -> str:
    """The genotype of the texts of the columns `_KEYS`: `e6k3l1-e4k5l2se-…`."""
    rows = [texts[start : start + len(_FIELDS)] for start in range(0, len(texts), len(_FIELDS))]
    flags = {"True": "se", "False": ""}
    if any(row[-1] not in flags for row in rows):
        raise ValueError(f"squeeze-and-excitation must be True or False, got {quoted(rows)}")
    return "-".join(f"e{row[0]}k{row[1]}l{row[2]}{flags[row[3]]}" for row in rows)


@dataclass(frozen=True)
class AccelNASBenchSpace(PartialSpace):
    """Accel-NASBench's space: MnasNet's inverted bottlenecks in seven stages, as in EfficientNet-B0.

    The decisions of a stage are its expansion, its kernel, its number of layers, and whether it has
    squeeze-and-excitation. A genotype is a string with a part for each stage, such as `e6k5l2se`: expansion 6, kernel
    5, two layers with squeeze-and-excitation.

    The table holds 5,125 of the 10^11 networks, trained on ImageNet by a short schedule, and their latency on a ZCU102,
    which is the cost `zcu102_ms`. A space made with the table proposes these alone; see `PartialSpace`. Parameters and
    multiply-adds are as the benchmark counts them: trainable parameters, and about four multiply-adds more than
    `genotype_cost` for each value that is normalized.

    Attributes:
        table: the CSV file of the table; None for the space of all networks.

    Raises:
        ValueError: the table cannot be read, or has a network that is not of the space.

    Source: Ahmad et al. 2024 (arXiv 2404.08005), appendix B.

    Example:
        >>> space = AccelNASBenchSpace()
        >>> space.decode([0] * 28)
        'e1k3l1-e1k3l1-e1k3l1-e1k3l1-e1k3l1-e1k3l1-e1k3l1'
        >>> space.encode(space.decode([1] * 28)) == (1,) * 28
        True
        >>> print(space.stages("-".join(["e4k5l2se"] * 7)).stages[6])
        inverted_bottleneck_4_5x5, 2 layers, 320 filters, squeeze_excite 0.25
    """

    benchmark: ClassVar[Benchmark] = Benchmark(
        name="Accel-NASBench",
        keys=_KEYS,
        reward="val_top1",
        figures=MappingProxyType({"val_top1": Figure(("val_top1",))}),
        costs=MappingProxyType(
            {
                "parameters": Figure(("params_M",), 1e6, whole=True),
                "multiply_adds": Figure(("macs_M",), 1e6, whole=True),
                "zcu102_ms": Figure(("latency_zcu102",), optional=True),
            }
        ),
        named=_named,
        repeated=True,
    )

    table: str | Path | None = None
    decisions: tuple[Decision, ...] = field(init=False, repr=False)
    known: tuple[Choices, ...] = field(default=(), init=False, repr=False)

    def __post_init__(self) -> None:
        decisions = []
        for block, most in enumerate(_MOST_LAYERS):
            layers = tuple(str(number + 1) for number in range(most))
            choices = (("1", "4", "6"), ("3", "5"), layers, ("no", "yes"))
            names = zip(_FIELDS.values(), choices, strict=True)
            decisions += [Decision(f"block_{block}_{name}", legal) for name, legal in names]
        object.__setattr__(self, "decisions", tuple(decisions))
        if self.table is not None:
            known = tuple(map(self.encode, read(self.table, self.benchmark)))
            object.__setattr__(self, "known", known)

    def decode(self, choices: Sequence[int]) -> str:
        flags = {"no": "False", "yes": "True"}
        return _named([flags.get(name, name) for name in self.pick(choices)])

    def stages(self, genotype: str) -> StageGenotype:
        """Convert a genotype to the value that the package builds, with the trainable parameters of the table.

        Raises:
            ValueError: the genotype is not of this space.
        """
        names = self.pick(self.encode(genotype))
        rows = [names[start : start + len(_FIELDS)] for start in range(0, len(names), len(_FIELDS))]
        stages = []
        for (expansion, kernel, layers, excited), (filters, stride) in zip(rows, _SHAPES, strict=True):
            operation = DEPTHWISE if expansion == "1" else INVERTED
            share = 0.25 if excited == "yes" else 0.0
            stages.append(Stage(operation, int(kernel), filters, int(layers), stride, int(expansion), share))
        return StageGenotype(stages)

    def architecture(self, genotype: str) -> StageGenotype:
        return self.stages(genotype)

    def encode(self, genotype: str) -> Choices:
        parts = genotype.split("-") if isinstance(genotype, str) else ()
        matches = [_BLOCK.fullmatch(part) for part in parts]
        if len(parts) != _BLOCKS or None in matches:
            example = self.decode([0] * len(self.decisions))
            raise ValueError(f"expected seven blocks such as {example}, got {quoted(genotype, 80)}")
        return self.find([text for one in matches for text in (*one.groups()[:-1], "yes" if one.group(4) else "no")])
