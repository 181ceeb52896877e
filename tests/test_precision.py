"""The precision of a training, where a recipe leaves it open."""

import dataclasses
import json

import pytest
from helpers import SMALL_GENOTYPE
from own_classes import Judge

from nasnet_keras import genotype_cost, search
from nasnet_keras.card import Card
from nasnet_keras.search import SearchConfig, run_seeds
from nasnet_keras.search.evaluators import child
from nasnet_keras.search.own import Own
from nasnet_keras.training import datasets, fastest_precision
from nasnet_keras.training.config import TrainingConfig
from nasnet_keras.training.job import train
from nasnet_keras.training.precision import as_begun
from nasnet_keras.training.recipes import AUTO, Recipe
from nasnet_keras.training.trainer import Trainer
from nasnet_keras.utils.workdir import TRAINING, WorkdirError

RECIPE = Recipe(epochs=1, batch_size=128, learning_rate=0.1, pad=1, flip=False, precision=AUTO)
NETWORK = {"num_repeats": 1, "filters": 4}
WITH_HEAD = {**NETWORK, "classes": 10, "classifier_activation": None}


@pytest.fixture
def digits():
    return datasets.load("digits")


@pytest.fixture(autouse=True)
def remembered(tmp_path, monkeypatch):
    """The file of what was measured, in a cache that begins empty."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    return tmp_path / "keras" / "models" / "nasnet_keras" / "precisions.json"


@pytest.fixture
def measured(monkeypatch):
    """The steps that were measured; float32 takes a second a step, and bfloat16 as long as `measured.seconds` says."""

    class Measured(list):
        seconds = 0.5

    found = Measured()

    def seconds(trainer):
        found.append(trainer.recipe.precision)
        return {"float32": 1.0, "mixed_bfloat16": found.seconds}[trainer.recipe.precision]

    monkeypatch.setattr(fastest_precision, "_seconds_of_a_step", seconds)
    return found


def chosen(digits, recipe=RECIPE, **network):
    return fastest_precision.fastest_precision([SMALL_GENOTYPE], digits, {**WITH_HEAD, **network}, recipe)


@pytest.mark.parametrize("seconds, precision", [(0.5, "mixed_bfloat16"), (0.95, "float32"), (8.0, "float32")])
def test_another_precision_than_float32_is_a_tenth_faster(digits, measured, seconds, precision):
    measured.seconds = seconds
    assert chosen(digits) == precision and measured == ["float32", "mixed_bfloat16"]


def test_what_was_measured_is_remembered(digits, measured, remembered):
    first = chosen(digits)
    measured.seconds = 2.0
    assert chosen(digits) == first == "mixed_bfloat16" and len(measured) == 2
    assert chosen(digits, filters=8) == "float32" and len(measured) == 4, "another network"
    assert chosen(digits, dataclasses.replace(RECIPE, batch_size=64)) == "float32" and len(measured) == 6
    assert sorted(json.loads(remembered.read_text()).values()) == ["float32", "float32", "mixed_bfloat16"]
    for damage in ("{", "[]", '{"a": 1}'):
        remembered.write_text(damage)
        assert chosen(digits) == "float32"
    assert len(measured) == 12 and json.loads(remembered.read_text())


def test_a_cache_that_cannot_be_written_costs_a_measurement(digits, measured, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "file"))
    assert chosen(digits) == chosen(digits) == "mixed_bfloat16" and len(measured) == 4


def test_steps_are_really_measured(digits):
    seconds = []
    for precision in ("float32", "mixed_bfloat16"):
        recipe = dataclasses.replace(RECIPE, precision=precision, epochs=9)
        trainer = Trainer(SMALL_GENOTYPE, WITH_HEAD, digits, recipe, seed=0)
        seconds.append(fastest_precision._seconds_of_a_step(trainer))
        assert trainer.step == 7
    assert all(0.0 < one < 10.0 for one in seconds)


def test_a_training_keeps_its_precision(digits, measured, tmp_path):
    config = TrainingConfig(tmp_path / "run", SMALL_GENOTYPE, recipe=RECIPE, **NETWORK)
    card = train(config, digits).card
    assert card.training["recipe"]["precision"] == "mixed_bfloat16"
    assert json.loads((tmp_path / "run" / TRAINING).read_text())["config"]["recipe"]["precision"] == "mixed_bfloat16"
    measured.seconds = 2.0
    longer = dataclasses.replace(config, recipe=dataclasses.replace(RECIPE, epochs=2))
    assert train(longer, digits).card.training["recipe"]["precision"] == "mixed_bfloat16"
    assert len(measured) == 2
    named = dataclasses.replace(config, recipe=dataclasses.replace(longer.recipe, precision="float32"))
    with pytest.raises(WorkdirError, match="precision was 'mixed_bfloat16' and is now 'float32'"):
        train(named, digits)


def test_what_is_measured_changes_no_bit(digits, measured, tmp_path):
    measured.seconds = 2.0
    named = dataclasses.replace(RECIPE, precision="float32")
    runs = [
        train(TrainingConfig(tmp_path / f"{number}", SMALL_GENOTYPE, recipe=recipe, **NETWORK), digits).card
        for number, recipe in enumerate((named, RECIPE))
    ]
    assert measured and runs[0].weights.sha256 == runs[1].weights.sha256


def test_a_search_chooses_once_for_all_children(measured, tmp_path):
    config = SearchConfig(
        tmp_path / "study",
        **{"recipe": RECIPE, "trials": 1, "random_trials": 0, "executor": "inline", "train_images": 128},
        **{"algorithm": "random", "num_blocks": 1, "finalists": 1, "final_epochs": 1, **NETWORK},
    )
    study = search.run(config)
    assert measured == 2 * ["float32"] + 2 * ["mixed_bfloat16"]
    assert study.config["recipe"]["precision"] == "mixed_bfloat16"
    assert Card.read(study.path / study.result["card"]).training["recipe"]["precision"] == "mixed_bfloat16"
    measured.seconds = 2.0
    assert dataclasses.replace(config, trials=2).recipe.precision == "mixed_bfloat16"
    assert search.run(dataclasses.replace(config, trials=2, finalists=0)).trials[1].reward and len(measured) == 4


SEARCHED = {"recipe": RECIPE, "trials": 1, "random_trials": 0, "executor": "inline", "train_images": 128}
SEARCHED |= {"algorithm": "random", "num_blocks": 1, "finalists": 0, **NETWORK}


def test_searches_of_several_seeds_have_one_precision(measured, remembered, tmp_path):
    """The one that was measured first, also of a seed that is searched later, where another one is faster."""
    folder = tmp_path / "all"
    run_seeds(SearchConfig(folder, **SEARCHED), 2)
    assert len(measured) == 4
    remembered.unlink()
    measured.seconds = 2.0
    found = run_seeds(SearchConfig(folder, **SEARCHED), 3)
    assert len(measured) == 4 and len(found.studies) == 3
    assert {study.config["recipe"]["precision"] for study in found.studies} == {"mixed_bfloat16"}
    begun = json.loads((folder / "seeds.json").read_text())
    begun["config"]["recipe"]["precision"] = AUTO  # as it was written until 2026-12-01
    (folder / "seeds.json").write_text(json.dumps(begun))
    known = SearchConfig(folder, **{**SEARCHED, "recipe": dataclasses.replace(RECIPE, precision="mixed_bfloat16")})
    assert len(run_seeds(known, 3).studies) == 3


def test_what_is_measured_is_within_the_limits_of_a_search(tmp_path, monkeypatch):
    def within(genotypes, dataset, network, recipe, *, deterministic):
        costs = [genotype_cost(one, dataset.image_shape, **network).multiply_adds for one in genotypes]
        assert len(costs) == 2 and max(costs) <= 40000 and deterministic
        raise MemoryError

    monkeypatch.setattr(child, "fastest_precision", within)
    config = SearchConfig(tmp_path / "study", limit=["multiply_adds=40000"], **SEARCHED)
    assert Own().settled(config).recipe.precision == "float32"  # children that do not fit will tell


def test_no_precision_is_measured_for_an_evaluator_of_ones_own(measured, tmp_path, caplog):
    config = SearchConfig(tmp_path / "study", recipe=RECIPE, random_trials=0, trials=1)
    assert Own(evaluator=Judge()).settled(config).recipe.precision == "float32" and not measured
    assert "precision=auto is float32: it is measured for no evaluator of one's own" in caplog.text


def test_nothing_is_measured_where_nothing_is_trained(measured, tmp_path):
    table = {"evaluator": "tabular", "table": "nasnet_cells_cifar10", "trials": 4, "algorithm": "random"}
    study = search.run(SearchConfig(tmp_path / "study", recipe=RECIPE, **table))
    assert study.config["recipe"]["precision"] == "float32" and not measured


def test_files_of_earlier_versions_mean_float32(tmp_path):
    for text, precision in (
        ('{"config": {"recipe": {}}}', "float32"),
        ('{"config": {"recipe": 1}}', AUTO),
        ("{", AUTO),
    ):
        (tmp_path / TRAINING).write_text(text)
        assert as_begun(RECIPE, tmp_path, TRAINING).precision == precision


def test_a_trainer_does_not_choose(digits):
    with pytest.raises(ValueError, match="'auto' is for jobs.*expected float32 or mixed_bfloat16"):
        Trainer(SMALL_GENOTYPE, WITH_HEAD, digits, RECIPE, seed=0)
