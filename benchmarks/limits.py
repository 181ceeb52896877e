"""Measure what searches find under limits of costs, over many seeds, in a benchmark's table.

    python benchmarks/limits.py --table=nasbench201_cifar10.csv --costs=nasbench201_latency.csv
    python benchmarks/limits.py --space=accel_nasbench --table=accel_nasbench_mnasnet_space.csv \
        --limits=zcu102_ms=3,zcu102_ms=5,zcu102_ms=8

All children of a run are within the limit, as those of a search whose costs are known at once. A run is judged by the
shortfall: the best reward that the table has under the limit, less the best that was found. Beside the algorithms
stand the networks under the limit with the most parameters, of which equally large ones come in random order, and
"preferring": uniform draws, of which each trial gets the likeliest of four, as it does in algorithms that learn. With
--results=FILE each run is a line of that file, and a run that is there is not run again.
"""

from nasnet_keras.utils import environment

environment.prepare()

import functools
import time
from collections.abc import Iterator

import numpy as np
from absl import app, flags
from measure import processor
from searches import LARGEST, Runs, Setting, Table, runs_of

from nasnet_keras.search.study.pareto import hypervolume

_SPACE = flags.DEFINE_string("space", "nasbench201", "The space of the table.")
_TABLE = flags.DEFINE_string("table", None, "The CSV file of a benchmark.", required=True)
_COSTS = flags.DEFINE_string("costs", None, "A CSV file of further costs, joined by index.")
_LIMITS = flags.DEFINE_list(
    "limits",
    None,
    "The limits, such as zcu102_ms=5, or pixel3_ms=20% for a quantile of all networks that have the cost. By default "
    "the quantiles 20%, 40% and 60% of each cost of --costs.",
)
_SEEDS = flags.DEFINE_integer("seeds", 100, "Runs of each algorithm under each limit, with the seeds from 0.")
_EVALUATIONS = flags.DEFINE_integer("evaluations", 200, "Children of a run.")
_ALGORITHMS = flags.DEFINE_list(
    "algorithms", ["random", "preferring", "evolution", "reinforce", "ppo"], "Algorithms to run."
)
_RESULTS = flags.DEFINE_string("results", None, "A file that keeps all runs, so that a stopped measurement goes on.")

_LEAST_REWARD = 10.0  # of the hypervolume's reference, in percent; its cost is that of the costliest network
_FIGURES = ("shortfall", "test", "hypervolume")


def judge(setting: Setting, found: list[str]) -> dict[str, float]:
    """The figures of a run that evaluated some genotypes; the hypervolume is a share of the largest, in percent."""
    winner = max(found, key=setting.rewards.__getitem__)
    return {
        "shortfall": setting.best - setting.rewards[winner],
        "test": setting.tests.get(winner, float("nan")),
        "hypervolume": 100 * volume(setting, found) / whole_volume(setting),
    }


def volume(setting: Setting, found: list[str]) -> float:
    points = [(setting.costs[genotype], setting.rewards[genotype]) for genotype in found]
    return hypervolume(points, (setting.slowest, _LEAST_REWARD))


@functools.cache
def whole_volume(setting: Setting) -> float:
    return volume(setting, list(setting.rewards))


def figures_of(algorithm: str, chosen: list[Setting], runs: Runs) -> np.ndarray:
    """The figures of the seeds that ran under all limits, shape (limits, seeds, figures)."""
    names = [setting.name for setting in chosen]
    found = [[runs.get(algorithm, name, seed, _EVALUATIONS.value) for name in names] for seed in range(_SEEDS.value)]
    whole = [row for row in found if None not in row]
    return np.array([[[run[one] for one in _FIGURES] for run in row] for row in whole]).swapaxes(0, 1)


def summary(rows: list[str], chosen: list[Setting], runs: Runs) -> Iterator[str]:
    """The lines of a table of means over all settings, with the standard errors of the seeds' means."""
    yield "| | seeds | shortfall | test accuracy | hypervolume, % |"
    yield "|---|---|---|---|---|"
    for name in rows:
        seeds = figures_of(name, chosen, runs).mean(axis=0)
        errors = seeds.std(axis=0) / np.sqrt(len(seeds))
        cells = [f"{mean:.3f} ± {error:.3f}" for mean, error in zip(seeds.mean(axis=0), errors, strict=True)]
        yield f"| {name} | {len(seeds)} | {' | '.join(cells).replace('nan ± nan', 'none')} |"
    test = np.mean([setting.tests.get(setting.winner, np.nan) for setting in chosen])
    yield f"| best possible | | 0 | {test:.3f} | 100 |".replace("nan", "none")


def by_setting(rows: list[str], chosen: list[Setting], runs: Runs) -> Iterator[str]:
    """The lines of a table of shortfalls under each limit: means and standard deviations."""
    yield f"| limit | networks | best possible | {' | '.join(rows)} |"
    yield "|---" * (3 + len(rows)) + "|"
    figures = {name: figures_of(name, chosen, runs)[:, :, 0] for name in rows}
    for place, setting in enumerate(chosen):
        shortfalls = {name: found[place] for name, found in figures.items()}
        mark = " *" if LARGEST in rows and not shortfalls[LARGEST].any() else ""
        cells = [f"{found.mean():.2f} ± {found.std():.2f}" for found in shortfalls.values()]
        yield f"| {setting.name}{mark} | {len(setting.rewards):,} | {setting.best:.2f} | {' | '.join(cells)} |"


def main(argv: list[str]) -> None:
    table = Table(_SPACE.value, _TABLE.value, _COSTS.value)
    limits = _LIMITS.value or [f"{name}={share}%" for name in table.further for share in (20, 40, 60)]
    chosen = [table.setting(limit) for limit in limits]
    runs = Runs(_RESULTS.value, ("algorithm", "setting", "seed", "evaluations"))
    evaluations = _EVALUATIONS.value
    print(f"{evaluations} evaluations, {_SEEDS.value} seeds, {len(chosen)} limits, {processor()}", flush=True)
    rows = [*_ALGORITHMS.value, LARGEST]
    for name in rows:
        started = time.monotonic()
        pairs = [(setting, seed) for seed in range(_SEEDS.value) for setting in chosen]
        todo = [(setting, seed) for setting, seed in pairs if not runs.get(name, setting.name, seed, evaluations)]
        for setting, seed, found in runs_of(name, todo, evaluations):
            key = {"algorithm": name, "setting": setting.name, "seed": seed, "evaluations": evaluations}
            runs.add({**key, **judge(setting, found)})
        print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)
    for lines in (summary(rows, chosen, runs), by_setting(rows, chosen, runs)):
        print("\n" + "\n".join(lines))
    print("\n* the largest by parameters hold the best possible network in every run")


if __name__ == "__main__":
    app.run(main)
