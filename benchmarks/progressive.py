"""Rank correlations of PNAS' predictors by level, and what progressive search finds, on rewards that a formula gives.

    python benchmarks/progressive.py --trials=240
    python benchmarks/progressive.py --trials=240 --space=nasnet --predictor=mlp

Rewards are of a random formula: each operation has a worth and passes a share of its input on, pairs of operations of a
block suit each other or not, and a cell is worth the mean of its best block and of all. In the space nasnet both cells
have a formula, and count alike. Rewards have a noise of a third of the deviation of random cells. No network is
trained, so the figures say how the predictors and the levels work, and not how well real accuracies can be predicted.
With --results=FILE each run is a line of that file, and a run that is there is not run again.
"""

from nasnet_keras.utils import environment

environment.prepare()

import time
from collections.abc import Callable
from typing import Any

import numpy as np
from absl import app, flags
from measure import processor
from searches import Runs

from nasnet_keras.search import algorithms, spaces
from nasnet_keras.search.algorithms.base import Algorithm
from nasnet_keras.search.algorithms.progressive import PREDICTORS
from nasnet_keras.search.spaces.base import Choices, Space

_SPACE = flags.DEFINE_enum("space", "pnas", ["pnas", "nasnet"], "Space of cells.")
_SEEDS = flags.DEFINE_integer("seeds", 10, "Formulas, and searches, with the seeds from 0.", lower_bound=2)
_TRIALS = flags.DEFINE_integer("trials", 240, "Trials of a search.", lower_bound=25)
_PREDICTORS = flags.DEFINE_multi_enum("predictor", list(PREDICTORS), list(PREDICTORS), "Predictors to measure.")
_PEERS = flags.DEFINE_list("peers", ["random", "evolution", "local"], "Other algorithms to measure.")
_RESULTS = flags.DEFINE_string("results", None, "A file that keeps all runs, so that a stopped measurement goes on.")

_NOISE = 1 / 3
_KEYS = ("space", "trials", "algorithm", "seed")  # of a run
_NEW, _LEARNT = "Rank correlation", "Rank correlation of those learnt last"


def formula(space: Space, seed: int) -> Callable[[Choices], float]:
    """Make a function of cells, of zero mean and unit deviation over random whole cells."""
    generator = np.random.default_rng((2**40, seed))
    each = [_of_a_cell(space, generator) for _ in range(space.growth.cells)]

    def raw(choices: Choices) -> float:
        ends = space.growth.length * np.cumsum(space.growth.sizes(len(choices)))
        cells = (choices[start:end] for start, end in zip((0, *ends), ends, strict=False))
        return float(np.mean([worth(cell) for worth, cell in zip(each, cells, strict=True)]))

    known = [raw(space.sample(generator)) for _ in range(1000)]
    mean, deviation = np.mean(known), np.std(known)
    return lambda choices: float((raw(choices) - mean) / deviation)


def _of_a_cell(space: Space, generator: np.random.Generator) -> Callable[[Choices], float]:
    """Make a function of the choices of one cell."""
    count, length = len(space.operations), space.growth.length
    worth, share = generator.normal(size=count), generator.uniform(0.3, 0.9, count)
    suits = generator.normal(0, 0.3, (count, count))
    suits, previous, blocks = suits + suits.T, generator.normal(-0.3, 0.3), generator.uniform(0.2, 0.8)
    combines = [0.0, *(generator.normal(0, 0.3, 1) if length > 4 else ())]  # to concatenate, where it can be chosen

    def raw(cell: Choices) -> float:
        states = [0.0, previous]
        for start in range(0, len(cell), length):
            left, right, one, other, *combine = cell[start : start + length]
            sides = worth[one] + share[one] * states[left] + worth[other] + share[other] * states[right]
            states.append(sides / 2 + suits[one, other] + combines[sum(combine)])
        return (max(states[2:]) + np.mean(states[2:])) / 2 + blocks * np.log(len(cell) / length)

    return raw


def run(space: Space, algorithm: Algorithm, seed: int) -> dict[str, Any]:
    """Search; returns the worth, without noise, of the cell with the best reward, and what an algorithm notes."""
    worth, generator, found = formula(space, seed), np.random.default_rng((2**41, seed)), []
    started = time.process_time()
    for trial in range(_TRIALS.value):
        cell = algorithm.ask(trial)
        reward = worth(cell) + _NOISE * generator.normal()
        algorithm.tell(cell, reward)
        found.append((reward, cell))
    seconds = time.process_time() - started
    levels: dict[str, list[float | None]] = {}
    for row in (row for rows in algorithm.notes().values() for row in rows):
        levels.setdefault(str(row["Blocks"]), [row[_NEW], row[_LEARNT]])  # of the first beam of whole cells
    return {"best": worth(max(found)[1]), "seconds": seconds, "levels": levels}


def _measured(runs: Runs, name: str, settings: dict[str, Any]) -> list[dict[str, Any]]:
    """The runs of an algorithm with all seeds; those that are missing are run."""
    space, label = spaces.make(_SPACE.value), ", ".join([name, *map(str, settings.values())])
    beam = _TRIALS.value // len(space.growth.lengths)
    for seed in range(_SEEDS.value):
        key = (_SPACE.value, _TRIALS.value, label, seed)
        if runs.get(*key) is None:
            made = algorithms.make(name, space, seed, beam_size=beam, population_size=10, **settings)
            runs.add({**dict(zip(_KEYS, key, strict=True)), **run(space, made, seed)})
    found = [runs.get(_SPACE.value, _TRIALS.value, label, seed) for seed in range(_SEEDS.value)]
    seconds = np.mean([one["seconds"] for one in found])
    print(f"{label}: best {_spread([one['best'] for one in found])}; {seconds:.0f} s of a core a search", flush=True)
    return found


def _spread(values: list[float | None]) -> str:
    known = [value for value in values if value is not None]
    return f"{np.mean(known):.2f} ± {np.std(known):.2f}" if known else "none"


def main(argv: list[str]) -> None:
    runs = Runs(_RESULTS.value, _KEYS)
    print(
        f"{_SPACE.value}, {_TRIALS.value} trials, {_SEEDS.value} formulas, {processor()}; mean ± deviation", flush=True
    )
    for predictor in _PREDICTORS.value:
        found = _measured(runs, "progressive", {"predictor": predictor})
        for level in found[0]["levels"]:
            new, learnt = (_spread([one["levels"][level][place] for one in found]) for place in (0, 1))
            print(f"  {level} blocks: rank correlation {new}; of those learnt {learnt}", flush=True)
    for name in _PEERS.value:
        _measured(runs, name, {})


if __name__ == "__main__":
    app.run(main)
