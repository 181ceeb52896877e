"""Stage genotypes and their networks: values, what they compute, pictures, training, cards."""

import dataclasses
import inspect
import json
import xml.etree.ElementTree as ElementTree

import keras
import numpy as np
import pytest
import tensorflow as tf
from fuzz import damaged_json, rounds
from helpers import difference, randomize
from hypothesis import given, settings
from hypothesis import strategies as st

from nasnet_keras import (
    Card,
    GenotypeError,
    Stage,
    StageGenotype,
    StagesFromGenotype,
    fuse_for_inference,
    genotype_cost,
    genotypes,
    model_cost,
    pretrained,
)
from nasnet_keras.card import decoded
from nasnet_keras.genotypes.reading import genotype_from_json, resolve_genotype
from nasnet_keras.genotypes.stages import STAGE_KERNELS, STAGE_OPERATIONS, STAGE_SKIPS
from nasnet_keras.networks.any import network_from_genotype
from nasnet_keras.networks.stages import StagesConfig, scaled_filters
from nasnet_keras.plotting.cells import genotype_svg
from nasnet_keras.search.report import rebuild
from nasnet_keras.training import datasets
from nasnet_keras.training.config import TrainingConfig
from nasnet_keras.training.job import train
from nasnet_keras.training.recipes import Recipe

INVERTED = "inverted_bottleneck"
MIXED = StageGenotype(
    [
        Stage("depthwise", 3, 8),
        Stage("conv", 3, 8, 2, skip="none"),
        Stage("conv", 1, 8, squeeze_excite=0.5),
        Stage(INVERTED, 5, 16, 2, stride=2, expansion=3, squeeze_excite=0.25),
        Stage("conv", 3, 16),
        Stage("depthwise", 7, 16, stride=2, skip="pool"),
        Stage(INVERTED, 3, 12, expansion=2, skip="none"),
    ],
    stem=8,
    head=20,
)


@st.composite
def stages(draw):
    operation = draw(st.sampled_from(STAGE_OPERATIONS))
    return Stage(
        operation,
        draw(st.sampled_from(STAGE_KERNELS)),
        draw(st.integers(1, 24)),
        draw(st.integers(1, 3)),
        draw(st.sampled_from((1, 2))),
        draw(st.integers(1, 6)) if operation == INVERTED else 1,
        draw(st.sampled_from((0.0, 0.1, 0.25, 1.0))),
        draw(st.sampled_from(STAGE_SKIPS)),
    )


GENOTYPES = st.builds(StageGenotype, st.lists(stages(), min_size=1, max_size=4), st.integers(1, 24), st.integers(0, 16))


# --- values


@given(GENOTYPES)
@settings(max_examples=50, deadline=None)
def test_json_there_and_back(genotype):
    for text in (genotype.to_json(), genotype.to_json(None)):
        again = StageGenotype.from_json(text)
        assert again == genotype_from_json(text) == resolve_genotype(text) == genotype
        assert again.fingerprint == genotype.fingerprint and hash(again) == hash(genotype)
    assert all(sum(counts.values()) == genotype.depth for counts in genotype.operation_counts().values())
    assert (
        len(genotype.describe().splitlines()) == len(genotype.rows()) == len(genotype.stages) + 2 + bool(genotype.head)
    )


def test_equal_values_are_equal_whatever_their_types():
    given = Stage(INVERTED, np.int64(3), np.int32(8), stride=np.int8(1), squeeze_excite=np.float64(0.0))
    plain = Stage(INVERTED, 3, 8, squeeze_excite=-0.0)
    assert given == plain and StageGenotype([given]).fingerprint == StageGenotype((plain,)).fingerprint
    assert json.loads(StageGenotype([given]).to_json())["stages"] == [
        {
            "operation": INVERTED,
            "kernel": 3,
            "filters": 8,
            "layers": 1,
            "stride": 1,
            "expansion": 1,
            "squeeze_excite": 0.0,
            "skip": "identity",
        }
    ]
    with pytest.raises(dataclasses.FrozenInstanceError):
        given.kernel = 5


