"""Costs: the papers' figures, an independent counter, and the models themselves."""

import keras
import numpy as np
import pytest
from counter import count
from helpers import mostly_slow, random_genotype

from nasnet_keras import Cost, NASNetFromGenotype, applications, genotype_cost, genotypes, model_cost
from nasnet_keras.genotypes.catalogue import NASNET_A
from nasnet_keras.genotypes.operations import NASNET_OPERATIONS

MOBILE = {"stem": "imagenet", "num_repeats": 4, "filters": 44, "classes": 1000}
LARGE = {"stem": "imagenet", "num_repeats": 6, "filters": 168, "stem_filters": 96, "classes": 1000}
A5_1536 = {"stem": "imagenet", "num_repeats": 5, "filters": 64, "input_shape": (299, 299, 3), "classes": 1000}

# name: arguments, trainable parameters, batch normalisation's moving statistics, multiply-adds as printed
PNAS_LARGE = {**LARGE, "num_repeats": 4, "filters": 216, "input_shape": (331, 331, 3)}
PNAS_MOBILE = {"stem": "imagenet", "num_repeats": 3, "filters": 54, "classes": 1000}

GOLDEN = {
    "mobile": (MOBILE, 5_289_978, 36_738, "563.6M"),
    "mobile, 1001 classes": ({**MOBILE, "classes": 1001}, 5_291_035, 36_738, None),
    "mobile, no top": ({**MOBILE, "include_top": False}, 4_232_978, 36_738, None),
    "large": ({**LARGE, "input_shape": (331, 331, 3)}, 88_753_150, 196_668, "23783M"),
    "large, other wiring": ({**LARGE, "skip_reduction_input": True}, 88_753_150, 196_668, None),
    "large, no top": ({**LARGE, "include_top": False}, 84_720_150, 196_668, None),
    "cifar": ({}, 3_346_538, 37_248, "544.3M"),
    "cifar, 100 classes": ({"classes": 100}, 3_415_748, 37_248, "544.4M"),
    "cifar N=2 F=24": ({"num_repeats": 2, "filters": 24}, 757_906, 11_808, "136.4M"),
    "cifar N=2 F=32": ({"num_repeats": 2, "filters": 32}, 1_294_698, 15_744, "232.2M"),
    "cifar N=1 F=4": ({"num_repeats": 1, "filters": 4}, 25_486, None, None),
    "cifar N=1 F=8": ({"num_repeats": 1, "filters": 8}, 72_370, None, None),
    "5 @ 1536": (A5_1536, 12_247_544, 64_160, "2552M"),
    "5 @ 1536, stem 96": ({**A5_1536, "stem_filters": 96}, 12_263_416, 64_288, "2686M"),
    "mobile, auxiliary head": ({**MOBILE, "auxiliary_head": True}, 5_289_978 + 2_411_240, None, None),
    "large, auxiliary head": (
        {**LARGE, "input_shape": (331, 331, 3), "auxiliary_head": True},
        88_753_150 + 4_567_784,
        None,
        None,
    ),
    "cifar, auxiliary head": ({"auxiliary_head": True}, 3_346_538 + 1_631_498, None, None),
}


# genotype, arguments, trainable parameters, moving statistics, multiply-adds as printed
FAMILIES = [
    ("pnasnet_5", PNAS_LARGE, 86_057_668, 176_988, "24937M"),
    ("pnasnet_5", {**PNAS_LARGE, "classes": 1001}, 86_061_989, 176_988, None),
    ("pnasnet_5", {**PNAS_LARGE, "auxiliary_head": True}, 86_057_668 + 4_586_216, None, None),
    ("pnasnet_5", PNAS_MOBILE, 5_064_487, 33_664, "587.3M"),
    ("pnasnet_5", {**PNAS_MOBILE, "classes": 1001}, 5_065_568, 33_664, None),
    ("pnasnet_5", {"num_repeats": 3, "filters": 48}, 3_189_082, 29_088, "574.9M"),
    ("enas_micro", {"num_repeats": 5, "filters": 36}, 3_894_372, 44_928, "620.9M"),
    ("enas_micro", {"num_repeats": 5, "filters": 36, "auxiliary_head": True}, 3_894_372 + 494_848, None, None),
    ("darts_v1", {"filters": 36}, 3_169_414, 37_368, "501.0M"),
    ("darts_v2", {"filters": 36}, 3_349_342, 40_392, "528.4M"),
    ("darts_v2", {"filters": 36, "auxiliary_head": True}, 3_349_342 + 476_426, None, None),
    ("amoebanet_a", {"filters": 32}, 2_567_754, None, "408M"),
    ("amoebanet_a", {"filters": 36}, 3_218_266, None, "510M"),
    (
        "amoebanet_a",
        {**LARGE, "filters": 190, "stem_filters": 32, "input_shape": (331, 331, 3)},
        86_736_899,
        None,
        "23165M",
    ),
    ("amoebanet_a", {"stem": "imagenet", "num_repeats": 4, "filters": 50, "classes": 1000}, 5_088_162, None, "555.5M"),
]


