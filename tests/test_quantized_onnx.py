"""Quantized files for ONNX Runtime: small, in int8 as a whole, and as good as is asked; OpenVINO reads them, too."""

from collections import Counter

import keras
import numpy as np
import onnx
import onnxruntime
import openvino
import pytest
from helpers import randomize
from test_quantized import SHAPE, classifier, images

from nasnet_keras import ExportError, NASNetFromGenotype, export
from nasnet_keras.inference.formats import FORMATS
from nasnet_keras.inference.fusing import fused
from nasnet_keras.inference.pooling import ConvolvedAveragePooling2D
from nasnet_keras.inference.targets import ONNX_RUNTIME_INT8, TENSORFLOW
from nasnet_keras.layers.pooling import AveragePooling2D, PaddedPooling2D

__all__ = ["images"]

FLOAT = {"FusedConv", "AveragePool", "Add", "Concat", "MaxPool", "Gemm", "MatMul"}


def operations(path, folder) -> Counter:
    """The operations that ONNX Runtime computes when it runs a file."""
    options = onnxruntime.SessionOptions()
    options.optimized_model_filepath = str(folder / "optimized")
    options.log_severity_level = 3
    onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
    return Counter(node.op_type for node in onnx.load(folder / "optimized").graph.node)


def joined_scales(path) -> list[int]:
    """The number of different scales that each concatenation reads and writes; with one it is a copy."""
    graph = onnx.load(path).graph
    constants = {value.name: onnx.numpy_helper.to_array(value).item() for value in graph.initializer if not value.dims}
    written = {node.output[0]: node for node in graph.node}
    readers = {node.input[0]: node for node in graph.node}
    concats = [node for node in graph.node if node.op_type == "Concat"]
    pairs = [[readers[node.output[0]], *(written[name] for name in node.input)] for node in concats]
    return [len({tuple(constants[name] for name in one.input[1:]) for one in pair}) for pair in pairs]


@pytest.mark.parametrize("mode", ["weights", "int8"])
def test_a_quantized_file_is_small_and_answers_as_before(mode, tmp_path, images):
    model, path = classifier(), tmp_path / "a.onnx"
    labels = model(images).numpy().argmax(-1)
    report = export(model, path, "onnx", quantization=mode, calibration=images, images=images, labels=labels)
    assert (report.quantization, report.images) == (mode, 120)
    assert report.accuracies == (1.0, report.agreement) and report.agreement > 0.9
    assert report.size == path.stat().st_size < 0.35 * 4 * model.count_params()
    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    assert [one.type for one in (*session.get_inputs(), *session.get_outputs())] == ["tensor(float)"] * 2
    probabilities = FORMATS["onnx"].run(path, images[:40])
    assert np.abs(openvino.Core().compile_model(str(path), "CPU")(images[:40])[0] - probabilities).max() < 0.1


def test_weights_are_computed_once_when_a_file_is_loaded(tmp_path, images):
    export(classifier(), tmp_path / "a.onnx", "onnx", quantization="weights", images=images)
    assert not operations(tmp_path / "a.onnx", tmp_path).keys() & {"Cast", "DequantizeLinear", "Mul"}


def test_kernels_that_several_layers_share_are_stored_once(tmp_path, images):
    """The kernels of two layers are equal, and a layer is called twice."""
    image, twice = keras.Input(SHAPE), keras.layers.Conv2D(16, 3, padding="same")
    x = twice(twice(keras.layers.Conv2D(16, 1)(image)))
    first, second = keras.layers.Conv2D(16, 3), keras.layers.Conv2D(16, 3)
    parts = [first(x), second(keras.layers.ReLU()(x))]
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Concatenate()(parts))
    model = keras.Model(image, keras.layers.Dense(3)(x))
    second.set_weights(first.get_weights())
    export(model, tmp_path / "a.onnx", "onnx", quantization="weights", images=images)
    stored = [value for value in onnx.load(tmp_path / "a.onnx").graph.initializer if value.data_type == 3]
    assert sorted((*value.dims,) for value in stored) == [(16, 3, 1, 1), *[(16, 16, 3, 3)] * 2, (32, 3)]
    assert not operations(tmp_path / "a.onnx", tmp_path).keys() & {"Cast", "DequantizeLinear", "Mul"}


def test_equal_pick_kernels_of_a_reduction(tmp_path, generator):
    model = NASNetFromGenotype("amoebanet_d", (17, 16, 3), num_repeats=1, filters=4)
    colors = np.clip(generator.normal(size=(40, 1, 1, 3)) + 0.1 * generator.normal(size=(40, 17, 16, 3)), -3, 3)
    report = export(model, tmp_path / "a.onnx", "onnx", quantization="weights", images=colors, min_agreement=0)
    assert report.difference < 0.1


@pytest.mark.parametrize("padding", ["same", pytest.param("keras", marks=pytest.mark.slow)])
def test_a_network_computes_in_int8_as_a_whole(padding, tmp_path, generator, images):
    model = NASNetFromGenotype("nasnet_a", SHAPE, num_repeats=1, filters=4, classes=3, padding=padding)
    randomize(model, generator)
    export(model, tmp_path / "a.onnx", "onnx", quantization="int8", calibration=images, min_agreement=0.5)
    assert joined_scales(tmp_path / "a.onnx") == [1] * 7  # five cells and two factorized reductions
    found = operations(tmp_path / "a.onnx", tmp_path)
    assert not found.keys() & {*FLOAT, "QLinearAveragePool"} and found["Conv"] == 1  # which reads the image
    assert found["QLinearConv"] > 60 and found["QLinearConcat"] >= 3


