"""Measure the memory of a process that builds and trains different networks one after another.

    python benchmarks/growth.py [--networks=20]

Each network has a random genotype of the search space, and is trained for a few steps. After the first few networks,
the process should not grow.
"""

import argparse
import gc
import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

from nasnet_keras.utils import environment

environment.prepare()

import keras
import numpy as np
import psutil
from measure import processor

from nasnet_keras import NASNetFromGenotype
from nasnet_keras.search import CellSpace
from nasnet_keras.training.step import StepConfig, TrainStep


def train(genotype, images, labels):
    """Train a network for three steps; returns its last loss."""
    model = NASNetFromGenotype(genotype, images.shape[1:], num_repeats=1, filters=8, classifier_activation=None)
    stepper = TrainStep(model, StepConfig())
    state = stepper.initial()
    for _ in range(3):
        state, figures = stepper.step(state, images, labels, learning_rate=0.1)
    return float(figures[0])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=int, default=20, help="number of networks")
    networks = parser.parse_args().networks
    print(processor())
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (32, 32, 32, 3), dtype=np.uint8)
    labels = generator.integers(0, 10, 32).astype(np.int32)
    space, resident = CellSpace(), []
    for number in range(networks):
        keras.backend.clear_session()
        train(space.decode(space.sample(generator)), images, labels)
        gc.collect()
        resident.append(psutil.Process().memory_info().rss / 2**20)
        print(f"  network {number + 1}: {resident[-1]:.0f} MiB", flush=True)
    half = networks // 2
    slope = np.polyfit(range(networks - half), resident[half:], 1)[0]
    print(f"growth over the last {networks - half}: {slope:+.1f} MiB a network")


if __name__ == "__main__":
    main()
