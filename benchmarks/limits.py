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
import itertools
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from absl import app, flags
from measure import processor

from nasnet_keras.search import SearchConfig, algorithms, registry, spaces
from nasnet_keras.search.algorithms.base import Algorithm
from nasnet_keras.search.algorithms.random import RandomSearch
from nasnet_keras.search.costing import Costing
from nasnet_keras.search.costs.limits import Objective
from nasnet_keras.search.evaluators.tabular import TabularEvaluator
from nasnet_keras.search.spaces.base import Choices, Space
from nasnet_keras.search.spaces.tables import read, read_costs
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

_LARGEST = "largest by parameters"
_LEAST_REWARD = 10.0  # of the hypervolume's reference, in percent; its cost is that of the costliest network
_FIGURES = ("shortfall", "test", "hypervolume")


@dataclass(frozen=True)
class Setting:
    """A limit, and the networks of a table that are within.

    Attributes:
        name: the limit, as the user gave it.
        cost: name of the limited cost.
        space: the limited space.
        points: the cost and the reward of each network within, by genotype.
        tests: their test accuracies; empty if the table has none.
        parameters: their numbers of parameters.
        slowest: the largest cost in the table.
    """

    name: str
    cost: str
    space: Space
    points: dict[str, tuple[float, float]]
    tests: dict[str, float]
    parameters: dict[str, float]
    slowest: float

    @functools.cached_property
    def best(self) -> float:
        return max(reward for _, reward in self.points.values())

    @functools.cached_property
    def volume(self) -> float:
        return hypervolume(list(self.points.values()), (self.slowest, _LEAST_REWARD))

    def judge(self, found: list[str]) -> dict[str, float]:
        """The figures of a run that evaluated some genotypes; the hypervolume is a share of the largest, in percent."""
        points = [self.points[genotype] for genotype in found]
        winner = max(found, key=lambda genotype: self.points[genotype][1])
        return {
            "shortfall": self.best - self.points[winner][1],
            "test": self.tests.get(winner, float("nan")),
            "hypervolume": 100 * hypervolume(points, (self.slowest, _LEAST_REWARD)) / self.volume,
        }

    def largest(self, seed: int, count: int) -> list[str]:
        """The genotypes with the most parameters, equally large ones in random order."""
        names = sorted(self.points)
        order = np.random.default_rng(seed).permutation(len(names))
        return sorted((names[place] for place in order), key=lambda name: -self.parameters[name])[:count]


class Preferring(RandomSearch):
    """Random search that gives a trial the likeliest of several draws: what is learnt is not in it."""

    def ask(self, trial: int) -> Choices:
        generator = self.generator(trial)
        return self.space.likeliest(self.space.sample(generator) for _ in itertools.count())


def make(name: str, space: Space, seed: int) -> Algorithm:
    """Make an algorithm with the settings that a search in a table has by default."""
    if name == "preferring":
        return Preferring(space, seed)
    return algorithms.make(name, space, seed, **registry.evaluator("tabular").defaults)


def settings() -> list[Setting]:
    """The settings of the flags."""
    config = SearchConfig("", space=_SPACE.value, evaluator="tabular", table=_TABLE.value, costs=_COSTS.value)
    space = spaces.make(_SPACE.value, table=_TABLE.value)
    evaluator = TabularEvaluator(config)
    benchmark = registry.space(_SPACE.value).load().benchmark
    table = read(_TABLE.value, benchmark)
    costs = {genotype: evaluator.costs(genotype) for genotype in table}
    limits = _LIMITS.value
    if limits is None:
        columns = next(iter(read_costs(_COSTS.value, benchmark, table).values())) if _COSTS.value else ()
        limits = [f"{name}={share}%" for name in columns for share in (20, 40, 60)]
    return [_setting(limit, space, evaluator, table, costs) for limit in limits]


def _setting(limit, space, evaluator, table, costs) -> Setting:
    cost, _, most = limit.partition("=")
    known = {genotype: one[cost] for genotype, one in costs.items() if cost in one}
    if most.endswith("%"):
        most = np.quantile(list(known.values()), float(most[:-1]) / 100)
    objective = Objective.of([f"{cost}={float(most)!r}"])
    within = {genotype: (value, table[genotype].reward) for genotype, value in known.items() if value <= float(most)}
    return Setting(
        limit,
        cost,
        Costing(objective, evaluator, space).searched,
        within,
        {genotype: next(iter(table[genotype].tests.values())) for genotype in within if table[genotype].tests},
        {genotype: costs[genotype]["parameters"] for genotype in within},
        max(known.values()),
    )


def search(algorithm: Algorithm, evaluations: int, points: dict[str, tuple[float, float]]) -> list[str]:
    """Run a search; returns the genotypes that were evaluated."""
    found = []
    for trial in range(evaluations):
        choices = algorithm.ask(trial)
        found.append(algorithm.space.decode(choices))
        algorithm.tell(choices, points[found[-1]][1])
    return found


