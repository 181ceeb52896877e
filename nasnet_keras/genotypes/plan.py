"""The plan of a network of cells: each cell with its place, its filters and the outputs that it reads."""

from collections.abc import Iterable
from dataclasses import dataclass

__all__ = ["CellPlan", "NetworkPlan", "StemConv"]


@dataclass(frozen=True)
class StemConv:
    """A 3×3 convolution of a stem.

    Attributes:
        filters: its filters as a share of F (a float), or their number (an int), which `stem_filters` replaces.
        stride: 1 or 2.
        relu: whether a ReLU comes before it.
        padding: `"same"` or `"valid"`.
        output: whether cells may read its result; they may always read the last one's.
    """

    filters: int | float
    stride: int = 1
    relu: bool = False
    padding: str = "same"
    output: bool = True


@dataclass(frozen=True)
class CellPlan:
    """One cell of a network.

    Attributes:
        name: the beginning of the names of its layers.
        role: the cell of the genotype that it is, `"normal"` or `"reduction"`.
        filters: the width F of its states.
        current: index, among the network's outputs so far, of the output that it reads as `current`.
        previous: the same for `previous`; None if there is no such output yet, and `current` stands in for it.
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
        cells: the cells in order, each of which makes one more output.
        auxiliary: index of the output that the auxiliary head reads.
    """

    stem: tuple[tuple[StemConv, int], ...]
    stem_levels: tuple[int, ...]
    cells: tuple[CellPlan, ...]
    auxiliary: int

    def level(self, output: int) -> int:
        """Return how many times the output with an index has been halved."""
        stems = len(self.stem_levels)
        return self.stem_levels[output] if output < stems else self.cells[output - stems].level

    def levels_read(self, cell: CellPlan) -> Iterable[int]:
        """How many times each output that a cell reads has been halved, `current` first."""
        return (self.level(output) for output in (cell.current, cell.previous) if output is not None)

    @property
    def last(self) -> int:
        """Index of the output that the classifier reads."""
        return len(self.stem_levels) + len(self.cells) - 1
