"""Genotypes of other code: from and to the DARTS convention, and from ENAS' arcs of cells and of layers.

For cells, both number the inputs 0, the older one (`previous`), and 1, the newer one (`current`), and blocks from 2. A
genotype that comes from other code names the family whose skeleton it was published with, and is built on that.

What is read may be as Python has it, as NumPy has it, or as it is printed. What is not certain, such as operations by a
project's own numbers, is refused, and so is what is larger than a genotype can be, before anything is made of it.
"""

import ast
import re
from collections.abc import Mapping, Sequence
from typing import Any

from nasnet_keras.genotypes.base import MAX_BYTES, MAX_ENTRIES, require, short
from nasnet_keras.genotypes.cells import (
    CURRENT,
    PREVIOUS,
    Block,
    Cell,
    Edge,
    Genotype,
    GenotypeError,
    block_state,
    suggestion,
)
from nasnet_keras.genotypes.macro import STEM, MacroGenotype, MacroLayer, layer_output
from nasnet_keras.genotypes.operations import MACRO_OPERATIONS
from nasnet_keras.genotypes.skeleton import DARTS, ENAS
from nasnet_keras.utils.checks import integer, quoted

__all__ = ["DARTS_FIELDS", "ENAS_OPERATIONS", "from_darts", "from_enas", "from_enas_macro", "to_darts"]

