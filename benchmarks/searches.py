"""Searches in the table of a benchmark over many seeds: what the measurements of algorithms share."""

import collections
import functools
import itertools
import json
import math
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nasnet_keras.search import SearchConfig, algorithms, registry, spaces
from nasnet_keras.search.algorithms.base import Algorithm
from nasnet_keras.search.algorithms.random import RandomSearch
from nasnet_keras.search.costing import Costing
from nasnet_keras.search.costs.limits import Objective
from nasnet_keras.search.evaluators.tabular import TabularEvaluator
from nasnet_keras.search.spaces.base import Choices, Space
from nasnet_keras.search.spaces.tables import read, read_costs
from nasnet_keras.utils.lines import LineLog, whole_lines

__all__ = ["LARGEST", "Runs", "Setting", "Table", "make", "runs_of", "search"]

LARGEST = "largest by parameters"


@dataclass(frozen=True, eq=False)  # hashed by identity
class Setting:
    """The networks of a table that are within a limit; all of them without one.

    Attributes:
        name: the limit, as the user gave it; empty without one.
        space: the space to search.
        rewards: what a search may look at, by genotype.
        tests: what its winner is judged by; empty if the table has nothing but rewards.
        parameters: the numbers of parameters.
        costs: the limited cost; empty without a limit.
        slowest: the largest such cost in the table.
    """

    name: str
    space: Space
    rewards: dict[str, float]
    tests: dict[str, float]
    parameters: dict[str, float]
    costs: dict[str, float]
    slowest: float = float("nan")

    @property
    def winner(self) -> str:
        """The genotype of the largest reward: what a search of all networks would find."""
        return max(self.rewards, key=self.rewards.__getitem__)

    @functools.cached_property
    def best(self) -> float:
        return self.rewards[self.winner]

    def largest(self, seed: int, count: int) -> list[str]:
        """The genotypes with the most parameters, equally large ones in random order."""
        names = sorted(self.rewards)
        order = np.random.default_rng(seed).permutation(len(names))
        return sorted((names[place] for place in order), key=lambda name: -self.parameters[name])[:count]


class Table:
    """The table of a benchmark, with the costs of its networks.

    Args:
        space: the name of its space.
        path: its CSV file.
        costs: a CSV file of further costs; None for none.
    """

    def __init__(self, space: str, path: str, costs: str | None = None) -> None:
        config = SearchConfig("", space=space, evaluator="tabular", table=path, costs=costs)
        self._evaluator = TabularEvaluator(config)
        self._space = spaces.make(space, table=path)
        benchmark = registry.space(space).load().benchmark
        self.entries = read(path, benchmark)
        self.costs = {genotype: self._evaluator.costs(genotype) for genotype in self.entries}
        further = next(iter(read_costs(costs, benchmark, self.entries).values())) if costs else ()
        self.further = tuple(further)
        """The names of the further costs."""

    def setting(self, limit: str = "") -> Setting:
        """The networks within a limit, such as `pixel3_ms=5`, or `pixel3_ms=20%` for a quantile; empty for all."""
        cost, _, most = limit.partition("=")
        known = {genotype: one[cost] for genotype, one in self.costs.items() if cost in one}
        if most.endswith("%"):
            most = np.quantile(list(known.values()), float(most[:-1]) / 100)
        space = self._space
        if limit:
            space = Costing(Objective.of([f"{cost}={float(most)!r}"]), self._evaluator, space).searched
            known = {genotype: value for genotype, value in known.items() if value <= float(most)}
        within = {name: entry for name, entry in self.entries.items() if not limit or name in known}
        return Setting(
            limit,
            space,
            {name: entry.reward for name, entry in within.items()},
            {name: next(iter(entry.tests.values())) for name, entry in within.items() if entry.tests},
            {name: self.costs[name]["parameters"] for name in within},
            known,
            max((one[cost] for one in self.costs.values() if cost in one), default=float("nan")),
        )


class Preferring(RandomSearch):
    """Random search that gives a trial the likeliest of several draws: what is learnt is not in it."""

    def ask(self, trial: int) -> Choices:
        generator = self.generator(trial)
        return self.space.likeliest(self.space.sample(generator) for _ in itertools.count())


