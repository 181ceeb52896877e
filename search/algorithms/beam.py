"""The cells of a beam: the best of all candidates by a prediction, and some that explore."""

from collections.abc import Callable, Sequence

import numpy as np

from nasnet_keras.search.spaces.base import Choices

__all__ = ["Beam"]


class Beam:
    """Cells that are taken from candidates: each of the parents with each of the blocks after it.

    Args:
        parents: choice vectors.
        blocks: the choices of blocks, of shape (blocks, choices of a block).
        scores: the prediction for each candidate, of shape (parents, blocks); higher is better.
        accepts: whether a cell may be taken. It is called once for each candidate that is looked at.
        place: where the choices of the block stand among those of the cell, the parent's around them; by default last.

    Attributes:
        cells: the choice vectors that were taken, in order.

    Example:
        >>> beam = Beam([(7,), (8,)], np.array([[0], [1]]), np.array([[3.0, 1.0], [2.0, 4.0]]), lambda cell: True)
        >>> beam.take_best(3)
        >>> beam.cells
        [(8, 1), (7, 0), (8, 0)]
    """

    def __init__(
        self,
        parents: Sequence[Choices],
        blocks: np.ndarray,
        scores: np.ndarray,
        accepts: Callable[[Choices], bool],
        place: int | None = None,
    ) -> None:
        self.cells: list[Choices] = []
        self._parents, self._blocks, self._accepts, self._place = parents, blocks, accepts, place
        self._order = np.argsort(-scores.ravel(), kind="stable")
        self._untried = np.ones(scores.size, bool)
        self._taken: list[int] = []  # the blocks of the cells

    def take_best(self, count: int) -> None:
        """Take the best candidates that are accepted, until there are `count` cells."""
        for index in self._ranked(np.ones(len(self._blocks), bool)):
            if len(self.cells) >= count:
                break
            self._take(index)

    def explore(self, count: int, made: np.ndarray, tried: np.ndarray) -> None:
        """Take the best candidates whose block makes the choice that was made least, until there are `count` cells.

        Args:
            count: the number of cells, those that were taken before among them.
            made: how often each block makes each choice, of shape (blocks, choices).
            tried: how often each choice was made before, of shape (choices,).
        """
        while len(self.cells) < count:
            so_far = tried + made[self._taken].sum(axis=0)
            rarest = np.argsort(so_far, kind="stable")
            if not any(self._take(index) for choice in rarest for index in self._ranked(made[:, choice] > 0)):
                break

    def _ranked(self, which: np.ndarray) -> np.ndarray:
        """The candidates with one of some blocks that were not looked at yet, the best first."""
        return self._order[(self._untried & np.tile(which, len(self._parents)))[self._order]]

    def _take(self, index: int) -> bool:
        """Take a candidate if it is accepted."""
        self._untried[index] = False
        number, block = divmod(int(index), len(self._blocks))
        parent, place = self._parents[number], self._place
        place = len(parent) if place is None else place
        cell = (*parent[:place], *self._blocks[block].tolist(), *parent[place:])
        if accepted := self._accepts(cell):
            self.cells.append(cell)
            self._taken.append(block)
        return accepted
