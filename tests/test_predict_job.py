"""The job `nasnet-predict`: a model and folders of images become a table; one bad image costs itself alone."""

import csv
import os
import shutil
import subprocess
import sys
from pathlib import Path
from threading import Event

import keras
import numpy as np
import pytest
from colours import COLOURS, write_folder
from PIL import Image

from nasnet_keras import pretrained
from nasnet_keras.card import CardError
from nasnet_keras.images import stream as streaming
from nasnet_keras.images.files import ImageError
from nasnet_keras.images.stream import stream
from nasnet_keras.pretrained.any_model import AnyModel, load_any
from nasnet_keras.pretrained.predict_job import predicting
from nasnet_keras.pretrained.predict_job.__main__ import main
from nasnet_keras.pretrained.predict_job.classifier import FastClassifier
from nasnet_keras.pretrained.predict_job.config import PredictConfig
from nasnet_keras.pretrained.predict_job.images import Listed, listed
from nasnet_keras.utils.settings import settings

NAMES = tuple(COLOURS)


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("nasnet_keras.utils.files._begun", Event())


@pytest.fixture(scope="module")
def fast(trained):
    return FastClassifier(load_any(str(trained)))


@pytest.fixture
def loaded(fast, monkeypatch):
    """The model that jobs are given is loaded already."""
    monkeypatch.setattr("nasnet_keras.pretrained.any_model.load_any", lambda _: None)
    monkeypatch.setattr("nasnet_keras.pretrained.predict_job.classifier.FastClassifier", lambda _: fast)
    return "loaded"


@pytest.fixture
def new(tmp_path):
    """Folders of images, of which one is damaged, one leads nowhere, and one leads out."""
    folder = write_folder(tmp_path / "new", 9, NAMES)
    damaged = folder / "green" / "1.png"
    damaged.write_bytes(damaged.read_bytes()[:-100])
    (folder / "red" / "gone.png").symlink_to("nowhere.png")
    shutil.copy(folder / "red" / "2.png", tmp_path / "out.png")
    (folder / "red" / "out.png").symlink_to(tmp_path / "out.png")
    (folder / "notes.md").write_text("no image")
    return folder


def job(code=0, **given):
    """Call the job's `main` as its flags do; it ends with an exit code."""
    usual = {name: PredictConfig.__dataclass_fields__[name].default for name in settings(PredictConfig)}
    if not code:
        return main({**usual, **given})
    with pytest.raises(SystemExit) as ended:
        main({**usual, **given})
    assert ended.value.code == code
    return None


def table(path="answers.csv"):
    with Path(path).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_folder_becomes_a_table(trained, new, capsys):
    job(3, model=str(trained), images=["new"], batch_size=4)
    rows = table()
    assert [*rows[0]] == ["path", "label", "probability", *(f"probability_{name}" for name in NAMES), "error"]
    paths = sorted(path.relative_to(new).as_posix() for path in new.glob("*/*.png"))
    assert [row["path"] for row in rows] == paths and len(rows) == 11
    errors = {row["path"]: row["error"] for row in rows if row["error"]}
    assert list(errors) == ["green/1.png", "red/gone.png", "red/out.png"]
    assert errors["red/gone.png"] == "it is a link that leads nowhere" and "leads out of new" in errors["red/out.png"]
    assert all(not row["label"] and not row["probability"] for row in rows if row["error"])
    good = [row for row in rows if not row["error"]]
    expected = pretrained.Classifier(trained)([new / row["path"] for row in good])
    assert [row["label"] for row in good] == [one.label for one in expected]
    for row, one in zip(good, expected, strict=True):
        found = [float(row[f"probability_{name}"]) for name in NAMES]
        np.testing.assert_allclose(found, [one.probabilities[name] for name in NAMES], atol=1e-5)
        assert float(row["probability"]) == max(found)
    shown = capsys.readouterr()
    assert shown.out.startswith("answers.csv: 8 of 11 images classified\n  ") and "pandas.read_csv" in shown.out
    assert "3 images could not be read:\n  green/1.png: " in shown.err
    assert not list(Path().glob(".*")), "no scratch folder stays"


def test_a_table_of_the_most_probable_classes(loaded, new, capsys):
    (new / "green" / "1.png").unlink()
    for name in ("gone.png", "out.png"):
        (new / "red" / name).unlink()
    job(model=loaded, images=[str(new / "red"), "out.png"], top=2, output="two.csv")
    rows = table("two.csv")
    assert [*rows[0]] == ["path", "label", "probability", "label_2", "probability_2", "error"]
    assert [row["path"] for row in rows] == [*(str(new / "red" / f"{n}.png") for n in (2, 5, 8)), "out.png"]
    for row in rows:
        assert row["label"] != row["label_2"] and 0 <= float(row["probability_2"]) <= float(row["probability"]) <= 1
    job(model=loaded, images=["out.png"], top=9, output="all.csv")
    assert len(table("all.csv")[0]) == 8, "as many as there are"
    assert "could not be read" not in capsys.readouterr().err


