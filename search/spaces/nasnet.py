"""The search space of NASNet's cells."""

import functools
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import ClassVar

import numpy as np

from nasnet_keras.genotypes.base import MAX_ENTRIES
from nasnet_keras.genotypes.cells import COMBINES, CURRENT, PREVIOUS, Block, Cell, Edge, Genotype, block_state
from nasnet_keras.genotypes.operations import NASNET_OPERATIONS, OPERATIONS
from nasnet_keras.search.spaces.base import Choices, Decision
from nasnet_keras.search.spaces.growth import Growth
from nasnet_keras.search.spaces.partial import PartialSpace
from nasnet_keras.search.spaces.tables import Benchmark, Figure, read
from nasnet_keras.utils.checks import positive_integer, quoted
from nasnet_keras.utils.json_text import parse

__all__ = ["BLOCK", "CellSpace"]

BLOCK = ("left_input", "right_input", "left_operation", "right_operation", "combine")
"""The decisions of a block, in the paper's order."""

_edge = functools.lru_cache(maxsize=4096)(Edge)  # a study of many trials shares its edges


_COSTS = ("parameters", "trainable_parameters", "multiply_adds")


def _named(texts: Sequence[str]) -> Genotype:
    """The genotype of the texts in a line of a table: choices of the whole space, and their fingerprint."""
    choices, fingerprint = parse(texts[0]), texts[1]
    if not isinstance(choices, list):
        raise ValueError(f"choices must be a list, got {quoted(choices)}")
    genotype = _whole().decode(choices)
    if genotype.fingerprint != fingerprint:
        raise ValueError(f"its fingerprint is {quoted(fingerprint)}, and that of its choices {genotype.fingerprint!r}")
    return genotype


@functools.cache
def _whole() -> "CellSpace":
    return CellSpace()


