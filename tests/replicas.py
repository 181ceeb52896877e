"""Run by `test_children.py` in a process of its own, whose processor is split before TensorFlow starts."""

import contextlib
import dataclasses
import functools
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np
import replica_jobs
import tensorflow as tf

from nasnet_keras import Block, Cell, Edge, Genotype
from nasnet_keras.layers import ConvBatchNorm, FactorizedReduction, SeparableConvBatchNorm
from nasnet_keras.layers.auxiliary import AuxiliaryHead
from nasnet_keras.layers.batch_norm import BatchNorm
from nasnet_keras.search import spaces
from nasnet_keras.search.supernet.micro import cell_supernet
from nasnet_keras.training import datasets
from nasnet_keras.training.inputs import scaled
from nasnet_keras.training.mirrored import Mirrored
from nasnet_keras.training.recipes import Recipe
from nasnet_keras.training.replicas import Replicas
from nasnet_keras.training.step import StepConfig, TrainStep
from nasnet_keras.training.trainer import Trainer

CELL = Cell([Block(Edge("sep_conv_5x5", "current"), Edge("identity", "previous"))], ["block_0"])
EVERYTHING = ("parameters", "velocity", "statistics", "average_parameters", "average_statistics")
NETWORK = {"num_repeats": 1, "filters": 4, "classes": 10, "classifier_activation": None}


def trained(data, devices, steps, **changes):
    """The state after some steps, of each replica, as arrays; and the mean loss."""
    recipe = Recipe(**{"epochs": 2, "batch_size": 32, "learning_rate": 0.1, "clip_norm": 0.5, "pad": 0, **changes})
    trainer = Trainer(Genotype(CELL, CELL), NETWORK, data, recipe, seed=3, replicas=devices)
    for _ in range(steps):
        trainer.advance()
    loss = trainer.figures()["loss"]
    replicas = devices.each if isinstance(devices, Each) else lambda value: [value]
    state = {name: [np.asarray(one) for one in replicas(value)] for name, value in trainer.state.items()}
    return state, loss


class Each(Mirrored):
    """Shows what every replica has."""

    def each(self, value):
        return self._strategy.experimental_local_results(value)


def two(synchronized):
    devices = Each(["/cpu:0", "/cpu:1"], synchronized)
    assert devices.count == 2
    return devices


def check(one, several, names, tolerance=2e-4):
    for name in names:
        for replica in several[name]:
            np.testing.assert_allclose(replica, one[name][0], rtol=1e-3, atol=tolerance, err_msg=name)


def shared_weights(digits):
    """Each replica of a supernet normalises by its share: the same where both shares hold the same images."""
    space = spaces.make("enas_micro", num_blocks=1)
    model = cell_supernet(space, (8, 8, 1), seed=0, num_repeats=1, filters=4, classes=10)
    images, labels = digits.train.images[:16], digits.train.labels[:16]
    choices = [np.array(space.sample(np.random.default_rng(seed)), np.int32) for seed in range(3)]
    states = {}
    for devices, times in ((Replicas(), 1), (two(False), 2)):
        stepper = TrainStep(model, StepConfig(clip_norm=0.5, weight_decay=1e-3, batch_statistics=True), devices)
        state = stepper.initial()
        for chosen in choices:
            batch = np.tile(images, (times, 1, 1, 1)), np.tile(labels, times)
            state, _ = stepper.step(state, *batch, learning_rate=0.1, choices=chosen)
        assert stepper._step.experimental_get_tracing_count() == 1
        states[times] = stepper.to_arrays(state)
    for name, value in states[1].items():
        np.testing.assert_allclose(states[2][name], value, rtol=1e-3, atol=2e-4, err_msg=name)
    assert np.abs(states[1]["velocity"]).max() > 0.0


def every_layer_with_statistics():
    keras.utils.set_random_seed(0)
    layers = [ConvBatchNorm(4, (3, 3)), SeparableConvBatchNorm(4, 3), FactorizedReduction(20), AuxiliaryHead(10)]
    return keras.Sequential(
        [keras.Input((8, 8, 1)), *layers[:2], BatchNorm(4), keras.layers.UpSampling2D(), *layers[2:]]
    )


