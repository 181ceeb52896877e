"""The models that ship: complete cards, small files, and on every backend exactly the answers that their cards record.

Run as a program in an environment with another backend, it compares that backend's answers.
"""

import csv
import dataclasses
import functools
import hashlib
import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from helpers import mostly_slow

from nasnet_keras import fuse_for_inference, pretrained
from nasnet_keras.networks.cost import genotype_cost
from nasnet_keras.pretrained import registry
from nasnet_keras.pretrained.listing import CARDS
from nasnet_keras.training import datasets
from nasnet_keras.weights.file import CardError
from nasnet_keras.weights.published import PUBLISHED

ROOT = Path(__file__).parent.parent
NAMES = pretrained.list_models()
ELSEWHERE = 100  # images whose answers are compared on another backend, by models of each kind
OF_EACH_KIND = ["amoebanet_d_cifar10", "mnasnet_tiny_imagenet", "nasnet_a_cifar10"]
BUNDLED = [name for name in NAMES if pretrained.card(name).weights.url is None]


def test_images(name):
    """The test split that a model's card speaks of, at the model's size."""
    card = pretrained.card(name)
    return _test_images(card.dataset["name"], card.input_shape[0])


@functools.cache
def _test_images(dataset, size):
    return datasets.load(dataset, image_size=size).test


test_images.__test__ = False
needs_data = pytest.mark.skipif("TFDS_DATA_DIR" not in os.environ, reason="TFDS_DATA_DIR names no data sets")


@pytest.mark.parametrize("name", NAMES)
def test_a_card_is_complete(name):
    card = pretrained.card(name)
    assert card.name == name and card.license != "not stated" and 0 < card.metrics["test_accuracy"] < 1
    assert {"test_images", "runs"} <= set(card.metrics) and card.dataset["source"]
    cost = genotype_cost(card.genotype, card.input_shape, **{"classes": len(card.class_names), **card.network})
    assert dataclasses.asdict(cost) == card.cost
    assert len(set(card.class_names)) == len(card.class_names)
    assert ("cifar10" in name) == (card.dataset["name"] == "cifar10")
    if name in BUNDLED:
        assert {"recipe", "command", "hardware", "hours", "epochs", "seed"} <= set(card.training)
        assert (ROOT / "docs" / "models" / f"{name}.json").exists(), "the log of its training"
        assert card.weights.size <= 8 * 2**20
        assert registry.weights_file(name).name == f"{name}.weights.h5"


def test_the_bundled_files_are_small():
    files = list((Path(registry.__file__).parent / "weights").iterdir())
    assert sorted(path.name for path in files) == [f"{name}.weights.h5" for name in BUNDLED]
    assert sum(path.stat().st_size for path in files) <= 28 * 2**20


@pytest.mark.parametrize("size", mostly_slow(("mobile", "large"), ("large",)))
def test_the_published_weights_are_those_of_the_applications(size, monkeypatch, tmp_path):
    name = f"nasnet_{size}_imagenet"
    assert pretrained.card(name).weights == PUBLISHED[size, True]
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("NASNET_KERAS_OFFLINE", "1")
    with pytest.raises(OSError, match=f"Get https://.*/NASNet-{size}.h5"):
        pretrained.load(name)
    if size == "mobile":
        import nasnet_keras as nk

        ours = pretrained.load(name, weights=False, classifier_activation="softmax", preprocessing=False)
        theirs = nk.applications.NASNetMobile(weights=None)
        assert [w.path for w in ours.weights] == [w.path for w in theirs.weights]
        theirs.set_weights(ours.get_weights())
        images = np.random.default_rng(0).uniform(-1, 1, (1, 224, 224, 3)).astype("float32")
        np.testing.assert_array_equal(ours.predict(images, verbose=0), theirs.predict(images, verbose=0))


@pytest.mark.parametrize("name", BUNDLED)
def test_reference_outputs(name):
    assert pretrained.verify(name) < 1e-4


def test_what_computes_something_else_is_told(tmp_path):
    path = tmp_path / "a.json"
    card = json.loads(Path(CARDS, "mnasnet_cifar10.json").read_text())
    weights = CARDS.parent / "weights" / card["weights"]["file"]
    (tmp_path / weights.name).write_bytes(weights.read_bytes())
    for change, said in (
        ({"reference": {}}, "has no reference images"),
        (
            {"preprocessing": {"scale": 1 / 120, "offset": -1.0}},
            "mnasnet_cifar10 differs from its card by .* expected at",
        ),
    ):
        path.write_text(json.dumps(card | change))
        with pytest.raises(CardError, match=said):
            pretrained.verify(path)


