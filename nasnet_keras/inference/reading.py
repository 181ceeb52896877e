"""A Keras model → the graph of its inference: no batch normalisation, no dropout, no drop-path, no auxiliary head."""

import functools
from typing import Any

import keras
import numpy as np

from nasnet_keras.inference.graph import (
    Add,
    Concat,
    Conv,
    Dense,
    Depthwise,
    Input,
    Node,
    Passthrough,
    Relu,
    Slice,
    Subsample,
)
from nasnet_keras.inference.layers import (
    BandedDepthwiseConv2D,
    Channels,
    EveryOtherPixel,
    FixedConv2D,
    FixedDepthwiseConv2D,
    PlainReLU,
)
from nasnet_keras.layers.batch_norm import BatchNorm
from nasnet_keras.layers.convolution import ConvBatchNorm, SeparableConvBatchNorm
from nasnet_keras.layers.drop_path import DropPathCombine, TrainingProgress
from nasnet_keras.layers.factorized_reduction import FactorizedReduction
from nasnet_keras.layers.padded_concatenate import PaddedConcatenate
from nasnet_keras.layers.pooling import AveragePooling2D, PaddedPooling2D

__all__ = ["read"]

layers = keras.layers

# What does nothing at inference.
_NOTHING = (layers.Dropout, layers.SpatialDropout2D, layers.GaussianDropout, layers.GaussianNoise, layers.Identity)
_NOTHING += (layers.RandomFlip, layers.RandomRotation, layers.RandomTranslation, layers.RandomZoom)
_NOTHING += (layers.RandomBrightness, layers.RandomContrast)
_CHANNELWISE = (layers.MaxPooling2D, layers.AveragePooling2D, AveragePooling2D, PaddedPooling2D)
_CHANNELWISE += (layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D)
_KEPT = (layers.Rescaling, layers.Normalization, layers.Resizing, layers.CenterCrop, layers.Flatten)
_KEPT += (layers.Activation, layers.Softmax, layers.BatchNormalization)


def read(model: keras.Model) -> Node:
    """The graph of what a model computes at inference.

    Args:
        model: functional or sequential, of layers of ours and the layers of a classifier; models within it are
            taken apart. Of `{"logits": …, "auxiliary": …}` only the logits are read.

    Raises:
        ValueError: the model has not one input and one output, or a layer cannot be fused; the error names it.
    """
    inputs = getattr(model, "inputs", None)
    if not isinstance(model, keras.Model) or not isinstance(inputs, list) or len(inputs) != 1:
        raise ValueError(f"expected a functional or sequential Keras model with one input, got {model!r}")
    (image,) = inputs
    if len(image.shape) != 4:
        raise ValueError(f"expected a model of images (batch, height, width, channels), got one of {image.shape}")
    return _model(model, Input(image.name, (), tuple(image.shape[1:]), image.dtype))


def _model(model: keras.Model, x: Node, output: Any = None) -> Node:
    """What a model computes: one of its outputs, or the only one or the logits."""
    if isinstance(model, keras.Sequential):
        for layer in model.layers:
            x = _computed(layer, x)
        return x
    output = model.output if output is None else output
    if isinstance(output, dict) and "logits" in output:
        output = output["logits"]
    elif isinstance(output, list | tuple) and len(output) == 1:
        (output,) = output
    if not isinstance(output, keras.KerasTensor):
        raise ValueError(f"model {model.name!r} has several outputs, {output!r}: expected one, or one named 'logits'")
    nodes = {id(model.inputs[0]): x}
    waiting = [output]
    while waiting:
        tensor = waiting[-1]
        # What made a tensor; a layer's own `input` is that of its first call, in whatever model.
        layer, call, number = tensor._keras_history
        inputs = [] if id(tensor) in nodes else layer._inbound_nodes[call].input_tensors
        if missing := [needed for needed in inputs if id(needed) not in nodes]:
            waiting += missing
        else:
            waiting.pop()
            if id(tensor) not in nodes:
                nodes[id(tensor)] = _computed(layer, *(nodes[id(needed)] for needed in inputs), number=number)
    return nodes[id(output)]