@dataclass(frozen=True)
class CellSpace(PartialSpace):
    """NASNet's space: a normal and a reduction cell of blocks, each with two inputs, two operations and a combine.

    The decisions of a block come in the paper's order: two inputs, two operations, the combine; the normal cell's
    blocks come first. A cell outputs the blocks that no block reads, so that a genotype with other outputs, such as the
    released NASNet-A, is not of this space.

    Cells of fewer blocks are of the space if both have equally many, or the normal cell one more; see `Space.growth`.

    A space that is made with a table of trained cells proposes these alone; see `PartialSpace`. Such a table has the
    choices of each cell in the space as it is by default, their fingerprint, the reward and the costs. Operations are
    in no order, so that the nearest cell is the one with the fewest other choices.

    Attributes:
        operations: names of the operations to choose from.
        num_blocks: number of blocks in a whole cell.
        combines: ways to combine the two results of a block.
        unread_inputs: whether a cell also outputs those of its inputs that no block reads, as ENAS' cells do.
        table: the file of a table, or the name of one that ships with the package; None for the space of all cells.

    Raises:
        ValueError: an operation is unknown or listed twice, a list is empty, or there is no block; or the table cannot
            be read, or has no cell of the space.

    Source: Zoph et al. 2018, section 3.1.

    Example:
        >>> len(CellSpace().decisions), f"{CellSpace(num_blocks=1).size:,}"
        (50, '1,827,904')
        >>> small = CellSpace(operations=("identity", "sep_conv_3x3"), num_blocks=1)
        >>> small.encode(small.decode((0, 1, 0, 1, 0, 1, 1, 0, 0, 1)))
        (0, 1, 0, 1, 0, 1, 1, 0, 0, 1)
    """

    benchmark: ClassVar[Benchmark] = Benchmark(
        name="cells of NASNet's space",
        keys=("choices", "fingerprint"),
        reward="validation_accuracy",
        figures=MappingProxyType({"validation_accuracy": Figure(("validation_accuracy",))}),
        costs=MappingProxyType({name: Figure((name,), whole=True) for name in _COSTS}),
        named=_named,
    )

    operations: tuple[str, ...] = NASNET_OPERATIONS
    num_blocks: int = 5
    combines: tuple[str, ...] = COMBINES
    unread_inputs: bool = False
    table: str | Path | None = None
    decisions: tuple[Decision, ...] = field(init=False, repr=False)
    known: tuple[Choices, ...] = field(default=(), init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for name, legal in (("operations", OPERATIONS), ("combines", COMBINES)):
            values = tuple(getattr(self, name))
            unknown = [value for value in values if value not in legal]
            if not values or unknown or len(set(values)) != len(values):
                raise ValueError(f"{name} must be some of {', '.join(legal)}, each once, got {quoted(values)}")
            object.__setattr__(self, name, values)
        object.__setattr__(self, "num_blocks", positive_integer("num_blocks", self.num_blocks, MAX_ENTRIES))
        decisions = []
        for role in ("normal", "reduction"):
            for index in range(self.num_blocks):
                states = (CURRENT, PREVIOUS, *map(block_state, range(index)))
                choices = (states, states, self.operations, self.operations, self.combines)
                for name, legal in zip(BLOCK, choices, strict=True):
                    decisions.append(Decision(f"{role}_{block_state(index)}_{name}", legal))
        object.__setattr__(self, "decisions", tuple(decisions))
        if self.table is not None:
            object.__setattr__(self, "known", tuple(self._of_table(self.table)))

    @property
    def growth(self) -> Growth | None:
        return None if self.known else self._growth

    @property
    def _growth(self) -> Growth:
        return Growth(cells=2, blocks=self.num_blocks, length=len(BLOCK))

    def decode(self, choices: Sequence[int]) -> Genotype:
        picked = self.pick(choices)
        normal = len(BLOCK) * self._growth.sizes(len(picked))[0]
        return Genotype(self._cell(picked[:normal]), self._cell(picked[normal:]))

    def encode(self, genotype: Genotype) -> Choices:
        if not isinstance(genotype, Genotype):
            raise ValueError(f"expected a Genotype, got {quoted(genotype, 80)}")
        names: list[str] = []
        normal, reduction = len(genotype.normal.blocks), len(genotype.reduction.blocks)
        if not reduction <= normal <= min(reduction + 1, self.num_blocks):
            raise ValueError(
                f"both cells must have {self.num_blocks} blocks, or fewer and equally many, or the normal cell one "
                f"more, got {normal} and {reduction}"
            )
        for role, cell in (("normal", genotype.normal), ("reduction", genotype.reduction)):
            unread = self._unread(cell.blocks)
            if cell.outputs != unread:
                what = "states" if self.unread_inputs else "blocks"
                raise ValueError(
                    f"the {role} cell must output the {what} that no block reads, {', '.join(unread)}, "
                    f"got {', '.join(cell.outputs)}"
                )
            for block in cell.blocks:
                left, right = block.edges
                names += [left.input, right.input, left.operation, right.operation, block.combine]
        return self.find(names)

    def _of_table(self, table: str | Path) -> list[Choices]:
        """The cells of a table that are of this space."""
        found, refused = [], ""
        for genotype in read(table, self.benchmark):
            try:
                found.append(self.encode(genotype))
            except ValueError as error:
                refused = str(error)
        if not found:
            raise ValueError(f"the table {table} has no cell of this space: {refused}")
        return found

    def _steps(self, choices: Sequence[int]) -> np.ndarray:
        return (self._columns != np.array(choices, np.int16)[:, None]).sum(axis=0, dtype=np.int16)

    def _cell(self, picked: list[str]) -> Cell:
        blocks = []
        for start in range(0, len(picked), len(BLOCK)):
            left_input, right_input, left_operation, right_operation, combine = picked[start : start + len(BLOCK)]
            blocks.append(Block(_edge(left_operation, left_input), _edge(right_operation, right_input), combine))
        return Cell(blocks, self._unread(blocks))

    def _unread(self, blocks: Sequence[Block]) -> tuple[str, ...]:
        read = {edge.input for block in blocks for edge in block.edges}
        states = (*((PREVIOUS, CURRENT) if self.unread_inputs else ()), *map(block_state, range(len(blocks))))
        return tuple(state for state in states if state not in read)
