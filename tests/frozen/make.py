"""Makes the files of this folder, but for `study`, which is older. They are of commit 43cbf35 and stay as they are.

In a checkout of that commit, with this file and `settings.py` beside it in an empty folder:

    PYTHONPATH=tests python FOLDER/make.py

Each run was stopped in its middle; `expected.json` has what it came to without a stop.
"""

import dataclasses
import json
import os
import shutil
import signal
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np
from colours import pictures
from helpers import SMALL_GENOTYPE, randomize
from PIL import Image
from settings import ARRAYS, FINE_TUNING, PICTURES, STUDIES, TABLE, TRAINING, TRAINING_DATA, TRAINING_RECIPE

import nasnet_keras as nk
from nasnet_keras import pretrained, search
from nasnet_keras.macro_genotype import MACRO_OPERATIONS
from nasnet_keras.search.evaluators.child import ChildEvaluator
from nasnet_keras.search.spaces.nasbench201 import NASBench201Space
from nasnet_keras.search.supernet.trainer import SupernetTrainer
from nasnet_keras.search.trial import fingerprint
from nasnet_keras.skeleton import NASNET, Auxiliary
from nasnet_keras.training import datasets
from nasnet_keras.training.config import TrainingConfig
from nasnet_keras.training.errors import Stopped
from nasnet_keras.training.job import train
from nasnet_keras.training.recipes import Recipe
from nasnet_keras.training.trainer import Trainer

CLASSES = ("blue", "green", "red")
FOR_PEOPLE = ("tensorboard", ".lock", "report.html")


class Killed(BaseException):
    """Ends a search without a chance to write anything."""


@contextmanager
def stopped(cls, method, call, by_signal=True):
    """Stop what runs within at that call of a method."""
    original, calls = getattr(cls, method), []

    def counted(self, *args, **kwargs):
        calls.append(1)
        if len(calls) == call:
            if not by_signal:
                raise Killed
            signal.raise_signal(signal.SIGTERM)
        return original(self, *args, **kwargs)

    setattr(cls, method, counted)
    try:
        yield
        raise RuntimeError(f"{method} was called {len(calls)} times only")
    except (Killed, Stopped, search.StudyError):
        pass
    finally:
        setattr(cls, method, original)


def make_arrays():
    """40 images without splits of their own. The random split leaves the third class no image to train on."""
    images, labels = pictures(40, CLASSES[:2], size=10)
    rare = np.random.default_rng(0).permutation(40)[:3]  # those that are tested on
    images[rare], _ = pictures(3, CLASSES[2:], size=10)
    labels[rare] = 2
    np.savez_compressed(ARRAYS, train_images=images, train_labels=labels, class_names=CLASSES)


def make_pictures():
    """24 of two classes, and two of a third; some are no squares."""
    for index in range(26):
        colour = CLASSES[2 if index > 23 else index % 2]
        image = pictures(1, (colour,), size=14, seed=index)[0][0, :10, : 14 if index % 5 == 0 else 10]
        path = Path(PICTURES, colour, f"{index:02}.png")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).save(path, optimize=True)


def make_table():
    space = NASBench201Space(STUDIES["study_ppo"]["operations"])
    lines = ["cell,validation_accuracy_12_epochs,test_accuracy_200_epochs"]
    for index in range(space.size):
        choices = np.unravel_index(index, (3,) * 6)
        lines.append(f"{space.decode(choices)},{50 + sum(choices) + 0.01 * choices[0]:.2f},{90 + sum(choices) / 10}")
    Path(TABLE).write_text("\n".join(lines) + "\n")


