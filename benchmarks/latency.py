"""Compare what ranks the latency of exported networks: multiply-adds, parameters, a table of operations, a predictor.

    python benchmarks/latency.py --folder=FOLDER --export     # files of random networks and of their operations
    python benchmarks/latency.py --folder=FOLDER --measure    # on a machine that does nothing else
    python benchmarks/latency.py --folder=FOLDER --table

The networks are drawn from the spaces of NASNet and of MnasNet, for images of 32×32. Each step goes on where it was
stopped. Latencies are appended to FOLDER/latencies.jsonl.

A virtual machine can have minutes in which its cores share one of the host's, so that two threads take longer than one,
and nothing within it tells so. Several threads are therefore timed while they make a reference network faster, and a
file is timed again if they did not just before and after it.
"""

import argparse
import hashlib
import json
import math
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from measure import processor
from operation_files import load_operation, write_operation

from nasnet_keras.latency.accuracy import Accuracy
from nasnet_keras.latency.blocks import Block, Clocks, timed, warmed
from nasnet_keras.latency.features import TILES, correlation, features
from nasnet_keras.latency.operations import Operation, network_operations
from nasnet_keras.latency.regression import held_out
from nasnet_keras.latency.runtimes import RUNTIMES, Request
from nasnet_keras.networks.cost import genotype_cost
from nasnet_keras.search import spaces
from nasnet_keras.search.latency.drawn import DrawnNetworks
from nasnet_keras.utils import environment
from nasnet_keras.utils.progress import Progress

NETWORKS = {
    "nasnet": DrawnNetworks(spaces.make("nasnet"), (32, 32, 3), {"num_repeats": 1, "filters": 8}),
    "mnasnet": DrawnNetworks(spaces.make("mnasnet"), (32, 32, 3)),
}
USED = ("litert", "onnx")  # runtimes
BLOCKS = {"network": (5, 0.08), "operation": (3, 0.03)}  # their number, and the seconds of each
GAIN = 0.95  # of one thread's time: threads that need more do not compute side by side
PATIENCE, PAUSE = 240.0, 3.0  # seconds to wait for threads that do, in all, and between two looks


def listed(space: str, number: int, runtime: str) -> list[Operation]:
    networks = NETWORKS[space]
    return network_operations(networks.genotype(number), networks.input_shape, runtime, **networks.network)


def all_operations(arguments: argparse.Namespace, runtime: str) -> list[Operation]:
    """The different operations of all networks."""
    known: dict[Operation, None] = {}
    for space in arguments.spaces:
        for number in range(arguments.networks):
            known |= dict.fromkeys(listed(space, number, runtime))
    return list(known)


def network_file(folder: Path, space: str, number: int, runtime: str) -> Path:
    return folder / space / f"{number:03d}{RUNTIMES[runtime].suffix}"


def operation_file(folder: Path, operation: Operation, runtime: str) -> Path:
    name = hashlib.sha256(repr(operation).encode()).hexdigest()[:16]
    return folder / "operations" / f"{name}{RUNTIMES[runtime].suffix}"


def export(arguments: argparse.Namespace) -> None:
    """Write the files of all operations and networks that are missing. Several processes may do so at once."""
    environment.prepare()
    folder, order = arguments.folder, np.random.default_rng().permutation  # each process in an order of its own
    for name in ("operations", *arguments.spaces):
        (folder / name).mkdir(parents=True, exist_ok=True)
    for runtime in USED:
        known = all_operations(arguments, runtime)
        with Progress(total=len(known), desc=f"operations for {runtime}", unit="operation") as bar:
            for operation in (known[index] for index in order(len(known))):
                path = operation_file(folder, operation, runtime)
                if not path.exists():
                    write_operation(operation, path)
                bar.update()
    for space in arguments.spaces:
        with Progress(total=arguments.networks, desc=f"files of {space}", unit="network") as bar:
            for number in order(arguments.networks).tolist():
                paths = {RUNTIMES[name].format: network_file(folder, space, number, name) for name in USED}
                missing = {name: path for name, path in paths.items() if not path.exists()}
                if missing:
                    NETWORKS[space].export(number, missing)
                bar.update()


