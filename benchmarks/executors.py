"""Measure children an hour with the executor ray, against those with subprocess on the same cores.

    python benchmarks/executors.py [--runs=3] [--children=12] [--dataset=digits]

The children are those of random search in NASNet's space, at the size and by the recipe of a default search. Both
executors train the same ones, on as many workers and threads as they have by default. The rate counts from the moment
at which the first child begins to the end of the last one, so that it leaves out the start of either; `start` is the
time before, in seconds, of which `ray` is that of Ray alone: its cluster, and its processes until the first is ready to
start a worker. `equal` says whether all rewards are those of the other executor, to the bit.
"""

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

from children import children


def trained(arguments):
    """Train the children by an executor; returns the figures of the run."""
    from nasnet_keras.search import evaluators, executors
    from nasnet_keras.search.config import SearchConfig
    from nasnet_keras.search.executors.base import Task, as_completed

    tasks = [Task("search", number, one, number) for number, one in enumerate(children(arguments.children))]
    with tempfile.TemporaryDirectory() as folder:
        config = SearchConfig(folder, arguments.dataset, executor=arguments.side)
        started = time.perf_counter()
        with executors.make(config) as executor:
            made = time.perf_counter()
            evaluator = evaluators.make(config)
            ready = begin = time.perf_counter()
            executor.start(evaluator, Path(folder))
            waiting, rewards, first = iter(tasks), {}, float("inf")
            for outcome in as_completed(executor, lambda: next(waiting, None)):
                if ready == begin and executor.places():  # known from the first slot on
                    ready = time.perf_counter()
                if outcome is not None:
                    ended = time.perf_counter()
                    first = min(first, ended - outcome.seconds)
                    rewards[outcome.task.number] = outcome.reward
    of_ray = (made - started) + (ready - begin) if arguments.side == "ray" else 0.0
    return {
        "per_hour": round(3600 * len(tasks) / (ended - first), 1),
        "start": round(first - started, 2),
        "ray": round(of_ray, 2),
        "rewards": [rewards[number] for number in range(len(tasks))],
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("side", nargs="?", choices=("ray", "subprocess"), help="measure one side in this process")
    parser.add_argument("--runs", type=int, default=3, help="number of pairs of runs")
    parser.add_argument("--children", type=int, default=12, help="children in a run")
    parser.add_argument("--dataset", default="digits", help="data set of the children")
    arguments = parser.parse_args()
    if arguments.side:
        from nasnet_keras.utils import environment

        environment.prepare()
        print(json.dumps(trained(arguments)))
        return
    from measure import paired, processor, report, settings

    print(processor())
    flags = [f"--children={arguments.children}", f"--dataset={arguments.dataset}"]
    found = paired(__file__, {"ray": settings(None), "subprocess": settings(None)}, arguments.runs, flags)
    report("children", *([run["per_hour"] for run in runs] for runs in found.values()), "an hour")
    starts = {side: [(run["start"], run["ray"]) for run in runs] for side, runs in found.items()}
    print(f"start of each run, and of Ray alone, in seconds: {starts}")
    print(f"equal: {len({json.dumps(run['rewards']) for runs in found.values() for run in runs}) == 1}")


if __name__ == "__main__":
    sys.exit(main())
