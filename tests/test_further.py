"""Finished runs that are asked for more epochs go on; and what each job says at its end to type next."""

import dataclasses
import shutil
import subprocess
import sys

import pytest
from colours import COLOURS, card_of, pictures
from helpers import SMALL_GENOTYPE

from nasnet_keras import pretrained
from nasnet_keras.card import Card
from nasnet_keras.training import further
from nasnet_keras.training.config import TrainingConfig
from nasnet_keras.training.datasets.base import Dataset, Split
from nasnet_keras.training.job import train
from nasnet_keras.training.recipes import Recipe
from nasnet_keras.utils.manual import next_steps
from nasnet_keras.utils.workdir import Workdir, WorkdirError, recorded

RECIPE = Recipe(epochs=1, batch_size=16, learning_rate=0.05, average_decay=0.5)


def colours():
    splits = [Split(*pictures(count, tuple(COLOURS), seed=count)) for count in (48, 12, 24)]
    return Dataset("colours", *splits, class_names=tuple(COLOURS))


def config(folder, epochs, **changes):
    recipe = dataclasses.replace(RECIPE, epochs=epochs)
    return TrainingConfig(
        folder, recipe=recipe, genotype=SMALL_GENOTYPE, num_repeats=1, filters=4, name="mine", **changes
    )


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished") / "run"
    train(config(folder, 1), colours())
    return folder


@pytest.fixture
def folder(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "run")
    return tmp_path / "run"


