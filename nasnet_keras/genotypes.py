"""The published cells, as data.

Each constant names its source and the known deviations from the paper. `get` finds one by its name, which is the
constant's in lower case; `names` lists them.
"""

from nasnet_keras.genotype import CURRENT, PREVIOUS, Block, Cell, Edge, Genotype, GenotypeError, suggestion

__all__ = ["NASNET_A", "get", "names"]

NASNET_A = Genotype(
    normal=Cell(
        blocks=[
            Block(Edge("sep_conv_5x5", CURRENT), Edge("sep_conv_3x3", PREVIOUS)),
            Block(Edge("sep_conv_5x5", PREVIOUS), Edge("sep_conv_3x3", PREVIOUS)),
            Block(Edge("avg_pool_3x3", CURRENT), Edge("identity", PREVIOUS)),
            Block(Edge("avg_pool_3x3", PREVIOUS), Edge("avg_pool_3x3", PREVIOUS)),
            Block(Edge("sep_conv_3x3", CURRENT), Edge("identity", CURRENT)),
        ],
        outputs=[PREVIOUS, "block_0", "block_1", "block_2", "block_3", "block_4"],
    ),
    reduction=Cell(
        blocks=[
            Block(Edge("sep_conv_5x5", CURRENT), Edge("sep_conv_7x7", PREVIOUS)),
            Block(Edge("max_pool_3x3", CURRENT), Edge("sep_conv_7x7", PREVIOUS)),
            Block(Edge("avg_pool_3x3", CURRENT), Edge("sep_conv_5x5", PREVIOUS)),
            Block(Edge("identity", "block_1"), Edge("avg_pool_3x3", "block_0")),
            Block(Edge("sep_conv_3x3", "block_0"), Edge("max_pool_3x3", CURRENT)),
        ],
        outputs=["block_1", "block_2", "block_3", "block_4"],
    ),
)
"""NASNet-A (Zoph et al. 2018, figure 4), as released in TF-Slim and in keras.applications.

The released code concatenates one state more in each cell than the figure draws: `previous` in the normal cell, and
`block_1` in the reduction cell, which `block_3` also reads. The published sizes follow the code.
"""

_CATALOGUE = {"nasnet_a": NASNET_A}


def names() -> tuple[str, ...]:
    """The names that `get` knows."""
    return tuple(_CATALOGUE)


def get(name: str) -> Genotype:
    """The published genotype of that name.

    Raises:
        GenotypeError: no such name; the nearest one is suggested.

    Example:
        >>> get("nasnet_a") == NASNET_A
        True
    """
    if not isinstance(name, str) or name not in _CATALOGUE:
        raise GenotypeError(f"unknown genotype {name!r}: {suggestion(str(name), _CATALOGUE)}")
    return _CATALOGUE[name]
