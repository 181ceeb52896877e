"""MnasNet's published networks, as data."""

from nasnet_keras.genotypes.stages import DEPTHWISE, INVERTED, Stage, StageGenotype

__all__ = ["MNASNET_A1", "MNASNET_B1", "MNASNET_D1", "MNASNET_D1_320", "MNASNET_SMALL"]


def _bottlenecks(
    expansion: int, kernel: int, stride: int, layers: int, filters: int, squeeze_excite: float = 0.0, skip: str = ""
) -> Stage:
    operation = DEPTHWISE if expansion == 1 else INVERTED
    return Stage(operation, kernel, filters, layers, stride, expansion, squeeze_excite, skip or "identity")


MNASNET_A1 = StageGenotype(
    (
        _bottlenecks(1, 3, 1, 1, 16, skip="none"),
        _bottlenecks(6, 3, 2, 2, 24),
        _bottlenecks(3, 5, 2, 3, 40, 0.25),
        _bottlenecks(6, 3, 2, 4, 80),
        _bottlenecks(6, 3, 1, 2, 112, 0.25),
        _bottlenecks(6, 5, 2, 3, 160, 0.25),
        _bottlenecks(6, 3, 1, 1, 320),
    )
)
"""MnasNet-A1 (Tan et al. 2019, figure 7), as released (TPU code)."""

MNASNET_B1 = StageGenotype(
    (
        _bottlenecks(1, 3, 1, 1, 16, skip="none"),
        _bottlenecks(3, 3, 2, 3, 24),
        _bottlenecks(3, 5, 2, 3, 40),
        _bottlenecks(6, 5, 2, 3, 80),
        _bottlenecks(6, 3, 1, 2, 96),
        _bottlenecks(6, 5, 2, 4, 192),
        _bottlenecks(6, 3, 1, 1, 320, skip="none"),
    )
)
"""MnasNet-B1, from the search without squeeze-and-excitation (Tan et al. 2019, table 1), as released (TPU code)."""

MNASNET_SMALL = StageGenotype(
    (
        _bottlenecks(1, 3, 1, 1, 8, skip="none"),
        _bottlenecks(3, 3, 2, 1, 16),
        _bottlenecks(6, 3, 2, 2, 16),
        _bottlenecks(6, 5, 2, 4, 32, 0.25),
        _bottlenecks(6, 3, 1, 3, 32, 0.25),
        _bottlenecks(6, 5, 2, 3, 88, 0.25),
        _bottlenecks(6, 3, 1, 1, 144),
    ),
    stem=8,
)
"""MnasNet-small, the network found at 22 ms (Tan et al. 2019, table 4), as released (TPU code).

That code declares that its first layer reads 16 channels, and its stem has 8; so the layer adds nothing, although its
input and its output have 8. (With width multipliers up to 0.5 the declared 16 become 8 too, and there it adds its
input.) Ports to PyTorch add it at all widths.
"""

MNASNET_D1 = StageGenotype(
    (
        _bottlenecks(9, 3, 1, 1, 24),
        _bottlenecks(9, 3, 2, 3, 36),
        _bottlenecks(9, 3, 2, 5, 48),
        _bottlenecks(9, 5, 2, 4, 96),
        _bottlenecks(3, 7, 1, 5, 96),
        _bottlenecks(9, 3, 2, 3, 80),
        _bottlenecks(6, 7, 1, 1, 320, skip="none"),
    )
)
"""MnasNet-D1, searched together with MnasFPN, as released (TPU code)."""

MNASNET_D1_320 = StageGenotype(
    (
        _bottlenecks(6, 5, 1, 3, 24),
        _bottlenecks(9, 7, 2, 4, 36),
        _bottlenecks(9, 5, 2, 5, 48),
        _bottlenecks(6, 7, 2, 5, 96),
        _bottlenecks(9, 3, 1, 5, 144),
        _bottlenecks(6, 5, 2, 5, 160),
        _bottlenecks(9, 7, 1, 1, 320),
    )
)
"""MnasNet-D1 for 320×320 images, as released (TPU code)."""
