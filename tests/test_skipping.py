"""What is wrong with folders of images is told at once, or left out and recorded; a class is never lost unsaid."""

import json
import re
import shutil

import numpy as np
import pytest
from colours import card_of, write_folder
from helpers import SMALL_GENOTYPE
from PIL import Image

from nasnet_keras import pretrained
from nasnet_keras.images.problems import ImagesError, Problems, of_record
from nasnet_keras.images.reading import read_folder
from nasnet_keras.pretrained import plan
from nasnet_keras.pretrained.__main__ import _report as report_fine_tuning
from nasnet_keras.pretrained.sources import dataset_of
from nasnet_keras.search import SearchConfig
from nasnet_keras.search.evaluators.child import ChildEvaluator
from nasnet_keras.training import datasets, job
from nasnet_keras.training.__main__ import _report as report_training
from nasnet_keras.training.config import TrainingConfig
from nasnet_keras.training.job import train
from nasnet_keras.training.recipes import Recipe
from nasnet_keras.utils.jobs import _message
from nasnet_keras.utils.workdir import WorkdirError

LEFT_OUT = {"green/1.png": "cannot be read", "lily": "has no images"}
HINT = "--skip_unreadable (skip_unreadable=True)"


def damage(*paths):
    for path in paths:
        path.write_bytes(path.read_bytes()[:-60])


@pytest.fixture
def flowers(tmp_path):
    """Ten images of two colours, one of them damaged, and an empty folder."""
    folder = write_folder(tmp_path / "flowers", 10)
    damage(folder / "green" / "1.png")
    (folder / "lily" / "within").mkdir(parents=True)
    return folder


def match(items, patterns):
    """Whether each item has its pattern."""
    return all(re.search(pattern, item) for pattern, item in zip(patterns, items, strict=True))


def lines(error):
    head, *items = str(error).split("\n  - ")
    return head, items


def test_all_problems_of_a_folder_are_told_at_once(flowers, tmp_path):
    shutil.copytree(flowers, tmp_path / "split" / "train")
    split = write_folder(tmp_path / "split" / "test", 6, ("red", "blue")).parent
    damage(split / "test" / "red" / "0.png", split / "test" / "blue" / "1.png")
    (split / "train" / "green" / "2.png").symlink_to("gone.png")
    (split / "train" / "notes").mkdir()
    (split / "train" / "notes" / "a.heic").write_text("another format")
    (split / "more").mkdir()
    (split / "fox").symlink_to("gone")
    with pytest.raises(ImagesError) as raised:
        datasets.load(split, image_size=8)
    head, items = lines(raised.value)
    assert head == f"{split}: 9 problems; {HINT} leaves out 5 of them:"
    said = (
        "split has more beside train: expected FOLDER/CLASS/IMAGE",
        "split/fox is a link that leads nowhere",
        "train/notes has no images: expected .*, and there are others \\(1 .heic\\)",
        "split/test has classes that .*train has not: blue",
        "test/blue/1.png: .*",
        "test/red/0.png: .*",
        "train/green/1.png: .*",
        "train/green/2.png: it is a link that leads nowhere",
        "train/lily has no images",
    )
    assert match(items, said)


def test_one_problem_is_one_line(flowers):
    (flowers / "lily" / "within").rmdir()
    (flowers / "lily").rmdir()
    with pytest.raises(ImagesError) as raised:
        datasets.load(flowers, image_size=8)
    assert str(raised.value).startswith(f"cannot read the image {flowers}/green/1.png: ")
    assert str(raised.value).endswith(f"; {HINT} leaves it out") and "\n" not in str(raised.value)


def test_what_cannot_be_read_is_left_out_if_the_user_says_so(flowers, caplog):
    found = datasets.load(flowers, image_size=8, skip_unreadable=True)
    assert found.skipped == LEFT_OUT and found.class_names == ("green", "red")
    assert sum(len(getattr(found, name)) for name in ("train", "validation", "test")) == 9
    assert "files and folders left out: 1 cannot be read, 1 has no images" in caplog.text
    assert "green/1.png" in caplog.text and "lily has no images" in caplog.text
    (flowers / "lily" / "within").rmdir()
    (flowers / "lily").rmdir()
    (flowers / "green" / "1.png").unlink()
    assert datasets.load(flowers, image_size=8).digest == found.digest, "as if it had not been there"


