"""Compare one image's latency on every engine: our files, in float32 and in int8, and the files that Keras writes.

    python benchmarks/engines.py                          # NASNet-A mobile at 224 pixels against keras.applications
    python benchmarks/engines.py --model=nasnet_a_cifar10 # a model of the registry against Keras' own export of it

Both sides have the same weights. All files are timed in one process, in turn, in one thread and then in two. OpenVINO
computes in float32, and once more in what it prefers: bfloat16 on processors that have instructions for it. A ratio is
that of two files in the same round; the table has medians over the rounds, and the quartiles of the ratios. At the end
the fastest of our files is compared with the fastest of Keras'.
"""

import argparse
import os
import statistics
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from nasnet_keras.utils import environment

environment.prepare()

import numpy as np
from inference import peer_and_ours
from measure import processor

import nasnet_keras as nk
from nasnet_keras import pretrained
from nasnet_keras.latency.runtimes import RUNTIMES, Request
from nasnet_keras.training import datasets

MOBILE = "nasnet_mobile"
SUFFIXES = {"litert": ".tflite", "onnx": ".onnx", "openvino": ".xml"}


def models(name, folder):
    """A model of ours, the one whose export by Keras is the peer, and images to calibrate with."""
    if name == MOBILE:
        peer, ours = peer_and_ours(folder)
        return ours, peer, np.random.default_rng(1).uniform(-1, 1, (32, 224, 224, 3)).astype("float32")
    model = pretrained.load(name)
    return model, model, datasets.load(pretrained.card(name).dataset["name"]).train.images[:500]


def written(model, peer, images, folder):
    """The files of both sides, by engine and kind: `ours`, `int8` and `keras`."""
    peer(images[:1].astype("float32"))  # Keras exports to ONNX the last call
    files = {}
    for engine, suffix in SUFFIXES.items():
        paths = {kind: Path(folder, f"{kind}{suffix}") for kind in ("ours", "int8", "keras")}
        print(nk.export(model, paths["ours"], engine, images=images[:2]), flush=True)
        int8 = {"quantization": "int8", "calibration": images, "min_agreement": 0.0}
        print(nk.export(model, paths["int8"], engine, **int8), flush=True)
        peer.export(str(paths["keras"]), format=engine, verbose=False)
        files |= {(engine, kind): path for kind, path in paths.items()}
    return files


def loaded(files, threads, shape):
    """Functions that run each file on an image; those of OpenVINO in float32 and in what it prefers."""
    runs = {}
    for (engine, kind), path in files.items():
        for precision in ("float32", "runtime") if engine == "openvino" else ("float32",):
            name = engine if precision == "float32" else f"{engine}, as it prefers"
            request = Request(str(path), threads, shape, precision=precision)
            runs[name, kind] = RUNTIMES[engine].load(request).run
    return runs


def timed(runs, rounds):
    """The milliseconds of each file in each round, after one call in which its threads wake up."""
    times = {name: [] for name in runs}
    for _ in range(rounds + 2):
        for name, run in runs.items():
            run()
            started = time.perf_counter()
            run()
            times[name].append(1e3 * (time.perf_counter() - started))
    return {name: found[2:] for name, found in times.items()}


def ratio(ours, theirs):
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4)
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def table(times):
    """The lines of a table by engine."""
    yield "| engine | Keras' file, ms | ours, ms | int8, ms | ours / Keras' | int8 / ours |"
    yield "|---|---|---|---|---|---|"
    for engine in dict.fromkeys(name for name, _ in times):
        keras, ours, int8 = (times[engine, kind] for kind in ("keras", "ours", "int8"))
        cells = (f"{statistics.median(each):.3g}" for each in (keras, ours, int8))
        yield f"| {engine} | {' | '.join(cells)} | {ratio(ours, keras)} | {ratio(int8, ours)} |"


def best(times, kinds, engines):
    """The name of the fastest file of some kinds on some engines."""
    return min(
        (name for name in times if name[1] in kinds and name[0] in engines),
        key=lambda name: statistics.median(times[name]),
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default=MOBILE, help=f"{MOBILE}, or a model of the registry that is shipped")
    parser.add_argument("--rounds", type=int, default=60, help="number of rounds, in which each file is timed once")
    arguments = parser.parse_args()
    print(f"{arguments.model}, one image; {processor()}; ", end="")
    print(", ".join(f"{name} {RUNTIMES[name].version()}" for name in SUFFIXES), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        model, peer, images = models(arguments.model, folder)
        files = written(model, peer, images, folder)
        for threads in (1, 2):
            times = timed(loaded(files, threads, model.input_shape[1:]), arguments.rounds)
            print(f"\n{threads} thread{'s' * (threads > 1)}, {arguments.rounds} rounds\n")
            print("\n".join(table(times)))
            for words, engines in (("in float32", list(SUFFIXES)), ("in all precisions", [name for name, _ in times])):
                ours, theirs = best(times, ("ours",), engines), best(times, ("keras",), engines)
                found = ratio(times[ours], times[theirs])
                print(f"\nFastest {words}: ours on {ours[0]}, Keras' on {theirs[0]}: {found}", flush=True)


if __name__ == "__main__":
    main()
