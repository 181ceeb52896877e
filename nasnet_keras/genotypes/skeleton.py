"""Skeletons: how cells become a network.

A `Skeleton` describes the networks of one family. Its method `plan` lists, for a depth and a width, the cells to build,
each with its place, its filters and the two earlier outputs that it reads. This list, and never the shape of a tensor,
decides whether a state must be reduced, so networks of unknown input size are the same networks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from nasnet_keras.genotypes.plan import CellPlan, NetworkPlan, StemConv
from nasnet_keras.utils.checks import choice, positive_integer

__all__ = ["AMOEBANET", "DARTS", "ENAS", "MOST_REPEATS", "NASNET", "PNASNET", "SKELETONS", "STEMS"]
__all__ += ["AUXILIARY_POOL", "Auxiliary", "CellPlan", "NetworkPlan", "Skeleton", "StemConv", "auxiliary_map"]

STEMS = ("cifar", "imagenet")
AUXILIARY_POOL = 5
"""Height and width of the auxiliary head's pooling, in pixels of the map that it reads."""
CALIBRATIONS = ("nasnet", "enas", "darts")
MOST_REPEATS = 1000
"""The most cells of a stack."""


@dataclass(frozen=True)
class Auxiliary:
    """The place and the layers of the auxiliary head.

    Attributes:
        position: the cell that the head reads, counted from the second reduction cell: -1 is the one before it.
        filters: the filters of its two convolutions.
        use_bias: whether its classifier has a bias.
        stride: the stride of its pooling.
        last_normalization: whether batch normalization follows its second convolution.
        padding: the padding of its second convolution, whose kernel covers the whole map: `"valid"`, or `"same"`
            (ENAS), after which the map is averaged.
    """

    position: int = -1
    filters: tuple[int, int] = (128, 768)
    use_bias: bool = True
    stride: int = 3
    last_normalization: bool = True
    padding: str = "valid"