def test_a_class_of_which_nothing_is_left_is_an_error(flowers, tmp_path):
    damage(*(path for path in (flowers / "green").iterdir() if path.name != "1.png"))
    with pytest.raises(ImagesError) as raised:
        datasets.load(flowers, image_size=8, skip_unreadable=True)
    gone = f"no train image of the class green in {flowers} can be read: mend one, or move its folder away"
    assert str(raised.value) == gone
    with pytest.raises(ImagesError) as raised:
        datasets.load(flowers, image_size=8)
    head, items = lines(raised.value)
    assert items[0] == gone and len(items) == 7 and head.endswith("leaves out 6 of them:")
    (flowers / "notes").mkdir()
    (flowers / "notes" / "a.heic").write_text("another format")
    with pytest.raises(ImagesError) as raised:
        datasets.load(flowers, image_size=8, skip_unreadable=True)
    assert f"2 problems that {HINT} does not leave out:" in str(raised.value), "not a folder with other files either"


def test_links_that_lead_out_are_left_out_as_well_but_no_class_is(flowers, tmp_path):
    Image.new("RGB", (8, 8)).save(tmp_path / "out.png")
    (flowers / "red" / "out.png").symlink_to(tmp_path / "out.png")
    found = datasets.load(flowers, image_size=8, skip_unreadable=True)
    assert found.skipped == {**LEFT_OUT, "red/out.png": "leads out of the folder"}
    (flowers / "blue").mkdir()
    (flowers / "blue" / "out.png").symlink_to(tmp_path / "out.png")
    with pytest.raises(ImagesError, match="no train image of the class blue in .* can be read"):
        datasets.load(flowers, image_size=8, skip_unreadable=True)
    assert "red/out.png" not in datasets.load(flowers, image_size=8, skip_unreadable=True, follow_links=True).skipped


def test_the_first_problems_are_told_and_the_others_counted(tmp_path):
    folder = write_folder(tmp_path / "many", 100)
    damage(*folder.glob("red/*.png"))
    with pytest.raises(ImagesError) as raised:
        datasets.load(folder, image_size=8)
    _, items = lines(raised.value)
    assert len(items) == 21 and items[-1] == "and 31 more" and items[0].startswith("no train image of the class red")
    shown = _message(raised.value, "")
    assert shown.split("\n  - ")[1:] == items, "in lines of their own at a terminal, too"
    assert _message(ValueError("a\n  b\n\nc"), "") == "a b c", "other errors have one line"
    long = _message(ValueError("two:\n  - " + "a" * 900 + "\n  - b"), "")
    assert len(long) < 500 and long.endswith("…\n  - b")


def test_the_folders_of_a_fine_tuning_are_read_together(flowers, tmp_path):
    test = write_folder(tmp_path / "test", 4)
    damage(test / "red" / "0.png")
    (flowers / "rose").mkdir()
    shutil.copy(flowers / "red" / "0.png", flowers / "rose")
    with pytest.raises(ImagesError) as raised:
        dataset_of(str(flowers), None, test, (8, 8, 3))
    head, items = lines(raised.value)
    assert head == f"{flowers} and {test}: 4 problems; {HINT} leaves out 3 of them:"
    assert match(items, ("one image of rose", "green/1.png", "lily", "test/red/0.png"))
    shutil.rmtree(flowers / "rose")
    found = dataset_of(flowers, None, test, (8, 8, 3), skip_unreadable=True)
    assert found.skipped == {**LEFT_OUT, "test: red/0.png": "cannot be read"} and len(found.test) == 3
    with pytest.raises(ValueError, match="no folder .*gone"):
        dataset_of(flowers, None, tmp_path / "gone", (8, 8, 3))


