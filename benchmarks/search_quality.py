"""Measure the quality of the networks that searches find in a benchmark's table, over many seeds.

    python benchmarks/search_quality.py --table=nasbench201_cifar10.csv
    python benchmarks/search_quality.py --space=nasbench_macro --table=nasbench_macro_cifar10.csv
    python benchmarks/search_quality.py --space=accel_nasbench --table=accel_nasbench_mnasnet_space.csv \
        --limit=zcu102_ms=5

A run is judged by the network with the best reward among those that it evaluated: in NAS-Bench-201 by its test accuracy
after 200 epochs (the reward is the validation accuracy after 12), in NAS-Bench-Macro by the mean of three trainings
(the reward is the first one), in Accel-NASBench by the reward itself. A run hits if it evaluated a network of the best
reward of all, and ends there, since no later one changes its figures. Beside the algorithms stand `tpe`, Optuna's by
its defaults (`pip install optuna`), and the networks with the most parameters, of which equally large ones come in
random order. With --results=FILE each run is a line of that file, and a run that is there is not run again; remove its
lines when its algorithm has changed.
"""

from nasnet_keras.utils import environment

environment.prepare()

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
from absl import app, flags
from measure import processor
from searches import LARGEST, Runs, Setting, Table, runs_of

_SPACE = flags.DEFINE_string("space", "nasbench201", "The space of the table.")
_TABLE = flags.DEFINE_string("table", None, "The CSV file of a benchmark.", required=True)
_COSTS = flags.DEFINE_string("costs", None, "A CSV file of further costs, joined by index, for --limit.")
_LIMIT = flags.DEFINE_string("limit", "", "A limit that all children keep, such as zcu102_ms=5 or pixel3_ms=20%.")
_SEEDS = flags.DEFINE_integer("seeds", 300, "Runs of each algorithm, with the seeds from 0.", lower_bound=1)
_EVALUATIONS = flags.DEFINE_list("evaluations", ["50", "100", "200"], "Numbers of children of a run's figures.")
_WINDOW = flags.DEFINE_integer("window", 1, "Children on their way at most: a proposal waits for all earlier ones.")
_ALGORITHMS = flags.DEFINE_list(
    "algorithms", ["random", "evolution", "local", "tpe", "bayesian", "reinforce", "ppo"], "Algorithms to run."
)
_RESULTS = flags.DEFINE_string("results", None, "A file that keeps all runs, so that a stopped measurement goes on.")

_KEYS = ("algorithm", "space", "limit", "window", "seed")  # of a run


class Measured:
    """The runs of one setting: each is kept as its incumbents, with the evaluation that each was found at."""

    def __init__(self, setting: Setting, path: str | None) -> None:
        self.setting = setting
        self._runs = Runs(path, _KEYS)

    def lacks(self, algorithm: str, seed: int, evaluations: int) -> bool:
        run = self._run(algorithm, seed)
        return run is None or (run["evaluations"] < evaluations and run["incumbents"][-1][1] < self.setting.best)

    def add(self, algorithm: str, seed: int, found: list[str]) -> None:
        """Add a run that evaluated some genotypes."""
        incumbents: list[tuple[int, float, float]] = []
        for number, genotype in enumerate(found, 1):
            reward = self.setting.rewards[genotype]
            if not incumbents or reward > incumbents[-1][1]:
                incumbents.append((number, reward, self.setting.tests.get(genotype, reward)))
        key = dict(zip(_KEYS, self._key(algorithm, seed), strict=True))
        self._runs.add({**key, "evaluations": len(found), "incumbents": incumbents})

    def at(self, algorithm: str, evaluations: int) -> np.ndarray:
        """The figure of each run after some evaluations, and whether it had hit: shape (runs, 2)."""
        rows = []
        for seed in range(_SEEDS.value):
            if not self.lacks(algorithm, seed, evaluations):
                incumbents = self._run(algorithm, seed)["incumbents"]
                _, reward, figure = [one for one in incumbents if one[0] <= evaluations][-1]
                rows.append((figure, reward >= self.setting.best))
        return np.array(rows, float).reshape(-1, 2)

    def _run(self, algorithm: str, seed: int) -> dict[str, Any] | None:
        return self._runs.get(*self._key(algorithm, seed))

    def _key(self, algorithm: str, seed: int) -> tuple[str, str, str, int, int]:
        return algorithm, _SPACE.value, self.setting.name, 1 if algorithm == LARGEST else _WINDOW.value, seed


def table(measured: Measured, names: list[str], marks: list[int]) -> Iterator[str]:
    """The lines of a table: the mean figure with its standard error, the standard deviation, and the share of hits."""
    yield f"| | runs | {' | '.join(f'{mark} evaluations' for mark in marks)} |"
    yield "|---" * (2 + len(marks)) + "|"
    for name in names:
        found = [measured.at(name, mark) for mark in marks]
        counts = dict.fromkeys(len(one) for one in found)
        yield f"| {name} | {', '.join(map(str, counts))} | {' | '.join(map(shown, found))} |"
    setting = measured.setting
    judged = setting.tests or setting.rewards
    yield f"| the best by reward | | {judged[setting.winner]:.3f}" + " |" * len(marks)
    yield f"| the best as judged | | {max(judged.values()):.3f}" + " |" * len(marks)


def shown(runs: np.ndarray) -> str:
    if not len(runs):
        return "none"
    (mean, hits), deviation = runs.mean(axis=0), runs[:, 0].std()
    return f"{mean:.3f} ± {deviation / np.sqrt(len(runs)):.3f} ({deviation:.2f}; {100 * hits:.0f} %)"


def main(argv: list[str]) -> None:
    marks = sorted(int(number) for number in _EVALUATIONS.value)
    measured = Measured(Table(_SPACE.value, _TABLE.value, _COSTS.value).setting(_LIMIT.value), _RESULTS.value)
    setting, names = measured.setting, [*_ALGORITHMS.value, LARGEST]
    print(f"{len(setting.rewards):,} networks {setting.name}, {_SEEDS.value} seeds, {processor()}", flush=True)
    for name in names:
        todo = [(setting, seed) for seed in range(_SEEDS.value) if measured.lacks(name, seed, marks[-1])]
        started, children = time.monotonic(), 0
        for _, seed, found in runs_of(name, todo, marks[-1], _WINDOW.value, to_the_end=False):
            measured.add(name, seed, found)
            children += len(found)
        if todo:
            milliseconds = 1000 * (time.monotonic() - started) / children
            print(f"{name}: {milliseconds:.2f} ms a child, all included", flush=True)
    print("\nmean ± standard error (standard deviation; runs that hit)\n")
    print("\n".join(table(measured, names, marks)))


if __name__ == "__main__":
    app.run(main)
