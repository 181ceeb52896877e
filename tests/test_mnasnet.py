"""MnasNet: the published sizes, to the unit, and the networks that have them."""

import pytest

from nasnet_keras import (
    Cost,
    StageGenotype,
    StagesFromGenotype,
    applications,
    genotype_cost,
    genotypes,
    model_cost,
)
from nasnet_keras.networks.named import MODELS

# name: width multiplier: trainable parameters, batch normalisation's moving statistics, multiply-adds, at 224
SIZES = {
    "mnasnet_a1": {
        0.35: (1_747_018, 14_016, 61_681_920),
        0.5: (2_082_006, 18_400, 103_162_992),
        0.75: (2_912_278, 26_832, 223_448_480),
        1: (3_887_038, 33_488, 311_579_072),
        1.3: (5_468_486, None, 525_980_736),
        1.4: (6_105_992, 46_016, 586_317_952),
    },
    "mnasnet_b1": {
        0.35: (1_788_232, None, 58_878_912),
        0.5: (2_218_512, None, 104_455_968),
        0.75: (3_170_208, None, 215_493_104),
        1: (4_383_312, 37_920, 314_415_872),
        1.3: (6_282_256, None, 526_362_432),
        1.4: (7_115_728, None, 588_799_408),
    },
    "mnasnet_small": {
        0.35: (1_456_334, None, 24_490_272),
        0.5: (1_553_350, None, 28_802_112),
        0.75: (1_753_518, None, 50_509_520),
        1: (2_030_264, 16_928, 68_339_184),
        1.3: (2_405_708, None, 120_822_800),
        1.4: (2_603_374, None, 138_099_856),
    },
    "mnasnet_d1": {1: (3_638_404, None, 967_705_824)},
    "mnasnet_d1_320": {1: (6_932_240, None, None)},
}
# Millions of multiply-adds of A1 by width multiplier, at these sides of images.
SIDES = (224, 192, 160, 128, 96)
OF_A1 = {
    1.4: (586.3, 431.2, 300.0, 192.7, 109.1),
    1: (311.6, 229.3, 159.7, 102.8, 58.5),
    0.75: (223.4, 164.5, 114.7, 73.9, 42.2),
    0.5: (103.2, 76.1, 53.3, 34.6, 20.0),
    0.35: (61.7, 45.7, 32.1, 21.0, 12.4),
}


@pytest.mark.parametrize(("name", "alpha"), [(name, alpha) for name, sizes in SIZES.items() for alpha in sizes])
def test_published_sizes(name, alpha):
    trainable, moving, multiply_adds = SIZES[name][alpha]
    cost = genotype_cost(name, (224, 224, 3), classes=1000, alpha=alpha)
    assert cost.trainable_parameters == trainable
    assert moving is None or cost.parameters - trainable == moving
    assert multiply_adds is None or cost.multiply_adds == multiply_adds


@pytest.mark.parametrize("alpha", OF_A1)
def test_multiply_adds_at_the_published_sizes_of_images(alpha):
    costs = [genotype_cost("mnasnet_a1", (side, side, 3), classes=1000, alpha=alpha) for side in SIDES]
    assert tuple(round(cost.multiply_adds / 1e6, 1) for cost in costs) == OF_A1[alpha]


def test_multiply_adds_of_d1_320_at_both_sizes():
    costs = [genotype_cost("mnasnet_d1_320", (side, side, 3), classes=1000) for side in (224, 320)]
    assert [f"{cost.multiply_adds / 1e6:.1f}" for cost in costs] == ["1807.7", "3687.9"]


@pytest.mark.parametrize(
    ("name", "alpha", "padding"),
    [("mnasnet_a1", 1, "same"), ("mnasnet_b1", 0.5, "torch"), ("mnasnet_small", 1, "same")],
)
def test_models_cost_what_their_genotype_says(name, alpha, padding):
    arguments = {"classes": 1000, "alpha": alpha}
    model = StagesFromGenotype(genotypes.get(name), padding=padding, **arguments)
    trainable, _, multiply_adds = SIZES[name][alpha]
    cost = genotype_cost(name, (224, 224, 3), **arguments)
    assert model_cost(model) == cost == Cost(model.count_params(), trainable, multiply_adds)


def test_smalls_first_layer_adds_nothing_as_in_the_released_code():
    first = genotypes.MNASNET_SMALL.stages[0]
    assert (first.filters, genotypes.MNASNET_SMALL.stem, first.skip) == (8, 8, "none")


@pytest.mark.parametrize("name", ["A1", "B1", "Small", "D1", "D1_320"])
def test_named_models_are_the_published_ones(name):
    model, genotype = MODELS[f"MnasNet{name}"], f"mnasnet_{name.lower()}"
    assert (model.name, model.genotype) == (genotype, genotype)
    trainable, _, multiply_adds = SIZES[genotype][1]
    cost = model.cost(input_shape=(224, 224, 3))
    assert cost.trainable_parameters == trainable and multiply_adds in (None, cost.multiply_adds)


def test_a_named_model_has_any_width_size_and_stages():
    small = applications.MnasNetSmall((40, 33, 1), alpha=0.5, classes=7, weights=None, padding="torch")
    assert small.output_shape == (None, 7) and small.name == "mnasnet_small"
    assert "head_dropout" not in [layer.name for layer in small.layers], "as published"
    short = StageGenotype(genotypes.MNASNET_A1.stages[:2], head=0)
    features = applications.MnasNetA1(
        (None, None, 3), genotype=short, include_top=False, pooling="avg", dropout_rate=0.5, name="short"
    )
    assert features.output_shape == (None, 24) and features.name == "short"
    with pytest.raises(ValueError, match="expected a StageGenotype, got a Genotype"):
        applications.MnasNetA1(genotype="nasnet_a")
    with pytest.raises(ValueError, match="expected a Genotype, got a StageGenotype"):
        applications.NASNetMobile(weights=None, genotype="mnasnet_a1")
    with pytest.raises(ValueError, match="alpha must be above 0 and at most 16, got 0"):
        applications.MnasNetA1(alpha=0)
    with pytest.raises(ValueError, match="filters=8 is not for a StageGenotype, whose networks take alpha, "):
        applications.MnasNetA1(filters=8)
