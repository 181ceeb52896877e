"""Feature maps by stride: of networks of every kind, new and loaded, of known and unknown sizes; and heads on them."""

import itertools

import keras
import pytest
from helpers import difference, mostly_slow

import nasnet_keras as nk
from nasnet_keras import pretrained

GRAPH = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|skip_connect~1|nor_conv_1x1~2|"
CHAIN = nk.ChainGenotype(
    [
        nk.ChainLayer((3, 3), 24),
        nk.ChainLayer((3, 3), 36, ["layer_0"], (2, 2)),
        nk.ChainLayer((5, 5), 24, ["layer_0", "layer_1"]),
        nk.ChainLayer((3, 3), 48, ["layer_2"], (2, 1)),
        nk.ChainLayer((3, 3), 24, ["layer_3"], (1, 2)),
    ]
)


def cells(genotype, shape, **arguments):
    return nk.NASNetFromGenotype(genotype, shape, **{"num_repeats": 1, "filters": 8, "include_top": False, **arguments})


# A network, and the layer of its last map at each stride.
NETWORKS = {
    "cifar": (
        lambda shape: cells("nasnet_a", shape),
        {1: "cell_00_output", 2: "cell_01_output", 4: "head_relu"},
    ),
    "imagenet": (
        lambda shape: cells("nasnet_a", shape, stem="imagenet", num_repeats=2, filters=16, drop_path_rate=0.2),
        {2: "stem_conv", 4: "stem_0_output", 8: "cell_01_output", 16: "cell_03_output", 32: "head_relu"},
    ),
    "no cells of reduction": (
        lambda shape: cells("pnasnet_5", shape, num_repeats=2),
        {1: "cell_01_output", 2: "cell_03_output", 4: "head_relu"},
    ),
    "darts": (
        lambda shape: cells("darts_v2", shape, stem="imagenet"),
        {2: "stem_conv_0", 4: "stem_conv_1", 8: "cell_00_output", 16: "cell_01_output", 32: "cell_02_output"},
    ),
    "enas": (
        lambda shape: cells("enas_micro", shape, include_top=True, num_repeats=2),
        {1: "cell_01_output", 2: "cell_03_output", 4: "head_relu"},
    ),
    "enas macro": (
        lambda shape: nk.applications.ENASMacro(shape, filters=4, include_top=False),
        {1: "layer_07_skip", 2: "layer_15_skip", 4: "layer_23_skip"},
    ),
    "stages": (
        lambda shape: nk.applications.MnasNetSmall(shape, include_top=False),
        {
            2: "stage_01_layer_00_project",
            4: "stage_02_layer_00_project",
            8: "stage_03_layer_01_add",
            16: "stage_05_layer_02_add",
            32: "head_relu",
        },
    ),
    "nasbench201": (
        lambda shape: nk.NASBench201FromGenotype(GRAPH, shape, num_repeats=1, filters=4),
        {1: "cell_00_node_3_add", 2: "cell_01_node_3_add", 4: "head_relu"},
    ),
    # A layer reads maps of two strides, with zeros around the smaller one; the fourth one's strides differ.
    "chain": (
        lambda shape: nk.ChainFromGenotype(CHAIN, shape, include_top=False),
        {1: "layer_02_conv", 2: "output_relu"},
    ),
}


def named(found):
    return {stride: tensor._keras_history[0].name for stride, tensor in found.items()}


SHAPES = ((None, None, 3), (64, 64, 3), (75, 91, 3))
QUICK = {("cifar", SHAPES[2]), ("darts", SHAPES[0]), ("stages", SHAPES[0]), ("nasbench201", SHAPES[1])}
QUICK.add(("chain", SHAPES[1]))


@pytest.mark.parametrize(("name", "shape"), mostly_slow(itertools.product(NETWORKS, SHAPES), QUICK))
def test_networks_of_every_kind(name, shape):
    build, expected = NETWORKS[name]
    model = build(shape)
    found = nk.taps(model)
    assert named(found) == expected and list(found) == sorted(found)
    features = keras.Model(model.input, list(found.values()))
    sides = shape[0] or 96, shape[1] or 64
    for stride, map_ in zip(found, features.compute_output_shape((2, *sides, 3)), strict=True):
        assert all(abs(size - side / stride) <= 1 for size, side in zip(map_[1:3], sides, strict=True)), stride


def test_what_was_saved_and_loaded_has_the_same(tmp_path, generator):
    build, expected = NETWORKS["stages"]
    model = build((None, None, 3))
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    found = nk.taps(loaded, (4, 32))
    assert named(found) == {4: expected[4], 32: expected[32]}
    images = generator.normal(size=(1, 64, 40, 3)).astype("float32")
    maps = keras.Model(loaded.input, list(found.values()))(images)
    assert [map_.shape[1:3] for map_ in maps] == [(16, 10), (2, 2)]
    assert difference(maps[1], model(images)) < 1e-6


def test_trained_models_and_the_layers_before_them():
    model = pretrained.load("mnasnet_tiny_imagenet", include_top=False, input_shape=(None, None, 3))
    found = nk.taps(model)
    assert found[16] is model.output and [*found] == [2, 4, 8, 16]
    with_top = pretrained.load("mnasnet_tiny_imagenet")
    assert named(nk.taps(with_top)) == named(found), "the classifier is no map, and rescaled images are none"


