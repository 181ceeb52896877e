"""Zero-cost proxies: what they compute, of networks of every kind, and that nothing else changes it."""

import math
import subprocess
import sys
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from nasnet_keras import ChainGenotype, ChainLayer, MacroGenotype, MacroLayer, Stage, StageGenotype
from nasnet_keras.layers.normalization import by_batch
from nasnet_keras.layers.squeeze_excite import SqueezeExcite
from nasnet_keras.networks.any import network_from_genotype
from nasnet_keras.networks.cost import genotype_cost
from nasnet_keras.search.proxies import PROXIES, scores
from nasnet_keras.search.proxies.jacov import divergence, jacobian, jacov
from nasnet_keras.search.proxies.naswot import hamming_kernel, log_determinant, naswot
from nasnet_keras.search.proxies.subject import Subject
from nasnet_keras.search.proxies.synflow import flow, synflow
from nasnet_keras.training.errors import DivergedError

SIZES = {"num_repeats": 1, "filters": 4}
STAGES = [
    Stage("depthwise", 3, 4),
    Stage("inverted_bottleneck", 5, 8, 2, stride=2, expansion=3, squeeze_excite=0.25),
    Stage("conv", 3, 8, stride=2, squeeze_excite=0.5, skip="pool"),
]
CHAIN = [ChainLayer((1, 3), 24), ChainLayer((3, 3), 24, ["layer_0"], (2, 1)), ChainLayer((3, 3), 24, ["layer_0"])]
MACRO = [MacroLayer("sep_conv_5x5"), MacroLayer("conv_3x3", ["stem"]), MacroLayer("avg_pool_3x3", ["layer_0"])]
NETWORKS = {
    "cells": ("nasnet_a", SIZES),
    "darts": ("darts_v2", SIZES),
    "macro": (MacroGenotype(MACRO), {"filters": 4}),
    "chain": (ChainGenotype(CHAIN, ["layer_1"]), {}),
    "nasbench201": ("|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|skip_connect~1|nor_conv_1x1~2|", SIZES),
    "stages": (StageGenotype(STAGES, stem=4, head=12), {}),
}
DISCONNECTED = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"


@pytest.fixture
def images(generator):
    return generator.integers(0, 256, (6, 16, 12, 3), dtype=np.uint8)


def subject(kind, images, **changes):
    genotype, network = NETWORKS[kind]
    return Subject(genotype, images, changes.pop("seed", 0), {**network, "classes": 7, **changes})


@pytest.mark.parametrize("kind", NETWORKS)
def test_a_computed_network_is_the_network_of_layers(kind, images):
    one = subject(kind, images)
    genotype, network = NETWORKS[kind]
    model = network_from_genotype(genotype, (16, 12, 3), **network, classes=7, classifier_activation=None)
    with by_batch():
        expected = model(one.scaled, training=False)
    asked = set()

    def of_the_layer(layer, part, shape):
        asked.add((layer, part))
        weight = getattr(model.get_layer(layer), part)
        assert tuple(weight.shape) == shape
        return weight.value

    found = one.logits(one.scaled, of_the_layer)
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4 * np.abs(expected).max())
    parts = {(layer.name, weight.name) for layer in model.layers for weight in layer.trainable_weights}
    assert asked == {(layer, part) for layer, part in parts if part not in ("gamma", "beta")}


@pytest.mark.parametrize("kind", [kind for kind in NETWORKS if kind != "darts"])
def test_networks_of_every_kind_have_scores_that_their_seed_decides(kind, images):
    genotype, network = NETWORKS[kind]
    found = scores(genotype, images, **network)
    assert list(found) == list(PROXIES) and all(math.isfinite(one) and one >= 0.0 for one in found.values())
    cost = genotype_cost(genotype, (16, 12, 3), **network)
    assert (found["parameters"], found["multiply_adds"]) == (cost.parameters, cost.multiply_adds)
    for name in reversed(PROXIES):  # alone, in another order, beside what else was computed
        assert scores(genotype, images, [name], **network) == {name: found[name]}
    other = scores(genotype, images, ("naswot", "jacov", "synflow"), seed=1, **network)
    assert all(other[name] != found[name] for name in other)


def test_first_weights_are_distributed_as_those_of_the_layers():
    weights = Subject("nasnet_a", np.zeros((0, 8, 8, 3), np.uint8), 0, {}).weights
    kernel, dense = weights("conv", "kernel", (3, 3, 64, 32)), weights("logits", "kernel", (256, 64))
    assert kernel.std() == pytest.approx(math.sqrt(2 / (9 * 32)), rel=0.03)
    layer = keras.layers.Dense(64)
    layer.build((None, 256))
    assert dense.std() == pytest.approx(float(keras.ops.std(layer.kernel)), rel=0.03)
    assert not weights("logits", "bias", (64,)).any() and weights("conv", "kernel", (3, 3, 64, 32)) is kernel


def test_the_kernel_of_naswot_counts_the_bits_that_are_equal(generator):
    maps = [generator.standard_normal((5, 4, 3, 2)).astype(np.float32), generator.standard_normal((5, 7), np.float32)]
    one = SimpleNamespace(images=np.zeros(5), scaled=None, logits=lambda _, relu: [relu(x) for x in maps])
    codes = np.concatenate([(x > 0).reshape(5, -1) for x in maps], axis=1)
    expected = [[codes.shape[1] - np.sum(a != b) for b in codes] for a in codes]
    np.testing.assert_array_equal(hamming_kernel(one), expected)
    assert naswot(one) == pytest.approx(np.linalg.slogdet(np.array(expected, float))[1])


