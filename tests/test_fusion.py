"""Fused models: the outputs of the models that they come from, whatever these are made of."""

import re
from collections import Counter
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from helpers import difference, mostly_fuzz, random_genotype, randomize
from test_bundled import BUNDLED

from nasnet_keras import NASNetFromGenotype, applications, fuse_for_inference, genotypes, pretrained
from nasnet_keras.card import decoded
from nasnet_keras.inference.fusing import fused
from nasnet_keras.inference.graph import Conv, Depthwise, PaddedPool, Relu, consumers
from nasnet_keras.inference.passes import merged, relu_absorbed
from nasnet_keras.inference.reading import read
from nasnet_keras.inference.targets import ONNX_RUNTIME, TENSORFLOW, XNNPACK, Target
from nasnet_keras.layers.pooling import AveragePooling2D, PaddedPooling2D

TOLERANCE = 1e-4
ENGINES = (TENSORFLOW, ONNX_RUNTIME, XNNPACK, Target(multiple=5, most_taps=9))


def network(genotype, generator, shape=(33, 34, 3), **arguments):
    options = {"num_repeats": 1, "filters": 6, "classes": 5, "classifier_activation": None, **arguments}
    model = NASNetFromGenotype(genotype, shape, **options)
    randomize(model, generator)
    return model


def images(generator, *shape):
    return generator.normal(size=shape or (2, 33, 34, 3)).astype("float32")


@pytest.mark.parametrize("name", mostly_fuzz(genotypes.names(), ("nasnet_a",)))
def test_every_catalogue_cell(name, generator):
    x = images(generator)
    model = network(name, generator, padding=generator.choice(["same", "keras"]), include_top=False)
    expected = np.asarray(model(x))
    for target in ENGINES:
        assert difference(fused(model, target)(x), expected) < TOLERANCE, target
    model = network(name, generator, stem="imagenet")
    assert difference(fuse_for_inference(model)(x), model(x)) < TOLERANCE


@pytest.mark.parametrize("seed", mostly_fuzz(range(8), range(2)))
def test_random_genotypes(seed):
    generator = np.random.default_rng(seed)
    x = images(generator, 2, *generator.integers(16, 24, 2), 3)
    top = bool(seed % 2)
    model = network(random_genotype(generator), generator, (None, None, 3), include_top=top)
    expected = np.asarray(model(x))
    for target in ENGINES:
        assert difference(fused(model, target)(x), expected) < TOLERANCE, target


@pytest.mark.parametrize("name", mostly_fuzz(BUNDLED, BUNDLED[:1]))
def test_bundled_models_keep_their_predictions(name):
    model = pretrained.load(name)
    faster = fuse_for_inference(model)
    x, _ = decoded(pretrained.card(name).reference)
    expected = model.predict(x, verbose=0)
    assert difference(faster.predict(x, verbose=0), expected) < TOLERANCE
    assert np.array_equal(faster.predict(x, verbose=0).argmax(-1), expected.argmax(-1))


def test_what_is_for_training_is_left_out(generator):
    model = network("nasnet_a", generator, auxiliary_head=True, drop_path_rate=0.5, dropout_rate=0.5)
    faster, x = fuse_for_inference(model), images(generator)
    assert difference(faster(x), model(x)["logits"]) < TOLERANCE
    assert np.array_equal(faster(x, training=True), faster(x))
    names = {layer.name for layer in faster.layers}
    assert not names & {"auxiliary", "training_progress", "head_dropout"}
    assert not faster.trainable_weights
    statistics = sum(w.shape[0] for w in model.weights if w.path.endswith(("gamma", "moving_mean", "moving_variance")))
    assert faster.count_params() < model.count_params() - statistics


def test_work_is_done_once(generator):
    """NASNet-A reads an average of `previous` twice and six ReLUs of its inputs; most ReLUs are in convolutions."""
    model = network("nasnet_a", generator)
    layers = fuse_for_inference(model).layers
    pools = [layer for layer in layers if isinstance(layer, keras.layers.AveragePooling2D)]
    assert len(pools) == len({(id(layer.input), layer.strides) for layer in pools})
    relus = [layer for layer in layers if isinstance(layer, keras.layers.ReLU)]
    assert len(relus) == len({id(layer.input) for layer in relus})
    inside = sum(layer.activation is keras.activations.relu for layer in layers if hasattr(layer, "activation"))
    assert inside > len(relus)


