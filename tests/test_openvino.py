"""Files for OpenVINO: two of them that belong together, equal to their source; and in int8."""

import os
import re
import subprocess
import sys

import keras
import numpy as np
import openvino
import pytest
from helpers import SMALL_GENOTYPE, difference, randomize

from nasnet_keras import ExportError, NASNetFromGenotype, export
from nasnet_keras.inference.formats import FORMATS
from nasnet_keras.utils import files

FORMAT = FORMATS["openvino"]


def names(folder) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def classifier(**options):
    model = NASNetFromGenotype(SMALL_GENOTYPE, (16, 16, 3), num_repeats=1, filters=6, classes=5, **options)
    randomize(model, np.random.default_rng(0))
    return model


@pytest.fixture(scope="module")
def plain():
    """Quickly exported, and too large for a disk of 20,000 bytes."""
    image = keras.Input((None, None, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(64, 7, padding="same")(image))
    return keras.Model(image, keras.layers.Dense(3)(pooled))


@pytest.fixture(scope="module")
def images():
    """Of different colors, which a network of any weights tells apart."""
    generator = np.random.default_rng(0)
    noise, colors = generator.normal(size=(64, 16, 16, 3)), generator.normal(size=(64, 1, 1, 3))
    return np.clip(0.2 * noise + 0.6 * colors, -1, 1).astype("float32")


def test_openvino_runs_what_is_written(tmp_path, images):
    model, path = classifier(), tmp_path / "a.b.xml"
    report = export(model, path, "openvino", images=images)
    assert names(tmp_path) == ["a.b.bin", "a.b.xml"]
    assert report.size == sum(file.stat().st_size for file in tmp_path.iterdir()) > 4 * model.count_params()
    assert report.agreement == 1.0 and report.difference < 1e-5
    graph = openvino.Core().read_model(path)  # as its users do; the weights are found beside it
    types = {node.get_element_type().to_string() for node in graph.get_ops() if node.get_type_name() == "Constant"}
    assert "f32" in types and "f16" not in types
    layers = {node.get_friendly_name().split("/")[1] for node in graph.get_ops() if "/" in node.get_friendly_name()}
    assert layers & {"logits_1", "logits"}  # until Keras 3.15, and since 3.16
    compiled = openvino.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    assert difference(compiled(images[:3])[0], model(images[:3])) < 1e-5


def test_images_of_any_size(plain, tmp_path, generator):
    report = export(plain, tmp_path / "a.xml", "openvino")
    assert report.agreement == 1.0
    other = generator.normal(size=(2, 20, 9, 3)).astype("float32")
    assert difference(FORMAT.run(tmp_path / "a.xml", other), plain(other)) < 1e-5
    assert difference(FORMAT.logits(tmp_path / "a.xml", other), plain(other)) < 1e-5


def test_a_full_disk_leaves_both_files_as_they_were(plain, tmp_path, small_files):
    for name in ("a.xml", "a.bin"):
        (tmp_path / name).write_text(f"old {name}")
    small_files(20_000)
    with pytest.raises(OSError, match=r"a\.xml"):
        export(plain, tmp_path / "a.xml", "openvino")
    assert names(tmp_path) == ["a.bin", "a.xml"]
    assert all((tmp_path / name).read_text() == f"old {name}" for name in names(tmp_path))


def test_weights_of_another_network_are_never_read(plain, tmp_path, monkeypatch):
    """Both files change, or none; and a reader who comes in between finds no network."""
    path, other = tmp_path / "a.xml", tmp_path / "a.bin"
    export(plain, path, "openvino")
    before = path.read_bytes(), other.read_bytes()
    changed = keras.models.clone_model(plain)
    changed.set_weights([weight + 1 for weight in plain.get_weights()])
    rename, seen = files.Path.rename, []

    def watched(source, target):
        seen.append(names(tmp_path))
        if stop and source.name == "a.xml" and target == path:
            raise OSError(5, "no", str(target))
        return rename(source, target)

    monkeypatch.setattr(files.Path, "rename", watched)
    stop = True
    with pytest.raises(OSError, match="no"):
        export(changed, path, "openvino")
    assert (path.read_bytes(), other.read_bytes()) == before and names(tmp_path) == ["a.bin", "a.xml"]
    stop = False
    export(changed, path, "openvino")
    assert path.read_bytes() and other.read_bytes() != before[1]
    assert sum("a.xml" in there for there in seen) == 2  # only before the first of the four steps, in each export


def test_bad_requests(plain, tmp_path, monkeypatch):
    (tmp_path / "mine.bin").write_text("mine")
    (tmp_path / "folder.bin").mkdir()
    for name, message in (
        ("a.onnx", "has the ending of format 'onnx', and format is 'openvino'"),
        ("folder.xml", r"folder\.bin' is there and is no file"),
        ("mine.xml", r"mine\.bin' is there without 'mine\.xml', and would be replaced"),
    ):
        with pytest.raises(ExportError, match=message):
            export(plain, tmp_path / name, "openvino")
    with pytest.raises(ExportError, match="must be one of weights, int8, got 'dynamic'"):
        export(plain, tmp_path / "a.xml", "openvino", quantization="dynamic", calibration=np.zeros((40, 8, 8, 3)))
    (tmp_path / "folder.xml").write_text("old")
    with pytest.raises(ExportError, match=r"folder\.bin' is there and is no file"):
        export(plain, tmp_path / "folder.xml", "openvino")
    assert names(tmp_path) == ["folder.bin", "folder.xml", "mine.bin"]


@pytest.mark.parametrize("mode", ["weights", "int8"])
def test_a_quantized_file_is_small_and_answers_as_before(mode, tmp_path, images):
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(64, 3, activation="relu")(image)
    x = keras.layers.Conv2D(96, 3, activation="relu")(x)
    model = keras.Model(image, keras.layers.Dense(3, "softmax")(keras.layers.GlobalAveragePooling2D()(x)))
    labels, path = model(images).numpy().argmax(-1), tmp_path / "a.xml"
    report = export(model, path, "openvino", quantization=mode, calibration=images, images=images, labels=labels)
    assert report.quantization == mode and report.accuracies == (1.0, report.agreement) and report.agreement > 0.9
    assert (tmp_path / "a.bin").stat().st_size < 0.35 * 4 * model.count_params()
    found = [node.get_type_name() for node in openvino.Core().read_model(path).get_ops()]
    assert ("FakeQuantize" in found) == (mode == "int8")


def test_what_answers_otherwise_is_not_written(tmp_path, images):
    """One channel of large values takes all of the scale, and the others, on which the answer depends, are lost."""
    image = keras.Input((16, 16, 3))
    x = keras.layers.Conv2D(32, 3, activation="relu", name="first")(image)
    x = keras.layers.Conv2D(32, 3, activation="relu", name="last")(x)
    model = keras.Model(image, keras.layers.Dense(3, "softmax")(keras.layers.GlobalAveragePooling2D()(x)))
    kernel, bias = model.get_layer("first").get_weights()
    model.get_layer("first").set_weights([kernel, np.where(np.arange(32) == 0, 3e4, bias)])
    kernel, bias = model.get_layer("last").get_weights()
    kernel[:, :, 0] = 0
    model.get_layer("last").set_weights([kernel, bias])
    with pytest.raises(ExportError, match=r"answers .*% of 64 images as before: .*Most is lost in dense") as raised:
        export(model, tmp_path / "a.xml", "openvino", quantization="int8", calibration=images, min_agreement=0.99)
    assert re.search(r"last\w*, first", str(raised.value)) and not names(tmp_path)


@pytest.mark.slow
def test_nothing_is_reported_to_the_makers_of_nncf(tmp_path):
    """Without a word they would be told of each call, by a library that leaves files in the user's folder."""
    code = """
import os
os.environ["CI"] = "false"
from nasnet_keras.inference.openvino_int8 import _nncf
assert _nncf().quantize and os.environ["CI"] == "false" and "NNCF_CI" not in os.environ
from nncf.telemetry import wrapper
assert type(wrapper.telemetry) is not wrapper.NNCFTelemetry
"""
    environment = {**os.environ, "HOME": str(tmp_path), "KERAS_HOME": str(tmp_path / "keras")}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "intel").exists()
