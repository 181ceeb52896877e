"""Layer-wise genotypes and their networks: values, counts, wiring, training, cards."""

import dataclasses
import inspect
import json
import pickle

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import difference, mostly_fuzz, random_macro_genotype, randomize
from hypothesis import given, settings
from hypothesis import strategies as st

from nasnet_keras import (
    Genotype,
    GenotypeError,
    MacroGenotype,
    MacroLayer,
    NASNetFromGenotype,
    applications,
    fuse_for_inference,
    genotype_cost,
    genotypes,
    model_cost,
    pretrained,
)
from nasnet_keras.card import Card, decoded
from nasnet_keras.genotypes.catalogue import ENAS_MACRO, NASNET_A
from nasnet_keras.genotypes.conventions import from_enas_macro
from nasnet_keras.genotypes.macro import reduction_places
from nasnet_keras.genotypes.operations import MACRO_OPERATIONS
from nasnet_keras.genotypes.reading import genotype_from_json, resolve_genotype
from nasnet_keras.networks.any import network_config, network_from_genotype
from nasnet_keras.networks.macro import ENASMacro
from nasnet_keras.training import datasets
from nasnet_keras.training.config import TrainingConfig
from nasnet_keras.training.job import train
from nasnet_keras.training.recipes import Recipe

# Every operation; skips within a third and over one and two reductions; a layer without any; the stem's read late.
ROWS = [[0], [3, 1], [5, 0, 1], [1, 0, 0, 0], [4, 1, 0, 0, 1], [2, 0, 0, 0, 0, 1], [0, 1, 1, 0, 0, 0, 0]]
MIXED = from_enas_macro(ROWS)
RECIPE = Recipe(epochs=1, batch_size=64, learning_rate=0.1, flip=False, pad=1)


def macro(*layers):
    return MacroGenotype([MacroLayer(operation, skips) for operation, *skips in layers])


# --- values


def test_values_are_frozen_hashable_and_equal_by_content():
    genotype = macro(["conv_3x3"], ["conv_5x5", "stem"])
    assert genotype == macro(("conv_3x3",), ("conv_5x5", "stem")) and len({genotype, MIXED, ENAS_MACRO}) == 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        genotype.layers = ()
    assert pickle.loads(pickle.dumps(MIXED)) == MIXED
    assert MIXED.outputs == ("stem", *(f"layer_{i}" for i in range(7)))


def test_fingerprint_and_format_are_frozen():
    # A change here makes every study and card written before unreadable.
    assert ENAS_MACRO.fingerprint == "f2e06442bf08b6d4"
    assert json.loads(macro(["conv_3x3"], ["max_pool_3x3", "stem"]).to_json()) == {
        "format": "nasnet_keras.macro_genotype",
        "version": 1,
        "layers": [{"operation": "conv_3x3", "skips": []}, {"operation": "max_pool_3x3", "skips": ["stem"]}],
    }


def test_random_genotypes_round_trip_through_json_of_any_kind(tmp_path):
    generator = np.random.default_rng(1)
    made = {random_macro_genotype(generator) for _ in range(300)}
    for genotype in made:
        assert MacroGenotype.from_json(genotype.to_json()) == genotype_from_json(genotype.to_json(None)) == genotype
    assert len({genotype.fingerprint for genotype in made}) == len(made) > 200
    path = tmp_path / "genotype.json"
    path.write_text(MIXED.to_json())
    for text_or_path in (MIXED, path, str(path), MIXED.to_json()):
        assert resolve_genotype(text_or_path) == MIXED
    assert genotype_from_json(NASNET_A.to_json()) == NASNET_A


