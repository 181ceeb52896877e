"""Children: how they are trained, judged and rewarded, on one device and on several."""

import dataclasses
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from nasnet_keras import Block, Cell, Edge, Genotype, NASNetFromGenotype, model_cost
from nasnet_keras.card import Card
from nasnet_keras.genotypes.catalogue import NASNET_A
from nasnet_keras.layers.normalized import CountedLayer
from nasnet_keras.search import CellSpace, SearchConfig
from nasnet_keras.search.evaluators import child
from nasnet_keras.search.evaluators.child import ChildEvaluator
from nasnet_keras.search.testing import check_evaluator
from nasnet_keras.training import datasets
from nasnet_keras.training.errors import DivergedError
from nasnet_keras.training.recipes import Recipe
from nasnet_keras.training.trainer import Trainer

CELL = Cell([Block(Edge("conv_3x3", "current"), Edge("identity", "previous"))], ["block_0"])
SMALL = Genotype(CELL, CELL)
RECIPE = Recipe(epochs=2, batch_size=64, learning_rate=0.1, pad=1, flip=False)


def config(**changes):
    return SearchConfig("unused", **{"filters": 4, "recipe": RECIPE, "final_epochs": 1, **changes})


def test_digits_are_real_and_split_without_overlap():
    digits = datasets.load("digits")
    parts = (digits.train, digits.validation, digits.test)
    assert [len(part) for part in parts] == [1197, 300, 300] and digits.image_shape == (8, 8, 1)
    images = np.concatenate([part.images for part in parts])
    assert images.dtype == np.uint8 and images.min() == 0 and images.max() == 255
    assert len(np.unique(images.reshape(1797, -1), axis=0)) == 1797
    for part in parts:
        assert (np.bincount(part.labels, minlength=10) >= 15).all()


def test_trained_children_keep_the_contract_of_evaluators():
    space = CellSpace(("identity", "sep_conv_3x3"), num_blocks=1)
    check_evaluator(lambda: ChildEvaluator(config(train_images=128)), space, genotypes=1)


def test_children_learn_and_say_what_they_cost():
    longer = dataclasses.replace(RECIPE, epochs=3)
    reward, metrics = ChildEvaluator(config(recipe=longer)).evaluate(NASNET_A, seed=3)
    assert reward == metrics["validation_accuracy"] > 0.6 and 0.0 < metrics["loss"] < 2.0
    network = {"num_repeats": 1, "filters": 4, "classes": 10}
    model = NASNetFromGenotype(NASNET_A, (8, 8, 1), **network)
    assert metrics["parameters"] == model.count_params()
    assert metrics["multiply_adds"] == model_cost(model).multiply_adds


def test_a_child_depends_on_its_genotype_and_seed_alone():
    evaluator = ChildEvaluator(config(train_images=320))
    first = evaluator.evaluate(SMALL, seed=1)
    other = evaluator.evaluate(SMALL, seed=2)
    assert first != other
    assert evaluator.evaluate(SMALL, seed=1) == first
    assert ChildEvaluator(config(train_images=320)).evaluate(SMALL, seed=1) == first


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"final_num_repeats": 2000}, "a finalist of this search cannot be trained: num_repeats must be at most 1,000"),
        ({"final_filters": 2**31 - 1}, "a finalist of this search .* parameters are more than this machine's memory"),
        ({"recipe": dataclasses.replace(RECIPE, auxiliary_weight=0.4)}, "a child of this search cannot be trained"),
        ({"space": "enas_macro", "num_layers": 700, "algorithm": "random"}, "letters is too large to be a genotype"),
    ],
)
def test_what_no_genotype_can_be_trained_by_is_told_before_the_first(changes, message):
    settings = config(**changes)
    with pytest.raises(ValueError, match=message):
        ChildEvaluator(settings).accept(settings.search_space())


