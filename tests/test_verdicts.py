"""What jobs say of a training that did not help: the weights that were kept, both figures, and what to try."""

from types import SimpleNamespace

import pytest
from colours import card_of, pictures
from pages import study_of, trial

from nasnet_keras import pretrained
from nasnet_keras.pretrained.verdict import verdict as of_fine_tuning
from nasnet_keras.search.report.terminal import summary
from nasnet_keras.training.curve import Curve
from nasnet_keras.training.verdict import verdict as of_training

RECIPE = {"epochs": 6, "batch_size": 32, "learning_rate": 0.006, "muon_rate": 0.03, "average_decay": 0.98}

WILD = {"recipe": {**RECIPE, "learning_rate": 1.0, "muon_rate": 0.5}}


def history(*shares, first=0, accuracy=0.6, weighted=False):
    key = "validation_weighted_accuracy" if weighted else "validation_accuracy"
    figures = {"validation_accuracy": 0.99, "accuracy": accuracy}
    return [{"epoch": epoch, **figures, key: share} for epoch, share in enumerate(shares, first)]


def card(kept=None, validation=100, train=1000, classes=2, batch_norm="adapt", **training):
    return SimpleNamespace(
        class_names=[str(label) for label in range(classes)],
        input_shape=(64, 64, 3),
        dataset={"images": {"train": train, "validation": validation, "test": 0}},
        metrics={"validation_images": validation},
        training={"recipe": RECIPE, "kept_epoch": kept, "batch_norm": batch_norm, **training},
    )


def test_training_that_made_it_worse_is_told_with_both_figures():
    said = of_fine_tuning(card(0), history(0.8, 0.4, 0.5, 0.45))
    assert said.startswith(
        "The head alone was kept: with it, 0.8000 of the validation images were right. Training the whole network made "
        "it worse: at best 0.5000 after epoch 2, and 0.4500 after epoch 3, the last one."
    )
    assert "smaller steps: --muon_rate=0.01 --learning_rate=0.002" in said and "--head_only" in said
    assert "validation_accuracy.md" in said.splitlines()[-1]
    assert "--muon_rate=0.01 --learning_rate=0.005" in of_fine_tuning(card(0, **WILD), history(0.8, 0.4, 0.4))
    assert "worse: 0.4000 after epoch 2, the last one" in of_fine_tuning(card(0), history(0.8, 0.4, 0.4))
    before = of_fine_tuning(card(0, epochs_before=5), history(0.8, 0.4, weighted=True))
    assert before.startswith("The model of 5 epochs was kept: with it, 0.8000 of the validation images, every class")
    assert "made it worse: 0.4000 after epoch 1, the last one." in before


@pytest.mark.parametrize(
    ("changes", "figures", "first", "others"),
    [
        ({}, history(0.8, 0.4, 0.3), "smaller steps", ("--head_only",)),
        ({}, history(0.8, 0.3, 0.5), "more epochs: it was still rising: --epochs=18", ("smaller steps",)),
        ({"epochs_before": 20}, history(0.8, 0.3, 0.5), "more epochs: it was still rising: --epochs=38", ()),
        ({}, history(0.8, 0.6, 0.55, accuracy=0.98), "more images: it knows those", ("--cutout=16", "0.9800")),
        ({"train": 90}, history(0.8, 0.4, 0.3), "smaller steps", ("--batch_norm=frozen",)),
        ({"train": 40}, history(0.8, 0.4, 0.3), "smaller steps", ("there are 20 of a class",)),
        ({"validation": 8}, history(0.75, 0.375, 0.25), "smaller steps", ("one of 8 is worth 0.1250",)),
    ],
)
def test_what_to_try_follows_from_the_situation(changes, figures, first, others):
    lines = of_fine_tuning(card(0, **changes), figures).splitlines()
    assert lines[2].strip().startswith(first)
    assert all(any(other in line for line in lines[2:]) for other in others)
    plain = "\n".join(of_fine_tuning(card(0), history(0.8, 0.4, 0.3)).splitlines())
    assert not any(word in plain for word in ("batch_norm", "more images", "more validation", "more epochs"))


