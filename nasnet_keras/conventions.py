"""Genotypes of other code: from and to the DARTS convention, and from ENAS' arcs of cells and of layers.

For cells, both number the inputs 0, the older one (`previous`), and 1, the newer one (`current`), and blocks from 2.
"""

from collections.abc import Sequence
from typing import Any

from nasnet_keras.genotype import CURRENT, PREVIOUS, Block, Cell, Edge, Genotype, GenotypeError, block_state, suggestion
from nasnet_keras.macro_genotype import MACRO_OPERATIONS, STEM, MacroGenotype, MacroLayer, layer_output

__all__ = ["ENAS_OPERATIONS", "from_darts", "from_enas", "from_enas_macro", "to_darts"]

_INPUTS = (PREVIOUS, CURRENT)

# DARTS' name: ours. Its dilated convolutions are separable ones.
_DARTS = {
    "max_pool_3x3": "max_pool_3x3",
    "avg_pool_3x3": "avg_pool_3x3",
    "skip_connect": "skip_connect",
    "sep_conv_3x3": "sep_conv_3x3",
    "sep_conv_5x5": "sep_conv_5x5",
    "sep_conv_7x7": "sep_conv_7x7",
    "dil_conv_3x3": "dil_sep_conv_3x3",
    "dil_conv_5x5": "dil_sep_conv_5x5",
}
ENAS_OPERATIONS = ("sep_conv_3x3", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3", "factorized_identity")
"""The operations of ENAS' cells, by ENAS' numbers."""

DartsEdges = Sequence[tuple[str, int]]


def from_darts(
    normal: DartsEdges, normal_concat: Sequence[int], reduce: DartsEdges, reduce_concat: Sequence[int]
) -> Genotype:
    """A genotype from the four fields of DARTS' `Genotype`: `from_darts(*darts_genotype)`.

    Args:
        normal, reduce: pairs of operation and state, two a block.
        normal_concat, reduce_concat: the states of the output.

    Raises:
        GenotypeError: an operation has no counterpart (the 1×7-7×1 convolution of DARTS' AmoebaNet is one), a state
            does not exist, or there is an odd number of pairs.

    Example:
        >>> cell = [("sep_conv_3x3", 1), ("skip_connect", 0)]
        >>> str(from_darts(cell, [2], cell, [2]).normal.blocks[0])
        'sep_conv_3x3(current) + skip_connect(previous)'
    """

    def edge(pair: Any) -> Edge:
        try:
            operation, state = pair
        except (TypeError, ValueError):
            raise GenotypeError(f"expected a pair of operation and state, got {pair!r}") from None
        if operation not in _DARTS:
            raise GenotypeError(
                f"DARTS' operation {operation!r} has none like it here: {suggestion(operation, _DARTS)}"
            )
        return Edge(_DARTS[operation], _state(state))

    def cell(edges: DartsEdges, concat: Sequence[int]) -> Cell:
        if len(edges) % 2:
            raise GenotypeError(f"a DARTS cell has two edges a block, got {len(edges)} edges")
        pairs = [edge(pair) for pair in edges]
        blocks = [Block(left, right) for left, right in zip(pairs[::2], pairs[1::2], strict=True)]
        return Cell(blocks, [_state(state) for state in concat])

    return Genotype(cell(normal, normal_concat), cell(reduce, reduce_concat))


def to_darts(genotype: Genotype) -> dict[str, list[Any]]:
    """The four fields of DARTS' `Genotype`: `Genotype(**to_darts(genotype))` there.

    Raises:
        GenotypeError: a block concatenates, or an operation has no counterpart (`identity` among them: DARTS' own,
            `skip_connect`, is another operation at stride 2).

    Example:
        >>> from nasnet_keras.genotypes import DARTS_V2
        >>> to_darts(DARTS_V2)["normal"][:2]
        [('sep_conv_3x3', 0), ('sep_conv_3x3', 1)]
    """
    theirs = {ours: name for name, ours in _DARTS.items()}

    def cell(value: Cell) -> tuple[list[tuple[str, int]], list[int]]:
        numbers = {state: number for number, state in enumerate((*_INPUTS, *value.states[2:]))}
        edges = []
        for block in value.blocks:
            if block.combine != "add":
                raise GenotypeError(f"DARTS only adds; {block} does not")
            for edge in block.edges:
                if edge.operation not in theirs:
                    raise GenotypeError(
                        f"{edge.operation!r} is no DARTS operation: {suggestion(edge.operation, theirs)}"
                    )
                edges.append((theirs[edge.operation], numbers[edge.input]))
        return edges, [numbers[output] for output in value.outputs]

    normal, normal_concat = cell(genotype.normal)
    reduce, reduce_concat = cell(genotype.reduction)
    return {"normal": normal, "normal_concat": normal_concat, "reduce": reduce, "reduce_concat": reduce_concat}


def from_enas(normal: str | Sequence[int], reduction: str | Sequence[int]) -> Genotype:
    """A genotype from ENAS' two micro arcs.

    Args:
        normal, reduction: numbers, or a string of them: for each block the state and the operation of one side, then
            of the other. Operations are 0 separable 3×3, 1 separable 5×5, 2 average pool, 3 maximum pool, 4 identity.

    The cells output what no block reads, in order.

    Raises:
        GenotypeError: an arc is not made of fours of numbers in range.

    Example:
        >>> str(from_enas("0 2 0 0", "1 0 1 4").normal.blocks[0])
        'avg_pool_3x3(previous) + sep_conv_3x3(previous)'
    """
    return Genotype(_enas_cell(normal), _enas_cell(reduction))


def from_enas_macro(arc: str | Sequence[Sequence[int]]) -> MacroGenotype:
    """A macro genotype from ENAS' macro arc.

    Args:
        arc: one row a layer: its operation, a number of `MACRO_OPERATIONS`, then a bit for each output before its
            input, the stem's first: whether it skips there. Or a text of such rows, one a line or all on one.

    Raises:
        GenotypeError: it is not made of such rows.

    Example:
        >>> print(from_enas_macro("0  3 0  0 1 0").describe())
        3 layers, 1 skips
          layer_0 = conv_3x3(stem)
          layer_1 = sep_conv_5x5(layer_0)
          layer_2 = conv_3x3(layer_1) + stem
    """
    rows = _rows(arc) if isinstance(arc, str) else arc
    if not isinstance(rows, Sequence):
        raise GenotypeError(f"an ENAS macro arc is a text or rows of numbers, got {arc!r:.80}")
    return MacroGenotype([_enas_layer(index, _numbers(row)) for index, row in enumerate(rows)])


def _rows(text: str) -> list[Sequence[Any]]:
    """The rows of a text: its lines, or where it has one only, one number, two, three and so on."""
    lines = [line.split() for line in text.splitlines() if line.strip()]
    if len(lines) != 1:
        return lines
    numbers, rows = lines[0], []
    while numbers:
        rows.append(numbers[: len(rows) + 1])
        numbers = numbers[len(rows) :]
    return rows


def _enas_layer(index: int, row: list[int]) -> MacroLayer:
    if len(row) != index + 1:
        raise GenotypeError(f"row {index} of an ENAS macro arc has {index + 1} numbers, got {len(row)}")
    operation, *bits = row
    if not 0 <= operation < len(MACRO_OPERATIONS):
        raise GenotypeError(f"ENAS' macro operations are 0 to {len(MACRO_OPERATIONS) - 1}, got {operation}")
    if not {0, 1}.issuperset(bits):
        raise GenotypeError(f"after its operation, row {index} of an ENAS macro arc has only 0 and 1, got {bits}")
    outputs = (STEM, *map(layer_output, range(index)))
    return MacroLayer(MACRO_OPERATIONS[operation], [outputs[place] for place, bit in enumerate(bits) if bit])


def _numbers(arc: Any) -> list[int]:
    try:
        return [int(number) for number in (arc.split() if isinstance(arc, str) else arc)]
    except (TypeError, ValueError):
        raise GenotypeError(f"an ENAS arc is a list of whole numbers, got {arc!r:.80}") from None


def _enas_cell(arc: str | Sequence[int]) -> Cell:
    numbers = _numbers(arc)
    if not numbers or len(numbers) % 4:
        raise GenotypeError(f"an ENAS arc has four numbers a block, got {len(numbers)}")

    def edge(state: int, operation: int) -> Edge:
        if not 0 <= operation < len(ENAS_OPERATIONS):
            raise GenotypeError(f"ENAS' operations are 0 to {len(ENAS_OPERATIONS) - 1}, got {operation}")
        return Edge(ENAS_OPERATIONS[operation], _state(state))

    blocks = [Block(edge(*numbers[i : i + 2]), edge(*numbers[i + 2 : i + 4])) for i in range(0, len(numbers), 4)]
    read = {edge.input for block in blocks for edge in block.edges}
    states = (*_INPUTS, *(block_state(index) for index in range(len(blocks))))
    return Cell(blocks, [state for state in states if state not in read])


def _state(number: Any) -> str:
    if type(number) is not int or number < 0:
        raise GenotypeError(f"a state must be a whole number from 0, got {number!r}")
    return _INPUTS[number] if number < 2 else block_state(number - 2)