def test_other_models_of_keras():
    mobile = keras.applications.MobileNetV2((96, 96, 3), alpha=0.35, weights=None)
    expanded = {1: 2, 3: 4, 6: 8, 13: 16}
    expected = {stride: f"block_{block}_expand_relu" for block, stride in expanded.items()}
    assert named(nk.taps(mobile)) == {**expected, 32: "out_relu"}
    layers = [keras.layers.Rescaling(2.0), keras.layers.Conv2D(4, 3, 2, "same"), keras.layers.MaxPooling2D(3)]
    layers += [keras.layers.Flatten(), keras.layers.Dense(2)]
    plain = keras.Sequential([keras.Input((24, 24, 3)), *layers])
    assert {stride: tuple(one.shape) for stride, one in nk.taps(plain).items()} == {
        2: (None, 12, 12, 4),
        6: (None, 4, 4, 4),
    }


def conv(x, filters=4, stride=1, name=None):
    return keras.layers.Conv2D(filters, 3, stride, "same", name=name)(x)


def test_of_a_model_of_branches_it_takes_where_they_come_together():
    """As Inception's: the deepest branch is not the block's output; an auxiliary classifier reads the block before."""
    image = keras.Input((64, 64, 3))
    x = conv(image, 4, 2, "stem")
    for block in range(2):
        deep = conv(conv(conv(x)), 4)
        gate = keras.layers.Dense(8)(keras.layers.GlobalAveragePooling2D(keepdims=True)(x))
        x = keras.layers.Multiply()([keras.layers.Concatenate(name=f"both_{block}")([conv(x), deep]), gate])
        x = keras.layers.ReLU(name=f"block_{block}")(x)
        if not block:
            auxiliary = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(x))
    down = [conv(conv(conv(x)), 4, 2), conv(x, 4, 2), keras.layers.MaxPooling2D(2)(x)]
    x = keras.layers.Concatenate(name="smaller")(down)
    x = keras.layers.Add(name="last")([conv(conv(x, 16), 16), x])
    head = keras.layers.Average()([keras.layers.Dense(2)(keras.layers.GlobalAveragePooling2D()(x)), auxiliary])
    assert named(nk.taps(keras.Model(image, head))) == {2: "block_1", 4: "last"}
    assert named(nk.taps(keras.Model(image, x))) == {2: "block_1", 4: "last"}


def test_a_stride_that_no_single_map_ends_is_left_out():
    """As Keras' NASNet: cells read the two before them, and so does the reduction."""
    image = keras.Input((None, None, 3))
    before = x = conv(image, 4, 2, "stem")
    for _ in range(3):
        before, x = x, keras.layers.Add()([conv(x), conv(before)])
    older, x = conv(before, 4, 2), keras.layers.Add()([conv(x, 4, 2), conv(before, 4, 2)])
    for _ in range(2):
        older, x = x, keras.layers.Add()([conv(x), conv(older)])
    older, x = conv(older, 4, 2), keras.layers.Add()([conv(x, 4, 2), conv(older, 4, 2)])
    x = keras.layers.ReLU(name="last")(keras.layers.Add()([conv(x), older]))
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(x))
    assert named(nk.taps(model)) == {2: "stem", 8: "last"}
    with pytest.raises(ValueError, match="strides 2, 8, and none of 4 that all ways to the next stride pass"):
        nk.taps(model, (2, 4))


def test_maps_behind_an_enlargement_are_none():
    """As of a U-Net: those of the encoder, which the decoder reads too, and the coarsest."""
    image = keras.Input((64, 64, 3))
    x, skipped = image, []
    for level in range(3):
        x = conv(conv(x), 4, name=f"encoder_{level}")
        skipped.append(x)
        x = keras.layers.MaxPooling2D(2)(x)
    x = conv(conv(x), 4, name="middle")
    for level in (2, 1, 0):
        x = conv(keras.layers.Concatenate()([keras.layers.UpSampling2D(2)(x), skipped[level]]))
    expected = {1: "encoder_0", 2: "encoder_1", 4: "encoder_2", 8: "middle"}
    assert named(nk.taps(keras.Model(image, conv(x, 2)))) == expected


def test_layers_of_others_that_have_names_of_this_package():
    image = keras.Input((64, 64, 3))
    x = keras.layers.ReLU(name="layer_1_relu")(conv(image, 4, 2, "layer_1_conv"))
    x = keras.layers.ReLU(name="layer_1_end")(conv(x, 4, 2, "layer_1_down"))
    x = conv(x, 4, 2, "head_conv")
    model = keras.Model(image, keras.layers.GlobalAveragePooling2D()(x))
    assert named(nk.taps(model)) == {2: "layer_1_relu", 4: "layer_1_end", 8: "head_conv"}


def test_models_that_it_cannot_serve():
    base = NETWORKS["cifar"][0]((32, 32, 3))
    image = keras.Input((32, 32, 3))

    class Own(keras.Model):
        def call(self, x):
            return x

    for model, message in (
        ("nasnet_a", "expected a functional or sequential Keras model that is built, got 'nasnet_a'"),
        (Own(), "that is built"),
        (keras.Sequential([keras.layers.Dense(2)]), "that is built"),
        (keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)]), r"one image .*, got one of \(None, 4\)"),
        (keras.Model([image, keras.Input((1,))], keras.layers.ReLU()(image)), "expected a model of one image"),
        (keras.Sequential([image, keras.layers.Rescaling(2.0)]), "computes no feature map of the image"),
        (keras.Sequential([image, base]), r"of the model 'nasnet_\w+' within .*: build on nk\.taps\(model\.get_layer"),
    ):
        with pytest.raises(ValueError, match=message):
            nk.taps(model)
    with pytest.raises(ValueError, match="has feature maps of the strides 1, 2, 4, and none of 8, 16"):
        nk.taps(base, (2, 8, 16))
    for strides in ((), (0,), 4, "48", (2.5,)):
        with pytest.raises(ValueError, match=r"strides must be whole numbers from 1, such as \(4, 8, 16, 32\), got"):
            nk.taps(base, strides)
