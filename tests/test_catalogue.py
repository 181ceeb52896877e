"""The published cells, the conventions of other code, skeletons and named models."""

import inspect
import re

import keras
import numpy as np
import pytest
from helpers import difference, random_cell, randomize

from nasnet_keras import Genotype, GenotypeError, NASNetFromGenotype, Skeleton, applications, genotype_cost, genotypes
from nasnet_keras.genotypes.conventions import from_darts, from_enas, to_darts
from nasnet_keras.genotypes.skeleton import DARTS, ENAS, PNASNET
from nasnet_keras.networks.cost import operation_cost
from nasnet_keras.networks.named import MODELS

FINGERPRINTS = {
    "nasnet_a": "67d8ab12431859eb",
}


def test_names_and_fingerprints():
    assert genotypes.names()[0] == "nasnet_a" and len(genotypes.names()) == 9
    found = {name: genotypes.get(name).fingerprint for name in genotypes.names()}
    assert len(set(found.values())) == 9
    assert {name: found[name] for name in FINGERPRINTS} == FINGERPRINTS
    for name in genotypes.names():
        assert getattr(genotypes, name.upper()) == genotypes.get(name)


@pytest.mark.parametrize(
    ("genotype", "role", "expected"),
    [
        ("enas_micro", "normal", "avg_pool_3x3(previous) + sep_conv_3x3(previous)"),
        ("enas_micro", "reduction", "sep_conv_3x3(current) + sep_conv_3x3(current)"),
        ("darts_v1", "normal", "sep_conv_3x3(current) + sep_conv_3x3(previous)"),
        ("darts_v2", "reduction", "max_pool_3x3(previous) + max_pool_3x3(current)"),
        ("amoebanet_d", "normal", "conv_1x1(previous) + max_pool_3x3(previous)"),
        ("pnasnet_5", "reduction", "sep_conv_5x5(previous) + max_pool_3x3(previous)"),
    ],
)
def test_first_blocks(genotype, role, expected):
    assert str(getattr(genotypes.get(genotype), role).blocks[0]) == expected


def test_enas_outputs_are_loose_ends():
    assert genotypes.ENAS_MICRO.normal.outputs == tuple(f"block_{i}" for i in range(5))
    assert genotypes.ENAS_MICRO.reduction.outputs == ("block_0", "block_2", "block_3", "block_4")


def test_darts_there_and_back():
    for genotype in (genotypes.DARTS_V1, genotypes.DARTS_V2):
        assert from_darts(**to_darts(genotype)) == genotype
    encoded = to_darts(genotypes.DARTS_V2)
    assert encoded["normal"][-1] == ("dil_conv_3x3", 2) and encoded["normal_concat"] == [2, 3, 4, 5]
    assert from_darts(*encoded.values()) == genotypes.DARTS_V2  # as the named tuple of DARTS unpacks


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: from_darts([("conv_7x1_1x7", 0)] * 2, [2], [("sep_conv_3x3", 0)] * 2, [2]), "'conv_7x1_1x7' has none"),
        (lambda: from_darts([("sep_conv_3x3", 0)] * 3, [2], [], [2]), "two edges a block, got 3"),
        (lambda: from_darts([("sep_conv_3x3", 5)] * 2, [2], [], [2]), "block_0 reads 'block_3'"),
        (lambda: from_darts([("sep_conv_3x3", -1)] * 2, [2], [], [2]), "whole number from 0, got -1"),
        (lambda: from_darts(["sep_conv_3x3"] * 2, [2], [], [2]), "expected a pair"),
        (lambda: to_darts(genotypes.NASNET_A), "is no DARTS operation"),
        (lambda: from_enas("0 2 0", "1 0 1 0"), "four numbers a block, got 3"),
        (lambda: from_enas("0 9 0 0", "1 0 1 0"), "operations are 0 to 4, got 9"),
        (lambda: from_enas("0 x 0 0", "1 0 1 0"), "list of whole numbers"),
        (lambda: from_enas("", ""), "got 0"),
    ],
)
def test_what_cannot_be_converted(make, message):
    with pytest.raises(GenotypeError, match=".") as caught:
        make()
    assert message in str(caught.value)