def test_limits_that_larger_finalists_may_be_over_are_told_before_the_first_child(caplog):
    space = CellSpace(("identity", "sep_conv_3x3"), num_blocks=1)
    ChildEvaluator(config(limit="parameters=1e6")).accept(space)
    ChildEvaluator(config(final_filters=8)).accept(space)
    assert "limits" not in caplog.text
    ChildEvaluator(config(limit="parameters=1e6", final_filters=8, final_num_repeats=1)).accept(space)
    assert "limits are of children: finalists have filters=8, not 4, and may be over parameters=1000000" in caplog.text


def test_a_name_that_no_card_can_have_is_told_before_the_first_child(monkeypatch):
    named = dataclasses.replace(datasets.load("digits"), name="x" * 300)
    monkeypatch.setattr(child.datasets, "load", lambda *_, **__: named)
    with pytest.raises(ValueError, match="a child of this search cannot be trained: .*must be a bare name"):
        ChildEvaluator(config()).accept(config().search_space())


def test_rewards(monkeypatch):
    accuracies = [0.5, 0.9, 0.1, 0.2, 0.3, 0.6, 0.4]

    def rewarded(**changes):
        given = iter(accuracies[len(accuracies) - counted :])
        monkeypatch.setattr(Trainer, "validate", lambda trainer: {"validation_accuracy": next(given)})
        recipe = dataclasses.replace(RECIPE, epochs=len(accuracies))
        reward, metrics = ChildEvaluator(config(recipe=recipe, train_images=64, **changes)).evaluate(SMALL, seed=0)
        assert next(given, None) is None, "no accuracy was computed for nothing"
        assert metrics["validation_accuracy"] == pytest.approx(reward ** (1 / changes.get("reward_exponent", 1)))
        return reward

    counted = 1
    assert rewarded() == 0.4
    counted = 7
    assert rewarded(reward="best") == 0.9
    assert rewarded(reward="best", reward_exponent=3) == pytest.approx(0.9**3)
    counted = 5
    assert rewarded(reward="best_of_last_five") == 0.6


def test_children_see_part_of_the_training_images_and_never_others(monkeypatch):
    seen = []
    real = Trainer.__init__

    def watched(self, genotype, network, dataset, *arguments, **options):
        seen.append(dataset)
        real(self, genotype, network, dataset, *arguments, **options)

    monkeypatch.setattr(Trainer, "__init__", watched)
    digits = datasets.load("digits")
    for _ in range(2):
        ChildEvaluator(config(train_images=128)).evaluate(SMALL, seed=0)
    assert len(seen[0].train) == 128 and np.array_equal(seen[0].train.images, seen[1].train.images)
    known = {image.tobytes() for image in digits.train.images}
    assert all(image.tobytes() in known for image in seen[0].train.images)
    assert np.array_equal(seen[0].validation.images, digits.validation.images)
    with pytest.raises(ValueError, match="train_images=1198.* has 1197 training images"):
        ChildEvaluator(config(train_images=1198))


def test_the_test_images_are_not_looked_at_by_children(monkeypatch):
    blind = dataclasses.replace(datasets.load("digits"), test=None)
    monkeypatch.setattr(child.datasets, "load", lambda *_, **__: blind)
    ChildEvaluator(config(train_images=64)).evaluate(SMALL, seed=0)


def test_a_diverged_child_stops_at_once():
    steps = []
    evaluator = ChildEvaluator(
        config(recipe=dataclasses.replace(RECIPE, learning_rate=1e20, clip_norm=0.0, epochs=500))
    )
    real = Trainer.advance
    with pytest.MonkeyPatch.context() as patch, pytest.raises(DivergedError, match="the loss became"):
        patch.setattr(Trainer, "advance", lambda trainer: steps.append(0) or real(trainer))
        evaluator.evaluate(SMALL, seed=0)
    assert len(steps) <= 50


def test_a_child_too_large_for_memory_is_told_apart(monkeypatch):
    def exhausted(trainer):
        raise tf.errors.ResourceExhaustedError(None, None, "no memory")

    monkeypatch.setattr(Trainer, "advance", exhausted)
    with pytest.raises(MemoryError, match="no memory"):
        ChildEvaluator(config()).evaluate(SMALL, seed=0)