def measure(arguments: argparse.Namespace) -> None:
    """Time all files, each runtime and number of threads in a process of its own."""
    for runtime in USED:
        for threads in arguments.threads:
            one = ["--measure", f"--runtime={runtime}", f"--threads={threads}", f"--networks={arguments.networks}"]
            given = [f"--folder={arguments.folder}", f"--spaces={','.join(arguments.spaces)}"]
            subprocess.run([sys.executable, __file__, *given, *one], check=True)


def measure_one(arguments: argparse.Namespace) -> None:
    """Time the files of a runtime with a number of threads, and append the latencies to the file."""
    (threads,) = arguments.threads
    runtime = arguments.runtime
    done = {row["file"] for row in rows(arguments.folder) if (row["runtime"], row["threads"]) == (runtime, threads)}
    todo = [
        ("network", network_file(arguments.folder, space, number, runtime))
        for space in arguments.spaces
        for number in range(arguments.networks)
    ]
    todo += [
        ("operation", operation_file(arguments.folder, one, runtime)) for one in all_operations(arguments, runtime)
    ]
    todo = [(kind, path) for kind, path in todo if path.exists() and str(named(path)) not in done]
    about = {"runtime": runtime, "version": RUNTIMES[runtime].version(), "threads": threads, "processor": processor()}
    side_by_side = threads_gain(arguments, runtime, threads)
    deadline = time.monotonic() + PATIENCE
    with Progress(total=len(todo), desc=f"{runtime}, {threads} threads", unit="file") as bar:
        for kind, path in todo:
            while True:
                found = {"gain": side_by_side(), **timed_file(kind, path, runtime, threads)}
                found["gain"] &= side_by_side()
                if found["gain"] or time.monotonic() > deadline:
                    break
                time.sleep(PAUSE)
            with (arguments.folder / "latencies.jsonl").open("a") as file:
                file.write(json.dumps({"file": named(path), "kind": kind, **about, **found}) + "\n")
            bar.update()


def threads_gain(arguments: argparse.Namespace, runtime: str, threads: int) -> Callable[[], bool]:
    """Whether several threads compute side by side now: they make a network faster, whose one thread was timed."""
    path = network_file(arguments.folder, "nasnet", 0, runtime)
    known = {(row["file"], row["runtime"], row["threads"]): row["median_ms"] for row in rows(arguments.folder)}
    alone = known.get((named(path), runtime, 1))
    if threads == 1 or alone is None:
        return lambda: True
    run, clocks = RUNTIMES[runtime].load(Request(str(path), threads)).run, Clocks()
    warmed(run, clocks, math.inf)
    return lambda: timed(run, clocks, math.inf, BLOCKS["operation"][1]).median < GAIN * alone


