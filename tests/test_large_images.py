"""A network for small images that is built for large ones: what it costs, and which stem to take."""

import pytest
from absl import logging
from helpers import SMALL_GENOTYPE

import nasnet_keras as nk
from nasnet_keras.networks import large_images


@pytest.fixture
def told(monkeypatch):
    found = []
    large_images._warn.cache_clear()
    monkeypatch.setattr(logging, "warning", lambda text, *values: found.append(text % values))
    return found


def test_a_network_for_small_images_says_what_large_ones_cost(told):
    sizes = {"num_repeats": 1, "filters": 4}
    nk.NASNetFromGenotype(SMALL_GENOTYPE, (96, 96, 3), **sizes)
    small, large, other = (
        nk.genotype_cost(SMALL_GENOTYPE, (side, side, 3), stem=stem, **sizes).multiply_adds
        for side, stem in ((32, "cifar"), (96, "cifar"), (96, "imagenet"))
    )
    (said,) = told
    assert f"one of 96×96 takes {large / 1e6:,.0f} million multiply-adds, " in said
    assert f"{large / small:.0f} times" in said and 8.5 < large / small < 9.5
    assert said.endswith(f"With stem='imagenet' it is {other / 1e6:,.0f} million") and other < large


def test_stages_and_networks_whose_other_stem_is_impossible(told):
    nk.StagesFromGenotype("mnasnet_small", (96, 96, 3), alpha=0.25, stem_stride=1)
    assert "With stem_stride=2 it is" in told[0]
    nk.NASNetFromGenotype(SMALL_GENOTYPE, (66, 66, 3), num_repeats=1, filters=4, auxiliary_head=True)
    assert "one of 66×66 takes" in told[1] and "With" not in told[1], "its auxiliary head would have too small a map"


def test_a_trained_network_needs_smaller_images_since_no_other_stem_takes_its_weights(told):
    nk.pretrained.load("searched_cifar10", input_shape=(96, 96, 3))
    (said,) = told
    assert said.endswith("fit no other stem: take smaller images, or a model that was trained on larger ones")
    assert "one of 96×96 takes" in said and "stem=" not in said
    nk.pretrained.load("searched_cifar10", input_shape=(96, 96, 3))
    assert len(told) == 1, "it is told once"
    nk.pretrained.load("searched_cifar10", input_shape=(96, 96, 3), weights=None)
    assert "With stem='imagenet' it is" in told[1], "without weights another stem is possible"


def test_weights_by_path_fit_no_other_stem(told, tmp_path):
    sizes = {"num_repeats": 1, "filters": 4}
    model = nk.NASNetFromGenotype(SMALL_GENOTYPE, (32, 32, 3), **sizes)
    model.save_weights(tmp_path / "a.weights.h5")
    nk.NASNetFromGenotype(SMALL_GENOTYPE, (96, 96, 3), weights=tmp_path / "a.weights.h5", **sizes)
    (said,) = told
    assert "fit no other stem" in said and "stem=" not in said


@pytest.mark.parametrize(
    ("shape", "arguments"),
    [((32, 32, 3), {}), ((64, 64, 3), {}), ((None, None, 3), {}), ((96, 96, 3), {"stem": "imagenet"})],
)
def test_others_say_nothing(told, shape, arguments):
    nk.NASNetFromGenotype(SMALL_GENOTYPE, shape, num_repeats=1, filters=4, **arguments)
    assert not told
