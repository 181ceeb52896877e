"""The training job: whole runs through kills, and the cards that they write."""

import dataclasses
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import keras
import numpy as np
import pytest
from helpers import SMALL_GENOTYPE

from nasnet_keras import genotype_cost
from nasnet_keras.card import Card, decoded
from nasnet_keras.training import datasets, run
from nasnet_keras.training.config import TrainingConfig
from nasnet_keras.training.errors import DivergedError
from nasnet_keras.training.events import EventFile
from nasnet_keras.training.job import train
from nasnet_keras.training.recipes import Recipe
from nasnet_keras.training.trainer import Trainer
from nasnet_keras.utils import progress
from nasnet_keras.utils.workdir import Workdir, WorkdirError
from nasnet_keras.weights.file import CardError

NASNET = {"num_repeats": 1, "filters": 4}
TINY = {"genotype": SMALL_GENOTYPE, **NASNET}
NAME = f"genotype_{SMALL_GENOTYPE.fingerprint}_digits"
RECIPE = Recipe(epochs=2, batch_size=64, learning_rate=0.1, flip=False, pad=1, average_decay=0.9)


# --- runs


@pytest.fixture(scope="module")
def digits():
    return datasets.load("digits")


@pytest.fixture(scope="module")
def few(digits):
    """256 images, so that an epoch is four steps."""
    part = slice(256)
    return dataclasses.replace(digits, train=digits.train.take(part), validation=digits.validation.take(part))


def test_a_run_ends_in_a_card_that_tells_how_to_load_it(tmp_path, digits):
    recipe = dataclasses.replace(RECIPE, epochs=6, auxiliary_weight=0.0, drop_path_rate=0.1, label_smoothing=0.1)
    result = train(TrainingConfig(tmp_path, recipe=recipe, **NASNET), digits)
    card = Card.read(tmp_path / "nasnet_a_digits.json")
    assert card == result.card and len(result.history) == 6
    assert result.history[-1]["loss"] < result.history[0]["loss"]
    assert card.metrics["test_accuracy"] > 0.8 and card.metrics["test_images"] == 300
    assert card.cost["parameters"] == genotype_cost("nasnet_a", (8, 8, 1), **NASNET).parameters
    assert card.weights.check(tmp_path) == tmp_path / "nasnet_a_digits.weights.h5"
    model = card.build(weights=tmp_path / card.weights.file)
    logits = model.predict(digits.test.images * card.preprocessing["scale"] + card.preprocessing["offset"], verbose=0)
    assert np.mean(np.argmax(logits, -1) == digits.test.labels) == pytest.approx(
        card.metrics["test_accuracy"], abs=0.004
    )
    images, outputs = decoded(card.reference)
    shown = [int(np.flatnonzero(digits.test.labels == label)[0]) for label in range(4)]
    np.testing.assert_array_equal(images, digits.test.images[shown])
    np.testing.assert_allclose(logits[shown], outputs, atol=1e-3)
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.startswith(".")) == [
        "history.json",
        "nasnet_a_digits.json",
        "nasnet_a_digits.weights.h5",
        "tensorboard",
        "training.json",
    ]
    files = [tmp_path / f"nasnet_a_digits.{kind}" for kind in ("json", "weights.h5")]
    stamps = [path.stat().st_mtime_ns for path in files]
    assert train(TrainingConfig(tmp_path, recipe=recipe, **NASNET), digits).card == card
    assert [path.stat().st_mtime_ns for path in files] == stamps, "nothing is trained twice"


def test_two_epochs_show_every_image_from_both_sides(few):
    recipe = dataclasses.replace(RECIPE, flip=True, pad=0)
    trainer = Trainer(SMALL_GENOTYPE, {**NASNET, "classes": 10}, few, recipe, seed=0)
    step, seen = trainer.stepper.step, []

    def recorded(state, images, *arguments, **options):
        seen.extend(image.tobytes() for image in images)
        return step(state, images, *arguments, **options)

    trainer.stepper.step = recorded
    while trainer.step < trainer.total:
        trainer.advance()
    images = few.train.images
    sides = [image.tobytes() for both in (images, images[:, :, ::-1]) for image in both]
    assert sorted(seen) == sorted(sides)
    first = set(seen[: len(images)])
    assert 90 < sum(side in first for side in sides[: len(images)]) < 166, "of 256, which ones first is left to chance"


