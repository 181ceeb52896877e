"""From ENAS' arcs, of cells (micro) and of layers (macro)."""

import re
from collections.abc import Sequence
from typing import Any

from nasnet_keras.genotypes.base import MAX_BYTES, MAX_ENTRIES, GenotypeError, short
from nasnet_keras.genotypes.cells import Block, Cell, Edge, Genotype, block_state
from nasnet_keras.genotypes.conventions.values import INPUTS, NUMPY_WORDS, as_list, numbered_state, whole
from nasnet_keras.genotypes.macro import STEM, MacroGenotype, MacroLayer, layer_output
from nasnet_keras.genotypes.operations import MACRO_OPERATIONS
from nasnet_keras.genotypes.skeleton import ENAS
from nasnet_keras.utils.checks import quoted

__all__ = ["ENAS_OPERATIONS", "from_enas", "from_enas_macro"]

ENAS_OPERATIONS = ("sep_conv_3x3", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3", "factorized_identity")
"""The operations of ENAS' cells, by ENAS' numbers."""


def from_enas(normal: Any, reduction: Any) -> Genotype:
    """Convert ENAS' two micro arcs to a genotype.

    Args:
        normal, reduction: the numbers of an arc, or a text of them, with or without brackets and commas. Each block has
            four: the state and the operation of one side, then of the other. Operations are 0 separable 3×3,
            1 separable 5×5, 2 average pool, 3 maximum pool, 4 identity.

    Returns:
        A genotype on ENAS' skeleton. Each cell outputs the states that no block reads, in order.

    Raises:
        GenotypeError: an arc does not consist of fours of numbers in range.

    Source: the encoding of the code released with Pham et al. 2018, section 2.4.

    Example:
        >>> genotype = from_enas("0 2 0 0", [1, 0, 1, 4])
        >>> str(genotype.normal.blocks[0]), genotype.skeleton
        ('avg_pool_3x3(previous) + sep_conv_3x3(previous)', 'enas')
    """
    return Genotype(_cell(normal), _cell(reduction), ENAS.name)


def from_enas_macro(arc: Any) -> MacroGenotype:
    """Convert ENAS' macro arc to a macro genotype.

    Args:
        arc: one row a layer: the number of its operation in `MACRO_OPERATIONS`, then a bit for each output before its
            input, the stem's first, which is 1 if the layer skips there. The same numbers may be given without rows,
            or as a text: one row a line, one row in brackets, or all on one line.

    Raises:
        GenotypeError: the arc does not consist of such rows.

    Source: the encoding of the code released with Pham et al. 2018, section 2.3.

    Example:
        >>> print(from_enas_macro("0  3 0  0 1 0").describe())
        3 layers, 1 skips
          layer_0 = conv_3x3(stem)
          layer_1 = sep_conv_5x5(layer_0)
          layer_2 = conv_3x3(layer_1) + stem
    """
    rows = (
        _rows(arc)
        if isinstance(arc, str)
        else as_list(arc, "a text or rows of numbers as an ENAS macro arc", MAX_ENTRIES**2)
    )
    if len(rows) > 1 and whole(rows[0]) is not None and not isinstance(rows[0], str):
        rows = _triangle(rows)
    if len(rows) > MAX_ENTRIES:
        raise GenotypeError(f"an ENAS macro arc must have at most {MAX_ENTRIES:,} rows, got {len(rows):,}")
    return MacroGenotype([_layer(index, _numbers(row)) for index, row in enumerate(rows)])


def _rows(text: str) -> list[Any]:
    """The rows of a text: the contents of its brackets, or its lines; a single line is cut into rows."""
    if len(text) > MAX_BYTES:
        raise GenotypeError(f"an ENAS macro arc of {len(text):,} letters is too large")
    text = NUMPY_WORDS.sub("", text)
    bracketed = re.findall(r"\[([^\[\]]*)\]", text)
    outside = re.sub(r"\[[^\[\]]*\]", "", text)
    if bracketed and outside.strip("[](), \t\r\n"):
        raise GenotypeError(f"an ENAS macro arc has all its rows in brackets or none, got {short(text)}")
    rows = bracketed or [line for line in text.splitlines() if line.strip()]
    return rows if len(rows) != 1 else _triangle(_numbers(rows[0], MAX_ENTRIES**2))


def _triangle(numbers: Sequence[Any]) -> list[Sequence[Any]]:
    """The numbers as rows of one, two, three and so on."""
    rows: list[Sequence[Any]] = []
    start = 0
    while start < len(numbers):
        rows.append(numbers[start : start + len(rows) + 1])
        start += len(rows)
    return rows


def _layer(index: int, row: list[int]) -> MacroLayer:
    if len(row) != index + 1:
        raise GenotypeError(f"row {index} of an ENAS macro arc has {index + 1} numbers, got {len(row)}")
    operation, *bits = row
    if not 0 <= operation < len(MACRO_OPERATIONS):
        raise GenotypeError(f"ENAS' macro operations are 0 to {len(MACRO_OPERATIONS) - 1}, got {quoted(operation)}")
    if not {0, 1}.issuperset(bits):
        raise GenotypeError(
            f"after its operation, row {index} of an ENAS macro arc has only 0 and 1, got {quoted(bits)}"
        )
    outputs = (STEM, *map(layer_output, range(index)))
    return MacroLayer(MACRO_OPERATIONS[operation], [outputs[place] for place, bit in enumerate(bits) if bit])


def _cell(arc: Any) -> Cell:
    numbers = _numbers(arc, 4 * MAX_ENTRIES)
    if not numbers or len(numbers) % 4:
        raise GenotypeError(f"an ENAS arc has four numbers a block, got {len(numbers)}")
    blocks = [Block(_edge(*numbers[i : i + 2]), _edge(*numbers[i + 2 : i + 4])) for i in range(0, len(numbers), 4)]
    read = {edge.input for block in blocks for edge in block.edges}
    states = (*INPUTS, *(block_state(index) for index in range(len(blocks))))
    return Cell(blocks, [state for state in states if state not in read])


def _edge(state: int, operation: int) -> Edge:
    if not 0 <= operation < len(ENAS_OPERATIONS):
        raise GenotypeError(f"ENAS' operations are 0 to {len(ENAS_OPERATIONS) - 1}, got {quoted(operation)}")
    return Edge(ENAS_OPERATIONS[operation], numbered_state(state))


def _numbers(arc: Any, most: int = MAX_ENTRIES) -> list[int]:
    """The whole numbers in a text, in a sequence, or in rows of an arc."""
    if isinstance(arc, str):
        items = re.sub(r"[\[\](),]", " ", NUMPY_WORDS.sub("", arc[: MAX_BYTES + 1])).split()
    else:
        items = as_list(arc, "a list of whole numbers as an ENAS arc", most)
        if items and all(isinstance(item, Sequence) and not isinstance(item, str) for item in items):
            items = [number for item in items for number in item]
    numbers = [whole(item) for item in items[: most + 1]]
    if None in numbers or len(numbers) > most:
        raise GenotypeError(f"an ENAS arc is a list of whole numbers, at most {most:,}, got {short(arc)}")
    return numbers
