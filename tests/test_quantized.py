"""Quantized files for LiteRT: small, run as a whole, and as good as is asked; with calibration images of every kind."""

import itertools
from dataclasses import replace

import flatbuffers
import keras
import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from helpers import mostly_fuzz
from PIL import Image
from test_litert import operations

from nasnet_keras import ExportError, export
from nasnet_keras.inference.calibration import MOST_IMAGES, calibration_images
from nasnet_keras.inference.comparing import compare_answers
from nasnet_keras.inference.formats import FORMATS
from nasnet_keras.inference.litert_file import packed, read
from nasnet_keras.inference.quantization import quantization_of
from nasnet_keras.inference.tensor_type import TensorType

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


def called(path, image):
    """What a file answers to an image of its own type, and in which integers: `(values, scale, zero point)`."""
    interpreter = Interpreter(str(path))
    (read,), (written,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert read["dtype"] == image.dtype
    interpreter.allocate_tensors()
    interpreter.set_tensor(read["index"], image)
    interpreter.invoke()
    return interpreter.get_tensor(written["index"]), *written["quantization"]


@pytest.mark.parametrize(
    ("mode", "reads", "writes"),
    mostly_fuzz(
        itertools.product(["weights", "int8"], ["uint8", "int8"], ["float32", "uint8", "int8"]),
        [("weights", "int8", "float32"), ("weights", "uint8", "int8"), ("int8", "uint8", "uint8")],
    ),
)
def test_pixels_are_read_as_they_come(mode, reads, writes, tmp_path, images):
    model, pixels = classifier(scaled=True), np.round((images + 1) * 127.5)
    given = {"quantization": mode, "calibration": pixels, "min_agreement": 0.5}  # of whose integers some are equal
    export(model, tmp_path / "floats.tflite", "litert", **given)
    types = {"inference_input_type": reads, "inference_output_type": writes}
    report = export(model, tmp_path / "a.tflite", "litert", **given, **types)
    least = {"uint8": 0, "int8": -128}
    assert report.input == TensorType(reads, 1.0, least[reads])
    assert report.output == (TensorType() if writes == "float32" else TensorType(writes, 1 / 256, least[writes]))
    assert f"reads {reads} (scale 1, zero point {least[reads]}), writes {report.output};" in str(report)
    assert operations(tmp_path / "a.tflite")["DELEGATE"] == 1
    assert [entry.name for entry in tmp_path.iterdir() if "float" not in entry.name] == ["a.tflite"]
    for image in pixels[:5, None]:
        expected, *_ = called(tmp_path / "floats.tflite", image.astype("float32"))
        values, scale, zero_point = called(tmp_path / "a.tflite", (image + least[reads]).astype(reads))
        if writes == "float32":
            assert np.array_equal(values, expected)
        else:
            assert (values.dtype, scale, zero_point) == (writes, report.output.scale, report.output.zero_point)
            assert np.abs((values.astype(float) - zero_point) * scale - expected).max() <= 1 / 256


@pytest.mark.parametrize("quantization", [None, "int8"])
def test_preprocessing_is_left_to_the_client(quantization, tmp_path, images):
    given = {} if quantization is None else {"quantization": quantization, "calibration": images}
    answers = []
    for scaled in (False, True):
        path = tmp_path / f"{scaled}.tflite"
        export(classifier(scaled), path, "litert", images=images, preprocessing=False, **given)
        answers += [called(path, image)[0] for image in images[:1, None]]
    assert np.array_equal(*answers)


def test_preprocessing_behind_a_resize_is_left_out_too(tmp_path, images):
    layers = keras.layers
    head = [layers.Conv2D(4, 3, name="a"), layers.GlobalAveragePooling2D(), layers.Dense(3, name="b")]
    first = [layers.Resizing(16, 16), layers.Rescaling(1 / 127.5, -1.0), layers.Normalization(mean=0.3, variance=4.0)]
    model = keras.Sequential([keras.Input(images.shape[1:]), *first, *head])
    plain = keras.Sequential([keras.Input((16, 16, 3)), *head])
    export(model, tmp_path / "a.tflite", "litert", preprocessing=False, images=images)
    small = layers.Resizing(16, 16)(images[:1])
    np.testing.assert_allclose(called(tmp_path / "a.tflite", images[:1])[0], plain(small), rtol=1e-4, atol=1e-5)
    with pytest.raises(ExportError, match="preprocessing must be one of True, False, got 'no'"):
        export(model, tmp_path / "b.tflite", "litert", preprocessing="no")


def test_a_model_that_reads_integers_by_itself(tmp_path):
    layers = [keras.layers.Rescaling(1 / 127.5, -1.0), keras.layers.Conv2D(8, 3), keras.layers.GlobalAveragePooling2D()]
    model = keras.Sequential([keras.Input((8, 8, 3), dtype="uint8"), *layers, keras.layers.Dense(3)])
    pixels = np.random.default_rng(0).integers(0, 256, (40, 8, 8, 3), dtype=np.uint8)
    for given in ({}, {"quantization": "int8", "calibration": pixels, "min_agreement": 0}):
        report = export(model, tmp_path / "a.tflite", "litert", images=pixels, **given)
        (image,) = Interpreter(str(tmp_path / "a.tflite")).get_input_details()
        assert image["dtype"] == np.uint8 and str(report.input) == "uint8" and str(report.output) == "float32"
    with pytest.raises(ExportError, match="the model reads uint8 by itself"):
        export(model, tmp_path / "b.tflite", "litert", inference_input_type="int8", **given)


def test_scaled_values_and_logits_in_integers(tmp_path, images):
    model, path = classifier(), tmp_path / "a.tflite"
    logits = keras.Model(model.input, keras.layers.Dense(3)(model.layers[-2].output))
    types = {"inference_input_type": "int8", "inference_output_type": "int8"}
    report = export(logits, path, "litert", quantization="int8", calibration=images, **types)
    low, high = images.min(), images.max()
    assert report.input.scale == pytest.approx((high - low) / 255, rel=0.05)
    expected = logits(images[:1]).numpy()
    integers = np.round(images[:1] / report.input.scale) + report.input.zero_point
    values, scale, zero_point = called(path, np.clip(integers, -128, 127).astype("int8"))
    assert (scale, zero_point) == (pytest.approx(report.output.scale), report.output.zero_point)
    assert np.abs((values.astype(float) - zero_point) * scale - expected).max() < 0.1 * np.ptp(expected)


@pytest.mark.parametrize("mode", ["weights", "dynamic", "int8"])
def test_every_reader_finds_the_constants(mode, tmp_path, images):
    """Those of the convolution that reads the image are as they were: rounding its map would lose pixels' values."""
    model, path = classifier(scaled=True), tmp_path / "a.tflite"
    pixels = (images + 1) * 127.5
    export(model, path, "litert", quantization=mode, calibration=pixels)
    assert packed(read(path.read_bytes())) == path.read_bytes()
    file = schema.Model.GetRootAs(path.read_bytes(), 0)
    assert not any(file.Buffers(number).Offset() for number in range(file.BuffersLength()))
    graph = read(path.read_bytes()).subgraphs[0]
    kinds = [graph.tensors[operator.inputs[1]].type for operator in graph.operators if len(operator.inputs) == 3]
    if mode == "int8":
        assert kinds[0] == schema.TensorType.FLOAT32 and kinds[1] == schema.TensorType.INT8
    openvino = pytest.importorskip("openvino")
    compiled = openvino.Core().compile_model(str(path), "CPU")
    for image in pixels[:3, None]:
        expected, *_ = called(path, image.astype("float32"))
        assert np.abs(compiled(image.astype("float32"))[0] - expected).max() < 0.02


def test_equal_zero_points_are_written_once(tmp_path, images):
    path = tmp_path / "a.tflite"
    export(classifier(), path, "litert", quantization="weights", calibration=images)
    data, builder = path.read_bytes(), flatbuffers.Builder()
    model = read(data)
    found = [tensor.quantization for tensor in model.subgraphs[0].tensors]
    channels = [len(one.zeroPoint) for one in found if one is not None and one.scale is not None]
    builder.Finish(model.Pack(builder), b"TFL3")
    assert sorted(channels) == [3, 32, 64, 64]
    assert len(builder.Output()) - len(data) > 8 * 64 - 200  # for which constants are aligned


def small_probabilities(outputs, activation, bias=0.0):
    """A classifier whose answers are as clear in float32 as they are lost in 256ths."""
    keras.utils.set_random_seed(0)
    image = keras.Input(SHAPE)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(16, 3, activation="relu")(image))
    model = keras.Model(image, keras.layers.Dense(outputs, activation)(x))
    kernel = 0.01 * np.random.default_rng(0).normal(size=(16, outputs))
    model.layers[-1].set_weights([kernel, np.full(outputs, bias)])
    return model


