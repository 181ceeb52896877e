"""The images that a network answers wrong: recorded files of splits, the table, the page, and its pictures."""

import base64
import csv
import dataclasses
import io
import json
import shutil

import numpy as np
import pytest
from colours import card_of, pictures, write_folder
from helpers import SMALL_GENOTYPE
from pages import NASTY, Page
from PIL import Image

from nasnet_keras import pretrained
from nasnet_keras.card import Card
from nasnet_keras.training.config import TrainingConfig
from nasnet_keras.training.datasets import loading
from nasnet_keras.training.datasets.base import Dataset, Split, divided
from nasnet_keras.training.datasets.origins import Origins
from nasnet_keras.training.datasets.recording import record_files
from nasnet_keras.training.evaluation import Answers
from nasnet_keras.training.job import train
from nasnet_keras.training.mistakes import files as mistakes
from nasnet_keras.training.mistakes.judged import Judged, judged
from nasnet_keras.training.mistakes.matrix import MOST, most_confused
from nasnet_keras.training.mistakes.page import page_of
from nasnet_keras.training.recipes import Recipe

LARGEST = 1_000_000
"""The bytes that the page of 200 classes has at most, as docs/fine_tuning.md says."""


def answered(labels, predicted, name="validation", probabilities=None, origins=None, side=8):
    generator = np.random.default_rng(0)
    images = generator.integers(0, 256, (len(labels), side, side, 3), np.uint8)
    sure = np.linspace(0.9, 0.5, len(labels)) if probabilities is None else np.asarray(probabilities)
    return Judged(name, Split(images, np.asarray(labels, np.int32), origins), Answers(np.asarray(predicted), sure))


