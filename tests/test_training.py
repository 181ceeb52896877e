"""The training job: its data, its recipes, its steps, and whole runs through kills."""

import dataclasses
import functools
import http.server
import io
import json
import math
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image
from tensorflow.python.framework import config as determinism

from nasnet_keras import Block, Cell, Edge, Genotype, NASNetFromGenotype, genotype_cost
from nasnet_keras.card import Card, CardError, decoded
from nasnet_keras.training import checkpoint, datasets
from nasnet_keras.training.augmentation import Augmentation
from nasnet_keras.training.config import TrainingConfig
from nasnet_keras.training.errors import DivergedError
from nasnet_keras.training.job import train
from nasnet_keras.training.recipes import RECIPES, Recipe
from nasnet_keras.training.step import Objective, Stepper, scaled
from nasnet_keras.workdir import WorkdirError

TINY = {"num_repeats": 1, "filters": 4}
RECIPE = Recipe(epochs=2, batch_size=64, learning_rate=0.1, flip=False, pad=1, average_decay=0.9)


# --- steps


def small_batch(generator, shape=(16, 16, 3), count=8, classes=5):
    return (
        generator.integers(0, 256, (count, *shape), dtype=np.uint8),
        generator.integers(0, classes, count).astype(np.int32),
    )


def test_a_step_is_the_update_of_keras(generator):
    """Loss, gradient and update of a whole vector against Keras' losses and optimizer, variable by variable."""
    images, labels = small_batch(generator)
    arguments = {**TINY, "classes": 5, "classifier_activation": None, "auxiliary_head": True}
    model = NASNetFromGenotype("nasnet_a", (32, 32, 3), **arguments)
    images = np.tile(images, (1, 2, 2, 1))
    objective = Objective(label_smoothing=0.1, auxiliary_weight=0.4, weight_decay=1e-3, clip_norm=0.5)
    stepper = Stepper(model, objective)
    state = stepper.initial()
    for _ in range(2):
        state, (loss, accuracy) = stepper.step(state, images, labels, learning_rate=0.05)

    twin = keras.models.clone_model(model)
    twin.set_weights(model.get_weights())
    optimizer = keras.optimizers.SGD(0.05, momentum=0.9, nesterov=True, global_clipnorm=0.5)
    entropy = keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)
    targets = tf.one_hot(labels, 5)
    for _ in range(2):
        with tf.GradientTape() as tape:
            outputs = twin(scaled(images), training=True)
            main = entropy(targets, outputs["logits"])
            decay = tf.add_n([tf.nn.l2_loss(v.value) for v in twin.trainable_variables if len(v.shape) > 1])
            total = main + 0.4 * entropy(targets, outputs["auxiliary"]) + 1e-3 * decay
        optimizer.apply(tape.gradient(total, [v.value for v in twin.trainable_variables]), twin.trainable_variables)
    right = np.mean(np.argmax(outputs["logits"], -1) == labels)
    assert float(loss) == pytest.approx(float(main), rel=1e-4) and float(accuracy) == pytest.approx(right)
    stepper.assign(state, averaged=False)
    for ours, other in zip(model.weights, twin.weights, strict=True):
        np.testing.assert_allclose(ours.numpy(), other.numpy(), rtol=1e-3, atol=2e-5, err_msg=ours.path)


def test_averages_follow_the_weights(generator):
    images, labels = small_batch(generator)
    model = NASNetFromGenotype("nasnet_a", (16, 16, 3), **TINY, classes=5, classifier_activation=None)
    stepper = Stepper(model, Objective())
    state = stepper.initial()
    expected = np.asarray(state["parameters"])
    for decay in (0.0, 0.5, 0.75):
        state, _ = stepper.step(state, images, labels, learning_rate=0.1, average_decay=decay)
        expected = decay * expected + (1 - decay) * np.asarray(state["parameters"])
    np.testing.assert_allclose(state["average_parameters"], expected, atol=1e-6)
    assert np.abs(expected - np.asarray(state["parameters"])).max() > 1e-3
    averaged, last = (stepper.logits(state, images, averaged=a) for a in (True, False))
    assert not np.allclose(averaged, last)
    stepper.assign(state)
    np.testing.assert_allclose(averaged, model(scaled(images), training=False), atol=1e-4)