def auxiliary_map(sizes: Sequence[int | None], stride: int) -> tuple[int, int]:
    """Compute the height and width of the map that the auxiliary head's pooling returns.

    Args:
        sizes: height and width of the map that the head reads, in pixels; None for an unknown one.
        stride: the stride of the pooling.

    Raises:
        ValueError: the map is smaller than the pooling's 5×5, or its size is unknown.
    """
    if any(size is None or size < AUXILIARY_POOL for size in sizes):
        raise ValueError(
            f"an auxiliary head needs a map of known size, at least 5x5, and would read one of {tuple(sizes)}; give a "
            f"known and larger input_shape, or build without auxiliary_head"
        )
    height, width = ((size - AUXILIARY_POOL) // stride + 1 for size in sizes)
    return height, width


@dataclass(frozen=True)
class Skeleton:
    """The rules by which the networks of one family are stacked from cells.

    Attributes:
        name: the family.
        insert_reductions: True if the two reduction cells come between the stacks of normal cells, False if they
            replace the first cell of the second and third stack.
        calibration: how a cell's inputs get its width: `"nasnet"` (`previous` if it differs, `current` always),
            `"enas"` (both if they differ, then `current` once more) or `"darts"` (both always).
        odd_reductions: True if a factorized reduction to an odd number of filters makes all of them, as newer TF-Slim
            does; False if it makes one fewer, twice the rounded half, as the code of AmoebaNet's time counts.
        first_previous: True if the first cell reads the stem as a `previous` of its own, which is calibrated; False
            if the stem stands in for `previous` unchanged.
        cifar_stem, imagenet_stem: the stems' convolutions.
        imagenet_stem_cells: divisors of F, one for each reduction cell that follows the ImageNet stem: the cell has
            F over this number filters.
        depth_scaling: whether drop-path grows with the depth of the cell.
        head_relu: whether a ReLU comes before the classifier's pooling.
        head_bias: whether the classifier has a bias.
        auxiliary, imagenet_auxiliary: the auxiliary head; the second one, if given, is for the ImageNet stem.

    Raises:
        ValueError: the calibration is unknown, or a stem has no convolution.

    Example:
        >>> Skeleton("wide", cifar_stem=(StemConv(64),)).plan(1, 32).stem[0][1]
        64
    """

    name: str
    insert_reductions: bool = True
    calibration: str = "nasnet"
    odd_reductions: bool = True
    first_previous: bool = False
    cifar_stem: tuple[StemConv, ...] = (StemConv(3.0),)
    imagenet_stem: tuple[StemConv, ...] = (StemConv(32, stride=2, padding="valid"),)
    imagenet_stem_cells: tuple[int, ...] = (4, 2)
    depth_scaling: bool = True
    head_relu: bool = True
    head_bias: bool = True
    auxiliary: Auxiliary = Auxiliary()
    imagenet_auxiliary: Auxiliary | None = None

    def __post_init__(self) -> None:
        if not self.cifar_stem or not self.imagenet_stem:
            raise ValueError("a stem needs at least one convolution, got none")
        choice("calibration", self.calibration, CALIBRATIONS)

    def auxiliary_for(self, stem: str) -> Auxiliary:
        """Return the auxiliary head of networks with that stem."""
        return self.imagenet_auxiliary or self.auxiliary if stem == "imagenet" else self.auxiliary

    def plan(
        self,
        num_repeats: int,
        filters: int,
        stem: str = "cifar",
        stem_filters: int | None = None,
        skip_reduction_input: bool = False,
    ) -> NetworkPlan:
        """Lay out three stacks of `num_repeats` cells and two reductions.

        Args:
            num_repeats: N, the normal cells of each stack, from 1 to 1,000.
            filters: F of the first stack; each reduction doubles it.
            stem: `"cifar"`, which keeps the image's size, or `"imagenet"`, which reduces it eightfold.
            stem_filters: filters of the stem's first convolution, in place of the family's.
            skip_reduction_input: True if the normal cell after an inserted reduction cell reads the same `previous` as
                the reduction cell (NASNet-A large); False if it reads the reduction cell's `current`.

        Raises:
            ValueError: a number is not positive or too large, the stem is unknown, F is too small for the stem, or
                one of the two outputs that a cell reads is less than half as large as the other.

        Source: Zoph et al. 2018, figure 2; Liu et al. 2018, figure 5.

        Example:
            >>> [cell.name for cell in NASNET.plan(1, 32).cells]
            ['cell_00', 'reduction_0', 'cell_01', 'reduction_1', 'cell_02']
            >>> [cell.role for cell in PNASNET.plan(1, 32).cells]
            ['normal', 'reduction', 'reduction']
        """
        num_repeats = positive_integer("num_repeats", num_repeats, MOST_REPEATS)
        filters = positive_integer("filters", filters)
        choice("stem", stem, STEMS)
        convs, levels = self._stem(stem, filters, stem_filters)
        cells = self._cells(self._sequence(num_repeats, filters, stem), levels, skip_reduction_input)
        second_reduction = max(index for index, cell in enumerate(cells) if cell.role == "reduction")
        auxiliary = cells[second_reduction].current + 1 + self.auxiliary_for(stem).position
        plan = NetworkPlan(convs, levels, cells, auxiliary)
        for cell in cells:
            read = list(plan.levels_read(cell))
            if read[0] - read[-1] > 1:
                raise ValueError(
                    f"a cell may read an output halved once more than the other at most; {cell.name} of the skeleton "
                    f"{self.name!r} reads one halved {read[0]} times beside one halved {read[-1]} times"
                )
        return plan

    def _cells(
        self, sequence: Sequence[tuple[str, str, int]], stem_levels: Sequence[int], skip_reduction_input: bool
    ) -> tuple[CellPlan, ...]:
        """The cells of a sequence of names, roles and filters, each with the outputs that it reads."""
        cells: list[CellPlan] = []
        level = stem_levels[-1]
        for index, (name, role, width) in enumerate(sequence):
            level += role == "reduction"
            current = len(stem_levels) - 1 + index
            if skip_reduction_input and index and sequence[index - 1][0].startswith("reduction"):
                previous = cells[-1].previous
            elif current == 0:
                previous = 0 if self.first_previous else None
            else:
                previous = current - 1
            depth = (index + 1) / len(sequence) if self.depth_scaling else 1.0
            cells.append(CellPlan(name, role, width, current, previous, level, depth))
        return tuple(cells)

    def _stem(
        self, stem: str, filters: int, stem_filters: int | None
    ) -> tuple[tuple[tuple[StemConv, int], ...], tuple[int, ...]]:
        convs = self.imagenet_stem if stem == "imagenet" else self.cifar_stem
        smallest = max(self.imagenet_stem_cells, default=2) if stem == "imagenet" else 1
        if filters < smallest:
            raise ValueError(f"filters must be at least {smallest} with the imagenet stem, got {filters}")
        if stem_filters is not None:
            stem_filters = positive_integer("stem_filters", stem_filters)
        counted, levels, level = [], [], 0
        for index, conv in enumerate((*convs[:-1], replace(convs[-1], output=True))):
            width = conv.filters if type(conv.filters) is int else int(conv.filters * filters)
            counted.append((conv, stem_filters if index == 0 and stem_filters is not None else width))
            level += conv.stride == 2
            if conv.output:
                levels.append(level)
        return tuple(counted), tuple(levels)

    def _sequence(self, num_repeats: int, filters: int, stem: str) -> list[tuple[str, str, int]]:
        """The name, role and filters of each cell."""
        divisors = self.imagenet_stem_cells if stem == "imagenet" else ()
        sequence = [(f"stem_{index}", "reduction", filters // divisor) for index, divisor in enumerate(divisors)]
        for stack in range(3):
            width = filters * 2**stack
            if stack and self.insert_reductions:
                sequence.append((f"reduction_{stack - 1}", "reduction", width))
            for index in range(num_repeats):
                replaced = stack and not index and not self.insert_reductions
                role = "reduction" if replaced else "normal"
                sequence.append((f"cell_{stack * num_repeats + index:02d}", role, width))
        return sequence


NASNET = Skeleton("nasnet")
"""NASNet (Zoph et al. 2018, figure 2), with the constants of the released code (TF-Slim)."""

AMOEBANET = Skeleton("amoebanet", odd_reductions=False, auxiliary=Auxiliary(filters=(51, 307)))
"""AmoebaNet (Real et al. 2019): NASNet's, with the auxiliary head scaled by 0.4 as in the released code (TPU).

Its published ImageNet widths (F=190, F=50) give the stem's second cell an odd number of filters, which the released
code's factorized reduction refuses; the published sizes follow when each of its two halves is rounded down.
"""

PNASNET = Skeleton("pnasnet", insert_reductions=False)
"""PNASNet (Liu et al. 2018, figure 5): its one cell runs at stride 2 where NASNet inserts a reduction cell."""

ENAS = Skeleton(
    "enas",
    calibration="enas",
    first_previous=True,
    head_bias=False,
    auxiliary=Auxiliary(position=1, use_bias=False, padding="same"),
)
"""ENAS micro (Pham et al. 2018), with the constants of the released code. Its ImageNet stem is NASNet's, since the
paper has none."""

DARTS = Skeleton(
    "darts",
    calibration="darts",
    first_previous=True,
    imagenet_stem=(
        StemConv(0.5, stride=2, output=False),
        StemConv(1.0, stride=2, relu=True),
        StemConv(1.0, stride=2, relu=True),
    ),
    imagenet_stem_cells=(),
    depth_scaling=False,
    head_relu=False,
    auxiliary=Auxiliary(position=0),
    imagenet_auxiliary=Auxiliary(position=0, stride=2, last_normalization=False),
)
"""DARTS (Liu et al. 2019), with the constants of the released code. Known deviation: strided operations are padded as
TensorFlow's "same" pads, which shifts them by a pixel against PyTorch's symmetric padding."""

SKELETONS = MappingProxyType({known.name: known for known in (NASNET, AMOEBANET, PNASNET, ENAS, DARTS)})
"""The skeletons of the families, by name."""
