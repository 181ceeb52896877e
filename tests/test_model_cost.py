"""Costs of any Keras model, held to an independent count on TensorFlow's graph of the same model."""

import inspect
import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers, ops

import nasnet_keras as nk
from nasnet_keras.networks import multiply_adds
from nasnet_keras.networks.counting import layer_costs

RECURRENT = {"lstm": 4, "gru": 3, "simple_rnn": 1}


def on_graph(model, *shapes):
    """Count the multiply-adds of the operations that TensorFlow runs for one example."""
    given = [tf.TensorSpec((1, *shape), x.dtype) for shape, x in zip(shapes, model.inputs, strict=True)]
    called = tf.function(lambda *x: model(list(x) if len(x) > 1 else x[0], training=False))
    graph = called.get_concrete_function(*given).graph
    operations = graph.get_operations()
    for function in graph._functions.values():
        operations += function.graph.get_operations()
    return sum(map(of_operation, operations))


def of_operation(operation):
    def sizes(tensor):
        return tensor.shape.as_list()

    inputs, out = [sizes(x) for x in operation.inputs], [sizes(x) for x in operation.outputs]
    match operation.type:
        case "Conv2D" | "Conv3D":
            return math.prod(out[0]) * math.prod(inputs[1][:-1])
        case "DepthwiseConv2dNative":
            return math.prod(out[0]) * math.prod(inputs[1][:2])
        case "Conv2DBackpropInput" | "Conv3DBackpropInputV2":
            return math.prod(inputs[2]) * math.prod(inputs[1][:-1])
        case "MatMul":
            return math.prod(out[0]) * inputs[0][0 if operation.get_attr("transpose_a") else 1]
        case "BatchMatMulV2":
            return math.prod(out[0]) * inputs[0][-2 if operation.get_attr("adj_x") else -1]
        case "Einsum" if len(inputs) > 1:
            terms = operation.get_attr("equation").decode().split("->")[0].split(",")
            return math.prod(
                {c: n for t, s in zip(terms, inputs, strict=True) for c, n in zip(t, s, strict=True)}.values()
            )
    return 0


def model_of(layer, *shapes, **arguments):
    inputs = [keras.Input(shape) for shape in shapes]
    return keras.Model(inputs, layer(*inputs, **arguments))


IMAGE, SERIES = (9, 8, 6), (7, 6)
LAYERS = [
    (layers.Conv1D(4, 3, strides=2, padding="same"), [SERIES]),
    (layers.Conv1D(4, 3, padding="causal", groups=2), [SERIES]),
    (layers.Conv2D(4, (3, 2), groups=2), [IMAGE]),
    (layers.Conv3D(4, 2, strides=2), [(5, *IMAGE)]),
    (layers.Conv1DTranspose(4, 3, strides=2, padding="same"), [SERIES]),
    (layers.Conv2DTranspose(4, (3, 2), strides=2), [IMAGE]),
    (layers.Conv3DTranspose(4, 2), [(5, *IMAGE)]),
    (layers.DepthwiseConv1D(3, depth_multiplier=2), [SERIES]),
    (layers.DepthwiseConv2D(3, depth_multiplier=2, strides=2), [IMAGE]),
    (layers.SeparableConv1D(4, 3, depth_multiplier=2), [SERIES]),
    (layers.SeparableConv2D(4, 3, depth_multiplier=2, padding="same"), [IMAGE]),
    (layers.Dense(5), [IMAGE]),
    (layers.EinsumDense("abc,cd->abd", output_shape=(None, 5)), [SERIES]),
    (layers.BatchNormalization(), [IMAGE]),
    (layers.LayerNormalization(axis=(1, 2, 3)), [IMAGE]),
    (layers.GroupNormalization(2), [IMAGE]),
    (layers.RMSNormalization(), [IMAGE]),
    (layers.UnitNormalization(), [IMAGE]),
    (layers.PReLU(), [IMAGE]),
    (layers.SpectralNormalization(layers.Conv2D(4, 3)), [IMAGE]),
    (layers.TimeDistributed(layers.Conv2D(4, 3)), [(5, *IMAGE)]),
    (
        layers.TimeDistributed(keras.Sequential([keras.Input(SERIES), layers.Dense(3), layers.Conv1D(2, 3)])),
        [(5, *SERIES)],
    ),
    (layers.MultiHeadAttention(3, 4, value_dim=5), [SERIES, (11, 6)]),
    (layers.MultiHeadAttention(3, 4, use_gate=True), [SERIES, (11, 6), (11, 3)]),
    (layers.MultiHeadAttention(2, 4, attention_axes=(2,)), [(5, 7, 6), (5, 7, 6)]),
    (layers.GroupQueryAttention(4, 6, 2), [SERIES, (11, 6)]),
    (layers.Dot(axes=(2, 1)), [[SERIES, (6, 4)]]),
    (layers.Attention(), [[SERIES, (11, 6)]]),
]


