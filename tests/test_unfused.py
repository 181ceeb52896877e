"""Models of other kinds are exported as they are, with a word on why; what prevents a file is an error."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import difference, mostly_slow, randomize

import nasnet_keras as nk
from nasnet_keras import ExportError, export, fuse_for_inference
from nasnet_keras.inference.formats import FORMATS

PATHS = {"saved_model": "folder", "litert": "a.tflite", "onnx": "a.onnx", "openvino": "a.xml"}
CLASSES = 3


def classifier(scaled=False):
    """With what cannot be fused: batch normalization of its own, a ReLU with a limit, a normalization over channels."""
    image = keras.Input((16, 16, 3))
    x = keras.layers.Rescaling(1 / 127.5, -1.0)(image) if scaled else image
    x = keras.layers.Conv2D(16, 3, 2, "same", use_bias=False)(x)
    x = keras.layers.ReLU(6.0)(keras.layers.BatchNormalization()(x))
    x = keras.layers.DepthwiseConv2D(3, padding="same", name="spread")(x)
    x = keras.layers.Conv2D(32, 1, activation="relu")(keras.layers.LayerNormalization()(x))
    x = keras.layers.Dropout(0.5)(keras.layers.GlobalAveragePooling2D()(x))
    model = keras.Model(image, keras.layers.Dense(CLASSES, "softmax")(x), name="other")
    randomize(model, np.random.default_rng(0))
    return model


@pytest.fixture
def colors(generator):
    """Images of three colors that the classifier can tell apart."""
    noise = generator.integers(0, 100, (48, 16, 16, 3))
    noise[np.arange(48), ..., np.arange(48) % 3] += 150
    return noise.astype("uint8")


@pytest.mark.parametrize("format_", mostly_slow(PATHS, ("litert", "onnx")))
def test_it_is_written_as_it_is_with_a_word(format_, tmp_path, generator, caplog):
    model, path = classifier(), tmp_path / PATHS[format_]
    report = export(model, path)
    assert report.format == format_ and report.difference < 1e-4 and report.agreement == 1.0
    assert report.unfused.startswith("layer 'spread' of type DepthwiseConv2D cannot be fused")
    assert "written without being fused: layer 'spread'" in str(report)
    (record,) = [one for one in caplog.records if one.name == "absl" and "as it is" in one.getMessage()]
    assert record.levelname == "WARNING" and "'other'" in record.getMessage()
    images = generator.normal(size=(5, 16, 16, 3)).astype("float32")
    assert difference(FORMATS[format_].run(path, images), model(images)) < 1e-4
    with pytest.raises(ValueError, match="'spread' of type DepthwiseConv2D cannot be fused"):
        fuse_for_inference(model)


def test_what_is_fused_says_nothing(tmp_path, caplog):
    image = keras.Input((8, 8, 3))
    plain = keras.Model(image, keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(image)))
    report = export(plain, tmp_path / "folder")
    assert report.unfused is None and "without being fused" not in str(report) and not caplog.records


def test_models_of_other_inputs_and_endings(tmp_path):
    layers = [keras.layers.Dense(8, "relu"), keras.layers.Dense(CLASSES, "softmax")]
    numbers = keras.Sequential([keras.Input((4,)), *layers])
    report = export(numbers, tmp_path / "numbers.onnx")
    assert "of images" in report.unfused and report.difference < 1e-5
    image = keras.Input((None, None, 3))
    maps = keras.layers.Conv2DTranspose(4, 2, 2)(keras.layers.Conv2D(4, 3, 2, "same")(image))
    report = export(keras.Model(image, maps), tmp_path / "maps.tflite")
    assert "Conv2DTranspose" in report.unfused and report.difference < 1e-5
    x = keras.layers.LayerNormalization()(keras.layers.Conv2D(4, 3)(image))
    pooled = keras.layers.GlobalAveragePooling2D()(x)
    heads = {"logits": keras.layers.Dense(2)(pooled), "auxiliary": keras.layers.Dense(2)(pooled)}
    assert export(keras.Model(image, heads), tmp_path / "logits").difference < 1e-5
    pixels = keras.Input((8, 8, 3), dtype="uint8")
    x = keras.layers.Conv2D(4, 3)(keras.layers.Lambda(lambda x: keras.ops.cast(x, "float32"))(pixels))
    counted = keras.Model(pixels, keras.layers.GlobalAveragePooling2D()(x))
    assert export(counted, tmp_path / "counted.tflite").difference < 1e-5


@pytest.mark.parametrize(
    ("format_", "mode"),
    mostly_slow(
        [(name, mode) for name, kind in FORMATS.items() for mode in kind.modes],
        [("litert", "int8"), ("onnx", "weights")],
    ),
)
def test_in_int8_by_the_same_passes(format_, mode, tmp_path, colors):
    model, path = classifier(scaled=True), tmp_path / PATHS[format_]
    before = export(model, path).size
    report = export(model, path, quantization=mode, calibration=colors, min_agreement=0.8)
    assert report.unfused and report.quantization == mode and report.agreement >= 0.8
    assert report.size < 2 * before, "a network as small as this is mostly names"


def test_in_int8_whatever_values_it_reads(tmp_path, colors, generator):
    """What the layers of others do with images is not known."""
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(8, 3)(image * (1 / 255.0))
    model = keras.Model(image, keras.layers.Dense(CLASSES)(keras.layers.GlobalAveragePooling2D()(x)))
    randomize(model, generator)
    types = {"inference_input_type": "uint8"}
    given = {"quantization": "int8", "calibration": colors, "min_agreement": 0.5}
    report = export(model, tmp_path / "a.tflite", **given, **types)
    assert report.unfused and report.input.scale == pytest.approx(1.0) and report.input.zero_point == 0


@pytest.mark.slow
def test_a_mobilenet(tmp_path, generator):
    model = keras.applications.MobileNetV2((64, 64, 3), alpha=0.35, weights=None, classes=10)
    randomize(model, generator)
    for name in ("a.tflite", "a.onnx", "folder"):
        report = export(model, tmp_path / name)
        assert report.difference < 1e-4 and "cannot be fused" in report.unfused
        assert report.size > 4 * model.count_params() * 0.9
    latency = nk.measure_latency(model, accuracy=None)
    assert latency.runtime == "litert" and latency.input_shape == (1, 64, 64, 3)


class Foreign(keras.layers.Layer):
    def call(self, x):
        return tf.py_function(lambda x: x, [x], tf.float32)

    def compute_output_shape(self, input_shape):
        return input_shape


class Whole(keras.Model):
    def call(self, x):
        return x


def test_what_prevents_a_file_is_an_error_and_leaves_nothing(tmp_path):
    image = keras.Input((8, 8, 3))
    other = keras.Input((8, 8, 3))
    two = keras.Model([image, other], keras.layers.Add()([image, other]))
    twice = keras.Model(image, [keras.layers.LayerNormalization()(image), image])
    foreign = keras.Model(image, Foreign()(image))
    for model, message in (
        (Whole(), "expected a functional or sequential Keras model with one input"),
        (keras.Sequential([keras.layers.Dense(2)]), r"knows no input yet: begin it with keras\.Input\(shape\)"),
        (two, "with one input"),
        (twice, "several outputs"),
        (foreign, "cannot be written for litert as it is, without being fused: .*Nothing was written"),
        ("model.keras", "got 'model.keras'"),
    ):
        with pytest.raises(ValueError, match=message):
            export(model, tmp_path / "a.tflite")
    with pytest.raises(ExportError, match="preprocessing=False is for models that can be fused: layer 'spread'"):
        export(classifier(scaled=True), tmp_path / "a.tflite", preprocessing=False)
    with pytest.raises(ExportError, match=r"'int8' needs images .* pass calibration"):
        export(classifier(), tmp_path / "a.tflite", quantization="int8")
    assert not list(tmp_path.iterdir())
