"""Skeletons: how cells become a network.

A `Skeleton` is what a family of networks has in common; `plan` turns it, for a depth and a width, into the list of
cells to build, each with its place, its filters and the two earlier outputs that it reads. Whether a state must be
reduced is decided from this bookkeeping and never from the shapes of tensors, so networks of unknown input size are
the same networks.
"""

from dataclasses import dataclass

__all__ = ["NASNET", "STEMS", "CellPlan", "NetworkPlan", "Skeleton"]

STEMS = ("cifar", "imagenet")


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
        depth: its place among the cells, in (0, 1]: scheduled drop-path grows with it.
    """

    name: str
    role: str
    filters: int
    current: int
    previous: int | None
    level: int
    depth: float

    @property
    def stride(self) -> int:
        """2 for a reduction cell, else 1."""
        return 2 if self.role == "reduction" else 1


@dataclass(frozen=True)
class NetworkPlan:
    """All cells of a network.

    Attributes:
        stem_filters: filters of the stem's convolution, whose output has index 0.
        stem_level: 0, or 1 where the stem's convolution halves the image.
        cells: cell `i` makes output `i + 1`.
        auxiliary: index of the output that the auxiliary head reads.
    """

    stem_filters: int
    stem_level: int
    cells: tuple[CellPlan, ...]
    auxiliary: int

    def level(self, output: int) -> int:
        """How many times output `output` has been halved."""
        return self.stem_level if output == 0 else self.cells[output - 1].level


@dataclass(frozen=True)
class Skeleton:
    """What the networks of one family have in common.

    Attributes:
        name: the family.
        cifar_stem_multiplier: filters of the CIFAR stem, in units of F.
        imagenet_stem_filters: filters of the ImageNet stem's convolution.
        imagenet_stem_divisors: one reduction cell each follows that convolution, with F over this many filters.
        auxiliary_filters: filters of the auxiliary head's two convolutions.
        penultimate_factor: width of the last cell's output, in units of F.
    """

    name: str
    cifar_stem_multiplier: int = 3
    imagenet_stem_filters: int = 32
    imagenet_stem_divisors: tuple[int, ...] = (4, 2)
    auxiliary_filters: tuple[int, int] = (128, 768)
    penultimate_factor: int = 24

    def plan(
        self,
        num_repeats: int,
        filters: int,
        stem: str = "cifar",
        stem_filters: int | None = None,
        skip_reduction_input: bool = False,
    ) -> NetworkPlan:
        """Lay out three stacks of `num_repeats` normal cells with a reduction cell between them.

        Args:
            num_repeats: N, at least 1.
            filters: F of the first stack; each reduction doubles it.
            stem: `"cifar"` (convolution at stride 1) or `"imagenet"` (at stride 2, then reduction cells).
            stem_filters: filters of the stem's convolution instead of the family's.
            skip_reduction_input: whether the normal cell after a reduction cell reads as `previous` what the
                reduction cell read as `previous` (NASNet-A large) and not what it read as `current`.

        Raises:
            ValueError: a number is not positive, the stem is unknown, or F is too small for the stem's cells.

        Example:
            >>> [cell.name for cell in NASNET.plan(1, 32).cells]
            ['cell_00', 'reduction_0', 'cell_01', 'reduction_1', 'cell_02']
        """
        _positive("num_repeats", num_repeats)
        _positive("filters", filters)
        if stem not in STEMS:
            raise ValueError(f"stem must be one of {', '.join(STEMS)}, got {stem!r}")
        divisors = self.imagenet_stem_divisors if stem == "imagenet" else ()
        if divisors and filters < max(divisors):
            raise ValueError(f"filters must be at least {max(divisors)} with the imagenet stem, got {filters}")
        if stem_filters is None:
            stem_filters = self.imagenet_stem_filters if stem == "imagenet" else self.cifar_stem_multiplier * filters
        _positive("stem_filters", stem_filters)

        # name, role, filters
        sequence = [(f"stem_{i}", "reduction", filters // divisor) for i, divisor in enumerate(divisors)]
        for stack in range(3):
            if stack:
                sequence.append((f"reduction_{stack - 1}", "reduction", filters * 2**stack))
            first = stack * num_repeats
            sequence += [(f"cell_{first + i:02d}", "normal", filters * 2**stack) for i in range(num_repeats)]

        level = stem_level = 1 if stem == "imagenet" else 0
        cells = []
        for index, (name, role, width) in enumerate(sequence):
            level += role == "reduction"
            if skip_reduction_input and index and sequence[index - 1][0].startswith("reduction"):
                previous = cells[-1].previous
            else:
                previous = index - 1 if index else None
            cells.append(CellPlan(name, role, width, index, previous, level, (index + 1) / len(sequence)))
        auxiliary = [name for name, _, _ in sequence].index("reduction_1")  # the output just before it
        return NetworkPlan(stem_filters, stem_level, tuple(cells), auxiliary)


NASNET = Skeleton("nasnet")
"""NASNet (Zoph et al. 2018, figure 2), with the constants of the released code (TF-Slim)."""


def _positive(name: str, value: object) -> None:
    if type(value) is not int or value < 1:
        raise ValueError(f"{name} must be a positive integer, got {value!r}")
