"""How many multiply-adds a call of a Keras layer makes: those of convolutions and of products, one rule for each kind.

A rule knows a layer's settings and the shapes of what it reads and computes, so that quantized and adapted layers count
as the plain ones. Zeros beyond the border of a map are multiplied, too, as the papers count.
"""

import functools
import math
from typing import Any, NamedTuple

import keras
from keras import layers

__all__ = ["Call", "multiply_adds"]

Shape = tuple[int, ...]


class Call(NamedTuple):
    """A call of a layer or of an operation.

    Attributes:
        inputs: shapes of the tensors that it reads, in the order of its arguments.
        outputs: shapes of those that it computes.
        keywords: of each of `inputs` the argument that it was given as by name, or "".
    """

    inputs: list[Shape]
    outputs: list[Shape]
    keywords: list[str]


def multiply_adds(operation: Any, call: Call) -> int | None:
    """Count the multiply-adds of a call, for all examples that it reads; None if that is not known.

    A layer may count itself, by a method `multiply_adds(input_shape)` for one example, which gets a list of shapes if
    the layer reads several tensors. One of a class that nobody knows, whose weights are all vectors or which has none,
    has nothing to make products with: it counts 0.

    Example:
        >>> multiply_adds(keras.layers.Dense(4), Call([(1, 3)], [(1, 4)], [""]))
        12
    """
    if not isinstance(operation, keras.Layer):
        rule = _OPERATIONS.get(type(operation).__name__)
        return 0 if rule is None else rule(operation, call)
    if callable(getattr(operation, "multiply_adds", None)):
        return _counted(operation, call)
    return _rule.dispatch(type(operation))(operation, call)


def _counted(layer: Any, call: Call) -> int:
    shapes = [(None, *shape[1:]) for shape in call.inputs]
    return call.inputs[0][0] * layer.multiply_adds(shapes[0] if len(shapes) == 1 else shapes)


def _unknown(layer: Any, call: Call) -> int | None:
    del call
    return None if any(len(weight.shape) > 1 for weight in layer.weights) else 0


_rule = functools.singledispatch(_unknown)


def _of(*classes: type) -> Any:
    """Make a function the rule of some classes."""

    def register(function: Any) -> Any:
        for one in classes:
            _rule.register(one, function)
        return function

    return register


@_of(
    layers.BatchNormalization,
    layers.Discretization,
    layers.Embedding,
    layers.GroupNormalization,
    layers.LayerNormalization,
    layers.Normalization,
    layers.PReLU,
    layers.RMSNormalization,
    layers.UnitNormalization,
)
def _free(layer: Any, call: Call) -> int:
    """Weights that are looked up, or that scale values one by one, count nothing."""
    del layer, call
    return 0


@_of(layers.ReversibleEmbedding)
def _reversible(layer: Any, call: Call) -> int:
    """Looked up, a number becomes a vector; in reverse each vector is multiplied with all of them."""
    del layer
    (given,), (computed,) = call.inputs, call.outputs
    return math.prod(computed) * given[-1] if len(given) == len(computed) else 0


@_of(layers.JaxLayer, layers.MelSpectrogram, layers.STFTSpectrogram, layers.TFSMLayer, layers.TorchModuleWrapper)
def _foreign(layer: Any, call: Call) -> None:
    """What these compute cannot be seen from here, or is a transform that no paper counts."""
    del layer, call


@_of(layers.Conv1D, layers.Conv2D, layers.Conv3D)
def _conv(layer: Any, call: Call) -> int:
    return math.prod(call.outputs[0]) * math.prod(layer.kernel_size) * _channels(layer, call) // layer.groups


@_of(layers.Conv1DTranspose, layers.Conv2DTranspose, layers.Conv3DTranspose)
def _conv_transpose(layer: Any, call: Call) -> int:
    return math.prod(call.inputs[0]) * math.prod(layer.kernel_size) * layer.filters


@_of(layers.DepthwiseConv1D, layers.DepthwiseConv2D)
def _depthwise(layer: Any, call: Call) -> int:
    return math.prod(call.outputs[0]) * math.prod(layer.kernel_size)


@_of(layers.SeparableConv1D, layers.SeparableConv2D)
def _separable(layer: Any, call: Call) -> int:
    positions = math.prod(call.outputs[0]) // layer.filters
    return positions * _channels(layer, call) * layer.depth_multiplier * (math.prod(layer.kernel_size) + layer.filters)


def _channels(layer: Any, call: Call) -> int:
    return call.inputs[0][-1 if layer.data_format == "channels_last" else 1]


@_of(layers.Dense, *filter(None, [getattr(layers, "TernaryDense", None)]))  # since Keras 3.16
def _dense(layer: Any, call: Call) -> int:
    del layer
    return math.prod(call.outputs[0]) * call.inputs[0][-1]


@_of(layers.EinsumDense)
def _einsum_dense(layer: Any, call: Call) -> int:
    kernel = getattr(layer, "original_kernel_shape", None) or layer.kernel.shape  # int4 packs two weights into a byte
    return _einsum(layer.equation, [call.inputs[0], kernel])


@_of(layers.Dot)
def _dot_layer(layer: Any, call: Call) -> int:
    first = layer.axes if isinstance(layer.axes, int) else layer.axes[0]
    return math.prod(call.outputs[0]) * call.inputs[0][first]


