"""Chain genotypes and their networks: values, counts, wiring, pictures, training, cards."""

import dataclasses
import inspect
import json
import pickle
import xml.etree.ElementTree as ElementTree

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import difference, mostly_slow, random_chain_genotype, randomize
from hypothesis import given, settings
from hypothesis import strategies as st

from nasnet_keras import (
    ChainFromGenotype,
    ChainGenotype,
    ChainLayer,
    GenotypeError,
    applications,
    export,
    fuse_for_inference,
    genotype_cost,
    model_cost,
    pretrained,
)
from nasnet_keras.card import Card, decoded
from nasnet_keras.genotypes.catalogue import ENAS_MACRO
from nasnet_keras.genotypes.reading import genotype_from_json, resolve_genotype
from nasnet_keras.layers.padded_concatenate import PaddedConcatenate
from nasnet_keras.networks.any import network_from_genotype
from nasnet_keras.plotting.cells import genotype_svg
from nasnet_keras.training import datasets
from nasnet_keras.training.config import TrainingConfig
from nasnet_keras.training.job import train
from nasnet_keras.training.recipes import Recipe

L = ChainLayer
# A layer without inputs after the first, maps of different sizes that meet, a pool, strides apart, several unread.
MIXED = ChainGenotype(
    [
        L((3, 3), 24),
        L((1, 7), 64, strides=(2, 1)),
        L((5, 5), 36, ["layer_0", "layer_1"]),
        L((7, 1), 48, ["layer_1"], strides=(3, 2)),
        L((3, 5), 24, ["layer_0", "layer_2", "layer_3"]),
        L((1, 1), 64),
    ],
    pooled=["layer_0", "layer_3"],
)


# --- sizes


def test_maps_that_are_equal_at_one_size_of_images_and_not_at_another():
    """A total stride of 8 beside one of 12: both make 2×2 of 16×16, and 2×2 and 1×1 of 12×12."""
    genotype = ChainGenotype(
        [
            L((1, 1), 24, strides=(2, 2)),
            L((1, 1), 24, ["layer_0"], strides=(2, 2)),
            L((1, 1), 24, ["layer_1"], strides=(2, 2)),
            L((1, 1), 24, ["layer_1"], strides=(3, 3)),
        ]
    )
    model = ChainFromGenotype(genotype, (16, 16, 3), classes=2)
    for side in (16, 12):
        images = np.zeros((1, side, side, 3), "float32")
        (answers, _) = model.stateless_call(model.trainable_variables, model.non_trainable_variables, images)
        assert answers.shape == (1, 2)


# --- values


def test_values_are_frozen_hashable_and_equal_by_content():
    assert L([3, 5], np.int64(24), ["layer_0"]) == L((3, 5), 24, ("layer_0",), (1, 1))
    assert len({MIXED, dataclasses.replace(MIXED, pooled=()), ChainGenotype([L((3, 3), 24)])}) == 3
    with pytest.raises(dataclasses.FrozenInstanceError):
        MIXED.layers = ()
    assert pickle.loads(pickle.dumps(MIXED)) == MIXED
    assert MIXED.unread == ("layer_4", "layer_5")


def test_fingerprint_and_format_are_frozen():
    # A change here makes every study and card written before unreadable.
    assert MIXED.fingerprint == "2c1a6476f3d08cda"
    assert json.loads(ChainGenotype([L((3, 5), 24), L((1, 7), 64, ["layer_0"], (2, 3))], ["layer_0"]).to_json()) == {
        "format": "nasnet_keras.chain_genotype",
        "version": 1,
        "layers": [
            {"kernel": [3, 5], "filters": 24, "strides": [1, 1], "inputs": []},
            {"kernel": [1, 7], "filters": 64, "strides": [2, 3], "inputs": ["layer_0"]},
        ],
        "pooled": ["layer_0"],
    }


def test_random_genotypes_round_trip_through_json_of_any_kind(tmp_path):
    generator = np.random.default_rng(1)
    made = {random_chain_genotype(generator) for _ in range(300)}
    for genotype in made:
        assert ChainGenotype.from_json(genotype.to_json()) == genotype_from_json(genotype.to_json(None)) == genotype
    assert len({genotype.fingerprint for genotype in made}) == len(made) > 250
    path = tmp_path / "genotype.json"
    path.write_text(MIXED.to_json())
    assert all(resolve_genotype(given) == MIXED for given in (MIXED, path, str(path), MIXED.to_json()))


