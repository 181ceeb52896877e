"""The published architectures, as data: cells, and layer-wise networks.

Each constant names its source and the known deviations from the paper. `get` finds an architecture by name, which is
the name of its constant in lower case; `names` lists the names of one kind. A skeleton, which is another value, stacks
the cells: `skeleton_of` returns the one that they were published with.

A published cell is added as one constant and one row of `_CELLS`, another architecture as one row of `_OTHERS`.
"""

import functools

from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.genotypes.cells import CURRENT, PREVIOUS, Block, Cell, Edge, Genotype, GenotypeError
from nasnet_keras.genotypes.conventions import from_darts, from_enas, from_enas_macro
from nasnet_keras.genotypes.mnasnet import MNASNET_A1, MNASNET_B1, MNASNET_D1, MNASNET_D1_320, MNASNET_SMALL
from nasnet_keras.genotypes.skeleton import AMOEBANET, DARTS, ENAS, NASNET, PNASNET, SKELETONS, Skeleton
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.near import suggestion

__all__ = ["AMOEBANET_A", "AMOEBANET_B", "AMOEBANET_C", "AMOEBANET_D", "DARTS_V1", "DARTS_V2", "ENAS_MACRO"]
__all__ += ["ENAS_MICRO", "MNASNET_A1", "MNASNET_B1", "MNASNET_D1", "MNASNET_D1_320", "MNASNET_SMALL", "NASNET_A"]
__all__ += ["PNASNET_5", "get", "name_of", "names", "skeleton_of"]


def _cell(*blocks: tuple[str, int | str, str, int | str], outputs: tuple[int | str, ...]) -> Cell:
    """A cell whose blocks add; a number stands for the state of a block."""

    def state(value: int | str) -> str:
        return f"block_{value}" if isinstance(value, int) else value

    made = [Block(Edge(left, state(a)), Edge(right, state(b))) for left, a, right, b in blocks]
    return Cell(made, [state(output) for output in outputs])


NASNET_A = Genotype(
    normal=_cell(
        ("sep_conv_5x5", CURRENT, "sep_conv_3x3", PREVIOUS),
        ("sep_conv_5x5", PREVIOUS, "sep_conv_3x3", PREVIOUS),
        ("avg_pool_3x3", CURRENT, "identity", PREVIOUS),
        ("avg_pool_3x3", PREVIOUS, "avg_pool_3x3", PREVIOUS),
        ("sep_conv_3x3", CURRENT, "identity", CURRENT),
        outputs=(PREVIOUS, 0, 1, 2, 3, 4),
    ),
    reduction=_cell(
        ("sep_conv_5x5", CURRENT, "sep_conv_7x7", PREVIOUS),
        ("max_pool_3x3", CURRENT, "sep_conv_7x7", PREVIOUS),
        ("avg_pool_3x3", CURRENT, "sep_conv_5x5", PREVIOUS),
        ("identity", 1, "avg_pool_3x3", 0),
        ("sep_conv_3x3", 0, "max_pool_3x3", CURRENT),
        outputs=(1, 2, 3, 4),
    ),
)
"""NASNet-A (Zoph et al. 2018, figure 4), as released in TF-Slim and in keras.applications.

The released code concatenates one more state in each cell than the figure draws: `previous` in the normal cell, and
`block_1`, which `block_3` also reads, in the reduction cell. The published sizes follow the code.
"""

AMOEBANET_A = Genotype(
    normal=_cell(
        ("avg_pool_3x3", CURRENT, "max_pool_3x3", CURRENT),
        ("sep_conv_3x3", PREVIOUS, "identity", PREVIOUS),
        ("identity", CURRENT, "avg_pool_3x3", PREVIOUS),
        ("sep_conv_3x3", CURRENT, "sep_conv_5x5", 0),
        ("avg_pool_3x3", 3, "sep_conv_3x3", CURRENT),
        outputs=(PREVIOUS, 1, 2, 4),
    ),
    reduction=_cell(
        ("sep_conv_3x3", PREVIOUS, "avg_pool_3x3", CURRENT),
        ("max_pool_3x3", CURRENT, "sep_conv_7x7", 0),
        ("max_pool_3x3", PREVIOUS, "max_pool_3x3", CURRENT),
        ("sep_conv_3x3", 2, "bottleneck_conv_1x7_7x1", CURRENT),
        ("avg_pool_3x3", PREVIOUS, "sep_conv_7x7", CURRENT),
        outputs=(0, 1, 2, 3, 4),
    ),
)
"""AmoebaNet-A (Real et al. 2019, figure 5), as released (TPU models, `evol_net_g`).

The encoding of "AmoebaNet" that circulates with DARTS is another cell. The 1×7-7×1 convolution stands in a bottleneck
of a quarter of the filters, as in the released code.
"""

