"""Whole networks against the same ones from plain Keras layers: outputs, gradients, moving statistics."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import difference, mostly_fuzz, random_genotype, randomize
from peers import copy_weights, plain_model

from nasnet_keras import Block, Cell, Edge, Genotype, NASNetFromGenotype, genotypes
from nasnet_keras.genotypes.operations import OPERATIONS
from nasnet_keras.layers.depthwise import depthwise_conv

TOLERANCE = 1e-4
SEEDS = 10
LIKE_OTHERS = {"conv_1x3_3x1", "sep_conv_3x3", "sep_conv_5x5", "dil_sep_conv_3x3", "max_pool_5x5", "max_pool_7x7"}
"""Operations that differ from another one by the size of a kernel."""


def outputs_and_gradients(model, images):
    """Outputs, the gradient of a function of them for every variable, and the moving statistics afterwards."""
    images = tf.constant(images)
    with tf.GradientTape() as tape:
        tape.watch(images)
        outputs = model(images, training=True)
        loss = tf.reduce_sum(tf.sin(outputs + tf.range(outputs.shape[-1], dtype=tf.float32)))
    gradients = tape.gradient(loss, [images, *(v.value for v in model.trainable_variables)])
    by_variable = dict(zip([None, *(v.path for v in model.trainable_variables)], gradients, strict=True))
    return outputs, by_variable


def compare(genotype, size=16):
    shape = (size, size + 2, 3)
    arguments = {"num_repeats": 1, "filters": 8, "classes": 7, "classifier_activation": None}
    ours = NASNetFromGenotype(genotype, shape, **arguments)
    plain = plain_model(genotype, shape, **arguments)
    for seed in range(SEEDS):
        generator = np.random.default_rng(seed)
        randomize(ours, generator)
        images = generator.normal(size=(6, *shape)).astype("float32")
        differing = differences(ours, plain, images)
        if not differing:
            return
        # Where an input of a ReLU or a maximum is within rounding of its kink, the gradient jumps: that is no error,
        # is rare, and other images do not have it; a wrong gradient is wrong for all. Outputs have no such excuse.
        assert "outputs" not in differing, differing
    pytest.fail(f"{SEEDS} times: {differing}")


def differences(ours, plain, images):
    pairs = copy_weights(ours, plain)
    differing = {}

    def check(name, a, b, scale=0.0):
        scale = max(float(tf.reduce_max(tf.abs(b))), scale)
        error = float(tf.reduce_max(tf.abs(a - b))) / scale
        if not error < TOLERANCE:
            differing[name] = error

    check("outputs", ours(images), plain(images))
    outputs, gradients = outputs_and_gradients(ours, images)
    expected_outputs, expected = outputs_and_gradients(plain, images)
    check("outputs", outputs, expected_outputs)
    check("image", gradients[None], expected[None])
    largest = max(float(tf.reduce_max(tf.abs(value))) for value in expected.values())
    for variable, other in pairs:
        if variable.trainable:  # what batch normalisation cancels is rounding alone, so none is held to its own size
            check(variable.path, gradients[variable.path], expected[other.path], 1e-2 * largest)
        else:
            check(variable.path, variable.value, other.value, 0.1)
    return differing


@pytest.mark.parametrize("name", mostly_fuzz(genotypes.names(), ("nasnet_a",)))
def test_catalogue(name):
    compare(genotypes.get(name))


@pytest.mark.parametrize("name", mostly_fuzz(sorted(OPERATIONS), OPERATIONS.keys() - LIKE_OTHERS))
def test_every_operation(name):
    # One block: deep chains of narrow convolutions magnify a change of one bit in the images a thousandfold.
    cell = Cell([Block(Edge(name, "current"), Edge(name, "previous"))], ["block_0"])
    compare(Genotype(cell, cell), size=8)


@pytest.mark.parametrize("seed", mostly_fuzz(range(6), range(2)))
def test_random_genotypes(seed):
    compare(random_genotype(np.random.default_rng(seed)), size=(15, 16, 18)[seed % 3])


@pytest.mark.parametrize("size", [2, 3, 5, 7])
@pytest.mark.parametrize(
    "height, width", [(1, 1), (3, 5), (2, 2), (4, 4), (6, 6), (7, 2), (7, 4), (7, 6), (7, 9), (7, 12)]
)
@pytest.mark.parametrize("strides, dilation", [(1, 1), (2, 1), (1, 2), (1, 3)])
@pytest.mark.parametrize("known", [True, False])
def test_depthwise_gradients(size, height, width, strides, dilation, known):
    """Gradients that are put together from narrower ones, from pairs of pixels for maps of few, or from phases."""
    generator = np.random.default_rng(0)
    x = generator.normal(size=(3, height, width, 5)).astype("float32")
    kernel = generator.normal(size=(size, size, 5, 1)).astype("float32")
    results = []
    for training in (True, False):
        signature = [tf.TensorSpec((None, None, width, 5) if not known else x.shape), tf.TensorSpec(kernel.shape)]

        @tf.function(input_signature=signature)
        def both(x, kernel, training=training):
            with tf.GradientTape() as tape:
                tape.watch((x, kernel))
                y = depthwise_conv(x, kernel, (strides, strides), dilation, training)
                loss = tf.reduce_sum(y * tf.sin(tf.reshape(tf.range(tf.size(y), dtype=tf.float32), tf.shape(y))))
            return y, *tape.gradient(loss, (x, kernel))

        results.append(both(x, kernel))
    for ours, stock in zip(*results, strict=True):
        if height == 1 and size == 2 and dilation > 1:  # the pixel is between the kernel's
            assert not np.any(ours) and not np.any(stock)
        else:
            assert difference(ours, stock) < 1e-5


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("size, strides, width", [(3, 1, 8), (3, 2, 8), (5, 1, 8), (5, 1, 9), (5, 2, 8), (7, 2, 9)])
def test_depthwise_gradients_in_bfloat16(size, strides, width, padding):
    """Close to those in float32; and none by a kernel of TensorFlow's that computes it value by value."""
    generator = np.random.default_rng(0)
    x = tf.constant(generator.normal(size=(3, 8, width, 5)), tf.bfloat16)
    kernel = tf.constant(generator.normal(size=(size, size, 5, 1)), tf.bfloat16)

    @tf.function
    def gradients(x, kernel):
        with tf.GradientTape() as tape:
            tape.watch((x, kernel))
            y = depthwise_conv(x, kernel, (strides, strides), 1, True, padding)
            loss = tf.reduce_sum(tf.sin(tf.cast(y, tf.float32)))
        return tape.gradient(loss, (x, kernel))

    narrow, wide = gradients(x, kernel), gradients(tf.cast(x, tf.float32), tf.cast(kernel, tf.float32))
    assert {value.dtype for value in narrow} == {tf.bfloat16}
    for ours, exact in zip(narrow, wide, strict=True):
        assert difference(tf.cast(ours, tf.float32), exact) < 0.05
    graph = gradients.get_concrete_function(x, kernel).graph
    of_kernels = [one for one in graph.get_operations() if one.type == "DepthwiseConv2dNativeBackpropFilter"]
    of_images = [one for one in graph.get_operations() if one.type == "DepthwiseConv2dNativeBackpropInput"]
    assert all(one.inputs[0].dtype == tf.float32 for one in of_kernels if one.outputs[0].shape[1] > 3)
    assert all(one.inputs[1].dtype == tf.float32 for one in of_images if one.get_attr("strides")[1] > 1)
    assert of_kernels and (of_images or strides == 1)