FREE = layers.BatchNormalization, layers.LayerNormalization, layers.GroupNormalization, layers.RMSNormalization
FREE += layers.UnitNormalization, layers.PReLU


@pytest.mark.parametrize(("layer", "shapes"), LAYERS, ids=lambda x: getattr(x, "name", ""))
def test_layers_of_keras(layer, shapes):
    if isinstance(shapes[0], list):
        (shapes,) = shapes
        inputs = [keras.Input(shape) for shape in shapes]
        model = keras.Model(inputs, layer(inputs))
    else:
        model = model_of(layer, *shapes)
    cost = nk.model_cost(model)
    assert cost.multiply_adds == on_graph(model, *shapes)
    assert (cost.multiply_adds > 0) == (not isinstance(layer, FREE))
    assert cost.parameters == model.count_params()


@pytest.mark.parametrize("name", RECURRENT)
def test_recurrent_layers_use_their_weights_once_a_step(name):
    kind = {"lstm": layers.LSTM, "gru": layers.GRU, "simple_rnn": layers.SimpleRNN}[name]
    once = RECURRENT[name] * 5 * (6 + 5)
    assert nk.model_cost(model_of(kind(5), SERIES)).multiply_adds == 7 * once
    assert (
        nk.model_cost(model_of(layers.Bidirectional(kind(5, return_sequences=True)), SERIES)).multiply_adds == 14 * once
    )
    cell = {"lstm": layers.LSTMCell, "gru": layers.GRUCell, "simple_rnn": layers.SimpleRNNCell}[name]
    stacked = layers.RNN(layers.StackedRNNCells([cell(5), cell(5)]))
    assert nk.model_cost(model_of(stacked, SERIES)).multiply_adds == 7 * (once + RECURRENT[name] * 5 * 10)


def test_dilation_and_axes_without_a_name():
    """TensorFlow's graph computes more for the first, and has no sizes for the second."""
    assert nk.model_cost(model_of(layers.Conv2D(4, 3, dilation_rate=2), IMAGE)).multiply_adds == 5 * 4 * 9 * 6 * 4
    for equation, shape in (
        ("...x,xyz->...yz", (2, 5)),
        ("ab...,bc->ac...", (10, 8, 6)),
        ("abcx,xy->abcy", (9, 8, 10)),
    ):
        layer = layers.EinsumDense(equation, output_shape=shape)
        assert nk.model_cost(model_of(layer, IMAGE)).multiply_adds == 9 * 8 * 6 * 10


def test_convolutions_over_time():
    model = model_of(layers.ConvLSTM2D(4, 3, strides=2, padding="same"), (5, *IMAGE))
    assert nk.model_cost(model).multiply_adds == 5 * (5 * 4) * 9 * (6 + 4) * 16
    model = model_of(layers.ConvLSTM1D(4, 3, return_sequences=True), (5, *SERIES))
    assert nk.model_cost(model).multiply_adds == 5 * 5 * 3 * (6 + 4) * 16