def test_describe_says_every_layer():
    assert MIXED.describe().splitlines() == [
        "7 layers, 7 skips",
        "  layer_0 = conv_3x3(stem)",
        "  layer_1 = sep_conv_5x5(layer_0) + stem",
        "  layer_2 = max_pool_3x3(layer_1) + layer_0",
        "  layer_3 = sep_conv_3x3(layer_2)",
        "  layer_4 = avg_pool_3x3(layer_3) + stem + layer_2",
        "  layer_5 = conv_5x5(layer_4) + layer_3",
        "  layer_6 = conv_3x3(layer_5) + stem + layer_0",
    ]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MacroLayer("conv3x3"), "did you mean 'conv_3x3'"),
        (lambda: MacroLayer("identity"), "unknown operation 'identity' of a layer"),
        (lambda: MacroLayer(0), "must be a str, got 0"),
        (lambda: MacroLayer("conv_3x3", "stem"), "must be a sequence of str"),
        (lambda: MacroLayer("conv_3x3", [1]), "each of a layer's skips must be a str"),
        (lambda: MacroGenotype([]), "layers must not be empty"),
        (lambda: MacroGenotype(MacroLayer("conv_3x3")), "must be a sequence of MacroLayer"),
        (lambda: MacroGenotype(["conv_3x3"]), "must be a MacroLayer"),
        (lambda: macro(["conv_3x3", "stem"]), "layer_0 skips to 'stem', no output before its input: it has none"),
        (
            lambda: macro(["conv_3x3"], ["conv_3x3", "layer_0"]),
            "layer_1 skips to 'layer_0', no output before its input",
        ),
        (lambda: macro(["conv_3x3"], ["conv_3x3", "stm"]), "did you mean 'stem'"),
        (lambda: macro(["conv_3x3"], ["conv_3x3", "stem", "stem"]), "must differ and be in order, got stem, stem"),
        (lambda: macro(*[["conv_3x3"]] * 2, ["conv_3x3", "layer_0", "stem"]), "be in order, got layer_0, stem"),
        (lambda: genotypes.get("enas_makro"), "did you mean 'enas_macro'"),
        (lambda: NASNetFromGenotype(MIXED), "expected a Genotype, got a MacroGenotype"),
        (lambda: ENASMacro(genotype="enas_micro"), "expected a MacroGenotype, got a Genotype"),
        (lambda: Genotype.from_json(MIXED.to_json()), "format must be 'nasnet_keras.genotype', got"),
        (
            lambda: genotype_from_json("{}"),
            "format must be one of nasnet_keras.genotype, nasnet_keras.macro_genotype",
        ),
        (lambda: genotype_from_json('{"format": []}'), "format must be one of"),
        (lambda: from_enas_macro("0\n3 0 1"), "row 1 of an ENAS macro arc has 2 numbers, got 3"),
        (lambda: from_enas_macro("0  3 0  0"), "row 2 of an ENAS macro arc has 3 numbers, got 1"),
        (lambda: from_enas_macro([[6]]), "operations are 0 to 5, got 6"),
        (lambda: from_enas_macro([[0], [0, 2]]), "only 0 and 1, got [2]"),
        (lambda: from_enas_macro("0 x 1"), "list of whole numbers"),
        (lambda: from_enas_macro([3]), "list of whole numbers"),
        (lambda: from_enas_macro(3), "a text or rows of numbers"),
        (lambda: from_enas_macro(""), "must not be empty"),
    ],
)
def test_illegal_values_give_one_clear_error(make, message):
    with pytest.raises(GenotypeError, match=".") as caught:
        make()
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda p: p.update(version=2, more=1), "version 2 is newer"),
        (lambda p: p.update(version="1"), "positive integer"),
        (lambda p: p.pop("layers"), "lacks layers"),
        (lambda p: p.update(extra=1), "unknown fields 'extra'"),
        (lambda p: p.update(layers={}), "must be a list"),
        (lambda p: p["layers"].append(None), "a layer must be a JSON object"),
        (lambda p: p["layers"][0].pop("skips"), "a layer lacks skips"),
        (lambda p: p["layers"].reverse(), "layer_0 skips to 'stem'"),
    ],
)
def test_wrong_json_is_explained(change, message):
    plain = json.loads(MIXED.to_json())
    change(plain)
    with pytest.raises(GenotypeError, match=".") as caught:
        genotype_from_json(json.dumps(plain))
    assert message in str(caught.value)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_damaged_text_gives_a_genotype_or_a_genotype_error(data):
    text = MIXED.to_json()
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    try:
        genotype = genotype_from_json(text[:start] + data.draw(st.text(max_size=5)) + text[end:])
    except GenotypeError:
        return
    assert genotype_from_json(genotype.to_json()) == genotype