def test_describe_says_every_layer():
    assert MIXED.describe().splitlines() == [
        "6 layers, 6 connections",
        "  layer_0 = conv_3x3, 24 filters, pooled (image)",
        "  layer_1 = conv_1x7, 64 filters, strides 2x1 (image)",
        "  layer_2 = conv_5x5, 36 filters (layer_0, layer_1)",
        "  layer_3 = conv_7x1, 48 filters, strides 3x2, pooled (layer_1)",
        "  layer_4 = conv_3x5, 24 filters (layer_0, layer_2, layer_3)",
        "  layer_5 = conv_1x1, 64 filters (image)",
        "  classifier (layer_4, layer_5)",
    ]


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: L((3, 4), 24), "a layer's kernel must be one of 1, 3, 5, 7, got 4 (int)"),
        (lambda: L(3, 24), "a layer's kernel must be two numbers, for height and width, got 3"),
        (lambda: L("33", 24), "must be two numbers"),
        (lambda: L((3, 3, 3), 24), "must be two numbers"),
        (lambda: L((3, True), 24), "must be one of 1, 3, 5, 7, got True"),
        (lambda: L((3, 3), 32), "a layer's filters must be one of 24, 36, 48, 64, got 32"),
        (lambda: L((3, 3), 24.0), "a layer's filters must be one of 24, 36, 48, 64, got 24.0"),
        (lambda: L((3, 3), 24, strides=(1, 4)), "a layer's strides must be one of 1, 2, 3, got 4"),
        (lambda: L((3, 3), 24, "layer_0"), "must be a sequence of str"),
        (lambda: L((3, 3), 24, [0]), "each of a layer's inputs must be a str"),
        (lambda: ChainGenotype([]), "layers must not be empty"),
        (lambda: ChainGenotype(L((3, 3), 24)), "must be a sequence of ChainLayer"),
        (
            lambda: ChainGenotype([L((3, 3), 24, ["layer_0"])]),
            "layer_0 reads 'layer_0', no layer before it: it has none",
        ),
        (lambda: ChainGenotype([L((3, 3), 24), L((3, 3), 24, ["layr_0"])]), "did you mean 'layer_0'"),
        (lambda: ChainGenotype([L((3, 3), 24), L((3, 3), 24, ["image"])]), "layer_1 reads 'image', no layer before it"),
        (
            lambda: ChainGenotype([*MIXED.layers[:2], L((1, 1), 24, ["layer_1", "layer_0"])]),
            "what layer_2 reads must differ and be in order, got layer_1, layer_0",
        ),
        (lambda: ChainGenotype([L((3, 3), 24)], ["layer_1"]), "the genotype pools 'layer_1', no layer of it"),
        (lambda: ChainGenotype([L((3, 3), 24)], ["layer_0"] * 2), "must differ and be in order"),
        (lambda: ChainFromGenotype("nasnet_a"), "expected a ChainGenotype, got a Genotype"),
        (lambda: ChainFromGenotype(ENAS_MACRO), "expected a ChainGenotype, got a MacroGenotype"),
        (lambda: applications.ENASMacro(genotype=MIXED), "expected a MacroGenotype, got a ChainGenotype"),
    ],
)
def test_illegal_values_give_one_clear_error(make, message):
    with pytest.raises(GenotypeError, match=".") as caught:
        make()
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


# --- counts

