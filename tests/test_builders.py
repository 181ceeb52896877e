"""The contract of `Builder`: one test for the builders of a network, of its cost and of a supernet's operations."""

import dataclasses
import importlib
import inspect
import re

import keras
import numpy as np
import pytest
import tensorflow as tf

from nasnet_keras import Builder, ChainGenotype, ChainLayer, MacroGenotype, MacroLayer, Stage, StageGenotype
from nasnet_keras.genotypes.kinds import KINDS
from nasnet_keras.genotypes.operation_builder import OperationBuilder
from nasnet_keras.genotypes.operations import MACRO_APPLY, NASBENCH201_APPLY, OPERATIONS
from nasnet_keras.networks.any import network_config
from nasnet_keras.networks.cost import CostBuilder
from nasnet_keras.networks.layer_builder import LayerBuilder
from nasnet_keras.search.supernet.builder import SupernetBuilder
from nasnet_keras.search.testing import ContractError, check_builder

BUILDERS = {LayerBuilder: Builder, CostBuilder: Builder, SupernetBuilder: OperationBuilder}
LEGAL = re.compile(r"\w+", re.ASCII)
# Height, width, channels and filters: as many and other ones, known and unknown sizes, too few for a bottleneck.
CASES = ((9, 6, 8, 8), (None, None, 5, 6), (8, 7, 4, 3))


SPACES = {"macro": MACRO_APPLY, "nasbench201": NASBENCH201_APPLY}
EVERY = [*OPERATIONS, *(f"{space} {name}" for space, operations in SPACES.items() for name in operations)]


def applied(name):
    """`(builder, x, filters, stride) -> y` and the strides at which it may be applied, of any space's operation."""
    if name in OPERATIONS:
        return lambda builder, x, filters, stride: OPERATIONS[name].apply(builder, x, filters, stride, "some"), (1, 2)
    space, operation = name.split()
    return lambda builder, x, filters, stride: SPACES[space][operation](builder, x, filters, "some"), (1,)


def network(apply, height, width, channels, filters, stride):
    """The shape of an operation's result, and the shapes of its trainable weights by layer and name."""
    x = keras.Input((height, width, channels))
    model = keras.Model(x, apply(LayerBuilder("same", 0.9, 1e-5), x, filters, stride))
    made = [layer for layer in model.layers if not isinstance(layer, keras.layers.InputLayer)]
    assert all(layer.name.startswith("some_") and LEGAL.fullmatch(layer.name) for layer in made)
    weights = {(one.name, weight.name): tuple(weight.shape) for one in made for weight in one.trainable_weights}
    return model.output_shape, weights


def supernet(apply, height, width, channels, filters, stride):
    weights = {}

    def given(weight):
        assert (weight.layer, weight.name) not in weights
        weights[weight.layer, weight.name] = weight.shape
        return tf.zeros(weight.shape)

    function = tf.function(lambda x: apply(SupernetBuilder(given, 1e-5), x, filters, stride), autograph=False)
    traced = function.get_concrete_function(tf.TensorSpec((None, height, width, channels)))
    return tuple(traced.structured_outputs.shape), weights