def test_enas_arcs_by_rows_and_by_text():
    lines = "\n".join(" ".join(map(str, row)) for row in ROWS)
    assert from_enas_macro(lines) == from_enas_macro(lines.replace("\n", " ")) == from_enas_macro(f"\n{lines}\n\n")
    assert [MACRO_OPERATIONS.index(layer.operation) for layer in MIXED.layers] == [row[0] for row in ROWS]


def test_the_catalogue_knows_it_apart_from_the_cells():
    assert genotypes.get("enas_macro") is ENAS_MACRO and genotypes.name_of(ENAS_MACRO) == "enas_macro"
    assert genotypes.names(MacroGenotype) == ("enas_macro",) and "enas_macro" not in genotypes.names()
    assert genotypes.name_of(MIXED) is None
    assert len(ENAS_MACRO.layers) == 24 and ENAS_MACRO.layers[5] == MacroLayer(
        "sep_conv_5x5", ["stem", "layer_0", "layer_2"]
    )


# --- counts


def test_published_sizes():
    """Reference: 30.9 million as the paper describes it, 42.6 million as the released code builds it."""
    cost = genotype_cost("enas_macro")
    assert cost.trainable_parameters == 30_947_424 and cost.parameters == 30_996_192
    full = MacroGenotype([MacroLayer(layer.operation.removeprefix("sep_"), layer.skips) for layer in ENAS_MACRO.layers])
    assert genotype_cost(full, filters=96).trainable_parameters == 42_559_392
    eleven, ten = (genotype_cost("enas_macro", filters=36, classes=classes).parameters for classes in (11, 10))
    assert eleven - ten == 4 * 36  # the classifier has no bias


def test_each_operation_alone_by_hand():
    """One layer of F=5 on 8×9×2 images: stem, 1×1, operation; no reduction, no join, a classifier without bias."""
    expected = {"conv_3x3": 9 * 25 + 10, "conv_5x5": 25 * 25 + 10, "avg_pool_3x3": 0, "max_pool_3x3": 0}
    expected |= {"sep_conv_3x3": 5 * 9 + 25 + 10, "sep_conv_5x5": 5 * 25 + 25 + 10}
    assert set(expected) == set(MACRO_OPERATIONS)
    for operation, trainable in expected.items():
        model = ENASMacro((8, 9, 2), genotype=macro([operation]), filters=5, classes=3)
        cost = genotype_cost(macro([operation]), (8, 9, 2), filters=5, classes=3)
        assert model_cost(model) == cost
        assert cost.trainable_parameters == (2 * 9 * 5 + 10) + (25 + 10) + trainable + 15
        kernels = 2 * 9 * 5 + 25 + max(0, trainable - 10)
        assert cost.multiply_adds == 72 * kernels + 15


# --- networks


def by_hand(model, rows, image):
    """What the layers of a model give when they are wired as ENAS' code does, with a list of all outputs so far."""

    def layer(name, x):
        return model.get_layer(name)(x)

    outputs = [layer("stem_conv", image)]
    third = len(rows) // 3
    for index, (operation, *bits) in enumerate(rows):
        name = f"layer_{index:02d}"
        x = layer(f"{name}_input", outputs[-1])
        if operation < 4:
            x = layer(f"{name}_{('conv', 'separable')[operation % 2]}", x)
        else:
            pool = tf.nn.avg_pool2d if operation == 4 else tf.nn.max_pool2d
            x = pool(tf.nn.relu(x), 3, 1, "SAME")
        if index:
            joined = [outputs[k] for k, bit in enumerate(bits) if bit] + [x]
            x = layer(f"{name}_skip", tf.concat(joined, -1))
        outputs.append(x)
        if third and index + 1 in (third, 2 * third):
            prefix = f"reduction_{(index + 1) // third - 1}"
            names = [f"{prefix}_{output}" for output in ("stem", *(f"layer_{i}" for i in range(index + 1)))]
            known = {found.name for found in model.layers}
            outputs = [layer(name, x) if name in known else None for name, x in zip(names, outputs, strict=True)]
    return layer("logits", tf.reduce_mean(outputs[-1], (1, 2)))


