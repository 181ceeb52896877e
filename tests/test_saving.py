"""Weights and models as files."""

import subprocess
import sys

import h5py
import keras
import numpy as np
import pytest
import weight_files
from helpers import SMALL_GENOTYPE, difference, random_genotype, randomize

from nasnet_keras import NASNetFromGenotype
from nasnet_keras.genotypes.catalogue import NASNET_A
from nasnet_keras.layers.convolution import ConvBatchNorm
from nasnet_keras.training import datasets
from nasnet_keras.training.config import TrainingConfig
from nasnet_keras.training.job import train
from nasnet_keras.weights import isolated
from nasnet_keras.weights.loading import load_weights

SMALL = {"input_shape": (20, 20, 3), "num_repeats": 1, "filters": 4}


@pytest.fixture(scope="module")
def trained():
    """A model that no test here changes."""
    model = NASNetFromGenotype(NASNET_A, auxiliary_head=True, drop_path_rate=0.2, **SMALL)
    randomize(model, np.random.default_rng(0))
    return model


@pytest.fixture
def images(generator):
    return generator.normal(size=(3, 20, 20, 3)).astype("float32")


def test_weights_load_with_and_without_the_auxiliary_head(trained, images, tmp_path):
    path = tmp_path / "trained.weights.h5"
    trained.save_weights(path)
    expected = trained(images)
    without = NASNetFromGenotype(NASNET_A, weights=path, **SMALL)
    assert difference(without(images), expected["logits"]) < 1e-6
    again = NASNetFromGenotype(NASNET_A, weights=str(path), auxiliary_head=True, **SMALL)(images)
    assert difference(again["auxiliary"], expected["auxiliary"]) < 1e-6
    without.save_weights(path)
    back = NASNetFromGenotype(NASNET_A, weights=path, auxiliary_head=True, **SMALL)(images)
    assert difference(back["logits"], expected["logits"]) < 1e-6
    assert np.abs(np.asarray(back["auxiliary"]) - np.asarray(expected["auxiliary"])).max() > 1e-4


def test_weights_load_by_name_whatever_the_order_of_layers(images, tmp_path):
    """An auxiliary head can change the order in which Keras lists the layers, and by which it saves them."""
    generator, reordered = np.random.default_rng(0), 0
    path = tmp_path / "with.weights.h5"
    arguments = {**SMALL, "num_repeats": 2}
    for _ in range(3):
        genotype = random_genotype(generator)
        model = NASNetFromGenotype(genotype, auxiliary_head=True, **arguments)
        randomize(model, generator)
        model.save_weights(path)
        other = NASNetFromGenotype(genotype, weights=path, **arguments)
        assert difference(other(images), model(images)["logits"]) < 1e-6
        order = [w.path for w in model.weights if not w.path.startswith("auxiliary")]
        reordered += order != [w.path for w in other.weights]
    assert reordered, "no example had another order: change the seed"


def test_keras_own_loading_never_mixes_layers_up(tmp_path):
    def model(*names):
        x = image = keras.Input((8, 8, 4))
        for name in names:
            x = ConvBatchNorm(4, name=name)(x)
        return keras.Model(image, x)

    path = tmp_path / "model.weights.h5"
    model("left", "right").save_weights(path)
    model("left", "right").load_weights(path)
    with pytest.raises(ValueError, match="'right' was about to load the weights of layer 'left'.*loads by name"):
        model("right", "left").load_weights(path)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": 7}, "the file is for 10 classes, the model has classes=7"),
        ({"include_top": False}, "is include_top what the file was saved with?"),
        ({"filters": 8}, "stem_conv: file [(3, 3, 3, 12), (12,), (12,), (12,), (12,)], model [(3, 3, 3, 24)"),
        ({"num_repeats": 2}, "… and "),
    ],
)
def test_weights_of_another_network_are_refused(trained, arguments, message, tmp_path):
    path = tmp_path / "trained.weights.h5"
    trained.save_weights(path)
    with pytest.raises(ValueError, match="does not fit the model") as caught:
        NASNetFromGenotype(NASNET_A, weights=path, **{**SMALL, **arguments})
    assert message in str(caught.value)