AMOEBANET_B = Genotype(
    normal=_cell(
        ("conv_1x1", PREVIOUS, "max_pool_3x3", PREVIOUS),
        ("identity", PREVIOUS, "sep_conv_3x3", CURRENT),
        ("conv_1x1", PREVIOUS, "sep_conv_3x3", CURRENT),
        ("conv_1x1", 0, "identity", 0),
        ("avg_pool_3x3", PREVIOUS, "conv_1x1", 3),
        outputs=(CURRENT, 1, 2, 4),
    ),
    reduction=_cell(
        ("max_pool_2x2", CURRENT, "max_pool_3x3", CURRENT),
        ("identity", 0, "bottleneck_conv_3x3", PREVIOUS),
        ("sep_conv_5x5", 0, "max_pool_3x3", 0),
        ("identity", 1, "sep_conv_3x3", PREVIOUS),
        ("avg_pool_3x3", 2, "conv_1x1", 1),
        outputs=(3, 4),
    ),
)
"""AmoebaNet-B (Real et al. 2019, appendix), as released (TPU models, `evol_net_h`).

The separable 5×5 of the reduction cell is dilated in the paper; the released code parses its name,
`dil_2_separable_5x5_2`, as the plain one, and so does this. The number of parameters is the same.
"""

AMOEBANET_C = Genotype(
    normal=_cell(
        ("avg_pool_3x3", CURRENT, "sep_conv_3x3", CURRENT),
        ("identity", CURRENT, "sep_conv_3x3", CURRENT),
        ("avg_pool_3x3", 0, "sep_conv_3x3", PREVIOUS),
        ("identity", CURRENT, "sep_conv_3x3", PREVIOUS),
        ("avg_pool_3x3", 1, "sep_conv_3x3", CURRENT),
        outputs=(PREVIOUS, 0, 2, 3, 4),
    ),
    reduction=_cell(
        ("max_pool_3x3", CURRENT, "max_pool_3x3", CURRENT),
        ("sep_conv_7x7", 0, "sep_conv_3x3", CURRENT),
        ("sep_conv_7x7", CURRENT, "max_pool_3x3", PREVIOUS),
        ("sep_conv_5x5", 2, "sep_conv_5x5", 2),
        ("max_pool_3x3", PREVIOUS, "sep_conv_3x3", PREVIOUS),
        outputs=(CURRENT, 0, 1, 2, 3, 4),
    ),
)
"""AmoebaNet-C (Real et al. 2019, appendix), as released (TPU models, `evol_net_a`)."""

AMOEBANET_D = Genotype(
    normal=_cell(
        ("conv_1x1", PREVIOUS, "max_pool_3x3", PREVIOUS),
        ("identity", PREVIOUS, "bottleneck_conv_1x7_7x1", CURRENT),
        ("conv_1x1", CURRENT, "bottleneck_conv_1x7_7x1", CURRENT),
        ("max_pool_3x3", 0, "identity", 0),
        ("avg_pool_3x3", PREVIOUS, "conv_1x1", 3),
        outputs=(CURRENT, 1, 2, 4),
    ),
    reduction=_cell(
        ("max_pool_2x2", CURRENT, "max_pool_3x3", CURRENT),
        ("identity", 0, "bottleneck_conv_3x3", PREVIOUS),
        ("bottleneck_conv_1x7_7x1", 0, "max_pool_3x3", 0),
        ("identity", 1, "max_pool_2x2", PREVIOUS),
        ("avg_pool_3x3", 0, "conv_1x1", 1),
        outputs=(2, 3, 4),
    ),
)
"""AmoebaNet-D (Real et al. 2019, appendix), as released (TPU models, `evol_net_x`)."""

