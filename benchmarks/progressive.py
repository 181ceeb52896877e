"""Rank correlations of PNAS' predictors by level, and what progressive search finds, on rewards that a formula gives.

    python benchmarks/progressive.py --trials=240

Rewards are of a random formula: each operation has a worth and passes a share of its input on, pairs of operations of a
block suit each other or not, and a cell is worth the mean of its best block and of all, with noise of a third of the
deviation of random cells. No network is trained, so the figures say how the predictors and the levels work, and not how
well real accuracies can be predicted.
"""

from nasnet_keras.utils import environment

environment.prepare()

import time
from collections.abc import Callable

import numpy as np
from absl import app, flags
from measure import processor

from nasnet_keras.search import algorithms
from nasnet_keras.search.algorithms.base import Algorithm
from nasnet_keras.search.algorithms.progressive import PREDICTORS
from nasnet_keras.search.spaces.base import Choices
from nasnet_keras.search.spaces.pnas import PNASSpace

_SEEDS = flags.DEFINE_integer("seeds", 10, "Formulas, and searches, with the seeds from 0.", lower_bound=2)
_TRIALS = flags.DEFINE_integer("trials", 240, "Trials of a search.", lower_bound=25)
_PREDICTORS = flags.DEFINE_multi_enum("predictor", list(PREDICTORS), list(PREDICTORS), "Predictors to measure.")

_NOISE = 1 / 3
_SPACE = PNASSpace()


def formula(seed: int) -> Callable[[Choices], float]:
    """Make a function of cells, of zero mean and unit deviation over random cells."""
    generator, count = np.random.default_rng((2**40, seed)), len(_SPACE.operations)
    worth, share = generator.normal(size=count), generator.uniform(0.3, 0.9, count)
    suits = generator.normal(0, 0.3, (count, count))
    suits, previous, blocks = suits + suits.T, generator.normal(-0.3, 0.3), generator.uniform(0.2, 0.8)

    def raw(cell: Choices) -> float:
        states = [0.0, previous]
        for start in range(0, len(cell), 4):
            left, right, one, other = cell[start : start + 4]
            sides = worth[one] + share[one] * states[left] + worth[other] + share[other] * states[right]
            states.append(sides / 2 + suits[one, other])
        return (max(states[2:]) + np.mean(states[2:])) / 2 + blocks * np.log(len(cell) / 4)

    known = [raw(_SPACE.sample(generator)) for _ in range(1000)]
    mean, deviation = np.mean(known), np.std(known)
    return lambda cell: float((raw(cell) - mean) / deviation)


def best_of(algorithm: Algorithm, worth: Callable[[Choices], float], seed: int) -> float:
    """Search; returns the worth, without noise, of the cell with the best reward."""
    generator, found = np.random.default_rng((2**41, seed)), []
    for trial in range(_TRIALS.value):
        cell = algorithm.ask(trial)
        reward = worth(cell) + _NOISE * generator.normal()
        algorithm.tell(cell, reward)
        found.append((reward, cell))
    return worth(max(found)[1])


def _spread(values: list[float]) -> str:
    return f"{np.mean(values):.2f} ± {np.std(values):.2f}"


def main(argv: list[str]) -> None:
    beam = _TRIALS.value // _SPACE.num_blocks
    print(f"{_TRIALS.value} trials, beam {beam}, {_SEEDS.value} formulas, {processor()}; mean ± deviation")
    for predictor in _PREDICTORS.value:
        started, best, learnt, new = time.process_time(), [], {}, {}
        for seed in range(_SEEDS.value):
            algorithm = algorithms.make("progressive", _SPACE, seed, beam_size=beam, predictor=predictor)
            best.append(best_of(algorithm, formula(seed), seed))
            for rows in algorithm.notes().values():
                for row in rows[: _SPACE.num_blocks - 1]:
                    new.setdefault(row["Blocks"], []).append(row["Rank correlation"])
                    learnt.setdefault(row["Blocks"], []).append(row["Rank correlation of those learnt last"])
        seconds = (time.process_time() - started) / _SEEDS.value
        print(f"progressive, {predictor}: best {_spread(best)}; {seconds:.0f} s of a core a search", flush=True)
        for blocks, found in new.items():
            print(f"  {blocks} blocks: rank correlation {_spread(found)}; of those learnt {_spread(learnt[blocks])}")
    for name in ("random", "evolution", "local"):
        made = (algorithms.make(name, _SPACE, seed, population_size=10) for seed in range(_SEEDS.value))
        best = [best_of(one, formula(seed), seed) for seed, one in enumerate(made)]
        print(f"{name}: best {_spread(best)}", flush=True)


if __name__ == "__main__":
    app.run(main)
