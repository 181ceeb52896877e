"""Links among images, and what else lies in their folders: read, counted in the warning, or an error."""

import os

import numpy as np
import pytest
from PIL import Image

from nasnet_keras.pretrained.sources import dataset_of
from nasnet_keras.training import datasets
from nasnet_keras.training.datasets import image_folder


@pytest.fixture(autouse=True)
def fresh_keras():
    """Instead of the one of `conftest.py`: nothing here uses Keras."""


def make(folder, count=2, value=0):
    folder.mkdir(parents=True)
    for index in range(count):
        Image.new("RGB", (8, 8), (value, 9, index)).save(folder / f"{index}.png")
    return folder


@pytest.fixture
def pets(tmp_path):
    make(tmp_path / "disk" / "wild", 7)
    make(tmp_path / "pets" / "cat" / "home", 2)
    make(tmp_path / "pets" / "dog", 4)
    return tmp_path / "pets"


def counts(folder, **options):
    return np.bincount(image_folder.load(folder, **options).splits["train"].labels).tolist()


def test_a_linked_folder_within_a_class_is_told_of_or_followed(pets, tmp_path, caplog):
    (pets / "cat" / "wild").symlink_to(tmp_path / "disk" / "wild")
    assert counts(pets, follow_links=False) == [2, 4]
    assert "what is behind 1 links to folders elsewhere is not read" in caplog.text and "cat/wild" in caplog.text
    assert "give --follow_links (follow_links=True) if its links are your own" in caplog.text
    caplog.clear()
    assert counts(pets, follow_links=True) == [9, 4] and not caplog.text
    (tmp_path / "disk" / "wild" / "more").symlink_to(make(tmp_path / "farther"))
    assert counts(pets, follow_links=True) == [11, 4], "links in what is linked to, too"


def test_a_class_of_links_to_folders_alone_names_the_flag(pets, tmp_path):
    (pets / "bird").mkdir()
    (pets / "bird" / "wild").symlink_to(tmp_path / "disk" / "wild")
    said = r"bird has links to folders elsewhere alone \(.*bird/wild\): give --follow_links \(follow_links=True\)"
    with pytest.raises(ValueError, match=said):
        counts(pets, follow_links=False)
    assert counts(pets, follow_links=True) == [7, 2, 4]


def test_other_links_out_of_the_folder_are_an_error_that_names_the_flag(pets, tmp_path):
    (pets / "bird").symlink_to(tmp_path / "disk" / "wild")
    message = "leads out of .*pets: refused; give --follow_links"
    with pytest.raises(ValueError, match=f"pets/bird {message}"):
        counts(pets, follow_links=False)
    assert counts(pets, follow_links=True) == [7, 2, 4]
    (pets / "bird").unlink()
    for index in range(7):
        (pets / "dog" / f"l{index}.png").symlink_to(tmp_path / "disk" / "wild" / f"{index}.png")
    with pytest.raises(ValueError, match=f"(?s)7 problems; .*dog/l0.png {message}.*dog/l6.png {message}"):
        counts(pets, follow_links=False)
    assert counts(pets, follow_links=True) == [2, 11]
    split = tmp_path / "split"
    split.mkdir()
    (split / "train").symlink_to(pets)
    with pytest.raises(ValueError, match="split/train leads out of .*: refused"):
        counts(split, follow_links=False)


def test_whoever_reads_a_folder_stays_in_it_unless_told(pets, tmp_path):
    (pets / "bird").symlink_to(tmp_path / "disk" / "wild")
    with pytest.raises(ValueError, match="refused; give --follow_links"):
        datasets.load(pets)
    with pytest.raises(ValueError, match="refused; give --follow_links"):
        dataset_of(pets, None, None, (8, 8, 3))
    assert datasets.load(pets, follow_links=True).class_names == ("bird", "cat", "dog")
    assert dataset_of(pets, None, None, (8, 8, 3), follow_links=True).class_names == ("bird", "cat", "dog")


def test_links_within_the_folder_are_followed_and_no_folder_of_a_class_is_read_twice(pets, caplog):
    (pets / "cat" / "a_best").symlink_to(pets / "cat" / "home")
    (pets / "cat" / "up").symlink_to("..")
    (pets / "cat" / "itself").symlink_to("itself")
    (pets / "cat" / "9.png").symlink_to("home/0.png")
    assert counts(pets, follow_links=False) == [3, 4]
    assert "3 files are not read (2 links to folders that are read anyway, 1 itself)" in caplog.text
    (pets / "fox").symlink_to("dog")
    assert counts(pets, follow_links=False) == [3, 4, 4], "a class of its own"
    (pets / "dog" / "cats").symlink_to("../cat")
    (pets / "cat" / "dogs").symlink_to("../dog")
    assert counts(pets, follow_links=True) == [7, 7, 7], "round and round, once"
    (pets / "all").symlink_to(".")
    with pytest.raises(ValueError, match="pets/all is a link to a folder that it is in"):
        counts(pets, follow_links=True)


def test_links_that_lead_nowhere_are_errors_that_say_so(pets):
    (pets / "dog" / "x.png").symlink_to("/gone.png")
    (pets / "dog" / "y.png").symlink_to("y.png")
    for follow_links in (False, True):
        with pytest.raises(
            ValueError, match="(?s)dog/x.png: it is a link that leads nowhere.*dog/y.png: .*symbolic links"
        ):
            counts(pets, follow_links=follow_links)
    (pets / "fox").symlink_to("/gone")
    with pytest.raises(ValueError, match="pets/fox is a link that leads nowhere: expected FOLDER/CLASS/IMAGE"):
        counts(pets)


def test_whatever_is_not_read_is_counted(pets, caplog):
    make(pets / "cat" / ".hidden", 3)
    make(pets / "dog" / "@eaDir", 3)
    (pets / "dog" / "._0.png").write_text("of the system")
    (pets / "dog" / ".0.png").write_bytes((pets / "dog" / "0.png").read_bytes())
    (pets / "labels.csv").write_text("a,b")
    (pets / "dog" / "clip.mp4").write_text("no image")
    make(pets / "run", 5)
    (pets / "run" / "training.json").write_text("{}")
    assert counts(pets) == [2, 4]
    assert "7 files are not read (5 .png, 1 .csv, 1 .mp4), 4 hidden images are not read" in caplog.text


def test_a_folder_that_cannot_be_read_is_an_error(pets, monkeypatch):
    whole = os.scandir

    def failing(path):
        if str(path).endswith("home"):
            raise PermissionError(13, "Permission denied", str(path))
        return whole(path)

    monkeypatch.setattr(os, "scandir", failing)
    with pytest.raises(ValueError, match="cannot read the folder .*home: Permission denied"):
        counts(pets)