@pytest.fixture(scope="module")
def short_run(tmp_path_factory, few):
    folder = tmp_path_factory.mktemp("short_run")
    train(TrainingConfig(folder, recipe=RECIPE, **TINY), few)
    return folder


@pytest.fixture
def finished(short_run, tmp_path):
    """The folder of a finished run, for one test."""
    return shutil.copytree(short_run, tmp_path / "finished")


def test_curves_are_for_tensorboard(finished, few):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    result = train(TrainingConfig(finished, recipe=RECIPE, **TINY), few)
    events = EventAccumulator(str(finished / "tensorboard"))
    events.Reload()
    assert {"loss", "accuracy", "validation_accuracy", "learning_rate"} <= set(events.Tags()["scalars"]) | set(
        events.Tags()["tensors"]
    )
    assert [entry["epoch"] for entry in result.history] == [1, 2]


def command(*flags):
    return [sys.executable, "-m", "nasnet_keras.training", *flags]


KILLED = ["--dataset=digits", "--num_repeats=1", "--filters=4", "--epochs=60", "--batch_size=100", "--seed=3"]
KILLED += ["--drop_path_rate=0.2", "--dropout_rate=0.2", "--cutout=2", "--sizes=0:1", "--checkpoint_minutes=0.003"]
KILLED += [f"--genotype={SMALL_GENOTYPE.to_json()}", "--name=small"]


