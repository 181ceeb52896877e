"""A Keras layer → a node of the graph: one function for each class of layers that can be fused."""

import functools
from typing import Any

import keras
import numpy as np

from nasnet_keras.inference.errors import FusionError
from nasnet_keras.inference.graph import (
    Add,
    Concat,
    Conv,
    Dense,
    Depthwise,
    Excite,
    Node,
    PaddedPool,
    Passthrough,
    Relu,
    Slice,
    Subsample,
)
from nasnet_keras.inference.layers import (
    BandedDepthwiseConv2D,
    BorderedMaxPooling2D,
    Channels,
    DilatedDepthwiseConv2D,
    EveryOtherPixel,
    FixedConv2D,
    FixedDepthwiseConv2D,
    FixedSqueezeExcite,
    PlainReLU,
)
from nasnet_keras.inference.pooling import ConvolvedAveragePooling2D
from nasnet_keras.layers.batch_norm import BatchNorm
from nasnet_keras.layers.convolution import ConvBatchNorm, SeparableConvBatchNorm
from nasnet_keras.layers.depthwise import DepthwiseBatchNorm
from nasnet_keras.layers.drop_path import DropPathCombine, TrainingProgress
from nasnet_keras.layers.factorized_reduction import FactorizedReduction
from nasnet_keras.layers.padded_concatenate import PaddedConcatenate
from nasnet_keras.layers.pooling import AveragePooling2D, MaxPooling2D, PaddedPooling2D
from nasnet_keras.layers.squeeze_excite import SqueezeExcite

__all__ = ["node_of"]

layers = keras.layers

# Layers that do nothing at inference, that treat each channel alike, and that stay as they are.
_NOTHING = (layers.Dropout, layers.SpatialDropout2D, layers.GaussianDropout, layers.GaussianNoise, layers.Identity)
_NOTHING += (layers.RandomFlip, layers.RandomRotation, layers.RandomTranslation, layers.RandomZoom)
_NOTHING += (layers.RandomBrightness, layers.RandomContrast)
_CHANNELWISE = (layers.MaxPooling2D, MaxPooling2D, layers.AveragePooling2D, AveragePooling2D)
_CHANNELWISE += (layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D, layers.ZeroPadding2D, layers.UpSampling2D)
_KEPT = (layers.Rescaling, layers.Normalization, layers.Resizing, layers.CenterCrop, layers.Flatten)
_KEPT += (layers.Activation, layers.Softmax, layers.BatchNormalization)


@functools.singledispatch
def node_of(layer: Any, *inputs: Node) -> Node | None:
    """Make the node that does a layer's work at inference; None if only drop-path reads the layer.

    Args:
        layer: a layer of a class in `node_of.registry`.
        inputs: the nodes that the layer reads.

    Raises:
        FusionError: the layer has settings that cannot be fused; the error names it.
    """
    raise NotImplementedError


@node_of.register
def _(layer: ConvBatchNorm, x: Node) -> Node:
    scale, bias = _normalization(layer)
    x, strides, dilation = _subsampled(layer, _activated(layer, x), layer.strides)
    x, padding = _bordered(layer, x, layer.kernel_size, strides)
    return Conv(layer.name, (x,), _float32(_values(layer.kernel) * scale), bias, strides, padding, dilation)


@node_of.register
def _(layer: BatchNorm, x: Node) -> Node:
    scale, bias = _normalization(layer)
    return Conv(layer.name, (_activated(layer, x),), _float32(np.diag(scale)[None, None]), bias)


@node_of.register
def _(layer: layers.Conv2D, x: Node) -> Node:
    relu = layer.activation is keras.activations.relu
    if layer.data_format != "channels_last" or layer.groups != 1 or len({*layer.dilation_rate}) > 1:
        raise FusionError(f"layer {layer.name!r} cannot be fused: expected channels last, one group, a square dilation")
    if not relu and layer.activation is not keras.activations.linear:
        raise FusionError(f"layer {layer.name!r} cannot be fused: expected a ReLU as its activation, or none")
    bias = np.zeros(layer.filters) if layer.bias is None else _values(layer.bias)
    values = _float32(_values(layer.kernel)), _float32(bias)
    return Conv(layer.name, (x,), *values, tuple(layer.strides), layer.padding, layer.dilation_rate[0], relu)