@pytest.mark.parametrize("kind", ["stages", "nasbench201"])
def test_naswot_reads_every_relu_of_a_network(kind, images):
    genotype, network = NETWORKS[kind]
    model = network_from_genotype(genotype, (16, 12, 3), **network)
    excited = {layer: layer.reduced for layer in model.layers if isinstance(layer, SqueezeExcite)}
    others = [layer for layer in model.layers if getattr(layer, "relu", False) or isinstance(layer, keras.layers.ReLU)]
    bits = sum(math.prod(layer.input.shape[1:]) for layer in others) + sum(excited.values())
    assert (np.diag(hamming_kernel(subject(kind, images))) == bits).all() and bool(excited) == (kind == "stages")


def test_equal_codes_have_no_logarithm():
    with pytest.raises(DivergedError, match="to the network some images look alike"):
        log_determinant(np.array([[4.0, 4.0, 1.0], [4.0, 4.0, 1.0], [1.0, 1.0, 4.0]]))
    assert log_determinant(np.eye(3)) == 0.0


def test_jacov_is_of_the_gradients_of_each_image(generator):
    weight = tf.constant(generator.standard_normal((12, 3)), tf.float32)
    scaled = tf.constant(generator.standard_normal((5, 12)), tf.float32)
    one = SimpleNamespace(images=np.zeros(5), scaled=scaled, logits=lambda x: tf.tanh(x @ weight))
    expected = (1 - np.tanh(scaled @ weight) ** 2) @ np.transpose(weight)
    np.testing.assert_allclose(jacobian(one), expected, rtol=1e-4, atol=1e-5)
    values = np.linalg.eigvals(np.corrcoef(expected))
    paper = -sum(math.log(v + 1e-5) + 1 / (v + 1e-5) for v in values.real)
    assert jacov(one) == pytest.approx(5 / -paper, rel=1e-3)


def test_gradients_that_are_not_correlated_are_the_best(generator):
    apart = np.kron(np.eye(4), [1.0, -1.0])
    assert 1.0 - 1e-4 < 4 / divergence(apart) <= 1.0
    assert divergence(apart + 0.5 * apart[::-1]) > divergence(apart)
    with pytest.raises(DivergedError, match="do not depend on the values of some image"):
        divergence(np.zeros((4, 8)))


def test_the_same_flows_through_every_layer_of_a_chain(images):
    """What flows into a layer without branches flows out of it, so that each layer has the whole (Tanaka et al.)."""
    layers = [ChainLayer((3, 3), 24), *(ChainLayer((3, 3), 24, [f"layer_{number}"]) for number in range(3))]
    one = Subject(ChainGenotype(layers), images, 0, {})
    weights = {}

    def positive(layer, part, shape):
        weights[layer, part] = np.abs(one.weights(layer, part, shape)).astype(np.float64)
        return tf.constant(weights[layer, part])

    total = float(tf.reduce_sum(one.logits(tf.ones((1, 16, 12, 3), tf.float64), positive, normalize=False)))
    before = {key: one.weights(*key, value.shape).copy() for key, value in weights.items()}
    assert flow(one) == pytest.approx(5 * total)  # four convolutions and the dense layer
    assert synflow(one) == math.log1p(flow(one))
    assert all((one.weights(*key, value.shape) == value).all() for key, value in before.items())


def test_flows_may_be_larger_than_float32_holds():
    one = Subject("nasnet_a", np.zeros((0, 8, 8, 3), np.uint8), 0, {"num_repeats": 3, "filters": 8})
    assert synflow(one) > math.log(np.finfo(np.float32).max)


def test_a_network_without_a_way_from_image_to_logits(images):
    found = scores(DISCONNECTED, images, **SIZES)
    assert math.isnan(found["naswot"]) and math.isnan(found["jacov"]) and found["synflow"] == 0.0
    for name in ("naswot", "jacov"):
        with pytest.raises(DivergedError):
            PROXIES[name](Subject(DISCONNECTED, images, 0, SIZES))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"proxies": ["accuracy"]}, "a proxy must be one of parameters, multiply_adds, .*, got 'accuracy'"),
        ({"filters": 0}, "filters must be"),
        ({"alpha": 2}, "alpha=2 is not for a Genotype"),
        ({"padding": "keras", "proxies": ["synflow"]}, "networks with padding='same', got 'keras'"),
    ],
)
def test_scores_that_there_cannot_be(arguments, message, images):
    with pytest.raises(ValueError, match=message):
        scores("nasnet_a", images, **arguments)


def test_counted_proxies_import_nothing_that_is_slow():
    code = (
        "import sys, numpy as np; from nasnet_keras.search.proxies import scores; "
        "print(scores('nasnet_a', np.zeros((0, 32, 32, 3)), ['parameters'], filters=8), 'keras' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    parameters = float(genotype_cost("nasnet_a", filters=8).parameters)
    assert done.stdout == f"{{'parameters': {parameters}}} False\n"
