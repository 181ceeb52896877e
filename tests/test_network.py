import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import difference, mostly_fuzz, random_genotype, randomize

from nasnet_keras import (
    Block,
    Cell,
    DropPathSchedule,
    Edge,
    Genotype,
    GenotypeError,
    NASNetFromGenotype,
    Skeleton,
    applications,
    genotype_cost,
    model_cost,
)
from nasnet_keras.genotypes.catalogue import NASNET_A
from nasnet_keras.genotypes.skeleton import NASNET, StemConv
from nasnet_keras.layers.drop_path import TrainingProgress

SMALL = {"num_repeats": 1, "filters": 4}
NETWORKS = list(itertools.product(("cifar", "imagenet"), ("same", "keras"), (True, False)))


def shapes(model, names):
    return {name: tuple(model.get_layer(f"{name}_output").output.shape[1:]) for name in names}


@pytest.mark.slow
def test_endpoints_cifar():
    model = applications.NASNetCIFAR10(num_repeats=2)
    assert model.get_layer("stem_conv").output.shape[1:] == (32, 32, 96)
    expected = {f"cell_{i:02d}": (32 // 2 ** (i // 2),) * 2 + (192 * 2 ** (i // 2),) for i in range(6)}
    expected |= {"reduction_0": (16, 16, 256), "reduction_1": (8, 8, 512)}
    assert shapes(model, expected) == expected


def test_endpoints_mobile():
    model = applications.NASNetMobile(weights=None, num_repeats=1)
    assert model.get_layer("stem_conv").output.shape[1:] == (111, 111, 32)
    expected = {f"cell_{i:02d}": (28 // 2**i,) * 2 + (264 * 2**i,) for i in range(3)}
    expected |= {"stem_0": (56, 56, 44), "stem_1": (28, 28, 88)}
    expected |= {"reduction_0": (14, 14, 352), "reduction_1": (7, 7, 704)}
    assert shapes(model, expected) == expected


@pytest.mark.slow
def test_endpoints_large():
    model = applications.NASNetLarge(weights=None, num_repeats=1)
    sides = (42, 21, 11)
    expected = {f"cell_{i:02d}": (sides[i],) * 2 + (1008 * 2**i,) for i in range(3)}
    expected |= {"stem_1": (42, 42, 336), "reduction_0": (21, 21, 1344), "reduction_1": (11, 11, 2688)}
    assert shapes(model, expected) == expected


def test_plan_wiring():
    def previous(**arguments):
        plan = NASNET.plan(2, 8, **arguments)
        names = ["stem_conv", *(cell.name for cell in plan.cells)]
        return {c.name: None if c.previous is None else names[c.previous] for c in plan.cells}

    plain = previous(stem="imagenet")
    assert plain["stem_0"] is None and plain["stem_1"] == "stem_conv" and plain["cell_00"] == "stem_0"
    assert plain["reduction_0"] == "cell_00" and plain["cell_02"] == "cell_01" and plain["cell_03"] == "reduction_0"
    skipping = previous(stem="imagenet", skip_reduction_input=True)
    assert skipping["cell_02"] == "cell_00" and skipping["cell_03"] == "reduction_0"
    assert skipping["cell_04"] == "cell_02" and skipping["cell_00"] == "stem_0"
    plan = NASNET.plan(6, 8, skip_reduction_input=True)
    assert plan.cells[plan.auxiliary - 1].name == "cell_11"
    assert [round(cell.depth * 20) for cell in plan.cells] == list(range(1, 21))


@pytest.mark.parametrize(("stem", "padding", "skip"), mostly_fuzz(NETWORKS, (NETWORKS[0], NETWORKS[-1])))
def test_unknown_size_is_the_same_network(stem, padding, skip, generator):
    arguments = {**SMALL, "stem": stem, "padding": padding, "skip_reduction_input": skip, "classes": 3}
    known = NASNetFromGenotype(NASNET_A, (33, 38, 2), **arguments)
    unknown = NASNetFromGenotype(NASNET_A, (None, None, 2), **arguments)
    assert [w.path for w in known.weights] == [w.path for w in unknown.weights]
    randomize(known, generator)
    unknown.set_weights(known.get_weights())
    x = generator.normal(size=(2, 33, 38, 2)).astype("float32")
    expected = known.predict(x, verbose=0)
    assert difference(unknown.predict(x, verbose=0), expected) < 1e-5
    smallest = np.zeros((1, 8 if stem == "cifar" else 32, 45, 2), "float32")
    assert unknown.predict(smallest, verbose=0).shape == (1, 3)


def test_padding_and_wiring_change_numbers_and_not_sizes(generator):
    x = generator.normal(size=(2, 32, 32, 3)).astype("float32")
    network = {"input_shape": (32, 32, 3), "num_repeats": 2, "filters": 4, "pooling": "avg", "include_top": False}
    model = NASNetFromGenotype(NASNET_A, **network)
    randomize(model, generator)
    values = {weight.path: weight for weight in model.weights}
    outputs = []
    for arguments in ({}, {"padding": "keras"}, {"skip_reduction_input": True}):
        changed = NASNetFromGenotype(NASNET_A, **network, **arguments)
        for weight in changed.weights:
            weight.assign(values[weight.path])
        assert changed.count_params() == model.count_params()
        outputs.append((model(x), changed(x)))
    assert difference(*outputs[0]) == 0.0
    assert difference(*outputs[1]) > 1e-3
    assert difference(*outputs[2]) > 1e-3


def test_two_builds_have_equal_names_and_legal_ones():
    names = [[layer.name for layer in NASNetFromGenotype(NASNET_A, **SMALL).layers] for _ in range(2)]
    assert names[0] == names[1]
    assert len(set(names[0])) == len(names[0])
    assert all(name.replace("_", "").isalnum() for name in names[0])
    assert "cell_02_block_4_left_separable_1" in names[0]


def test_auxiliary_outputs_and_its_need_of_a_map():
    model = NASNetFromGenotype(NASNET_A, (20, 20, 3), auxiliary_head=True, classes=5, **SMALL)
    outputs = model(np.zeros((2, 20, 20, 3), "float32"))
    assert {key: tuple(value.shape) for key, value in outputs.items()} == {"logits": (2, 5), "auxiliary": (2, 5)}
    for shape in ((8, 8, 3), (None, None, 3)):
        with pytest.raises(ValueError, match="known size, at least 5x5"):
            NASNetFromGenotype(NASNET_A, shape, auxiliary_head=True, **SMALL)
    with pytest.raises(ValueError, match="include_top"):
        NASNetFromGenotype(NASNET_A, auxiliary_head=True, include_top=False, **SMALL)


@pytest.mark.parametrize("seed", mostly_fuzz(range(4), (0,)))
def test_a_sample_of_random_genotypes_trains_and_costs_what_it_says(seed):
    generator = np.random.default_rng((3, seed))
    for index in range(4):
        genotype = random_genotype(generator)
        arguments = {"num_repeats": 1 + index % 2, "filters": int(generator.integers(1, 9)), "classes": 4}
        if index % 4 == 3:
            arguments |= {"stem": "imagenet", "filters": 9}
        shape = (*generator.integers(32, 40, 2).tolist(), 1 + index % 3)
        model = NASNetFromGenotype(genotype, shape, classifier_activation=None, **arguments)
        assert model_cost(model) == genotype_cost(genotype, shape, **arguments), genotype.describe()
        x = generator.normal(size=(4, *shape)).astype("float32")
        with tf.GradientTape() as tape:
            logits = model(x, training=True)
            loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(np.arange(4), logits))
        gradients = tape.gradient(loss, [v.value for v in model.trainable_variables])
        assert all(g is not None and np.isfinite(g).all() for g in gradients), genotype.describe()
        assert sum(float(np.abs(g).max()) > 0 for g in gradients) > len(gradients) / 2


def test_any_number_of_channels_and_input_tensors(generator):
    image = keras.Input((16, 16, 5))
    model = NASNetFromGenotype(NASNET_A, input_tensor=keras.layers.Rescaling(2.0)(image), include_top=False, **SMALL)
    assert model.input_shape == (None, 16, 16, 5) and model.output_shape == (None, 4, 4, 96)
    with pytest.raises(ValueError, match="give one of them"):
        NASNetFromGenotype(NASNET_A, (8, 8, 5), input_tensor=image, **SMALL)
    with pytest.raises(ValueError, match="must be a Keras tensor"):
        NASNetFromGenotype(NASNET_A, input_tensor=np.zeros((1, 8, 8, 3)), **SMALL)
    pooled = NASNetFromGenotype(NASNET_A, (16, 16, 3), include_top=False, pooling="max", **SMALL)
    assert pooled.output_shape == (None, 96)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"filters": 0}, "filters must be a positive integer, got 0"),
        ({"filters": -4}, "filters must be a positive integer, got -4"),
        ({"filters": 4.0}, "filters must be a positive integer, got 4.0"),
        ({"filters": True}, "filters must be a positive integer, got True"),
        ({"filters": 3, "stem": "imagenet"}, "filters must be at least 4"),
        ({"num_repeats": 0}, "num_repeats must be a positive integer"),
        ({"penultimate_filters": 770}, "positive multiple of 24"),
        ({"penultimate_filters": 0}, "positive multiple of 24"),
        ({"penultimate_filters": 768, "filters": 32}, "not both"),
        ({"stem": "image"}, "stem must be one of cifar, imagenet"),
        ({"stem_filters": 0}, "stem_filters must be a positive integer"),
        ({"padding": "valid"}, "padding must be one of same, keras"),
        ({"classes": 0}, "classes must be a positive integer"),
        ({"pooling": "mean"}, "pooling must be one of None, avg, max"),
        ({"pooling": "avg"}, "include_top=False"),
        ({"drop_path_rate": 1.0}, r"drop_path_rate must be in [0, 1)"),
        ({"dropout_rate": "0.5"}, r"dropout_rate must be in [0, 1)"),
        ({"dropout_rate": float("nan")}, r"dropout_rate must be in [0, 1)"),
        ({"batch_norm_momentum": 1.5}, r"batch_norm_momentum must be in [0, 1]"),
        ({"batch_norm_epsilon": 0.0}, "batch_norm_epsilon must be positive"),
        ({"input_shape": (7, 8, 3)}, "at least 8 for the cifar stem"),
        ({"input_shape": (31, 64, 3), "stem": "imagenet"}, "at least 32 for the imagenet stem"),
        ({"input_shape": (32, 32)}, "(height, width, channels)"),
        ({"input_shape": (32, 32, None)}, "channels positive"),
        ({"input_shape": (32, 32, 0)}, "channels positive"),
        ({"input_shape": 32}, "(height, width, channels)"),
        ({"skeleton": 3}, "skeleton must be a Skeleton"),
        ({"weights": "imagenet"}, "no weights file 'imagenet'"),
    ],
)
def test_bad_arguments_give_one_clear_error(arguments, message):
    with pytest.raises(ValueError, match=".") as caught:
        NASNetFromGenotype("nasnet_a", **arguments)
    assert message in str(caught.value)
    if "weights" not in arguments:
        with pytest.raises(ValueError, match=".") as caught:
            genotype_cost("nasnet_a", **arguments)
        assert message in str(caught.value)