@node_of.register
def _(layer: FactorizedReduction, x: Node) -> Node:
    scale, bias = _normalization(layer)
    x = _activated(layer, x)
    odd = _values(layer.odd_kernel)
    half = layer.filters - odd.shape[-1]
    kernel = np.zeros((2, 2, odd.shape[2], layer.filters))
    if half:
        kernel[0, 0, :, :half] = _values(layer.even_kernel)[0, 0]
    kernel[1, 1, :, half:] = odd[0, 0]
    return Conv(layer.name, (x,), _float32(kernel * scale), bias, (2, 2), first=half)


@node_of.register
def _(layer: SeparableConvBatchNorm, x: Node) -> Node:
    scale, bias = _normalization(layer)
    x, (stride, _), dilation = _subsampled(layer, _activated(layer, x), (layer.strides, layer.strides))
    kernel = _float32(_values(layer.depthwise_kernel)[..., 0])
    x = Depthwise(f"{layer.name}_depthwise", (x,), kernel, stride, dilation)
    return Conv(layer.name, (x,), _float32(_values(layer.pointwise_kernel) * scale), bias)


@node_of.register
def _(layer: DepthwiseBatchNorm, x: Node) -> Node:
    scale, bias = _normalization(layer)
    size, stride = layer.kernel_size, layer.strides
    x, padding = _bordered(layer, _activated(layer, x), (size, size), (stride, stride))
    kernel = _float32(_values(layer.depthwise_kernel)[..., 0] * scale)
    return Depthwise(layer.name, (x,), kernel, stride, bias=bias, padding=padding)


@node_of.register
def _(layer: PaddedPooling2D, x: Node) -> Node:
    return PaddedPool(layer.name, (x,), layer.kind, layer.pool_size)


@node_of.register(SqueezeExcite)
@node_of.register(FixedSqueezeExcite)
def _(layer: Any, x: Node) -> Node:
    weights = (layer.reduce_kernel, layer.reduce_bias, layer.expand_kernel, layer.expand_bias)
    return Excite(layer.name, (x,), *(_float32(_values(weight)) for weight in weights))


@node_of.register
def _(layer: TrainingProgress, x: Node) -> None:
    del layer, x  # only drop-path reads it


@node_of.register
def _(layer: DropPathCombine, *xs: Any) -> Node:
    return (Add if layer.combine == "add" else Concat)(layer.name, xs[:-1])


@node_of.register
def _(layer: layers.Add, *xs: Node) -> Node:
    return Add(layer.name, xs)


@node_of.register
def _(layer: layers.Concatenate, *xs: Node) -> Node:
    if layer.axis not in (-1, 3):
        raise FusionError(f"layer {layer.name!r} concatenates axis {layer.axis}, which cannot be fused: expected -1")
    return Concat(layer.name, xs)


@node_of.register
def _(layer: PaddedConcatenate, *xs: Node) -> Node:
    return Concat(layer.name, xs, padded=True)


@node_of.register
def _(layer: layers.ReLU, x: Node) -> Node:
    if layer.max_value is not None or layer.negative_slope or layer.threshold:
        return _kept(layer, x)
    return Relu(layer.name, (x,))


@node_of.register
def _(layer: layers.Dense, x: Node) -> Node:
    bias = None if layer.bias is None else _float32(_values(layer.bias))
    return Dense(layer.name, (x,), _float32(_values(layer.kernel)), bias, layer.activation)


# Layers of a fused model, which may be fused again for another target.


@node_of.register
def _(layer: FixedConv2D, x: Node) -> Node:
    values = _float32(_values(layer.kernel)), _float32(_values(layer.bias))
    relu = layer.activation is keras.activations.relu
    return Conv(layer.name, (x,), *values, tuple(layer.strides), layer.padding, layer.dilation_rate[0], relu)