def test_pixels_are_not_rounded(tmp_path, images):
    path = tmp_path / "a.onnx"
    pixels = (images + 1) * 127.5
    export(classifier(scaled=True), path, "onnx", quantization="int8", calibration=pixels)
    graph = onnx.load(path).graph
    name, kinds = graph.input[0].name, []
    while "Conv" not in kinds:
        (node,) = (one for one in graph.node if name in one.input)
        name, kinds = node.output[0], [*kinds, node.op_type]
    assert {"Mul", "Conv"} <= {*kinds} <= {"Mul", "Add", "Sub", "Transpose", "Conv"}


def test_factors_of_averages_lose_nothing(tmp_path):
    """One that is wrong by 0.3% would be by 9% after thirty pools."""
    keras.utils.set_random_seed(0)
    x = image = keras.Input(SHAPE)
    for _ in range(30):
        x = AveragePooling2D(3, 1, "same")(x)
    model = keras.Model(image, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(x)))
    images = np.random.default_rng(0).uniform(0.5, 1, (64, 1, 1, 3)) * np.ones((1, *SHAPE))
    images += np.random.default_rng(1).uniform(0, 1e-3, images.shape)
    path = tmp_path / "a.onnx"
    export(model, path, "onnx", quantization="int8", calibration=images, min_agreement=0)
    images = images.astype("float32")
    got, expected = FORMATS["onnx"].run(path, images), model(images).numpy()
    assert abs((got * expected).sum() / (expected**2).sum() - 1) < 0.02


def test_what_answers_otherwise_is_not_written(tmp_path, images):
    """One channel of large values takes all of the scale, and the others, on which the answer depends, are lost."""
    model, path = classifier(), tmp_path / "a.onnx"
    path.write_bytes(b"old")
    kernel, bias = model.get_layer("first").get_weights()
    model.get_layer("first").set_weights([kernel, np.where(np.arange(64) == 0, 3e4, bias)])
    second = next(layer for layer in model.layers if layer.name.startswith("conv2d"))
    for layer in (second, model.get_layer("last")):
        kernel, bias = layer.get_weights()
        kernel[:, :, [0]] = 0
        layer.set_weights([kernel, bias])
    with pytest.raises(ExportError, match=r"answers .*% of 100 images as before: expected at least 99.0%") as found:
        export(model, path, "onnx", quantization="int8", calibration=images, min_agreement=0.99)
    named = str(found.value).partition("Most is lost in ")[2].partition(". ")[0].split(", ")
    assert len(named) == 3 and {*named} <= {layer.name for layer in model.layers}
    assert path.read_bytes() == b"old" and [file.name for file in tmp_path.iterdir()] == ["a.onnx"]


def test_modes_that_only_other_runtimes_have(tmp_path, images):
    for mode in ("dynamic", "int4"):
        with pytest.raises(
            ExportError, match=f"quantization for format 'onnx' must be one of weights, int8, got '{mode}'"
        ):
            export(classifier(), tmp_path / "a.onnx", "onnx", quantization=mode, calibration=images)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("size", [(8, 9), (7, 2), (1, 5), (None, None)])
@pytest.mark.parametrize(
    ("layer", "is_own"),
    [
        (lambda: AveragePooling2D(3, 1, "same"), True),
        (lambda: AveragePooling2D(3, 2, "same"), True),
        (lambda: keras.layers.AveragePooling2D((2, 5), (3, 1), "same"), True),
        (lambda: keras.layers.AveragePooling2D(1, 2, "valid"), True),
        (lambda: PaddedPooling2D("avg", 3), False),
        (lambda: PaddedPooling2D("avg", 2), False),
        (lambda: PaddedPooling2D("max", 3), False),
    ],
)
def test_averages_as_convolutions(layer, is_own, size, generator):
    image = keras.Input((*size, 3))
    model = keras.Model(image, layer()(image))
    given = generator.normal(size=(2, *(one or 6 for one in size), 3)).astype("float32")
    expected = model(given)
    convolved = fused(model, ONNX_RUNTIME_INT8)
    assert convolved.output_shape == model.output_shape
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(convolved))
    again.set_weights(convolved.get_weights())
    for other in (convolved, again, fused(convolved, TENSORFLOW)):
        assert other.output_shape == model.output_shape
        assert np.abs(other(given) - expected).max() < 1e-6
    assert (ConvolvedAveragePooling2D in map(type, convolved.layers)) == is_own


def test_relus_of_concatenations_become_those_of_their_parts(generator):
    layers, image = keras.layers, keras.Input((6, 6, 3))
    parts = [layers.ReLU()(image), layers.MaxPooling2D(3, 1, "same")(image), layers.Conv2D(4, 1)(image)]
    first, second = layers.Concatenate()(parts), layers.Concatenate()(parts[:2])
    positive = [layers.ReLU()(first), layers.ReLU()(first), layers.ReLU()(second), second]
    model = keras.Model(image, layers.Conv2D(2, 1)(layers.Concatenate()(positive)))
    given = generator.normal(size=(2, 6, 6, 3)).astype("float32")
    moved = fused(model, ONNX_RUNTIME_INT8)
    assert np.abs(moved(given) - model(given)).max() < 1e-5
    relus = [layer.input._keras_history.operation for layer in moved.layers if isinstance(layer, layers.ReLU)]
    assert sorted(type(one).__name__ for one in relus) == ["Concatenate", "InputLayer", "MaxPooling2D"]
