"""Compare LiteRT files in int8 with the float32 file of the same bundled model: size, accuracy and latency.

    python benchmarks/quantized.py [--model=nasnet_a_cifar10] [--data=cifar10] [--images=2000] [--threads=1]

The images, training ones to calibrate with and test ones to compare answers on, are of a data set that
`nasnet_keras.training.datasets.load` finds. Files are timed in turn, one image a call.
"""

import argparse
import os
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from nasnet_keras.utils import environment

environment.prepare()

from ai_edge_litert.interpreter import Interpreter
from inference import seconds
from measure import processor, report

import nasnet_keras as nk
from nasnet_keras import pretrained
from nasnet_keras.inference.litert_int8 import MODES
from nasnet_keras.training import datasets


def caller(path, threads):
    """A function that runs a file on an image."""
    interpreter = Interpreter(str(path), num_threads=threads)
    interpreter.allocate_tensors()
    index = interpreter.get_input_details()[0]["index"]

    def run(image):
        interpreter.set_tensor(index, image)
        interpreter.invoke()

    return run


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="nasnet_a_cifar10", help="a bundled model")
    parser.add_argument("--data", default="cifar10", help="name or path of its data set")
    parser.add_argument("--images", type=int, default=2000, help="number of test images to compare answers on")
    parser.add_argument("--runs", type=int, default=100, help="number of calls of each file")
    parser.add_argument("--threads", type=int, default=1, help="threads of LiteRT")
    arguments = parser.parse_args()
    print(processor(), f"threads={arguments.threads}")
    model, data = pretrained.load(arguments.model), datasets.load(arguments.data)
    images, labels = data.test.images[: arguments.images], data.test.labels[: arguments.images]
    with tempfile.TemporaryDirectory() as folder:
        paths = {name: Path(folder, f"{name}.tflite") for name in ("float32", *MODES)}
        print(nk.export(model, paths["float32"], "litert"), flush=True)
        given = {"calibration": data.train.images, "images": images, "labels": labels}
        for mode in MODES:
            print(nk.export(model, paths[mode], "litert", quantization=mode, **given), flush=True)
        calls = {name: caller(path, arguments.threads) for name, path in paths.items()}
        image = images[:1].astype("float32")
        times = {name: [] for name in calls}
        for _ in range(arguments.runs):
            for name, call in calls.items():
                times[name].append(1e3 * seconds(call, image))
    for mode in MODES:
        report(f"{mode}, against float32", times[mode], times["float32"], "ms")


if __name__ == "__main__":
    main()
