"""Classifying images of which some cannot be read, and writing the answers."""

import csv
import os
from pathlib import Path

import numpy as np
import pytest
from colours import card_of, write_folder
from PIL import Image

from nasnet_keras import pretrained
from nasnet_keras.pretrained.prediction import Prediction, Predictions


@pytest.fixture(scope="module")
def classify(trained):
    return pretrained.Classifier(card_of(trained))


@pytest.fixture
def folder(tmp_path):
    """Eight images, the second and the last of them damaged, a FIFO, and a video."""
    found = write_folder(tmp_path / "new", 8, ("blue",)) / "blue"
    for index in (1, 7):
        path = found / f"{index}.png"
        path.write_bytes(path.read_bytes()[:-100])
    os.mkfifo(found / "8.jpg")
    (found / "a.mp4").write_text("no image")
    return found


def test_images_that_cannot_be_read_cost_themselves_alone(classify, folder, caplog):
    found = classify(folder, batch_size=4)
    good = [folder / f"{index}.png" for index in (0, 2, 3, 4, 5, 6)]
    alone = classify(good)
    assert [(each.path, each.label) for each in found] == [
        (path, each.label) for path, each in zip(good, alone, strict=True)
    ]
    for each, other in zip(found, alone, strict=True):  # not to the bit: the images stood in other batches
        assert each.probabilities == pytest.approx(other.probabilities, rel=1e-5)
    assert list(found.unreadable) == [folder / "1.png", folder / "7.png", folder / "8.jpg"]
    assert found.unreadable[folder / "8.jpg"] == "it is a FIFO, no file"
    assert (
        "3 of 9 images cannot be read, the first is" in caplog.text and "1 files are not read (1 .mp4)" in caplog.text
    )
    assert not classify(good).unreadable
    again = classify([good[0], folder / "1.png", "missing.png"])
    assert len(again) == 1 and list(again.unreadable) == [folder / "1.png", Path("missing.png")]


def test_where_nothing_can_be_read_is_an_error(classify, folder, tmp_path):
    with pytest.raises(ValueError, match="2 of 2 images cannot be read, the first is .*1.png: .*"):
        classify([folder / "1.png", folder / "7.png"])
    with pytest.raises(ValueError, match="cannot read the image .*1.png: "):
        classify(folder / "1.png")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no images in .*: expected files of .bmp"):
        classify(tmp_path / "empty")


def test_images_in_other_forms(classify, folder):
    good = [folder / f"{index}.png" for index in (0, 2)]
    column = np.array([str(path) for path in good], object)
    assert classify(column) == classify(good), "a column of a table"
    greys = np.full((2, 9, 7), 100, np.uint8)
    assert classify(list(greys)) == classify([Image.fromarray(grey) for grey in greys]) == classify(greys[..., None])
    for wrong, message in (
        ("", "got an empty one"),
        ("a" * 5000, "cannot read the image .*: File name too long"),
        ([Image.new("P", (9, 7))], "got one of a palette, mode P"),
    ):
        with pytest.raises(ValueError, match=message):
            classify(wrong)


def test_links_out_of_a_folder_are_followed_if_the_user_says_so(classify, folder, tmp_path, caplog):
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "0.png").symlink_to(folder / "0.png")
    (linked / "more").symlink_to(folder)
    with pytest.raises(ValueError, match="0.png: it leads out of .*linked: refused; give --follow_links"):
        classify(linked)
    assert "behind 1 links to folders elsewhere is not read" in caplog.text
    found = pretrained.Classifier.__call__(classify, linked, follow_links=True)
    assert len(found) == 7 and len(found.unreadable) == 3


def test_answers_are_written_as_a_table(classify, folder, tmp_path):
    found = classify(folder)
    path = tmp_path / "answers.csv"
    found.write_csv(path)
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["path"] for row in rows] == [*(str(each.path) for each in found), *map(str, found.unreadable)]
    assert [row["label"] for row in rows] == [*(each.label for each in found), "", "", ""]
    for row, each in zip(rows, found, strict=False):
        assert float(row["probability"]) == each.probability and row["error"] == ""
        assert {name: float(row[f"probability_{name}"]) for name in each.probabilities} == each.probabilities
    assert rows[-1]["error"] == "it is a FIFO, no file"
    np.testing.assert_array_equal([len(list(tmp_path.glob(".*")))], [0])


def test_a_table_of_any_names(tmp_path):
    names = ("label", 'a "quoted", one', "two\nlines", "é", "=1+1")
    where = Path(os.fsdecode(b"caf\xe9/\n.png"))
    found = Predictions([Prediction("label", 0.5, dict.fromkeys(names, 0.2), where)], {where: "damaged, or\nso"})
    found.write_csv(tmp_path / "a.csv")
    with (tmp_path / "a.csv").open(encoding="utf-8", newline="") as file:
        head, *rows = csv.reader(file)
    assert head == ["path", "label", "probability", *(f"probability_{name}" for name in names), "error"]
    assert [row[0] for row in rows] == ["caf\\udce9/\n.png"] * 2 and rows[1][-1] == "damaged, or\nso"
    in_memory = Predictions([Prediction("a", 1.0, {"a": 1.0})])
    in_memory.write_csv(str(tmp_path / "a.csv"))
    assert (tmp_path / "a.csv").read_text() == "path,label,probability,probability_a,error\n,a,1.0,1.0,\n"
