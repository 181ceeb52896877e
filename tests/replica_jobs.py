"""Of `replicas.py`: what jobs do with the devices that they find, here two halves of a processor."""

import contextlib
import json
from unittest import mock

import numpy as np
from helpers import SMALL_GENOTYPE

from nasnet_keras import pretrained
from nasnet_keras.card import Card, decoded
from nasnet_keras.search import SearchConfig
from nasnet_keras.search.evaluators.child import ChildEvaluator
from nasnet_keras.training import datasets, devices, trainer
from nasnet_keras.training.config import TrainingConfig
from nasnet_keras.training.job import train
from nasnet_keras.training.recipes import Recipe
from nasnet_keras.training.replicas import Replicas


@contextlib.contextmanager
def on(count):
    """Trainings divide their batches over so many devices: over one, or over all by default. Each does."""
    made = []

    def chosen(*arguments):
        made.append(devices.default_replicas(*arguments) if count > 1 else Replicas())
        return made[-1]

    with mock.patch.object(trainer, "default_replicas", chosen):
        yield
    assert made and {replicas.count for replicas in made} == {count}


def same(one, several):
    """Cards of networks that learnt the same, but for rounding."""
    (images, outputs), (its_images, its_outputs) = (decoded(Card.read(path).reference) for path in (one, several))
    np.testing.assert_array_equal(images, its_images)
    np.testing.assert_allclose(outputs, its_outputs, rtol=0.05, atol=0.05 * np.abs(outputs).max())
    history, its_history = (json.loads(path.with_name("history.json").read_text()) for path in (one, several))
    for name in ("epoch", "loss", "accuracy"):
        values, its_values = ([entry[name] for entry in each if name in entry] for each in (history, its_history))
        np.testing.assert_allclose(values, its_values, rtol=2e-3, atol=0.02 * (name == "accuracy"))


def check(data, folder):
    """`nasnet-train`, a finalist, `nasnet-finetune` and a child use all devices, and learn what they do on one."""
    recipe = Recipe(epochs=2, batch_size=64, learning_rate=0.01, pad=0, flip=False)  # steps amplify rounding
    small = {"dataset": "few", "recipe": recipe, "num_repeats": 1, "filters": 4, "seed": 3}

    def config(workdir, **changes):
        return TrainingConfig(folder / workdir, SMALL_GENOTYPE, name="small", **{**small, **changes})

    with on(1):
        one = train(config("one"), data).path
    # A training that begins on one device goes on on two. (A finalist, below, is such a training on two.)
    with on(1), interrupted(after=3):
        train(config("moved", checkpoint_minutes=1e-9), data)
    with on(2):
        same(one, train(config("moved"), data).path)

    with mock.patch.object(datasets, "load", lambda *_, **__: data):
        search = SearchConfig(folder / "search", **small, final_epochs=2, synchronized_batch_norm=True)
        child = ChildEvaluator(search)
    with on(2):
        child.finish(SMALL_GENOTYPE, 3, folder / "finalist")
    same(one, folder / "finalist" / "searched_few.json")
    losses = []
    for count in (1, 2):
        with on(count):
            losses.append(child.evaluate(SMALL_GENOTYPE, 3)[1]["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-3)

    tuned = {}
    for count in (1, 2):
        with on(count):
            tuned[count] = pretrained.fine_tune(
                *(one, data),
                workdir=folder / f"tuned_{count}",
                **{"epochs": 2, "batch_size": 64, "learning_rate": 0.005, "flip": False, "pad": 0},
            ).path
    same(tuned[1], tuned[2])


@contextlib.contextmanager
def interrupted(after):
    """A training ends like a killed one, before its next step."""
    advance = trainer.Trainer.advance

    def advance_or_end(self):
        if self.step == after:
            raise KeyboardInterrupt
        return advance(self)

    with mock.patch.object(trainer.Trainer, "advance", advance_or_end), contextlib.suppress(KeyboardInterrupt):
        yield
        raise AssertionError("it was not interrupted")


def default_devices():
    """All devices, as far as they divide a batch; fewer with a word."""
    with mock.patch.object(devices.logging, "warning") as warned:
        assert devices.default_replicas(32).count == 2 and not warned.called
        assert devices.default_replicas(31).count == 1
    message, *values = warned.call_args.args
    assert message % tuple(values) == "training runs on 1 of 2 devices: a batch of 31 images does not divide by more"