def test_skeletons_are_values_and_say_how_a_genotype_becomes_a_network():
    plan = PNASNET.plan(3, 54, "imagenet")
    assert [cell.role for cell in plan.cells][2:] == ["normal"] * 3 + (["reduction"] + ["normal"] * 2) * 2
    assert plan.cells[plan.auxiliary - 1].name == "cell_05"
    plan = DARTS.plan(4, 48, "imagenet")
    assert plan.stem_levels == (2, 3) and plan.cells[0].previous == 0 and plan.cells[0].current == 1
    assert [width for _, width in plan.stem] == [24, 48, 48] and {cell.depth for cell in plan.cells} == {1.0}
    assert len(ENAS.plan(5, 36).cells) == 17 and ENAS.plan(5, 36).cells[0].previous == 0
    with pytest.raises(ValueError, match="calibration must be one of nasnet, enas, darts"):
        Skeleton("mine", calibration="other")
    with pytest.raises(ValueError, match="at least 2 with the imagenet stem"):
        DARTS.plan(1, 1, "imagenet")
    network = {"input_shape": (16, 16, 3), "num_repeats": 1, "filters": 4}
    default, same, other = (genotype_cost("pnasnet_5", **network, skeleton=one) for one in (None, PNASNET, ENAS))
    assert default == same != other


NAMED = [name for name in applications.__all__ if name[0].isupper() and name != "ENASMacro"]


def test_the_table_of_named_models_has_a_function_for_each_row():
    assert set(NAMED) == set(MODELS)


@pytest.fixture
def told(monkeypatch):
    """A function that gives what a named model has `network_from_genotype` build, which is not built."""
    monkeypatch.setattr(applications, "network_from_genotype", lambda **arguments: arguments)
    return lambda model, /, **changes: getattr(applications, model)(**{"weights": None, **changes})


def cost(arguments):
    return genotype_cost(**{key: value for key, value in arguments.items() if key not in ("name", "input_tensor")})


@pytest.mark.parametrize("name", NAMED)
def test_named_models_have_the_signature_of_keras_applications(name, told):
    build = getattr(applications, name)
    theirs = list(inspect.signature(keras.applications.NASNetMobile).parameters)
    assert list(inspect.signature(build).parameters) == [*theirs, "network"]
    assert build.__name__ == name
    assert build.__doc__.startswith(("NASNet-A", "PNASNet-5", "AmoebaNet-", "ENAS micro", "DARTS", "MnasNet-"))
    changes = {"input_shape": (48, 48, 3), "include_top": False, "pooling": "max", "classes": 7, "num_repeats": 1}
    changes |= {"filters": 8, "name": "mine", "classifier_activation": None, "input_tensor": keras.Input((48, 48, 3))}
    arguments = told(name, **changes)
    assert {key: arguments[key] for key in changes} == changes
    assert "input_shape" not in told(name) or told(name)["input_shape"] in ((224, 224, 3), (320, 320, 3), (331, 331, 3))


@pytest.mark.parametrize("name", ["NASNetMobile", "PNASNet5CIFAR10", "AmoebaNetC", "ENASMicro", "DARTSImageNet"])
def test_a_named_model_of_each_family_is_built(name):
    build = getattr(applications, name)
    small = build(weights=None, num_repeats=1, filters=8, classes=7, input_tensor=keras.Input((40, 40, 3)))
    assert small.input_shape == (None, 40, 40, 3) and small.output_shape == (None, 7)
    if name == "NASNetMobile":
        headless = build(weights=None, num_repeats=1, filters=8, include_top=False, pooling="max")
        assert headless.input_shape == (None, 224, 224, 3) and headless.output_shape == (None, 192)


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("ENASMicro", 3_894_372 + 44_928),
        ("DARTSCIFAR10", 3_349_342 + 40_392),
        ("PNASNet5Mobile", 5_064_487 + 33_664),
        ("NASNetMobile", 5_326_716),
        ("NASNetLarge", 88_949_818),
    ],
)
def test_sizes_of_the_named_models(name, parameters):
    assert MODELS[name].cost(padding="same").parameters == parameters


