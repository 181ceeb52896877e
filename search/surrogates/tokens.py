"""Choices of cells as tokens, which the ensembles of PNAS read."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from nasnet_keras.search.spaces.base import Decision
from nasnet_keras.search.surrogates.base import checked_rows

__all__ = ["Tokens"]


@dataclass(frozen=True)
class Tokens:
    """How rows of choices are read: blocks of as many choices each, which index tables of embeddings.

    Attributes:
        tables: the number of the table that each choice of a block indexes.
        sizes: the number of the choices in each table.
        blocks: the largest number of blocks in a row.

    Example:
        >>> tokens = Tokens(tables=(0, 0, 1, 1), sizes=(6, 8), blocks=5)
        >>> tokens.read([[0, 1, 7, 7, -1, -1, -1, -1]]).tolist()
        [[[0, 1, 7, 7], [-1, -1, -1, -1]]]
    """

    tables: tuple[int, ...]
    sizes: tuple[int, ...]
    blocks: int

    @classmethod
    def of(cls, decisions: Sequence[Decision], blocks: int) -> "Tokens":
        """The tokens of a space whose decisions are those of so many equal blocks, one after another.

        Decisions of a block that have the same choices share a table, as in the paper: both inputs, both operations.

        Raises:
            ValueError: the decisions cannot be divided into so many equal blocks.
        """
        length, rest = divmod(len(decisions), blocks)
        last = [one.choices for one in decisions[-length:]]  # it reads the most inputs
        legal = not rest and all(
            one.choices == last[place % length][: len(one.choices)] for place, one in enumerate(decisions)
        )
        if not legal:
            raise ValueError(f"{len(decisions)} decisions are not those of {blocks} equal blocks")
        kinds = list(dict.fromkeys(last))
        return cls(tuple(map(kinds.index, last)), tuple(map(len, kinds)), blocks)

    def read(self, rows: np.ndarray) -> np.ndarray:
        """The choices of rows, of shape (rows, blocks, choices of a block); those of blocks that a row lacks are -1.

        Args:
            rows: choices, the shorter rows with -1 at their ends, as of `algorithms.base.to_rows`.

        Raises:
            ValueError: they are no such array.
        """
        found = checked_rows(rows)
        length = len(self.tables)
        blocks, rest = divmod(found.shape[1], length)
        if rest or not 1 <= blocks <= self.blocks:
            raise ValueError(
                f"expected rows of {length} choices a block, and at most {self.blocks} blocks, got {found.shape[1]}"
            )
        choices = found.astype(np.int64).reshape(-1, blocks, length)
        absent = (choices == -1).all(axis=2)
        legal = (choices >= 0) & (choices < [self.sizes[table] for table in self.tables])
        follow = np.diff(absent.astype(int), axis=1) >= 0
        if (choices.reshape(found.shape) != found).any() or absent[:, :1].any() or not follow.all():
            raise ValueError("rows must be choices of blocks, and -1 after their last block")
        if not (legal.all(axis=2) | absent).all():
            raise ValueError("a row has a choice that its decision has not")
        return choices

    def counted(self, rows: np.ndarray) -> np.ndarray:
        """How often rows make each choice, of shape (rows, choices), table after table.

        Raises:
            ValueError: as of `read`.

        Example:
            >>> Tokens(tables=(0, 0, 1, 1), sizes=(2, 3), blocks=5).counted([[0, 1, 2, 2]]).tolist()
            [[1, 1, 0, 0, 2]]
        """
        choices, counts = self.read(rows), []
        for number, size in enumerate(self.sizes):
            slots = [slot for slot, table in enumerate(self.tables) if table == number]
            counts.append((choices[:, :, slots, None] == np.arange(size)).sum(axis=(1, 2)))
        return np.concatenate(counts, axis=1)

    def swapped(self, blocks: np.ndarray) -> np.ndarray:
        """Blocks with their two sides swapped: the choices that share a table.

        Example:
            >>> Tokens(tables=(0, 0, 1, 1), sizes=(2, 3), blocks=5).swapped(np.array([[0, 1, 2, 0]])).tolist()
            [[1, 0, 0, 2]]
        """
        places = list(range(len(self.tables)))
        for number in range(len(self.sizes)):
            slots = [slot for slot, table in enumerate(self.tables) if table == number]
            for slot, other in zip(slots, reversed(slots), strict=True):
                places[slot] = other
        return blocks[:, places]