@pytest.mark.parametrize("size, strides", [(3, 2), (5, 2), (7, 1)])
@pytest.mark.parametrize("side, scale", [(9, 1.0), (4, 1.0), (2, 1e50)])
def test_depthwise_gradients_in_float64_lose_no_digits(size, strides, side, scale):
    """Nor their range, on maps of few pixels either."""
    generator = np.random.default_rng(0)
    x, kernel = (tf.constant(generator.normal(size=shape)) for shape in ((2, side, side, 3), (size, size, 3, 1)))
    x *= scale
    results = []
    for training in (True, False):
        with tf.GradientTape() as tape:
            tape.watch((x, kernel))
            loss = tf.reduce_sum(tf.sin(depthwise_conv(x, kernel, (strides, strides), 1, training) / scale) * scale)
        results.append(tape.gradient(loss, (x, kernel)))
    for ours, stock in zip(*results, strict=True):
        assert ours.dtype == tf.float64 and difference(ours, stock) < 1e-12


@pytest.mark.parametrize("width", [8, 9])
def test_the_fast_gradient_of_wide_kernels_needs_no_height(width):
    @tf.function(input_signature=[tf.TensorSpec((None, None, width, 3))])
    def gradient(x):
        kernel = tf.ones((5, 5, 3, 1))
        with tf.GradientTape() as tape:
            tape.watch(kernel)
            y = depthwise_conv(x, kernel, (1, 1), 1, True)
        return tape.gradient(y, kernel)

    graph = gradient.get_concrete_function().graph
    of_kernels = [one for one in graph.get_operations() if one.type == "DepthwiseConv2dNativeBackpropFilter"]
    sides = {int(tf.get_static_value(one.inputs[1])[1]) for one in of_kernels}
    assert sides == ({3} if width % 2 == 0 else {5})


@pytest.mark.slow
def test_second_epoch_of_fit_equals_plain_layers():
    """Through `fit` as well: the fused layers need no training loop of ours."""
    generator = np.random.default_rng(0)
    images = generator.normal(size=(32, 16, 16, 3)).astype("float32")
    labels = generator.integers(0, 5, 32)
    arguments = {"num_repeats": 1, "filters": 4, "classes": 5}
    ours = NASNetFromGenotype("nasnet_a", (16, 16, 3), **arguments)
    plain = plain_model("nasnet_a", (16, 16, 3), **arguments)
    pairs = copy_weights(ours, plain)
    for model in (ours, plain):
        model.compile(keras.optimizers.SGD(0.01, momentum=0.9), "sparse_categorical_crossentropy")
        model.fit(images, labels, batch_size=16, epochs=2, shuffle=False, verbose=0)
    for variable, other in pairs:
        np.testing.assert_allclose(variable.numpy(), other.numpy(), rtol=1e-2, atol=1e-3, err_msg=variable.path)