@pytest.mark.parametrize("size", [8, 9])
def test_pools_with_borders_of_zeros_have_windows_of_any_side(size, generator):
    image = keras.Input((size, size, 3))
    pools = [PaddedPooling2D(kind, side)(image) for kind in ("max", "avg") for side in (2, 3, 4, 5)]
    model, x = keras.Model(image, keras.layers.Concatenate()(pools)), generator.normal(size=(2, size, size, 3))
    for target in ENGINES:
        assert difference(fused(model, target)(x), model(x)) < 1e-5, target


def test_widths_are_rounded_up(generator):
    model = network("nasnet_a", generator)
    layers = {layer.name: layer for layer in fused(model, ONNX_RUNTIME).layers}
    widths = {name: layer.filters for name, layer in layers.items() if isinstance(layer, keras.layers.Conv2D)}
    halves = {name for name in widths if name.endswith(("_even", "_odd"))}  # of factorized reductions
    joined = [layers[name.rpartition("_")[0]].output.shape[-1] for name in halves]
    assert halves and all(width % 16 == 0 for width in (*joined, *(widths[name] for name in widths.keys() - halves)))


def test_fusing_again_changes_nothing(generator):
    model, x = network("darts_v2", generator, include_top=False), images(generator)
    once = fused(model, ONNX_RUNTIME)
    assert difference(fuse_for_inference(once)(x), model(x)) < TOLERANCE
    twice = fused(once, ENGINES[-1])
    assert difference(twice(x), model(x)) < TOLERANCE
    assert difference(fuse_for_inference(twice)(x), model(x)) < TOLERANCE


def test_a_fused_model_is_saved_and_loaded(generator, tmp_path):
    model, x = network("darts_v2", generator), images(generator)
    faster = fused(model, Target(multiple=16, most_taps=25, plain_relus=False))
    faster.save(tmp_path / "fused.keras")
    loaded = keras.models.load_model(tmp_path / "fused.keras")
    assert type(loaded) is type(faster)
    assert np.array_equal(loaded.predict(x, verbose=0), faster.predict(x, verbose=0))


def test_predict_takes_what_keras_takes(generator, capsys):
    model = pretrained.load("amoebanet_d_cifar10")
    faster = fuse_for_inference(model)
    x = generator.integers(0, 256, (7, 32, 32, 3), dtype=np.uint8)
    before, expected = x.copy(), model.predict(x, verbose=0)
    for batch_size in (None, 1, 3, 7, 100):
        assert difference(faster.predict(x, batch_size, verbose=0), expected) < TOLERANCE
    assert not capsys.readouterr().out
    faster.predict(x, 2)
    assert "4/4" in capsys.readouterr().out
    assert np.array_equal(x, before)
    batches = tf.data.Dataset.from_tensor_slices(x).batch(2)
    assert difference(faster.predict(batches, verbose=0), expected) < TOLERANCE
    assert difference(faster.predict(x, batch_size=2, steps=2, verbose=0), expected[:4]) < TOLERANCE
    assert difference(faster.predict_on_batch(x), expected) < TOLERANCE
    with pytest.raises(ValueError, match="shape"):
        faster.predict(x[:, :16], verbose=0)
    with pytest.raises(ValueError, match="batch_size"):
        faster.predict(x, batch_size=0, verbose=0)
    for wrong in (x[:0], x[..., 0], x[..., :1]):
        with pytest.raises(ValueError, match=r"expected images of shape .*, and some, got \("):
            faster.predict(wrong, verbose=0)


def test_compiled_functions_hold_the_weights(generator):
    """In the graph of a compiled function there is no variable to read, which lets oneDNN reorder kernels once."""
    faster = fuse_for_inference(network("enas_micro", generator))
    function = tf.function(lambda x: faster(x, training=False))
    graph = function.get_concrete_function(tf.TensorSpec((1, 33, 34, 3))).graph
    read = [op for op in graph.get_operations() if op.type == "ReadVariableOp"]
    assert len(read) <= 2  # of the classifier


@pytest.mark.parametrize("name", ["nasnet_a", "amoebanet_d", "pnasnet_5"])
def test_tensorflow_has_nothing_to_complain_of(name, generator, capfd):
    """Its optimiser failed on sums that a ReLU and something else read, said so, and optimised nothing."""
    faster = fuse_for_inference(network(name, generator, num_repeats=2))
    faster.predict(images(generator), verbose=0)
    assert "failed" not in capfd.readouterr().err