def test_arguments_that_no_function_has_are_pythons_error_with_its_name():
    for arguments, message in (
        ({"genotype": NASNET_A, "foo": 1}, r"NASNetFromGenotype\(\) got an unexpected keyword argument 'foo'"),
        ({}, r"NASNetFromGenotype\(\) missing 1 required positional argument: 'genotype'"),
    ):
        with pytest.raises(TypeError, match=message):
            NASNetFromGenotype(**arguments)


def test_whole_numbers_of_any_type_and_lists_for_shapes():
    plain = genotype_cost("nasnet_a", (16, 24, 3), num_repeats=1, filters=4, classes=7)
    one, four, seven = np.int64(1), np.int32(4), np.uint8(7)
    shape = [np.int64(16), 24, np.int64(3)]
    assert genotype_cost("nasnet_a", shape, num_repeats=one, filters=four, classes=seven) == plain
    model = NASNetFromGenotype("nasnet_a", shape, num_repeats=one, filters=four, classes=seven)
    assert model_cost(model) == plain and model.input_shape == (None, 16, 24, 3)
    assert type(model.from_config(model.get_config())) is type(model)


def test_genotypes_by_name_text_and_path(tmp_path):
    path = tmp_path / "genotype.json"
    path.write_text(NASNET_A.to_json())
    expected = genotype_cost(NASNET_A)
    for genotype in ("nasnet_a", NASNET_A.to_json(), path, str(path)):
        assert genotype_cost(genotype) == expected
    for wrong in ("nasnet_b", "nowhere/genotype.json", 3, None):
        with pytest.raises(GenotypeError):
            genotype_cost(wrong)


