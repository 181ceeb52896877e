"""Measure the quality of the cells that searches find, over many seeds, on the table of NAS-Bench-201.

    python benchmarks/search_quality.py --table=nasbench201_cifar10.csv

A run reads validation accuracies after 12 epochs; its figure is the test accuracy after 200 epochs of the cell that has
the best of them.
"""

from nasnet_keras.utils import environment

environment.prepare()

import time

import numpy as np
from absl import app, flags
from measure import processor, restart

from nasnet_keras.search import algorithms
from nasnet_keras.search.algorithms.base import Algorithm
from nasnet_keras.search.spaces.nasbench201 import NASBench201Space
from nasnet_keras.search.spaces.tables import read

_TABLE = flags.DEFINE_string("table", None, "A CSV file of NAS-Bench-201.", required=True)
_SEEDS = flags.DEFINE_integer("seeds", 300, "Runs of each algorithm, with the seeds from 0.", lower_bound=1)
_EVALUATIONS = flags.DEFINE_list("evaluations", ["200"], "Numbers of children of a run's figures.")
_ALGORITHMS = flags.DEFINE_list("algorithms", ["random", "evolution", "reinforce", "ppo"], "Algorithms to run.")


def search(algorithm: Algorithm, table: dict[str, tuple[float, float]], marks: list[int]) -> list[float]:
    """Run a search; returns its figure after each number of evaluations."""
    best, figures = (-np.inf, -np.inf), []
    for trial in range(marks[-1]):
        choices = algorithm.ask(trial)
        found = table[algorithm.space.decode(choices)]
        algorithm.tell(choices, found[0])
        if found[0] > best[0]:
            best = found
        if trial + 1 in marks:
            figures.append(best[1])
    return figures


def main(argv: list[str]) -> None:
    entries = read(_TABLE.value, NASBench201Space.benchmark)
    table = {cell: (entry.reward, *entry.tests.values()) for cell, entry in entries.items()}
    marks = sorted(int(number) for number in _EVALUATIONS.value)
    print(f"{len(table)} cells, {_SEEDS.value} seeds, {processor()}; test accuracy, mean ± standard deviation")
    for name in _ALGORITHMS.value:
        algorithm = algorithms.make(name, NASBench201Space(), 0)
        started = time.monotonic()
        runs = []
        for seed in range(_SEEDS.value):
            restart(algorithm, algorithms.make(name, algorithm.space, seed))
            runs.append(search(algorithm, table, marks))
        milliseconds = 1000 * (time.monotonic() - started) / (_SEEDS.value * marks[-1])
        figures = zip(marks, np.mean(runs, axis=0), np.std(runs, axis=0), strict=True)
        shown = ", ".join(f"{mark} evaluations {mean:.3f} ± {deviation:.3f}" for mark, mean, deviation in figures)
        print(f"{name}: {shown} ({milliseconds:.2f} ms a child, all included)", flush=True)


if __name__ == "__main__":
    app.run(main)
