"""Measure start-up, speed and memory of training: our layers and step, against plain Keras layers and `fit`.

    python benchmarks/training.py [--runs=3] [--peer_onednn=0] [--precision=mixed_bfloat16]

The network is NASNet-A, N=2, F=16, in batches of 128 CIFAR-sized images; the peer runs under `model.compile` and
`model.fit` with default settings. Each run is a fresh process. Start-up is the time from the genotype to the end of the
first step. `--precision` is that of our side; the peer computes in float32. `--peer_onednn=0` measures the peer as on
processors for which TensorFlow leaves oneDNN off by default (AMD processors without AVX512_VNNI).
"""

import argparse
import json
import resource
import time

BATCH, STEPS = 128, 10
NETWORK = {"num_repeats": 2, "filters": 16}


def data():
    import numpy as np

    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (BATCH * STEPS, 32, 32, 3), dtype=np.uint8)
    return images, generator.integers(0, 10, BATCH * STEPS).astype(np.int32)


def ours(images, labels, precision):
    """Train our network; returns the moment of the start and of the end of each step."""
    import keras

    from nasnet_keras import NASNetFromGenotype
    from nasnet_keras.training.step import StepConfig, TrainStep

    keras.config.set_dtype_policy(precision)
    times = [time.perf_counter()]
    model = NASNetFromGenotype("nasnet_a", images.shape[1:], classifier_activation=None, **NETWORK)
    stepper = TrainStep(model, StepConfig(weight_decay=5e-4, clip_norm=5.0))
    state = stepper.initial()
    for start in range(0, len(images), BATCH):
        part = slice(start, start + BATCH)
        state, figures = stepper.step(state, images[part], labels[part], learning_rate=0.1, average_decay=0.99)
        float(figures[0])
        times.append(time.perf_counter())
    return times


def plain(images, labels):
    """Train the peer; returns the moment of the start and of the end of each step."""
    import keras
    from peers import plain_model

    images = images.astype("float32") / 127.5 - 1.0
    times = [time.perf_counter()]
    model = plain_model("nasnet_a", images.shape[1:], **NETWORK)
    model.compile(keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True), "sparse_categorical_crossentropy")
    after_step = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: times.append(time.perf_counter())
    )
    model.fit(images, labels, batch_size=BATCH, verbose=0, callbacks=[after_step])
    return times


def measured(side, precision):
    if side == "ours":
        from nasnet_keras.utils import environment

        environment.prepare()
    import numpy as np
    import tensorflow as tf

    tf.config.list_logical_devices()  # TensorFlow's own start-up is left out of the network's
    times = ours(*data(), precision) if side == "ours" else plain(*data())
    steps = np.diff(times)
    return {
        "start_up": round(float(steps[0]), 2),
        "images_per_second": round(BATCH / float(np.median(steps[2:])), 1),
        "peak_mib": round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("side", nargs="?", choices=("ours", "plain"), help="measure one side in this process")
    parser.add_argument("--runs", type=int, default=3, help="number of pairs of runs")
    parser.add_argument("--peer_onednn", choices=("0", "1"), help="oneDNN of the peer; TensorFlow decides by default")
    parser.add_argument("--precision", default="float32", help="type that our side computes in, such as mixed_bfloat16")
    arguments = parser.parse_args()
    if arguments.side:
        print(json.dumps(measured(arguments.side, arguments.precision)))
        return
    from measure import paired, processor, report, settings

    print(f"{processor()}; peer's oneDNN: {arguments.peer_onednn or 'default'}")
    sides = {"ours": settings(None), "plain": settings(arguments.peer_onednn)}
    found = paired(__file__, sides, arguments.runs, [f"--precision={arguments.precision}"])
    for figure, unit in (("start_up", "s"), ("images_per_second", "images/s"), ("peak_mib", "MiB")):
        report(figure, *([run[figure] for run in found[side]] for side in sides), unit)


if __name__ == "__main__":
    main()
