"""Profile a training step: TensorFlow operations in the order of the time in their kernels.

    python benchmarks/profile_step.py

The network is our side of `benchmarks/training.py`. The script also prints the start-up of the first network of a
process, and of an equal one after it. Kernels run side by side on several cores, so their times add up to more than
the time of the step.
"""

import os
import sys
import tempfile
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from nasnet_keras.utils import environment

environment.prepare()

import tensorflow as tf
from measure import kernels, processor
from training import BATCH, NETWORK, data

from nasnet_keras import NASNetFromGenotype
from nasnet_keras.training.step import StepConfig, TrainStep

STEPS = 5


def begin(images, labels):
    """Build a network and take its first step; returns step, state, and the seconds of both."""
    started = time.perf_counter()
    model = NASNetFromGenotype("nasnet_a", images.shape[1:], classifier_activation=None, **NETWORK)
    built = time.perf_counter()
    stepper = TrainStep(model, StepConfig(weight_decay=5e-4, clip_norm=5.0))
    state, figures = stepper.step(stepper.initial(), images, labels, learning_rate=0.1)
    float(figures[0])
    return stepper, state, built - started, time.perf_counter() - built


def main():
    images, labels = (array[:BATCH] for array in data())
    print(processor())
    for network in ("first", "second"):
        stepper, state, building, step = begin(images, labels)
        print(f"{network} network of the process: {building:.1f} s building, {step:.1f} s first step")

    def steps(state, count):
        for _ in range(count):
            state, figures = stepper.step(state, images, labels, learning_rate=0.1)
            float(figures[0])
        return state

    state = steps(state, 2)
    started = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        with tf.profiler.experimental.Profile(folder):
            steps(state, STEPS)
            seconds = (time.perf_counter() - started) / STEPS
        milliseconds, calls = kernels(folder)
    total = sum(milliseconds.values())
    print(f"{1000 * seconds:.0f} ms a step, {total / STEPS:.0f} ms in kernels")
    for operation, spent in milliseconds.most_common(16):
        print(f"{operation:52s} {spent / STEPS:7.1f} ms {spent / total:6.1%} {calls[operation] // STEPS:5d} calls")


if __name__ == "__main__":
    sys.exit(main())
