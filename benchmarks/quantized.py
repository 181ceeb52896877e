"""Compare the quantized files of a format with the float32 file of the same bundled model: size, accuracy, latency.

    python benchmarks/quantized.py [--format=litert] [--model=nasnet_a_cifar10] [--data=cifar10] [--images=2000]

The images, training ones to calibrate with and test ones to compare answers on, are of a data set that
`nasnet_keras.training.datasets.load` finds. Files are timed in turn, one image a call, in one thread and then in two.
OpenVINO computes what is not in int8 in float32, and once more in what it prefers: bfloat16 on processors that have
instructions for it. Accuracies are those in float32.
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

from measure import processor, report

import nasnet_keras as nk
from nasnet_keras import pretrained
from nasnet_keras.inference.formats import FORMATS
from nasnet_keras.latency.runtimes import RUNTIMES, Request
from nasnet_keras.training import datasets


def written(kind, model, data, images, folder):
    """Export a model in float32 and in each mode, print the reports, and return the files by mode."""
    modes = (None, *kind.modes)
    paths = {mode or "float32": Path(folder, f"{mode or 'float32'}{kind.suffix}") for mode in modes}
    test, labels = data.test.images[:images], data.test.labels[:images]
    print(nk.export(model, paths["float32"], kind.name), flush=True)
    given = {"calibration": data.train.images, "images": test, "labels": labels, "min_agreement": 0}
    for mode in kind.modes:
        print(nk.export(model, paths[mode], kind.name, quantization=mode, **given), flush=True)
    return paths


def loaded(paths, runtime, threads, shape):
    """Functions that run each file on an image, by mode; those of OpenVINO also in the precision that it prefers."""
    runs = {}
    for precision in ("float32", "runtime") if runtime.name == "openvino" else ("float32",):
        for mode, path in paths.items():
            name = mode if precision == "float32" else f"{mode}, as it prefers"
            runs[name] = runtime.load(Request(str(path), threads, shape, precision=precision)).run
    return runs


def timed(runs, rounds):
    """The milliseconds of each file in each round, after one call in which its threads wake up."""
    times = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            run()
            started = time.perf_counter()
            run()
            times[name].append(1e3 * (time.perf_counter() - started))
    return times


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--format", default="litert", choices=("litert", "onnx", "openvino"), help="of the files")
    parser.add_argument("--model", default="nasnet_a_cifar10", help="a bundled model")
    parser.add_argument("--data", default="cifar10", help="name or path of its data set")
    parser.add_argument("--images", type=int, default=2000, help="number of test images to compare answers on")
    parser.add_argument("--runs", type=int, default=200, help="number of calls of each file")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="numbers of threads, one after another")
    arguments = parser.parse_args()
    kind, runtime = FORMATS[arguments.format], RUNTIMES[arguments.format]
    model, data = pretrained.load(arguments.model), datasets.load(arguments.data)
    print(f"{arguments.model}, {kind.name} {runtime.version()}, {processor()}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        paths = written(kind, model, data, arguments.images, folder)
        for threads in arguments.threads:
            times = timed(loaded(paths, runtime, threads, model.input_shape[1:]), arguments.runs)
            print(f"\nthreads={threads}, load of the machine {os.getloadavg()[0]:.1f}")
            plain = times.pop("float32")
            for name, found in times.items():
                report(f"{name}, against float32", found, plain, "ms")
                low, _, high = statistics.quantiles([one / other for one, other in zip(found, plain, strict=True)], n=4)
                least = min(found) / min(plain)
                print(f"  quartiles of the ratio {low:.2f} to {high:.2f}; of the least times {least:.2f}", flush=True)


if __name__ == "__main__":
    main()