def test_drop_path_follows_progress(generator):
    images, labels = small_batch(generator)
    model = NASNetFromGenotype(
        "nasnet_a", (16, 16, 3), **TINY, classes=5, classifier_activation=None, drop_path_rate=0.9
    )
    stepper = Stepper(model, Objective())

    def losses(progress):
        state, found = stepper.initial(), []
        for _ in range(3):
            state, metrics = stepper.step(state, images, labels, learning_rate=1e-9, progress=progress)
            found.append(float(metrics[0]))
        return found

    assert np.ptp(losses(0.0)) < 1e-3, "nothing is dropped at the beginning"
    assert np.ptp(losses(1.0)) > 1e-2, "paths are drawn anew at each step"
    assert losses(1.0) == losses(1.0)


def test_sizes_scale_the_images(generator):
    images, labels = small_batch(generator, (16, 16, 3))
    model = NASNetFromGenotype("nasnet_a", (16, 16, 3), **TINY, classes=5, classifier_activation=None)
    stepper = Stepper(model, Objective())
    blurred = np.repeat(np.repeat(images[:, ::2, ::2], 2, 1), 2, 2)
    small = NASNetFromGenotype("nasnet_a", (8, 8, 3), **TINY, classes=5, classifier_activation=None)
    small.set_weights(model.get_weights())
    _, scaled_down = stepper.step(stepper.initial(), blurred, labels, learning_rate=0.1, size=(8, 8))
    other = Stepper(small, Objective())
    _, expected = other.step(other.initial(), images[:, ::2, ::2], labels, learning_rate=0.1)
    assert float(scaled_down[0]) == pytest.approx(float(expected[0]), rel=0.05)


@pytest.mark.parametrize("deterministic", [False, True])
def test_a_step_compiles_as_it_does_on_gpus(generator, monkeypatch, deterministic):
    """By XLA, but for bits that must be the same; here on the processor, which only has to give the same."""
    before = determinism.is_op_determinism_enabled()
    images, labels = small_batch(generator)
    cell = Cell([Block(Edge("sep_conv_3x3", "current"), Edge("max_pool_3x3", "previous"))], ["block_0"])
    model = NASNetFromGenotype(
        Genotype(cell, cell), (16, 16, 3), **TINY, classes=5, classifier_activation=None, drop_path_rate=0.5
    )
    objective = Objective(label_smoothing=0.1, weight_decay=1e-3, clip_norm=0.5, muon=0.1)
    taken = []
    try:
        (determinism.enable_op_determinism if deterministic else determinism.disable_op_determinism)()
        for gpus in ([], ["one"]):
            monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind=None, gpus=gpus: gpus)
            stepper = Stepper(model, objective)
            state, _ = stepper.step(stepper.initial(), images, labels, learning_rate=0.1, size=(12, 12))
            taken.append(np.asarray(state["parameters"]))
    finally:
        (determinism.enable_op_determinism if before else determinism.disable_op_determinism)()
    np.testing.assert_allclose(*taken, atol=1e-3)
    assert not np.allclose(taken[0], np.asarray(Stepper(model, objective).initial()["parameters"]), atol=1e-3)


# --- recipes


@pytest.mark.parametrize("recipe", RECIPES.values(), ids=RECIPES)
def test_rates_rise_and_fall_within_bounds(recipe):
    rates = [recipe.rate(i / 1000) for i in range(1001)]
    assert all(0.0 <= rate <= recipe.learning_rate for rate in rates)
    assert max(rates) == pytest.approx(recipe.learning_rate, rel=1e-2) and rates[-1] == pytest.approx(0.0, abs=1e-9)
    top = rates.index(max(rates))
    assert rates[: top + 1] == sorted(rates[: top + 1]) and rates[top:] == sorted(rates[top:], reverse=True)
    assert top == pytest.approx(1000 * recipe.warmup, abs=2)


def test_the_papers_recipe_is_the_papers():
    paper = RECIPES["paper"]
    assert (paper.epochs, paper.batch_size, paper.learning_rate, paper.schedule) == (600, 32, 0.025, "cosine")
    assert (paper.weight_decay, paper.clip_norm, paper.auxiliary_weight) == (5e-4, 5.0, 0.4)
    assert (paper.drop_path_rate, paper.cutout) == (0.4, 16)