def test_layers_are_counted_by_what_they_are():
    assert genotypes.MNASNET_B1.operation_counts() == {
        "layers": {
            "depthwise_3x3": 1,
            "inverted_bottleneck_3_3x3": 3,
            "inverted_bottleneck_3_5x5": 3,
            "inverted_bottleneck_6_5x5": 7,
            "inverted_bottleneck_6_3x3": 3,
        },
        "ratios of squeeze_excite": {"0.0": 17},
        "skips": {"identity": 15, "none": 2},
    }


def test_fingerprints_stay_and_differ():
    pinned = {"a1": "e553da005e37fae0", "b1": "8977525f5a49b29c", "small": "de42c3331ffe4564"}
    pinned |= {"d1": "e7d5d122ca0a5160", "d1_320": "9aba5298e640303c"}
    assert {name: genotypes.get(f"mnasnet_{name}").fingerprint for name in pinned} == pinned
    changes = {"stem": 16, "head": 0, "stages": MIXED.stages[:-1]}
    others = {dataclasses.replace(MIXED, **{name: value}).fingerprint for name, value in changes.items()}
    assert len({*others, MIXED.fingerprint}) == 4


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Stage("convv", 3, 8), "did you mean 'conv'?"),
        (lambda: Stage(3, 3, 8), "a stage's operation must be a str, got 3 (int)"),
        (lambda: Stage("conv", 4, 8), "kernel must be one of 1, 3, 5, 7, got 4"),
        (lambda: Stage("conv", True, 8), "kernel must be one of"),
        (lambda: Stage("conv", 3, 0), "filters must be a whole number from 1 to 65,536, got 0"),
        (lambda: Stage("conv", 3, 8.0), "filters must be a whole number"),
        (lambda: Stage("conv", 3, 8, 1001), "layers must be a whole number from 1 to 1,000"),
        (lambda: Stage("conv", 3, 8, stride=3), "stride must be one of 1, 2, got 3"),
        (lambda: Stage("depthwise", 3, 8, expansion=6), "a stage of depthwise has 1, got 6"),
        (lambda: Stage(INVERTED, 3, 8, expansion=65), "expansion must be a whole number from 1 to 64"),
        (lambda: Stage(INVERTED, 3, 8, squeeze_excite=1.5), "squeeze_excite must be a number from 0 to 1, got 1.5"),
        (lambda: Stage(INVERTED, 3, 8, squeeze_excite=float("nan")), "squeeze_excite must be a number from 0 to 1"),
        (lambda: Stage(INVERTED, 3, 8, squeeze_excite=True), "squeeze_excite must be a number from 0 to 1, got True"),
        (lambda: Stage(INVERTED, 3, 8, squeeze_excite=np.float32("nan")), "must be a number from 0 to 1, got "),
        (lambda: Stage(INVERTED, 3, 8, squeeze_excite=10**400), "must be a number from 0 to 1, got a number of 398 di"),
        (lambda: Stage(INVERTED, 3, 8, skip="non"), "unknown skip 'non' of a stage: did you mean 'none'?"),
        (lambda: StageGenotype([]), "stages must not be empty"),
        (lambda: StageGenotype(["conv"]), "each of a stage genotype's stages must be a Stage"),
        (lambda: StageGenotype([Stage("conv", 3, 8, 600)] * 2), "at most 1,000 layers in all, got 1,200"),
        (lambda: StageGenotype([Stage("conv", 3, 8)], stem=0), "a stem's filters must be a whole number from 1"),
        (lambda: StageGenotype([Stage("conv", 3, 8)], head=-1), "a head's filters must be a whole number from 0"),
        (lambda: StageGenotype.from_json('{"format": "nasnet_keras.stage_genotype"}'), "lacks version, stem"),
        (lambda: StageGenotype.from_json(MIXED.to_json().replace('"skip"', '"skips"', 1)), "unknown fields 'skips'"),
        (lambda: StageGenotype.from_json(MIXED.to_json().replace('"version": 1', '"version": 2')), "is newer than"),
        (lambda: StagesFromGenotype("nasnet_a"), "expected a StageGenotype, got a Genotype"),
    ],
)
def test_what_is_not_legal_gives_one_clear_error(make, message):
    with pytest.raises(GenotypeError, match=".") as caught:
        make()
    assert message in str(caught.value)


