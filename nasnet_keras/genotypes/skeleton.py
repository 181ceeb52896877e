"""Skeletons: how cells become a network.

A `Skeleton` is what a family of networks has in common; `plan` turns it, for a depth and a width, into the list of
cells to build, each with its place, its filters and the two earlier outputs that it reads. Whether a state must be
reduced is decided from this bookkeeping and never from the shapes of tensors, so networks of unknown input size are
the same networks.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import MappingProxyType

from nasnet_keras.utils.checks import choice, positive_integer

__all__ = ["AMOEBANET", "DARTS", "ENAS", "MOST_REPEATS", "NASNET", "PNASNET", "SKELETONS", "STEMS"]
__all__ += ["AUXILIARY_POOL", "Auxiliary", "CellPlan", "NetworkPlan", "Skeleton", "StemConv", "auxiliary_map"]

STEMS = ("cifar", "imagenet")
AUXILIARY_POOL = 5
CALIBRATIONS = ("nasnet", "enas", "darts")
MOST_REPEATS = 1000
"""The most cells of a stack."""


@dataclass(frozen=True)
class StemConv:
    """A 3×3 convolution of a stem.

    Attributes:
        filters: its filters as a share of F (a float), or their number (an int), which `stem_filters` replaces.
        stride: 1 or 2.
        relu: whether a ReLU comes before it.
        padding: `"same"` or `"valid"`.
        output: whether cells may read its result; the last one's is always read.
    """

    filters: int | float
    stride: int = 1
    relu: bool = False
    padding: str = "same"
    output: bool = True


@dataclass(frozen=True)
class Auxiliary:
    """Where the auxiliary head reads, and what it is made of.

    Attributes:
        position: the cell it reads, counted from the second reduction cell: -1 is the one before it.
        filters: of its two convolutions.
        use_bias: of its classifier.
        stride: of its pooling.
        last_normalization: whether its second convolution is normalised.
        padding: of its second convolution, whose kernel covers the whole map: `"valid"`, or `"same"` (ENAS), after
            which the map is averaged.
    """

    position: int = -1
    filters: tuple[int, int] = (128, 768)
    use_bias: bool = True
    stride: int = 3
    last_normalization: bool = True
    padding: str = "valid"


def auxiliary_map(sizes: Sequence[int | None], stride: int) -> tuple[int, int]:
    """Height and width of the map that the auxiliary head's pooling makes of one of `sizes`.

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
class CellPlan:
    """One cell of a network.

    Attributes:
        name: what the names of its layers start with.
        role: which cell of the genotype it is, `"normal"` or `"reduction"`.
        filters: the width F of its states.
        current: index, among the network's outputs so far, of the output that it reads as `current`.
        previous: the same for `previous`; None where there is none yet, and `current` stands in for it.
        level: how many times its output has been halved, counted from the input image.
        depth: scheduled drop-path's share of the full rate, in (0, 1].
    """

    name: str
    role: str
    filters: int
    current: int
    previous: int | None
    level: int
    depth: float


@dataclass(frozen=True)
class NetworkPlan:
    """All cells of a network.

    Attributes:
        stem: the stem's convolutions with their numbers of filters. Those with `output` make the first outputs.
        stem_levels: how many times each of these outputs has been halved.
        cells: each makes one output more.
        auxiliary: index of the output that the auxiliary head reads.
    """

    stem: tuple[tuple[StemConv, int], ...]
    stem_levels: tuple[int, ...]
    cells: tuple[CellPlan, ...]
    auxiliary: int

    def level(self, output: int) -> int:
        """How many times output `output` has been halved."""
        stems = len(self.stem_levels)
        return self.stem_levels[output] if output < stems else self.cells[output - stems].level

    @property
    def last(self) -> int:
        """Index of the output that the classifier reads."""
        return len(self.stem_levels) + len(self.cells) - 1


@dataclass(frozen=True)
class Skeleton:
    """What the networks of one family have in common.

    Attributes:
        name: the family.
        insert_reductions: whether the two reduction cells come between the stacks of normal cells, or replace the
            first cell of the second and third stack.
        calibration: how a cell's inputs are brought to its width: `"nasnet"` (`previous` where it differs, `current`
            always), `"enas"` (both where they differ, then `current` once more) or `"darts"` (both always).
        odd_reductions: whether a factorized reduction to an odd number of filters makes all of them, as newer TF-Slim
            does, or one fewer, twice the rounded half, as the code of AmoebaNet's time counts.
        first_previous: whether the first cell reads the stem as a `previous` of its own, calibrated, or unchanged.
        cifar_stem, imagenet_stem: the stems' convolutions.
        imagenet_stem_cells: one reduction cell each follows the ImageNet stem, with F over this many filters.
        depth_scaling: whether drop-path grows with the depth of the cell.
        head_relu: whether a ReLU comes before the classifier's pooling.
        head_bias: whether the classifier has a bias.
        auxiliary, imagenet_auxiliary: the auxiliary head; the second one, where given, with the ImageNet stem.

    Raises:
        ValueError: the calibration is unknown, or a stem has no convolution.
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
        """The auxiliary head of networks with that stem."""
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
            num_repeats: N, from 1 to 1,000.
            filters: F of the first stack; each reduction doubles it.
            stem: `"cifar"` (at the image's size) or `"imagenet"` (reduces it eightfold).
            stem_filters: filters of the stem's first convolution instead of the family's.
            skip_reduction_input: whether the normal cell after an inserted reduction cell reads as `previous` what
                the reduction cell read as `previous` (NASNet-A large) and not what it read as `current`.

        Raises:
            ValueError: a number is not positive or too large, the stem is unknown, F is too small for the stem, or a
                cell would read outputs of which one is less than half as large as the other.

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
        sequence = self._sequence(num_repeats, filters, stem)
        cells: list[CellPlan] = []
        level = levels[-1]
        for index, (name, role, width) in enumerate(sequence):
            level += role == "reduction"
            current = len(levels) - 1 + index
            if skip_reduction_input and index and sequence[index - 1][0].startswith("reduction"):
                previous = cells[-1].previous
            elif current == 0:
                previous = 0 if self.first_previous else None
            else:
                previous = current - 1
            depth = (index + 1) / len(sequence) if self.depth_scaling else 1.0
            cells.append(CellPlan(name, role, width, current, previous, level, depth))
        second_reduction = max(index for index, cell in enumerate(cells) if cell.role == "reduction")
        auxiliary = cells[second_reduction].current + 1 + self.auxiliary_for(stem).position
        plan = NetworkPlan(convs, levels, tuple(cells), auxiliary)
        for cell in cells:
            read = [plan.level(output) for output in (cell.current, cell.previous) if output is not None]
            if read[0] - read[-1] > 1:
                raise ValueError(
                    f"a cell may read an output halved once more than the other at most; {cell.name} of the skeleton "
                    f"{self.name!r} reads one halved {read[0]} times beside one halved {read[-1]} times"
                )
        return plan

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
        """Name, role and filters of each cell."""
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
"""ENAS micro (Pham et al. 2018), with the constants of the released code. Its ImageNet stem is NASNet's: the paper has
none."""

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
"""The families' own, by name."""
