"""The search space of PNAS: one cell, block by block."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from nasnet_keras.genotypes.base import MAX_ENTRIES
from nasnet_keras.genotypes.cells import CURRENT, PREVIOUS, Block, Cell, Edge, Genotype, block_state
from nasnet_keras.genotypes.operations import OPERATIONS
from nasnet_keras.genotypes.skeleton import PNASNET
from nasnet_keras.search.spaces.base import Choices, Decision, Space
from nasnet_keras.search.spaces.growth import Growth
from nasnet_keras.utils.checks import positive_integer, quoted

__all__ = ["BLOCK", "PNAS_OPERATIONS", "PNASSpace"]

PNAS_OPERATIONS = (
    *("sep_conv_3x3", "sep_conv_5x5", "sep_conv_7x7", "conv_1x7_7x1"),
    *("identity", "avg_pool_3x3", "max_pool_3x3", "dil_conv_3x3"),
)
"""The operations, in the paper's order."""
BLOCK = ("left_input", "right_input", "left_operation", "right_operation")
"""The decisions of a block, in the paper's order."""


@dataclass(frozen=True)
class PNASSpace(Space):
    """PNAS' space: one cell of blocks that add, for both strides.

    The decisions of a block are its two inputs and its two operations. A cell outputs all of its blocks, and networks
    are built on PNASNet's skeleton, which runs the cell at stride 2 where others have a reduction cell.

    The choices of the first blocks alone are a cell of fewer blocks, as PNAS trains them before it adds a block to
    each; see `Space.growth`.

    Attributes:
        operations: names of the operations to choose from.
        num_blocks: number of blocks in a whole cell.

    Raises:
        ValueError: an operation is unknown or listed twice, there is none, or there is no block.

    Source: Liu et al. 2018 (arXiv 1712.00559), section 3.1. Figure 1 omits the edge from a block that another one reads
    to the output; the released PNASNet-5, which has it, is of this space.

    Example:
        >>> space = PNASSpace()
        >>> f"{space.size:.2e}", PNASSpace(num_blocks=1).size
        ('5.57e+14', 256)
        >>> print(space.decode((0, 1, 4, 5)).normal.describe())
        block_0 = identity(current) + avg_pool_3x3(previous)
        output  = block_0
        >>> from nasnet_keras.genotypes.catalogue import PNASNET_5
        >>> space.decode(space.encode(PNASNET_5)) == PNASNET_5
        True
    """

    operations: tuple[str, ...] = PNAS_OPERATIONS
    num_blocks: int = 5
    decisions: tuple[Decision, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        values = tuple(self.operations)
        known = all(isinstance(value, str) and value in OPERATIONS for value in values)
        if not values or not known or len(set(values)) != len(values):
            raise ValueError(f"operations must be some of {', '.join(OPERATIONS)}, each once, got {quoted(values)}")
        object.__setattr__(self, "operations", values)
        object.__setattr__(self, "num_blocks", positive_integer("num_blocks", self.num_blocks, MAX_ENTRIES))
        decisions = []
        for index in range(self.num_blocks):
            states = (CURRENT, PREVIOUS, *map(block_state, range(index)))
            for name, legal in zip(BLOCK, (states, states, values, values), strict=True):
                decisions.append(Decision(f"{block_state(index)}_{name}", legal))
        object.__setattr__(self, "decisions", tuple(decisions))

    @property
    def growth(self) -> Growth:
        return Growth(cells=1, blocks=self.num_blocks, length=len(BLOCK))

    def decode(self, choices: Sequence[int]) -> Genotype:
        picked, blocks = self.pick(choices), []
        for start in range(0, len(picked), len(BLOCK)):
            left_input, right_input, left, right = picked[start : start + len(BLOCK)]
            blocks.append(Block(Edge(left, left_input), Edge(right, right_input)))
        cell = Cell(blocks, tuple(map(block_state, range(len(blocks)))))
        return Genotype(cell, cell, PNASNET.name)

    def encode(self, genotype: Genotype) -> Choices:
        if not isinstance(genotype, Genotype):
            raise ValueError(f"expected a Genotype, got {quoted(genotype, 80)}")
        cell = genotype.normal
        if genotype.reduction != cell:
            raise ValueError("the normal and the reduction cell must be the same one, got two different cells")
        if len(cell.blocks) > self.num_blocks:
            raise ValueError(f"the cell must have at most {self.num_blocks} blocks, got {len(cell.blocks)}")
        blocks = tuple(map(block_state, range(len(cell.blocks))))
        if cell.outputs != blocks:
            expected, given = ", ".join(blocks), ", ".join(cell.outputs)
            raise ValueError(f"the cell must output all of its blocks, {expected}, got {given}")
        names: list[str] = []
        for index, block in enumerate(cell.blocks):
            if block.combine != "add":
                raise ValueError(f"{block_state(index)} must add, got {block.combine}")
            left, right = block.edges
            names += [left.input, right.input, left.operation, right.operation]
        return self.find(names)
