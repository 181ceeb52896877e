"""Pictures of trainings, and of any texts and histories that they may have."""

import json
import re
import shutil
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from pages import NASTY, study_of, trial
from test_report_job import RUNS, history, words

import nasnet_keras as nk
from nasnet_keras import search
from nasnet_keras.pages.axes import Axis
from nasnet_keras.pages.charts import Chart
from nasnet_keras.pages.legend import line
from nasnet_keras.pages.picture import picture
from nasnet_keras.training.picture import training_curve_svg

MODELS = Path(__file__).parent.parent / "docs" / "models"


def title_of(svg):
    (found,) = (one.text for one in ElementTree.fromstring(svg).iter() if one.get("class") == "title")
    return found


def cycles(folder, *runs):
    """A run that was trained on, whose cycles have so many epochs before them."""
    for place, before, rows in runs:
        (folder / place).mkdir(parents=True, exist_ok=True)
        (folder / place / "fine_tuning.json").write_text(json.dumps({"config": {"epochs_before": before}}))
        (folder / place / "history.json").write_text(json.dumps(rows))
    return folder


def test_texts_of_a_picture_are_text_and_nothing_else():
    svg = training_curve_svg(history((0.5,)), NASTY)
    assert title_of(svg) == NASTY and "<script" not in svg
    chart = Chart("a", "a", "a", Axis("a", 0.0, 1.0), "a", (0.0, 1.0))
    texts, _ = words(picture(chart, [(line("a"), "&lt;b&gt; &amp; c")], NASTY))
    assert "<b> & c" in texts and NASTY in texts
    assert title_of(picture(chart, [], "\udcff")) == "\\udcff"


def test_long_texts_are_shortened_in_their_middle():
    for letter, most in (("x", 84), ("\u7db2", 43), ("\0", 84)):
        name = title_of(training_curve_svg(history((0.5,)), f"first{letter * 10**4}: accuracy over epochs"))
        assert name.startswith("first") and name.endswith(": accuracy over epochs") and "\u2026" in name
        assert len(name) <= most + 20 * (letter != "x")
    assert title_of(training_curve_svg(history((0.5,)), "x" * 84)) == "x" * 84
    chart = Chart("a", "a", "a", Axis("a", 0.0, 1.0), "a", (0.0, 1.0))
    assert max(map(len, words(picture(chart, [(line("a"), "k" * 300)], "a"))[0])) < 109


def test_cycles_that_lead_back_end(tmp_path):
    """Damaged: a cycle whose number of epochs before it does not become smaller."""
    rows = history((0.5,))
    cycles(tmp_path, (".", 2, rows), ("until_epoch_2", 2, rows), ("until_epoch_3", 3, rows))
    dots = words(training_curve_svg(tmp_path))[1]
    assert [re.findall(r"\d+", dot)[0] for dot in dots] == ["1", "3"]


def test_an_epoch_that_two_cycles_have_is_drawn_once(tmp_path):
    """Epoch 0 of a fine-tuning that goes on is the last one of the cycle before."""
    rows = [{"epoch": epoch, "validation_accuracy": 0.1 * epoch} for epoch in range(4)]
    svg = training_curve_svg(cycles(tmp_path / "run", (".", 3, rows), ("until_epoch_3", 0, rows)))
    assert [re.findall(r"\d+", dot)[0] for dot in words(svg)[1]] == [str(epoch) for epoch in range(7)]
    assert "averaged weights: 6 epochs, at best" in svg
    shutil.rmtree(tmp_path / "run" / "until_epoch_3")
    assert len(words(training_curve_svg(tmp_path / "run"))[1]) == 4, "which is not there now"
    svg = training_curve_svg(cycles(tmp_path / "new", (".", 3, rows[:1]), ("until_epoch_3", 0, rows[:1])))
    assert [re.findall(r"\d+", dot)[0] for dot in words(svg)[1]] == ["0", "3"]


def test_the_file_of_a_history_is_taken(tmp_path):
    whole = training_curve_svg(RUNS / "trained")
    assert training_curve_svg(RUNS / "trained" / "history.json") == whole
    name = "amoebanet_d_cifar10"
    assert title_of(training_curve_svg(str(MODELS / f"{name}.json"))) == f"{name}: accuracy over epochs"
    (tmp_path / "a.json").write_text("{")
    for value in (tmp_path / "a.json", tmp_path / "nowhere"):
        with pytest.raises(ValueError, match=r"its history\.json, or a list of an epoch's figures each"):
            nk.plot_training_curve(value, tmp_path / "a.svg")


def test_figures_of_numpy_are_taken_and_other_titles_refused():
    given = [{"epoch": np.int64(1), "accuracy": np.float32(0.5)}, {"epoch": 2, "accuracy": np.float64(0.25)}]
    assert words(training_curve_svg(given))[1] == ["epoch 1: 0.5000", "epoch 2: 0.2500"]
    with pytest.raises(ValueError, match="title must be a text, got 3"):
        training_curve_svg(given, 3)
    with pytest.raises(ValueError, match="a share from 0 to 1"):
        training_curve_svg([{"epoch": 1, "accuracy": np.float32("nan")}])


def test_a_long_training_is_a_small_picture():
    svg = training_curve_svg([{"epoch": epoch, "accuracy": epoch / 20_000} for epoch in range(1, 20_001)])
    assert len(svg) < 40_000 and "20,000 epochs, at best 1.0000 at epoch 20000" in svg


def test_a_picture_needs_its_folder(tmp_path):
    made, nowhere = study_of(tmp_path / "s", [trial(0, costs={"multiply_adds": 3})]), tmp_path / "no" / "a.svg"
    for draw in (
        lambda: nk.plot_genotype("nasnet_a", nowhere),
        lambda: nk.plot_training_curve(RUNS / "trained", nowhere),
        lambda: search.plot_optimization_history(made, nowhere),
        lambda: search.plot_pareto_front(made, nowhere),
        lambda: search.compare([made]).plot(nowhere),
    ):
        with pytest.raises(FileNotFoundError, match=r"^there is no folder '.*no' for the picture: make it first$"):
            draw()


def test_what_is_no_study_is_one_error(tmp_path):
    made = study_of(tmp_path / "s", [trial(0)])
    for value in (3, [3], None, [None]):
        with pytest.raises(search.StudyError, match="expected, got"):
            search.compare(value)
    assert search.compare(str(made.path)).rows() == search.compare([made]).rows()


def test_more_kinds_than_colors_are_refused(tmp_path):
    studies = [study_of(tmp_path / f"s{n}", [trial(n)], num_blocks=n + 1) for n in range(9)]
    with pytest.raises(ValueError, match="9 kinds of search are too many to tell apart by color: compare at most 8"):
        search.compare(studies).plot(tmp_path / "a.svg")
    assert search.compare(studies[:8]).plot(tmp_path / "a.svg").is_file() and search.compare(studies).page()
