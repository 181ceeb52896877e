"""Quantized files for LiteRT: small, run as a whole, and as good as is asked; with calibration images of every kind."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from PIL import Image
from test_litert import operations

from nasnet_keras import ExportError, export
from nasnet_keras.inference.calibration import MOST_IMAGES, calibration_images

SHAPE = (12, 12, 3)


def classifier(scaled=False):
    keras.utils.set_random_seed(0)
    layers, image = keras.layers, keras.Input(SHAPE)
    x = layers.Rescaling(1 / 127.5, -1.0)(image) if scaled else image
    x = layers.Conv2D(64, 3, padding="same", activation="relu", name="first")(x)
    x = layers.Concatenate()([layers.AveragePooling2D(3, 1, "same")(x), layers.Conv2D(64, 3, padding="same")(x)])
    x = layers.Conv2D(32, 3, activation="relu", name="last")(layers.ReLU()(x))
    return keras.Model(image, layers.Dense(3, "softmax")(layers.GlobalAveragePooling2D()(x)))


@pytest.fixture(scope="module")
def images():
    """Of different colors, which a network of any weights tells apart."""
    generator = np.random.default_rng(0)
    noise, colors = generator.normal(size=(120, *SHAPE)), generator.normal(size=(120, 1, 1, 3))
    return np.clip(0.2 * noise + 0.6 * colors, -1, 1).astype("float32")


@pytest.mark.parametrize("mode", ["weights", "dynamic", "int8"])
def test_a_quantized_file_is_small_and_answers_as_before(mode, tmp_path, images):
    model, path = classifier(), tmp_path / "a.tflite"
    labels = model(images).numpy().argmax(-1)
    report = export(model, path, "litert", quantization=mode, calibration=images, images=images, labels=labels)
    assert (report.quantization, report.images) == (mode, 120)
    assert report.accuracies == (1.0, report.agreement) and report.agreement > 0.9
    assert f"quantized as {mode!r}" in str(report) and "accuracy 100.00% before" in str(report)
    assert report.size == path.stat().st_size < 0.35 * 4 * model.count_params()
    assert operations(path)["DELEGATE"] == 1  # XNNPACK runs it as a whole
    interpreter = Interpreter(str(path))
    assert interpreter.get_input_details()[0]["dtype"] == interpreter.get_output_details()[0]["dtype"] == np.float32


def test_what_answers_otherwise_is_not_written(tmp_path, images):
    """One channel of large values takes all of the scale, and the others, on which the answer depends, are lost."""
    model, path = classifier(), tmp_path / "a.tflite"
    path.write_bytes(b"old")
    kernel, bias = model.get_layer("first").get_weights()
    model.get_layer("first").set_weights([kernel, np.where(np.arange(64) == 0, 3e3, bias)])
    for name in ("conv2d", "last"):
        layer = next(layer for layer in model.layers if layer.name.startswith(name))
        kernel, bias = layer.get_weights()
        kernel[:, :, [0]] = 0
        layer.set_weights([kernel, bias])
    with pytest.raises(
        ExportError, match=r"answers .*% of 100 images as before: expected at least 97.0%. Most is lost in "
    ):
        export(model, path, "litert", quantization="int8", calibration=images, min_agreement=0.97)
    assert path.read_bytes() == b"old" and [file.name for file in tmp_path.iterdir()] == ["a.tflite"]


def test_calibration_images_of_every_kind(tmp_path, images):
    model = classifier(scaled=True)
    pixels = ((images + 1) * 127.5).astype("uint8")
    for number, one in enumerate(pixels):
        (tmp_path / str(number % 3)).mkdir(exist_ok=True)
        Image.fromarray(one).save(tmp_path / str(number % 3) / f"{number}.png")
    pairs = tf.data.Dataset.from_tensor_slices((pixels, np.zeros(120)))
    named = tf.data.Dataset.from_tensor_slices({"id": np.zeros(120), "image": pixels})
    for data in (pixels, pairs, pairs.batch(16), named, named.batch(7), str(tmp_path), tmp_path):
        found = calibration_images(data, model)
        assert found.shape == (MOST_IMAGES, *SHAPE) and found.dtype == np.float32
        assert {one.tobytes() for one in found} <= {one.tobytes() for one in pixels.astype("float32")}
    every = calibration_images(np.arange(40)[:, None, None, None] + pixels[:1] % 64, model)
    assert len(every) == 40


def test_bad_calibration_images(tmp_path, images):
    plain, scaled = classifier(), classifier(scaled=True)
    pixels = (images + 1) * 127.5
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("none")
    broken = images.copy()
    broken[0, 2, 1, 0] = np.nan
    for model, data, message in (
        (plain, images[:20], "at least 32 different images that are not of one color, got 20 among 20"),
        (plain, np.repeat(images[:8], 20, axis=0), "got 8 among 100"),
        (plain, np.zeros((50, *SHAPE)), "got 0 among 50"),
        (plain, images[:0], "got 0 among 0"),
        (plain, broken, "not finite"),
        (plain, pixels, "the model reads scaled values, got calibration images from 0 to 255"),
        (scaled, images, "the model reads values from 0 to 255, got calibration images from -1 to 1"),
        (scaled, (images + 1) / 2, "the model reads values from 0 to 255, got calibration images from 0 to 1"),
        (scaled, pixels * 100, "the model reads values from 0 to 255"),
        (
            plain,
            images[:, :8],
            r"of \(count, 12, 12, 3\), got float32 of \(120, 8, 12, 3\)",
        ),
        (plain, 5, "expected calibration images"),
        (plain, ["a"], "expected calibration images"),
        (plain, tf.data.Dataset.range(50), "expected calibration images"),
        (plain, tmp_path / "nowhere", "there is no folder of calibration images"),
        (plain, tmp_path / "notes.txt", "there is no folder of calibration images"),
        (plain, tmp_path / "empty", "has no calibration images"),
        (keras.Sequential([keras.Input((None, None, 3)), keras.layers.ReLU()]), images, "known image size"),
    ):
        with pytest.raises(ExportError, match=message):
            calibration_images(data, model)


def test_bad_requests(tmp_path, images):
    model, path = classifier(), tmp_path / "a.tflite"
    given = {"quantization": "int8", "calibration": images}
    for other, message in (
        (
            {"quantization": "int4"},
            "must be one of weights, dynamic, int8, got 'int4'",
        ),
        ({"calibration": None}, "'int8' needs images that are like those to come: pass calibration"),
        ({"quantization": "weights", "calibration": None}, "needs images to compare answers on"),
        ({"quantization": None}, "calibration and labels are for a quantized model"),
        ({"min_agreement": 2}, "min_agreement must be a share from 0 to 1, got 2"),
        ({"min_agreement": "all"}, "min_agreement must be a share"),
        ({"labels": [1, 2], "images": images}, f"a whole number for each of {len(images)} images as labels"),
        ({"labels": np.zeros(len(images)), "images": images}, "images as labels, got float64"),
        ({"labels": np.zeros(len(images), int)}, "labels are those of the images that answers are compared on"),
    ):
        with pytest.raises(ExportError, match=message):
            export(model, path, "litert", **{**given, **other})
    with pytest.raises(ExportError, match="quantization for format 'saved_model' must be none, got 'int8'"):
        export(model, tmp_path / "folder", "saved_model", **given)
    with pytest.raises(ExportError, match="only classifiers are quantized"):
        maps = keras.Model(model.inputs, model.get_layer("last").output)
        export(maps, path, "litert", **given)
    assert not list(tmp_path.iterdir())
