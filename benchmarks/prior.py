"""Measure what other networks tell of those of a table: how well they predict rewards, and how many children they save.

    python benchmarks/prior.py --results=prior.jsonl
    python benchmarks/prior.py --space=nasbench201 --table=nasbench201_cifar10.csv --results=prior.jsonl

Rewards become normal scores, as in a search, so that networks that learn nothing do not matter more than their rank.
They are taken as they are, and less what multiply-adds explain, by an isotonic fit over the whole table, so that
nothing is gained by merely larger networks. Where a table has a figure that a search may not see (the test accuracy of
NAS-Bench-201), it is what searches and held-out networks are judged by, and the prior knows the reward.

- **Prediction.** Networks at random teach a model, which orders all others: Spearman's correlation, mean over splits.
  The models are the Gaussian process of `--algorithm=bayesian`, and a ridge regression on the numbers of operations of
  each kind. Noise leaves a ceiling for any model, which is told if the card of the table says how large the noise is.
- **Children.** One half of the table is the prior, and the other half is searched. The target is the expected best of
  240 random ones among 500 (of a half of another size, of the same share), and a method needs so many children as its
  mean best, over all splits, takes to reach the mean target. A prior that is shuffled, or reversed, shows what a
  misleading one costs.

With --results=FILE each run is a line of that file, and one that is there is not run again.
"""

from nasnet_keras.utils import environment

environment.prepare()

import functools
import json
import time
import zlib
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from absl import app, flags
from measure import processor
from references import expected_best, isotonic, ridge
from searches import Runs

from nasnet_keras.search import SearchConfig, registry, spaces, tables
from nasnet_keras.search.algorithms.bayesian import BayesianOptimization
from nasnet_keras.search.evaluators.tabular import TabularEvaluator
from nasnet_keras.search.spaces.base import Choices, Space
from nasnet_keras.search.spaces.partial import PartialSpace
from nasnet_keras.search.spaces.tables import read
from nasnet_keras.search.surrogates.features import Features
from nasnet_keras.search.surrogates.gaussian_process import GaussianProcess
from nasnet_keras.search.surrogates.prior import Prior
from nasnet_keras.utils.ranks import normal_scores, spearman

_SPACE = flags.DEFINE_string("space", "nasnet", "The space of the table.")
_TABLE = flags.DEFINE_string("table", "nasnet_cells_cifar10", "The name or the file of the table.")
_NETWORKS = flags.DEFINE_integer("networks", 1000, "Networks of the table at most, at random.", lower_bound=8)
_SPLITS = flags.DEFINE_integer("splits", 100, "Splits in halves, each with the seed of its number.", lower_bound=1)
_CHILDREN = flags.DEFINE_integer("children", 60, "Children of a search at most.", lower_bound=1)
_METHODS = flags.DEFINE_list(
    "methods", ["ridge", "bayesian", "prior", "shuffled", "reversed"], "What is compared with random children."
)
_RESULTS = flags.DEFINE_string("results", None, "A file that keeps all runs, so that a stopped measurement goes on.")

_TAUGHT = (24, 60, 200, 700)  # networks
_FEWEST = 8  # held-out networks
_RANDOM, _OF = 240, 500
_KEYS = ("kind", "method", "table", "less", "split", "size")


class Among(PartialSpace):
    """The networks of a list in a space."""

    known: tuple[Choices, ...] = ()

    def __init__(self, space: Space, known: tuple[Choices, ...]) -> None:
        self._space, self.known = space, known
        self.decisions, self.network = space.decisions, space.network

    def decode(self, choices):
        return self._space.decode(choices)

    def encode(self, genotype):
        return self._space.encode(genotype)

    def architecture(self, genotype):
        return self._space.architecture(genotype)

    def network_name(self, genotype):
        return self._space.network_name(genotype)


