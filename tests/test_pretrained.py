"""Loading trained models."""

import dataclasses
import functools
import http.server
import json
import os
import shutil
import threading
from pathlib import Path

import keras
import numpy as np
import pytest
from colours import COLOURS, card_of, pictures, weights_of

from nasnet_keras import pretrained
from nasnet_keras.card import Card, decoded
from nasnet_keras.inference.described import description_of
from nasnet_keras.pretrained.any_model import load_any
from nasnet_keras.utils.manual import path_of_model
from nasnet_keras.weights.file import CardError, WeightsFile


@pytest.fixture
def copied(trained, tmp_path):
    """A copy of it, to damage."""
    return Path(shutil.copytree(trained, tmp_path / "copied"))


# --- loading


def test_a_loaded_model_reads_images_as_they_come(trained):
    images, outputs = decoded(Card.read(card_of(trained)).reference)
    for model in (card_of(trained), str(card_of(trained)), weights_of(trained), str(weights_of(trained))):
        loaded = pretrained.load(model, classifier_activation=None)
        np.testing.assert_allclose(loaded.predict(images, verbose=0), outputs, rtol=1e-4, atol=1e-4)
    as_floats = loaded.predict(images.astype("float32"), verbose=0)
    np.testing.assert_allclose(as_floats, outputs, rtol=1e-4, atol=1e-4)
    probabilities = pretrained.load(card_of(trained)).predict(images, verbose=0)
    np.testing.assert_allclose(probabilities, np.exp(outputs) / np.exp(outputs).sum(-1, keepdims=True), atol=1e-4)
    plain = pretrained.load(card_of(trained), classifier_activation=None, preprocessing=False)
    np.testing.assert_allclose(plain.predict(images / 127.5 - 1.0, verbose=0), outputs, rtol=1e-4, atol=1e-4)


def test_other_sizes_and_maps(trained, tmp_path):
    images = pictures(2, size=24)[0]
    assert pretrained.load(card_of(trained), input_shape=(None, None, 3)).predict(images, verbose=0).shape == (2, 3)
    assert pretrained.load(card_of(trained), input_shape=(24, 24, 3)).predict(images, verbose=0).shape == (2, 3)
    maps = pretrained.load(card_of(trained), include_top=False, input_shape=(24, 24, 3)).predict(images, verbose=0)
    pooled = pretrained.load(card_of(trained), include_top=False, pooling="avg", input_shape=(24, 24, 3))
    np.testing.assert_allclose(pooled.predict(images, verbose=0), maps.mean((1, 2)), rtol=1e-4)
    model = pretrained.load(card_of(trained))
    model.save(tmp_path / "whole.keras")
    again = keras.models.load_model(tmp_path / "whole.keras")
    small = pictures(2)[0]
    np.testing.assert_array_equal(again.predict(small, verbose=0), model.predict(small, verbose=0))


def test_a_new_number_of_classes_drops_exactly_the_head(trained, caplog):
    whole = pretrained.load(card_of(trained))
    caplog.clear()
    model = pretrained.load(card_of(trained), classes=7)
    assert "classifier of 3 classes was dropped; the new one of 7 classes is not trained" in caplog.text
    kept = {v.path: v.numpy() for v in whole.weights}
    for variable in model.weights:
        assert ("logits" in variable.path) or np.array_equal(variable.numpy(), kept[variable.path]), variable.path
    assert model.output_shape == (None, 7)
    caplog.clear()
    pretrained.load(card_of(trained))
    assert not caplog.text
    pretrained.load(card_of(trained), classes=3)
    assert "its trained classifier is kept, since it has 3 classes, too" in caplog.text


def test_names_and_patterns():
    names = pretrained.list_models()
    assert names == sorted(names)
    assert pretrained.list_models("*cifar10*") == [name for name in names if "cifar10" in name]
    assert pretrained.list_models("nothing*") == []
    with pytest.raises(CardError, match="no model 'amoebanet_tiny_imagenet': did you mean 'amoebanet_d_tiny_imagenet'"):
        pretrained.load("amoebanet_tiny_imagenet")
    with pytest.raises(CardError, match="no model 'xyz': Legal are: "):
        pretrained.card("xyz")
    with pytest.raises(CardError, match="no card '/nowhere/a.json'"):
        pretrained.card("/nowhere/a.json")
    with pytest.raises(CardError, match="no card /nowhere/a.json beside /nowhere/a.weights.h5"):
        pretrained.load("/nowhere/a.weights.h5")


