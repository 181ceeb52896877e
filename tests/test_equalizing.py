"""Channels between convolutions are equalized before a network is quantized."""

import keras
import numpy as np
import pytest
from helpers import difference, randomize

from nasnet_keras import export
from nasnet_keras.images.reading import spread
from nasnet_keras.inference import litert, litert_int8
from nasnet_keras.inference.equalizing import equalized
from nasnet_keras.inference.litert_file import operator_name, packed, read
from nasnet_keras.layers import DepthwiseBatchNorm, SeparableConvBatchNorm

SHAPE = (12, 12, 3)


def unequal(generator, spread=100.0):
    """A network whose depthwise convolutions give some channels up to `spread` times the range of others."""
    image = keras.Input(SHAPE)
    x = keras.layers.Conv2D(16, 3, padding="same", activation="relu")(image)
    for size, stride in ((3, 1), (7, 1), (7, 2), (5, 1)):
        x = SeparableConvBatchNorm(16, size, strides=stride)(x)
    x = keras.layers.Conv2D(16, 3, padding="same", activation="relu")(DepthwiseBatchNorm(3)(x))
    model = keras.Model(image, keras.layers.Dense(10)(keras.layers.GlobalAveragePooling2D()(x)))
    randomize(model, generator)
    for layer in model.layers:
        if isinstance(layer, SeparableConvBatchNorm):
            factors = spread ** generator.uniform(-0.5, 0.5, layer.depthwise_kernel.shape[2])
            layer.depthwise_kernel.assign(layer.depthwise_kernel * factors[:, None])
            layer.pointwise_kernel.assign(layer.pointwise_kernel / factors[:, None])
    return model


@pytest.fixture(scope="module")
def images():
    generator = np.random.default_rng(1)
    return (generator.normal(size=(64, *SHAPE)) + generator.normal(size=(64, 1, 1, 3))).astype("float32")


def test_an_equal_file_of_equal_ranges(tmp_path, generator, images):
    model, path = unequal(generator, spread=50.0), tmp_path / "a.tflite"
    export(model, path, "litert", images=images[:2])
    before = path.read_bytes()
    after = equalized(before, images)
    path.write_bytes(after)
    assert difference(litert.run(path, images), model(images)) < 1e-5
    assert len(after) < len(before) + 5000
    assert packed(read(after)) == after
    equal, apart = ranges(after, images), ranges(before, images)
    assert len(equal) == len(apart) == 5
    assert max(equal) < 1.01 and sorted(apart)[1] > 10


def ranges(data, images):
    """Of each map between a depthwise and a full convolution, how the channels' ranges differ."""
    model = read(data)
    (graph,) = model.subgraphs
    makers = {tensor: operator for operator in graph.operators for tensor in operator.outputs}
    found = []
    for operator in graph.operators:
        image = operator.inputs[0]
        maker = makers.get(image)
        if operator_name(model, operator) == "CONV_2D" and maker and operator_name(model, maker) != "CONV_2D":
            cut = read(data)
            cut.subgraphs[0].outputs = [image]
            cut.signatureDefs = []
            values = np.abs(litert._run(packed(cut), images[spread(len(images), 32)])).max((0, 1, 2))
            found.append(values.max() / values.min())
    return found


def test_int8_keeps_what_small_channels_hold(tmp_path, generator, images, monkeypatch):
    model = unequal(generator, spread=1e4)
    given = {"quantization": "int8", "calibration": images, "images": images, "min_agreement": 0}
    difference_with = export(model, tmp_path / "a.tflite", "litert", **given).difference
    monkeypatch.setattr(litert_int8, "equalized", lambda data, images: data)
    difference_without = export(model, tmp_path / "b.tflite", "litert", **given).difference
    assert difference_with < 0.5 * difference_without


def test_what_others_read_stays(tmp_path, generator, images):
    """Kernels that several operations read, and maps that something else reads, too."""
    image = keras.Input(SHAPE)
    x = keras.layers.Conv2D(8, 3, padding="same")(image)
    shared = SeparableConvBatchNorm(8, 3)
    alike = [shared(x), shared(keras.layers.MaxPooling2D(3, 1, "same")(x))]
    y = DepthwiseBatchNorm(3)(x)
    x = keras.layers.Concatenate()([*alike, y, keras.layers.Conv2D(8, 1)(y)])
    model, path = keras.Model(image, keras.layers.GlobalAveragePooling2D()(x)), tmp_path / "a.tflite"
    randomize(model, generator)
    export(model, path, "litert", images=images[:2])
    before = path.read_bytes()
    path.write_bytes(equalized(before, images))
    assert difference(litert.run(path, images), model(images)) < 1e-5
    assert sum(most > 1.01 for most in ranges(path.read_bytes(), images)) == 1  # of what the concatenation reads