@pytest.mark.parametrize("name", EVERY)
def test_all_builders_agree_on_every_operation(name):
    apply, strides = applied(name)
    for height, width, channels, filters in CASES:
        keeps_width = name not in OPERATIONS and "conv" not in name
        filters = channels if keeps_width else filters
        for stride in strides:
            shape, weights = network(apply, height, width, channels, filters, stride)
            assert supernet(apply, height, width, channels, filters, stride) == (shape, weights)
            known = height is not None
            sides = (-(-height // stride), -(-width // stride)) if known else (None, None)
            assert shape == (None, *sides, filters)
            if known:
                builder = CostBuilder()
                assert apply(builder, builder.input(height, width, channels), filters, stride).shape == shape
                assert builder.cost().trainable_parameters == sum(map(np.prod, weights.values()))


@pytest.mark.parametrize("builder", BUILDERS)
def test_builders_are_whole_and_their_interface_says_what_each_primitive_means(builder):
    interface = BUILDERS[builder]
    assert issubclass(builder, interface) and not inspect.isabstract(builder) and interface.__abstractmethods__
    assert all(getattr(interface, name).__doc__ for name in interface.__abstractmethods__)


CHECKED = {
    LayerBuilder: (lambda: LayerBuilder("same", 0.9, 1e-5), lambda builder, shape: keras.Input(shape)),
    CostBuilder: (CostBuilder, lambda builder, shape: builder.input(*shape)),
    SupernetBuilder: (
        lambda: SupernetBuilder(lambda weight: tf.zeros(weight.shape), 1e-5),
        lambda builder, shape: tf.zeros((1, *shape)),
    ),
}


@pytest.mark.parametrize("builder", CHECKED)
def test_builders_pass_the_checks_for_builders_of_ones_own(builder):
    check_builder(*CHECKED[builder])


def logits_as_they_are(self, x, units, *, name, activation, use_bias):
    return x


@pytest.mark.parametrize(
    ("methods", "message"),
    [
        ({"pool": lambda self, x, kind, size, stride, *, name: x}, r"at stride 2 must make a map of \(5, 3, 8\), not"),
        ({"relu": lambda self, x: x}, "relu must take the arguments self, x, name, not self, x$"),
        ({"zeros": lambda self, x, *, name: 1 / 0}, "the operation none at stride 1 must be described; it raised Zero"),
        ({"dense": logits_as_they_are}, "must end in 7 classes, not in"),
    ],
)
def test_a_rule_that_a_builder_breaks_is_named(methods, message):
    with pytest.raises(ContractError, match=message):
        check_builder(type("Broken", (CostBuilder,), methods), CHECKED[CostBuilder][1])


NETWORKS = {
    "cells": ("nasnet_a", {"num_repeats": 1, "filters": 4, "auxiliary_head": True, "drop_path_rate": 0.1}),
    "macro": (MacroGenotype([MacroLayer("conv_3x3")] * 3 + [MacroLayer("avg_pool_3x3", ["stem"])]), {"filters": 4}),
    "chain": (ChainGenotype([ChainLayer((1, 3), 24), ChainLayer((3, 3), 24, ["layer_0"], (2, 1))], ["layer_0"]), {}),
    "nasbench201": (
        "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|skip_connect~1|nor_conv_1x1~2|",
        {"num_repeats": 1, "filters": 4},
    ),
    "stages": (
        StageGenotype(
            [
                Stage("depthwise", 3, 4),
                Stage("inverted_bottleneck", 5, 8, 2, stride=2, expansion=3, squeeze_excite=0.25),
                Stage("conv", 3, 8, stride=2, squeeze_excite=0.5, skip="pool"),
                Stage("conv", 1, 8, 2),
            ],
            stem=4,
            head=12,
        ),
        {},
    ),
}


@pytest.mark.parametrize("kind", NETWORKS)
def test_every_network_has_the_same_shapes_with_all_builders_and_names_of_its_own(kind):
    genotype, arguments = NETWORKS[kind]
    config = network_config(genotype, (20, 21, 3), classes=7, dropout_rate=0.1, **arguments)
    counting = CostBuilder()
    counted = config.build(counting, counting.input(20, 21, 3))
    names = []
    for _ in range(2):
        image = keras.Input((20, 21, 3), name="image")
        made = config.build(LayerBuilder("same", 0.9, 1e-5, image), image)
        assert tf.nest.map_structure(lambda one: tuple(one.shape), made) == tf.nest.map_structure(
            lambda one: one.shape, counted
        )
        model = keras.Model(image, made)
        assert counting.cost().parameters == model.count_params()
        names.append([layer.name for layer in model.layers])
    assert names[0] == names[1] and len(set(names[0])) == len(names[0]) and all(map(LEGAL.fullmatch, names[0]))


@pytest.mark.parametrize("kind", KINDS, ids=str)
def test_a_kind_of_network_lists_its_arguments_once_for_readers_and_once_as_fields(kind):
    module = importlib.import_module(f"nasnet_keras.networks.{kind.module}")
    config, function = getattr(module, kind.config), getattr(module, kind.function.rpartition(".")[2])
    assert config.KIND is kind.genotype_class and isinstance(config.SIZES, tuple) and function.__doc__
    fields = {field.name: field.default for field in dataclasses.fields(config) if field.init}
    told = {name: parameter.default for name, parameter in inspect.signature(function).parameters.items()}
    assert told.keys() == {*fields, "weights", "input_tensor", "name"}
    assert all(told[name] == default for name, default in fields.items() if name != "genotype")
