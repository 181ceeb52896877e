"""The search space of NASNet's cells, as an ordered list of decisions."""

import math
from dataclasses import dataclass, field

import numpy as np

from nasnet_keras.checks import positive_integer
from nasnet_keras.genotype import COMBINES, CURRENT, PREVIOUS, Block, Cell, Edge, Genotype, block_state
from nasnet_keras.operations import NASNET_OPERATIONS, OPERATIONS

__all__ = ["CellSpace", "Decision"]


@dataclass(frozen=True)
class Decision:
    """One choice among named ones."""

    name: str
    choices: tuple[str, ...]


@dataclass(frozen=True)
class CellSpace:
    """NASNet's space: a normal and a reduction cell of blocks, each with two inputs, two operations and a combine.

    The decisions of a block come in the paper's order: two inputs, two operations, the combine; the normal cell's
    blocks come first. A cell outputs the blocks that no block reads.

    Attributes:
        operations: names of operations to choose from.
        num_blocks: blocks in a cell.
        combines: how a block may combine its two results.

    Raises:
        ValueError: an operation is unknown or listed twice, a list is empty, or there is no block.

    Source: Zoph et al. 2018, section 3.1.

    Example:
        >>> len(CellSpace().decisions), f"{CellSpace(num_blocks=1).size:,}"
        (50, '1,827,904')
    """

    operations: tuple[str, ...] = NASNET_OPERATIONS
    num_blocks: int = 5
    combines: tuple[str, ...] = COMBINES
    decisions: tuple[Decision, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        for name, legal in (("operations", OPERATIONS), ("combines", COMBINES)):
            values = tuple(getattr(self, name))
            unknown = [value for value in values if value not in legal]
            if not values or unknown or len(set(values)) != len(values):
                raise ValueError(f"{name} must be some of {', '.join(legal)}, each once, got {values}")
            object.__setattr__(self, name, values)
        object.__setattr__(self, "num_blocks", positive_integer("num_blocks", self.num_blocks))
        decisions = []
        for role in ("normal", "reduction"):
            for index in range(self.num_blocks):
                states = (CURRENT, PREVIOUS, *map(block_state, range(index)))
                choices = {"left_input": states, "right_input": states}
                choices |= {"left_operation": self.operations, "right_operation": self.operations}
                choices |= {"combine": self.combines}
                decisions += [Decision(f"{role}_{block_state(index)}_{name}", c) for name, c in choices.items()]
        object.__setattr__(self, "decisions", tuple(decisions))

    @property
    def size(self) -> int:
        """How many lists of choices there are (several may describe the same network)."""
        return math.prod(len(decision.choices) for decision in self.decisions)

    def sample(self, generator: np.random.Generator) -> tuple[int, ...]:
        """Choices drawn uniformly for each decision."""
        return tuple(int(generator.integers(len(decision.choices))) for decision in self.decisions)

    def decode(self, choices: tuple[int, ...]) -> Genotype:
        """The genotype that a list of choices, one index a decision, describes.

        Raises:
            ValueError: the list has another length, or an index is out of range.
        """
        if len(choices) != len(self.decisions):
            raise ValueError(f"expected {len(self.decisions)} choices, got {len(choices)}")
        picked = []
        for decision, choice in zip(self.decisions, choices, strict=True):
            if not 0 <= choice < len(decision.choices):
                raise ValueError(f"{decision.name} must be from 0 to {len(decision.choices) - 1}, got {choice}")
            picked.append(decision.choices[choice])
        half = len(picked) // 2
        return Genotype(_cell(picked[:half]), _cell(picked[half:]))


def _cell(picked: list[str]) -> Cell:
    blocks = []
    for start in range(0, len(picked), 5):
        left_input, right_input, left_operation, right_operation, combine = picked[start : start + 5]
        blocks.append(Block(Edge(left_operation, left_input), Edge(right_operation, right_input), combine))
    read = {edge.input for block in blocks for edge in block.edges}
    return Cell(blocks, [state for state in map(block_state, range(len(blocks))) if state not in read])