def test_embeddings_are_looked_up_and_multiplied_in_reverse():
    embedding = layers.ReversibleEmbedding(50, 6)
    words = keras.Input((7,), dtype="int32")
    model = keras.Model(words, embedding(embedding(words), reverse=True))
    assert nk.model_cost(model) == nk.Cost(300, 300, 7 * 6 * 50)
    assert layer_costs(model)[0].calls == 2


def test_every_layer_of_keras_with_weights_has_a_rule():
    missing = []
    for name, kind in vars(layers).items():
        if inspect.isclass(kind) and issubclass(kind, layers.Layer) and kind not in (layers.Layer, layers.Wrapper):
            weighs = "add_weight(" in inspect.getsource(inspect.getmodule(kind))
            if weighs and multiply_adds._rule.dispatch(kind) is multiply_adds._unknown:
                missing.append(name)
    assert set(missing) <= {"SpectralNormalization", "Softmax", "ReLU"}, missing


@pytest.mark.skipif(not hasattr(layers, "TernaryDense"), reason="Keras has it since 3.16")
def test_a_layer_of_three_values_counts_as_the_plain_one():
    model = model_of(layers.TernaryDense(8), SERIES)
    assert nk.model_cost(model).multiply_adds == 7 * 6 * 8
    model.quantize("ternary")
    assert nk.model_cost(model).multiply_adds == 7 * 6 * 8


def test_operations_of_keras():
    a, b, c = keras.Input((7, 6)), keras.Input((6, 4)), keras.Input((9, 8, 6))
    kernel = ops.ones((3, 3, 6, 4))
    results = [
        ops.matmul(a, b),
        ops.einsum("bij,bjk->bki", a, b),
        ops.tensordot(a, ops.ones((6, 3)), axes=1),
        ops.dot(a, ops.ones((6, 5))),
        ops.conv(c, kernel, padding="same"),
        ops.depthwise_conv(c, kernel),
        ops.separable_conv(c, kernel, ops.ones((1, 1, 24, 5))),
        ops.add(a, 1.0),
    ]
    model = keras.Model([a, b, c], results)
    assert nk.model_cost(model).multiply_adds == on_graph(model, (7, 6), (6, 4), IMAGE)
    heads = keras.Input((7, 2, 4))
    attention = keras.Model(heads, ops.dot_product_attention(heads, heads, heads))
    assert nk.model_cost(attention).multiply_adds == on_graph(attention, (7, 2, 4)) == 2 * 7 * 7 * (4 + 4)


def test_shared_layers_and_models_within_models():
    twice = layers.Conv2D(6, 3, padding="same", name="twice")
    inner = keras.Sequential([keras.Input((None, None, 6)), layers.Conv2D(6, 1, name="a"), twice], name="inner")
    image = keras.Input((None, None, 6))
    model = keras.Model(image, layers.Add()([inner(twice(image)), inner(layers.MaxPooling2D(2)(image))[:, :1, :1]]))
    found = {one.name: one for one in layer_costs(model, (8, 8, 6))}
    assert found["twice"].calls == 3 and found["twice"].parameters == 9 * 36 + 6
    assert found["twice"].multiply_adds == 9 * 36 * (64 + 64 + 16)
    assert found["inner/a"].multiply_adds == 36 * (64 + 16) and found["inner/a"].output_shape == (8, 8, 6)
    assert layer_costs(model, (8, 8, 6)).total.parameters == model.count_params()


def test_inputs_of_unknown_size_are_named_or_listed():
    image, words = keras.Input((None, 8, 3), name="image"), keras.Input((None,), name="words")
    grown = layers.Dense(4)(layers.Reshape((-1, 1))(words))
    model = keras.Model({"image": image, "words": words}, [layers.Conv2D(2, 1)(image), grown])
    expected = 5 * 8 * 3 * 2 + 7 * 4
    assert nk.model_cost(model, {"image": (5, 8, 3), "words": (7,)}).multiply_adds == expected
    assert nk.model_cost(model, [(5, 8, 3), (7,)]).multiply_adds == expected
    for wrong, said in (
        (None, "needs a known input size"),
        ((5, 8, 3), "has 2 inputs"),
        ({"image": (5, 8, 3)}, "input_shape for image, words, got image"),
        ([(5, 9, 3), (7,)], "reads inputs of"),
        ([(5, 8, 3), (0,)], "known input size"),
        ([(5, 8, 3), "7"], "known input size"),
        (5, "expected"),
    ):
        with pytest.raises(ValueError, match=said):
            nk.model_cost(model, wrong)