@pytest.mark.parametrize("name", NAMED)
def test_a_named_model_is_as_large_as_it_says(name, told):
    text = getattr(applications, name).__doc__
    assert "Args:" in text and f"Source: {MODELS[name].source}." in text
    said = re.search(r"([\d.]+) million parameters", text)[1]
    found = MODELS[name].cost()
    assert found == cost(told(name)), "the function builds what the table says"
    found = found.trainable_parameters / 1e6
    assert found == pytest.approx(float(said), abs=0.5 if "." not in said else 0.05)


def test_none_means_a_named_models_own(told):
    plain = told("DARTSCIFAR10", num_repeats=1)
    for key in ("filters", "penultimate_filters", "stem_filters", "skeleton"):
        assert told("DARTSCIFAR10", num_repeats=1, **{key: None}) == plain


def test_preprocess_and_decode():
    images = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3)).astype("uint8")
    expected = keras.applications.nasnet.preprocess_input(images.astype("float32"))
    np.testing.assert_allclose(applications.preprocess_input(images), expected, atol=1e-6)
    np.testing.assert_allclose(applications.preprocess_input(keras.ops.convert_to_tensor(images)), expected, atol=1e-6)
    assert images.dtype == np.uint8
    with pytest.raises(ValueError, match="1000"):
        applications.decode_predictions(np.zeros((1, 7)))


def test_mixed_precision(generator):
    """In bfloat16; recipes refuse float16, whose loss would need scaling."""
    arguments = {"input_shape": (20, 20, 3), "num_repeats": 1, "filters": 8, "auxiliary_head": True}
    plain = NASNetFromGenotype("nasnet_a", drop_path_rate=0.1, **arguments)
    randomize(plain, generator)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        mixed = NASNetFromGenotype("nasnet_a", drop_path_rate=0.1, **arguments)
    finally:
        keras.config.set_dtype_policy("float32")
    mixed.set_weights(plain.get_weights())
    assert mixed.get_layer("cell_02_output").compute_dtype == "bfloat16"
    assert all(weight.dtype == "float32" for weight in mixed.weights)
    x = generator.normal(size=(4, 20, 20, 3)).astype("float32")
    outputs = mixed(x)
    assert outputs["logits"].dtype == outputs["auxiliary"].dtype == "float32"
    assert difference(outputs["logits"], plain(x)["logits"]) < 0.1
    loss = "sparse_categorical_crossentropy"
    mixed.compile("sgd", {"logits": loss, "auxiliary": loss}, run_eagerly=True)
    labels = {"logits": np.arange(4), "auxiliary": np.arange(4)}
    assert np.isfinite(mixed.fit(x, labels, verbose=0).history["loss"]).all()


def test_operations_that_share_a_name_across_papers_have_names_of_their_own(generator):
    """Counts, at 8 filters and 8 channels, of each meaning of two names."""

    def parameters(operation):
        return operation_cost(operation, (8, 8, 8), filters=8).trainable_parameters

    assert parameters("conv_3x3") == 9 * 64 + 16
    assert parameters("bottleneck_conv_3x3") == (16 + 4) + (36 + 4) + (16 + 16)
    assert parameters("dil_conv_3x3") == parameters("conv_3x3")
    assert parameters("dil_sep_conv_3x3") == 72 + 64 + 16
    assert parameters("bottleneck_dil_conv_3x3") == parameters("bottleneck_conv_3x3")
    assert parameters("sep_conv_3x3") == 2 * parameters("dil_sep_conv_3x3")
    assert parameters("conv_1x7_7x1") == 2 * (7 * 64 + 16)
    assert isinstance(Genotype(random_cell(generator), random_cell(generator)).fingerprint, str)