def make_networks():
    """A `.keras` of each kind of network, and what it answers."""
    generator = np.random.default_rng(0)
    normal = [
        nk.Block(nk.Edge("sep_conv_3x3", "current"), nk.Edge("identity", "previous")),
        nk.Block(nk.Edge("dil_conv_3x3", "block_0"), nk.Edge("avg_pool_3x3", "previous"), "concat"),
        nk.Block(nk.Edge("conv_1x3_3x1", "current"), nk.Edge("bottleneck_conv_3x3", "current")),
    ]
    reduction = [
        nk.Block(nk.Edge("max_pool_2x2", "current"), nk.Edge("skip_connect", "previous")),
        nk.Block(nk.Edge("dil_sep_conv_3x3", "current"), nk.Edge("factorized_identity", "current")),
    ]
    cells = nk.Cell(normal, ["block_1", "block_2"]), nk.Cell(reduction, ["block_0", "block_1"])
    size = {"input_shape": (16, 16, 3), "classes": 3}
    training = {"auxiliary_head": True, "drop_path_rate": 0.3, "dropout_rate": 0.2}
    small = {"num_repeats": 1, "filters": 2, **size}
    skeleton = dataclasses.replace(NASNET, auxiliary=Auxiliary(filters=(8, 12)))
    layers = [nk.MacroLayer(name, ["stem"] if index > 1 else []) for index, name in enumerate(MACRO_OPERATIONS)]
    chain = nk.ChainGenotype(
        [
            nk.ChainLayer((3, 3), 24),
            nk.ChainLayer((1, 3), 24, ["layer_0"], strides=(2, 1)),
            nk.ChainLayer((1, 1), 24, ["layer_0", "layer_1"]),
        ],
        pooled=["layer_1"],
    )
    networks = {
        "cells": nk.NASNetFromGenotype(nk.Genotype(*cells), **small, **training, skeleton=skeleton),
        "macro": nk.applications.ENASMacro(genotype=nk.MacroGenotype(layers), filters=4, **size),
        "chain": nk.ChainFromGenotype(chain, **size),
    }
    for network in networks.values():
        randomize(network, generator)
    unfused = nk.NASNetFromGenotype(SMALL_GENOTYPE, **small)
    randomize(unfused, generator)
    networks["fused"] = nk.fuse_for_inference(unfused)
    images = generator.normal(size=(2, 16, 16, 3)).astype(np.float32)
    answers = {"images": images}
    for name, network in networks.items():
        outputs = network(images)
        answers[name] = (outputs["logits"] if isinstance(outputs, dict) else outputs).numpy()
        if isinstance(outputs, dict):
            answers[f"{name}_auxiliary"] = outputs["auxiliary"].numpy()
        network.save(f"{name}.keras")
    answers["fine_tuned_images"] = pictures(4, CLASSES, size=10)[0]
    path = next(Path("fine_tuned").glob("*.keras"))
    answers["fine_tuned"] = keras.models.load_model(path)(answers["fine_tuned_images"]).numpy()
    np.savez_compressed("answers.npz", **answers)


def outputs(card):
    """What a finished model answers to a few images."""
    return pretrained.load(card)(pictures(4, CLASSES, size=10)[0]).numpy().tolist()


@contextmanager
def splits_seen():
    """The numbers of images by class of all that is trained on within: of training, validation and test."""
    begin, found = Trainer.__init__, []

    def begun(self, *args, **kwargs):
        begin(self, *args, **kwargs)
        splits = (self.dataset.train, self.dataset.validation, self.dataset.test)
        counts = [np.bincount(split.labels, minlength=len(self.dataset.class_names)).tolist() for split in splits]
        if counts not in found:
            found.append(counts)

    Trainer.__init__ = begun
    try:
        yield found
    finally:
        Trainer.__init__ = begin


def make_training():
    dataset = datasets.load(**TRAINING_DATA)

    def config(workdir):
        return TrainingConfig(workdir, SMALL_GENOTYPE, recipe=Recipe(**TRAINING_RECIPE), **TRAINING)

    with stopped(Trainer, "advance", 5):
        train(config("training"), dataset)
    with splits_seen() as splits:
        result = train(config("trained"), dataset)
    return {"history": result.history, "outputs": outputs(result.path), "splits": splits}


def make_fine_tuning():
    card = Path("trained/frozen.json")
    with stopped(Trainer, "advance", 5):
        pretrained.fine_tune(card, workdir="fine_tuning", **FINE_TUNING)
    with splits_seen() as splits:
        result = pretrained.fine_tune(card, workdir="fine_tuned", **FINE_TUNING)
    found = {"history": result.history, "confusion": result.confusion.tolist(), "outputs": outputs(result.path)}
    return {**found, "splits": splits}


def make_study(name, cls, method, call, by_signal):
    settings = dict(STUDIES[name])
    if "recipe" in settings:
        settings["recipe"] = Recipe(**settings["recipe"])
    with stopped(cls, method, call, by_signal):
        search.run(search.SearchConfig(name, **settings))
    with splits_seen() as splits:
        study = search.run(search.SearchConfig(f"whole_{name}", **settings))
    trials = [
        {"genotype": fingerprint(one.genotype), "reward": one.reward, "loss": one.metrics.get("loss")}
        for one in study.trials
    ]
    finalists = {
        path.parent.name: json.loads(path.read_text()) for path in sorted(study.path.glob("final/*/*/history.json"))
    }
    return {"trials": trials, "finalists": finalists, "splits": splits}


def main():
    os.chdir(Path(__file__).parent)
    make_arrays()
    make_pictures()
    make_table()
    expected = {
        "training": make_training(),
        "fine_tuning": make_fine_tuning(),
        "study_child": make_study("study_child", ChildEvaluator, "evaluate", 3, False),
        "study_finalist": make_study("study_finalist", Trainer, "advance", 9, True),
        "study_shared": make_study("study_shared", SupernetTrainer, "advance", 4, True),
        "study_ppo": make_study("study_ppo", search.study.Study, "append", 31, False),
        "study_evolution": make_study("study_evolution", search.study.Study, "append", 121, False),
    }
    make_networks()
    Path("expected.json").write_text(json.dumps(expected, indent=1) + "\n")
    for path in Path().glob("whole_*"):
        shutil.rmtree(path)
    for name in FOR_PEOPLE:
        for path in Path().rglob(name):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


if __name__ == "__main__":
    main()