def test_a_name_that_is_also_a_folder_with_a_model_is_not_guessed(trained, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shipped = pretrained.card("mnasnet_cifar10")
    folder = tmp_path / "mnasnet_cifar10"
    folder.mkdir()
    assert pretrained.card("mnasnet_cifar10") == shipped, "a folder without a model means nothing"
    shutil.copytree(trained, folder, dirs_exist_ok=True)
    for function in (pretrained.card, pretrained.load, load_any):
        with pytest.raises(CardError, match=r"and a folder here with a model of its own: give \./mnasnet_cifar10 for"):
            function("mnasnet_cifar10")
    with pytest.raises(ValueError, match="workdir has the name of the model, searched_cifar10, which would mean"):
        pretrained.fine_tune("searched_cifar10", "images", workdir="searched_cifar10")
    own = path_of_model(Path("mnasnet_cifar10"))
    assert pretrained.card(own) == pretrained.card(Path("mnasnet_cifar10")) == pretrained.card(trained)


def test_a_whole_model_is_not_taken_for_the_weights_beside_it(copied):
    model = pretrained.load(copied)
    model.get_layer("logits").bias.assign([0.0, 0.0, 99.0])
    path = card_of(copied).with_suffix(".keras")
    model.save(path)
    found = load_any(str(path))
    assert found.class_names == tuple(COLOURS) and (found.model.predict(pictures(4)[0], verbose=0)[:, 2] > 0.99).all()
    assert description_of(found.model).input_range == (0.0, 255.0)
    with pytest.raises(CardError, match=r"\.keras is a whole model, which keras.models.load_model loads: expected its"):
        pretrained.load(path)
    with pytest.raises(CardError, match=r"\.keras is a whole model"):
        pretrained.fine_tune(path, "images", workdir=copied / "mine")
    edit(copied, class_names=["a", "b"])
    with pytest.raises(ValueError, match=r"answers with \(None, 3\), and .* names 2 classes"):
        load_any(str(path))


def test_arguments_that_cannot_be(trained):
    for shape in ((16, 16, 1), (16, 16), (None, None), 16):
        with pytest.raises(ValueError, match=r"input_shape must be \(height, width, 3\)"):
            pretrained.load(card_of(trained), input_shape=shape)
    with pytest.raises(ValueError, match="classes must be a positive integer"):
        pretrained.load(card_of(trained), classes=0)


# --- damaged files


def edit(folder, **changes):
    path = card_of(folder)
    values = json.loads(path.read_text())
    for key, value in changes.items():
        *parents, last = key.split("__")
        place = values
        for parent in parents:
            place = place[parent]
        place[last] = value
    path.write_text(json.dumps(values))


def flip_bit(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def other_weights(folder):
    Card.read(card_of(folder)).build(num_repeats=2).save_weights(weights_of(folder))
    described = WeightsFile.of(weights_of(folder))
    edit(folder, weights__size=described.size, weights__sha256=described.sha256)


DAMAGE = {
    "truncated": (lambda f: weights_of(f).write_bytes(weights_of(f).read_bytes()[:-100]), "bytes, expected"),
    "bit-flipped": (lambda f: flip_bit(weights_of(f)), "has SHA256 .*, expected"),
    "wrong size": (lambda f: edit(f, weights__size=12), "bytes, expected 12"),
    "wrong hash": (lambda f: edit(f, weights__sha256="0" * 64), "expected 0000"),
    "no hash": (lambda f: edit(f, weights={"file": "a.h5", "size": 1}), "no hash to know it by"),
    "HTML": (lambda f: weights_of(f).write_text("<html>login</html>"), "bytes, expected"),
    "missing": (lambda f: weights_of(f).unlink(), "is missing"),
    "out of the folder": (lambda f: edit(f, weights__file="../a.weights.h5"), "must be a bare name"),
    "an absolute path": (lambda f: edit(f, weights__file="/etc/passwd"), "must be a bare name"),
    "another drive": (lambda f: edit(f, weights__file="C:\\a.h5"), "must be a bare name"),
    "a file: address": (lambda f: edit(f, weights__url="file:///etc/passwd"), "must begin with https://"),
    "future version": (lambda f: edit(f, version=2), "a card of version 2; this version of nasnet_keras reads 1"),
    "another genotype": (other_weights, "does not fit the model.*nothing was loaded"),
    "another fingerprint": (lambda f: edit(f, fingerprint="0" * 16), "says fingerprint"),
    "a bad name": (lambda f: edit(f, name="../../x"), "name must be of letters"),
    "no genotype": (lambda f: edit(f, genotype={"normal": []}), "is damaged"),
    "an unknown argument": (lambda f: edit(f, network__weights="/etc/passwd"), "no network that can be built"),
    "no preprocessing": (lambda f: edit(f, preprocessing={}), "numbers scale and offset"),
    "text as scale": (lambda f: edit(f, preprocessing__scale="1"), "numbers as input_range and preprocessing"),
    "class names": (lambda f: edit(f, class_names=[1, 2, 3]), "different texts as class_names"),
    "fewer classes": (lambda f: edit(f, class_names=["a", "b"]), "the file is for 3 classes, the model has classes=2"),
    "the same class twice": (lambda f: edit(f, class_names=["a", "a", "b"]), "different texts as class_names"),
    "a text of classes": (lambda f: edit(f, class_names="abc"), "a list as class_names"),
    "more preprocessing": (lambda f: edit(f, preprocessing__dtype="int8"), "numbers scale and offset"),
    "another name within": (lambda f: edit(f, network__name="x"), "name is not for a card to say"),
    "other classes within": (lambda f: edit(f, network__classes=7), "classes is not for a card to say"),
    "input shape": (lambda f: edit(f, input_shape=[16]), "no network that can be built"),
    "no JSON": (lambda f: card_of(f).write_text("{"), "cannot read the card"),
    "a list": (lambda f: card_of(f).write_text("[]"), "is no card"),
    "no version": (lambda f: edit(f, version=True), "a card of version True"),
    "a scale without end": (lambda f: edit(f, preprocessing__scale=float("inf")), "numbers as input_range and"),
    "nested without end": (lambda f: card_of(f).write_text("[" * 100_000), "cannot read the card"),
}


@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_model_is_one_clear_error(copied, kind):
    damage, message = DAMAGE[kind]
    damage(copied)
    before = {path.name: path.read_bytes() for path in copied.iterdir() if path.is_file()}
    with pytest.raises(ValueError, match=f"(?s){message}"):
        pretrained.load(card_of(copied))
    assert before == {path.name: path.read_bytes() for path in copied.iterdir() if path.is_file()}


def test_a_weight_file_that_leads_out_of_its_folder_is_refused(copied, tmp_path):
    weights_of(copied).rename(tmp_path / "elsewhere.h5")
    weights_of(copied).symlink_to(tmp_path / "elsewhere.h5")
    with pytest.raises(CardError, match="leads out of its folder: refused"):
        pretrained.load(card_of(copied))


def test_a_card_of_files_whose_names_are_no_text_is_written_and_read(trained, tmp_path):
    card = Card.read(card_of(trained))
    source = os.fsdecode(b"/images/caf\xe9")
    written = dataclasses.replace(card, dataset={**card.dataset, "source": source}).write(tmp_path)
    assert Card.read(written).dataset["source"] == source


# --- downloading


@pytest.fixture
def served(copied, tmp_path, monkeypatch):
    """A card whose weights are at a server on this machine, and the cache that they come to."""
    digest = Card.read(card_of(copied)).weights.sha256
    (tmp_path / "site").mkdir()
    weights_of(copied).rename(tmp_path / "site" / "weights-1.h5")
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "keras"))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    for name in ("MIRROR", "OFFLINE"):
        monkeypatch.delenv(f"NASNET_KERAS_{name}", raising=False)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=tmp_path / "site")
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        edit(copied, weights__url=f"http://127.0.0.1:{server.server_port}/weights-1.h5")
        yield copied, tmp_path / "keras" / "models" / "nasnet_keras" / digest[:16] / "colours_cifar10.weights.h5"
        server.shutdown()
        thread.join()


def test_weights_come_from_their_address_once(served, trained, monkeypatch):
    folder, cached = served
    images = pictures(4)[0]
    expected = pretrained.load(card_of(trained)).predict(images, verbose=0)
    np.testing.assert_array_equal(pretrained.load(card_of(folder)).predict(images, verbose=0), expected)
    assert cached.read_bytes() == weights_of(trained).read_bytes()
    monkeypatch.setenv("NASNET_KERAS_OFFLINE", "1")
    np.testing.assert_array_equal(pretrained.load(card_of(folder)).predict(images, verbose=0), expected)
    cached.unlink()
    with pytest.raises(OSError, match="NASNET_KERAS_OFFLINE is set.*put it at"):
        pretrained.load(card_of(folder))


def test_wrong_bytes_from_the_address_are_not_loaded(served, tmp_path):
    folder, cached = served
    flip_bit(tmp_path / "site" / "weights-1.h5")
    with pytest.raises(OSError, match="has SHA256 .*expected"):
        pretrained.load(card_of(folder))
    assert not cached.exists()