def test_a_batch_size_of_its_own_is_divided_out():
    image = keras.Input(batch_shape=(4, 8, 8, 3))
    model = keras.Model(image, layers.Dense(2)(layers.Reshape((-1,))(layers.Conv2D(2, 3)(image))))
    assert nk.model_cost(model).multiply_adds == 36 * 27 * 2 + 72 * 2


class Mixing(layers.Layer):
    """Multiplies by a square matrix, and does not say so."""

    def build(self, shape):
        self.kernel = self.add_weight(shape=(shape[-1], shape[-1]))

    def call(self, x):
        return x @ self.kernel


class Counted(Mixing):
    """Says so."""

    def multiply_adds(self, input_shape):
        return math.prod(input_shape[1:]) * input_shape[-1]


class Scaled(layers.Layer):
    """Has a weight for each channel."""

    def build(self, shape):
        self.factor = self.add_weight(shape=shape[-1:])

    def call(self, x):
        return x * self.factor


def test_layers_of_ones_own():
    image = keras.Input(SERIES)
    with pytest.raises(ValueError, match="cannot count 'first' of type Mixing, 'second' of type Mixing: expected"):
        nk.model_cost(keras.Model(image, Mixing(name="second")(Mixing(name="first")(image))))
    assert nk.model_cost(keras.Model(image, Scaled()(Counted()(image)))) == nk.Cost(42, 42, 7 * 36)


class LowRank(layers.Dense):
    """Counts less than its parent."""

    def multiply_adds(self, input_shape):
        return math.prod(input_shape[1:-1]) * 2


class Twice(layers.Wrapper):
    """Calls its layer twice, which nobody can see."""

    def call(self, x):
        return self.layer(self.layer(x))


class Joined(Mixing):
    """Reads two tensors."""

    def build(self, first_shape, second_shape):
        super().build(first_shape)

    def call(self, first, second):
        return first @ self.kernel + second

    def compute_output_shape(self, first_shape, second_shape):
        return first_shape

    def multiply_adds(self, input_shape):
        first, second = input_shape
        return math.prod(first[1:]) * second[-1]


class Headed(keras.Model):
    """A functional model that computes more than its graph."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.head = layers.Dense(10)

    def call(self, x):
        return self.head(super().call(x))


class Owner(keras.Model):
    """A functional model with a weight that no layer has."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.own = self.add_weight(shape=(5,))


def test_what_overrides_its_parent_is_not_counted_as_its_parent():
    series = keras.Input(SERIES)
    assert nk.model_cost(keras.Model(series, LowRank(9)(series))).multiply_adds == 7 * 2
    assert (
        nk.model_cost(keras.Model([series, other := keras.Input(SERIES)], Joined()(series, other))).multiply_adds == 252
    )
    with pytest.raises(ValueError, match="cannot count 'twice' of type Twice"):
        nk.model_cost(keras.Model(series, Twice(layers.Dense(6), name="twice")(series)))
    with pytest.raises(ValueError, match="without a call of its own"):
        nk.model_cost(Headed(series, layers.Dense(3)(series)))
    with pytest.raises(ValueError, match="of type Headed"):
        nk.model_cost(keras.Model(series, Headed(series, layers.Dense(3)(series))(series)))
    owner = Owner(series, layers.Dense(3)(series))
    for model in (owner, keras.Model(series, owner(series))):
        assert nk.model_cost(model) == nk.Cost(26, 26, 7 * 18)


