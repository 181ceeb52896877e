"""Compare OpenVINO files in int8 with the float32 file of the same bundled model: size, accuracy and latency.

    python benchmarks/openvino_int8.py [--model=nasnet_a_cifar10] [--data=cifar10] [--images=4000] [--threads=1 2]

The images, training ones to calibrate with and test ones to compare answers on, are of a data set that
`nasnet_keras.training.datasets.load` finds. Accuracies are those of computing in float32 what is not in int8. Files are
timed in turn, one image a call: with `INFERENCE_PRECISION_HINT` f32, and with OpenVINO's default.
"""

import argparse
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from nasnet_keras.utils import environment

environment.prepare()

import openvino
from inference import seconds
from measure import processor, report

import nasnet_keras as nk
from nasnet_keras import pretrained
from nasnet_keras.inference.openvino_int8 import MODES
from nasnet_keras.training import datasets


def caller(path, threads, precision):
    """A function that runs a file on an image, and the precision that OpenVINO says."""
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": threads, "NUM_STREAMS": 1}
    graph = openvino.Core().read_model(path)
    graph.reshape([1, *(size.get_length() for size in list(graph.input(0).partial_shape)[1:])])
    compiled = openvino.compile_model(graph, "CPU", settings | precision)
    request = compiled.create_infer_request()
    return lambda image: request.infer([image]), compiled.get_property("INFERENCE_PRECISION_HINT").to_string()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nasnet_a_cifar10", help="a bundled model")
    parser.add_argument("--data", default="cifar10", help="name or path of its data set")
    parser.add_argument("--images", type=int, default=4000, help="number of test images to compare answers on")
    parser.add_argument("--runs", type=int, default=1000, help="number of calls of each file")
    parser.add_argument("--threads", type=int, nargs="+", default=[1, 2], help="threads of OpenVINO, one after another")
    arguments = parser.parse_args()
    print(processor())
    model, data = pretrained.load(arguments.model), datasets.load(arguments.data)
    images, labels = data.test.images[: arguments.images], data.test.labels[: arguments.images]
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder, f"{name}.xml") for name in ("float32", *MODES)}
        print(nk.export(model, paths["float32"], "openvino"), flush=True)
        given = {"calibration": data.train.images, "images": images, "labels": labels}
        for mode in MODES:
            print(nk.export(model, paths[mode], "openvino", quantization=mode, **given), flush=True)
        for threads in arguments.threads:
            compare(paths, threads, images[:1].astype("float32"), arguments.runs)


def compare(paths, threads, image, runs):
    """Time all files in turn, and print what each takes against float32 at f32."""
    calls, times = {}, {}
    for name, path in paths.items():
        for hint in ({"INFERENCE_PRECISION_HINT": "f32"}, {}):
            call, said = caller(path, threads, hint)
            calls[f"{name} at {'f32' if hint else f'default, {said}'}"] = call
    for name, call in calls.items():
        times[name] = []
        for _ in range(10):
            call(image)
    for _ in range(runs):
        for name, call in calls.items():
            times[name].append(1e3 * seconds(call, image))
    base, *others = times
    print(f"threads={threads}")
    for name in others:
        report(f"{name}, against {base}", times[name], times[base], "ms")


if __name__ == "__main__":
    main()