def test_images_of_a_folder_without_classes(flowers, caplog):
    with pytest.raises(ImagesError, match=f"1.png: .*; {HINT[:17]}"):
        read_folder(flowers, (8, 8, 3), 100, skip_unreadable=False)
    with pytest.raises(ImagesError) as raised:
        read_folder(flowers, (8, 8, 3), 100)
    assert HINT not in str(raised.value), "who has no such setting"
    assert (
        len(read_folder(flowers, (8, 8, 3), 100, skip_unreadable=True)) == 9
        and "left out: 1 cannot be read" in caplog.text
    )
    damage(*flowers.glob("*/*.png"))
    with pytest.raises(ImagesError, match="no image in .*flowers can be read"):
        read_folder(flowers, (8, 8, 3), 100, skip_unreadable=True)


def test_a_training_records_what_it_left_out_and_says_it_at_the_end(flowers, tmp_path, capsys):
    recipe = Recipe(epochs=1, batch_size=4, learning_rate=0.01)
    config = TrainingConfig(tmp_path / "run", SMALL_GENOTYPE, recipe=recipe, num_repeats=1, filters=4, name="mine")
    result = train(config, datasets.load(flowers, image_size=16, skip_unreadable=True))
    recorded = json.loads((tmp_path / "run" / "training.json").read_text())["config"]
    assert recorded["skipped"] == LEFT_OUT
    report_training(result, from_files=True)
    said = "files and folders left out: 1 cannot be read, 1 has no images\n  - green/1.png\n  - lily\n"
    assert said in capsys.readouterr().out
    assert train(config, datasets.load(flowers, image_size=16, skip_unreadable=True)).card == result.card
    Image.fromarray(np.zeros((16, 16, 3), np.uint8)).save(flowers / "green" / "1.png")
    damage(flowers / "red" / "0.png")
    with pytest.raises(WorkdirError) as raised:
        train(config, datasets.load(flowers, image_size=16, skip_unreadable=True))
    assert "green/1.png was left out and is there now; red/0.png was there and is left out now" in str(raised.value)
    assert json.loads((tmp_path / "run" / "training.json").read_text())["config"] == recorded, "nothing was changed"


def test_runs_of_an_earlier_version_left_nothing_out():
    assert job._upgraded({}, "mine")["skipped"] == plan.upgraded({})["skipped"] == {}
    assert plan.upgraded({"skipped": LEFT_OUT})["skipped"] == LEFT_OUT


def test_a_fine_tuning_records_it_as_well(trained, flowers, tmp_path, short_heads, capsys):
    given = {"workdir": tmp_path / "mine", "epochs": 0, "skip_unreadable": True}
    result = pretrained.fine_tune(card_of(trained), flowers, **given)
    assert json.loads((tmp_path / "mine" / "fine_tuning.json").read_text())["config"]["skipped"] == LEFT_OUT
    report_fine_tuning(result)
    assert (
        "\nfiles and folders left out: 1 cannot be read, 1 has no images\n  - green/1.png\n  - lily\n"
        in capsys.readouterr().out
    )
    with pytest.raises(ImagesError, match=f"2 problems; {HINT[:17]}"):
        pretrained.fine_tune(card_of(trained), flowers, **{**given, "skip_unreadable": False})


def test_a_search_records_it_as_well(flowers, tmp_path):
    config = SearchConfig(tmp_path / "s1", dataset=flowers, image_size=16, skip_unreadable=True)
    assert ChildEvaluator(config).facts()["skipped"] == LEFT_OUT
    assert SearchConfig.from_json(config.to_json()).skip_unreadable and "skip_unreadable" not in config.identity()
    with pytest.raises(ImagesError, match="2 problems"):
        ChildEvaluator(SearchConfig(tmp_path / "s1", dataset=flowers, image_size=16))


def test_records_that_are_damaged_or_of_earlier_versions_say_nothing():
    assert of_record({}) == of_record({"skipped": {}}) == of_record({"skipped": ["a"]}) == ""
    assert not Problems("here") and Problems("here", skip=True).skipped == {}