@pytest.mark.parametrize("writes", mostly_fuzz(["uint8", "int8"], ["uint8"]))
def test_agreement_is_that_of_the_integers_that_are_written(writes, tmp_path, images):
    path, logits = tmp_path / "a.tflite", tmp_path / "logits.tflite"
    model, other = small_probabilities(600, "softmax"), small_probabilities(1, "sigmoid")
    given = {"quantization": "weights", "images": images}
    assert export(model, path, "litert", **given).agreement > 0.95
    path.unlink()
    for one in (model, other):
        with pytest.raises(ExportError, match=f"expected at least 90.0%. Its logits do, and are lost in .* {writes}"):
            export(one, path, "litert", **given, inference_output_type=writes)
    assert not list(tmp_path.iterdir())
    given |= {"labels": model(images).numpy().argmax(-1), "min_agreement": np.float32(0)}
    report = export(model, path, "litert", **given, inference_output_type=writes)
    written = np.concatenate([called(path, image)[0] for image in images[:, None]])
    assert len(np.unique(written)) == 1 and (report.agreement, report.accuracies) == (0.0, (1.0, 0.0))
    plain = small_probabilities(600, None)
    report = export(plain, logits, "litert", **given, inference_output_type=writes)
    written = np.concatenate([called(logits, image)[0] for image in images[:, None]])
    right = (written.argmax(-1) == given["labels"]) & ((written == written.max(-1, keepdims=True)).sum(-1) == 1)
    assert report.agreement == report.accuracies[1] == right.mean() > 0.2