def _computed(layer: Any, *inputs: Any, number: int | None = None) -> Node | None:
    """What a layer computes of nodes; of a model the output of that number, where one is wanted."""
    if isinstance(layer, keras.Model) and isinstance(getattr(layer, "inputs", None), list):
        return _model(layer, *inputs, None if number is None else keras.tree.flatten(layer.output)[number])
    # Not of a class that is derived from a known one, which may compute something else.
    if type(layer) not in _nodes.registry:
        raise ValueError(
            f"layer {layer.name!r} of type {type(layer).__name__} cannot be fused: expected layers that nasnet_keras "
            f"builds, and those of a classifier"
        )
    return _nodes(layer, *inputs)


@functools.singledispatch
def _nodes(layer: Any, *inputs: Any) -> Node | None:
    """What a layer of a registered class computes."""
    raise NotImplementedError


@_nodes.register
def _(layer: ConvBatchNorm, x: Node) -> Node:
    scale, bias = _normalization(layer)
    x, strides, dilation = _subsampled(layer, _activated(layer, x), layer.strides)
    return Conv(layer.name, (x,), _float32(_values(layer.kernel) * scale), bias, strides, layer.padding, dilation)


@_nodes.register
def _(layer: BatchNorm, x: Node) -> Node:
    scale, bias = _normalization(layer)
    return Conv(layer.name, (_activated(layer, x),), _float32(np.diag(scale)[None, None]), bias)


@_nodes.register
def _(layer: layers.Conv2D, x: Node) -> Node:
    relu = layer.activation is keras.activations.relu
    if layer.data_format != "channels_last" or layer.groups != 1 or len({*layer.dilation_rate}) > 1:
        raise ValueError(f"layer {layer.name!r} cannot be fused: expected channels last, one group, a square dilation")
    if not relu and layer.activation is not keras.activations.linear:
        raise ValueError(f"layer {layer.name!r} cannot be fused: expected a ReLU as its activation, or none")
    bias = np.zeros(layer.filters) if layer.bias is None else _values(layer.bias)
    values = _float32(_values(layer.kernel)), _float32(bias)
    return Conv(layer.name, (x,), *values, tuple(layer.strides), layer.padding, layer.dilation_rate[0], relu)


@_nodes.register
def _(layer: FactorizedReduction, x: Node) -> Node:
    scale, bias = _normalization(layer)
    x = _activated(layer, x)
    odd = _values(layer.odd_kernel)
    half = layer.filters - odd.shape[-1]
    kernel = np.zeros((2, 2, odd.shape[2], layer.filters))
    if half:
        kernel[0, 0, :, :half] = _values(layer.even_kernel)[0, 0]
    kernel[1, 1, :, half:] = odd[0, 0]
    return Conv(layer.name, (x,), _float32(kernel * scale), bias, (2, 2))


@_nodes.register
def _(layer: SeparableConvBatchNorm, x: Node) -> Node:
    scale, bias = _normalization(layer)
    x, (stride, _), dilation = _subsampled(layer, _activated(layer, x), (layer.strides, layer.strides))
    kernel = _float32(_values(layer.depthwise_kernel)[..., 0])
    x = Depthwise(f"{layer.name}_depthwise", (x,), kernel, stride, dilation)
    return Conv(layer.name, (x,), _float32(_values(layer.pointwise_kernel) * scale), bias)


@_nodes.register
def _(layer: TrainingProgress, x: Node) -> None:
    del layer, x  # only drop-path reads it


@_nodes.register
def _(layer: DropPathCombine, *xs: Any) -> Node:
    return (Add if layer.combine == "add" else Concat)(layer.name, xs[:-1])