def named(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"


def timed_file(kind: str, path: Path, runtime: str, threads: int) -> dict[str, Any]:
    """The median of a file's runs, in milliseconds, and whether the machine was calm."""
    clocks, (number, seconds) = Clocks(), BLOCKS[kind]
    if kind == "network":
        run = RUNTIMES[runtime].load(Request(str(path), threads)).run
        warmed(run, clocks, math.inf)
    else:
        run = load_operation(path, runtime, threads)
        timed(run, clocks, math.inf, seconds)
    blocks: list[Block] = [timed(run, clocks, math.inf, seconds) for _ in range(number)]
    middle = sorted(block.median for block in blocks)
    return {
        "median_ms": float(np.median(middle)),
        "range_ms": [middle[0], middle[-1]],
        "own": float(np.median([block.own for block in blocks])),
        "others": float(np.median([block.others for block in blocks])),
    }


def rows(folder: Path) -> list[dict[str, Any]]:
    path = folder / "latencies.jsonl"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def table(arguments: argparse.Namespace) -> None:
    """Print tables in Markdown: how well each quantity ranks and predicts latencies."""
    known = {(row["file"], row["runtime"], row["threads"]): row for row in rows(arguments.folder)}
    for threads in arguments.threads:
        columns = {
            (space, runtime): found
            for space in arguments.spaces
            for runtime in USED
            if (found := compare(arguments, known, space, runtime, threads))
        }
        if columns:
            print(f"\n{threads} thread{'s' * (threads > 1)}: Kendall's tau · median error · error of nine in ten")
            _print_columns(columns)
    disturbed = np.mean([row["own"] < 0.9 or row["others"] > 0.25 for row in known.values()])
    apart = np.mean([not row["gain"] for row in known.values()])
    about = sorted({f"{row['runtime']} {row['version']}" for row in known.values()})
    spread = np.median([row["range_ms"][1] / row["range_ms"][0] - 1 for row in known.values()])
    print(f"\n{', '.join(about)}; {', '.join({row['processor'] for row in known.values()})}")
    print(
        f"{len(known)} files and threads; blocks of a file differ by {spread:.1%}, {disturbed:.1%} were disturbed, "
        f"{apart:.1%} had threads that did not compute side by side"
    )


def _print_columns(columns: dict[tuple[str, str], dict[str, str]]) -> None:
    print(f"| | {' | '.join(f'{space}, {runtime}' for space, runtime in columns)} |\n|---{'|---' * len(columns)}|")
    for name in next(iter(columns.values())):
        print(f"| {name} | {' | '.join(found.get(name, '') for found in columns.values())} |")


def compare(
    arguments: argparse.Namespace, known: dict, space: str, runtime: str, threads: int
) -> dict[str, str] | None:
    """How well each quantity ranks and predicts the latencies of a space's files, in words; None of too few files."""

    def latency(path: Path) -> float | None:
        row = known.get((named(path), runtime, threads))
        return None if row is None else row["median_ms"]

    found = {
        number: value
        for number in range(arguments.networks)
        if (value := latency(network_file(arguments.folder, space, number, runtime))) is not None
    }
    if len(found) < 10:
        return None
    latencies, networks = np.array(list(found.values())), NETWORKS[space]
    costs = [genotype_cost(networks.genotype(one), networks.input_shape, **networks.network) for one in found]
    operations = [Counter(listed(space, one, runtime)) for one in found]
    shown = {
        name: scaled(np.array(values, float), latencies)
        for name, values in {
            "parameters": [cost.trainable_parameters for cost in costs],
            "number of operations": [sum(one.values()) for one in operations],
            "multiply-adds": [cost.multiply_adds for cost in costs],
        }.items()
    }
    alone = {one: latency(operation_file(arguments.folder, one, runtime)) or np.nan for one in set().union(*operations)}
    call = np.nanmin(list(alone.values()))  # the fastest operation is nearly all call of the runtime
    summed = np.array([sum(count * alone[one] for one, count in counted.items()) for counted in operations])
    without = summed - (np.array([sum(counted.values()) for counted in operations]) - 1) * call
    shown["table of operations"] = scaled(summed, latencies)
    shown["table, less calls"] = scaled(without, latencies)
    shown["table, less calls, as it is"] = without
    names = sorted({name for one in operations for name in features(one.elements())})
    forms = np.array([[_row(features(one.elements(), tile), names) for one in operations] for tile in TILES])
    for folds in (2, 5):
        name = f"predictor of {len(found) - len(found) // folds} networks"
        shown[name] = held_out(forms, latencies, correlation(names), folds)
    low, middle, high = np.quantile(latencies, (0, 0.5, 1))
    judged = {name: Accuracy.of(predicted, latencies) for name, predicted in shown.items()}
    return {"median latency (range), ms": f"{middle:.2g} ({low:.2g} to {high:.2g})"} | {
        name: f"{one.kendall_tau:.2f} · {one.median_error:.0%} · {one.ninety_percent_error:.0%}"
        for name, one in judged.items()
    }


def _row(counted: dict[str, float], names: list[str]) -> list[float]:
    return [counted.get(name, 0.0) for name in names]


def scaled(values: np.ndarray, latencies: np.ndarray) -> np.ndarray:
    """A quantity times the factor that fits best."""
    return values * np.median(latencies / values)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="folder of the files and latencies")
    parser.add_argument("--export", action="store_true", help="write the files that are missing")
    parser.add_argument("--measure", action="store_true", help="time the files that have no latency")
    parser.add_argument("--table", action="store_true", help="print the comparison")
    parser.add_argument("--networks", type=int, default=100, help="number of networks of each space")
    parser.add_argument("--spaces", type=lambda text: text.split(","), default=list(NETWORKS), help="spaces, by commas")
    parser.add_argument("--threads", type=lambda text: [int(one) for one in text.split(",")], default=[1, 2])
    parser.add_argument("--runtime", choices=USED, help="with --measure: only this one, in this process")
    arguments = parser.parse_args()
    if arguments.export:
        export(arguments)
    if arguments.measure:
        (measure_one if arguments.runtime else measure)(arguments)
    if arguments.table:
        table(arguments)


if __name__ == "__main__":
    main()