def test_layers_around_a_network(generator):
    x = images(generator, 2, 32, 32, 3)
    base = network("nasnet_a", generator, (32, 32, 3), include_top=False, pooling="avg")
    classifier = [keras.layers.Dropout(0.5), keras.layers.Dense(3, "softmax", name="mine")]
    before = [keras.layers.RandomFlip(), keras.layers.Rescaling(0.5, offset=0.1)]
    sequential = keras.Sequential([keras.Input((32, 32, 3)), *before, base, *classifier])
    image = keras.Input((32, 32, 3))
    maps = network("nasnet_a", generator, (32, 32, 3), include_top=False)
    pooled = keras.layers.BatchNormalization()(keras.layers.GlobalMaxPooling2D()(maps(image)))
    functional = keras.Model(image, keras.layers.Dense(3, "tanh", use_bias=False)(keras.layers.Flatten()(pooled)))
    twice = keras.layers.Dense(8, "tanh")
    shared = keras.Model(image, twice(twice(keras.layers.Dense(8)(keras.layers.GlobalAveragePooling2D()(maps(image))))))
    adapted = keras.layers.Normalization()
    adapted.adapt(images(generator, 8, 32, 32, 3) * 3 + 1)
    normalized = keras.Sequential([keras.Input((32, 32, 3)), adapted, base, keras.layers.Dense(3)])
    for model in (sequential, functional, shared, normalized):
        for target in (TENSORFLOW, ONNX_RUNTIME):
            assert difference(fused(model, target)(x), model(x, training=False)) < TOLERANCE


def test_a_model_of_another_precision_is_fused_in_float32(generator):
    model, x = network("nasnet_a", generator), images(generator)
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        narrow = network("nasnet_a", generator)
        narrow.set_weights(model.get_weights())
        faster = fuse_for_inference(narrow)
    finally:
        keras.config.set_dtype_policy("float32")
    computing = [layer for layer in faster.layers if not isinstance(layer, keras.layers.InputLayer)]
    assert {layer.compute_dtype for layer in computing} == {"float32"}
    assert difference(faster(x), model(x)) < TOLERANCE


def test_of_a_model_within_the_output_that_is_read(generator):
    heads = network("nasnet_a", generator, auxiliary_head=True)
    image, x = keras.Input((33, 34, 3)), images(generator)
    logits = keras.Model(image, heads(image)["logits"])
    assert difference(fuse_for_inference(logits)(x), logits(x)) < TOLERANCE
    with pytest.raises(ValueError, match="of type AuxiliaryHead cannot be fused"):
        fuse_for_inference(keras.Model(image, heads(image)["auxiliary"]))


def test_what_cannot_be_fused_is_named(generator):
    base = network("nasnet_a", generator, (32, 32, 3), include_top=False)
    image = keras.Input((32, 32, 3))
    odd = keras.Model(image, keras.layers.LayerNormalization(name="odd_one")(base(image)))
    with pytest.raises(ValueError, match="'odd_one' of type LayerNormalization cannot be fused"):
        fuse_for_inference(odd)

    class Doubled(keras.layers.Dense):
        def call(self, x):
            return 2 * super().call(x)

    class Whole(keras.Model):
        def call(self, x):
            return 2 * x

    for other in (Doubled(2, name="mine"), Whole(name="mine")):
        with pytest.raises(ValueError, match="'mine' of type (Doubled|Whole) cannot be fused"):
            fuse_for_inference(keras.Model(image, other(base(image))))
    with pytest.raises(ValueError, match="several outputs"):
        fuse_for_inference(keras.Model(image, [base(image), base(image)]))
    other = keras.Input((32, 32, 3))
    with pytest.raises(ValueError, match="one input"):
        fuse_for_inference(keras.Model([image, other], keras.layers.Add()([image, other])))
    with pytest.raises(ValueError, match="functional or sequential"):
        fuse_for_inference("nasnet_a")
    with pytest.raises(ValueError, match="images"):
        fuse_for_inference(keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]))


@pytest.mark.slow
def test_the_page_on_fusing_counts_operations_as_the_passes_do():
    """Its table: batch normalizations, ReLUs, pools in cells, and convolutions, full and depthwise."""
    page = (Path(__file__).parent.parent / "docs/fusing.md").read_text()
    rows = re.findall(r"^\|.*?(\|[ \d,|]+\|)$", page, re.MULTILINE)
    shown = [list(map(int, re.findall(r"\d+", row))) for row in rows]
    model = applications.NASNetMobile(weights=None)
    graph, found = read(model), []
    for output in (graph, merged(graph), relu_absorbed(merged(graph))):
        nodes = consumers(output)
        count = Counter(type(node) for node in nodes)
        pools = sum(isinstance(node, PaddedPool) for node in nodes)
        pools += sum(isinstance(getattr(node, "layer", None), AveragePooling2D) for node in nodes)
        found.append([0, count[Relu], pools, count[Conv], count[Depthwise]])
    normalizations = sum(hasattr(layer, "moving_variance") for layer in model.layers)
    assert shown == [[normalizations, *found[0][1:]], *found]