def test_one_output_in_integers_stands_for_two_classes(tmp_path, images):
    model = small_probabilities(1, "sigmoid")
    kernel, _ = model.layers[-1].get_weights()
    model.layers[-1].set_weights([300 * kernel, np.zeros(1)])
    middle = np.median(model(images))
    model.layers[-1].set_weights([300 * kernel, np.reshape(-np.log(middle / (1 - middle)), 1)])
    expected = model(images).numpy()[:, 0] > 0.5
    given = {"quantization": "weights", "images": images, "labels": expected.astype(int)}
    report = export(model, tmp_path / "a.tflite", "litert", **given, inference_output_type="uint8")
    written = np.concatenate([called(tmp_path / "a.tflite", image)[0] for image in images[:, None]])[:, 0]
    assert 0.1 < expected.mean() < 0.9
    assert report.agreement == ((written > 128) == expected)[written != 128].sum() / len(images)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize(
    ("format_", "types"), [("litert", {"inference_output_type": "uint8"}), ("litert", {}), ("onnx", {})]
)
@pytest.mark.parametrize("activation", ["softmax", None])
def test_values_that_are_not_finite_are_refused(format_, types, activation, tmp_path, images):
    model = small_probabilities(5, activation)
    kernel, bias = model.layers[-1].get_weights()
    model.layers[-1].set_weights([kernel / np.abs(kernel).max() * np.float32(3e38), bias])
    first, offset = model.layers[1].get_weights()
    model.layers[1].set_weights([100 * first, offset])
    given = {"quantization": "weights", "images": images, "min_agreement": 0, **types}
    with pytest.raises(ExportError, match="quantized as 'weights', the model computes values that are not finite"):
        export(model, tmp_path / f"a{FORMATS[format_].suffix}", format_, **given)
    assert not list(tmp_path.iterdir())


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


def test_with_labels_only_right_answers_must_stay():
    expected = np.eye(4)[[0, 1, 2, 3]]
    got = np.eye(4)[[0, 1, 3, 2]]  # the last two differ, and only one of them was right
    _, agreement, kept, accuracies = compare_answers(got, expected, np.array([0, 1, 2, 2]))
    assert (agreement, kept, accuracies) == (0.5, 2 / 3, (0.75, 0.75))
    assert compare_answers(got, expected, None)[1:] == (0.5, 0.5, None)
    assert compare_answers(got, expected, np.array([1, 0, 0, 0]))[2] == 0.5, "no answer was right"