@pytest.mark.parametrize("case", [*(("nasnet_a", *GOLDEN[name]) for name in GOLDEN), *FAMILIES])
def test_published_sizes(case):
    genotype, arguments, trainable, moving, printed = case
    cost = genotype_cost(genotype, **arguments)
    assert cost.trainable_parameters == trainable
    if moving is not None:
        assert cost.parameters - cost.trainable_parameters == moving
    if printed is not None:
        digits = len(printed.rstrip("M").partition(".")[2])
        assert f"{cost.multiply_adds / 1e6:.{digits}f}M" == printed


@pytest.mark.parametrize("name", ["cifar", "mobile", "5 @ 1536, stem 96", "cifar, auxiliary head", "mobile, no top"])
def test_models_cost_what_their_genotype_says(name):
    arguments = GOLDEN[name][0]
    model = NASNetFromGenotype(NASNET_A, **arguments)
    assert model_cost(model) == genotype_cost(NASNET_A, **arguments)
    assert model.count_params() == genotype_cost(NASNET_A, **arguments).parameters


@pytest.mark.parametrize(
    ("genotype", "arguments", "published"),
    [
        ("amoebanet_a", {"num_repeats": 6, "filters": 190, "input_shape": (331, 331, 3)}, ("86.7M", None)),
        ("amoebanet_a", {"num_repeats": 6, "filters": 448, "input_shape": (299, 299, 3)}, (None, "103.9B")),
        ("amoebanet_a", {"num_repeats": 4, "filters": 50}, ("5.1M", "0.6B")),
        ("darts_v2", {"num_repeats": 4, "filters": 48}, ("4.7M", "0.5B")),
    ],
)
def test_imagenet_sizes_to_the_digits_of_the_papers(genotype, arguments, published):
    cost = genotype_cost(genotype, stem="imagenet", classes=1000, **arguments)
    found = f"{cost.trainable_parameters / 1e6:.1f}M", f"{cost.multiply_adds / 1e9:.1f}B"
    assert all(wanted in (None, got) for wanted, got in zip(published, found, strict=True)), found


PNASNET_MOBILE_INCREMENTS = {
    "stem_conv": 928,
    "stem_0": 7_835,
    "stem_1": 19_710,
    "cell_00": 60_912,
    "cell_01": 71_982,
    "cell_02": 79_272,
    "cell_03": 240_408,
    "cell_04": 257_688,
    "cell_05": 286_848,
    "cell_06": 900_720,
    "cell_07": 970_272,
    "cell_08": 1_086_912,
    "logits": 1_081_000,
}


def test_figure_style_outputs():
    """The figure's cells concatenate one state fewer than the released code's."""
    normal, reduction = NASNET_A.normal, NASNET_A.reduction
    figure = type(NASNET_A)(
        type(normal)(normal.blocks, normal.outputs[1:]), type(reduction)(reduction.blocks, reduction.outputs[1:])
    )
    cost = genotype_cost(figure)
    assert cost == Cost(3_076_906 + 37_184, 3_076_906, cost.multiply_adds)
    assert f"{cost.multiply_adds / 1e6:.1f}" == "499.2"


CIFAR_INCREMENTS = {
    "stem": 2_784,
    "cell_00": 40_384,
    "cell_01": 25_152,
    **{f"cell_{i:02d}": 28_224 for i in range(2, 6)},
    "reduction_0": 87_168,
    "cell_06": 81_024,
    "cell_07": 93_312,
    **{f"cell_{i:02d}": 101_504 for i in range(8, 12)},
    "reduction_1": 305_408,
    "cell_12": 301_312,
    "cell_13": 350_464,
    **{f"cell_{i:02d}": 383_232 for i in range(14, 18)},
    "logits": 7_690,
}
MOBILE_INCREMENTS = {
    "stem_conv": 928,
    "stem_0": 8_534,
    "stem_1": 13_948,
    "cell_00": 33_000,
    "cell_01": 42_680,
    "cell_02": 50_424,
    "cell_03": 50_424,
    "reduction_0": 153_648,
    "cell_04": 147_312,
    "cell_05": 170_544,
    "cell_06": 186_032,
    "cell_07": 186_032,
    "reduction_1": 555_104,
    "cell_08": 557_920,
    "cell_09": 650_848,
    "cell_10": 712_800,
    "cell_11": 712_800,
    "logits": 1_057_000,
}


