"""Measure how well zero-cost proxies order the networks of a table, and the CPU seconds that they take.

    python benchmarks/proxies.py --table=nasbench201_cifar10.csv --dataset=cifar10 --results=proxies.jsonl
    python benchmarks/proxies.py --table=nasnet_cells.jsonl --dataset=cifar10 --results=nasnet_proxies.jsonl

A table is a CSV file of NAS-Bench-201, or JSON lines with the choices of cells of NASNet's space and their
`validation_accuracy`. A random sample of its networks is scored by all proxies on one batch of training images, with
the first weights of one seed. Each network is a line of --results, and one that is there is not scored again. A network
without a score counts as worse than all others. Beside the sample, all networks of a CSV file are ordered by the
counted proxies.
"""

from nasnet_keras.utils import environment

environment.prepare()

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
from absl import app, flags
from measure import processor

from nasnet_keras.search.proxies import PROXIES, scores
from nasnet_keras.search.proxies.subject import Subject
from nasnet_keras.search.spaces.nasbench201 import NASBench201Space
from nasnet_keras.search.spaces.nasnet import CellSpace
from nasnet_keras.search.spaces.tables import read
from nasnet_keras.training import datasets
from nasnet_keras.training.errors import DivergedError
from nasnet_keras.utils.ranks import kendall_tau, ranks, spearman

_TABLE = flags.DEFINE_string("table", None, "A CSV file of NAS-Bench-201, or JSON lines of cells.", required=True)
_DATASET = flags.DEFINE_string("dataset", "cifar10", "The data set of the images.")
_DATA_DIR = flags.DEFINE_string("data_dir", None, "The folder of the data sets of tensorflow-datasets.")
_NETWORKS = flags.DEFINE_integer("networks", 300, "Networks of the sample.", lower_bound=4)
_IMAGES = flags.DEFINE_integer("images", 64, "Images of the batch.", lower_bound=2)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of the sample, of the batch and of the first weights.")
_NUM_REPEATS = flags.DEFINE_integer("num_repeats", None, "N; by default 5 for NAS-Bench-201 and 1 for NASNet's cells.")
_FILTERS = flags.DEFINE_integer("filters", None, "F; by default 16 for NAS-Bench-201 and 8 for NASNet's cells.")
_RESULTS = flags.DEFINE_string("results", None, "A file that keeps all scores, so that a stopped measurement goes on.")

_COUNTED = ("parameters", "multiply_adds")
_LARGEST = 50
_ORDERS = 1000  # of networks with equal scores, and samples of the bootstrap
_Table = dict[str, tuple[Any, dict[str, float]]]


def table() -> tuple[_Table, dict[str, int]]:
    """The genotypes and the figures of all networks by name, and the usual sizes; a search reads the first figure."""
    if _TABLE.value.endswith(".csv"):
        benchmark = NASBench201Space.benchmark
        entries = read(_TABLE.value, benchmark).items()
        found = {cell: (cell, {benchmark.reward: one.reward, **one.tests}) for cell, one in entries}
        return found, {"num_repeats": 5, "filters": 16}
    space, found = CellSpace(), {}
    for line in Path(_TABLE.value).read_text().splitlines():
        row = json.loads(line)
        if row.get("status", "ok") == "ok":
            genotype = space.decode(row["choices"])
            found[genotype.fingerprint] = genotype, {"validation_accuracy": row["validation_accuracy"]}
    return found, {"num_repeats": 1, "filters": 8}


def measured(genotype: Any, images: np.ndarray, network: dict[str, int]) -> dict[str, Any]:
    """The scores of a network, and the seconds of processors that each one took; None stands for no score."""
    subject = Subject(genotype, images, _SEED.value, network)
    found: dict[str, Any] = {"scores": {}, "seconds": {}}
    for name, proxy in PROXIES.items():
        started = time.process_time()
        try:
            found["scores"][name] = proxy(subject)
        except DivergedError:
            found["scores"][name] = None
        found["seconds"][name] = time.process_time() - started
    return found


def sample(known: _Table, network: dict[str, int]) -> dict[str, dict[str, Any]]:
    """The results of a random sample of the table, of which some may be in the file."""
    generator = np.random.default_rng(_SEED.value)
    names = list(known)
    chosen = [names[place] for place in generator.permutation(len(names))[: _NETWORKS.value]]
    train = datasets.load(_DATASET.value, _DATA_DIR.value).train
    images = train.images[np.random.default_rng(_SEED.value).permutation(len(train))[: _IMAGES.value]]
    settings = {"dataset": _DATASET.value, "images": _IMAGES.value, "seed": _SEED.value, **network}
    path = _RESULTS.value and Path(_RESULTS.value)
    lines = path.read_text().splitlines() if path and path.exists() else ()
    found = {row["network"]: row for row in map(json.loads, lines) if row["settings"] == settings}
    for name in chosen:
        if name not in found:
            result = measured(known[name][0], images, network)
            memory = psutil.Process().memory_info().rss // 2**20
            found[name] = {"network": name, "settings": settings, **result, "memory_mib": memory}
            if path:
                with path.open("a") as file:
                    file.write(json.dumps(found[name]) + "\n")
    return {name: found[name] for name in chosen}


