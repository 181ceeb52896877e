"""Files of 0.1.0's first formats, in `tests/frozen`: all load, and a run goes on by the split and rules it began with.

The old rule of a data set without splits of its own was a random split. Of `frozen/rare.npz` it leaves a class no image
to train on, so that a run which went on by another split would show.
"""

import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from frozen.settings import FINE_TUNING, STUDIES, TRAINING, TRAINING_DATA, TRAINING_RECIPE
from helpers import SMALL_GENOTYPE, difference, mostly_slow

from nasnet_keras import pretrained
from nasnet_keras.card import Card, decoded
from nasnet_keras.layers.normalized import NormalizedConv
from nasnet_keras.pretrained import start
from nasnet_keras.search import SearchConfig, load_study, run
from nasnet_keras.search.algorithms.evolution import RegularizedEvolution
from nasnet_keras.search.study.trial import fingerprint
from nasnet_keras.training import datasets
from nasnet_keras.training.config import TrainingConfig
from nasnet_keras.training.job import train
from nasnet_keras.training.recipes import Recipe
from nasnet_keras.training.trainer import Trainer

FROZEN = Path(__file__).parent / "frozen"
EXPECTED = json.loads((FROZEN / "expected.json").read_text())
CARDS = {"trained": "frozen", "fine_tuned": "frozen_pictures"}


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A copy of the files, in the current folder: runs know their data sets by relative paths."""
    shutil.copytree(FROZEN, tmp_path / "frozen")
    monkeypatch.chdir(tmp_path / "frozen")
    return tmp_path / "frozen"


@pytest.fixture
def seen(monkeypatch):
    """The numbers of images by class of all that is trained on: of training, validation and test."""
    found, begin = [], Trainer.__init__

    def begun(self, *args, **kwargs):
        begin(self, *args, **kwargs)
        splits = (self.dataset.train, self.dataset.validation, self.dataset.test)
        found.append([np.bincount(one.labels, minlength=len(self.dataset.class_names)).tolist() for one in splits])

    monkeypatch.setattr(Trainer, "__init__", begun)
    return found


@pytest.fixture
def former_kernels(monkeypatch):
    """The first values of kernels as they were drawn then; those of the package have the same distribution."""

    def add_kernel(self, name, shape):
        start = keras.initializers.VarianceScaling(2.0, "fan_out", "truncated_normal")
        return self.add_weight(name=name, shape=shape, initializer=start)

    monkeypatch.setattr(NormalizedConv, "_add_kernel", add_kernel)


def same_history(found, expected, images):
    """Equal but for the rounding of another processor, which may turn an image's answer, and for the time."""
    assert [sorted(entry) for entry in found] == [sorted(entry) for entry in expected]
    for one, other in zip(found, expected, strict=True):
        assert one["epoch"] == other["epoch"]
        for name in set(one) - {"epoch", "seconds"}:
            tolerance = {"abs": 1.01 / images} if "accuracy" in name else {"rel": 2e-3, "abs": 1e-6}
            assert one[name] == pytest.approx(other[name], **tolerance), (one["epoch"], name)


def same_trials(study, expected):
    assert [fingerprint(one.genotype) for one in study.trials] == [one["genotype"] for one in expected["trials"]]
    for trial, other in zip(study.trials, expected["trials"], strict=True):
        assert trial.reward == pytest.approx(other["reward"], abs=0.21)
        if other["loss"] is not None:
            assert trial.metrics["loss"] == pytest.approx(other["loss"], rel=2e-3)


def same_answers(card, expected):
    with np.load(FROZEN / "answers.npz") as stored:
        assert difference(pretrained.load(card)(stored["fine_tuned_images"]), expected) < 0.01


@pytest.mark.parametrize("name", ["cells", "macro", "chain", "fused", "fine_tuned"])
def test_a_saved_model_of_every_kind_answers_as_it_did(name):
    path = FROZEN / "fine_tuned" / "frozen_pictures.keras" if name == "fine_tuned" else FROZEN / f"{name}.keras"
    model = keras.models.load_model(path)
    with np.load(FROZEN / "answers.npz") as stored:
        outputs = model(stored["fine_tuned_images" if name == "fine_tuned" else "images"])
        if name == "cells":
            assert difference(outputs["auxiliary"], stored["cells_auxiliary"]) < 1e-4
            outputs = outputs["logits"]
        assert difference(outputs, stored[name]) < 1e-4