# (genotype, image, trainable parameters, multiply-adds), each worked out by hand; ten classes.
GOLDEN = {
    "one layer": (ChainGenotype([L((3, 5), 24)]), (8, 6, 2), 15 * 2 * 24 + 48 + 250, 48 * 15 * 2 * 24 + 240),
    "a chain": (
        ChainGenotype([L((1, 1), 24), L((3, 3), 36, ["layer_0"])]),
        (4, 4, 1),
        (24 + 48) + (9 * 24 * 36 + 72) + 370,
        16 * (24 + 9 * 24 * 36) + 360,
    ),
    "two inputs are joined in depth": (
        ChainGenotype([L((1, 1), 24), L((1, 1), 64), L((1, 3), 48, ["layer_0", "layer_1"])]),
        (4, 4, 1),
        (24 + 48) + (64 + 128) + (3 * 88 * 48 + 96) + 490,
        16 * (24 + 64 + 3 * 88 * 48) + 480,
    ),
    "the smaller is padded to the larger, height and width apart": (
        ChainGenotype(
            [L((1, 1), 24, strides=(2, 1)), L((1, 1), 24, strides=(1, 3)), L((1, 1), 36, ["layer_0", "layer_1"])]
        ),
        (4, 6, 1),
        2 * (24 + 48) + (48 * 36 + 72) + 370,
        (2 * 6 + 4 * 2) * 24 + 4 * 6 * 48 * 36 + 360,
    ),
    "outputs that nobody reads go to the classifier": (
        ChainGenotype([L((1, 1), 24), L((3, 3), 36, ["layer_0"]), L((1, 1), 48, ["layer_0"]), L((5, 1), 64)]),
        (3, 3, 1),
        (24 + 48) + (9 * 24 * 36 + 72) + (24 * 48 + 96) + (5 * 64 + 128) + 10 * (36 + 48 + 64 + 1),
        9 * (24 + 9 * 24 * 36 + 24 * 48 + 5 * 64) + 10 * 148,
    ),
    "a pool halves, odd sizes upwards; strides never leave nothing": (
        ChainGenotype(
            [L((7, 7), 24), L((3, 3), 24, ["layer_0"], (3, 3)), L((1, 1), 24, ["layer_1"], (3, 3))], ["layer_0"]
        ),
        (5, 3, 1),
        (49 * 24 + 48) + (9 * 24 * 24 + 48) + (24 * 24 + 48) + 250,
        15 * 49 * 24 + 1 * 9 * 24 * 24 + 24 * 24 + 240,
    ),
}


@pytest.mark.parametrize("case", GOLDEN)
def test_golden_parameters_and_multiply_adds(case):
    genotype, shape, trainable, multiply_adds = GOLDEN[case]
    cost = genotype_cost(genotype, shape)
    assert (cost.trainable_parameters, cost.multiply_adds) == (trainable, multiply_adds)
    assert cost.parameters == trainable + 2 * sum(layer.filters for layer in genotype.layers)
    assert model_cost(ChainFromGenotype(genotype, shape)) == cost