def test_sizes_of_a_recipe():
    recipe = dataclasses.replace(RECIPE, sizes=((0.0, 0.5), (0.5, 1.0)))
    assert [recipe.size(p) for p in (0.0, 0.49, 0.5, 0.99)] == [0.5, 0.5, 1.0, 1.0]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"epochs": 0}, "epochs must be a positive integer, got 0"),
        ({"learning_rate": 0.0}, "learning_rate must be positive, got 0.0"),
        ({"learning_rate": math.nan}, "learning_rate must be positive, got nan"),
        ({"learning_rate": "0.1"}, "learning_rate must be positive, got '0.1'"),
        ({"weight_decay": -1.0}, "weight_decay must be 0 or positive"),
        ({"drop_path_rate": 1.0}, r"drop_path_rate must be in \[0, 1\)"),
        ({"warmup": 1.0}, "warmup must be in"),
        ({"schedule": "step"}, "schedule must be one of cosine, one_cycle, got 'step'"),
        ({"schedule": "one_cycle"}, "give a warmup above 0"),
        ({"cutout": -1}, "cutout must be a whole number of pixels from 0, got -1"),
        ({"sizes": ((0.0, 0.5),)}, "sizes must be pairs"),
        ({"sizes": ((0.5, 1.0),)}, "sizes must be pairs"),
        ({"sizes": 3}, "sizes must be pairs"),
        ({"sizes": ((0.0, 0.5), (0.5, 1.0)), "auxiliary_weight": 0.4}, "contradict each other"),
    ],
)
def test_bad_recipes(changes, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(RECIPE, **changes)


# --- augmentation


def test_crops_are_windows_of_the_padded_image(generator):
    images = generator.integers(0, 256, (64, 9, 11, 3), dtype=np.uint8)
    out = Augmentation(pad=2, flip=False)(images, np.random.default_rng(1))
    seen = set()
    for image, crop in zip(images, out, strict=True):
        padded = np.pad(image, ((2, 2), (2, 2), (0, 0)), constant_values=128)
        places = [(y, x) for y in range(5) for x in range(5) if np.array_equal(padded[y : y + 9, x : x + 11], crop)]
        assert len(places) == 1
        seen.update(places)
    assert len(seen) > 15


def test_flip_and_cutout(generator):
    images = generator.integers(0, 128, (400, 8, 8, 3), dtype=np.uint8)
    flipped = Augmentation(pad=0, flip=True)(images, np.random.default_rng(1))
    same = np.array([np.array_equal(a, b) for a, b in zip(images, flipped, strict=True)])
    mirrored = np.array([np.array_equal(a[:, ::-1], b) for a, b in zip(images, flipped, strict=True)])
    assert (same ^ mirrored).all() and 150 < same.sum() < 250
    for side in (3, 4):
        cut = Augmentation(pad=0, flip=False, cutout=side)(images, np.random.default_rng(1))
        changed = (cut != images).all(-1)
        assert ((cut == 128).all(-1) == changed).all() and changed.sum((1, 2)).max() == side**2
        assert changed.sum((1, 2)).min() < side**2, "some squares are partly outside"
        assert changed.any(0).all(), "they reach everywhere"
    nothing = Augmentation(pad=0, flip=False)(images, np.random.default_rng(1))
    np.testing.assert_array_equal(nothing, images)


def test_augmentation_depends_on_the_generator_alone(generator):
    images = generator.integers(0, 256, (16, 8, 8, 1), dtype=np.uint8)
    augment = Augmentation(pad=2, cutout=2)
    first, again, other = (augment(images, np.random.default_rng([7, i])) for i in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


# --- data sets


def write_images(folder, classes=("cat", "dog"), count=12, size=(10, 8), generator=None):
    generator = generator or np.random.default_rng(0)
    for label in classes:
        (folder / label).mkdir(parents=True, exist_ok=True)
        for index in range(count):
            pixels = generator.integers(0, 256, (*size, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(folder / label / f"{index}.png")


def test_a_folder_of_images(tmp_path):
    write_images(tmp_path / "pets")
    pets = datasets.load(tmp_path / "pets")
    assert pets.name == "pets" and pets.class_names == ("cat", "dog") and pets.image_shape == (10, 8, 3)
    assert [len(s) for s in (pets.train, pets.validation, pets.test)] == [20, 2, 2]
    pixels = np.asarray(Image.open(tmp_path / "pets" / "dog" / "3.png"))
    everything = np.concatenate([s.images for s in (pets.train, pets.validation, pets.test)])
    labels = np.concatenate([s.labels for s in (pets.train, pets.validation, pets.test)])
    (found,) = np.flatnonzero((everything == pixels).all((1, 2, 3)))
    assert labels[found] == 1 and len(np.unique(everything.reshape(24, -1), axis=0)) == 24
    again = datasets.load(tmp_path / "pets")
    np.testing.assert_array_equal(again.validation.images, pets.validation.images)
    square = datasets.load(tmp_path / "pets", image_size=6)
    assert square.image_shape == (6, 6, 3)


def test_a_folder_with_splits_grey_and_transparent_images(tmp_path):
    for split, count in (("train", 5), ("test", 3), ("validation", 2)):
        write_images(tmp_path / split, count=count)
    Image.new("L", (8, 10), 7).save(tmp_path / "train" / "cat" / "grey.png")
    Image.new("RGBA", (8, 10), (1, 2, 3, 4)).save(tmp_path / "train" / "cat" / "see_through.png")
    (tmp_path / "train" / "cat" / "notes.txt").write_text("not an image")
    loaded = datasets.load(tmp_path)
    assert [len(s) for s in (loaded.train, loaded.validation, loaded.test)] == [12, 4, 6]


def test_folders_that_cannot_be_used(tmp_path):
    cases = {}
    cases["empty"] = "has no images: expected FOLDER/CLASS/IMAGE"
    (tmp_path / "empty").mkdir()
    write_images(tmp_path / "one", classes=("cat",))
    cases["one"] = r"has only one class \(cat\)"
    write_images(tmp_path / "corrupt")
    broken = tmp_path / "corrupt" / "cat" / "3.png"
    broken.write_bytes(broken.read_bytes()[:60])
    cases["corrupt"] = r"cannot read the image .*3\.png"
    write_images(tmp_path / "sizes")
    write_images(tmp_path / "sizes", classes=("dog",), count=1, size=(5, 5))
    cases["sizes"] = "2 different sizes .* give image_size"
    write_images(tmp_path / "unknown" / "train")
    write_images(tmp_path / "unknown" / "test", classes=("cow",))
    cases["unknown"] = "classes that .* has not: cow"
    write_images(tmp_path / "leads_out")
    (tmp_path / "secret.png").write_bytes((tmp_path / "one" / "cat" / "0.png").read_bytes())
    (tmp_path / "leads_out" / "cat" / "x.png").symlink_to(tmp_path / "secret.png")
    cases["leads_out"] = "leads out of .*: refused"
    cases["missing/folder"] = "no folder"
    for name, message in cases.items():
        with pytest.raises(ValueError, match=message):
            datasets.load(str(tmp_path / name))


def test_npz_files(tmp_path, generator):
    images, labels = small_batch(generator, count=40)
    path = tmp_path / "mine.npz"
    np.savez(path, train_images=images, train_labels=labels, class_names=list("abcde"))
    mine = datasets.load(path, validation_fraction=0.25)
    assert [len(s) for s in (mine.train, mine.validation, mine.test)] == [22, 8, 10] and mine.class_names[4] == "e"
    bad = {
        "train_images": r"must hold train_images and train_labels",
        "float": "must be uint8",
        "labels": r"must be whole numbers of shape \(40,\)",
        "range": "labels of .* must be from 0 to 3, got -1",
    }
    np.savez(tmp_path / "train_images.npz", images=images, labels=labels)
    np.savez(tmp_path / "float.npz", train_images=images / 255.0, train_labels=labels)
    np.savez(tmp_path / "labels.npz", train_images=images, train_labels=labels[:, None])
    np.savez(tmp_path / "range.npz", train_images=images, train_labels=labels - 1)
    np.savez(tmp_path / "pickle.npz", train_images=np.array([{}], dtype=object), train_labels=labels)
    (tmp_path / "text.npz").write_text("no")
    bad |= {"pickle": "without pickled objects", "text": "without pickled objects", "absent": "no data set file"}
    for name, message in bad.items():
        with pytest.raises(ValueError, match=message):
            datasets.load(tmp_path / f"{name}.npz")


@pytest.fixture
def served(tmp_path):
    """A folder served over HTTP on loopback."""
    (tmp_path / "www").mkdir()
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path / "www"))
    handler.func.log_message = lambda *arguments: None
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield tmp_path / "www", f"http://127.0.0.1:{server.server_port}"
    server.shutdown()


def test_tensorflow_datasets_are_downloaded_and_prepared(served, tmp_path, generator):
    import tensorflow_datasets as tfds

    www, url = served
    images, labels = small_batch(generator, (8, 6, 3), count=50, classes=3)
    np.savez(www / "pixels.npz", images=images, labels=labels)

    class OursForTests(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = {
                "image": tfds.features.Image(shape=(8, 6, 3)),
                "label": tfds.features.ClassLabel(names=["a", "b", "c"]),
            }
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict(features), supervised_keys=("image", "label")
            )

        def _split_generators(self, manager):
            path = manager.download(f"{url}/pixels.npz")
            return {"train": self._generate_examples(path, 0, 40), "validation": self._generate_examples(path, 40, 50)}

        def _generate_examples(self, path, start, end):
            with np.load(path) as stored:
                for index in range(start, end):
                    yield index, {"image": stored["images"][index], "label": int(stored["labels"][index])}

    loaded = datasets.load("ours_for_tests", tmp_path / "data")
    assert [len(s) for s in (loaded.train, loaded.validation, loaded.test)] == [36, 4, 10], "validation is the test"
    found = {
        image.tobytes(): label
        for s in (loaded.train, loaded.validation, loaded.test)
        for image, label in zip(s.images, s.labels, strict=True)
    }
    assert found == {image.tobytes(): label for image, label in zip(images, labels, strict=True)}
    assert "ours_for_tests/1.0.0" in loaded.source and loaded.class_names == ("a", "b", "c")
    assert loaded.source.endswith("stored as png"), "as TensorFlow Datasets stores arrays"
    (www / "pixels.npz").unlink()
    again = datasets.load("ours_for_tests", tmp_path / "data")
    np.testing.assert_array_equal(again.train.images, loaded.train.images)
    assert datasets.load("ours_for_tests:1.0.0", tmp_path / "data", image_size=8).image_shape == (8, 8, 3)
    with pytest.raises(ValueError, match="cannot be downloaded there: .*404"):
        datasets.load("ours_for_tests", tmp_path / "elsewhere")


def test_the_source_says_how_images_are_stored_where_the_description_does_not(tmp_path, generator):
    import tensorflow_datasets as tfds

    images, labels = small_batch(generator, (8, 6, 3), count=12, classes=2)

    class JpegForTests(tfds.core.GeneratorBasedBuilder):
        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            features = {"image": tfds.features.Image(shape=(8, 6, 3)), "label": tfds.features.ClassLabel(num_classes=2)}
            return tfds.core.DatasetInfo(
                builder=self, features=tfds.features.FeaturesDict(features), supervised_keys=("image", "label")
            )

        def _split_generators(self, manager):
            return {"train": self._generate_examples()}

        def _generate_examples(self):
            for index, label in enumerate(labels):
                file = io.BytesIO()
                Image.fromarray(images[index]).save(file, "jpeg")
                file.seek(0)
                yield index, {"image": file, "label": int(label)}

    assert datasets.load("jpeg_for_tests", tmp_path).source.endswith("stored as jpeg")


def test_names_that_nobody_knows(tmp_path):
    with pytest.raises(ValueError, match="no data set 'cifar11'.*TensorFlow Datasets says"):
        datasets.load("cifar11", tmp_path)
    with pytest.raises(ValueError, match="image_size=16: the images of digits are 8x8"):
        datasets.load("digits", image_size=16)
    with pytest.raises(ValueError, match=r"validation_fraction must be in \[0, 1\), got 1"):
        datasets.load("digits", validation_fraction=1)


@pytest.mark.skipif("TFDS_DATA_DIR" not in os.environ, reason="TFDS_DATA_DIR is not set")
def test_cifar10_where_it_is():
    cifar = datasets.load("cifar10")
    assert [len(s) for s in (cifar.train, cifar.validation, cifar.test)] == [45000, 5000, 10000]
    assert cifar.class_names[3] == "cat" and (np.bincount(cifar.test.labels) == 1000).all()


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
    result = train(TrainingConfig(tmp_path, recipe=recipe, **TINY), digits)
    card = Card.read(tmp_path / "nasnet_a_digits.json")
    assert card == result.card and len(result.history) == 6
    assert result.history[-1]["loss"] < result.history[0]["loss"]
    assert card.metrics["test_accuracy"] > 0.8 and card.metrics["test_images"] == 300
    assert card.cost["parameters"] == genotype_cost("nasnet_a", (8, 8, 1), **TINY).parameters
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
    stamp = card_stamp = (tmp_path / "nasnet_a_digits.weights.h5").stat().st_mtime_ns
    assert train(TrainingConfig(tmp_path, recipe=recipe, **TINY), digits).card == card
    assert stamp == card_stamp == (tmp_path / "nasnet_a_digits.weights.h5").stat().st_mtime_ns, (
        "nothing is trained twice"
    )


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


SMALL_CELL = Cell([Block(Edge("sep_conv_3x3", "current"), Edge("max_pool_3x3", "previous"))], ["block_0", "previous"])
KILLED = ["--dataset=digits", "--num_repeats=1", "--filters=4", "--epochs=60", "--batch_size=100", "--seed=3"]
KILLED += ["--drop_path_rate=0.2", "--dropout_rate=0.2", "--cutout=2", "--sizes=0:1", "--checkpoint_minutes=0.003"]
KILLED += [f"--genotype={Genotype(SMALL_CELL, SMALL_CELL).to_json()}", "--name=small"]


@pytest.mark.slow
def test_a_run_killed_at_random_moments_reaches_the_same_weights(tmp_path):
    subprocess.run(command(*KILLED, f"--workdir={tmp_path}/whole"), check=True, capture_output=True, timeout=300)
    moments = random.Random(0)
    for number in (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL):
        process = subprocess.Popen(
            command(*KILLED, f"--workdir={tmp_path}/killed"),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        path = tmp_path / "killed" / "checkpoint.npz"
        before = path.stat().st_mtime_ns if path.exists() else 0
        deadline = time.monotonic() + 120
        while not path.exists() or path.stat().st_mtime_ns == before:
            assert process.poll() is None and time.monotonic() < deadline
            time.sleep(0.01)
        time.sleep(moments.uniform(0.0, 0.3))
        process.send_signal(number)
        process.wait(timeout=60)
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
    process = subprocess.Popen(
        command(*flags, f"--workdir={tmp_path}/run"), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )
    while process.poll() is None and not (tmp_path / "run" / "checkpoint.npz").exists():
        time.sleep(0.05)
    process.terminate()
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 1 and "Stopped. The same command goes on from the checkpoint" in errors


def test_the_same_seed_gives_the_same_bits(tmp_path, few):
    cards = []
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        keras.backend.clear_session()
        recipe = dataclasses.replace(RECIPE, drop_path_rate=0.2, cutout=2)
        cards.append(train(TrainingConfig(tmp_path / name, recipe=recipe, seed=seed, **TINY), few).card)
    assert cards[0].reference == cards[1].reference != cards[2].reference


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
    card = Card.read(finished / "nasnet_a_digits.json")
    files = {path: path.read_bytes() for path in finished.iterdir() if path.is_file()}
    other = TrainingConfig(finished, recipe=RECIPE, name="mine", **TINY)
    with pytest.raises(WorkdirError, match="name was 'nasnet_a_digits' and is now 'mine'"):
        train(other, few)
    same = train(TrainingConfig(finished, recipe=RECIPE, name="nasnet_a_digits", **TINY), few)
    assert same.card == card, "the name it would have had anyway"
    description = finished / "training.json"
    plain = json.loads(description.read_text())
    del plain["config"]["name"]  # as folders of before have none
    description.write_text(json.dumps(plain))
    assert train(TrainingConfig(finished, recipe=RECIPE, **TINY), few).card == card
    assert files.keys() == {path for path in finished.iterdir() if path.is_file()}


def test_damaged_checkpoints(tmp_path):
    path = tmp_path / "checkpoint.npz"
    arrays = {"parameters": np.arange(5, dtype=np.float32)}
    checkpoint.write(path, arrays, {"step": 3})
    found, position = checkpoint.read(path, arrays)
    assert position == {"step": 3} and np.array_equal(found["parameters"], arrays["parameters"])
    with pytest.raises(
        checkpoint.CheckpointError, match=r"parameters is float32 of \(5,\), expected float32 of \(6,\)"
    ):
        checkpoint.read(path, {"parameters": np.zeros(6, np.float32)})
    whole = path.read_bytes()
    for damaged in (b"", whole[: len(whole) // 2], b"no"):
        path.write_bytes(damaged)
        with pytest.raises(checkpoint.CheckpointError, match="remove it to train from the beginning"):
            checkpoint.read(path, arrays)


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
        (["--name=a/b"], "name must be of letters"),
        (["--checkpoint_minutes=0"], "checkpoint_minutes must be positive"),
        (["digits"], "unexpected arguments ['digits']"),
    ],
)
def test_bad_flags_are_one_clear_error_and_make_no_folder(flags, message, tmp_path):
    done = subprocess.run(command(*flags), capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode != 0
    assert message in done.stderr + done.stdout and "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_help_lists_the_flags():
    done = subprocess.run(command("--help"), capture_output=True, text=True, timeout=60)
    for name in ("--workdir", "--genotype", "--dataset", "--recipe", "--epochs", "--sizes"):
        assert name in done.stdout


# --- cards


def test_cards_that_cannot_be_used(finished):
    path = finished / "nasnet_a_digits.json"
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