@_nodes.register
def _(layer: layers.Add, *xs: Node) -> Node:
    return Add(layer.name, xs)


@_nodes.register
def _(layer: layers.Concatenate, *xs: Node) -> Node:
    if layer.axis not in (-1, 3):
        raise ValueError(f"layer {layer.name!r} concatenates axis {layer.axis}, which cannot be fused: expected -1")
    return Concat(layer.name, xs)


@_nodes.register
def _(layer: PaddedConcatenate, *xs: Node) -> Node:
    return Concat(layer.name, xs, padded=True)


@_nodes.register
def _(layer: layers.ReLU, x: Node) -> Node:
    if layer.max_value is not None or layer.negative_slope or layer.threshold:
        return _kept(layer, x)
    return Relu(layer.name, (x,))


@_nodes.register
def _(layer: layers.Dense, x: Node) -> Node:
    bias = None if layer.bias is None else _float32(_values(layer.bias))
    return Dense(layer.name, (x,), _float32(_values(layer.kernel)), bias, layer.activation)


# What a fused model is made of, which may be fused again for another use.


@_nodes.register
def _(layer: FixedConv2D, x: Node) -> Node:
    values = _float32(_values(layer.kernel)), _float32(_values(layer.bias))
    relu = layer.activation is keras.activations.relu
    return Conv(layer.name, (x,), *values, tuple(layer.strides), layer.padding, layer.dilation_rate[0], relu)


@_nodes.register(FixedDepthwiseConv2D)
@_nodes.register(BandedDepthwiseConv2D)
def _(layer: Any, x: Node) -> Node:
    kernel = _float32(_values(layer.kernel)[..., 0])
    return Depthwise(layer.name, (x,), kernel, layer.strides[0], layer.dilation_rate[0])


@_nodes.register
def _(layer: EveryOtherPixel, x: Node) -> Node:
    return Subsample(layer.name, (x,))


@_nodes.register
def _(layer: PlainReLU, x: Node) -> Node:
    return Relu(layer.name, (x,))


@_nodes.register
def _(layer: Channels, x: Node) -> Node:
    return Slice(layer.name, (x,), layer.start, layer.stop)


def _nothing(layer: Any, x: Node) -> Node:
    del layer
    return x


def _channelwise(layer: Any, x: Node) -> Node:
    if layer.get_config().get("data_format", "channels_last") != "channels_last":
        raise ValueError(f"layer {layer.name!r} reads channels first, and cannot be fused: expected channels last")
    return Passthrough(layer.name, (x,), layer)


def _kept(layer: Any, x: Node) -> Node:
    return Passthrough(layer.name, (x,), layer, layer.output.shape[-1])


for _types, _reader in ((_NOTHING, _nothing), (_CHANNELWISE, _channelwise), (_KEPT, _kept)):
    for _type in _types:
        _nodes.register(_type, _reader)


def _activated(layer: Any, x: Node) -> Node:
    return Relu(f"{layer.name}_relu", (x,)) if layer.relu else x


def _subsampled(layer: Any, x: Node, strides: tuple[int, int]) -> tuple[Node, tuple[int, int], int]:
    """What a convolution reads, its strides and its dilation, of which one at least is 1."""
    if layer.dilation == 1 or strides == (1, 1):
        return x, strides, layer.dilation
    return Subsample(f"{layer.name}_pick", (x,)), (1, 1), layer.dilation // 2


def _normalization(layer: Any) -> tuple[np.ndarray, np.ndarray]:
    """What batch normalisation multiplies a convolution's kernel by, and what it adds."""
    gamma, beta = _values(layer.gamma), _values(layer.beta)
    mean, variance = _values(layer.moving_mean), _values(layer.moving_variance)
    scale = gamma / np.sqrt(variance + layer.epsilon)
    return scale, _float32(beta - mean * scale)


def _values(variable: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(keras.ops.cast(variable.value, "float32")).astype(np.float64)


def _float32(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32)