def counted(genotype, shape, classes):
    """Trainable parameters and multiply-adds once more, recursively, from what the paper says."""
    layers = dict(zip(genotype.outputs, genotype.layers, strict=True))
    total = [0, 0]
    known = {}

    def joined(names):
        maps = [output(name) for name in names]
        return max(h for h, _, _ in maps), max(w for _, w, _ in maps), sum(c for _, _, c in maps)

    def output(name):
        if name not in known:
            layer = layers[name]
            height, width, channels = joined(layer.inputs) if layer.inputs else shape
            height, width = -(-height // layer.strides[0]), -(-width // layer.strides[1])
            weights = layer.kernel[0] * layer.kernel[1] * channels * layer.filters
            total[0] += weights + 2 * layer.filters
            total[1] += weights * height * width
            half = 2 if name in genotype.pooled else 1
            known[name] = -(-height // half), -(-width // half), layer.filters
        return known[name]

    read = {name for layer in genotype.layers for name in layer.inputs}
    _, _, channels = joined([name for name in genotype.outputs if name not in read])
    return total[0] + (channels + 1) * classes, total[1] + channels * classes


def test_thousands_of_random_genotypes_cost_what_a_second_counter_says():
    generator = np.random.default_rng(3)
    for _ in range(3000):
        genotype = random_chain_genotype(generator, most_layers=12)
        shape = (*generator.integers(1, 40, 2).tolist(), int(generator.integers(1, 5)))
        cost = genotype_cost(genotype, shape, classes=7)
        assert (cost.trainable_parameters, cost.multiply_adds) == counted(genotype, shape, 7), genotype.describe()


# --- networks


def by_hand(model, genotype, image):
    """What a model's weights give when they are wired as the paper says: convolution, normalisation, ReLU a layer."""
    outputs = {}

    def joined(names):
        maps = [outputs[name] for name in names]
        height, width = (max(x.shape[axis] for x in maps) for axis in (1, 2))

        def padded(x):
            rows, columns = height - x.shape[1], width - x.shape[2]
            return np.pad(x, ((0, 0), (rows // 2, rows - rows // 2), (columns // 2, columns - columns // 2), (0, 0)))

        return np.concatenate([padded(x) for x in maps], axis=-1)

    for index, (name, layer) in enumerate(zip(genotype.outputs, genotype.layers, strict=True)):
        x = joined(layer.inputs) if layer.inputs else image
        made = model.get_layer(f"layer_{index:02d}_conv")
        assert tuple(made.kernel.shape) == (*layer.kernel, x.shape[-1], layer.filters)
        y = tf.nn.conv2d(x, made.kernel.value, layer.strides, "SAME")
        y = (y - made.moving_mean.value) / tf.sqrt(made.moving_variance.value + 1e-5) * made.gamma.value
        y = tf.nn.relu(y + made.beta.value)
        outputs[name] = (tf.nn.max_pool2d(y, 2, 2, "SAME") if name in genotype.pooled else y).numpy()
    features = joined(genotype.unread).mean(axis=(1, 2))
    classifier = model.get_layer("logits")
    return features @ classifier.kernel.numpy() + classifier.bias.numpy()


def test_wiring_is_that_of_the_paper():
    generator = np.random.default_rng(4)
    for genotype in (MIXED, *(case[0] for case in GOLDEN.values()), random_chain_genotype(generator, 12)):
        model = ChainFromGenotype(genotype, (11, 8, 3), classifier_activation=None)
        randomize(model, generator)
        x = generator.normal(size=(3, 11, 8, 3)).astype("float32")
        assert difference(model(x), by_hand(model, genotype, x)) < 1e-4, genotype.describe()


def test_any_size_from_one_pixel_builds_and_equals_the_network_of_unknown_size():
    generator = np.random.default_rng(6)
    unknown = ChainFromGenotype(MIXED, (None, None, 2), classes=3)
    randomize(unknown, generator)
    for size in ((1, 1), (1, 9), (2, 3), (33, 20)):
        model = ChainFromGenotype(MIXED, (*size, 2), classes=3)
        model.set_weights(unknown.get_weights())
        x = generator.normal(size=(2, *size, 2)).astype("float32")
        assert difference(unknown.predict(x, verbose=0), model(x)) < 1e-5, size
    with pytest.raises(ValueError, match="at least 1 for a layer-wise network"):
        ChainFromGenotype(MIXED, (0, 8, 3))


@pytest.mark.parametrize("seed", mostly_slow(range(2), (0,)))
def test_random_genotypes_train_and_come_back_from_files(seed, tmp_path):
    generator = np.random.default_rng((5, seed))
    for index in range(3):
        genotype = random_chain_genotype(generator)
        shape = (*generator.integers(1, 14, 2).tolist(), 1 + index % 3)
        model = ChainFromGenotype(genotype, shape, classes=4, classifier_activation=None, dropout_rate=0.2)
        assert model_cost(model) == genotype_cost(genotype, shape, classes=4)
        x = generator.normal(size=(4, *shape)).astype("float32")
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(np.arange(4), model(x, training=True)))
        gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
        assert all(g is not None and np.isfinite(g).all() for g in gradients), genotype.describe()
        randomize(model, generator)
        model.save(tmp_path / "model.keras")
        assert difference(keras.models.load_model(tmp_path / "model.keras")(x), model(x)) < 1e-6
        assert difference(fuse_for_inference(model)(x), model(x)) < 1e-4
    twice = fuse_for_inference(fuse_for_inference(ChainFromGenotype(MIXED, (9, 8, 1))))
    assert any(isinstance(layer, PaddedConcatenate) for layer in twice.layers)


def test_exported_files_give_the_same(tmp_path):
    for size in (9, None):
        model = ChainFromGenotype(MIXED, (size, size, 1))
        randomize(model, np.random.default_rng(0))
        for form, name in (("litert", "model.tflite"), ("onnx", "model.onnx")):
            assert export(model, tmp_path / name, form, images=np.ones((2, 9, 9, 1), "float32")).difference < 1e-5


def test_zeros_stand_around_the_smaller_map():
    small, large = np.ones((1, 1, 2, 1), "float32"), np.full((1, 4, 3, 1), 2.0, "float32")
    joined = np.asarray(PaddedConcatenate()([small, large]))[0]
    np.testing.assert_array_equal(joined[..., 0], [[0, 0, 0], [1, 1, 0], [0, 0, 0], [0, 0, 0]])
    np.testing.assert_array_equal(joined[..., 1], large[0, ..., 0])
    tall = np.ones((1, 5, 1, 1), "float32")
    assert PaddedConcatenate()([large, tall]).shape == (1, 5, 3, 2), "height of one, width of another"


def test_the_signature_is_that_of_keras_applications(tmp_path, generator):
    theirs = list(inspect.signature(keras.applications.NASNetMobile).parameters)
    ours = list(inspect.signature(ChainFromGenotype).parameters)
    assert ours[: len(theirs) + 1] == ["genotype", *theirs]
    assert ChainFromGenotype(MIXED, include_top=False).output_shape == (None, 32, 32, 88)
    assert ChainFromGenotype(MIXED, include_top=False, pooling="max").output_shape == (None, 88)
    image = keras.Input((16, 12, 5))
    model = ChainFromGenotype(MIXED, input_tensor=keras.layers.Rescaling(2.0)(image), classes=7, name="mine")
    assert model.input_shape == (None, 16, 12, 5) and model.output_shape == (None, 7) and model.name == "mine"
    randomize(model, generator)
    model.save_weights(tmp_path / "mine.weights.h5")
    again = ChainFromGenotype(MIXED, (16, 12, 5), weights=tmp_path / "mine.weights.h5", classes=7)
    x = generator.normal(size=(2, 16, 12, 5)).astype("float32")
    assert difference(again(2.0 * x), model(x)) < 1e-5
    names = [[layer.name for layer in ChainFromGenotype(MIXED).layers] for _ in range(2)]
    assert names[0] == names[1] and {"layer_04_concat", "layer_05_conv", "layer_00_pool"} < set(names[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"classes": 0}, "classes must be a positive integer, got 0"),
        ({"pooling": "mean"}, "pooling must be one of None, avg, max"),
        ({"dropout_rate": 1.0}, "dropout_rate must be in [0, 1)"),
        ({"input_shape": (8, 8)}, "(height, width, channels)"),
        ({"drop_path_rate": 0.1}, "drop_path_rate=0.1 is for networks of cells"),
    ],
)
def test_bad_arguments_give_one_clear_error(arguments, message):
    for build in (network_from_genotype, genotype_cost):
        with pytest.raises(ValueError, match=".") as caught:
            build(MIXED, **arguments)
        assert message in str(caught.value)


def test_every_layer_and_connection_is_drawn_inside_the_picture():
    svg = "{http://www.w3.org/2000/svg}"
    generator = np.random.default_rng(2)
    for genotype in (MIXED, *(random_chain_genotype(generator) for _ in range(50))):
        root = ElementTree.fromstring(genotype_svg(genotype))
        texts = [text.text for text in root.iter(f"{svg}text")]
        titles = ["image", *genotype.outputs, "classifier"]
        assert [text for text in texts if text in titles] == titles
        assert texts.count("max_pool_2x2") == len(genotype.pooled)
        paths = [path.get("d") for path in root.iter(f"{svg}path")]
        lines = [path for path in paths if "C" in path or "V" in path]
        assert len(lines) == sum(max(1, len(layer.inputs)) for layer in genotype.layers) + len(genotype.unread)
        width, height = float(root.get("width")), float(root.get("height"))
        boxes = [box for box in root.iter(f"{svg}rect") if box.get("stroke")]
        assert all(float(box.get("x")) + float(box.get("width")) <= width for box in boxes)
        bottoms = [float(box.get("y")) + float(box.get("height")) for box in boxes]
        assert bottoms == sorted(bottoms) and bottoms[-1] <= height


# --- training


def test_a_chain_is_trained_by_its_file_and_its_card_loads(tmp_path):
    digits = datasets.load("digits")
    few = dataclasses.replace(digits, **{key: getattr(digits, key).take(slice(128)) for key in ("train", "validation")})
    path = tmp_path / "genotype.json"
    path.write_text(MIXED.to_json())
    recipe = Recipe(epochs=1, batch_size=64, learning_rate=0.1, flip=False, pad=1, dropout_rate=0.1)
    config = TrainingConfig(tmp_path / "run", genotype=path, recipe=recipe)
    result = train(config, few)
    card = Card.read(result.path)
    assert card == result.card and card.genotype == MIXED
    assert not {"num_repeats", "filters", "stem"} & set(card.network)
    assert card.cost == dataclasses.asdict(genotype_cost(MIXED, (8, 8, 1)))
    images, logits = decoded(card.reference)
    loaded = pretrained.load(result.path, classifier_activation=None)
    np.testing.assert_allclose(loaded.predict(images, verbose=0), logits, atol=1e-3)
    features = pretrained.load(result.path, include_top=False, pooling="avg", input_shape=(None, None, 1))
    assert features(images).shape == (len(images), 88)
    for size in ({"stem": "imagenet"}, {"num_repeats": 2}, {"filters": 16}):
        with pytest.raises(ValueError, match="is not for a ChainGenotype, whose networks take no such argument"):
            TrainingConfig(tmp_path / "other", path, **size)
