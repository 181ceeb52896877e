"""Choices of cells as tokens, which the ensembles of PNAS read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nasnet_keras.search.spaces.base import Decision
from nasnet_keras.search.spaces.growth import Growth
from nasnet_keras.search.surrogates.base import checked_rows

__all__ = ["Tokens"]


@dataclass(frozen=True)
class Tokens:
    """How rows of choices are read: blocks of as many choices each, which index tables of embeddings.

    A space of several cells is read block by block: the first block of each cell, then the second ones. A block has a
    part for each cell then, and cells that grow in turn may lack the last parts.

    Attributes:
        tables: the number of the table that each choice of a block indexes, part after part.
        sizes: the number of the choices in each table.
        blocks: the largest number of blocks in a row.
        cells: the number of cells.

    Example:
        >>> tokens = Tokens(tables=(0, 0, 1, 1), sizes=(6, 8), blocks=5)
        >>> tokens.read([[0, 1, 7, 7, -1, -1, -1, -1]]).tolist()
        [[[0, 1, 7, 7], [-1, -1, -1, -1]]]
    """

    tables: tuple[int, ...]
    sizes: tuple[int, ...]
    blocks: int
    cells: int = 1

    @classmethod
    def of(cls, decisions: Sequence[Decision], growth: Growth) -> "Tokens":
        """The tokens of a space of cells that grow.

        Decisions of a block that have the same choices share a table, as in the paper: both inputs, both operations.
        Each cell has tables of its own.

        Raises:
            ValueError: the decisions are not those of equal blocks of so many cells.
        """
        size = growth.blocks * growth.length
        legal, tables, sizes = len(decisions) == growth.cells * size, [], []
        for start in range(0, len(decisions), size):
            cell = [one.choices for one in decisions[start : start + size]]
            last = cell[-growth.length :]  # it reads the most inputs
            legal &= all(one == last[place % growth.length][: len(one)] for place, one in enumerate(cell))
            kinds = list(dict.fromkeys(last))
            tables += [len(sizes) + kinds.index(one) for one in last]
            sizes += map(len, kinds)
        if not legal:
            raise ValueError(
                f"{len(decisions)} decisions are not those of {growth.cells} × {growth.blocks} equal blocks of "
                f"{growth.length} decisions"
            )
        return cls(tuple(tables), tuple(sizes), growth.blocks, growth.cells)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """The choices of rows, of shape (rows, blocks, choices of a block); those of blocks that a row lacks are -1.

        Args:
            rows: choices of all decisions, one cell after another, -1 for those of the blocks that a cell lacks. Blocks
                that all rows lack may be left out of all cells.

        Raises:
            ValueError: they are no such array.
        """
        choices = self._divided(rows)
        parts = (len(choices), choices.shape[1] * self.cells, len(self.tables) // self.cells)
        absent = (choices.reshape(parts) == -1).all(axis=2)
        if absent[:, : self.cells].any() or not (np.diff(absent.astype(int), axis=1) >= 0).all():
            raise ValueError("rows must be choices of blocks, and -1 after their last block")
        return choices

    def counted(self, rows: np.ndarray) -> np.ndarray:
        """How often rows make each choice, of shape (rows, choices), table after table.

        Args:
            rows: as of `read`, though any block may be missing.

        Raises:
            ValueError: as of `read`.

        Example:
            >>> Tokens(tables=(0, 0, 1, 1), sizes=(2, 3), blocks=5).counted([[0, 1, 2, 2]]).tolist()
            [[1, 1, 0, 0, 2]]
        """
        choices, counts = self._divided(rows), []
        for number, size in enumerate(self.sizes):
            slots = [slot for slot, table in enumerate(self.tables) if table == number]
            counts.append((choices[:, :, slots, None] == np.arange(size)).sum(axis=(1, 2)))
        return np.concatenate(counts, axis=1)

    def _divided(self, rows: np.ndarray) -> np.ndarray:
        """The choices of rows by blocks, each legal or of a block that is missing."""
        found = checked_rows(rows)
        slots = len(self.tables)
        blocks, rest = divmod(found.shape[1], slots)
        if rest or not 1 <= blocks <= self.blocks:
            raise ValueError(
                f"expected rows of {slots} choices a block, and at most {self.blocks} blocks, got {found.shape[1]}"
            )
        whole = found.astype(np.int64)
        if (whole != found).any():
            raise ValueError("rows must be choices of blocks, and -1 after their last block")
        parts = whole.reshape(len(whole), self.cells, blocks, slots // self.cells).swapaxes(1, 2)
        limits = np.reshape([self.sizes[table] for table in self.tables], (self.cells, -1))
        if not (((parts >= 0) & (parts < limits)).all(axis=3) | (parts == -1).all(axis=3)).all():
            raise ValueError("a row has a choice that its decision has not")
        return parts.reshape(len(whole), blocks, slots)