def test_a_network_without_anything_to_compute_in_int8(tmp_path, images):
    image = keras.Input(images.shape[1:])
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(image)))
    with pytest.raises(ExportError, match="no full convolution to compute in int8 .*: pass quantization='weights'"):
        export(model, tmp_path / "a.tflite", "litert", quantization="int8", calibration=images)
    assert not [*tmp_path.iterdir()]
    assert export(model, tmp_path / "a.tflite", "litert", quantization="weights", images=images).agreement > 0.9


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
    found = calibration_images(images > 0, classifier())
    assert found.dtype == np.float32 and {*np.unique(found)} == {0, 1}
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
        (plain, (one for one in images), "as an array, a tf.data.Dataset or the path of a folder, got generator"),
        (plain, [np.zeros(SHAPE), np.zeros((3, 3, 3))], "expected calibration images of one shape, got a list"),
        (scaled, images > 0, "the model reads values from 0 to 255, got calibration images from 0 to 1"),
        (plain, images.astype(float) * 1e300, "not finite"),
        (plain, 5, "expected calibration images"),
        (plain, ["a"], "expected calibration images"),
        (plain, tf.data.Dataset.range(50), "expected calibration images"),
        (plain, tmp_path / "nowhere", "there is no folder of calibration images"),
        (plain, tmp_path / "notes.txt", "there is no folder of calibration images"),
        (plain, tmp_path / "empty", "no calibration images: no images in"),
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
        ({"min_agreement": True}, "min_agreement must be a share"),
        ({"min_agreement": np.float32(1.5)}, "min_agreement must be a share"),
        ({"quantization": None, "calibration": None, "min_agreement": 0.5}, "min_agreement is for a quantized model"),
        ({"labels": [0, 77] * 60, "images": images}, "expected labels from 0 to 2, got some from 0 to 77"),
        ({"labels": [0, -1] * 60, "images": images}, "expected labels from 0 to 2, got some from -1 to 0"),
        ({"labels": [[1], [2, 3]], "images": images}, "expected labels of one shape, got a list of several"),
        ({"images": np.where(images > 0.9, np.nan, images)}, "images to check with have values that are not finite"),
        ({"images": 100 * images}, "the model reads scaled values, got images to check with from -100 to 100"),
        ({"images": [images[0], images[0, :3]]}, "expected images to check with of one shape, got a list of several"),
        ({"inference_input_type": "int16"}, "inference_input_type .* must be float32 or uint8 or int8, got 'int16'"),
        ({"inference_output_type": None}, "inference_output_type .* must be float32 or uint8 or int8, got None"),
        (
            {"quantization": None, "calibration": None, "inference_input_type": "uint8"},
            "inference_input_type and inference_output_type are for a quantized model",
        ),
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
    without = replace(FORMATS["litert"], retype=None)
    with pytest.raises(ExportError, match="inference_input_type for format 'litert' must be float32, got 'uint8'"):
        quantization_of(without, "weights", model, None, images, None, 0.9, ("uint8", "float32"))
    assert not list(tmp_path.iterdir())


def test_a_unit_that_no_image_brings_to_life(tmp_path, images):
    """The reduced map of a squeeze-and-excitation may be zero for all images; the file runs all the same."""
    image = keras.Input(images.shape[1:])
    x = keras.layers.Conv2D(8, 3, activation="relu")(image)
    dead = keras.layers.Conv2D(4, 1, activation="relu", bias_initializer=keras.initializers.Constant(-100.0))(x)
    x = keras.layers.Add()([keras.layers.Conv2D(8, 1)(dead), keras.layers.Conv2D(8, 1)(x)])
    model = keras.Model(image, keras.layers.Dense(3)(keras.layers.GlobalAveragePooling2D()(x)))
    path = export(model, tmp_path / "a.tflite", "litert", quantization="int8", calibration=images).path
    assert "CONV_2D" in operations(path) and np.isfinite(FORMATS["litert"].run(path, images.astype("float32"))).all()