@rounds(150, 5000)
def test_damaged_files_give_a_genotype_or_a_genotype_error(seeds):
    plain, refused = MIXED.to_plain(), 0
    for seed in seeds:
        try:
            found = genotype_from_json(damaged_json(plain, seed))
            assert StageGenotype.from_json(found.to_json()) == found
        except GenotypeError as error:
            refused += 1
            assert len(str(error)) < 1000
    assert refused > len(seeds) / 2


def test_numbers_may_be_of_numpy():
    for kind in (np.float16, np.float32, np.float64):
        stage = Stage(INVERTED, 3, 8, squeeze_excite=kind(0.25))
        assert stage == Stage(INVERTED, 3, 8, squeeze_excite=0.25) and type(stage.squeeze_excite) is float
        config = StagesConfig(genotype=MIXED, alpha=kind(0.5))
        assert config == StagesConfig(genotype=MIXED, alpha=0.5) and type(config.alpha) is float
    assert Stage(INVERTED, 3, 8, squeeze_excite=np.int64(1)).squeeze_excite == 1.0


def test_filters_are_rounded_to_eighths_and_stay_as_written_at_one():
    assert [scaled_filters(36, alpha) for alpha in (1, 1.0, 0.999, 1.001)] == [36, 36, 32 + 8, 40]
    for filters in range(1, 100):
        for alpha in (0.35, 0.5, 0.75, 1.3, 1.4):
            found = scaled_filters(filters, alpha)
            assert found % 8 == 0 and found >= 0.9 * filters * alpha and found - filters * alpha < 8


# --- networks


def plainly(model, genotype, x):
    """The logits, in the order of the paper: every convolution, its normalisation, and its own ReLU if it has one."""

    def normalized(y, name, *, linear=False):
        gamma, beta, mean, variance = (
            np.asarray(getattr(model.get_layer(name), weight))
            for weight in ("gamma", "beta", "moving_mean", "moving_variance")
        )
        y = (y - mean) / np.sqrt(variance + 1e-3) * gamma + beta
        return y if linear else tf.nn.relu(y)

    def conv(x, name, stride=1, **how):
        return normalized(tf.nn.conv2d(x, np.asarray(model.get_layer(name).kernel), stride, "SAME"), name, **how)

    def depthwise(x, name, stride):
        kernel = np.asarray(model.get_layer(name).depthwise_kernel)
        return normalized(tf.nn.depthwise_conv2d(x, kernel, [1, stride, stride, 1], "SAME"), name)

    def excited(x, before, share, name):
        if not share:
            return x
        layer = model.get_layer(name)
        assert layer.reduced == max(1, int(before * share))
        mean = tf.reduce_mean(x, (1, 2), keepdims=True)
        narrow = tf.nn.relu(tf.nn.conv2d(mean, np.asarray(layer.reduce_kernel), 1, "SAME") + layer.reduce_bias)
        return x * tf.sigmoid(tf.nn.conv2d(narrow, np.asarray(layer.expand_kernel), 1, "SAME") + layer.expand_bias)

    x = conv(x, "stem_conv", 2)
    for number, stage in enumerate(genotype.stages, start=1):
        for index in range(stage.layers):
            name, stride, share = (
                f"stage_{number:02d}_layer_{index:02d}",
                1 if index else stage.stride,
                stage.squeeze_excite,
            )
            channels = x.shape[-1]
            if stage.operation == "conv":
                y = excited(conv(x, f"{name}_conv", stride), channels, share, f"{name}_excite")
            else:
                y = conv(x, f"{name}_expand") if stage.operation == INVERTED else x
                y = excited(depthwise(y, f"{name}_depthwise", stride), channels, share, f"{name}_excite")
                y = conv(y, f"{name}_project", linear=True)
            if channels == stage.filters and stage.skip == "pool":
                y += tf.nn.avg_pool2d(x, 3, stride, "SAME")
            if channels == stage.filters and stage.skip == "identity" and stride == 1:
                y += x
            x = y
    x = tf.reduce_mean(conv(x, "head_conv") if genotype.head else x, (1, 2))
    return x @ np.asarray(model.get_layer("logits").kernel) + np.asarray(model.get_layer("logits").bias)