_INPUTS = (PREVIOUS, CURRENT)
_LONGEST_PRINTED = 1 << 16
_CALL = "Genotype("
_NUMPY_SCALAR = re.compile(r"u?int\d+|float\d+|str_")
_NUMPY_WORDS = re.compile(r"\b(?:np\.|numpy\.)?(?:array|u?int\d+)(?=\()|,\s*dtype=\w+")

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
DARTS_FIELDS = ("normal", "normal_concat", "reduce", "reduce_concat")
"""The fields of DARTS' genotypes, in order."""
ENAS_OPERATIONS = ("sep_conv_3x3", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3", "factorized_identity")
"""The operations of ENAS' cells, by ENAS' numbers."""


def from_darts(
    normal: Any, normal_concat: Any = None, reduce: Any = None, reduce_concat: Any = None, *others: object
) -> Genotype:
    """A genotype from one of DARTS: `from_darts(darts_genotype)`, or `from_darts(*darts_genotype)`.

    Args:
        normal, reduce: pairs of operation and state, two a block; or pairs of such pairs, one a block. A third number
            beside operation and state, which some projects keep of their search, is left out.
        normal_concat, reduce_concat: the states of the output. All four may instead be one value: DARTS' `Genotype`,
            a dict of its fields, or the text that it is printed as.
        others: what other projects have as further fields, which must be None.

    Returns:
        A genotype on the skeleton of DARTS, which P-DARTS, PC-DARTS, GDAS and others share with it.

    Raises:
        GenotypeError: an operation has no counterpart (the 1×7-7×1 convolution of DARTS' AmoebaNet is one) or is a
            number, a state does not exist, a field is missing, or there is an odd number of pairs.

    Example:
        >>> cell = [("sep_conv_3x3", 1), ("skip_connect", 0)]
        >>> genotype = from_darts(cell, [2], cell, [2])
        >>> str(genotype.normal.blocks[0]), genotype.skeleton
        ('sep_conv_3x3(current) + skip_connect(previous)', 'darts')
        >>> from_darts(f"Genotype(normal={cell}, normal_concat=[2], reduce={cell}, reduce_concat=[2])") == genotype
        True
    """
    values = normal, normal_concat, reduce, reduce_concat
    if all(value is None for value in values[1:]):
        *values, others = _darts_fields(normal)
    if missing := [name for name, value in zip(DARTS_FIELDS, values, strict=True) if value is None]:
        raise GenotypeError(f"DARTS' genotypes have the fields {', '.join(DARTS_FIELDS)}; this one lacks {missing[0]}")
    if given := [value for value in others if value is not None]:
        raise GenotypeError(f"a further field of DARTS' genotypes must be None, got {short(given[0])}")
    return Genotype(_darts_cell(*values[:2]), _darts_cell(*values[2:]), DARTS.name)


def _darts_fields(value: Any) -> tuple[Any, ...]:
    """The four fields of what may be one of DARTS' genotypes, and a tuple of any further ones."""
    if isinstance(value, str):
        value = _printed(value)
    if not isinstance(value, Mapping):
        found = {name: getattr(value, name, None) for name in DARTS_FIELDS}
        others = {name: getattr(value, name) for name in getattr(value, "_fields", ()) if name not in found}
        if found["normal"] is None:
            raise GenotypeError(f"DARTS' genotypes have the fields {', '.join(DARTS_FIELDS)}, got {short(value)}")
        value = {**found, **others}
    return *(value.get(name) for name in DARTS_FIELDS), tuple(v for k, v in value.items() if k not in DARTS_FIELDS)


def _printed(text: str) -> dict[str, Any]:
    """The fields in a text such as `Genotype(normal=[('skip_connect', 0), …], normal_concat=range(2, 6), …)`."""
    advice = "expected DARTS' genotype as it is printed, Genotype(normal=[…], normal_concat=…, …)"
    if len(text) > _LONGEST_PRINTED or (count := text.count(_CALL)) == 0:
        raise GenotypeError(f"{advice}, got {short(text)}")
    if count > 1:
        raise GenotypeError(f"{advice}, got {count} of them: {short(text)}")
    try:
        call = ast.parse(_call(text[text.index(_CALL) :]), mode="eval").body
        if not isinstance(call, ast.Call) or any(keyword.arg is None for keyword in call.keywords):
            raise ValueError("it is no call")
        named = {keyword.arg: _literal(keyword.value) for keyword in call.keywords}
        return {**dict(zip(DARTS_FIELDS, map(_literal, call.args), strict=False)), **named}
    except (SyntaxError, ValueError, TypeError, RecursionError, MemoryError):
        raise GenotypeError(f"{advice}, with nothing but lists, texts and numbers in it, got {short(text)}") from None


def _call(text: str) -> str:
    """A text that begins with a call, without what follows: a line of a log may end with other words."""
    depth = 0
    for end, letter in enumerate(text, start=1):
        depth += (letter == "(") - (letter == ")")
        if letter == ")" and depth == 0:
            return text[:end]
    raise ValueError("its brackets are not closed")


def _literal(node: ast.expr) -> Any:
    """A value as Python or NumPy prints it, in which `range(…)`, `array(…)` and `np.int64(…)` may stand too."""
    if isinstance(node, ast.Call):
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        arguments = [_literal(argument) for argument in node.args]
        if name == "range":
            return range(*arguments)
        if name in ("list", "array"):
            return _listed(*arguments, "a list")
        if _NUMPY_SCALAR.fullmatch(name) and len(arguments) == 1:
            return arguments[0]
    if isinstance(node, ast.List | ast.Tuple):
        return [_literal(item) for item in node.elts]
    return ast.literal_eval(node)


def _darts_cell(edges: Any, concat: Any) -> Cell:
    flat: list[Edge] = []
    for item in _listed(edges, "a sequence of pairs as a DARTS cell"):
        pair = _listed(item, "a pair of operation and state")
        nested = bool(pair) and isinstance(pair[0], Sequence) and not isinstance(pair[0], str) and len(pair[0]) > 1
        if nested and len(pair) != 2:
            raise GenotypeError(f"a block of a DARTS cell has two pairs of operation and state, got {short(item)}")
        both = pair if nested else [pair]
        flat += [_darts_edge(_listed(edge, "a pair of operation and state")) for edge in both]
    if len(flat) % 2:
        raise GenotypeError(f"a DARTS cell has two edges a block, got {len(flat)} edges")
    blocks = [Block(left, right) for left, right in zip(flat[::2], flat[1::2], strict=True)]
    return Cell(blocks, [_state(state) for state in _listed(concat, "a sequence of states as a DARTS cell's output")])


def _darts_edge(pair: list[Any]) -> Edge:
    weighed = len(pair) == 3 and isinstance(pair[2], float)
    if len(pair) != 2 and not weighed:
        raise GenotypeError(f"expected a pair of operation and state, got {short(pair)}")
    operation, state = pair[:2]
    if not isinstance(operation, str):
        number = integer(operation) is not None
        advice = "whose numbers differ from project to project" if number else "such as 'sep_conv_3x3'"
        raise GenotypeError(f"an operation must be given by its name, {advice}, got {short(operation)}")
    if operation not in _DARTS:
        raise GenotypeError(
            f"DARTS' operation {quoted(operation)} has none like it here: {suggestion(operation, _DARTS)}"
        )
    return Edge(_DARTS[operation], _state(state))


def to_darts(genotype: Genotype) -> dict[str, list[Any]]:
    """The four fields of DARTS' `Genotype`: `Genotype(**to_darts(genotype))` there, which is stacked as DARTS stacks.

    Raises:
        GenotypeError: a block concatenates, or an operation has no counterpart (`identity` among them: DARTS' own,
            `skip_connect`, is another operation at stride 2).

    Example:
        >>> from nasnet_keras.genotypes import DARTS_V2
        >>> to_darts(DARTS_V2)["normal"][:2]
        [('sep_conv_3x3', 0), ('sep_conv_3x3', 1)]
    """
    require(genotype, Genotype, "what becomes DARTS'")
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


def from_enas(normal: Any, reduction: Any) -> Genotype:
    """A genotype from ENAS' two micro arcs.

    Args:
        normal, reduction: numbers, or a text of them, with brackets and commas or without: for each block the state and
            the operation of one side, then of the other. Operations are 0 separable 3×3, 1 separable 5×5, 2 average
            pool, 3 maximum pool, 4 identity.

    Returns:
        A genotype on ENAS' skeleton. Its cells output what no block reads, in order.

    Raises:
        GenotypeError: an arc is not made of fours of numbers in range.

    Example:
        >>> genotype = from_enas("0 2 0 0", [1, 0, 1, 4])
        >>> str(genotype.normal.blocks[0]), genotype.skeleton
        ('avg_pool_3x3(previous) + sep_conv_3x3(previous)', 'enas')
    """
    return Genotype(_enas_cell(normal), _enas_cell(reduction), ENAS.name)


def from_enas_macro(arc: Any) -> MacroGenotype:
    """A macro genotype from ENAS' macro arc.

    Args:
        arc: one row a layer: its operation, a number of `MACRO_OPERATIONS`, then a bit for each output before its
            input, the stem's first: whether it skips there. Or the same numbers without rows; or a text of them, one
            row a line, one row in brackets, or all on one line.

    Raises:
        GenotypeError: it is not made of such rows.

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
        else _listed(arc, "a text or rows of numbers as an ENAS macro arc", MAX_ENTRIES**2)
    )
    if len(rows) > 1 and _whole(rows[0]) is not None and not isinstance(rows[0], str):
        rows = _triangle(rows)
    if len(rows) > MAX_ENTRIES:
        raise GenotypeError(f"an ENAS macro arc must have at most {MAX_ENTRIES:,} rows, got {len(rows):,}")
    return MacroGenotype([_enas_layer(index, _numbers(row)) for index, row in enumerate(rows)])


def _rows(text: str) -> list[Any]:
    """The rows of a text: what its brackets hold, or its lines, or where it has one only, one number, two and so on."""
    if len(text) > MAX_BYTES:
        raise GenotypeError(f"an ENAS macro arc of {len(text):,} letters is too large")
    text = _NUMPY_WORDS.sub("", text)
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


def _enas_layer(index: int, row: list[int]) -> MacroLayer:
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


def _enas_cell(arc: Any) -> Cell:
    numbers = _numbers(arc, 4 * MAX_ENTRIES)
    if not numbers or len(numbers) % 4:
        raise GenotypeError(f"an ENAS arc has four numbers a block, got {len(numbers)}")

    def edge(state: int, operation: int) -> Edge:
        if not 0 <= operation < len(ENAS_OPERATIONS):
            raise GenotypeError(f"ENAS' operations are 0 to {len(ENAS_OPERATIONS) - 1}, got {quoted(operation)}")
        return Edge(ENAS_OPERATIONS[operation], _state(state))

    blocks = [Block(edge(*numbers[i : i + 2]), edge(*numbers[i + 2 : i + 4])) for i in range(0, len(numbers), 4)]
    read = {edge.input for block in blocks for edge in block.edges}
    states = (*_INPUTS, *(block_state(index) for index in range(len(blocks))))
    return Cell(blocks, [state for state in states if state not in read])


def _numbers(arc: Any, most: int = MAX_ENTRIES) -> list[int]:
    """The whole numbers of an arc: of a text, of a sequence, or of rows."""
    if isinstance(arc, str):
        items = re.sub(r"[\[\](),]", " ", _NUMPY_WORDS.sub("", arc[: MAX_BYTES + 1])).split()
    else:
        items = _listed(arc, "a list of whole numbers as an ENAS arc", most)
        if items and all(isinstance(item, Sequence) and not isinstance(item, str) for item in items):
            items = [number for item in items for number in item]
    numbers = [_whole(item) for item in items[: most + 1]]
    if None in numbers or len(numbers) > most:
        raise GenotypeError(f"an ENAS arc is a list of whole numbers, at most {most:,}, got {short(arc)}")
    return numbers


def _listed(value: Any, what: str, most: int = MAX_ENTRIES * 2) -> list[Any]:
    """A sequence, or an array of NumPy or the like, as a list."""
    size = getattr(value, "size", None)
    if hasattr(value, "tolist") and integer(size) is not None and size <= most:
        value = value.tolist()
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise GenotypeError(f"expected {what}, got {short(value)}")
    if len(value) > most:
        raise GenotypeError(f"expected {what}, with at most {most:,} entries, got {len(value):,}")
    return list(value)


def _whole(value: Any) -> int | None:
    """A number of any type, or as a text, where it is a whole one; else None."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdecimal() and len(value) < 10 else None
    return integer(value)


def _state(number: Any) -> str:
    state = _whole(number)
    if state is None or not 0 <= state < MAX_ENTRIES + 2:
        raise GenotypeError(f"a state must be a whole number from 0, got {short(number)}")
    return _INPUTS[state] if state < 2 else block_state(state - 2)
