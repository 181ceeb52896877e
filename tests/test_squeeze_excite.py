"""Squeeze-and-excite by its formula, and the padding of PyTorch by PyTorch's own convolutions."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import difference, randomize
from pytorch_networks import CASES, computed

from nasnet_keras.layers import ConvBatchNorm, DepthwiseBatchNorm, SqueezeExcite


@pytest.fixture
def model(generator):
    image = keras.Input((None, None, 6))
    made = keras.Model(image, SqueezeExcite(2, name="excite")(image))
    randomize(made, generator)
    return made


def test_values_are_those_of_the_formula(model, generator):
    x = generator.normal(size=(3, 5, 8, 6)).astype("float32")
    reduce, reduce_bias, expand, expand_bias = (np.asarray(weight) for weight in model.weights)
    assert reduce.shape == (1, 1, 6, 2) and expand.shape == (1, 1, 2, 6)
    narrow = np.maximum(x.mean((1, 2)) @ reduce[0, 0] + reduce_bias, 0)
    factors = 1 / (1 + np.exp(-(narrow @ expand[0, 0] + expand_bias)))
    assert difference(model(x), x * factors[:, None, None]) < 1e-5


def test_gradients_are_those_of_plain_layers(model, generator):
    image = keras.Input((None, None, 6))
    y = keras.layers.GlobalAveragePooling2D(keepdims=True)(image)
    y = keras.layers.Conv2D(6, 1, activation="sigmoid")(keras.layers.Conv2D(2, 1, activation="relu")(y))
    plain = keras.Model(image, keras.layers.Multiply()([image, y]))
    plain.set_weights(model.get_weights())
    x, weights = (tf.constant(generator.normal(size=(2, 4, 4, 6)), tf.float32) for _ in range(2))
    gradients = []
    for each in (model, plain):
        with tf.GradientTape() as tape:
            tape.watch(x)
            loss = tf.reduce_sum(each(x, training=True) * weights)
        gradients.append(tape.gradient(loss, [x, *[v.value for v in each.trainable_variables]]))
    for ours, other in zip(*gradients, strict=True):
        assert difference(ours, other) < 1e-4


def test_it_is_saved_counted_and_computes_in_mixed_precision(model, generator, tmp_path):
    x = generator.normal(size=(2, 64, 64, 6)).astype("float32")
    model.save(tmp_path / "model.keras")
    assert np.array_equal(keras.models.load_model(tmp_path / "model.keras")(x), model(x))
    layer = model.get_layer("excite")
    assert layer.multiply_adds((None, 64, 64, 6)) == 24
    narrow = SqueezeExcite(2, dtype="mixed_bfloat16")
    narrow.build(x.shape)
    narrow.set_weights(layer.get_weights())
    assert narrow(x).dtype == tf.bfloat16
    assert difference(tf.cast(narrow(x), tf.float32), model(x)) < 0.02
    for wrong in (0, -1, 2.5, "2"):
        with pytest.raises(ValueError, match="reduced"):
            SqueezeExcite(wrong)


@pytest.mark.slow
def test_padding_torch_is_that_of_pytorch(tmp_path):
    computed(tmp_path)
    for index, (kernel, stride, _) in enumerate(CASES):
        common = {"padding": "torch", "relu": False, "epsilon": 0.0}
        whole = ConvBatchNorm(6, (kernel, kernel), strides=(stride, stride), **common)
        for layer, groups in ((whole, 1), (DepthwiseBatchNorm(kernel, strides=stride, **common), 6)):
            values = np.load(tmp_path / f"{index}_{groups}.npz")
            layer.build(values["x"].shape)
            layer.set_weights([values["weights"], *layer.get_weights()[1:]])
            assert difference(layer(values["x"]), values["y"]) < 1e-5, (kernel, stride, groups)