def test_training_that_helped_is_told_in_a_sentence():
    assert of_fine_tuning(card(3), history(0.5, 0.6, 0.7, 0.8)) == (
        "Epoch 3, the last one, was kept: 0.8000 of the validation images were right, against 0.5000 with the head "
        "alone."
    )
    assert of_fine_tuning(card(1), history(0.5, 0.9, 0.7)) == (
        "Epoch 1 was kept: 0.9000 of the validation images were right, against 0.5000 with the head alone and 0.7000 "
        "after epoch 2, the last one."
    )
    assert not of_fine_tuning(card(0), history(0.5)), "the head alone was all that was asked for"


def test_a_training_from_scratch_that_got_worse_or_learnt_nothing_is_told():
    worse = of_training(card(), history(0.6, 0.8, 0.5, first=1))
    assert worse.startswith(
        "More training made it worse: after epoch 2, 0.8000 of the validation images were right, after the last one, "
        "3, whose weights are kept, 0.5000.\nWhat to try, the likeliest first:\n  smaller steps: --muon_rate=0.01"
    )
    assert "fewer epochs: --epochs=2, in a new --workdir" in worse
    overfitted = of_training(card(), history(0.6, 0.8, 0.6, first=1, accuracy=1.0))
    assert (
        overfitted.splitlines()[2].strip().startswith("more variety: it knows its training images (1.0000 are right)")
    )
    nothing = of_training(card(classes=10), history(0.1, 0.16, 0.12, first=1))
    assert nothing.startswith("It has not learnt: at best 0.1600 of the validation images are right, and guessing gets")
    further = of_training(card(epochs_before=20), history(0.6, 0.8, 0.5, first=1))
    assert "--epochs=22, in a new --workdir; until_epoch_20 has the model from before" in further, "--epochs counts all"
    for fine in (history(0.6, 0.8, 0.79, first=1), history(0.8, first=1), []):
        assert not of_training(card(), fine)
    assert not of_training(card(validation=0), history(0.6, 0.8, 0.5, first=1))


@pytest.mark.parametrize(("images", "share"), [(1, 1.0), (4, 1.0), (4, 0.5), (10, 0.8)])
def test_of_few_images_nothing_is_told(images, share):
    assert not of_training(card(validation=images), history(share, first=1)), "all right, or right by chance"
    assert of_training(card(validation=64), history(0.5, first=1)).startswith("It has not learnt")


def test_a_small_difference_may_be_chance():
    for best, last, images in ((0.625, 0.375, 8), (0.9867, 0.98, 300), (1.0, 0.99, 300), (1.0, 0.75, 4)):
        assert not Curve(history(best, last), images).has_fallen
    for best, last, images in ((0.625, 0.375, 40), (0.9867, 0.94, 300), (0.9, 0.6, 100)):
        assert Curve(history(best, last), images).has_fallen


def test_a_search_tells_of_children_that_are_all_alike_and_of_a_winner_that_got_worse(tmp_path):
    alike = study_of(tmp_path / "alike", [trial(number, 0.1) for number in range(6)])
    assert "All 6 children have the same reward, as if they had learnt nothing" in summary(alike)
    figures = {"test_images": 50, "test_accuracy": 0.5, "epochs": 20, "parameters": 9, "validation_accuracy": 0.6}
    worse = {"best_epoch": 7, "best_validation_accuracy": 0.8}
    trials = [trial(number, number / 10) for number in range(6)]
    shown = summary(study_of(tmp_path / "worse", trials, result={**figures, **worse}))
    assert "made the winner worse: its validation accuracy was 0.8000 after epoch 7, and is 0.6000 at the end" in shown
    assert "have the same reward" not in shown
    assert "the winner worse" not in summary(study_of(tmp_path / "fine", trials, result=figures))


@pytest.mark.slow
@pytest.mark.usefixtures("short_heads")
def test_a_run_that_made_it_worse_says_so(trained, tmp_path, capsys):
    """Steps that are far too large."""
    result = pretrained.fine_tune(
        card_of(trained),
        pictures(24),
        workdir=tmp_path / "run",
        epochs=2,
        batch_size=8,
        learning_rate=3.0,
        muon_rate=0.9,
    )
    assert result.card.training["kept_epoch"] == 0 and result.verdict.startswith(
        "The head alone was kept: with it, 1.0"
    )
    assert "kept=1.0000 of epoch 0" in capsys.readouterr().err