def spread(statistic: Callable[[np.ndarray], float | None], places: np.ndarray) -> str:
    """A statistic of some networks, by their places, with its standard error by the bootstrap."""
    generator = np.random.default_rng(0)
    draws = (places[generator.integers(len(places), size=len(places))] for _ in range(_ORDERS))
    known = [value for draw in draws if (value := statistic(draw)) is not None]
    whole = statistic(places)
    return "none" if whole is None else f"{whole:.3f} ± {np.std(known):.3f}"


def best(values: np.ndarray, judge: Callable[[np.ndarray], float], count: int) -> float:
    """The mean figure of the `count` networks with the largest values, over random orders of equal ones."""
    generator = np.random.default_rng(0)
    orders = (generator.permutation(len(values)) for _ in range(_ORDERS))
    return float(np.mean([judge(order[np.argsort(-values[order], kind="stable")[:count]]) for order in orders]))


def rows(results: dict[str, dict[str, Any]], known: _Table) -> Iterator[str]:
    """The lines of tables: how each proxy orders the sample, and what its best networks are worth.

    Differences from parameters are of pairs: both orders are of the same networks of a sample of the bootstrap.
    """
    figures = {name: np.array([known[one][1][name] for one in results]) for name in next(iter(known.values()))[1]}
    scored = {proxy: [one["scores"][proxy] for one in results.values()] for proxy in PROXIES}
    orders = {proxy: ranks([-np.inf if one is None else one for one in scored[proxy]]) for proxy in PROXIES}
    everywhere = np.arange(len(results))
    for name, target in figures.items():
        tenth = np.argsort(-target)[: max(2, len(target) // 10)]
        yield f"| {name} | Spearman | less that of parameters | Kendall | Spearman, best {len(tenth)} |"
        yield "|---" * 5 + "|"
        for proxy, order in orders.items():
            cells = [
                spread(lambda at, order=order, target=target: spearman(order[at], target[at]), everywhere),
                spread(
                    lambda at, order=order, target=target: _gain(order, orders["parameters"], target, at), everywhere
                ),
                spread(lambda at, order=order, target=target: kendall_tau(order[at], target[at]), everywhere),
                spread(lambda at, order=order, target=target: spearman(order[at], target[at]), tenth),
            ]
            yield f"| {proxy} | {' | '.join(cells)} |"
        yield ""
    last, count = list(figures.values())[-1], max(2, len(results) // 10)
    yield f"| proxy | {list(figures)[-1]}, best by it | mean of its best {count} | without score | CPU seconds |"
    yield "|---" * 5 + "|"
    for proxy, order in orders.items():
        worth = [best(order, lambda chosen: last[chosen].mean(), number) for number in (1, count)]
        low, middle, high = np.quantile([one["seconds"][proxy] for one in results.values()], (0.1, 0.5, 0.9))
        seconds = f"{middle:.2g} ({low:.2g} to {high:.2g})"
        yield f"| {proxy} | {worth[0]:.4g} | {worth[1]:.4g} | {scored[proxy].count(None)} | {seconds} |"
    yield f"\nThe best of the sample has {last.max():.4g}, the mean is {last.mean():.4g}."


def _gain(order: np.ndarray, other: np.ndarray, target: np.ndarray, at: np.ndarray) -> float | None:
    found = [spearman(one[at], target[at]) for one in (order, other)]
    return None if None in found else found[0] - found[1]


def largest(known: _Table, images: np.ndarray, network: dict[str, int]) -> Iterator[str]:
    """What the counted proxies find among all networks, in sentences."""
    counted = [scores(one, images, _COUNTED, **network) for one, _ in known.values()]
    figures = np.array([list(one.values()) for _, one in known.values()])
    for proxy in _COUNTED:
        values = np.array([one[proxy] for one in counted])
        orders = [spearman(values, column) for column in figures.T]
        found = best(values, lambda chosen: figures[chosen[np.argmax(figures[chosen, 0])], -1], _LARGEST)
        shown = ", ".join(f"{rank:.3f}" for rank in orders)
        yield f"{proxy}, all {len(known):,}: Spearman {shown}; best by the first of the {_LARGEST} largest: {found:.3f}"


def main(argv: list[str]) -> None:
    known, usual = table()
    given = {"num_repeats": _NUM_REPEATS.value, "filters": _FILTERS.value}
    network = {**usual, **{name: value for name, value in given.items() if value is not None}}
    results = sample(known, network)
    sizes = ", ".join(f"{name}={value}" for name, value in network.items())
    print(f"{len(results)} of {len(known):,} networks, {sizes}, {_IMAGES.value} images, {processor()}")
    memory = [one["memory_mib"] for one in results.values()]
    parts = [np.median(part) for part in np.array_split(memory, 4)]
    print(
        f"memory of the process, median of each quarter of the networks: {', '.join(f'{x:.0f} MiB' for x in parts)}\n"
    )
    print("\n".join(rows(results, known)))
    if _TABLE.value.endswith(".csv"):
        print("\n".join(largest(known, np.zeros((0, 32, 32, 3), np.uint8), network)))


if __name__ == "__main__":
    app.run(main)
