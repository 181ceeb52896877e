"""Measure how busy a cluster of many slots stays, and what a trial costs the search's own process.

    python benchmarks/slots.py                                    # 1,000 slots, all algorithms, several windows
    python benchmarks/slots.py --slots=100 --algorithms=random --windows=1,2,4 --lengths=10
    python benchmarks/slots.py --memory=20000                     # memory and time of the search over trials
    python benchmarks/slots.py --memory=20000 --workers=8         # the same with workers of Ray on this machine
    python benchmarks/slots.py --algorithms= --lengths=40         # the rule of the window alone, which takes a second

The cluster is simulated, in place of Ray: see `simulated`. Children take times of a
lognormal distribution, by their numbers, with the standard deviation --sigma of the logarithm. A slot is busy while it
has a child. The share is over all slots from the start until the last child was submitted, since the end of a search
leaves slots idle in any case. A window is in slots: 4 means --window=4000 with 1,000 slots.

The search is a whole one, `search.run`, with its study, its report and its curves for TensorBoard; an evaluator that
needs no time judges children. The search's own time a trial is that of its process, and the share of `ask` in it. With
--child_seconds the clock runs on for as long as the search itself takes, so that a search that is too slow for its
cluster leaves slots idle.
"""

from nasnet_keras.utils import environment

environment.prepare()

import heapq
import tempfile
import time
from typing import Any

import psutil
from absl import app, flags
from measure import processor
from simulated import Separable, Simulated, length_of, share_of

from nasnet_keras.search import CellSpace, SearchConfig, algorithms, registry, run
from nasnet_keras.search.executors.cluster import Answered, Cluster, Event
from nasnet_keras.search.executors.distributed import Distributed
from nasnet_keras.search.spaces.nasbench201 import NASBench201Space

SPACES = {"nasnet": CellSpace, "nasbench201": NASBench201Space}

_SLOTS = flags.DEFINE_integer("slots", 1000, "Slots of the cluster.")
_SIGMA = flags.DEFINE_float("sigma", 0.5, "Standard deviation of the logarithm of a child's length.")
_LENGTHS = flags.DEFINE_integer("lengths", 10, "Trials of a search, in slots.")
_ALGORITHMS = flags.DEFINE_list("algorithms", ["random", "evolution", "bayesian"], "Algorithms to run.")
_SPACE = flags.DEFINE_enum("space", "nasnet", [*SPACES], "Space to search.")
_WINDOWS = flags.DEFINE_list("windows", ["1", "2", "4", "8"], "Windows, in slots.")
_CHILD = flags.DEFINE_float(
    "child_seconds",
    None,
    "Median length of a child, against which the search's own time counts; by default it does not.",
)
_SEED = flags.DEFINE_integer("seed", 0, "Seed of the searches and of the children's lengths.")
_MEMORY = flags.DEFINE_integer(
    "memory", 0, "Trials of a search in 8 slots whose time and memory are printed as it goes."
)
_WORKERS = flags.DEFINE_integer(
    "workers", 0, "With --memory, workers of a Ray cluster of this machine's cores; by default 8 slots are simulated."
)


def search(algorithm: str, window: int, cluster: Cluster, trials: int) -> tuple[float, float]:
    """Search; returns the seconds of this process a trial, and the share of them that `ask` took."""
    space, asking = SPACES[_SPACE.value](), [0.0]
    config = SearchConfig("unused", algorithm=algorithm, space=_SPACE.value)
    parameters = {name: getattr(config, name) for name in registry.algorithm(algorithm).parameters}
    made = algorithms.make(algorithm, space, _SEED.value, **parameters)
    ask = made.ask

    def timed(trial: int) -> Any:
        started = time.process_time()
        try:
            return ask(trial)
        finally:
            asking[0] += time.process_time() - started

    made.ask = timed
    settings = {"trials": trials, "window": window, "seed": _SEED.value, "random_trials": 0, "finalists": 1}
    with tempfile.TemporaryDirectory() as folder:
        started = time.process_time()
        config = SearchConfig(folder, **settings)
        executor = Distributed(config, cluster=cluster)
        run(config, algorithm=made, evaluator=Separable(), executor=executor, space=space)
        spent = time.process_time() - started
    return spent / trials, asking[0] / spent