def averaged_statistics(digits):
    """Replicas that see unlike images and each normalise by their own: what is kept is what all saw, on average."""
    images, labels = digits.train.images[:32], digits.train.labels[:32]
    images = np.concatenate([images[:16], 255 - images[16:]])  # dark ones for the first replica, bright for the second
    whole, halves = (slice(32),), (slice(16), slice(16, 32))
    # Our own step: the averages over steps as well, and all replicas keep the same.
    model, devices = every_layer_with_statistics(), two(False)
    found = {}
    for share, own in ((whole[0], devices), *((half, Replicas()) for half in halves)):
        stepper = TrainStep(model, StepConfig(), own)
        state, _ = stepper.step(stepper.initial(), images[share], labels[share], learning_rate=0.1, average_decay=0.5)
        for name in ("statistics", "average_statistics"):
            found.setdefault(name, []).append(stepper.to_arrays(state)[name])
        if own is devices:
            for name, value in state.items():
                np.testing.assert_array_equal(*devices.each(value), err_msg=name)
    for name, (together, first, second) in found.items():
        assert np.abs(first - second).max() > 0.02
        np.testing.assert_allclose(together, (first + second) / 2, rtol=1e-4, atol=1e-5, err_msg=name)

    # Keras' step: the model that is judged is the one that is saved.
    images = scaled(images).numpy()

    def fitted(share, scope):
        with scope:
            model = every_layer_with_statistics()
            model.compile(keras.optimizers.SGD(0.0), keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        for _ in range(2):
            model.fit(images[share], labels[share], batch_size=32, shuffle=False, verbose=0)
        return model

    several = fitted(whole[0], devices._strategy.scope())
    first, second = (fitted(half, contextlib.nullcontext()).get_weights() for half in halves)
    for weight, one, other in zip(several.weights, first, second, strict=True):
        expected = (one + other) / 2
        for replica in weight.value.values:
            np.testing.assert_allclose(replica, expected, rtol=1e-4, atol=1e-5, err_msg=weight.path)
    saved = every_layer_with_statistics()
    saved.set_weights(several.get_weights())
    answers = (model.predict(images, batch_size=32, verbose=0) for model in (several, saved))
    np.testing.assert_allclose(*answers, rtol=1e-4, atol=1e-5)


def few(digits):
    part = datasets.Split(digits.train.images[:128], np.random.default_rng(0).permutation(digits.train.labels[:128]))
    return datasets.Dataset("few", part, digits.validation, digits.test, digits.class_names)


def synchronized(digits, **changes):
    """Two devices are one: on any images, batch statistics included, clipped and over several steps."""
    data = few(digits)
    one, loss = trained(data, Replicas(), 3, **changes)
    several, its_loss = trained(data, two(True), 3, **changes)
    check(one, several, EVERYTHING, tolerance=2e-3)  # three steps amplify rounding, to 1e-3 on Intel's processors
    np.testing.assert_allclose(loss, its_loss, rtol=1e-4)


def chosen(digits):
    """As many devices as divide a batch, by default; of those that are given, all must."""
    replica_jobs.default_devices()
    data = few(digits)
    try:
        trained(data, two(False), 1, batch_size=31)
    except ValueError as error:
        assert "31 images does not divide by 2 devices" in str(error)
    else:
        raise AssertionError("an odd batch was divided by two")


def apart(digits):
    """Each replica normalises by its share: the same where both shares hold the same images."""
    order = np.random.default_rng([3, 0]).permutation(32)  # as the trainer will draw it
    images, labels = np.empty((32, 8, 8, 1), np.uint8), np.empty(32, np.int32)
    images[order] = np.tile(digits.train.images[:16], (2, 1, 1, 1))
    labels[order] = np.tile(digits.train.labels[:16], 2)
    halves = datasets.Dataset("halves", datasets.Split(images, labels), *[digits.test] * 2, digits.class_names)
    plain = {"flip": False}
    one, _ = trained(halves, Replicas(), 1, **plain)
    several, _ = trained(halves, two(False), 1, **plain)
    check(one, several, EVERYTHING)
    # Random numbers differ between replicas; their states stay equal, and so do the weights.
    several, _ = trained(halves, two(False), 2, drop_path_rate=0.9, **plain)
    assert any(name.startswith("generator") for name in several)
    for name, replicas in several.items():
        np.testing.assert_array_equal(*replicas, err_msg=name)


def jobs(digits):
    with tempfile.TemporaryDirectory() as folder:
        data = dataclasses.replace(few(digits), validation=digits.validation.take(slice(64)))
        replica_jobs.check(data, Path(folder))


PARTS = {
    "synchronized": synchronized,
    "sam": functools.partial(synchronized, sam_radius=0.1),
    "chosen": chosen,
    "apart": apart,
    "supernet": shared_weights,
    "statistics": averaged_statistics,
    "jobs": jobs,
}


def main(parts):
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    digits = datasets.load("digits")
    for part in parts:
        PARTS[part](digits)


if __name__ == "__main__":
    main(sys.argv[1:])