@pytest.mark.slow
def test_a_run_killed_at_random_moments_reaches_the_same_weights(tmp_path):
    subprocess.run(command(*KILLED, f"--workdir={tmp_path}/whole"), check=True, capture_output=True, timeout=300)
    moments = random.Random(0)
    for number in (signal.SIGTERM, signal.SIGKILL):
        process = subprocess.Popen(
            command(*KILLED, f"--workdir={tmp_path}/killed"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        path = tmp_path / "killed" / "checkpoint.npz"
        before = path.stat().st_mtime_ns if path.exists() else 0
        deadline = time.monotonic() + 600
        while not path.exists() or path.stat().st_mtime_ns == before:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(moments.uniform(0.0, 0.3))
        process.send_signal(number)
        process.wait(timeout=600)
    assert not (tmp_path / "killed" / "small.json").exists(), "it was killed in the middle"
    subprocess.run(command(*KILLED, f"--workdir={tmp_path}/killed"), check=True, capture_output=True, timeout=300)
    found, expected = (json.loads((tmp_path / run / "small.json").read_text()) for run in ("killed", "whole"))
    assert found["weights"]["size"] == expected["weights"]["size"]
    import h5py

    def arrays(folder):
        with h5py.File(folder / "small.weights.h5") as file:
            values = {}
            file.visititems(
                lambda name, item: values.update({name: item[()]}) if isinstance(item, h5py.Dataset) else None
            )
        return values

    whole, killed = arrays(tmp_path / "whole"), arrays(tmp_path / "killed")
    assert whole.keys() == killed.keys() and len(whole) > 20
    for name, value in whole.items():
        np.testing.assert_array_equal(value, killed[name], err_msg=name)
    assert found["metrics"] == expected["metrics"]


def test_a_run_that_is_asked_to_stop_says_how_to_go_on(tmp_path):
    flags = ["--num_repeats=1", "--filters=4", "--epochs=5000", "--checkpoint_minutes=0.001"]
    flags += [f"--genotype={SMALL_GENOTYPE.to_json()}"]
    process = subprocess.Popen(
        command(*flags, f"--workdir={tmp_path}/run"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    while process.poll() is None and not (tmp_path / "run" / "checkpoint.npz").exists():
        time.sleep(0.05)
    process.terminate()
    _, errors = process.communicate(timeout=600)
    assert process.returncode == 1 and "Stopped. The same command goes on from the checkpoint" in errors


def test_the_same_seed_gives_the_same_bits(tmp_path, few):
    cards = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        keras.backend.clear_session()
        recipe = dataclasses.replace(RECIPE, drop_path_rate=0.2, cutout=2, cutmix=0.5, sam_radius=0.5)
        cards.append(train(TrainingConfig(tmp_path / name, recipe=recipe, seed=seed, **TINY), few).card)
    assert cards[0].reference == cards[1].reference != cards[2].reference


class Steps:
    """A trainer of five steps that computes nothing."""

    step, total, epoch, steps_per_epoch, state = 0, 5, 0, 5, None
    recipe, dataset = Recipe(1, 1, 0.1), SimpleNamespace(validation=())
    stepper = property(lambda self: self)

    def __init__(self, act):
        self._act = act

    def advance(self):
        self._act()
        self.step += 1
        return self.step == self.total

    def end_epoch(self):
        return {"epoch": 1, "loss": 0.5}

    def figures(self):
        return {}

    position = figures

    def to_arrays(self, state):
        return {}


def test_a_run_shows_that_it_goes_on(tmp_path, monkeypatch):
    """By its folder, within an epoch too: a search gives up a finalist that does not."""

    def act():
        signs.append(tmp_path.stat().st_mtime)
        os.utime(tmp_path, (0.0, 0.0))
        moments[0] += 2.0  # seconds a step

    signs, moments = [], [0.0]
    monkeypatch.setattr(run.time, "monotonic", lambda: moments[0])
    run.Run(Steps(act), tmp_path).train()
    assert len(signs) == 5 and all(time.time() - sign < 60 for sign in signs)


@pytest.mark.parametrize("what", ["tqdm", "files", "events", "import"])
def test_what_only_shows_a_run_does_not_end_it(what, tmp_path, monkeypatch):
    def fail(*_, **__):
        raise UnicodeEncodeError("utf-8", "", 0, 1, "surrogates not allowed")

    if what == "tqdm":
        monkeypatch.setattr(progress.tqdm, "update", fail)
    elif what == "import":
        monkeypatch.setitem(sys.modules, "nasnet_keras.training.events", None)
    else:
        monkeypatch.setattr(EventFile, "__init__" if what == "files" else "scalars", fail)
    job = run.Run(Steps(lambda: None), tmp_path)
    job.train()
    assert job.history == [{"epoch": 1, "loss": 0.5, "seconds": job.history[0]["seconds"]}]


def test_a_diverged_run_is_one_clear_error(tmp_path, few):
    recipe = dataclasses.replace(RECIPE, learning_rate=1e25, clip_norm=0.0)
    with pytest.raises(DivergedError, match="the loss became .* choose a lower learning rate than 1e"):
        train(TrainingConfig(tmp_path, recipe=recipe, **TINY), few)


def test_a_changed_configuration_is_refused_and_shown(finished, few):
    before = {path: path.read_bytes() for path in finished.iterdir() if path.is_file()}
    changed = dataclasses.replace(RECIPE, learning_rate=0.2)
    with pytest.raises(WorkdirError, match=r"recipe\.learning_rate was 0\.1 and is now 0\.2; seed was 0 and is now 4"):
        train(TrainingConfig(finished, recipe=changed, seed=4, **TINY), few)
    assert {path: path.read_bytes() for path in finished.iterdir() if path.is_file()} == before


def test_another_name_is_another_configuration(finished, few):
    card = Card.read(finished / f"{NAME}.json")
    files = {path: path.read_bytes() for path in finished.iterdir() if path.is_file()}
    other = TrainingConfig(finished, recipe=RECIPE, name="mine", **TINY)
    with pytest.raises(WorkdirError, match=f"name was '{NAME}' and is now 'mine'"):
        train(other, few)
    same = train(TrainingConfig(finished, recipe=RECIPE, name=NAME, **TINY), few)
    assert same.card == card, "the name it would have had anyway"
    description = finished / "training.json"
    plain = json.loads(description.read_text())
    del plain["config"]["name"]  # as folders of before have none
    description.write_text(json.dumps(plain))
    assert train(TrainingConfig(finished, recipe=RECIPE, **TINY), few).card == card
    assert files.keys() == {path for path in finished.iterdir() if path.is_file()}


def test_a_run_goes_on_from_the_weights_of_another(finished, few, tmp_path):
    card = Card.read(finished / f"{NAME}.json")
    weights = tmp_path / "first.weights.h5"
    shutil.copy(card.weights.check(finished), weights)
    still = dataclasses.replace(RECIPE, epochs=1, learning_rate=1e-9, average_decay=0.0)
    config = TrainingConfig(tmp_path / "run", recipe=still, initial_weights=weights, **TINY)
    result = train(config, few)
    assert result.card.training["initial_weights"] == {"file": weights.name, "sha256": card.weights.sha256}
    assert "initial_weights" not in card.training
    before, after = (
        each.build(weights=each.weights.check(path))
        for each, path in ((card, finished), (result.card, tmp_path / "run"))
    )
    for old, new in zip(before.trainable_variables, after.trainable_variables, strict=True):
        np.testing.assert_allclose(old, new, atol=1e-6)
    files = {path: path.read_bytes() for path in (tmp_path / "run").iterdir() if path.is_file()}
    before.trainable_variables[0].assign(np.zeros(before.trainable_variables[0].shape))
    before.save_weights(weights)
    with pytest.raises(WorkdirError, match=r"initial_weights\.sha256 was"):
        train(config, few)
    assert {path: path.read_bytes() for path in (tmp_path / "run").iterdir() if path.is_file()} == files
    wider = dataclasses.replace(config, workdir=tmp_path / "wider", filters=8)
    with pytest.raises(ValueError, match="does not fit the model"):
        train(wider, few)
    assert not (tmp_path / "wider").exists()


def test_what_is_gone_of_a_finished_run_is_told_and_made_again(finished, few, caplog):
    config = TrainingConfig(finished, recipe=RECIPE, **TINY)
    name, history = NAME, finished / "history.json"
    card, weights = finished / f"{name}.json", finished / f"{name}.weights.h5"
    figures, content = Card.read(card).metrics, weights.read_bytes()
    weights.write_bytes(content[:-1] + b"?")
    with pytest.raises(CardError, match="damaged, or another file"):
        train(config, few)
    assert weights.read_bytes() == content[:-1] + b"?" and caplog.text == ""
    weights.unlink()
    assert train(config, few).card.metrics == figures and weights.is_file()
    assert f"lacks {weights.name}, and has no checkpoint: it is trained anew" in caplog.text
    caplog.clear()
    card.unlink()
    assert train(config, few).card.metrics == figures and f"lacks {card.name}, and has no" in caplog.text
    caplog.clear()
    for damage, said in ((history.unlink, "but history.json is gone: put it back"), (history.touch, "is damaged")):
        damage()
        with pytest.raises(WorkdirError, match=said):
            train(config, few)
    assert weights.is_file() and card.is_file() and caplog.text == ""


def test_what_the_end_needs_is_checked_before_the_first_step(tmp_path, few, monkeypatch):
    monkeypatch.setattr(Trainer, "advance", lambda self: pytest.fail("a step was made"))
    for dataset, name in ((dataclasses.replace(few, source=Path("images")), None), (few, "long" * 62)):
        with pytest.raises(ValueError, match="must have|must be|letters"):
            train(TrainingConfig(tmp_path / "run", recipe=RECIPE, name=name, **TINY), dataset)
        assert not (tmp_path / "run").exists()
    config = TrainingConfig(tmp_path / "run", recipe=RECIPE, **TINY)
    for taken in ("mine.json", "mine.weights.h5", "history.json"):
        shutil.rmtree(tmp_path / "run", ignore_errors=True)
        config = dataclasses.replace(config, name="mine")
        Workdir(tmp_path / "run", "training.json", "nasnet_keras.training", 1, config.to_json(few)).close()
        (tmp_path / "run" / taken).mkdir()
        with pytest.raises((OSError, ValueError), match=f"directory.*{taken}"):
            train(config, few)
    monkeypatch.setattr(sys, "argv", [])
    monkeypatch.setattr(Trainer, "__init__", lambda *_, **__: (_ for _ in ()).throw(ValueError("this far")))
    with pytest.raises(ValueError, match="this far"):
        train(TrainingConfig(tmp_path / "embedded", recipe=RECIPE, **TINY), few)


def test_networks_that_do_not_fit_the_images_are_refused_before_a_folder_is_made(tmp_path, few):
    with pytest.raises(ValueError, match="imagenet"):
        train(TrainingConfig(tmp_path / "run", stem="imagenet", recipe=RECIPE, **TINY), few)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--epochs=0"], "--epochs"),
        (["--learning_rate=-1"], "learning_rate must be positive, got -1.0"),
        (["--recipe=fast"], "--recipe"),
        (["--genotype=nasnet_q"], "nasnet_q"),
        (["--genotype=no/such.json"], "no/such.json"),
        (["--sizes=0:0.5,half"], "sizes must be pairs"),
        (["--sizes=0:0.5,0.5:1", "--auxiliary_weight=0.4"], "contradict each other"),
        (["--schedule=one_cycle", "--warmup=0"], "give a warmup above 0"),
        (["--dataset=missing/folder/of/images"], "no folder 'missing/folder/of/images'"),
        (["--dataset=~/missing/of/images"], f"no folder '{Path.home()}/missing/of/images'"),
        (["--dataset=missing.npz"], "no data set file 'missing.npz'"),
        (["--stem=imagenet"], "imagenet"),
        (["--auxiliary_weight=0.4", "--sizes=0:1"], "auxiliary head"),
        (["--initial_weights=none.weights.h5"], "no weights file 'none.weights.h5'"),
        (["--name=a/b"], "name must be of letters"),
        (["--checkpoint_minutes=0"], "checkpoint_minutes must be positive"),
        (["digits"], "unexpected argument 'digits'"),
    ],
)
def test_bad_flags_are_one_clear_error_and_make_no_folder(flags, message, tmp_path):
    done = subprocess.run(command(*flags), capture_output=True, text=True, cwd=tmp_path, timeout=600)
    assert done.returncode != 0
    assert message in done.stderr + done.stdout and "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_help_lists_the_flags():
    done = subprocess.run(command("--help"), capture_output=True, text=True, timeout=600)
    for name in ("--workdir", "--genotype", "--dataset", "--recipe", "--epochs", "--sizes"):
        assert name in done.stdout


# --- cards


def test_cards_that_cannot_be_used(finished):
    path = finished / f"{NAME}.json"
    text = path.read_text()
    plain = json.loads(text)
    weights = path.with_name(plain["weights"]["file"])

    def read(**changes):
        path.write_text(json.dumps({**plain, **changes}))
        return Card.read(path)

    for changes, message in (
        ({"version": 2}, "card of version 2; this version of nasnet_keras reads 1"),
        ({"format": "other"}, "is no card"),
        ({"fingerprint": "0" * 16}, "says fingerprint '0000000000000000'"),
        ({"genotype": {"format": "x"}}, "is damaged"),
        ({"weights": {**plain["weights"], "file": "../out.weights.h5"}}, "bare name beside its card"),
        ({"weights": {**plain["weights"], "file": "/etc/passwd"}}, "bare name beside its card"),
        ({"weights": {"file": "a"}}, "no hash to know it by"),
    ):
        with pytest.raises(CardError, match=message):
            read(**changes)
    path.write_text(json.dumps({key: value for key, value in plain.items() if key != "metrics"}))
    with pytest.raises(CardError, match="lacks metrics"):
        Card.read(path)
    for damaged in ("", "[]", "[" * 100_000, text[:100]):
        path.write_text(damaged)
        with pytest.raises(CardError, match="card"):
            Card.read(path)
    with pytest.raises(CardError, match="cannot read the card"):
        Card.read(finished / "absent.json")
    card = read()
    good = weights.read_bytes()
    weights.write_bytes(good[:-1])
    with pytest.raises(CardError, match="bytes, expected"):
        card.weights.check(finished)
    weights.write_bytes(good[:-1] + bytes([good[-1] ^ 1]))
    with pytest.raises(CardError, match="SHA256 .*: damaged, or another file"):
        card.weights.check(finished)
    weights.unlink()
    with pytest.raises(CardError, match="is missing"):
        card.weights.check(finished)
