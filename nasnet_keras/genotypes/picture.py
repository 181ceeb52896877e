"""The parts of a genotype's picture, as values."""

from dataclasses import dataclass

__all__ = ["Row"]


@dataclass(frozen=True)
class Row:
    """A box in the column that an architecture without cells is drawn as.

    Attributes:
        title: the first line in it.
        lines: further lines in it.
        reads: the numbers of the earlier rows that it reads, in order.
        mark: a note on the way to all later rows, or None.
    """

    title: str
    lines: tuple[str, ...] = ()
    reads: tuple[int, ...] = ()
    mark: str | None = None