_PNASNET_5 = _cell(
    ("sep_conv_5x5", PREVIOUS, "max_pool_3x3", PREVIOUS),
    ("sep_conv_7x7", CURRENT, "max_pool_3x3", CURRENT),
    ("sep_conv_5x5", CURRENT, "sep_conv_3x3", CURRENT),
    ("sep_conv_3x3", 2, "max_pool_3x3", CURRENT),
    ("sep_conv_3x3", PREVIOUS, "identity", CURRENT),
    outputs=(0, 1, 2, 3, 4),
)
PNASNET_5 = Genotype(normal=_PNASNET_5, reduction=_PNASNET_5)
"""PNASNet-5 (Liu et al. 2018, figure 1), as released (TF-Slim). One cell serves as both.

The figure omits the edge from `block_2` to the output; the code and the published sizes have it.
"""

ENAS_MICRO = from_enas(
    "0 2 0 0 0 4 0 1 0 4 1 1 1 0 0 1 0 2 1 1",
    "1 0 1 0 0 3 0 2 1 1 3 1 1 0 0 4 0 3 1 1",
)
"""ENAS micro's best cells (Pham et al. 2018, figure 7), from the released code's final training script.

That script's network has 3.9 million parameters, not the paper's 4.6.
"""

ENAS_MACRO = from_enas_macro("""
0
3 0
0 1 0
2 0 0 1
2 0 0 0 0
3 1 1 0 1 0
2 0 0 0 0 0 1
2 0 1 1 0 1 1 1
1 0 1 1 1 0 1 0 1
0 0 0 0 0 0 0 0 0 0
2 0 0 0 0 0 1 0 0 0 0
0 1 0 0 1 1 0 0 0 0 1 1
2 0 1 0 0 0 0 0 1 0 1 1 0
1 0 0 1 0 0 0 1 1 1 0 1 0 1
0 1 1 0 1 0 1 0 0 0 0 0 1 0 0
2 0 0 1 0 0 0 0 0 0 0 1 0 1 0 1
2 0 1 0 0 0 1 0 0 1 1 1 1 0 0 1 0
2 0 0 0 0 1 0 1 0 1 0 0 1 0 1 0 0 1
3 0 1 1 0 1 0 0 0 0 0 1 0 1 0 1 0 0 0
3 0 1 1 0 0 0 0 0 0 0 0 0 1 1 0 0 0 0 1
0 1 0 0 1 0 1 1 0 0 0 1 0 0 0 0 0 1 1 0 0
3 0 1 0 1 1 0 0 1 0 1 1 0 1 1 0 1 0 0 1 0 0
0 1 0 1 0 1 0 0 0 0 0 0 0 0 1 0 1 0 0 1 0 0 0
0 1 1 0 0 0 1 1 1 0 1 0 0 0 1 0 1 0 0 1 1 0 0 0
""")
"""ENAS macro's best network (Pham et al. 2018, section 3.2), from the released code's final training script.

That code builds the separable convolutions as full ones, and so has 42.6 million parameters at its 96 filters. Here
they are separable, and the network has 30.9 million.
"""

DARTS_V1 = from_darts(
    normal=[
        *(("sep_conv_3x3", 1), ("sep_conv_3x3", 0)),
        *(("skip_connect", 0), ("sep_conv_3x3", 1)),
        *(("skip_connect", 0), ("sep_conv_3x3", 1)),
        *(("sep_conv_3x3", 0), ("skip_connect", 2)),
    ],
    normal_concat=[2, 3, 4, 5],
    reduce=[
        *(("max_pool_3x3", 0), ("max_pool_3x3", 1)),
        *(("skip_connect", 2), ("max_pool_3x3", 0)),
        *(("max_pool_3x3", 0), ("skip_connect", 2)),
        *(("skip_connect", 2), ("avg_pool_3x3", 0)),
    ],
    reduce_concat=[2, 3, 4, 5],
)
"""DARTS, first order (Liu et al. 2019), as released."""