@pytest.mark.parametrize(
    ("build", "increments"),
    [
        (applications.NASNetCIFAR10, CIFAR_INCREMENTS),
        (applications.NASNetMobile, MOBILE_INCREMENTS),
        (applications.PNASNet5Mobile, PNASNET_MOBILE_INCREMENTS),
    ],
)
def test_parameters_of_each_cell(build, increments):
    model = build(weights=None)
    counted = dict.fromkeys(increments, 0)
    for weight in model.trainable_weights:
        (owner,) = [name for name in increments if weight.path.startswith(name)]
        counted[owner] += int(np.prod(weight.shape))
    assert counted == increments


def test_thousands_of_random_genotypes_cost_what_an_independent_counter_says():
    generator = np.random.default_rng(2)
    for index in range(3000):
        genotype = random_genotype(generator, NASNET_OPERATIONS)
        size, filters, repeats = int(generator.integers(8, 50)), int(generator.integers(1, 40)), index % 3 + 1
        skip = bool(index % 2)
        network = {"num_repeats": repeats, "filters": filters, "classes": 7, "skip_reduction_input": skip}
        cost = genotype_cost(genotype, (size, size, 3), **network)
        expected = count(genotype, size, 3, repeats, filters, 7, skip=skip)
        assert (cost.parameters, cost.trainable_parameters, cost.multiply_adds) == expected, genotype.describe()
        if size >= 32 and filters >= 4:
            cost = genotype_cost(genotype, (size, size, 1), stem="imagenet", **network)
            expected = count(genotype, size, 1, repeats, filters, 7, skip=skip, stem="imagenet")
            assert (cost.parameters, cost.trainable_parameters, cost.multiply_adds) == expected, genotype.describe()


@pytest.mark.parametrize("name", mostly_slow(genotypes.names(), ("nasnet_a", "enas_micro")))
@pytest.mark.parametrize("stem", ["cifar", "imagenet"])
def test_every_published_cell_builds_and_costs_what_it_says(name, stem):
    arguments = {"num_repeats": 1, "filters": 6, "stem": stem, "auxiliary_head": stem == "cifar", "classes": 3}
    shape = (32, 32, 3) if stem == "cifar" else (65, 64, 3)
    model = NASNetFromGenotype(name, shape, **arguments)
    assert model_cost(model) == genotype_cost(name, shape, **arguments)


def test_enas_auxiliary_head_keeps_its_map_until_it_is_averaged():
    def extra(**arguments):
        costs = [genotype_cost("enas_micro", num_repeats=5, filters=36, auxiliary_head=a, **arguments) for a in (1, 0)]
        return costs[0].multiply_adds - costs[1].multiply_adds

    # an 8×8 map of 720 channels is pooled to 2×2; both convolutions run at all four positions, the classifier at one
    assert extra() == 4 * 720 * 128 + 4 * (2 * 2 * 128 * 768) + 768 * 10


def test_costs_refuse_the_maps_that_the_auxiliary_head_refuses():
    for build in (genotype_cost, NASNetFromGenotype):
        with pytest.raises(ValueError, match="known size, at least 5x5"):
            build(NASNET_A, (8, 8, 3), num_repeats=1, filters=4, auxiliary_head=True)


def test_cost_at_another_size():
    model = NASNetFromGenotype(NASNET_A, (None, None, 3), num_repeats=1, filters=4)
    for shape in ((8, 8, 3), (33, 17, 3)):
        assert model_cost(model, shape) == genotype_cost(NASNET_A, shape, num_repeats=1, filters=4)
    with pytest.raises(ValueError, match="known input size"):
        model_cost(model)
    fixed = NASNetFromGenotype(NASNET_A, (8, 8, 3), num_repeats=1, filters=4)
    with pytest.raises(ValueError, match="reads inputs of"):
        model_cost(fixed, (16, 16, 3))
    with pytest.raises(ValueError, match="known input size"):
        genotype_cost(NASNET_A, (None, None, 3))


def test_frozen_layers_are_not_trainable_parameters():
    model = NASNetFromGenotype(NASNET_A, (8, 8, 3), num_repeats=1, filters=4)
    whole = genotype_cost(NASNET_A, (8, 8, 3), num_repeats=1, filters=4)
    for layer in model.layers:
        layer.trainable = layer.name == "logits"
    assert model_cost(model) == Cost(whole.parameters, (24 * 4 + 1) * 10, whole.multiply_adds)


def test_other_models():
    peer = keras.applications.NASNetMobile(weights=None)
    assert model_cost(peer) == genotype_cost(NASNET_A, padding="keras", **MOBILE)
    with pytest.raises(ValueError, match="built functional or sequential model"):
        model_cost(keras.Sequential([keras.layers.Dense(2)]))
