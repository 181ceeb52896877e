"""The files beside an exported classifier: its labels, and what it reads and answers, for the program that runs it."""

import json
import re
import shutil
import subprocess

import keras
import numpy as np
import pytest
from colours import COLOURS, card_of
from PIL import Image
from test_house import ROOT

import nasnet_keras as nk
from nasnet_keras import ExportError, export, pretrained
from nasnet_keras.inference.beside import lines_of
from nasnet_keras.inference.described import description_of
from nasnet_keras.inference.formats import FORMATS
from nasnet_keras.pretrained.export.__main__ import main
from nasnet_keras.pretrained.export.config import ExportConfig
from nasnet_keras.utils.settings import settings

NAMES = ["blå katt", "犬", "plain"]


@pytest.fixture(scope="module")
def plain():
    image = keras.Input((8, 8, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(4, 3)(keras.layers.Rescaling(1 / 255)(image)))
    return keras.Model(image, keras.layers.Dense(3, "softmax")(pooled))


def there(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file())


def test_names_of_classes_come_beside_the_file(plain, tmp_path):
    report = export(plain, tmp_path / "a.tflite", class_names=NAMES)
    labels, about = tmp_path / "a.tflite.labels.txt", tmp_path / "a.tflite.json"
    assert report.beside == (labels, about) and str(labels) in str(report) and str(about) in str(report)
    assert there(tmp_path) == ["a.tflite", "a.tflite.json", "a.tflite.labels.txt"]
    assert report.size == report.path.stat().st_size
    assert labels.read_bytes().decode("utf-8") == "blå katt\n犬\nplain\n"
    assert json.loads(about.read_text("utf-8")) == {
        "format": "nasnet_keras.exported",
        "version": 1,
        "file": "a.tflite",
        "input": {"shape": [None, 8, 8, 3], "type": "float32", "range": [0, 255], "colors": "RGB", "fit": None},
        "output": {"shape": [None, 3], "type": "float32", "probabilities": True, "labels": "a.tflite.labels.txt"},
    }
    # Without names nothing says what it is, and what said it of the earlier file goes.
    (tmp_path / "notes.json").write_text("{}")
    assert export(plain, tmp_path / "a.tflite").beside == ()
    assert there(tmp_path) == ["a.tflite", "notes.json"]
    (tmp_path / "a.tflite.json").write_text('{"mine": true}')
    export(plain, tmp_path / "a.tflite")
    assert "a.tflite.json" in there(tmp_path), "a user's own file stays"


def test_what_is_not_of_an_earlier_export_is_not_replaced(plain, tmp_path):
    own = tmp_path / "own.tflite.labels.txt"
    own.write_text("mine")
    (tmp_path / "b.tflite.json").write_text('{"mine": true}')
    (tmp_path / "c.tflite.json").mkdir()
    before = there(tmp_path)
    for name, said in (("own", "no file of an earlier export"), ("b", "no file of an earlier"), ("c", "a folder")):
        with pytest.raises(ExportError, match=f"{name}.tflite.* is there, {said}.*choose another name"):
            export(plain, tmp_path / f"{name}.tflite", class_names=NAMES)
    assert there(tmp_path) == before and own.read_text() == "mine"


def test_names_that_differ_are_lines_that_differ():
    assert lines_of(["a b", "a  b"]) == ["a b", "a  b"]
    with pytest.raises(ExportError, match="would be the same line of labels"):
        lines_of(["a\nb", "a b"])


@pytest.mark.parametrize("name", ["folder", "a.onnx", pytest.param("a.xml", marks=pytest.mark.slow)])
def test_every_format_has_them(plain, name, tmp_path):
    report = export(plain, tmp_path / name, class_names=NAMES)
    within = "assets.extra/" in str(report.beside[0].as_posix())
    assert within == (name == "folder") and all(path.is_file() for path in report.beside)
    labels, about = report.beside
    assert json.loads(about.read_text())["output"]["labels"] == labels.name
    assert labels.read_text("utf-8").splitlines() == NAMES
    images = np.full((1, 8, 8, 3), 9, "float32")
    assert np.abs(FORMATS[report.format].run(tmp_path / name, images) - plain(images)).max() < 1e-5


def test_integers_are_described_with_what_they_stand_for(plain, tmp_path, generator):
    images = generator.integers(0, 256, (40, 8, 8, 3))
    types = {"inference_input_type": "uint8", "inference_output_type": "int8"}
    given = {"quantization": "weights", "calibration": images, "min_agreement": 0, "class_names": NAMES}
    export(plain, tmp_path / "a.tflite", **given, **types)
    about = json.loads((tmp_path / "a.tflite.json").read_text())
    assert about["input"] | {"shape": None} == {
        **{"shape": None, "type": "uint8", "scale": 1.0, "zero_point": 0},
        **{"range": [0, 255], "colors": "RGB", "fit": None},
    }
    assert (about["output"]["scale"], about["output"]["zero_point"]) == (1 / 256, -128)
    export(plain, tmp_path / "b.onnx", preprocessing=False, class_names=NAMES)
    assert json.loads((tmp_path / "b.onnx.json").read_text())["input"]["range"] is None, "nobody told what is read"


def test_trained_models_bring_their_names(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = pretrained.load(card_of(trained))
    export(nk.fuse_for_inference(model), "fused.onnx")
    export(model, "scaled", preprocessing=False)
    assert (tmp_path / "fused.onnx.labels.txt").read_text().split() == [*COLOURS]
    about = [
        json.loads((tmp_path / name).read_text()) for name in ("fused.onnx.json", "scaled/assets.extra/model.json")
    ]
    card = pretrained.card(card_of(trained))
    low, high = (value * card.preprocessing["scale"] + card.preprocessing["offset"] for value in (0, 255))
    assert [one["input"]["range"] for one in about] == [[0, 255], pytest.approx([low, high])]
    assert {one["input"]["fit"] for one in about} == {"crop"} and about[0]["output"]["probabilities"]
    for others in ({"classes": 3}, {"classes": 7}, {"include_top": False}, {"weights": False}):
        assert description_of(pretrained.load(card_of(trained), **others)).class_names == (), "no names of its own"


def test_answers_without_a_softmax_are_no_probabilities(plain, tmp_path):
    logits = keras.Model(plain.input, keras.layers.Dense(3)(plain.layers[-2].output))
    report = export(logits, tmp_path / "logits", class_names=NAMES)
    assert not json.loads(report.beside[1].read_text())["output"]["probabilities"]


def blocks(language):
    """The snippets of the page in a language, in order."""
    text = (ROOT / "docs" / "devices.md").read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def test_the_job_writes_them_and_the_snippet_for_python_reads_them(trained, tmp_path, monkeypatch, generator):
    monkeypatch.chdir(tmp_path)
    usual = {name: ExportConfig.__dataclass_fields__[name].default for name in settings(ExportConfig)}
    main({**usual, "model": str(card_of(trained)), "output": "model.tflite"})
    (tmp_path / "b.tflite.json").mkdir()
    late = {"output": "b.tflite", "quantization": "int8", "calibration_dir": "gone"}
    with pytest.raises(ExportError, match=r"b\.tflite\.json' is there, a folder"):  # before images are looked for
        main({**usual, "model": str(card_of(trained)), **late})
    pixels = np.clip(COLOURS["green"] + generator.normal(0, 40, (40, 60, 3)), 0, 255).astype("uint8")
    Image.fromarray(pixels).save("photo.jpg")
    names = {}
    exec(compile(blocks("python")[1], "docs/devices.md", "exec"), names)
    assert names["label"] == "green" and 0.4 < names["probability"] <= 1


@pytest.mark.slow
def test_the_page_writes_the_files_that_it_speaks_of(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(blocks("python")[0], "docs/devices.md", "exec"), {})
    assert there(tmp_path) == [
        f"model.{name}{more}" for name in ("onnx", "tflite") for more in ("", ".json", ".labels.txt")
    ]
    (shown,) = blocks("json")
    assert json.loads(shown) == json.loads((tmp_path / "model.tflite.json").read_text())


@pytest.mark.skipif(shutil.which("node") is None, reason="no node")
def test_the_snippet_for_browsers_is_javascript(tmp_path):
    (snippet,) = blocks("javascript")
    (tmp_path / "classify.mjs").write_text(snippet)
    done = subprocess.run(["node", "--check", str(tmp_path / "classify.mjs")], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_names_that_are_none(plain, tmp_path):
    for names, message in (
        (["a", "b"], "class_names has 2 names, and the model answers 3 classes"),
        ("abc", r"different texts of one line each, one for each class, got 'abc'"),
        (["a", "a", "b"], "different texts"),
        (["a", "b\nc", "d"], "different texts of one line"),
        (["a", "", "b"], "different texts"),
        ([1, 2, 3], "different texts"),
        (5, "different texts"),
    ):
        with pytest.raises(ExportError, match=message):
            export(plain, tmp_path / "a.tflite", class_names=names)
    assert not there(tmp_path)