@needs_data
@pytest.mark.slow
@pytest.mark.parametrize("name", BUNDLED)
def test_it_answers_to_test_images_as_its_card_recorded(name):
    """500 answers pin the weights down; that the card's accuracy is theirs, the whole split says in the long form."""
    card, split = pretrained.card(name), test_images(name)
    assert len(split) == card.metrics["test_images"]
    recorded = card.reference["predictions"]
    count = recorded["images"]
    assert count == 500
    assert hashlib.sha256(split.images[:count].tobytes()).hexdigest() == recorded["sha256"]
    model = pretrained.load(name)
    predicted = np.argmax(model.predict(split.images[:count], batch_size=250, verbose=0), -1)
    assert " ".join(map(str, predicted)) == recorded["labels"]
    fused = fuse_for_inference(model).predict(split.images[:250], batch_size=250, verbose=0)
    assert np.array_equal(np.argmax(fused, -1), predicted[:250])
    accuracy = card.metrics["test_accuracy"]
    assert abs(np.mean(predicted == split.labels[:count]) - accuracy) < 4 * np.sqrt(accuracy * (1 - accuracy) / count)


@pytest.mark.fuzz
@needs_data
@pytest.mark.parametrize("name", BUNDLED)
def test_the_whole_test_split(name):
    split = test_images(name)
    predicted = np.argmax(pretrained.load(name).predict(split.images, batch_size=256, verbose=0), -1)
    assert abs(np.mean(predicted == split.labels) - pretrained.card(name).metrics["test_accuracy"]) < 0.003


@needs_data
@pytest.mark.slow
@pytest.mark.parametrize("backend", ["jax", "torch"])
def test_other_backends_give_exactly_the_recorded_predictions(backend, tmp_path):
    if not importlib.util.find_spec(backend):
        pytest.skip(f"{backend} is not installed")
    for name in OF_EACH_KIND:
        np.save(tmp_path / f"{name}.npy", test_images(name).images[:ELSEWHERE])
    environment = {**os.environ, "KERAS_BACKEND": backend}
    done = subprocess.run([sys.executable, __file__, str(tmp_path)], env=environment, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.split() == OF_EACH_KIND, done.stdout + done.stderr


def test_pages_have_the_tables_of_the_cards():
    printed = subprocess.run(
        [sys.executable, ROOT / "tools" / "model_table.py", "--print"], capture_output=True, text=True, check=True
    ).stdout
    models, quantized = printed.strip("\n").split("\n\n")
    assert models.count("\n") == len(NAMES) + 1 and f"{models}\n<!--" in (ROOT / "docs/models/README.md").read_text()
    assert f"{quantized}\n<!--" in (ROOT / "docs/inference.md").read_text()
    assert quantized.count("\n") == 1 + sum(len(pretrained.card(name).quantized) for name in NAMES)


def test_pages_of_models_are_those_of_the_cards(tmp_path):
    subprocess.run([sys.executable, ROOT / "tools" / "model_pages.py", f"--output={tmp_path}"], check=True)
    written = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    assert len(written) == 3 * len(BUNDLED) + 1
    for name, data in written.items():
        assert (ROOT / "docs/models" / name).read_bytes() == data, name
    rows = list(csv.DictReader(written["models.csv"].decode().splitlines()))
    assert [row["name"] for row in rows if row["downloaded"] == "False"] and len(rows) == len(NAMES)
    for row in rows:
        shipped = row["downloaded"] == "False"
        assert row["license"] and row["sha256" if shipped else "md5"]
        assert shipped == (row["source"] == "measured here")
        if shipped:
            again = bool(pretrained.card(row["name"]).training.get("initial_weights"))
            assert float(row["training_hours"]) > 0 and again == (float(row["hours_of_earlier_trainings"]) > 0)
            assert float(row["litert_int8_1_threads_ms"]) > 0 and row["litert_int8_test_images"] == "4000"
            change = float(row["litert_int8_test_accuracy"]) - float(row["litert_float32_accuracy_of_the_same_images"])
            assert abs(change) < 0.01
        page = (written[f"{row['name']}.md"] if shipped else b"").decode()
        assert ("README.md#trained-more-than-once" in page) == (float(row["hours_of_earlier_trainings"] or 0) > 0)
    for name in BUNDLED:
        pairs = json.loads((ROOT / "docs/models" / f"{name}_confusion.json").read_text())
        metrics = pretrained.card(name).metrics
        assert sum(count for _, _, count in pairs) == metrics["test_images"]
        right = sum(count for true, predicted, count in pairs if true == predicted)
        assert right / metrics["test_images"] == pytest.approx(metrics["test_accuracy"], abs=0.003)


if __name__ == "__main__":
    for bundled in OF_EACH_KIND:
        images = np.load(f"{sys.argv[1]}/{bundled}.npy")
        found = np.argmax(pretrained.load(bundled).predict(images, batch_size=ELSEWHERE, verbose=0), -1)
        recorded = pretrained.card(bundled).reference["predictions"]["labels"].split()
        if list(map(str, found)) != recorded[:ELSEWHERE]:
            sys.exit(f"{bundled} answers otherwise")
        print(bundled)