def test_mixed_precision_computes_narrow_and_keeps_wide():
    digits = datasets.load("digits")
    recipe = dataclasses.replace(RECIPE, precision="mixed_bfloat16")
    network = {"num_repeats": 1, "filters": 4, "classes": 10, "classifier_activation": None}
    before = keras.config.dtype_policy().name
    trainer = Trainer(SMALL, network, digits, recipe, seed=0)
    assert keras.config.dtype_policy().name == before
    convolutions = [layer for layer in trainer.stepper.model.layers if isinstance(layer, CountedLayer)]
    assert convolutions and {layer.compute_dtype for layer in convolutions} == {"bfloat16"}
    while trainer.step < trainer.total:
        trainer.advance()
    assert {np.asarray(value).dtype.name for name, value in trainer.state.items() if "generator" not in name} == {
        "float32"
    }
    assert trainer.validate()["validation_accuracy"] > 0.25, "chance is 0.1"


def test_finalists_are_trained_by_the_training_job(tmp_path):
    evaluator = ChildEvaluator(config(final_num_repeats=2, final_filters=5))
    score, metrics = evaluator.finish(SMALL, 4, tmp_path / "final")
    card = Card.read(tmp_path / "final" / "searched_digits.json")
    assert score == metrics["validation_accuracy"] == card.metrics["validation_accuracy"]
    assert metrics["test_accuracy"] == card.metrics["test_accuracy"] and metrics["epochs"] == 1
    assert card.network["num_repeats"] == 2 and card.network["filters"] == 5 and card.training["seed"] == 4
    assert evaluator.finish(SMALL, 4, tmp_path / "final") == (score, metrics), "what is done is not done again"
    (tmp_path / "study").mkdir()
    files = evaluator.publish(tmp_path / "final", tmp_path / "study")
    digits = datasets.load("digits")
    images = digits.test.images[:32] / np.float32(127.5) - 1.0
    card = Card.read(tmp_path / "study" / files["card"])
    weights = tmp_path / "study" / card.weights.file
    saved, built = keras.models.load_model(tmp_path / "study" / files["model"]), card.build(weights=weights)
    np.testing.assert_allclose(saved.predict(images, verbose=0), built.predict(images, verbose=0), atol=1e-4)


def test_an_exported_data_set_is_the_same(tmp_path):
    digits = datasets.load("digits")
    datasets.save(digits, tmp_path / "other.npz")
    there = config(dataset=tmp_path / "other.npz", image_size=None)
    evaluator = ChildEvaluator(there)
    (tmp_path / "export").mkdir()
    exported = evaluator.exported(there, tmp_path / "export")
    assert exported.dataset == str(tmp_path / "export" / "other.npz")
    again = datasets.load(exported.dataset)
    for name in ("train", "validation", "test"):
        one, two = getattr(digits, name), getattr(again, name)
        assert np.array_equal(one.images, two.images) and np.array_equal(one.labels, two.labels)
    assert (again.class_names, again.source, again.name) == (digits.class_names, digits.source, "other")
    assert evaluator.exported(config(), tmp_path) == config(), "what is in the package need not be written"


def test_data_without_validation_images_is_refused(tmp_path):
    digits = datasets.load("digits")
    splits = {"train": digits.train, "test": digits.test}
    arrays = {f"{name}_images": split.images for name, split in splits.items()}
    arrays |= {f"{name}_labels": split.labels for name, split in splits.items()}
    np.savez(tmp_path / "no.npz", **arrays)
    with pytest.raises(ValueError, match="no validation images to choose children by"):
        ChildEvaluator(config(dataset=tmp_path / "no.npz", validation_fraction=0.0))


@pytest.mark.parametrize(
    "parts",
    [
        ("synchronized", "chosen"),
        pytest.param(("apart", "supernet", "statistics", "jobs"), marks=pytest.mark.slow),
        pytest.param(("sam",), marks=pytest.mark.fuzz),
    ],
    ids=" ".join,
)
def test_two_devices_make_the_updates_of_one(parts):
    """In a process of its own, since the devices must be split before TensorFlow starts."""
    subprocess.run([sys.executable, Path(__file__).with_name("replicas.py"), *parts], check=True, timeout=600)