class TPE(Algorithm):
    """Optuna's tree-structured Parzen estimator by its defaults, with each decision as a categorical parameter.

    Where a search may not propose all choices, it gets the nearest network that it may propose, as controllers do.
    """

    def __init__(self, space: Space, seed: int) -> None:
        super().__init__(space, seed)
        try:
            import optuna
        except ImportError:
            sys.exit("the algorithm tpe needs Optuna, which is no part of nasnet_keras: pip install optuna")
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        sampler = optuna.samplers.TPESampler(seed=seed)
        self._study = optuna.create_study(direction="maximize", sampler=sampler)
        self._failed = optuna.trial.TrialState.FAIL
        legal = optuna.distributions.CategoricalDistribution
        self._decisions = {decision.name: legal(decision.choices) for decision in space.decisions}
        self._asked = collections.deque()

    def ask(self, trial: int) -> Choices:
        self._asked.append(self._study.ask(self._decisions))
        picked = [self._asked[-1].params[decision.name] for decision in self.space.decisions]
        return self.space.nearest(self.space.find(picked))

    def tell(self, choices: Choices, reward: float | None) -> None:
        state = None if reward is not None else self._failed
        self._study.tell(self._asked.popleft(), reward, state)


_PEERS = {"preferring": Preferring, "tpe": TPE}


def make(name: str, space: Space, seed: int) -> Algorithm:
    """Make an algorithm with the settings that a search in a table has by default, or a peer."""
    if name in _PEERS:
        return _PEERS[name](space, seed)
    return algorithms.make(name, space, seed, **registry.evaluator("tabular").defaults)


def search(
    algorithm: Algorithm, setting: Setting, evaluations: int, window: int = 1, until: float = math.inf
) -> list[str]:
    """Run a search, which proposes each child when all but the last `window - 1` before it are told.

    Args:
        algorithm: a new one.
        setting: where it searches.
        evaluations: number of children.
        window: of those that are on their way at once.
        until: a reward with which the search ends, such as the best of all, after which no other matters.

    Returns:
        The genotypes that were evaluated, in order.
    """
    proposed: list[Choices] = []
    found: list[str] = []
    for trial in range(evaluations):
        if trial >= window:
            algorithm.tell(proposed[trial - window], setting.rewards[found[trial - window]])
        proposed.append(algorithm.ask(trial))
        found.append(setting.space.decode(proposed[-1]))
        if setting.rewards[found[-1]] >= until:
            break
    return found


def runs_of(
    name: str, todo: Iterable[tuple[Setting, int]], evaluations: int, window: int = 1, to_the_end: bool = True
) -> Iterator[tuple[Setting, int, list[str]]]:
    """Search in settings with seeds; one object runs all that has a state, since compiling is most of a run's cost.

    Args:
        name: that of an algorithm, or `LARGEST`.
        todo: settings of one table, and seeds.
        evaluations: children of a run.
        window: see `search`.
        to_the_end: whether a run goes on when it has evaluated a network of the best reward of all.

    Yields:
        The setting, the seed, and the genotypes that were evaluated.
    """
    algorithm = None
    for setting, seed in todo:
        if name == LARGEST:
            yield setting, seed, setting.largest(seed, evaluations)
            continue
        new = make(name, setting.space, seed)
        if algorithm is None or not (state := new.state()):
            algorithm = new
        else:
            algorithm.space, algorithm.seed = setting.space, seed
            algorithm.restore(state)
        yield setting, seed, search(algorithm, setting, evaluations, window, math.inf if to_the_end else setting.best)


class Runs:
    """The figures of all runs by their keys, as the lines of a file if there is one.

    Args:
        path: the file, which may be missing, and whose last line may be torn; None to keep nothing.
        keys: the names of the figures that tell runs apart.

    Raises:
        ValueError: a line is no run with these keys.
    """

    def __init__(self, path: str | None, keys: tuple[str, ...]) -> None:
        self._path, self._keys = path and Path(path), keys
        self._runs: dict[tuple, dict[str, Any]] = {}
        for number, line in enumerate(whole_lines(self._path) if self._path else [], 1):
            try:
                self._keep(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                expected = f"expected a run with {', '.join(keys)}"
                raise ValueError(f"{path}, line {number} is damaged: {expected}, got {error!r}") from None

    def get(self, *key: Any) -> dict[str, Any] | None:
        """The run of a key; None if there is none."""
        return self._runs.get(key)

    def add(self, run: dict[str, Any]) -> None:
        """Add a run, which takes the place of an earlier one of the same key."""
        self._keep(run)
        if self._log:
            self._log.append(f"{json.dumps(run)}\n".encode())

    @functools.cached_property
    def _log(self) -> LineLog | None:
        """Opened with the first run that is added: reading changes no file."""
        return LineLog(self._path) if self._path else None

    def _keep(self, run: dict[str, Any]) -> None:
        self._runs[tuple(run[key] for key in self._keys)] = run
