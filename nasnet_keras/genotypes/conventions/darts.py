"""From and to the genotypes of DARTS' code, and of the projects that share its convention."""

from collections.abc import Mapping, Sequence
from typing import Any

from nasnet_keras.genotypes.base import GenotypeError, require, short
from nasnet_keras.genotypes.cells import Block, Cell, Edge, Genotype
from nasnet_keras.genotypes.conventions.printed import printed_fields
from nasnet_keras.genotypes.conventions.values import INPUTS, as_list, numbered_state
from nasnet_keras.genotypes.skeleton import DARTS
from nasnet_keras.utils.checks import integer, quoted
from nasnet_keras.utils.near import suggestion

__all__ = ["DARTS_FIELDS", "from_darts", "to_darts"]

# DARTS' name: ours. Its dilated convolutions are separable ones.
_OPERATIONS = {
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


def from_darts(
    normal: Any, normal_concat: Any = None, reduce: Any = None, reduce_concat: Any = None, *others: object
) -> Genotype:
    """Convert one of DARTS' genotypes: `from_darts(darts_genotype)`, or `from_darts(*darts_genotype)`.

    Args:
        normal, reduce: pairs of operation and state, two a block; or pairs of such pairs, one a block. A third number
            beside operation and state, which some projects keep of their search, is ignored. Alone, `normal` may be
            a whole genotype: DARTS' `Genotype`, a dict of its fields, or the text that it is printed as.
        normal_concat, reduce_concat: the states that the cells output.
        others: further fields of other projects, which must be None.

    Returns:
        A genotype on the skeleton of DARTS, which P-DARTS, PC-DARTS, GDAS and others share with it.

    Raises:
        GenotypeError: an operation has no counterpart (the 1×7-7×1 convolution of DARTS' AmoebaNet has none) or is a
            number, a state does not exist, a field is missing, or there is an odd number of pairs.

    Source: the encoding of the code released with Liu et al. 2019.

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
        *values, others = _fields(normal)
    if missing := [name for name, value in zip(DARTS_FIELDS, values, strict=True) if value is None]:
        raise GenotypeError(f"DARTS' genotypes have the fields {', '.join(DARTS_FIELDS)}; this one lacks {missing[0]}")
    if given := [value for value in others if value is not None]:
        raise GenotypeError(f"a further field of DARTS' genotypes must be None, got {short(given[0])}")
    return Genotype(_cell(*values[:2]), _cell(*values[2:]), DARTS.name)


def to_darts(genotype: Genotype) -> dict[str, list[Any]]:
    """Convert a genotype to the four fields of DARTS' `Genotype`, for `Genotype(**to_darts(genotype))` there.

    DARTS' code stacks the cells on its own skeleton, whatever skeleton the genotype names.

    Args:
        genotype: of cells whose blocks only add.

    Raises:
        GenotypeError: a block concatenates, or an operation has no counterpart. `identity` has none: DARTS' own,
            `skip_connect`, is another operation at stride 2.

    Example:
        >>> from nasnet_keras.genotypes import DARTS_V2
        >>> to_darts(DARTS_V2)["normal"][:2]
        [('sep_conv_3x3', 0), ('sep_conv_3x3', 1)]
    """
    require(genotype, Genotype, "what becomes DARTS'")
    normal, normal_concat = _pairs(genotype.normal)
    reduce, reduce_concat = _pairs(genotype.reduction)
    return {"normal": normal, "normal_concat": normal_concat, "reduce": reduce, "reduce_concat": reduce_concat}


def _pairs(cell: Cell) -> tuple[list[tuple[str, int]], list[int]]:
    """The operation and state of each edge of a cell, and the states of its output."""
    theirs = {ours: name for name, ours in _OPERATIONS.items()}
    numbers = {state: number for number, state in enumerate((*INPUTS, *cell.states[2:]))}
    edges = []
    for block in cell.blocks:
        if block.combine != "add":
            raise GenotypeError(f"DARTS only adds; {block} does not")
        for edge in block.edges:
            if edge.operation not in theirs:
                raise GenotypeError(f"{edge.operation!r} is no DARTS operation: {suggestion(edge.operation, theirs)}")
            edges.append((theirs[edge.operation], numbers[edge.input]))
    return edges, [numbers[output] for output in cell.outputs]


def _fields(value: Any) -> tuple[Any, ...]:
    """The four fields of a value that may be one of DARTS' genotypes, and a tuple of any further ones."""
    if isinstance(value, str):
        value = printed_fields(value, DARTS_FIELDS)
    if not isinstance(value, Mapping):
        found = {name: getattr(value, name, None) for name in DARTS_FIELDS}
        others = {name: getattr(value, name) for name in getattr(value, "_fields", ()) if name not in found}
        if found["normal"] is None:
            raise GenotypeError(f"DARTS' genotypes have the fields {', '.join(DARTS_FIELDS)}, got {short(value)}")
        value = {**found, **others}
    return *(value.get(name) for name in DARTS_FIELDS), tuple(v for k, v in value.items() if k not in DARTS_FIELDS)


def _cell(edges: Any, concat: Any) -> Cell:
    flat: list[Edge] = []
    for item in as_list(edges, "a sequence of pairs as a DARTS cell"):
        pair = as_list(item, "a pair of operation and state")
        nested = bool(pair) and isinstance(pair[0], Sequence) and not isinstance(pair[0], str) and len(pair[0]) > 1
        if nested and len(pair) != 2:
            raise GenotypeError(f"a block of a DARTS cell has two pairs of operation and state, got {short(item)}")
        both = pair if nested else [pair]
        flat += [_edge(as_list(edge, "a pair of operation and state")) for edge in both]
    if len(flat) % 2:
        raise GenotypeError(f"a DARTS cell has two edges a block, got {len(flat)} edges")
    blocks = [Block(left, right) for left, right in zip(flat[::2], flat[1::2], strict=True)]
    states = as_list(concat, "a sequence of states as a DARTS cell's output")
    return Cell(blocks, [numbered_state(state) for state in states])


def _edge(pair: list[Any]) -> Edge:
    weighed = len(pair) == 3 and isinstance(pair[2], float)
    if len(pair) != 2 and not weighed:
        raise GenotypeError(f"expected a pair of operation and state, got {short(pair)}")
    operation, state = pair[:2]
    if not isinstance(operation, str):
        number = integer(operation) is not None
        advice = "whose numbers differ from project to project" if number else "such as 'sep_conv_3x3'"
        raise GenotypeError(f"an operation must be given by its name, {advice}, got {short(operation)}")
    if operation not in _OPERATIONS:
        raise GenotypeError(
            f"DARTS' operation {quoted(operation)} has none like it here: {suggestion(operation, _OPERATIONS)}"
        )
    return Edge(_OPERATIONS[operation], numbered_state(state))