@pytest.mark.parametrize("genotype", [MIXED, dataclasses.replace(MIXED, stages=MIXED.stages[:-1], head=0)])
def test_the_network_computes_what_its_table_says(genotype, generator):
    model = StagesFromGenotype(genotype, (22, 17, 3), classes=7, classifier_activation=None)
    randomize(model, generator)
    x = generator.normal(size=(2, 22, 17, 3)).astype("float32")
    assert difference(model(x), plainly(model, genotype, x)) < 1e-4


@given(GENOTYPES, st.sampled_from((0.5, 1, 1.3)), st.sampled_from(("same", "torch")))
@settings(max_examples=5, deadline=None)
def test_every_network_costs_what_its_genotype_says(genotype, alpha, padding):
    arguments = {"classes": 3, "alpha": alpha, "stem_stride": 1, "padding": padding}
    model = StagesFromGenotype(genotype, (9, 6, 2), **arguments)
    assert model_cost(model) == genotype_cost(genotype, (9, 6, 2), **arguments)
    unknown = StagesFromGenotype(genotype, (None, None, 2), **arguments)
    assert model_cost(unknown, (9, 6, 2)) == model_cost(model)


def test_a_fused_network_and_saved_files_give_the_same(tmp_path, generator):
    model = StagesFromGenotype(MIXED, (17, 20, 3), classes=4, classifier_activation=None)
    randomize(model, generator)
    x = generator.normal(size=(2, 17, 20, 3)).astype("float32")
    model.save(tmp_path / "model.keras")
    model.save_weights(tmp_path / "model.weights.h5")
    assert difference(keras.models.load_model(tmp_path / "model.keras")(x), model(x)) < 1e-6
    weights = {"weights": tmp_path / "model.weights.h5", "classes": 4, "classifier_activation": None}
    assert difference(StagesFromGenotype(MIXED, (None, None, 3), **weights)(x), model(x)) < 1e-5
    fused = fuse_for_inference(model)
    assert difference(fused(x), model(x)) < 1e-4 and fused.count_params() < model.count_params()


def test_the_signature_is_that_of_keras_applications():
    theirs = list(inspect.signature(keras.applications.NASNetMobile).parameters)
    ours = list(inspect.signature(StagesFromGenotype).parameters)
    assert ours[: len(theirs) + 1] == ["genotype", *theirs]
    assert StagesFromGenotype(MIXED, include_top=False).output_shape == (None, 28, 28, 20)
    assert StagesFromGenotype(MIXED, (9, 9, 1), include_top=False, pooling="max").output_shape == (None, 20)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"alpha": 17}, "alpha must be above 0 and at most 16, got 17"),
        ({"alpha": float("nan")}, "alpha must be above 0"),
        ({"alpha": None}, "alpha must be above 0"),
        ({"alpha": True}, "alpha must be above 0 and at most 16, got True"),
        ({"alpha": np.float32("inf")}, "alpha must be above 0 and at most 16, got "),
        ({"alpha": np.ones(1)}, "alpha must be above 0 and at most 16, got "),
        ({"stem_stride": 3}, "stem_stride must be one of 1, 2, got 3"),
        ({"padding": "keras"}, "padding must be one of same, torch, got 'keras'"),
        ({"input_shape": (8, 8)}, "(height, width, channels)"),
        ({"drop_path_rate": 0.1}, "drop_path_rate=0.1 is for networks of cells: a StageGenotype has no such part"),
    ],
)
def test_bad_arguments_give_one_clear_error(arguments, message):
    for build in (network_from_genotype, genotype_cost):
        with pytest.raises(ValueError, match=".") as caught:
            build(MIXED, **arguments)
        assert message in str(caught.value)