def test_images_where_none_can_be_read_are_told_all_the_same(loaded, new):
    job(3, model=loaded, images=["new/green/1.png"])
    (row,) = table()
    assert row["path"] == "new/green/1.png" and row["error"] and not row["label"]


def test_a_table_that_is_there_is_not_lost(request, new, monkeypatch):
    Path("answers.csv").write_text("precious")
    given = {"model": "gone", "images": ["new"]}
    for output, message in (
        ("answers.csv", "answers.csv is there already: name another file, or give --overwrite"),
        ("new", "--output must be the path of a file, got a folder, 'new'"),
        ("gone/answers.csv", "there is no folder gone"),
    ):
        with pytest.raises(ValueError, match=message):
            job(**given, output=output)
    with pytest.raises(CardError, match="no model 'gone'"):
        job(**given, overwrite=True)

    def interrupted(*_):
        raise KeyboardInterrupt

    model = request.getfixturevalue("loaded")
    with monkeypatch.context() as patch:
        patch.setattr(predicting, "row", interrupted)
        job("\nStopped. Nothing was written.", model=model, images=["new"], overwrite=True)
    assert Path("answers.csv").read_text() == "precious" and not list(Path().glob(".*"))
    job(model=model, images=["new/blue"], overwrite=True)
    assert len(table()) == 3


def test_a_table_takes_the_place_of_files_alone(loaded, new, monkeypatch):
    os.mkfifo("pipe.csv")
    Path("link.csv").symlink_to("nowhere.csv")
    for name in ("pipe.csv", "link.csv"):
        for overwrite in (False, True):
            with pytest.raises(
                ValueError, match=f"--output={name} is there and is a link or a device: expected a file"
            ):
                job(model=loaded, images=["new/blue"], output=name, overwrite=overwrite)
    whole = predicting.row

    def meanwhile(*arguments, **given):
        Path("answers.csv").write_text("precious")
        return whole(*arguments, **given)

    with monkeypatch.context() as patch:
        patch.setattr(predicting, "row", meanwhile)
        with pytest.raises(ValueError, match="answers.csv is there already"):
            job(model=loaded, images=["new/blue"])
    assert Path("answers.csv").read_text() == "precious" and not list(Path().glob(".*"))
    job(model=loaded, images=["new/blue"], overwrite=True)


def test_any_name_of_a_file_is_read_back_and_shown(loaded, new, capsys):
    odd = "=1+1\ra,b\x1b[31m.png"
    shutil.copy("out.png", odd)
    Path("bad\x1b[31m.png").write_bytes(b"no image")
    job(3, model=loaded, images=[odd, "bad\x1b[31m.png", "bad\x1b[31m.png"])
    assert [row["path"] for row in table()] == [odd, "bad\x1b[31m.png", "bad\x1b[31m.png"]
    shown = capsys.readouterr()
    assert "1 of 3 images classified" in shown.out and "2 images could not be read:" in shown.err
    assert "'bad\\x1b[31m.png': " in shown.err and "\x1b" not in shown.err


def test_sources_of_images(new, caplog):
    assert [image.name for image in listed(["new/blue"])] == ["0.png", "3.png", "6.png"]
    two = listed(["new/blue", "new/blue/0.png"])
    assert [image.name for image in two] == [*(f"new/blue/{n}.png" for n in (0, 3, 6)), "new/blue/0.png"]
    name = os.fsdecode(b"caf\xe9.png")
    Path("list.txt").write_bytes(b"\xef\xbb\xbfnew/blue/3.png\r\n\n  \nnew/blue\n" + os.fsencode(name) + b"\n")
    assert listed(["list.txt"]) == [
        Listed(Path("new/blue/3.png"), "new/blue/3.png"),
        Listed(Path("new/blue"), "new/blue"),
        Listed(Path(name), name),
    ]
    assert len(listed(["new"], follow_links=True)) == len(listed(["new"])) == 11
    assert not [image for image in listed(["new"], follow_links=True) if image.error]
    Path("empty").mkdir()
    Path("empty.txt").write_text("\n")
    Path("wide.txt").write_text("new/blue/3.png\n", encoding="utf-16")
    for source, message in (
        ("gone", "--images: there is no folder or file 'gone'"),
        ("a" * 5000, "there is no folder or file"),
        ("a\0b", "there is no folder or file"),
        ("empty", "no images in empty: expected files of .bmp"),
        ("wide.txt", "the list wide.txt is UTF-16, as PowerShell writes it: save it as UTF-8"),
        ("empty.txt", "the list empty.txt is empty: expected the path of an image in each line"),
    ):
        with pytest.raises(ValueError, match=message):
            listed([source])