def rows_of(folder):
    with (folder / "mistakes.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def checked(text):
    """The page, after checks that hold of every one."""
    page = Page(text)
    assert 'http-equiv="Content-Security-Policy" content="default-src' in text and "nan" not in page.words
    for address in page.images:
        kind, _, data = address.partition(";base64,")
        with Image.open(io.BytesIO(base64.b64decode(data))) as image:
            assert kind == f"data:image/{image.format.lower()}" and max(image.size) <= 200
    return page


# --- where images came from


def test_splits_know_their_files_through_every_division(tmp_path):
    folder = write_folder(tmp_path / "lamps", 24, ("blue", "red"))
    dataset = loading.load(folder, image_size=16, validation_fraction=0.25)
    for _ in range(2):
        names = [name for key in ("train", "validation", "test") for name in getattr(dataset, key).origins.names]
        assert sorted(names) == sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*.png"))
        for key in ("train", "validation", "test"):
            split = getattr(dataset, key)
            for index in range(len(split)):
                assert split.origins.names[index].startswith(dataset.class_names[split.labels[index]])
                with Image.open(split.origins.path(index)) as image:
                    np.testing.assert_array_equal(np.asarray(image), split.images[index])
        dataset = dataset.split_by("random")
    record_files(tmp_path, dataset)
    recorded = json.loads((tmp_path / "splits.json").read_text())
    assert recorded["test"] == {"folder": str(folder), "images": dataset.test.origins.names.tolist()}
    stamp = (tmp_path / "splits.json").stat().st_mtime_ns
    record_files(tmp_path, dataset)
    assert (tmp_path / "splits.json").stat().st_mtime_ns == stamp, "it is the same"


def test_images_of_arrays_are_named_by_their_places(tmp_path):
    digits = loading.load("digits")
    record_files(tmp_path, digits)
    assert not list(tmp_path.iterdir()), "they are divided in the same way every time"
    dataset = Dataset("d", digits.train, *[digits.train.take(slice(0))] * 2, digits.class_names)
    parts = dataclasses.replace(dataset, **divided(dataset.train, 10, {"validation": 0.2}, "stratified"))
    first = parts.validation.origins.shown(0)
    index = int(first.removeprefix("train[").removesuffix("]"))
    np.testing.assert_array_equal(parts.validation.images[0], digits.train.images[index])


# --- the table and the page


def test_the_table_has_the_surest_mistakes_first_and_any_name(tmp_path, monkeypatch):
    folder = tmp_path / 'a, "b"\nc'
    names = np.array(["red/1.png", 'a,b\n"c"/2 ü\udcff.png', "red/3.png", "=1+1/4\r.png"], object)
    origins = Origins(names, folder)
    test = answered([0, 1, 0, 1], [1, 0, 0, 0], "test", [0.6, 0.9, 0.99, 0.7], origins)
    validation = answered([0, 1], [1, 1], probabilities=[0.8, 0.9])
    classes = ('a,b\n"c"', "=1+1")
    dataset = Dataset("d", test.split, validation.split, test.split, classes)
    card = Card_like(classes)
    mistakes.write(tmp_path, card, dataset, {"test": test.answers, "validation": validation.answers})
    rows = rows_of(tmp_path)
    assert [(row["path"], row["split"]) for row in rows] == [
        (f"{folder}/{names[1]}".replace("\udcff", "\\udcff"), "test"),
        ("validation[0]", "validation"),
        (f"{folder}/=1+1/4\r.png", "test"),
        (f"{folder}/red/1.png", "test"),
    ]
    assert (rows[0]["true"], rows[0]["predicted"], rows[0]["probability"]) == ("=1+1", classes[0], "0.9")
    assert list(rows[0]) == ["path", "true", "predicted", "probability", "split"]
    # a page that cannot be written does not cost the run
    with monkeypatch.context() as patched:
        patched.setattr(mistakes, "page_of", lambda *_: 1 / 0)
        (tmp_path / "mistakes.html").unlink()
        mistakes.write(tmp_path, card, dataset, {"test": test.answers})
        assert not mistakes.told(tmp_path, card)
    # without mistakes, those of an earlier network are removed
    right = Answers(test.split.labels, test.answers.probabilities)
    mistakes.write(tmp_path, card, dataset, {"test": right})
    assert not list(tmp_path.glob("mistakes*"))
    card.metrics = {"test_accuracy": 1.0}
    mistakes.complete(tmp_path, card, dataset)
    assert mistakes.told(tmp_path, card) == "none, in all images that it was judged on"


class Card_like:  # noqa: N801
    """As much of a card as the files need."""

    def __init__(self, class_names):
        self.name, self.class_names, self.metrics = "mine", class_names, {"validation_accuracy": 0.5}


def test_the_page_shows_the_surest_mistakes_and_counts_all(tmp_path):
    one = answered([0, 0, 0, 1, 1], [0, 1, 1, 1, 0], "test", [0.9, 0.6, 0.97, 0.9, 0.8])
    page = checked(page_of("mine", ("cat", "dog"), [answered([0], [0]), one]))
    assert "3 of the 5 test images (60.0%) were answered wrong. None of the 1 validation images was" in page.words
    assert page.words.index("97% sure") < page.words.index("80% sure") < page.words.index("60% sure")
    assert len(page.images) == 3 and "cat dog 2 67% dog cat 1 50%" in page.words, "the most frequent mistakes"
    assert "cat 1 3 33% dog (2) dog 1 2 50% cat (1)" in page.words, "the accuracies of classes"


def test_names_on_the_page_are_escaped(tmp_path):
    origins = Origins(np.array([f"{NASTY}.png", "\udcff.png"], object), tmp_path)
    text = page_of(NASTY, (NASTY, "b&<"), [answered([0, 1], [1, 0], origins=origins)])
    page = checked(text)
    assert "<script" not in text and NASTY in page.words and "\\udcff.png" in page.words


@pytest.mark.parametrize("classes", [2, MOST, MOST + 1, 200])
def test_the_page_is_small_for_any_number_of_classes(classes, tmp_path):
    generator = np.random.default_rng(classes)
    labels = np.arange(10 * classes) % classes
    predicted = np.where(generator.random(len(labels)) < 0.5, labels, generator.integers(0, classes, len(labels)))
    names = tuple(f"a class with a long name, number {label}" for label in range(classes))
    text = page_of("mine", names, [answered(labels, predicted, side=160)])
    page = checked(text)
    assert len(text.encode()) < LARGEST
    table = text[text.index('id="classes"') :]
    assert all(table.count(f'<th scope="row">{name}</th>') == 1 for name in names), "each has its accuracy"
    assert page.words.count(" No. ") == (classes > MOST)
    matrix = text[text.index('<div class="matrix"') :].partition("</table>")[0]
    rows, columns = matrix.count("<tr>") - 1, matrix.count('scope="col"')
    assert 2 <= rows <= MOST and columns == rows + (classes > MOST) and rows == min(classes, rows)
    assert matrix.count("<td") == 1 + rows * columns
    assert ("as a picture" in text) == (classes > MOST)


def test_the_picture_of_all_classes_has_a_pixel_a_cell():
    confusion = np.diag(np.full(30, 4))
    confusion[3, 7], confusion[3, 3] = 3, 1
    labels, predicted = (np.repeat(where, confusion[confusion > 0]) for where in np.nonzero(confusion))
    page = checked(page_of("mine", tuple(map(str, range(30))), [answered(labels, predicted)]))
    with Image.open(io.BytesIO(base64.b64decode(page.images[-1].partition(",")[2]))) as image:
        opacity = np.asarray(image)[..., 3]
    assert opacity.shape == (30, 30) and opacity[0, 0] == 255 and opacity[3, 7] > opacity[3, 3] > 0
    assert np.count_nonzero(opacity) == 31
    assert most_confused(confusion, 5) == [3, 7]


def test_pictures_are_of_whole_files_and_never_of_what_links_lead_out_to(tmp_path):
    inside, outside = tmp_path / "images", tmp_path / "secret.png"
    inside.mkdir()
    Image.new("RGB", (400, 200), (0, 0, 255)).save(outside)
    Image.new("RGB", (400, 200), (0, 255, 0)).save(inside / "own.png")
    (inside / "link.png").symlink_to(outside)
    (inside / "within.png").symlink_to(inside / "own.png")
    names = ["own.png", "link.png", "within.png", "gone.png"]
    one = answered([0] * 4, [1] * 4, origins=Origins(np.array(names, object), inside))
    one = dataclasses.replace(one, split=dataclasses.replace(one.split, images=np.full((4, 8, 8, 3), 200, np.uint8)))
    page = checked(page_of("mine", ("a", "b"), [one]))
    found = []
    for address in page.images:
        with Image.open(io.BytesIO(base64.b64decode(address.partition(",")[2]))) as image:
            found.append((image.size, np.asarray(image.convert("RGB")).mean((0, 1)).round(-1).astype(int).tolist()))
    whole, seen = ((144, 72), [0, 260, 0]), ((8, 8), [200, 200, 200])
    assert found[0][0] == found[2][0] == whole[0] and found[0][1][2] < 10 and found[0][1][1] > 240
    assert found[1] == found[3] == seen


def test_grey_and_other_channels_are_shown():
    for channels in (1, 2, 3, 4):
        images = np.zeros((1, 8, 8, channels), np.uint8)
        split = Split(images, np.array([0], np.int32), Origins.unknown(1))
        one = Judged("test", split, Answers(np.array([1]), np.array([0.5])))
        assert len(checked(page_of("mine", ("a", "b"), [one])).images) == 1


# --- runs


@pytest.fixture
def mixed(tmp_path):
    """Blue and red lamps, with one red among the blue of the validation images."""
    folder = write_folder(tmp_path / "lamps" / "train", 16, ("blue", "red"), size=20)
    write_folder(tmp_path / "lamps" / "validation", 8, ("blue", "red"), size=20, seed=1)
    shutil.copy(folder / "red" / "1.png", tmp_path / "lamps" / "validation" / "blue" / "wrong.png")
    return tmp_path / "lamps"


@pytest.mark.usefixtures("short_heads")
def test_a_fine_tuning_finds_the_wrong_label(trained, mixed, tmp_path):
    def tuned(**changes):
        return pretrained.fine_tune(card_of(trained), mixed, workdir=tmp_path / "run", name="mine", **changes)

    result = tuned(epochs=0)
    (row,) = rows_of(tmp_path / "run")
    assert row["path"] == str(mixed / "validation/blue/wrong.png") and float(row["probability"]) > 0.5
    assert (row["true"], row["predicted"], row["split"]) == ("blue", "red", "validation")
    assert result.confusion.tolist() == [[4, 1], [0, 4]] and result.mistakes == tmp_path / "run/mistakes.csv"
    page = checked((tmp_path / "run/mistakes.html").read_text())
    assert "1 of the 9 validation images" in page.words and "validation/blue/wrong.png" in page.words
    assert "mistakes.html shows them" in mistakes.told(tmp_path / "run", result.card)
    recorded = json.loads((tmp_path / "run/splits.json").read_text())
    assert len(recorded["train"]["images"]) == 16 and recorded["validation"]["folder"] == str(mixed)
    # the same call makes again what is missing, and nothing else
    before = {name: (tmp_path / "run" / name).read_bytes() for name in ("mistakes.csv", "mistakes.html")}
    (tmp_path / "run/mistakes.html").unlink()
    assert tuned(epochs=0).card == result.card
    assert {name: (tmp_path / "run" / name).read_bytes() for name in before} == before
    # and names images as they are called now
    (mixed / "validation/blue/wrong.png").rename(mixed / "validation/blue/wrong_one.png")
    assert tuned(epochs=0).card == result.card
    (row,) = rows_of(tmp_path / "run")
    assert row["path"] == str(mixed / "validation/blue/wrong_one.png")
    page = checked((tmp_path / "run/mistakes.html").read_text())
    assert "validation/blue/wrong_one.png" in page.words and "wrong.png" not in page.words
    assert "wrong_one.png" in (tmp_path / "run/splits.json").read_text()


@pytest.mark.slow
@pytest.mark.usefixtures("short_heads")
def test_mistakes_are_those_of_the_run_that_was_trained_on(trained, mixed, tmp_path):
    def tuned(epochs):
        return pretrained.fine_tune(card_of(trained), mixed, workdir=tmp_path / "run", name="mine", epochs=epochs)

    tuned(0).mistakes.write_bytes(b"of the head alone")
    result = tuned(1)
    assert (tmp_path / "run/until_epoch_0/mistakes.csv").read_bytes() == b"of the head alone"
    assert "blue/wrong.png" in result.mistakes.read_text()


@pytest.mark.slow
def test_a_training_on_a_folder_of_images_has_them_too(tmp_path):
    folder = write_folder(tmp_path / "lamps", 24, ("blue", "red"))
    recipe = Recipe(epochs=1, batch_size=8, learning_rate=1e-6)
    config = TrainingConfig(tmp_path / "run", SMALL_GENOTYPE, recipe=recipe, num_repeats=1, filters=2, name="mine")
    dataset = loading.load(folder, image_size=16)
    result = train(config, dataset)
    count = sum(
        round((1 - result.card.metrics[f"{name}_accuracy"]) * result.card.metrics[f"{name}_images"])
        for name in ("validation", "test")
    )
    assert count and len(rows_of(tmp_path / "run")) == count, "of a network that learnt nothing"
    before = (tmp_path / "run/mistakes.csv").read_bytes()
    result.mistakes.unlink()
    train(config, dataset)
    assert result.mistakes.read_bytes() == before and (tmp_path / "run/splits.json").exists()
    assert Card.read(result.path).metrics == result.card.metrics


def test_the_last_split_is_the_one_of_the_final_figure():
    split = Split(*pictures(4))
    dataset, right = Dataset("d", split, split, split, ("a", "b")), Answers(split.labels, np.ones(4))
    assert [one.name for one in judged(dataset, {"test": right, "validation": right})] == ["validation", "test"]