def test_damaged_and_foreign_files_are_refused_and_change_nothing(trained, tmp_path):
    path = tmp_path / "trained.weights.h5"
    trained.save_weights(path)
    before = trained.get_weights()
    whole = path.read_bytes()
    wrong = tmp_path / "wrong.weights.h5"
    for content in (b"", b"<html>not found</html>", whole[: len(whole) // 2], whole[:-100]):
        wrong.write_bytes(content)
        with pytest.raises(ValueError, match=r"wrong\.weights\.h5 (cannot be read|does not fit|holds no layers)"):
            load_weights(trained, wrong)
    with pytest.raises(ValueError, match="no weights file"):
        load_weights(trained, tmp_path)
    for make in (
        lambda group: group.__setitem__("linked", h5py.ExternalLink(str(path), "/layers")),
        lambda group: group.__setitem__("linked", h5py.SoftLink("/layers")),
    ):
        wrong.write_bytes(whole)
        with h5py.File(wrong, "a") as file:
            make(file["layers"])
        with pytest.raises(ValueError, match="link to elsewhere"):
            load_weights(trained, wrong)
    wrong.write_bytes(whole)
    with h5py.File(wrong, "a") as file:
        variables = file["layers/dense/vars"]
        del variables["1"]
        variables.create_dataset("1", (10,), "f4", external=[(str(path), 0, 40)])
    with pytest.raises(ValueError, match="outside the file"):
        load_weights(trained, wrong)
    wrong.write_bytes(whole)
    layout = h5py.VirtualLayout((10,), "f4")
    layout[:] = h5py.VirtualSource(str(path), "layers/dense/vars/1", (10,))
    with h5py.File(wrong, "a") as file:
        del file["layers/dense/vars/1"]
        file["layers/dense/vars"].create_virtual_dataset("1", layout)
    with pytest.raises(ValueError, match="outside the file"):
        load_weights(trained, wrong)
    for old, new in zip(before, trained.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_a_file_that_does_not_fit_in_its_last_variable_changes_nothing(trained, tmp_path):
    path = tmp_path / "trained.weights.h5"
    trained.save_weights(path)
    before = trained.get_weights()
    for dtype in ("S3", "c8", "i4", bool):
        with h5py.File(path, "a") as file:
            del file["layers/dense/vars/1"]
            file["layers/dense/vars/1"] = np.zeros(10, dtype)
        with pytest.raises(ValueError, match=r"(?s)nothing was loaded.*logits: file \[\(\d+, 10\), \(10,\) of "):
            load_weights(trained, path)
    for old, new in zip(before, trained.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_weights_that_nobody_knows_are_read_in_time(tmp_path, monkeypatch):
    """Wherever a file is given that no hash stands for."""
    monkeypatch.setattr(isolated, "_SECONDS", 3.0)
    path = tmp_path / "a.weights.h5"
    path.write_bytes(weight_files.unending())
    with pytest.raises(ValueError, match="did not end within 3 seconds"):
        NASNetFromGenotype(NASNET_A, weights=path, **SMALL)
    config = TrainingConfig(tmp_path / "run", SMALL_GENOTYPE, num_repeats=1, filters=4, initial_weights=path)
    with pytest.raises(ValueError, match="did not end within 3 seconds"):
        train(config, datasets.load("digits"))
    assert [file.name for file in tmp_path.iterdir()] == ["a.weights.h5"]


def test_precision_of_the_weights_is_kept(tmp_path):
    path = tmp_path / "a.weights.h5"
    try:
        for policy in ("bfloat16", "float64"):
            keras.config.set_dtype_policy(policy)
            model = NASNetFromGenotype(SMALL_GENOTYPE, **SMALL)
            model.save_weights(path)
            again = NASNetFromGenotype(SMALL_GENOTYPE, **SMALL)
            load_weights(again, path, known=True)
            for old, new in zip(model.weights, again.weights, strict=True):
                assert old.dtype == new.dtype
                np.testing.assert_array_equal(np.asarray(old, "float64"), np.asarray(new, "float64"))
    finally:
        keras.config.set_dtype_policy("float32")


def test_keras_file_loads_after_a_bare_import(trained, images, tmp_path):
    path = tmp_path / "trained.keras"
    trained.save(path)
    np.save(tmp_path / "images.npy", images)
    np.save(tmp_path / "expected.npy", trained(images)["auxiliary"])
    code = """
import sys, numpy as np, nasnet_keras
assert "keras" not in sys.modules
import keras
model = keras.models.load_model(sys.argv[1] + "/trained.keras")
images, expected = (np.load(f"{sys.argv[1]}/{name}.npy") for name in ("images", "expected"))
assert np.abs(model(images)["auxiliary"] - expected).max() <= 1e-5 * np.abs(expected).max()
assert [layer.name for layer in model.layers if "drop" in type(layer).__name__.lower()]
"""
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True, timeout=600)


def test_keras_file_clone_and_config(trained, images, tmp_path):
    path = tmp_path / "trained.keras"
    trained.save(path)
    expected = trained(images)["logits"]
    assert difference(keras.models.load_model(path)(images)["logits"], expected) < 1e-6
    for copy in (keras.models.clone_model(trained), type(trained).from_config(trained.get_config())):
        assert [w.path for w in copy.weights] == [w.path for w in trained.weights]
        copy.set_weights(trained.get_weights())
        assert difference(copy(images)["logits"], expected) < 1e-6