@given(GENOTYPES)
@settings(max_examples=30, deadline=None)
def test_every_stage_is_drawn_in_the_picture(genotype):
    root = ElementTree.fromstring(genotype_svg(genotype))
    texts = [text.text for text in root.iter("{http://www.w3.org/2000/svg}text")]
    titles = ["stem", *(f"stage_{number + 1}" for number in range(len(genotype.stages)))]
    titles += ["head"] if genotype.head else []
    titles += ["classifier"]
    assert [text for text in texts if text in titles] == titles
    assert all(f"{stage.filters} filters" in texts for stage in genotype.stages)
    assert texts.count("size / 2") == sum(stage.stride == 2 for stage in genotype.stages)


# --- training


TRAINED = StageGenotype([Stage("depthwise", 3, 16), Stage(INVERTED, 5, 16, 1, 2, 3, 0.25)], stem=16, head=20)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """The result of a training, and its images."""
    folder = tmp_path_factory.mktemp("trained")
    digits = datasets.load("digits")
    few = dataclasses.replace(digits, **{key: getattr(digits, key).take(slice(96)) for key in ("train", "validation")})
    path = folder / "genotype.json"
    path.write_text(TRAINED.to_json())
    recipe = Recipe(epochs=1, batch_size=32, learning_rate=0.1, flip=False, pad=1, dropout_rate=0.1)
    return train(TrainingConfig(folder / "run", path, recipe=recipe, alpha=0.5), few), few


def test_a_network_of_stages_is_trained_by_its_file_and_its_card_loads(trained):
    result, _ = trained
    card = Card.read(result.path)
    assert card == result.card and card.genotype == TRAINED
    assert {name: card.network[name] for name in ("alpha", "stem_stride")} == {"alpha": 0.5, "stem_stride": 1}
    assert card.cost == dataclasses.asdict(genotype_cost(TRAINED, (8, 8, 1), alpha=0.5, stem_stride=1))
    assert {"alpha=0.5", "stem_stride=1"} <= set(rebuild._arguments(TRAINED, {"filters": 8}, card)), "in a report"
    images, logits = decoded(card.reference)
    loaded = pretrained.load(result.path, classifier_activation=None)
    np.testing.assert_allclose(loaded.predict(images, verbose=0), logits, atol=1e-3)
    features = pretrained.load(result.path, include_top=False, pooling="avg", input_shape=(None, None, 1))
    assert features(images).shape == (len(images), 20)


@pytest.mark.slow
@pytest.mark.usefixtures("short_heads")
def test_a_network_of_stages_is_fine_tuned(trained, tmp_path):
    result, few = trained
    arguments = {"epochs": 1, "batch_size": 32, "class_names": ["even", "odd"]}
    tuned = pretrained.fine_tune(
        result.path, (few.train.images, few.train.labels % 2), workdir=tmp_path / "tuned", **arguments
    )
    assert tuned.card.genotype == TRAINED and tuned.card.network["alpha"] == 0.5
    assert len(pretrained.predict(tuned.path, few.validation.images[:3])) == 3


def test_sizes_of_other_kinds_are_refused(tmp_path):
    config = TrainingConfig(tmp_path, "mnasnet_a1")
    assert (config.alpha, config.stem_stride, config.filters) == (1.0, 1, None)
    for size in ({"stem": "imagenet"}, {"num_repeats": 2}, {"filters": 16}):
        with pytest.raises(ValueError, match="is not for a StageGenotype, whose networks take alpha, stem_stride"):
            TrainingConfig(tmp_path, "mnasnet_a1", **size)
    for size in ({"alpha": 0.5}, {"stem_stride": 2}):
        with pytest.raises(ValueError, match="is not for a Genotype, whose networks take num_repeats"):
            TrainingConfig(tmp_path, "nasnet_a", **size)
    for size in ({"alpha": -1.0}, {"stem_stride": 3}):
        with pytest.raises(ValueError, match="alpha must be positive|stem_stride must be at most 2"):
            TrainingConfig(tmp_path, "mnasnet_a1", **size)