def watched(cluster: Cluster, trials: int) -> Cluster:
    """Let a cluster print the memory of this process and of those below it, and its time, with each tenth of trials."""
    events, each = cluster.events, max(1, trials // 10)
    ended, last = 0, (time.perf_counter(), time.process_time())

    def noted(timeout_seconds: float) -> list[Event]:
        nonlocal ended, last
        found = events(timeout_seconds)
        before, ended = ended, ended + sum(isinstance(event, Answered) for event in found)
        if ended // each > before // each:
            now, this = (time.perf_counter(), time.process_time()), psutil.Process()
            wall, spent = (1000 * (end - begin) / each for begin, end in zip(last, now, strict=True))
            memory = this.memory_info().rss / 2**20, sum(map(_own_memory, this.children(recursive=True))) / 2**20
            print(f"| {ended:,} | {memory[0]:,.0f} | {memory[1]:,.0f} | {spent:.2f} | {wall:.2f} |", flush=True)
            last = now
        return found

    cluster.events = noted
    return cluster


def _own_memory(process: psutil.Process) -> int:
    """The memory of a process that it shares with no other."""
    try:
        return process.memory_full_info().uss
    except psutil.Error:  # it has ended
        return 0


def of_rule(slots: int, window: int, trials: int) -> float:
    """The share of the slots' time in which they have a child, by the rule of the window alone.

    Trial n begins when a slot is free and all trials up to n - window have ended.
    """
    ends, free, known = [], [0.0] * slots, 0.0
    begun = []
    for trial in range(trials):
        if trial >= window:
            known = max(known, ends[trial - window])
        start = max(heapq.heappop(free), known)
        ends.append(start + length_of(_SEED.value, trial, _SIGMA.value))
        begun.append(start)
        heapq.heappush(free, ends[-1])
    return share_of(begun, ends, slots)


def _watch(algorithm: str, trials: int, workers: int) -> None:
    """Search by so many workers of Ray, or in simulated slots for none, and print memory and time."""
    cluster = _of_ray(workers) if workers else Simulated(8)
    search(algorithm, 4 * (workers or 8), watched(cluster, trials), trials)


def _of_ray(workers: int) -> Cluster:
    """A Ray cluster of this machine, whose cores so many workers share."""
    from nasnet_keras.search.executors.ray_cluster import RayCluster

    share = environment.cores() / workers
    return RayCluster(SearchConfig("unused", executor="ray", cpus_per_child=share), Separable())


def main(argv: list[str]) -> None:
    slots, trials = _SLOTS.value, _LENGTHS.value * _SLOTS.value
    print(f"{processor()}, seed {_SEED.value}, {_SPACE.value}", flush=True)
    if _MEMORY.value:
        for algorithm in _ALGORITHMS.value:
            headers = "memory, MiB", "of processes below it", "own time a trial, ms", "time a trial, ms"
            print(f"\n| trials of {algorithm} | {' | '.join(headers)} |\n|---|---|---|---|---|", flush=True)
            _watch(algorithm, _MEMORY.value, _WORKERS.value)
        return
    print(f"{slots:,} slots, {trials:,} trials, sigma {_SIGMA.value}, median child {_CHILD.value} s\n")
    print(
        "| algorithm | window, in slots | busy, % | own time a trial, ms | share of `ask`, % |\n|---|---|---|---|---|"
    )
    for window in map(float, _WINDOWS.value):
        print(
            f"| none: the rule | {window:g} | {100 * of_rule(slots, round(window * slots), trials):.1f} | | |",
            flush=True,
        )
    for algorithm in _ALGORITHMS.value:
        for window in map(float, _WINDOWS.value):
            cluster = Simulated(slots, _SIGMA.value, _SEED.value, _CHILD.value)
            each, asking = search(algorithm, round(window * slots), cluster, trials)
            row = (algorithm, f"{window:g}", f"{100 * cluster.share:.1f}", f"{1000 * each:.2f}", f"{100 * asking:.0f}")
            print(f"| {' | '.join(row)} |", flush=True)


if __name__ == "__main__":
    app.run(main)