def test_a_finished_training_goes_on_when_more_epochs_are_asked_for(folder, finished, caplog):
    dataset, before = colours(), (folder / "mine.weights.h5").read_bytes()
    result = train(config(folder, 2), dataset)
    assert (folder / "until_epoch_1/mine.weights.h5").read_bytes() == before
    assert Card.read(folder / "until_epoch_1/mine.json").training["epochs"] == 1
    assert [entry["epoch"] for entry in result.history] == [1], "of the epochs that were added"
    assert result.card.training["epochs_before"] == 1 and result.card.training["epochs"] == 1
    assert train(config(folder, 2), dataset).card == result.card, "it is finished, and nothing is trained again"
    assert "are not read" not in caplog.text
    weights = finished / "mine.weights.h5"
    assert train(config(folder, 2, initial_weights=weights), dataset).card == result.card
    assert f"is trained on from its own weights, and initial_weights={weights} are not read" in caplog.text
    files = {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    with pytest.raises(WorkdirError, match="was trained for 2 epochs, and 1 are asked for"):
        train(config(folder, 1), colours())
    assert files == {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


@pytest.mark.slow
def test_training_goes_on_again_and_as_from_initial_weights(folder, finished):
    dataset = colours()
    result = train(config(folder, 3), dataset)
    alone = config(folder.parent / "alone", 2, initial_weights=finished / "mine.weights.h5")
    assert train(alone, dataset).history[-1]["loss"] == result.history[-1]["loss"]
    assert train(config(folder, 4), dataset).card.training["epochs_before"] == 3
    assert sorted(path.name for path in folder.glob("until*")) == ["until_epoch_1", "until_epoch_3"]


def test_other_changes_are_refused_before_anything_moves(folder):
    files = sorted(path.name for path in folder.iterdir())
    with pytest.raises(WorkdirError, match="seed was 0 and is now 1"):
        train(config(folder, 3, seed=1), colours())
    assert sorted(path.name for path in folder.iterdir()) == files


@pytest.mark.slow
@pytest.mark.parametrize("moment", ["copied", "removed"])
def test_a_kill_while_the_run_is_put_aside_costs_nothing(folder, moment, monkeypatch):
    class Killed(BaseException):
        pass

    def kill(*_):
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(*((further.os, "replace") if moment == "copied" else (Workdir, "begin_anew")), kill)
        with pytest.raises(Killed):
            train(config(folder, 2), colours())
    assert recorded(folder, "training.json")["recipe"]["epochs"] == 1
    result = train(config(folder, 2), colours())
    assert result.card.training["epochs_before"] == 1 and len(result.history) == 1
    assert Card.read(folder / "until_epoch_1/mine.json").training["epochs"] == 1


@pytest.mark.slow
def test_a_finished_fine_tuning_goes_on_with_its_classifier(trained, tmp_path, short_heads, caplog):
    """Also one of the head alone, which had no epoch."""
    images = pictures(24, tuple(COLOURS), seed=3)
    call = {
        "validation": pictures(9, tuple(COLOURS), seed=4),
        "workdir": tmp_path / "run",
        "class_names": list(COLOURS),
        "name": "mine",
    }
    head = pretrained.fine_tune(card_of(trained), images, epochs=0, **call)
    damage(tmp_path / "run/start.npz")  # as a kill leaves it, between the removals of both states
    damage(tmp_path / "run/checkpoint.npz")
    result = pretrained.fine_tune(card_of(trained), images, epochs=1, **call)
    training = result.card.training
    assert (training["epochs_before"], training["epochs"]) == (0, 1)
    assert training["fine_tuned_from"] == "colours_cifar10" == head.card.training["fine_tuned_from"]
    assert result.history[0]["validation_accuracy"] == head.history[0]["validation_accuracy"], "of the same classifier"
    assert pretrained.card(tmp_path / "run/until_epoch_0" / head.path.name) == head.card
    assert "is not read" not in caplog.text
    pretrained.fine_tune(tmp_path / "run/until_epoch_0" / head.path.name, images, epochs=1, **call)
    assert f"is trained on from its own model, so that {head.card.name} is not read" in caplog.text
    shutil.rmtree(tmp_path / "run/until_epoch_0")
    for name in ("start.npz", "checkpoint.npz"):
        damage(tmp_path / "run" / name)
    assert pretrained.fine_tune(card_of(trained), images, epochs=1, **call).card == result.card
    assert not list((tmp_path / "run").glob("*.npz"))
    with pytest.raises(WorkdirError, match="was trained on: say by epochs to how many in all"):
        pretrained.fine_tune(card_of(trained), images, **call)
    with pytest.raises(
        WorkdirError, match="is being trained to 1 epoch, and 2 .* finish it with --epochs=1 first; .*until_epoch_0 has"
    ):
        (tmp_path / "run" / result.path.name).unlink()
        pretrained.fine_tune(card_of(trained), images, epochs=2, **call)


def damage(path):
    path.write_bytes(b"a kill left this")


def test_without_epochs_a_finished_training_stays_as_it_is(folder, caplog):
    before = (folder / "mine.weights.h5").read_bytes()
    for asked in (30, 2):
        result = train(config(folder, asked), colours(), go_on=False)
        assert result.card.training["epochs"] == 1 and not list(folder.glob("until*"))
    assert (folder / "mine.weights.h5").read_bytes() == before
    assert "is finished, at epoch 1; an --epochs above that trains it on" in caplog.text


@pytest.mark.slow
@pytest.mark.parametrize("typed", [(), ("--epochs=1",)])
def test_the_job_trains_on_only_if_epochs_are_typed(tmp_path, typed):
    code = (
        "import nasnet_keras.training.job as job\n"
        "from nasnet_keras.training.__main__ import console\n"
        "job.train = lambda *given, **named: exit(f'asked {named}')\n"
        "console()"
    )
    command = [sys.executable, "-c", code, f"--workdir={tmp_path / 'run'}", *typed]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert f"asked {{'go_on': {bool(typed)}}}" in done.stderr


def test_what_a_kill_left_in_a_finished_training_is_removed_and_it_goes_on(folder):
    damage(folder / "checkpoint.npz")
    train(config(folder, 1), colours())
    assert not (folder / "checkpoint.npz").exists()
    damage(folder / "checkpoint.npz")
    assert train(config(folder, 2), colours()).card.training["epochs_before"] == 1
    shutil.rmtree(folder / "until_epoch_1")  # which the finished run needs no more
    assert train(config(folder, 2), colours()).card.training["epochs_before"] == 1
    assert train(config(folder, 9), colours(), go_on=False).card.training["epochs_before"] == 1
    (folder / "mine.json").unlink()
    with pytest.raises(WorkdirError, match="trained on from the finished run in .*until_epoch_1, which has no mine"):
        train(config(folder, 2), colours())
    with pytest.raises(WorkdirError, match="is being trained to 2 epochs, and 1 are .*until_epoch_1 has the finished"):
        train(config(folder, 1), colours())


def test_what_to_type_next_is_typed_as_a_shell_takes_it():
    text = next_steps({"Train it on": ["nasnet-train", "--workdir=my run", "--epochs=60"], "In Python": 'load("a b")'})
    assert text.splitlines() == [
        "Next:",
        "  Train it on:  nasnet-train '--workdir=my run' --epochs=60",
        '  In Python:    load("a b")',
    ]