@node_of.register(FixedDepthwiseConv2D)
@node_of.register(BandedDepthwiseConv2D)
@node_of.register(DilatedDepthwiseConv2D)
def _(layer: Any, x: Node) -> Node:
    kernel = _float32(_values(layer.kernel)[..., 0])
    bias = _float32(_values(layer.bias)) if layer.use_bias else None
    relu, stride, dilation = layer.activation is keras.activations.relu, layer.strides[0], layer.dilation_rate[0]
    if stride > 1 and dilation > 1:
        x, stride, dilation = Subsample(f"{layer.name}_pick", (x,)), 1, dilation // 2
    return Depthwise(layer.name, (x,), kernel, stride, dilation, bias, layer.padding, relu)


@node_of.register
def _(layer: BorderedMaxPooling2D, x: Node) -> Node:
    return PaddedPool(layer.name, (x,), "max", layer.pool_size)


@node_of.register
def _(layer: EveryOtherPixel, x: Node) -> Node:
    return Subsample(layer.name, (x,))


@node_of.register
def _(layer: ConvolvedAveragePooling2D, x: Node) -> Node:
    return Passthrough(layer.name, (x,), layer.plain())


@node_of.register
def _(layer: PlainReLU, x: Node) -> Node:
    return Relu(layer.name, (x,))


@node_of.register
def _(layer: Channels, x: Node) -> Node:
    return Slice(layer.name, (x,), layer.start, layer.stop)


def _nothing(layer: Any, x: Node) -> Node:
    del layer
    return x


def _channelwise(layer: Any, x: Node) -> Node:
    if layer.get_config().get("data_format", "channels_last") != "channels_last":
        raise FusionError(f"layer {layer.name!r} reads channels first, and cannot be fused: expected channels last")
    return Passthrough(layer.name, (x,), layer)


def _kept(layer: Any, x: Node) -> Node:
    return Passthrough(layer.name, (x,), layer, layer.output.shape[-1])


for _types, _reader in ((_NOTHING, _nothing), (_CHANNELWISE, _channelwise), (_KEPT, _kept)):
    for _type in _types:
        node_of.register(_type, _reader)


def _activated(layer: Any, x: Node) -> Node:
    return Relu(f"{layer.name}_relu", (x,)) if layer.relu else x


def _subsampled(layer: Any, x: Node, strides: tuple[int, int]) -> tuple[Node, tuple[int, int], int]:
    """Return a convolution's input without the pixels that it skips, its strides and its dilation.

    A convolution has no strides if it has a dilation.
    """
    if layer.dilation == 1 or strides == (1, 1):
        return x, strides, layer.dilation
    return Subsample(f"{layer.name}_pick", (x,)), (1, 1), layer.dilation // 2


def _bordered(layer: Any, x: Node, window: tuple[int, int], strides: tuple[int, int]) -> tuple[Node, str]:
    """Return a convolution's input, with a border of zeros where PyTorch's padding needs one, and its padding.

    As `windows.padded` does with tensors.
    """
    if layer.padding != "torch":
        return x, layer.padding
    if (1, 1) in (strides, window):
        return x, "same"
    border = layers.ZeroPadding2D(tuple(size // 2 for size in window), data_format="channels_last")
    return Passthrough(f"{layer.name}_border", (x,), border), "valid"


def _normalization(layer: Any) -> tuple[np.ndarray, np.ndarray]:
    """Return the factors and the offsets of a batch normalisation, by channel."""
    gamma, beta = _values(layer.gamma), _values(layer.beta)
    mean, variance = _values(layer.moving_mean), _values(layer.moving_variance)
    scale = gamma / np.sqrt(variance + layer.epsilon)
    return scale, _float32(beta - mean * scale)


def _values(variable: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(keras.ops.cast(variable.value, "float32")).astype(np.float64)


def _float32(values: np.ndarray) -> np.ndarray:
    return values.astype(np.float32)
