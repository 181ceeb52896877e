"""Weights of `keras.applications` in our networks: equal outputs."""

import dataclasses
import hashlib
import shutil

import h5py
import keras
import numpy as np
import pytest
from helpers import difference, mostly_fuzz, randomize
from keras.src.legacy.saving import legacy_h5_format

from nasnet_keras import NASNetFromGenotype, applications
from nasnet_keras.weights import published

TOLERANCE = 1e-5


def saved_peer(build, path, **arguments):
    """A model of `keras.applications` as if trained, and its file in the legacy format."""
    peer = build(weights=None, **arguments)
    randomize(peer, np.random.default_rng(1))
    with h5py.File(path, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, peer)
    return peer


@pytest.fixture(scope="module")
def mobile(tmp_path_factory):
    path = tmp_path_factory.mktemp("mobile") / "mobile.h5"
    return saved_peer(keras.applications.NASNetMobile, path), path


@pytest.fixture(scope="module")
def mobile_without_top(tmp_path_factory):
    path = tmp_path_factory.mktemp("mobile") / "mobile_no_top.h5"
    saved_peer(keras.applications.NASNetMobile, path, include_top=False)
    return path


def images(size, generator):
    return generator.uniform(-1, 1, (2, size, size, 3)).astype("float32")


def test_mobile_with_top(mobile, generator):
    peer, path = mobile
    ours = applications.NASNetMobile(weights=path)
    x = images(224, generator)
    assert difference(ours.predict(x, verbose=0), peer.predict(x, verbose=0)) < TOLERANCE
    assert keras.models.clone_model(ours).count_params() == peer.count_params()


@pytest.mark.slow
@pytest.mark.parametrize("size", mostly_fuzz([96, 97, 225], [97]))
def test_mobile_without_top(mobile_without_top, size, generator):
    peer = keras.applications.NASNetMobile((size, size, 3), include_top=False, weights=None)
    peer.load_weights(mobile_without_top)
    x = images(size, generator)
    expected = peer.predict(x, verbose=0)
    for shape in ((size, size, 3), (None, None, 3)):
        ours = applications.NASNetMobile(shape, include_top=False, weights=mobile_without_top)
        assert difference(ours.predict(x, verbose=0), expected) < TOLERANCE
    same = applications.NASNetMobile(include_top=False, weights=mobile_without_top, padding="same")
    assert same.count_params() == ours.count_params()


@pytest.mark.slow
def test_large(tmp_path, generator):
    path = tmp_path / "large.h5"
    peer = saved_peer(keras.applications.NASNetLarge, path, include_top=False, input_shape=(96, 96, 3))
    ours = applications.NASNetLarge((96, 96, 3), include_top=False, weights=path)
    x = images(96, generator)
    assert difference(ours.predict(x, verbose=0), peer.predict(x, verbose=0)) < TOLERANCE


@pytest.mark.slow
def test_a_mismatch_lists_both_sides(mobile, mobile_without_top, tmp_path):
    with pytest.raises(ValueError, match="does not fit the model") as caught:
        applications.NASNetMobile(weights=mobile_without_top)
    assert "logits: file absent, model [(1056, 1000), (1000,)]" in str(caught.value)
    with pytest.raises(ValueError, match="for 1000 classes, the model has classes=7"):
        applications.NASNetMobile(weights=mobile[1], classes=7)
    with pytest.raises(ValueError, match="does not fit the model"):
        NASNetFromGenotype("nasnet_a", stem="imagenet", num_repeats=2, filters=44, weights=mobile_without_top)
    broken = tmp_path / "broken.h5"
    broken.write_bytes(mobile_without_top.read_bytes()[:100_000])
    with pytest.raises(ValueError, match=r"broken\.h5 cannot be read"):
        applications.NASNetMobile(weights=broken, include_top=False)
    with h5py.File(broken, "w") as file:
        legacy_h5_format.save_weights_to_hdf5_group(file, keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]))
    with pytest.raises(ValueError, match="dense: file"):
        applications.NASNetMobile(weights=broken, include_top=False)


@pytest.mark.parametrize(("top", "name"), [(True, "NASNet-mobile.h5"), (False, "NASNet-mobile-no-top.h5")])
def test_published_weights_come_from_the_cache_with_the_right_hash(top, name, tmp_path, monkeypatch, mobile):
    """There is no network here: Keras' cache stands in for the source, and a wrong file is not taken."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setenv("NASNET_KERAS_OFFLINE", "1")
    with pytest.raises(OSError, match="cannot download") as caught:
        applications.NASNetMobile(include_top=top)
    cached = tmp_path / "models" / name.lower().replace("-", "_")  # as keras.applications names it
    assert f"/tensorflow/keras-applications/nasnet/{name} (MD5 " in str(caught.value)
    assert str(cached) in str(caught.value)
    cached.parent.mkdir()
    shutil.copy(mobile[1], cached)
    with pytest.raises(OSError, match="damaged, or another file|bytes, expected"):
        applications.NASNetMobile(include_top=top)
    if top:
        digest = hashlib.md5(cached.read_bytes()).hexdigest()
        known = dataclasses.replace(published.PUBLISHED["mobile", True], md5=digest, size=None)
        monkeypatch.setitem(published.PUBLISHED, ("mobile", True), known)
        assert applications.NASNetMobile().count_params() == 5_326_716


def test_published_weights_of_other_classes(tmp_path):
    with pytest.raises(ValueError, match="needs classes=1000, got 10"):
        applications.NASNetMobile(classes=10)
    with pytest.raises(ValueError, match="no weights file 'imagenet'"):
        applications.PNASNet5Mobile(weights="imagenet")
