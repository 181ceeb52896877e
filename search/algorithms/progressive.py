"""PNAS: progressive neural architecture search."""

import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nasnet_keras.search.algorithms.base import Algorithm, from_rows, to_rows
from nasnet_keras.search.algorithms.beam import Beam
from nasnet_keras.search.spaces.base import Choices, Space
from nasnet_keras.search.spaces.growth import Growth, swapped
from nasnet_keras.search.surrogates.ensemble import Ensemble
from nasnet_keras.search.surrogates.lstm import LSTMEnsemble
from nasnet_keras.search.surrogates.mlp import MLPEnsemble
from nasnet_keras.search.surrogates.tokens import Tokens
from nasnet_keras.utils.checks import choice, positive_integer
from nasnet_keras.utils.ranks import spearman

__all__ = ["PREDICTORS", "Progressive"]

PREDICTORS = {"mlp": MLPEnsemble, "lstm": LSTMEnsemble}
"""The predictors of the paper by name."""

_EXPLORES = 8  # one of so many cells of a beam explores
_TRIES = 32
_FEWEST = 3  # children of a rank correlation
_FIRST = 2**12  # candidates of the first beam, where several cells have more pairs of blocks


class Progressive(Algorithm):
    """Trains cells of one block, learns which are good, and adds a block to each of them, until cells are whole.

    The first beam has the cells of one block: all of them, or `beam_size` that share out the choices evenly. Then every
    block is added to every cell of the last beam. A predictor scores these candidates, and the best `beam_size` are the
    next beam. Once cells are whole, further beams are the next candidates of the same parents. All cells of a beam are
    trained, and the predictor learns anew before each beam. Equal networks are one candidate.

    In a space of two cells both have a block in the first beam, and then the normal and the reduction cell get a block
    in turn, by a beam each: all pairs of a normal and a reduction block would be millions for each parent.

    An eighth of a beam explores: it goes to the best candidates with the choices that were tried least. Each level
    brings an input that no cell had before, the last block, of which a predictor can know nothing; in the paper the
    rank correlation of the first predictions with the rewards is 0.11 to 0.20.

    The trials of a beam wait for the results of all beams before (`awaits`), and for nothing else, so that they may all
    run side by side. Under a limit of costs the cells of all beams are within it.

    Args:
        space: the space to search, which says by `Space.growth` how its cells grow.
        seed: seed of all random numbers.
        beam_size: number of cells of a beam, K; 256 in the paper.
        predictor: `"mlp"` or `"lstm"`: the ensemble that predicts. The paper searches with the first.

    Raises:
        ValueError: the cells of the space do not grow block by block, or an argument is out of range.

    Source: Liu et al. 2018 (arXiv 1712.00559), section 4; its search code was never released. Here the predictor begins
    anew before each beam and learns the rewards of all levels; the paper does not say whether it does.

    Example:
        >>> from nasnet_keras.search.spaces.pnas import PNASSpace
        >>> algorithm = Progressive(PNASSpace(), seed=0)
        >>> len(algorithm.ask(0)), algorithm.awaits(135), algorithm.awaits(136), algorithm.least_trials
        (4, 0, 136, 905)
        >>> from nasnet_keras.search.spaces.nasnet import CellSpace
        >>> algorithm = Progressive(CellSpace(), seed=0)
        >>> len(algorithm.ask(0)), algorithm.awaits(255), algorithm.awaits(256), algorithm.least_trials
        (10, 0, 256, 2049)
    """

    def __init__(self, space: Space, seed: int, beam_size: int = 256, predictor: str = "mlp") -> None:
        super().__init__(space, seed)
        choice("predictor", predictor, tuple(PREDICTORS))
        self._beam_size = positive_integer("beam_size", beam_size)
        self._growth = _growth(space)
        self._tokens, self._predictor = Tokens.of(space.decisions, self._growth), PREDICTORS[predictor]
        self._told: list[Choices] = []
        self._rewards: list[float] = []  # not a number for a child that failed
        self._planned: tuple[int, list[Choices]] = (-1, [])  # the number of a beam, and its cells

    @functools.cached_property
    def _width(self) -> int:
        """The number of cells of the first beam."""
        fitting = filter(self.space.fits, map(tuple, self._blocks(0).tolist()))
        return max(1, len(list(itertools.islice(fitting, self._beam_size))))

    @property
    def least_trials(self) -> int:
        return self._start(len(self._growth.lengths) - 1) + 1

    def awaits(self, trial: int) -> int:
        return self._start(self._number(trial))

    def ask(self, trial: int) -> Choices:
        number = self._number(trial)
        start = self._start(number)
        if start <= len(self._told):
            if self._planned[0] != number:
                self._planned = number, self._beam(number)
            if trial - start < len(self._planned[1]):
                return self._planned[1][trial - start]
        return self._any(trial)

    def tell(self, choices: Choices, reward: float | None) -> None:
        self._told.append(tuple(choices))
        self._rewards.append(math.nan if reward is None else float(reward))

    def state(self) -> dict[str, np.ndarray]:
        cells = to_rows(self._told, len(self.space.decisions))
        return {"cells": cells, "rewards": np.array(self._rewards, np.float64)}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        if set(state) != {"cells", "rewards"} or len(state["cells"]) != len(state["rewards"]):
            raise ValueError(f"expected a state of progressive search, got {', '.join(state)}")
        cells = from_rows(state["cells"])
        for cell in cells:
            self.space.pick(cell)
        self._told, self._rewards, self._planned = cells, state["rewards"].tolist(), (-1, [])

    def notes(self) -> dict[str, list[dict[str, Any]]]:
        """The rank correlation of predictions with rewards, for each beam but the first."""
        found = []
        for number in itertools.count(1):
            before, start, end = (self._start(one) for one in (number - 1, number, number + 1))
            if len(self._told) < start + _FEWEST:
                break
            predicted = self._learnt(start).predict(self._rows(self._told[:end])).mean
            sizes = self._growth.sizes(self._length(number))
            found.append(
                {
                    "Blocks": sizes[0] if len(sizes) == 1 else " + ".join(map(str, sizes)),
                    "Children": len(predicted) - start,
                    "Rank correlation": self._correlation(predicted, start, end),
                    "Rank correlation of those learnt last": self._correlation(predicted, before, start),
                }
            )
        return {"Predictions before children were trained, and their rewards": found} if found else {}

    def _number(self, trial: int) -> int:
        """The number of a trial's beam, from 0."""
        return 0 if trial < self._width else 1 + (trial - self._width) // self._beam_size

    def _start(self, number: int) -> int:
        """The first trial of a beam."""
        return self._width + (number - 1) * self._beam_size if number else 0

    def _length(self, number: int) -> int:
        """The number of choices of a beam's cells."""
        lengths = self._growth.lengths
        return lengths[min(number, len(lengths) - 1)]

    def _beam(self, number: int) -> list[Choices]:
        """The cells of a beam, by what was told of the beams before."""
        start, length = self._start(number), self._length(number)
        blocks, parents = self._blocks(number), self._parents(number)
        size = self._beam_size if number else self._width
        scores = self._scores(number, parents, blocks) if number else self.generator(0).random((1, len(blocks)))
        beam = Beam(parents, blocks, scores, self._accepts(start), self._growth.last(length).start)
        beam.take_best(size - math.ceil(size / _EXPLORES) if number else 0)
        made = self._tokens.counted(self._added_rows(blocks, length))
        beam.explore(size, made, self._tokens.counted(self._rows(self._told[:start])).sum(axis=0))
        return beam.cells

    def _added(self, length: int) -> tuple[int, ...]:
        """The places, among all decisions, of those of the block that came last."""
        return self._growth.places(length)[self._growth.last(length)]

    def _added_rows(self, blocks: np.ndarray, length: int) -> np.ndarray:
        """Blocks that came last, as rows of all decisions, -1 for those of other blocks."""
        rows = np.full((len(blocks), len(self.space.decisions)), -1)
        rows[:, self._added(length)] = blocks
        return rows

    def _blocks(self, number: int) -> np.ndarray:
        """The choices of all blocks that a beam adds; at first of a block of each cell, some of them if too many."""
        places, length = self._added(self._length(number)), self._growth.length
        cells = [self._block_of(places[start : start + length]) for start in range(0, len(places), length)]
        generator, most = self.generator(0), max(_FIRST, 2 * self._beam_size)
        if len(cells) == 1 or math.prod(map(len, cells)) <= most:
            picked = np.indices([len(cell) for cell in cells]).reshape(len(cells), -1)
        else:
            picked = np.unique([generator.integers(len(cell), size=most) for cell in cells], axis=1)
        return np.hstack([cell[chosen] for cell, chosen in zip(cells, picked, strict=True)])

    def _block_of(self, places: tuple[int, ...]) -> np.ndarray:
        """The choices of all blocks of some decisions, without those whose sides are swapped."""
        kinds = [self.space.decisions[place].choices for place in places]
        sizes = [len(kind) for kind in kinds]
        blocks = np.stack(np.unravel_index(np.arange(math.prod(sizes)), sizes), axis=1)
        if not self._growth.swappable:
            return blocks
        other_way = np.ravel_multi_index(tuple(blocks[:, swapped(kinds)].T), sizes)
        return blocks[np.arange(len(blocks)) <= other_way]

    def _parents(self, number: int) -> list[Choices]:
        """The cells that a beam adds blocks to: those of a block less that did not fail, unless all failed."""
        length = self._length(number)
        if length == self._growth.lengths[0]:
            return [()]
        told = [place for place in range(self._start(number)) if len(self._told[place]) == length - self._growth.length]
        good = [place for place in told if math.isfinite(self._rewards[place])]
        return [self._told[place] for place in good or told]

    def _scores(self, number: int, parents: list[Choices], blocks: np.ndarray) -> np.ndarray:
        surrogate, length = self._learnt(self._start(number)), self._length(number)
        rows, scores = self._added_rows(blocks, length), []
        for parent in parents:
            rows[:, self._growth.places(length - self._growth.length)] = parent
            scores.append(surrogate.predict(rows).mean)
        return np.array(scores)

    def _learnt(self, start: int) -> Ensemble:
        """The predictor that learnt the first trials. A child that failed counts as the worst of them."""
        rewards = np.array(self._rewards[:start])
        worst = rewards[np.isfinite(rewards)].min(initial=0.0 if np.isnan(rewards).all() else np.inf)
        rewards = np.where(np.isfinite(rewards), rewards, worst)
        return self._predictor(self._tokens, self.seed).fit(self._rows(self._told[:start]), rewards)

    def _accepts(self, start: int) -> Callable[[Choices], bool]:
        """Whether a cell is within the limits, and another network than the first trials and those accepted before."""
        known = set(map(self._name, self._told[:start]))

        def accepts(cell: Choices) -> bool:
            if (name := self._name(cell)) in known or not self.space.fits(cell):
                return False
            known.add(name)
            return True

        return accepts

    def _any(self, trial: int) -> Choices:
        """A random cell for a trial whose beam has too few cells, or cannot begin yet."""
        generator, known = self.generator(trial), set(map(self._name, self._told))
        places = self._growth.places(self._length(self._number(trial)))
        for _ in range(_TRIES):
            whole = self.space.sample(generator)
            drawn = tuple(whole[place] for place in places)
            if self._name(drawn) not in known:
                break
        return drawn

    def _name(self, cell: Choices) -> str:
        return self.space.network_name(self.space.decode(cell))

    def _rows(self, cells: list[Choices]) -> np.ndarray:
        """Cells as rows of all decisions, -1 for those of blocks that they lack."""
        rows = np.full((len(cells), len(self.space.decisions)), -1)
        for row, cell in zip(rows, cells, strict=True):
            row[list(self._growth.places(len(cell)))] = cell
        return rows

    def _correlation(self, predicted: np.ndarray, start: int, end: int) -> float | None:
        rewards = np.array(self._rewards[start:end])
        known = np.isfinite(rewards)
        return spearman(predicted[start:end][known], rewards[known]) if known.sum() >= _FEWEST else None


def _growth(space: Space) -> Growth:
    """How the cells of a space grow.

    Raises:
        ValueError: they do not grow block by block.
    """
    if space.growth is None or space.growth.blocks < 2:
        raise ValueError(
            f"progressive search needs a space of cells that grow block by block, of two blocks or more, such as "
            f"nasnet or pnas, got {type(space).__name__}"
        )
    return space.growth