def test_arguments_by_name_constants_and_dictionaries():
    query, value, state = keras.Input(SERIES), keras.Input((11, 6)), keras.Input((5,))
    masks = [keras.Input((7,), dtype="bool"), keras.Input((11,), dtype="bool")]
    attention = keras.Model([query, value, *masks], layers.Attention()([query, value], mask=masks))
    assert nk.model_cost(attention).multiply_adds == 7 * 11 * 12
    recurrent = keras.Model([query, state], layers.GRU(5)(initial_state=state, sequences=query))
    assert nk.model_cost(recurrent).multiply_adds == 7 * 3 * 5 * 11
    constants = [ops.tensordot(query, np.ones((6, 3), "float32"), axes=1), ops.einsum("bij->bji", query)]
    constants.append(ops.matmul(np.ones((3, 7), "float32"), query))
    assert nk.model_cost(keras.Model(query, constants)).multiply_adds == 7 * 6 * 3 + 3 * 7 * 6
    wide, narrow = keras.Input((6,), name="z"), keras.Input((2,), name="a")
    inner = keras.Model([wide, narrow], layers.Concatenate()([layers.Dense(5)(wide), layers.Dense(1)(narrow)]))
    outer = keras.Model([wide, narrow], inner({"z": wide, "a": narrow}))
    assert nk.model_cost(outer).multiply_adds == 6 * 5 + 2
    named = keras.Model([wide, narrow], inner(inputs=[wide, narrow]))
    assert nk.model_cost(named) == nk.model_cost(outer)
    fixed = keras.Input(batch_shape=(4, 6))
    both = keras.Model([wide, fixed], layers.Dense(3)(layers.Add()([wide, fixed])))
    assert nk.model_cost(both).multiply_adds == 18
    assert (
        nk.model_cost(keras.Sequential([keras.Input((None, 4)), layers.Dense(2)]), [np.int64(3), 4]).multiply_adds == 24
    )


def test_both_directions_and_quantized_layers():
    both = layers.Bidirectional(layers.ConvLSTM2D(4, 3, padding="same", return_sequences=True))
    assert nk.model_cost(model_of(both, (5, *IMAGE))).multiply_adds == 2 * 5 * 72 * 9 * (6 + 4) * 16
    model = model_of(layers.MultiHeadAttention(2, 8), (8, 8), (8, 8))
    before = nk.model_cost(model).multiply_adds
    model.quantize("int4")
    assert nk.model_cost(model).multiply_adds == before
    model = model_of(layers.EinsumDense("abc,cd->abd", output_shape=(None, 8)), SERIES)
    model.quantize("int4")
    assert nk.model_cost(model).multiply_adds == 7 * 6 * 8


def test_the_table_has_what_costs_anything():
    model = keras.Sequential([keras.Input((8, 8, 3)), layers.Conv2D(4, 3), layers.ReLU(), layers.Dense(5, name="last")])
    *rows, total = str(nk.layer_costs(model)).splitlines()
    assert [row.split()[0] for row in rows] == ["layer", model.layers[0].name, "last"]
    assert total.split() == ["total", "137", "4,608"] and len({len(row) for row in rows}) == 1


# One of each family; a long campaign has their larger relatives.
FAMILIES = ("ConvNeXtTiny", "DenseNet121", "EfficientNetB0", "InceptionV3", "NASNetMobile", "ResNet50V2", "Xception")
RELATIVES = (
    *("DenseNet169", "EfficientNetB1", "EfficientNetV2B0", "EfficientNetV2S", "InceptionResNetV2", "MobileNet"),
    *("MobileNetV2", "MobileNetV3Large", "ResNet50", "ResNet101", "ResNet101V2", "VGG16", "VGG19"),
)


@pytest.mark.parametrize(
    "name",
    [
        "MobileNetV3Small",
        *(pytest.param(name, marks=pytest.mark.slow) for name in FAMILIES),
        *(pytest.param(name, marks=pytest.mark.fuzz) for name in RELATIVES),
    ],
)
def test_models_of_keras_applications(name):
    model = getattr(keras.applications, name)(weights=None)
    shape = tuple(size or 224 for size in model.input_shape[1:])
    cost = nk.model_cost(model, shape)
    assert cost.multiply_adds == on_graph(model, shape)
    assert cost.parameters == model.count_params()
    keras.backend.clear_session()