def test_a_folder_that_cannot_be_listed_costs_itself_alone(new, monkeypatch):
    whole = os.scandir

    def failing(path):
        if str(path).endswith("green"):
            raise PermissionError(13, "Permission denied", str(path))
        return whole(path)

    monkeypatch.setattr(os, "scandir", failing)
    found = listed(["new"])
    assert [image for image in found if image.name.startswith("green")] == [
        Listed(Path("new/green"), "green", "the folder cannot be listed: Permission denied")
    ]
    assert len(found) == 9


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({}, "give --model: a name that nasnet-finetune --list prints"),
        ({"model": "mine"}, "give --images: a folder of images, an image, or a file NAME.txt"),
        ({"model": "mine", "images": [""]}, "give --images"),
        ({"model": "mine", "images": ["new"], "top": 0}, "top must be a positive integer, got 0"),
        ({"model": "mine", "images": ["new"], "batch_size": 0}, "batch_size must be a positive integer, got 0"),
    ],
)
def test_flags_that_cannot_be(given, message):
    with pytest.raises(ValueError, match=message):
        job(**given)


def saved(units, activation, shape=(8, 8, 3)):
    image = keras.Input(shape)
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Rescaling(1 / 255)(image))
    keras.Model(image, keras.layers.Dense(units, activation)(pooled)).save("other.keras")
    return load_any("other.keras")


def test_a_model_that_may_read_scaled_values_is_told(caplog):
    image = keras.Input((8, 8, 3))
    pooled = keras.layers.GlobalAveragePooling2D()(keras.layers.Conv2D(3, 1, activation="softmax")(image))
    FastClassifier(saved(3, "softmax"))
    assert not caplog.text
    FastClassifier(AnyModel(keras.Model(image, pooled), "scaled", "crop", ()))
    assert "scaled does not begin with a layer Rescaling or Normalization, and gets pixels from 0 to 255" in caplog.text


def test_models_that_keras_saved(new):
    classify = FastClassifier(saved(4, "softmax"))
    assert classify.names == ("0", "1", "2", "3") and classify.shape == (8, 8, 3)
    one = saved(1, "sigmoid")
    pixels = np.full((2, 8, 8, 3), 200, np.uint8)
    found, second = FastClassifier(one)(pixels), one.model.predict(pixels, verbose=0)
    np.testing.assert_allclose(found, np.concatenate([1 - second, second], -1), atol=1e-6)
    job(model="other.keras", images=["new/blue"])
    assert {row["label"] for row in table()} <= {"0", "1"}
    grey = FastClassifier(saved(2, "softmax", (8, 6, 1)))
    assert next(stream([new / "blue" / "0.png"], grey.shape))[1].shape == (8, 6, 1)
    with pytest.raises(ValueError, match="other answers with .*, which are no probabilities of one class each"):
        FastClassifier(saved(3, None))(pixels)
    for shape, message in (((None, None, 3), "a model of images of a known size"), ((8, 8, 4), "images of 4 channels")):
        with pytest.raises(ValueError, match=message):
            FastClassifier(saved(2, "softmax", shape))
    image = keras.Input((8, 8, 3))
    with pytest.raises(ValueError, match="maps is no classifier: it answers with"):
        FastClassifier(AnyModel(keras.Model(image, keras.layers.ReLU()(image)), "maps", "crop", ()))


def test_the_folder_of_a_run_is_a_model(trained, tmp_path):
    assert pretrained.Classifier(str(trained)).card == pretrained.Classifier(trained).card
    unfinished = tmp_path / "mine"
    unfinished.mkdir()
    shutil.copy(trained / "training.json", unfinished)
    with pytest.raises(CardError, match="the run in mine is not finished: it has no model yet"):
        pretrained.Classifier("mine")


def test_images_come_in_their_order_and_a_few_at_a_time(tmp_path, monkeypatch):
    monkeypatch.setattr(streaming, "_AHEAD", 3)
    for index in range(12):
        Image.new("RGB", (16, 8), (index, 0, 0)).save(tmp_path / f"{index}.png")
    (tmp_path / "5.png").write_bytes(b"no image")
    asked = []

    def paths():
        for index in range(12):
            asked.append(index)
            yield tmp_path / f"{index}.png"

    found = stream(paths(), (4, 4, 3))
    assert next(found)[1][0, 0, 0] == 0 and len(asked) == 4
    rest = list(found)
    assert [path.stem for path, _ in rest] == [str(index) for index in range(1, 12)]
    assert isinstance(rest[4][1], ImageError) and "no BMP, GIF, JPEG" in rest[4][1].reason
    assert [pixels[0, 0, 0] for _, pixels in rest if isinstance(pixels, np.ndarray)] == [1, 2, 3, 4, *range(6, 12)]


def test_the_command(trained, new):
    def typed(*arguments):
        command = [sys.executable, "-m", "nasnet_keras.pretrained.predict", *arguments]
        return subprocess.run(command, capture_output=True, text=True, timeout=600)

    done = typed(f"--model={trained}", "--images=new/blue", "--images=new/green", "--output=a.csv", "--top=1")
    assert done.returncode == 3 and "a.csv: 5 of 6 images classified" in done.stdout, done.stderr
    assert "1 image could not be read:\n  new/green/1.png: " in done.stderr
    assert [*table("a.csv")[0]] == ["path", "label", "probability", "error"]


def test_the_function_keeps_its_name_beside_the_command():
    import nasnet_keras.pretrained.predict  # noqa: F401

    assert pretrained.predict is sys.modules["nasnet_keras.pretrained.prediction"].predict
