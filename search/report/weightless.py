"""Cells that degenerate: no path through them has a convolution, so that they learn nothing."""

import functools
from collections.abc import Iterable
from typing import Any

from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.genotypes.cells import Cell, Genotype, block_state
from nasnet_keras.genotypes.macro import MacroGenotype
from nasnet_keras.genotypes.nasbench201 import NASBench201Genotype
from nasnet_keras.search.study.trial import Trial, network_genotype

__all__ = ["weightless", "weightless_note", "weightless_share"]

_TRAINED = "conv"  # which the name of each operation with weights has; identities that change the size project alone


@functools.lru_cache(4096)
def weightless(genotype: BaseGenotype | str) -> tuple[str, ...]:
    """Name the parts of an architecture that have pools and identities alone on all paths to their outputs.

    Projections, by which pools and identities change the number of filters, are not counted as operations.

    Args:
        genotype: of any kind, or a benchmark's string.

    Example:
        >>> from nasnet_keras import Block, Edge
        >>> pool = Cell([Block(Edge("max_pool_3x3", "current"), Edge("identity", "previous"))], ["block_0"])
        >>> conv = Cell([Block(Edge("conv_3x3", "current"), Edge("identity", "previous"))], ["block_0"])
        >>> weightless(Genotype(conv, pool))
        ('reduction cell',)
        >>> weightless("|skip_connect~0|+|none~0|none~1|+|nor_conv_3x3~0|none~1|none~2|")
        ()
    """
    known = network_genotype(genotype)
    if isinstance(known, Genotype):
        cells = {"normal cell": known.normal, "reduction cell": known.reduction}
        same = known.normal == known.reduction
        found = [name for name, cell in cells.items() if not _trains(_operations(cell))]
        return ("cell",) if same and found else tuple(found)
    if isinstance(known, MacroGenotype):
        return () if _trains(layer.operation for layer in known.layers) else ("network",)
    if isinstance(known, NASBench201Genotype):
        return () if _trains(_on_paths(known)) else ("cell",)
    return ()  # chains and stages have convolutions in each layer


def weightless_note(genotype: BaseGenotype | str, whose: str) -> str:
    """Point out the parts of a child that have no trainable operation, in a sentence; empty if there are none.

    Args:
        genotype: that of the child.
        whose: the child in words, such as `the best child`.
    """
    parts = weightless(genotype)
    if not parts:
        return ""
    have = "has" if len(parts) == 1 else "have"
    named = " and the ".join(parts)
    return f"The {named} of {whose} {have} no trainable operation on any path, only pools and identities."


def weightless_share(trials: Iterable[Trial]) -> tuple[int, int]:
    """Count the successful children with such a part, and all successful ones."""
    good = [trial for trial in trials if trial.reward is not None]
    return sum(bool(weightless(trial.genotype)) for trial in good), len(good)


def _trains(operations: Iterable[str]) -> bool:
    return any(_TRAINED in operation for operation in operations)


def _operations(cell: Cell) -> list[str]:
    """The operations of the blocks that the outputs depend on."""
    blocks = [block for index, block in enumerate(cell.blocks) if block_state(index) in cell.live_states]
    return [edge.operation for block in blocks for edge in block.edges]


def _on_paths(genotype: Any) -> list[str]:
    """The operations on paths from the input to the output, none of whose operations is `none`."""
    edges = [
        (source, target, operation)
        for target, node in enumerate(genotype.nodes, start=1)
        for source, operation in node
        if operation != "none"
    ]
    reached, needed = {0}, {len(genotype.nodes)}
    for source, target, _ in edges:  # by ascending targets
        if source in reached:
            reached.add(target)
    for source, target, _ in reversed(edges):
        if target in needed:
            needed.add(source)
    return [operation for source, target, operation in edges if source in reached and target in needed]