@_of(layers.MultiHeadAttention, layers.GroupQueryAttention)
def _multi_head(layer: Any, call: Call) -> int:
    """Projections use each weight once a position; scores and weighted means multiply each pair of positions."""
    pairs = list(zip(call.keywords, call.inputs, strict=True))
    shapes = dict(zip(("query", "value", "key"), (shape for name, shape in pairs if not name), strict=False))
    shapes |= {name: shape for name, shape in pairs if name}
    query, value = shapes["query"], shapes["value"]
    key = shapes.get("key", value)
    settings = layer.get_config()
    heads = settings.get("num_heads") or settings["num_query_heads"]
    readers = settings.get("num_key_value_heads") or heads
    size = settings.get("key_dim") or settings["head_dim"]
    wide = settings.get("value_dim") or size
    gates = wide if settings.get("use_gate") else 0
    given = math.prod(query) * heads * (size + gates) + readers * (math.prod(key) * size + math.prod(value) * wide)
    axes = settings.get("attention_axes") or tuple(range(1, len(query) - 1))
    seen = math.prod(query[:-1]) * math.prod(key[axis] for axis in axes)
    return given + heads * (seen * (size + wide) + math.prod(call.outputs[0]) * wide)


@_of(layers.Attention)
def _attention(layer: Any, call: Call) -> int:
    query, value, *key = (shape for name, shape in zip(call.keywords, call.inputs, strict=True) if not name)
    pairs = math.prod(query[:-1]) * value[-2]
    scores = (key[0] if key else value)[-1] if layer.score_mode == "dot" or layer.use_scale else 0
    return pairs * (scores + value[-1])


@_of(layers.AdditiveAttention)
def _additive_attention(layer: Any, call: Call) -> int:
    query, value, *_ = call.inputs
    return math.prod(query[:-1]) * value[-2] * (query[-1] * bool(layer.use_scale) + value[-1])


@_of(layers.RNN)
def _recurrent(layer: Any, call: Call) -> int:
    """Every weight of the cells is used once a step."""
    examples, steps = _sequences(call)[:2]
    return examples * steps * _kernels(layer)


@_of(layers.Bidirectional)
def _bidirectional(layer: Any, call: Call) -> int | None:
    found = [_rule.dispatch(type(one))(one, call) for one in (layer.forward_layer, layer.backward_layer)]
    return None if None in found else sum(found)


def _sequences(call: Call) -> Shape:
    """The shape of the series that a recurrent layer reads, whatever else it is given."""
    named = dict(zip(call.keywords, call.inputs, strict=True))
    return named.get("sequences", call.inputs[0])


@_of(layers.LSTMCell, layers.GRUCell, layers.SimpleRNNCell, layers.StackedRNNCells)
def _cell(layer: Any, call: Call) -> int:
    return call.inputs[0][0] * _kernels(layer)


@_of(layers.ConvLSTM1D, layers.ConvLSTM2D, layers.ConvLSTM3D)
def _conv_recurrent(layer: Any, call: Call) -> int:
    """Every kernel is used once a step at each position of the state."""
    examples, steps = _sequences(call)[:2]
    state = call.outputs[0][2:] if layer.return_sequences else call.outputs[0][1:]
    positions = state[:-1] if layer.cell.data_format == "channels_last" else state[1:]
    return examples * steps * math.prod(positions) * _kernels(layer)


def _kernels(layer: Any) -> int:
    """The number of all weights but biases, of which some cells have two rows."""
    return sum(math.prod(one.shape) for one in layer.weights if len(one.shape) > 1 and one.name != "bias")


def _einsum(equation: str, shapes: list[Shape]) -> int:
    """The product of all letters' sizes, where several tensors are multiplied."""
    terms = equation.replace(" ", "").split("->")[0].split(",")
    if len(terms) == 1:
        return 0
    sizes: dict[Any, int] = {}
    for term, shape in zip(terms, shapes, strict=True):
        before, dots, after = term.partition("...")
        sizes |= dict(zip(before, shape, strict=False))
        if after:
            sizes |= dict(zip(after, shape[-len(after) :], strict=True))
        if dots:  # the same axes from the end, in every term
            between = shape[len(before) : len(shape) - len(after)]
            sizes |= {-number: max(size, sizes.get(-number, 1)) for number, size in enumerate(reversed(between), 1)}
    return math.prod(sizes.values())


def _matmul(operation: Any, call: Call) -> int:
    del operation
    return math.prod(call.outputs[0]) * call.inputs[0][-1]


def _contraction(operation: Any, call: Call) -> int:
    """A sum over axes that two tensors share, all others of which are in the result."""
    del operation
    return math.isqrt(math.prod(call.inputs[0]) * math.prod(call.inputs[1]) * math.prod(call.outputs[0]))


def _attention_operation(operation: Any, call: Call) -> int:
    del operation
    query, key, value = call.inputs[:3]
    return math.prod(query[:-1]) * key[1] * (query[-1] + value[-1])


_OPERATIONS = {
    "Matmul": _matmul,
    "Dot": lambda operation, call: _matmul(operation, call) if all(call.inputs) else 0,
    "Inner": _matmul,
    "Vdot": lambda operation, call: math.prod(call.inputs[0]),
    "Tensordot": _contraction,
    "Einsum": lambda operation, call: _einsum(operation.subscripts, call.inputs),
    "Conv": lambda operation, call: math.prod(call.outputs[0]) * math.prod(call.inputs[1][:-1]),
    "ConvTranspose": lambda operation, call: math.prod(call.inputs[0]) * math.prod(call.inputs[1][:-1]),
    "DepthwiseConv": lambda operation, call: math.prod(call.outputs[0]) * math.prod(call.inputs[1][:-2]),
    "SeparableConv": lambda operation, call: (
        math.prod(call.outputs[0]) // call.inputs[2][-1] * sum(map(math.prod, call.inputs[1:3]))
    ),
    "DotProductAttention": _attention_operation,
}
"""Operations of `keras.ops` in a functional model, by the names of their classes, which are public by no other."""
