"""PNAS: progressive neural architecture search."""

import contextlib
import functools
import itertools
import math
from collections.abc import Callable
from typing import Any

import numpy as np

from nasnet_keras.search.algorithms.base import Algorithm, from_rows, to_rows
from nasnet_keras.search.algorithms.beam import Beam
from nasnet_keras.search.equality import network_name
from nasnet_keras.search.spaces.base import Choices, Space
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


class Progressive(Algorithm):
    """Trains cells of one block, learns which are good, and adds a block to each of them, until cells are whole.

    The first beam has the cells of one block: all of them, or `beam_size` that share out the choices evenly. Then every
    block is added to every cell of the last beam. A predictor scores these candidates, and the best `beam_size` are the
    next beam. Once cells are whole, further beams are the next candidates of the same parents. All cells of a beam are
    trained, and the predictor learns anew before each beam. Equal networks are one candidate.

    An eighth of a beam explores: it goes to the best candidates with the choices that were tried least. Each level
    brings an input that no cell had before, the last block, of which a predictor can know nothing; in the paper the
    rank correlation of the first predictions with the rewards is 0.11 to 0.20.

    The trials of a beam wait for the results of all beams before (`awaits`), and for nothing else, so that they may all
    run side by side. Under a limit of costs the cells of all beams are within it.

    Args:
        space: the space to search. Its decisions are those of equal blocks, one after another, whose two sides can be
            swapped. The first blocks alone are a legal choice vector, as in `PNASSpace`.
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
    """

    def __init__(self, space: Space, seed: int, beam_size: int = 256, predictor: str = "mlp") -> None:
        super().__init__(space, seed)
        choice("predictor", predictor, tuple(PREDICTORS))
        self._beam_size = positive_integer("beam_size", beam_size)
        self._tokens, self._predictor = _tokens(space), PREDICTORS[predictor]
        self._told: list[Choices] = []
        self._rewards: list[float] = []  # not a number for a child that failed
        self._planned: tuple[int, list[Choices]] = (-1, [])  # the number of a beam, and its cells

    @functools.cached_property
    def _width(self) -> int:
        """The number of cells of the first beam."""
        return min(self._beam_size, max(1, sum(map(self.space.fits, self._blocks(0).tolist()))))

    @property
    def least_trials(self) -> int:
        return self._start(self._tokens.blocks - 1) + 1

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
        return {"cells": self._rows(len(self._told)), "rewards": np.array(self._rewards, np.float64)}

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
            predicted = self._learnt(start).predict(self._rows(end)).mean
            found.append(
                {
                    "Blocks": self._level(number) + 1,
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

    def _level(self, number: int) -> int:
        """The number of blocks of the parents of a beam's cells."""
        return min(number, self._tokens.blocks - 1)

    def _beam(self, number: int) -> list[Choices]:
        """The cells of a beam, by what was told of the beams before."""
        start, level = self._start(number), self._level(number)
        blocks, parents = self._blocks(level), self._parents(start, level)
        size = self._beam_size if number else self._width
        scores = self._scores(start, parents, blocks) if number else self.generator(0).random((1, len(blocks)))
        beam = Beam(parents, blocks, scores, self._accepts(start))
        beam.take_best(size - math.ceil(size / _EXPLORES) if number else 0)
        beam.explore(size, self._tokens.counted(blocks), self._tokens.counted(self._rows(start)).sum(axis=0))
        return beam.cells

    def _blocks(self, level: int) -> np.ndarray:
        """The choices of all blocks that can follow after so many, without those whose sides are swapped."""
        length = len(self._tokens.tables)
        sizes = [len(one.choices) for one in self.space.decisions[level * length : (level + 1) * length]]
        blocks = np.stack(np.unravel_index(np.arange(math.prod(sizes)), sizes), axis=1)
        other_way = np.ravel_multi_index(tuple(self._tokens.swapped(blocks).T), sizes)
        return blocks[np.arange(len(blocks)) <= other_way]

    def _parents(self, start: int, level: int) -> list[Choices]:
        """The cells that blocks are added to: those of a level that did not fail, unless all failed."""
        if not level:
            return [()]
        told = [place for place in range(start) if len(self._told[place]) == level * len(self._tokens.tables)]
        good = [place for place in told if math.isfinite(self._rewards[place])]
        return [self._told[place] for place in good or told]

    def _scores(self, start: int, parents: list[Choices], blocks: np.ndarray) -> np.ndarray:
        surrogate, count = self._learnt(start), len(blocks)
        cells = (np.hstack([np.tile(np.array(parent), (count, 1)), blocks]) for parent in parents)
        return np.array([surrogate.predict(rows).mean for rows in cells]).reshape(-1, count)

    def _learnt(self, start: int) -> Ensemble:
        """The predictor that learnt the first trials. A child that failed counts as the worst of them."""
        rewards = np.array(self._rewards[:start])
        worst = rewards[np.isfinite(rewards)].min(initial=0.0 if np.isnan(rewards).all() else np.inf)
        rewards = np.where(np.isfinite(rewards), rewards, worst)
        return self._predictor(self._tokens, self.seed).fit(self._rows(start), rewards)

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
        length = (self._level(self._number(trial)) + 1) * len(self._tokens.tables)
        for _ in range(_TRIES):
            drawn = self.space.sample(generator)[:length]
            if self._name(drawn) not in known:
                break
        return drawn

    def _name(self, cell: Choices) -> str:
        return network_name(self.space.decode(cell))

    def _rows(self, end: int) -> np.ndarray:
        return to_rows(self._told[:end], len(self.space.decisions))

    def _correlation(self, predicted: np.ndarray, start: int, end: int) -> float | None:
        rewards = np.array(self._rewards[start:end])
        known = np.isfinite(rewards)
        return spearman(predicted[start:end][known], rewards[known]) if known.sum() >= _FEWEST else None


def _tokens(space: Space) -> Tokens:
    """How predictors read the cells of a space.

    Raises:
        ValueError: its cells do not grow block by block.
    """
    lengths = [length for length in range(1, len(space.decisions) + 1) if space.legal_length(length)]
    with contextlib.suppress(ValueError):
        if len(lengths) > 1:
            return Tokens.of(space.decisions, len(lengths))
    raise ValueError(
        f"progressive search needs a space of cells that grow block by block, of two blocks or more, such as pnas, got "
        f"{type(space).__name__}"
    )
