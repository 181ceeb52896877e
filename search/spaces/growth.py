"""Growing: cells of fewer blocks are of a space, too, and get further blocks one by one."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

__all__ = ["Growth", "swapped"]


@dataclass(frozen=True)
class Growth:
    """How the cells of a space grow: block by block, in turn.

    The decisions of the space are those of its cells, one cell after another, and those of a cell are the decisions of
    its blocks, equally many for each. The choice vector of smaller cells has the choices of their blocks, in the same
    order. At first each cell has a block; then the cells get one more in turn, so that the number of choices says how
    many blocks each cell has. A decision has the first choices of the same decision of the blocks after it.

    Attributes:
        cells: number of cells.
        blocks: number of blocks in a whole cell.
        length: number of decisions of a block.
        swappable: whether a block is of an equal network if its two sides are swapped: decisions of one block with the
            same choices take each other's.

    Example:
        >>> growth = Growth(cells=2, blocks=3, length=4)
        >>> list(growth.lengths), growth.sizes(12)
        ([8, 12, 16, 20, 24], (2, 1))
        >>> growth.places(12)[:8] == tuple(range(8)), growth.places(12)[8:], growth.last(12)
        (True, (12, 13, 14, 15), slice(4, 8, None))
    """

    cells: int
    blocks: int
    length: int
    swappable: bool = True

    @property
    def lengths(self) -> range:
        """The legal numbers of choices, from one block in each cell to whole cells."""
        return range(self.cells * self.length, self.cells * self.blocks * self.length + 1, self.length)

    def sizes(self, length: int) -> tuple[int, ...]:
        """The number of blocks in each cell, for a number of choices."""
        each, more = divmod(length // self.length, self.cells)
        return tuple(each + (cell < more) for cell in range(self.cells))

    def places(self, length: int) -> tuple[int, ...]:
        """The places, among all decisions, of those that a vector of so many choices has."""
        starts = range(0, self.cells * self.blocks * self.length, self.blocks * self.length)
        parts = zip(starts, self.sizes(length), strict=True)
        return tuple(start + place for start, size in parts for place in range(size * self.length))

    def last(self, length: int) -> slice:
        """Where the block that came last stands in a vector of so many choices: the first blocks come at once."""
        if length == self.lengths[0]:
            return slice(0, length)
        cell = (length // self.length - 1) % self.cells
        end = self.length * sum(self.sizes(length)[: cell + 1])
        return slice(end - self.length, end)


def swapped(kinds: Sequence[Hashable]) -> list[int]:
    """The places of the decisions of a block after its sides are swapped.

    Args:
        kinds: of each decision, what it chooses among.

    Example:
        >>> swapped(["input", "input", "operation", "operation", "combine"])
        [1, 0, 3, 2, 4]
    """
    places = list(range(len(kinds)))
    for kind in dict.fromkeys(kinds):
        same = [place for place, one in enumerate(kinds) if one == kind]
        for place, other in zip(same, reversed(same), strict=True):
            places[place] = other
    return places
