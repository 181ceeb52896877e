"""The fused layers against plain Keras layers: outputs, gradients and moving statistics, on trained weights."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import difference, randomize
from keras import ops

from nasnet_keras.layers import (
    ConvBatchNorm,
    DepthwiseBatchNorm,
    FactorizedReduction,
    MaxPooling2D,
    PaddedPooling2D,
    SeparableConvBatchNorm,
)
from nasnet_keras.layers.auxiliary import AuxiliaryHead
from nasnet_keras.layers.drop_path import DropPathCombine, DropPathSchedule, TrainingProgress
from nasnet_keras.layers.first_kernels import he_normal
from nasnet_keras.layers.normalization import by_batch

TOLERANCE = 1e-4


def plain_conv(filters, kernel, strides=1, padding="same", dilation=1):
    def apply(x):
        x, steps = keras.layers.ReLU()(x), strides
        if kernel == 1:  # by itself: oneDNN's gradient of it with strides may be wrong, see nasnet_keras.layers
            x, steps = keras.layers.AveragePooling2D(1, strides)(x), 1
        x = keras.layers.Conv2D(filters, kernel, steps, padding, use_bias=False, dilation_rate=dilation)(x)
        return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)

    return apply


def plain_separable(filters, size, strides=1, dilation=1):
    def apply(x):
        x = keras.layers.ReLU()(x)
        x = keras.layers.DepthwiseConv2D(size, strides, "same", use_bias=False, dilation_rate=dilation)(x)
        x = keras.layers.Conv2D(filters, 1, use_bias=False)(x)
        return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)

    return apply


def plain_depthwise(size, strides=1):
    def apply(x):
        x = keras.layers.DepthwiseConv2D(size, strides, "same", use_bias=False)(keras.layers.ReLU()(x))
        return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)

    return apply


def bordered(layer, size, *arguments):
    """The convolution of a map with a border of half the kernel, as PyTorch places it."""

    def apply(x):
        x = keras.layers.ZeroPadding2D(size // 2)(keras.layers.ReLU()(x))
        x = layer(*arguments, "valid", use_bias=False)(x)
        return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)

    return apply


def plain_reduction(filters):
    def apply(x):
        x = keras.layers.ReLU()(x)
        even = keras.layers.AveragePooling2D(1, 2)(x)
        odd = keras.layers.ZeroPadding2D(((0, 1), (0, 1)))(x)
        odd = keras.layers.Cropping2D(((1, 0), (1, 0)))(odd)
        odd = keras.layers.AveragePooling2D(1, 2)(odd)
        even = keras.layers.Conv2D(filters // 2, 1, use_bias=False)(even)
        odd = keras.layers.Conv2D(filters - filters // 2, 1, use_bias=False)(odd)
        x = keras.layers.Concatenate()([even, odd])
        return keras.layers.BatchNormalization(momentum=0.9, epsilon=1e-5)(x)

    return apply


PAIRS = {
    "1x1": (lambda: ConvBatchNorm(6), plain_conv(6, 1)),
    "1x1 strided": (lambda: ConvBatchNorm(6, strides=(2, 2)), plain_conv(6, 1, 2)),
    "3x3": (lambda: ConvBatchNorm(6, (3, 3)), plain_conv(6, 3)),
    "3x3 strided": (lambda: ConvBatchNorm(6, (3, 3), strides=(2, 2)), plain_conv(6, 3, 2)),
    "3x3 valid strided": (
        lambda: ConvBatchNorm(6, (3, 3), strides=(2, 2), padding="valid"),
        plain_conv(6, 3, 2, "valid"),
    ),
    "1x7 strided": (lambda: ConvBatchNorm(6, (1, 7), strides=(1, 2)), plain_conv(6, (1, 7), (1, 2))),
    "3x3 dilated": (lambda: ConvBatchNorm(6, (3, 3), dilation=2), plain_conv(6, 3, dilation=2)),
    "3x3 torch": (lambda: ConvBatchNorm(6, (3, 3), padding="torch"), plain_conv(6, 3)),
    "5x5 torch strided": (
        lambda: ConvBatchNorm(6, (5, 5), strides=(2, 2), padding="torch"),
        bordered(keras.layers.Conv2D, 5, 6, 5, 2),
    ),
    "depthwise": (lambda: DepthwiseBatchNorm(5), plain_depthwise(5)),
    "depthwise strided": (lambda: DepthwiseBatchNorm(3, strides=2), plain_depthwise(3, 2)),
    "depthwise torch": (lambda: DepthwiseBatchNorm(7, padding="torch"), plain_depthwise(7)),
    "depthwise torch strided": (
        lambda: DepthwiseBatchNorm(3, strides=2, padding="torch"),
        bordered(keras.layers.DepthwiseConv2D, 3, 3, 2),
    ),
    "separable": (lambda: SeparableConvBatchNorm(6, 5), plain_separable(6, 5)),
    "separable strided": (lambda: SeparableConvBatchNorm(6, 3, strides=2), plain_separable(6, 3, 2)),
    "separable dilated": (lambda: SeparableConvBatchNorm(6, 3, dilation=2), plain_separable(6, 3, dilation=2)),
    "separable dilated strided": (
        lambda: SeparableConvBatchNorm(6, 3, strides=2, dilation=2),
        plain_separable(6, 3, 2, 2),
    ),
    "reduction": (lambda: FactorizedReduction(6), plain_reduction(6)),
    "reduction to an odd width": (lambda: FactorizedReduction(5), plain_reduction(5)),
}


def step(model, x, y):
    """Gradients, and the output in training, which updates the moving statistics."""
    with tf.GradientTape() as tape:
        tape.watch(x)
        output = model(x, training=True)
        loss = tf.reduce_mean(output * y)
    return output, tape.gradient(loss, [x, *[v.value for v in model.trainable_variables]])


def test_kernels_start_with_hes_normal_distribution_cut_off_at_two_deviations():
    keras.utils.set_random_seed(1)
    values = he_normal((3, 5, 64, 128))
    deviation = np.sqrt(2.0 / (3 * 5 * 128))
    assert values.dtype == np.float32 and abs(values.mean()) < 0.01 * deviation
    assert values.std() == pytest.approx(deviation, rel=0.01)
    uncut = deviation / 0.87962566  # the deviation of the normal distribution before it is cut off
    assert 1.99 < np.abs(values).max() / uncut < 2.001
    for deviations, share in ((0.5, 0.4012), (1.0, 0.7152), (1.5, 0.9077)):  # of erf(d / √2) / erf(√2)
        assert np.mean(np.abs(values) < deviations * uncut) == pytest.approx(share, abs=0.005)


def test_kernels_start_anew_for_each_layer_and_alike_after_the_same_seed():
    def kernels():
        keras.utils.set_random_seed(5)
        layers = [ConvBatchNorm(4, (3, 3)), ConvBatchNorm(4, (3, 3))]
        for layer in layers:
            layer.build((None, 8, 8, 4))
        return [ops.convert_to_numpy(layer.kernel) for layer in layers]

    (first, second), again = kernels(), kernels()
    assert not np.any(first == second)
    np.testing.assert_array_equal([first, second], again)


@pytest.mark.parametrize("size", [(8, 8), (9, 8), (7, 11)])
@pytest.mark.parametrize("name", PAIRS)
def test_equal_to_plain_layers(name, size, generator):
    ours, plain = PAIRS[name]
    image = keras.Input((None, None, 4))
    ours, plain = keras.Model(image, ours()(image)), keras.Model(image, plain(image))
    assert [tuple(w.shape) for w in ours.weights] == [tuple(w.shape) for w in plain.weights]
    randomize(ours, generator)
    plain.set_weights(ours.get_weights())
    x = tf.constant(generator.normal(size=(5, *size, 4)), tf.float32)
    assert difference(ours(x), plain(x)) < TOLERANCE
    y = tf.constant(generator.normal(size=plain(x).shape), tf.float32)
    (output, gradients), (expected, expected_gradients) = step(ours, x, y), step(plain, x, y)
    assert difference(output, expected) < TOLERANCE
    for gradient, other in zip(gradients, expected_gradients, strict=True):
        assert difference(gradient, other) < TOLERANCE
    for weight, other in zip(ours.weights, plain.weights, strict=True):
        assert difference(weight.value, other.value) < TOLERANCE  # the moving statistics among them


@pytest.mark.parametrize("size", [(8, 8), (9, 9), (7, 10)])
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16"])
def test_static_shapes_equal_what_comes_out(size, dtype, generator):
    for make, _ in PAIRS.values():
        layer = make()
        layer.dtype_policy = keras.dtype_policies.DTypePolicy(dtype)
        x = generator.normal(size=(2, *size, 4)).astype("float32")
        assert layer.compute_output_shape((2, *size, 4)) == tuple(layer(x, training=True).shape)
        assert layer.compute_output_shape((None, None, None, 4)) == (None, None, None, layer.filters)
        assert layer.moving_mean.dtype == "float32"


def test_a_frozen_layer_uses_and_keeps_its_moving_statistics(generator):
    layer = ConvBatchNorm(6, (3, 3))
    x = generator.normal(size=(2, 8, 8, 4)).astype("float32")
    before = layer(x, training=False)
    layer.trainable = False
    assert difference(layer(x, training=True), before) < 1e-6
    assert not np.any(layer.moving_mean.value)


def test_normalised_by_the_batch_out_of_training_it_keeps_its_moving_statistics(generator):
    layer = ConvBatchNorm(6, (3, 3))
    x = generator.normal(3.0, 2.0, (4, 8, 8, 5)).astype("float32")
    layer.build(x.shape)
    with by_batch():
        y = layer(x)
    assert not layer.moving_mean.numpy().any() and (layer.moving_variance.numpy() == 1).all()
    np.testing.assert_allclose(y, layer(x, training=True), atol=1e-5)
    assert layer.moving_mean.numpy().any()


def test_dilation_that_no_stride_can_follow_is_refused():
    for arguments in ({"strides": (2, 2), "dilation": 3}, {"strides": (1, 2), "dilation": 2}):
        with pytest.raises(ValueError, match="only strides of 2 with an even dilation"):
            ConvBatchNorm(4, (3, 3), **arguments)
    with pytest.raises(ValueError, match="none with padding 'torch'"):
        ConvBatchNorm(4, (3, 3), strides=(2, 2), dilation=2, padding="torch")


def test_paddings_that_a_layer_does_not_have_are_refused():
    for make in (lambda: ConvBatchNorm(4, (3, 3), padding="causal"), lambda: DepthwiseBatchNorm(3, padding="valid")):
        with pytest.raises(ValueError, match="padding must be one of same, .*got '(causal|valid)'"):
            make()
    with pytest.raises(ValueError, match=r"around odd kernels, got one of \(2, 3\)"):
        ConvBatchNorm(4, (2, 3), padding="torch")


@pytest.mark.parametrize("kind", ["max", "avg"])
@pytest.mark.parametrize("pool_size", [2, 3, 5])
@pytest.mark.parametrize("size", [(8, 8), (9, 9), (6, 7)])
@pytest.mark.parametrize("known", [True, False])
def test_padded_pooling_is_zero_padding_and_a_valid_pool(kind, pool_size, size, known, generator):
    border = pool_size // 2
    padding = tuple((border - 1 + side % 2, border) for side in size)
    pool = keras.layers.MaxPooling2D if kind == "max" else keras.layers.AveragePooling2D
    x = generator.normal(size=(2, *size, 3)).astype("float32") - 2.0
    expected = pool(pool_size, 2, "valid")(keras.layers.ZeroPadding2D(padding)(x))
    image = keras.Input((*(size if known else (None, None)), 3))
    model = keras.Model(image, PaddedPooling2D(kind, pool_size)(image))
    assert difference(model.predict(x, verbose=0), expected) < 1e-6
    assert tuple(expected.shape[1:3]) == PaddedPooling2D(kind, pool_size).compute_output_shape(x.shape)[1:3]
    with pytest.raises(ValueError, match="'max' or 'avg'"):
        PaddedPooling2D("min", 3)


@pytest.mark.parametrize("window, strides", [(3, 1), (5, 1), (5, 2), (7, 2), ((7, 5), (1, 2))])
@pytest.mark.parametrize("size, padding", [((8, 8), "same"), ((9, 4), "same"), ((2, 2), "same"), ((8, 8), "valid")])
def test_max_pooling_is_that_of_keras_in_training_too(window, strides, size, padding, generator):
    x = tf.constant(generator.normal(size=(2, *size, 3)).astype("float32"))
    results = []
    for layer in (MaxPooling2D(window, strides, padding), keras.layers.MaxPooling2D(window, strides, padding)):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x, training=True)
            loss = tf.reduce_sum(y * tf.reshape(tf.range(tf.size(y), dtype=tf.float32), tf.shape(y)))
        results.append((y, layer(x), tape.gradient(loss, x)))
    for ours, stock in zip(*results, strict=True):
        np.testing.assert_array_equal(ours, stock)


def test_auxiliary_head(generator):
    head = AuxiliaryHead(7, filters=(12, 20))
    x = generator.normal(size=(3, 8, 9, 4)).astype("float32")
    randomize_head = keras.Sequential([keras.Input((8, 9, 4)), head])
    randomize(randomize_head, generator)
    y = keras.layers.AveragePooling2D(5, 3)(ops.relu(x))
    for layer in (head.project, head.whole_map):
        wide = ops.conv(ops.relu(y) if layer.relu else y, layer.kernel.value)
        y = (wide - layer.moving_mean.value) / ops.sqrt(layer.moving_variance.value + 1e-5)
        y = y * layer.gamma.value + layer.beta.value
    expected = ops.relu(y)[:, 0, 0] @ head.classify.kernel.value + head.classify.bias.value
    assert difference(head(x), expected) < TOLERANCE
    for shape in ((None, 4, 8, 4), (None, None, None, 4)):
        with pytest.raises(ValueError, match="known size, at least 5x5"):
            AuxiliaryHead(7).build(shape)


@pytest.mark.parametrize("combine", ["add", "concat"])
def test_drop_path_drops_whole_examples_and_keeps_the_mean(combine):
    x, other = np.ones((4000, 2, 2, 3), "float32"), np.zeros((4000, 2, 2, 3), "float32")
    layer = DropPathCombine(combine, (0.4, 0.0), seed=3)
    for progress, rate in ((1.0, 0.4), (0.5, 0.2), (0.0, 0.0)):
        y = np.asarray(layer([x, other, np.float32(progress)], training=True))
        assert y.shape == (4000, 2, 2, 3 if combine == "add" else 6)
        y = y[..., :3]
        kept = y[:, 0, 0, 0] > 0
        assert (y == y[:, :1, :1, :1]).all(), "an example is dropped as a whole"
        assert abs(kept.mean() - (1 - rate)) < 0.03
        np.testing.assert_allclose(y[kept], 1 / (1 - rate), rtol=1e-6)
    both = np.asarray(DropPathCombine(combine, (0.5, 0.5), seed=3)([x, x, np.float32(1.0)], training=True))
    assert len(np.unique(both.sum(axis=(1, 2, 3)))) == 3, "the two are dropped independently"
    assert (np.asarray(layer([x, other, np.float32(1.0)]))[..., :3] == x).all(), "identity outside training"
    for arguments in ((combine, (-0.1, 0.0)), (combine, (0.0, 1.0)), ("mean", (0.1, 0.1))):
        with pytest.raises(ValueError, match="must be"):
            DropPathCombine(*arguments)


def test_progress_is_state_but_no_weight():
    layer = TrainingProgress()
    assert layer.weights == []
    assert len(layer.variables) == 1
    layer.assign(7)
    assert float(layer(np.zeros((1, 2, 2, 1)))) == 1.0
    with pytest.raises(ValueError, match="positive"):
        DropPathSchedule(0)