class Runs:
    """The figures of all runs by algorithm, setting and seed, in a file if there is one."""

    def __init__(self, path: str | None) -> None:
        self._path, self._figures = path and Path(path), {}
        if path and self._path.exists():
            for line in self._path.read_text().splitlines():
                self._add(json.loads(line))

    def missing(self, *key) -> bool:
        return (*key, _EVALUATIONS.value) not in self._figures

    def add(self, algorithm: str, setting: str, seed: int, figures: dict[str, float]) -> None:
        run = {"algorithm": algorithm, "setting": setting, "seed": seed, "evaluations": _EVALUATIONS.value, **figures}
        self._add(run)
        if self._path:
            with self._path.open("a") as file:
                file.write(json.dumps(run) + "\n")

    def figures(self, algorithm: str, chosen: list[Setting]) -> np.ndarray:
        """The figures of the seeds that ran under all limits, shape (limits, seeds, figures)."""
        names = [setting.name for setting in chosen]
        seeds = [one for one in range(_SEEDS.value) if not any(self.missing(algorithm, name, one) for name in names)]
        keys = [[(algorithm, name, seed, _EVALUATIONS.value) for seed in seeds] for name in names]
        return np.array([[[self._figures[key][one] for one in _FIGURES] for key in row] for row in keys])

    def _add(self, run) -> None:
        self._figures[run["algorithm"], run["setting"], run["seed"], run["evaluations"]] = run


def run_all(name: str, chosen: list[Setting], runs: Runs) -> None:
    """Run an algorithm under all limits with all seeds."""
    todo = [(setting, seed) for seed in range(_SEEDS.value) for setting in chosen]
    todo = [(setting, seed) for setting, seed in todo if runs.missing(name, setting.name, seed)]
    if not todo:
        return
    algorithm = make(name, chosen[0].space, 0)  # one object runs all, since compiling is most of a short run's cost
    first = functools.lru_cache(1)(lambda seed: make(name, chosen[0].space, seed).state())
    for setting, seed in todo:
        algorithm.space, algorithm.seed = setting.space, seed
        algorithm.restore(first(seed))
        found = search(algorithm, _EVALUATIONS.value, setting.points)
        runs.add(name, setting.name, seed, setting.judge(found))


def summary(rows: list[str], chosen: list[Setting], runs: Runs) -> Iterator[str]:
    """The lines of a table of means over all settings, with the standard errors of the seeds' means."""
    yield "| | seeds | shortfall | test accuracy | hypervolume, % |"
    yield "|---|---|---|---|---|"
    for name in rows:
        seeds = runs.figures(name, chosen).mean(axis=0)
        errors = seeds.std(axis=0) / np.sqrt(len(seeds))
        cells = [f"{mean:.3f} ± {error:.3f}" for mean, error in zip(seeds.mean(axis=0), errors, strict=True)]
        yield f"| {name} | {len(seeds)} | {' | '.join(cells).replace('nan ± nan', 'none')} |"
    winners = [max(setting.points, key=lambda one: setting.points[one][1]) for setting in chosen]
    test = np.mean([setting.tests.get(one, np.nan) for setting, one in zip(chosen, winners, strict=True)])
    yield f"| best possible | | 0 | {test:.3f} | 100 |".replace("nan", "none")


def by_setting(rows: list[str], chosen: list[Setting], runs: Runs) -> Iterator[str]:
    """The lines of a table of shortfalls under each limit: means and standard deviations."""
    yield f"| limit | networks | best possible | {' | '.join(rows)} |"
    yield "|---" * (3 + len(rows)) + "|"
    figures = {name: runs.figures(name, chosen)[:, :, 0] for name in rows}
    for place, setting in enumerate(chosen):
        shortfalls = {name: found[place] for name, found in figures.items()}
        mark = " *" if _LARGEST in rows and not shortfalls[_LARGEST].any() else ""
        cells = [f"{found.mean():.2f} ± {found.std():.2f}" for found in shortfalls.values()]
        yield f"| {setting.name}{mark} | {len(setting.points):,} | {setting.best:.2f} | {' | '.join(cells)} |"


def main(argv: list[str]) -> None:
    chosen, runs = settings(), Runs(_RESULTS.value)
    print(f"{_EVALUATIONS.value} evaluations, {_SEEDS.value} seeds, {len(chosen)} limits, {processor()}", flush=True)
    for name in _ALGORITHMS.value:
        started = time.monotonic()
        run_all(name, chosen, runs)
        print(f"{name}: {time.monotonic() - started:.0f} s", flush=True)
    for setting in chosen:
        for seed in range(_SEEDS.value):
            if runs.missing(_LARGEST, setting.name, seed):
                found = setting.largest(seed, _EVALUATIONS.value)
                runs.add(_LARGEST, setting.name, seed, setting.judge(found))
    rows = [*_ALGORITHMS.value, _LARGEST]
    for lines in (summary(rows, chosen, runs), by_setting(rows, chosen, runs)):
        print("\n" + "\n".join(lines))
    print("\n* the largest by parameters hold the best possible network in every run")


if __name__ == "__main__":
    app.run(main)