class Known:
    """The networks of a table: choices, what a prior knows, and what a search looks for."""

    def __init__(self, less: bool) -> None:
        table = read(_TABLE.value, registry.space(_SPACE.value).load().benchmark)
        evaluator = TabularEvaluator(
            SearchConfig("unused", space=_SPACE.value, evaluator="tabular", table=_TABLE.value)
        )
        names = list(table)
        kept = np.sort(np.random.default_rng(0).permutation(len(names))[: _NETWORKS.value])
        names = [names[place] for place in kept]
        entries = [table[name] for name in names]
        costs = np.array([evaluator.costs(name)["multiply_adds"] for name in names])
        self.space, self.less = spaces.make(_SPACE.value), less
        self.choices = [self.space.encode(name) for name in names]
        self.networks = [self.space.architecture(name) for name in names]
        told = np.array([entry.reward for entry in entries])
        judged = np.array([next(iter(entry.tests.values()), entry.reward) for entry in entries])
        self.unit = float(judged.std()) or 1.0  # of the table, for one of the scores
        scores = map(normal_scores, (told, judged))
        self.told, self.judged = (one - isotonic(costs, one) if less else one for one in scores)
        text = repr([*zip(self.choices, self.told.tolist(), self.judged.tolist(), strict=True)])
        self.digest = f"{zlib.crc32(text.encode()):08x}"

    @functools.cached_property
    def features(self) -> Features:
        return Features(self.space)

    @functools.cached_property
    def rows(self) -> np.ndarray:
        return self.features.rows(self.choices)

    @functools.cached_property
    def counts(self) -> np.ndarray:
        """Scaled numbers of operations of each kind, in logarithms as all features are."""
        chosen = [name.startswith("operations.number.") for name in self.features.names]
        return self.rows[:, chosen]

    def half(self, split: int) -> tuple[np.ndarray, np.ndarray]:
        """The places of the networks of a prior, and of those to search among."""
        order = np.random.default_rng(split).permutation(len(self.choices))
        return order[: len(order) // 2], order[len(order) // 2 :]


def predicted(known: Known, model: str, taught: np.ndarray, others: np.ndarray) -> np.ndarray:
    """What a model that some networks taught expects of others."""
    if model == "ridge":
        return ridge(known.counts[taught], normal_scores(known.told[taught]))(known.counts[others])
    process = GaussianProcess(known.features.groups).fit(known.rows[taught], normal_scores(known.told[taught]))
    return process.predict(known.rows[others]).mean


def correlation(known: Known, model: str, size: int, split: int) -> float:
    """Spearman's correlation of predicted and held-out rewards."""
    order = np.random.default_rng(split).permutation(len(known.choices))
    taught, others = order[:size], order[size:]
    return spearman(predicted(known, model, taught, others), known.judged[others]) or 0.0


def searched(known: Known, method: str, split: int) -> list[float]:
    """What the children of a search are worth, in order."""
    prior, others = known.half(split)
    count = min(_CHILDREN.value, len(others))
    if method == "ridge":
        order = np.argsort(-predicted(known, "ridge", prior, others), kind="stable")
        return known.judged[others[order[:count]]].tolist()
    rewards = known.told[prior]
    rewards = {"reversed": -rewards, "shuffled": np.random.default_rng(split).permutation(rewards)}.get(method, rewards)
    of_half = Prior(method, tuple(known.networks[place] for place in prior), tuple(rewards.tolist()), known.digest)
    space = Among(known.space, tuple(known.choices[place] for place in others))
    algorithm = BayesianOptimization(space, split, prior=None if method == "bayesian" else of_half)
    worth = dict(zip(space.known, known.judged[others].tolist(), strict=True))
    found = []
    for trial in range(count):
        choices = algorithm.ask(trial)
        found.append(worth[choices])
        algorithm.tell(choices, found[-1])
    return found


def ceiling(known: Known) -> str:
    """The correlation that a perfect model would have with rewards that are partly noise."""
    try:
        noise = json.loads(tables.located(_TABLE.value).with_suffix(".json").read_text())["noise"]
    except (OSError, ValueError, KeyError):  # the table has no card, or a card of another kind
        return "no card says how large the noise is"
    found = []
    for name, words in (("over_seeds", "between seeds"), ("over_processors", "between processors")):
        deviation, cells = noise[name]["standard_deviation"], noise[name]["cells"]
        if deviation is not None:
            share = max(0.0, 1 - (deviation / known.unit) ** 2 / known.judged.var())
            found.append(f"{share**0.5:.2f} by the differences {words}, {deviation:.4f} ({cells} cells)")
    return "; ".join(found) or "no cell was trained twice"


def predictions(known: Known, runs: Runs) -> Iterator[str]:
    """The table of predictions."""
    sizes = [size for size in _TAUGHT if size + _FEWEST <= len(known.choices)]
    if not sizes:
        yield f"{named(known)}: {len(known.choices)} networks are too few. Ceiling: {ceiling(known)}."
        return
    yield f"| Spearman, {named(known)} | {' | '.join(f'{size} networks' for size in sizes)} |"
    yield "|---" * (1 + len(sizes)) + "|"
    for model in ("process", "ridge"):
        cells = []
        for size in sizes:
            found = [
                kept(
                    runs,
                    ("prediction", model, known.digest, known.less, split, size),
                    correlation,
                    known,
                    model,
                    size,
                    split,
                )
                for split in range(min(_SPLITS.value, 20))
            ]
            cells.append(f"{np.mean(found):.3f} ± {np.std(found):.3f}")
        yield f"| {model} | {' | '.join(cells)} |"
    yield f"\nStandard deviations are over {min(_SPLITS.value, 20)} splits. Ceiling: {ceiling(known)}."


def children(known: Known, runs: Runs) -> Iterator[str]:
    """The table of searches."""
    halves = [known.judged[known.half(split)[1]] for split in range(_SPLITS.value)]
    half = len(halves[0])
    drawn, count = max(1, round(half * _RANDOM / _OF)), min(_CHILDREN.value, half)
    targets = np.array([expected_best(one, drawn) for one in halves])
    marks = [mark for mark in (1, 4, 8, 12, 16, 24, 36, 48, 60) if mark <= count]
    yield f"| best less that of {drawn} random ones, {named(known)} | {' | '.join(map(str, marks))} | children needed |"
    yield "|---" * (2 + len(marks)) + "|"
    worth = {"random": np.array([[expected_best(one, n) for n in range(1, count + 1)] for one in halves])}
    for method in _METHODS.value:
        found = [
            kept(runs, ("search", method, known.digest, known.less, split, count), searched, known, method, split)
            for split in range(_SPLITS.value)
        ]
        worth[method] = np.maximum.accumulate(np.array(found), axis=1)
    for method, best in worth.items():
        ahead = (best - targets[:, None]) / known.judged.std()
        mean, error = ahead.mean(axis=0), ahead.std(axis=0) / np.sqrt(len(ahead))
        reached = np.flatnonzero(mean >= 0)
        needed = str(reached[0] + 1) if len(reached) else f"more than {count}"
        needed = str(drawn) if method == "random" else needed
        cells = [f"{mean[mark - 1]:+.2f} ± {error[mark - 1]:.2f}" for mark in marks]
        yield f"| {method} | {' | '.join(cells)} | {needed} |"
    yield f"\nIn standard deviations of the rewards, ± standard errors; {_SPLITS.value} splits, {half} networks each."


def kept(runs: Runs, key: tuple, measure: Callable[..., Any], *arguments: Any) -> Any:
    """The figure of a run, measured unless it is in the file."""
    if (run := runs.get(*key)) is None:
        runs.add({**dict(zip(_KEYS, key, strict=True)), "found": measure(*arguments)})
        run = runs.get(*key)
    return run["found"]


def named(known: Known) -> str:
    return "rewards less what multiply-adds explain" if known.less else "rewards"


def main(argv: list[str]) -> None:
    del argv
    runs, started = Runs(_RESULTS.value, _KEYS), time.monotonic()
    for less in (False, True):
        known = Known(less)
        if not less:
            print(f"{len(known.choices):,} networks of {_TABLE.value}, {processor()}")
        for part in (predictions, children) if less else (predictions,):
            print()
            print("\n".join(part(known, runs)), flush=True)
    print(f"\n{(time.monotonic() - started) / 60:.0f} minutes")


if __name__ == "__main__":
    app.run(main)
