"""Compare fused inference of NASNet-A mobile at 224 pixels with `keras.applications` and its exports.

    python benchmarks/inference.py [--runs=15] [--profile]

Both sides have the same weights and run in one process, in turn. The script leaves TensorFlow's threads as they are; on
a processor of few cores both sides gain by one thread an operation:

    TF_NUM_INTRAOP_THREADS=1 python benchmarks/inference.py
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from nasnet_keras.utils import environment

environment.prepare()

import h5py
import keras
import numpy as np
import onnxruntime
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from keras.src.legacy.saving import legacy_h5_format
from measure import kernels, processor, report

import nasnet_keras as nk

THREADS = 2


def peer_and_ours(folder):
    """Make Keras' network, with moving statistics and offsets like a trained one's, and ours with its weights."""
    keras.utils.set_random_seed(0)
    generator = np.random.default_rng(0)
    peer = keras.applications.NASNetMobile(weights=None)
    for weight in peer.weights:
        name = weight.path.rpartition("/")[2]
        if name in ("gamma", "moving_variance"):
            weight.assign(generator.uniform(0.5, 1.5, weight.shape))
        elif name in ("beta", "moving_mean"):
            weight.assign(generator.normal(0.0, 0.2, weight.shape))
    path = Path(folder, "peer.h5")
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, peer)
    return peer, nk.applications.NASNetMobile(weights=path)


def compiled(model):
    function = tf.function(lambda images: model(images, training=False), autograph=False)
    return lambda images: function(tf.constant(images)).numpy()


def onnx(path):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = THREADS
    session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return lambda images: session.run(None, {name: images})[0]


def litert(path):
    interpreter = Interpreter(str(path), num_threads=THREADS)
    interpreter.allocate_tensors()
    (read,), (written,) = interpreter.get_input_details(), interpreter.get_output_details()

    def run(images):
        interpreter.set_tensor(read["index"], images)
        interpreter.invoke()
        return interpreter.get_tensor(written["index"])

    return run


def seconds(call, images):
    """The seconds of a call, after another one."""
    call(images)  # meanwhile the threads of the other runtime go to sleep, and those of this one wake up
    started = time.perf_counter()
    call(images)
    return time.perf_counter() - started


def compare(name, ours, peer, images, runs, *, throughput):
    """Time both sides in turn, and report images a second or milliseconds."""
    a, b = ours(images), peer(images)
    if np.abs(a - b).max() > 1e-4 * np.abs(b).max():
        raise SystemExit(f"{name}: the outputs differ by {np.abs(a - b).max():.1e} of {np.abs(b).max():.1e}")
    times = [(seconds(ours, images), seconds(peer, images)) for _ in range(runs + 2)][2:]
    figures = ([len(images) / t if throughput else 1e3 * t for t in side] for side in zip(*times, strict=True))
    report(name, *figures, "images/s" if throughput else "ms")


def profile(call, images, calls=5):
    """Print the operations of a call in the order of their time."""
    call(images)
    with tempfile.TemporaryDirectory() as folder:
        tf.profiler.experimental.start(folder)
        started = time.perf_counter()
        for _ in range(calls):
            call(images)
        wall = 1e3 * (time.perf_counter() - started) / calls
        tf.profiler.experimental.stop()
        milliseconds, count = kernels(folder)
    print(f"a call on {len(images)} images takes {wall:.1f} ms; operations, summed over the cores:")
    for operation, total in milliseconds.most_common(8):
        print(f"  {operation}: {total / calls:.2f} ms in {count[operation] // calls} calls")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=15, help="number of pairs of calls")
    parser.add_argument("--profile", action="store_true", help="print the time of each operation instead")
    arguments = parser.parse_args()
    print(processor(), f"TF_NUM_INTRAOP_THREADS={os.environ.get('TF_NUM_INTRAOP_THREADS', 'as it is')}")
    with tempfile.TemporaryDirectory() as folder:
        peer, model = peer_and_ours(folder)
        fused = nk.fuse_for_inference(model)
        many = np.random.default_rng(1).uniform(-1, 1, (64, 224, 224, 3)).astype("float32")
        eight, one = many[:8], many[:1]
        ours, theirs = compiled(fused), compiled(peer)
        if arguments.profile:
            profile(ours, eight)
            profile(ours, one)
            return
        peer(one)  # Keras exports to ONNX the last call
        paths = {side: Path(folder, side) for side in ("ours.onnx", "peer.onnx", "ours.tflite", "peer.tflite")}
        for format_, suffix in (("onnx", ".onnx"), ("litert", ".tflite")):
            print(nk.export(model, paths[f"ours{suffix}"], format_, images=one), flush=True)
            peer.export(paths[f"peer{suffix}"], format=format_, verbose=False)
        their_onnx = onnx(paths["peer.onnx"])

        def predict(model):
            return lambda images: model.predict(images, batch_size=8, verbose=0)

        runs = arguments.runs
        compare("predict, 8 images", predict(fused), predict(peer), eight, runs, throughput=True)
        compare("predict, 64 images in batches of 8", predict(fused), predict(peer), many, runs, throughput=True)
        compare("compiled call, batch 8, against ONNX Runtime", ours, their_onnx, eight, runs, throughput=True)
        compare("compiled call, batch 1", ours, theirs, one, 3 * runs, throughput=False)
        lites = litert(paths["ours.tflite"]), litert(paths["peer.tflite"])
        compare("LiteRT, batch 1", *lites, one, 3 * runs, throughput=False)
        compare("ONNX Runtime, batch 1", onnx(paths["ours.onnx"]), their_onnx, one, 3 * runs, throughput=False)
        compare("ONNX Runtime, batch 8", onnx(paths["ours.onnx"]), their_onnx, eight, runs, throughput=True)


if __name__ == "__main__":
    main()