def test_wiring_is_that_of_the_released_code(generator):
    model = ENASMacro((17, 12, 3), genotype=MIXED, filters=4, classifier_activation=None)
    randomize(model, generator)
    x = generator.normal(size=(3, 17, 12, 3)).astype("float32")
    assert difference(model(x), by_hand(model, ROWS, x)) < 1e-5
    reductions = {layer.name for layer in model.layers if layer.name.startswith("reduction")}
    assert reductions == {  # layer_1 is not read after the second
        *(f"reduction_0_{output}" for output in ("stem", "layer_0", "layer_1")),
        *(f"reduction_1_{output}" for output in ("stem", "layer_0", "layer_2", "layer_3")),
    }
    shapes = {
        name: model.get_layer(name).output.shape[1:] for name in ("layer_01_skip", "layer_03_skip", "layer_06_skip")
    }
    assert shapes == {"layer_01_skip": (17, 12, 4), "layer_03_skip": (9, 6, 8), "layer_06_skip": (5, 3, 16)}


def test_reductions_stand_at_thirds():
    assert [reduction_places(n) for n in (1, 2, 3, 5, 6, 12, 24)] == [(), (), (0, 1), (0, 1), (1, 3), (3, 7), (7, 15)]


@pytest.mark.parametrize("seed", mostly_fuzz(range(3), (0,)))
def test_random_genotypes_build_train_cost_what_they_say_and_come_back_from_files(seed, tmp_path):
    generator = np.random.default_rng((5, seed))
    for index in range(3):
        genotype = random_macro_genotype(generator, most_layers=7)
        shape = (*generator.integers(8, 14, 2).tolist(), 1 + index % 3)
        arguments = {"filters": int(generator.integers(1, 5)), "classes": 4}
        model = ENASMacro(shape, genotype=genotype, classifier_activation=None, dropout_rate=0.2, **arguments)
        assert model_cost(model) == genotype_cost(genotype, shape, **arguments), genotype.describe()
        x = generator.normal(size=(4, *shape)).astype("float32")
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(np.arange(4), model(x, training=True)))
        gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
        assert all(g is not None and np.isfinite(g).all() for g in gradients), genotype.describe()
        randomize(model, generator)
        model.save(tmp_path / "model.keras")
        again = keras.models.load_model(tmp_path / "model.keras")
        assert difference(again(x), model(x)) < 1e-6
        unknown = ENASMacro((None, None, shape[-1]), genotype=genotype, classifier_activation=None, **arguments)
        assert [w.path for w in unknown.weights] == [w.path for w in model.weights]
        unknown.set_weights(model.get_weights())
        assert difference(unknown.predict(x, verbose=0), model(x)) < 1e-5
        assert difference(fuse_for_inference(model)(x), model(x)) < 1e-4


def test_names_are_deterministic_and_legal():
    models = [ENASMacro((8, 8, 1), filters=1) for _ in range(2)]
    names = [[layer.name for layer in model.layers] for model in models]
    assert names[0] == names[1] and len(set(names[0])) == len(names[0])
    assert all(name.replace("_", "").isalnum() for name in names[0])
    assert {"layer_23_skip", "layer_05_separable", "layer_00_conv", "reduction_1_stem"} < set(names[0])
    assert models[0].name == "enas_macro"


def test_the_signature_is_that_of_keras_applications(tmp_path, generator):
    assert applications.ENASMacro is ENASMacro
    theirs = list(inspect.signature(keras.applications.NASNetMobile).parameters)
    assert list(inspect.signature(ENASMacro).parameters)[: len(theirs)] == theirs
    small = {"genotype": MIXED, "filters": 2}
    assert ENASMacro((16, 16, 3), include_top=False, **small).output_shape == (None, 4, 4, 8)
    assert ENASMacro(include_top=False, pooling="max", **small).output_shape == (None, 8)
    image = keras.Input((16, 12, 5))
    model = ENASMacro(input_tensor=keras.layers.Rescaling(2.0)(image), classes=7, name="mine", **small)
    assert model.input_shape == (None, 16, 12, 5) and model.output_shape == (None, 7) and model.name == "mine"
    randomize(model, generator)
    model.save_weights(tmp_path / "mine.weights.h5")
    again = ENASMacro((16, 12, 5), weights=tmp_path / "mine.weights.h5", classes=7, **small)
    x = generator.normal(size=(2, 16, 12, 5)).astype("float32")
    assert difference(again(2.0 * x), model(x)) < 1e-5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filters": 0}, "filters must be a positive integer, got 0"),
        ({"classes": 2.5}, "classes must be a positive integer, got 2.5"),
        ({"pooling": "mean"}, "pooling must be one of None, avg, max"),
        ({"pooling": "avg"}, "include_top=False"),
        ({"dropout_rate": 1.0}, "dropout_rate must be in [0, 1)"),
        ({"batch_norm_momentum": -1}, "batch_norm_momentum must be in [0, 1]"),
        ({"batch_norm_epsilon": 0}, "batch_norm_epsilon must be positive"),
        ({"input_shape": (7, 8, 3)}, "at least 8 for a layer-wise network"),
        ({"input_shape": (8, 8)}, "(height, width, channels)"),
        ({"drop_path_rate": 0.1}, "drop_path_rate=0.1 is for networks of cells"),
        ({"auxiliary_head": True}, "auxiliary_head=True is for networks of cells"),
    ],
)
def test_bad_arguments_give_one_clear_error(arguments, message):
    for build in (network_from_genotype, genotype_cost):
        with pytest.raises(ValueError, match=".") as caught:
            build(MIXED, **arguments)
        assert message in str(caught.value)