DARTS_V2 = from_darts(
    normal=[
        *(("sep_conv_3x3", 0), ("sep_conv_3x3", 1)),
        *(("sep_conv_3x3", 0), ("sep_conv_3x3", 1)),
        *(("sep_conv_3x3", 1), ("skip_connect", 0)),
        *(("skip_connect", 0), ("dil_conv_3x3", 2)),
    ],
    normal_concat=[2, 3, 4, 5],
    reduce=[
        *(("max_pool_3x3", 0), ("max_pool_3x3", 1)),
        *(("skip_connect", 2), ("max_pool_3x3", 1)),
        *(("max_pool_3x3", 0), ("skip_connect", 2)),
        *(("skip_connect", 2), ("max_pool_3x3", 1)),
    ],
    reduce_concat=[2, 3, 4, 5],
)
"""DARTS, second order (Liu et al. 2019, figures 4 and 5), as released."""

_CELLS = {
    "nasnet_a": (NASNET_A, NASNET),
    "amoebanet_a": (AMOEBANET_A, AMOEBANET),
    "amoebanet_b": (AMOEBANET_B, AMOEBANET),
    "amoebanet_c": (AMOEBANET_C, AMOEBANET),
    "amoebanet_d": (AMOEBANET_D, AMOEBANET),
    "pnasnet_5": (PNASNET_5, PNASNET),
    "enas_micro": (ENAS_MICRO, ENAS),
    "darts_v1": (DARTS_V1, DARTS),
    "darts_v2": (DARTS_V2, DARTS),
}


_OTHERS: dict[str, BaseGenotype] = {  # whole networks, which have no skeleton
    "enas_macro": ENAS_MACRO,
    "mnasnet_a1": MNASNET_A1,
    "mnasnet_b1": MNASNET_B1,
    "mnasnet_small": MNASNET_SMALL,
    "mnasnet_d1": MNASNET_D1,
    "mnasnet_d1_320": MNASNET_D1_320,
}


def names(kind: type[BaseGenotype] = Genotype) -> tuple[str, ...]:
    """List the names that `get` knows for one kind of genotype.

    Args:
        kind: the class of the genotypes: `Genotype` (cells) or another subclass of `BaseGenotype`.

    Example:
        >>> from nasnet_keras.genotypes.macro import MacroGenotype
        >>> names(MacroGenotype)
        ('enas_macro',)
    """
    return tuple(name for name, genotype in _by_name().items() if isinstance(genotype, kind))


def get(name: str) -> BaseGenotype:
    """Return the published genotype of that name, of any kind.

    Args:
        name: one of `names()`.

    Raises:
        GenotypeError: the name is unknown; the error suggests the nearest one.

    Example:
        >>> get("nasnet_a") == NASNET_A
        True
    """
    known = _by_name()
    if not isinstance(name, str) or name not in known:
        near = name if isinstance(name, str) else ""
        raise GenotypeError(f"unknown genotype {quoted(name)}: {suggestion(near, known)}")
    return known[name]


def name_of(genotype: BaseGenotype) -> str | None:
    """Return the name under which `get` knows a genotype, or None.

    Args:
        genotype: of any kind, published or not.

    Example:
        >>> name_of(NASNET_A)
        'nasnet_a'
    """
    return next((name for name, known in _by_name().items() if known == genotype), None)


def skeleton_of(genotype: Genotype, default: Skeleton = NASNET) -> Skeleton:
    """Return the skeleton that networks of a genotype of cells are built on.

    The skeleton that the genotype names comes first, as genotypes from `nasnet_keras.conventions` name one. Published
    cells without a name have their family's, however they are written. Any other cells have `default`.

    Args:
        genotype: cells.
        default: the skeleton of cells that belong to no family.

    Example:
        >>> skeleton_of(PNASNET_5).name, skeleton_of(DARTS_V2).name
        ('pnasnet', 'darts')
    """
    if genotype.skeleton is not None:
        return SKELETONS[genotype.skeleton]
    return _families().get(genotype.canonical(), default)


@functools.cache
def _families() -> dict[Genotype, Skeleton]:
    """The skeletons of published cells, by the cells' one spelling."""
    return {genotype.canonical(): skeleton for genotype, skeleton in _CELLS.values()}


def _by_name() -> dict[str, BaseGenotype]:
    return {name: genotype for name, (genotype, _) in _CELLS.items()} | _OTHERS
