"""Compare a step of the supernet with a fixed network of the same architecture, and with computing every operation.

    python benchmarks/supernet.py
    python benchmarks/supernet.py --space=enas_macro --filters=36

The three take turns in one process, on the same images and architectures. The script prints the start-up of each
(building, tracing and the first step), the median seconds of a step for each architecture, and the median and range of
the ratios.
"""

import argparse
import json
import time
from functools import partial

from nasnet_keras.utils import environment

environment.prepare()

import numpy as np
import tensorflow as tf

from nasnet_keras.layers.traces import forget
from nasnet_keras.search import spaces
from nasnet_keras.search.supernet import mixed
from nasnet_keras.search.supernet.macro import layer_network, layer_supernet
from nasnet_keras.search.supernet.micro import cell_network, cell_supernet
from nasnet_keras.training.step import StepConfig, TrainStep

OBJECTIVE = StepConfig(weight_decay=1e-4, clip_norm=5.0, batch_statistics=True)


class Everything:
    """Let supernets compute all operations and select one, as ENAS' released code does."""

    def __enter__(self):
        def select(index, branches, **_):
            return tf.gather(tf.stack([branch() for branch in branches]), index)

        self._switch, mixed.choose = mixed.choose, select
        forget()

    def __exit__(self, *_):
        mixed.choose = self._switch
        forget()


class Trained:
    """A network and the state of its training."""

    def __init__(self, model, images, labels):
        self.model, self._batch = model, (images, labels)
        self._stepper = TrainStep(model, OBJECTIVE)
        self._state = self._stepper.initial()

    def step(self, choices=None):
        """Take one step; returns its seconds."""
        started = time.perf_counter()
        self._state, figures = self._stepper.step(self._state, *self._batch, learning_rate=0.05, choices=choices)
        figures.numpy()
        return time.perf_counter() - started


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", default="enas_micro", help="search space")
    parser.add_argument("--num_repeats", type=int, default=2, help="normal cells of each stack")
    parser.add_argument("--filters", type=int, default=20, help="filters of the first stack")
    parser.add_argument("--batch_size", type=int, default=64, help="images of a step")
    parser.add_argument("--architectures", type=int, default=5, help="number of architectures")
    parser.add_argument("--steps", type=int, default=3, help="steps of each network with each architecture")
    parser.add_argument("--without_everything", action="store_true", help="leave out computing every operation")
    options = parser.parse_args()
    space = spaces.make(options.space, combines=("add",))
    network = {"filters": options.filters, "classes": 10}
    make, make_fixed = layer_supernet, layer_network
    if options.space != "enas_macro":
        network["num_repeats"] = options.num_repeats
        make, make_fixed = cell_supernet, cell_network
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (options.batch_size, 32, 32, 3), dtype=np.uint8)
    labels = generator.integers(0, 10, options.batch_size).astype(np.int32)
    architectures = [np.array(space.sample(generator), np.int32) for _ in range(options.architectures)]

    def started(make, choices):
        begun = time.perf_counter()
        trained = Trained(make(), images, labels)
        trained.step(choices)
        return trained, time.perf_counter() - begun

    make = partial(make, space, images.shape[1:], seed=0, **network)
    supernet, seconds = started(make, architectures[0])
    print(f"supernet: started in {seconds:.1f} s", flush=True)
    every = None
    if not options.without_everything:
        with Everything():
            every, seconds = started(make, architectures[0])
        print(f"every operation: started in {seconds:.1f} s", flush=True)
    rows = []
    for choices in architectures:
        fixed, seconds = started(partial(make_fixed, supernet.model, space, choices.tolist(), **network), None)
        times = {"supernet": [], "fixed": [], "every": []}
        supernet.step(choices)  # allocates its memory
        for _ in range(options.steps):
            times["supernet"].append(supernet.step(choices))
            times["fixed"].append(fixed.step())
            if every is not None:
                times["every"].append(every.step(choices))
        medians = {name: float(np.median(values)) for name, values in times.items() if values}
        rows.append({**medians, "fixed_start": seconds})
        print(json.dumps({name: round(value, 3) for name, value in rows[-1].items()}), flush=True)
    slower = np.array([row["supernet"] / row["fixed"] for row in rows])
    print(f"supernet / fixed network: {np.median(slower):.2f} ({slower.min():.2f} to {slower.max():.2f})")
    if every is not None:
        faster = np.array([row["every"] / row["supernet"] for row in rows])
        print(f"every operation / supernet: {np.median(faster):.2f} ({faster.min():.2f} to {faster.max():.2f})")


if __name__ == "__main__":
    main()