@pytest.mark.parametrize("folder", ["trained", "fine_tuned"])
def test_a_card_loads_with_its_weights(folder):
    path = FROZEN / folder / f"{CARDS[folder]}.json"
    card = Card.read(path)
    images, outputs = decoded(card.reference)
    assert card.class_names == ("blue", "green", "red") and card.cost["parameters"] == 1665
    assert difference(pretrained.load(path, classifier_activation=None)(images), outputs) < 1e-3


def test_a_training_goes_on(copy, seen):
    expected = EXPECTED["training"]
    config = TrainingConfig("training", SMALL_GENOTYPE, recipe=Recipe(**TRAINING_RECIPE), **TRAINING)
    result = train(config, datasets.load(**TRAINING_DATA))
    assert seen == expected["splits"] == [[[8, 14, 0], [7, 1, 0], [4, 3, 3]]]
    assert result.card.dataset["images"] == {"train": 22, "validation": 8, "test": 10}
    same_history(result.history, expected["history"], images=8)
    same_answers(result.path, expected["outputs"])
    finished = TrainingConfig("trained", SMALL_GENOTYPE, recipe=Recipe(**TRAINING_RECIPE), **TRAINING)
    assert train(finished, datasets.load(**TRAINING_DATA)).history == expected["history"]


def test_a_fine_tuning_goes_on(copy, seen, monkeypatch):
    expected = EXPECTED["fine_tuning"]
    monkeypatch.setattr(start, "train_head", None)  # that was done before the stop
    result = pretrained.fine_tune("trained/frozen.json", workdir="fine_tuning", **FINE_TUNING)
    assert seen == expected["splits"]
    same_history(result.history, expected["history"], images=5)
    same_answers(result.path, expected["outputs"])
    assert np.abs(result.confusion - expected["confusion"]).sum() <= 2
    finished = pretrained.fine_tune("trained/frozen.json", workdir="fine_tuned", **FINE_TUNING)
    assert finished.history == expected["history"] and finished.confusion.tolist() == expected["confusion"]


@pytest.mark.parametrize("name", ["study_child", "study_shared"])
def test_a_search_goes_on_with_its_trials(name, copy, seen, without_finals, former_kernels):
    before = load_study(name)
    study = run(config_of(name))
    assert len(before.trials) < len(study.trials) == 4 and study.trials[: len(before.trials)] == before.trials
    same_trials(study, EXPECTED[name])
    assert all(splits in EXPECTED[name]["splits"] for splits in seen)


@pytest.mark.parametrize("name", mostly_slow(("study_child", "study_finalist", "study_shared"), ("study_finalist",)))
def test_a_search_goes_on(name, copy, seen, former_kernels):
    before = load_study(name)
    study = run(config_of(name))
    expected = EXPECTED[name]
    assert study.trials[: len(before.trials)] == before.trials and len(study.trials) == 4
    same_trials(study, expected)
    assert seen and all(splits in expected["splits"] for splits in seen)
    histories = {path.parent.name: json.loads(path.read_text()) for path in study.path.glob("final/*/*/history.json")}
    assert len(histories) == 2
    for folder in {*histories} & {*expected["finalists"]}:  # which they are may hang on a rounded reward
        same_history(histories[folder], expected["finalists"][folder], images=5)
    assert (
        study.result["test_images"] == sum(expected["splits"][-1][2]) and (study.path / study.result["card"]).exists()
    )


@pytest.mark.parametrize("name", ["study_ppo", "study_evolution"])
def test_a_search_of_a_table_goes_on(name, copy, monkeypatch):
    told, tell = [], RegularizedEvolution.tell

    def telling(self, choices, reward):
        told.append(reward)
        tell(self, choices, reward)

    monkeypatch.setattr(RegularizedEvolution, "tell", telling)
    study = run(config_of(name))
    found = [{"genotype": fingerprint(one.genotype), "reward": one.reward, "loss": None} for one in study.trials]
    assert found == EXPECTED[name]["trials"] and study.result is not None
    if name == "study_evolution":
        assert len(told) == 29, "the checkpoint of 100 trials is read"


def config_of(name):
    settings = dict(STUDIES[name])
    if "recipe" in settings:
        settings["recipe"] = Recipe(**settings["recipe"])
    return SearchConfig(name, **settings)