def test_a_folder_does_not_hide_a_published_genotype(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nasnet_a").mkdir()
    assert genotype_cost("nasnet_a") == genotype_cost(NASNET_A)
    for unknown in ("nasnet_b", "a" * 300):
        with pytest.raises(GenotypeError, match="unknown genotype"):
            genotype_cost(unknown)


def test_penultimate_filters_and_other_skeletons():
    assert genotype_cost(NASNET_A, penultimate_filters=768) == genotype_cost(NASNET_A, filters=32)
    assert applications.NASNetCIFAR10(num_repeats=1, penultimate_filters=96).output_shape == (None, 10)
    wider = Skeleton("narrower", cifar_stem=(StemConv(1.0),))
    assert genotype_cost(NASNET_A, skeleton=wider) != genotype_cost(NASNET_A)
    for convs in ((StemConv(3.0, output=False),), (StemConv(1.0), StemConv(2.0, output=False))):
        model = NASNetFromGenotype(NASNET_A, skeleton=Skeleton("mine", cifar_stem=convs), num_repeats=1, filters=4)
        stems = [layer.filters for layer in model.layers if layer.name.startswith("stem_conv")]
        assert stems == [int(4 * conv.filters) for conv in convs], "the last one's output is always read"
    with pytest.raises(ValueError, match="at least one convolution"):
        Skeleton("mine", cifar_stem=())
    quick = (StemConv(32, stride=2), StemConv(1.0, stride=2, output=False), StemConv(1.0, stride=2))
    quickly = Skeleton("mine", imagenet_stem=quick, imagenet_stem_cells=())
    with pytest.raises(
        ValueError, match="cell_00 of the skeleton 'mine' reads one halved 3 times beside one halved 1 times"
    ):
        genotype_cost(NASNET_A, skeleton=quickly, stem="imagenet")


def test_drop_path_follows_the_schedule_of_training(generator):
    model = NASNetFromGenotype(NASNET_A, (8, 8, 1), drop_path_rate=0.5, **SMALL)
    plain = NASNetFromGenotype(NASNET_A, (8, 8, 1), **SMALL)
    assert [w.path for w in model.weights] == [w.path for w in plain.weights]
    assert model_cost(model) == model_cost(plain)
    for name, rates in {
        "cell_00_block_0_add": (0.1, 0.1),
        "reduction_0_block_3_add": (0.0, 0.2),  # an identity is never dropped
        "cell_02_block_4_add": (0.5, 0.0),
    }.items():
        assert model.get_layer(name).rates == pytest.approx(rates)
    x, y = generator.normal(size=(32, 8, 8, 1)).astype("float32"), np.arange(32) % 10
    randomize(model, generator)
    plain.set_weights(model.get_weights())
    (progress,) = [layer for layer in model.layers if isinstance(layer, TrainingProgress)]
    assert difference(model(x, training=True), plain(x, training=True)) > 0.01  # full rate until told otherwise
    progress.assign(0.0)
    model.set_weights(plain.get_weights())
    assert difference(model(x, training=True), plain(x, training=True)) < 1e-5
    seen = []

    class Watch(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            seen.append(float(progress.progress.state.value))

    model.compile("sgd", "sparse_categorical_crossentropy")
    model.fit(x, y, batch_size=8, epochs=2, verbose=0, callbacks=[DropPathSchedule(8), Watch()])
    assert seen == [step / 8 for step in range(8)]
    plain.compile("sgd", "sparse_categorical_crossentropy")
    with pytest.raises(ValueError, match="no drop-path"):
        plain.fit(x, y, verbose=0, callbacks=[DropPathSchedule(8)])


def test_drop_path_of_a_network_in_another_model_whose_updates_wait_for_several_batches(generator):
    cell = Cell([Block(Edge("conv_1x1", "current"), Edge("max_pool_3x3", "previous"))], ["block_0"])
    network = NASNetFromGenotype(Genotype(cell, cell), (8, 8, 1), drop_path_rate=0.5, **SMALL)
    model = keras.Sequential([keras.Input((8, 8, 1)), keras.layers.Rescaling(0.5), network])
    model.compile(keras.optimizers.SGD(gradient_accumulation_steps=2), "sparse_categorical_crossentropy")
    (progress,) = [layer for layer in network.layers if isinstance(layer, TrainingProgress)]
    seen = []
    watch = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: seen.append(float(progress.progress.state.value))
    )
    x, y = generator.normal(size=(32, 8, 8, 1)).astype("float32"), np.arange(32) % 10
    model.fit(x, y, batch_size=8, epochs=2, verbose=0, callbacks=[DropPathSchedule(4), watch])
    assert seen == [step // 2 / 4 for step in range(8)]
