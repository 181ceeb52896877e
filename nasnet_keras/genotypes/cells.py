"""Genotypes of cells: an architecture as a value.

A *cell* is a list of *blocks*. A block applies an operation to each of two states and combines the results into a new
state. States have names: a cell reads `"current"` (the output of the cell below it) and `"previous"` (the output of the
one below that), and block number `i` makes the state `"block_i"`. A cell lists the states that it outputs, since the
rule "concatenate the states that no block reads" cannot express the released networks.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

from nasnet_keras.genotypes.base import (
    BaseGenotype,
    GenotypeError,
    checked,
    fields,
    items,
    require,
    tuple_of,
)
from nasnet_keras.genotypes.operations import OPERATIONS
from nasnet_keras.genotypes.order import canonical_order
from nasnet_keras.genotypes.skeleton import SKELETONS
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.near import suggestion

__all__ = ["COMBINES", "CURRENT", "PREVIOUS", "Block", "Cell", "Edge", "Genotype", "GenotypeError", "block_state"]

CURRENT = "current"
PREVIOUS = "previous"
COMBINES = ("add", "concat")


def block_state(index: int) -> str:
    """Return the name of the state that a block makes: `block_state(2) == "block_2"`."""
    return f"block_{index}"


@dataclass(frozen=True)
class Edge:
    """One operation applied to one state.

    Attributes:
        operation: a name in `nasnet_keras.genotypes.operations.OPERATIONS`.
        input: the state that the operation reads: `"current"`, `"previous"` or `"block_i"`.

    Raises:
        GenotypeError: the operation is unknown, or an attribute is not a string.

    Example:
        >>> Edge("sep_conv_5x5", "current")
        Edge(operation='sep_conv_5x5', input='current')
    """

    operation: str
    input: str

    def __post_init__(self) -> None:
        require(self.operation, str, "an edge's operation")
        require(self.input, str, "an edge's input")
        if self.operation not in OPERATIONS:
            raise GenotypeError(f"unknown operation {quoted(self.operation)}: {suggestion(self.operation, OPERATIONS)}")

    def __str__(self) -> str:
        return f"{self.operation}({self.input})"


@dataclass(frozen=True)
class Block:
    """Two edges whose results are combined into one state.

    Attributes:
        left, right: the edges.
        combine: `"add"` (the state has F filters) or `"concat"` (it has 2F filters).

    Raises:
        GenotypeError: an edge is not an `Edge`, or `combine` is neither of the two.

    Example:
        >>> str(Block(Edge("identity", "current"), Edge("avg_pool_3x3", "previous")))
        'identity(current) + avg_pool_3x3(previous)'
    """

    left: Edge
    right: Edge
    combine: str = "add"

    def __post_init__(self) -> None:
        require(self.left, Edge, "a block's left edge")
        require(self.right, Edge, "a block's right edge")
        require(self.combine, str, "a block's combine")
        if self.combine not in COMBINES:
            raise GenotypeError(f"unknown combine {quoted(self.combine)}: {suggestion(self.combine, COMBINES)}")

    @property
    def edges(self) -> tuple[Edge, Edge]:
        """The left edge, then the right one."""
        return self.left, self.right

    def __str__(self) -> str:
        if self.combine == "add":
            return f"{self.left} + {self.right}"
        return f"concat({self.left}, {self.right})"


_UNUSED = Block(Edge("identity", CURRENT), Edge("identity", CURRENT))


@dataclass(frozen=True)
class Cell:
    """Blocks in order, and the states that the cell concatenates as its output.

    A block that no output depends on is legal and is not built.

    Attributes:
        blocks: from 1 to 1,000 blocks; block `i` may read the two inputs and the blocks before it.
        outputs: at least one state, each listed once, concatenated in this order.

    Raises:
        GenotypeError: an input or output does not exist or comes from a later block, an output is listed twice, or
            the number of blocks is out of range.

    Example:
        >>> cell = Cell([Block(Edge("identity", "current"), Edge("sep_conv_3x3", "previous"))], ["block_0"])
        >>> cell.states
        ('current', 'previous', 'block_0')
    """

    blocks: tuple[Block, ...]
    outputs: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "blocks", tuple_of(self.blocks, Block, "a cell's blocks"))
        object.__setattr__(self, "outputs", tuple_of(self.outputs, str, "a cell's outputs"))
        known = {CURRENT: None, PREVIOUS: None}
        for index, block in enumerate(self.blocks):
            for edge in block.edges:
                if edge.input not in known:
                    raise GenotypeError(
                        f"{block_state(index)} reads {quoted(edge.input)}, which is not an input of the cell or an "
                        f"earlier block: {suggestion(edge.input, known)}"
                    )
            known[block_state(index)] = None
        for output in self.outputs:
            if output not in known:
                raise GenotypeError(f"unknown output {quoted(output)}: {suggestion(output, known)}")
        if len(set(self.outputs)) != len(self.outputs):
            raise GenotypeError(f"a cell's outputs must differ from each other, got {quoted(self.outputs)}")

    @property
    def states(self) -> tuple[str, ...]:
        """All states, which are the two inputs and the state of each block."""
        return (CURRENT, PREVIOUS, *(block_state(index) for index in range(len(self.blocks))))

    @cached_property
    def live_states(self) -> frozenset[str]:
        """The states that the outputs depend on."""
        live = set(self.outputs)
        for index in reversed(range(len(self.blocks))):
            if block_state(index) in live:
                live.update(edge.input for edge in self.blocks[index].edges)
        return frozenset(live)

    @property
    def width(self) -> int:
        """The width of the output in units of F; each output counts 1, or 2 if its block concatenates."""
        wide = {block_state(index) for index, block in enumerate(self.blocks) if block.combine == "concat"}
        return sum(2 if output in wide else 1 for output in self.outputs)

    def canonical(self) -> "Cell":
        """The one spelling of the cell; see `Genotype.canonical`."""
        live = [index for index in range(len(self.blocks)) if block_state(index) in self.live_states]
        sources = {CURRENT: -2, PREVIOUS: -1, **{block_state(index): part for part, index in enumerate(live)}}
        blocks = [self.blocks[index] for index in live]
        edges = [[(sources[edge.input], edge.operation) for edge in block.edges] for block in blocks]
        outputs = {sources[output] for output in self.outputs}

        def described(part: int, places: Mapping[int, int]) -> tuple[Any, ...]:
            sides = sorted((source if source < 0 else places[source], operation) for source, operation in edges[part])
            return (*sides, blocks[part].combine, part in outputs)

        places = canonical_order([{source for source, _ in pair if source >= 0} for pair in edges], described)
        states = (*map(block_state, range(len(blocks))), CURRENT, PREVIOUS)  # numbers below 0 count from the end
        new = []
        for part in places:
            *sides, combine, _ = described(part, places)
            new.append(Block(*(Edge(operation, states[source]) for source, operation in sides), combine))
        new = new or [_UNUSED]  # a cell has a block at least
        return Cell(new, tuple(states[places.get(part, part)] for part in (-1, -2, *places) if part in outputs))

    def describe(self) -> str:
        """Describe the cell in words: one line a block, then the output."""
        lines = []
        for index, block in enumerate(self.blocks):
            unused = "" if block_state(index) in self.live_states else "   (unused)"
            lines.append(f"{block_state(index)} = {block}{unused}")
        joined = ", ".join(self.outputs)
        lines.append(f"output  = {f'concat({joined})' if len(self.outputs) > 1 else joined}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Genotype(BaseGenotype):
    """A whole architecture of cells: the normal cell, which keeps the size, and the reduction cell, which halves it.

    Attributes:
        normal: the cell at stride 1.
        reduction: the cell at stride 2, which the edges that read the cell's inputs have.
        skeleton: the family that the cells come from, a name in `nasnet_keras.genotypes.skeleton.SKELETONS`. Networks
            are built on its skeleton unless they are given another. None means the skeleton that the catalogue pairs
            with these cells, else NASNet's. Equality and the fingerprint depend on the cells alone.

    Raises:
        GenotypeError: a cell is not a `Cell`, or no skeleton has that name.

    Source: Zoph et al. 2018, section 3 and figures 2 and 4.

    Example:
        >>> cell = Cell([Block(Edge("identity", "current"), Edge("max_pool_3x3", "previous"))], ["block_0"])
        >>> genotype = Genotype(normal=cell, reduction=cell)
        >>> Genotype.from_json(genotype.to_json()) == genotype
        True
    """

    FORMAT: ClassVar[str] = "nasnet_keras.genotype"
    VERSION: ClassVar[int] = 2  # a genotype without a skeleton is written as version 1

    normal: Cell
    reduction: Cell
    skeleton: str | None = field(default=None, compare=False)

    def __post_init__(self) -> None:
        require(self.normal, Cell, "a genotype's normal cell")
        require(self.reduction, Cell, "a genotype's reduction cell")
        if self.skeleton is not None:
            require(self.skeleton, str, "a genotype's skeleton")
            if self.skeleton not in SKELETONS:
                raise GenotypeError(f"unknown skeleton {quoted(self.skeleton)}: {suggestion(self.skeleton, SKELETONS)}")

    def canonical(self) -> "Genotype":
        """The one spelling of the network, the same for all genotypes of equal networks.

        Each cell loses its blocks that no output depends on, since they are never built; a cell without any other block
        has one that adds twice the identity of `current`. The two sides of a block come
        in the order of their inputs, and of the operations' names where these are equal. The blocks come in the
        smallest topological order by their sides, their combine and whether they are outputs; see
        `nasnet_keras.genotypes.order`. The outputs are listed in the order of the states, `previous` before `current`.

        So these are equal, in the sense of `BaseGenotype.canonical`: blocks in another order; swapped sides, also of a
        concatenation, whose channels then come in another order; and outputs in another order, likewise. The
        convolutions and classifiers that read these channels have their weights in another order, too. There is one
        exception, in networks in which an output is just as wide as the states of the next cell and enters it as it is:
        the factorized identities of ENAS and DARTS (`factorized_identity`, `skip_connect`) treat the two halves of
        their channels differently at stride 2, so that other pairs of channels may meet in a sum.

        Blocks that do the same with the same inputs stay several blocks, since each has weights of its own. The
        skeleton stays as it is named; `nasnet_keras.genotypes.skeleton_of` is the same for equal genotypes.

        Example:
            >>> one = Block(Edge("identity", "current"), Edge("max_pool_3x3", "previous"))
            >>> other = Block(Edge("max_pool_3x3", "previous"), Edge("sep_conv_3x3", "current"))
            >>> two = Cell([one, other], ["block_0", "block_1"]), Cell([other, one, one], ["block_0", "block_1"])
            >>> len({Genotype(cell, cell).canonical() for cell in two})
            1
        """
        return Genotype(self.normal.canonical(), self.reduction.canonical(), self.skeleton)

    def describe(self) -> str:
        """Describe both cells in words, and the skeleton."""
        cells = {"normal cell": self.normal, "reduction cell": self.reduction}
        parts = []
        for title, cell in cells.items():
            body = "\n".join(f"  {line}" for line in cell.describe().splitlines())
            parts.append(f"{title}: {len(cell.blocks)} blocks, {len(cell.outputs)} states in the output\n{body}")
        return "\n".join([*parts, *([f"skeleton: {self.skeleton}"] if self.skeleton else [])])

    def operation_counts(self) -> dict[str, Counter[str]]:
        cells = {"normal cell": self.normal, "reduction cell": self.reduction}
        return {name: Counter(e.operation for b in cell.blocks for e in b.edges) for name, cell in cells.items()}

    def to_plain(self) -> dict[str, Any]:
        plain = self._identity()
        return plain if self.skeleton is None else {**plain, "version": self.VERSION, "skeleton": self.skeleton}

    def _identity(self) -> dict[str, Any]:
        cells = {"normal": _cell_to_plain(self.normal), "reduction": _cell_to_plain(self.reduction)}
        return {"format": self.FORMAT, "version": 1, **cells}

    @classmethod
    def from_plain(cls, plain: object) -> "Genotype":
        names = ("normal", "reduction")
        newest = isinstance(plain, dict) and plain.get("version") == cls.VERSION
        top = checked(plain, cls, (*names, "skeleton") if newest else names, "a genotype")
        return cls(_cell_from_plain(top["normal"]), _cell_from_plain(top["reduction"]), top.get("skeleton"))


def _cell_to_plain(cell: Cell) -> dict[str, Any]:
    def edge(value: Edge) -> dict[str, str]:
        return {"operation": value.operation, "input": value.input}

    blocks = [{"left": edge(b.left), "right": edge(b.right), "combine": b.combine} for b in cell.blocks]
    return {"blocks": blocks, "outputs": list(cell.outputs)}


def _cell_from_plain(plain: object) -> Cell:
    def edge(value: object) -> Edge:
        return Edge(**fields(value, ("operation", "input"), "an edge"))

    def block(value: object) -> Block:
        given = fields(value, ("left", "right", "combine"), "a block")
        return Block(edge(given["left"]), edge(given["right"]), given["combine"])

    given = fields(plain, ("blocks", "outputs"), "a cell")
    return Cell([block(item) for item in items(given["blocks"], "a cell's blocks")], given["outputs"])