def test_one_function_makes_the_network_of_any_kind():
    same = {"auxiliary_head": False, "drop_path_rate": 0.0, "dropout_rate": 0.1, "filters": 2, "classes": 3}
    for genotype, more in ((MIXED, {}), ("nasnet_a", {"num_repeats": 1})):
        model = network_from_genotype(genotype, (8, 8, 1), **same, **more)
        assert model.output_shape == (None, 3) and "head_dropout" in {layer.name for layer in model.layers}
        assert network_config(genotype, (8, 8, 1), **same, **more).classes == 3


# --- training


@pytest.fixture(scope="module")
def few():
    """128 images, so that an epoch is two steps."""
    digits = datasets.load("digits")
    parts = {key: getattr(digits, key).take(slice(128)) for key in ("train", "validation")}
    return dataclasses.replace(digits, **parts)


def test_a_macro_genotype_is_trained_and_its_card_loads(tmp_path, few):
    path = tmp_path / "genotype.json"
    path.write_text(macro(["conv_3x3"], ["sep_conv_3x3", "stem"], ["avg_pool_3x3", "layer_0"]).to_json())
    recipe = dataclasses.replace(RECIPE, dropout_rate=0.1, average_decay=0.5)
    config = TrainingConfig(tmp_path / "run", genotype=path, recipe=recipe, filters=4)
    result = train(config, few)
    card = Card.read(result.path)
    assert card == result.card and card.genotype == MacroGenotype.from_json(path)
    assert card.name == f"genotype_{card.genotype.fingerprint}_digits"
    assert not {"num_repeats", "stem"} & set(card.network) and card.network["filters"] == 4
    assert card.cost == dataclasses.asdict(genotype_cost(card.genotype, (8, 8, 1), filters=4))
    images, logits = decoded(card.reference)
    loaded = pretrained.load(result.path, classifier_activation=None)
    np.testing.assert_allclose(loaded.predict(images, verbose=0), logits, atol=1e-3)
    features = pretrained.load(result.path, include_top=False, pooling="avg", input_shape=(None, None, 1))
    assert features(images).shape == (len(images), 16)
    assert train(config, few).card == card, "nothing is trained twice"


def test_what_a_macro_network_does_not_have_is_said_before_a_folder_is_made(tmp_path, few):
    for change, message in (
        ({"drop_path_rate": 0.1}, "drop_path_rate=0.1 is for networks of cells"),
        ({"auxiliary_weight": 0.4}, "auxiliary_head=True is for networks of cells"),
    ):
        config = TrainingConfig(tmp_path / "run", "enas_macro", recipe=dataclasses.replace(RECIPE, **change), filters=2)
        with pytest.raises(ValueError, match=message):
            train(config, few)
    with pytest.raises(ValueError, match="stem='imagenet' is not for a MacroGenotype, whose networks take filters"):
        TrainingConfig(tmp_path / "run", "enas_macro", stem="imagenet")
    assert not (tmp_path / "run").exists()
    config = TrainingConfig(tmp_path / "run", "enas_macro", recipe=RECIPE, filters=2)
    config.check(few)
    assert config.model_name(few) == "enas_macro_digits"
