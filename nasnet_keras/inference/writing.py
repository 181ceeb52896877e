"""The graph of a network's inference → a Keras model."""

from typing import Any

import keras
import numpy as np

from nasnet_keras.inference import layers as ours
from nasnet_keras.inference.graph import (
    Add,
    Concat,
    Conv,
    Dense,
    Depthwise,
    Excite,
    Input,
    Node,
    PaddedPool,
    Passthrough,
    Relu,
    Slice,
    Subsample,
    consumers,
)
from nasnet_keras.inference.model import FusedModel
from nasnet_keras.inference.targets import Target
from nasnet_keras.layers.padded_concatenate import PaddedConcatenate
from nasnet_keras.layers.pooling import PaddedPooling2D

__all__ = ["write"]

layers = keras.layers

_PLAIN = {Relu: layers.ReLU, Subsample: ours.EveryOtherPixel, Add: layers.Add, Concat: layers.Concatenate}


def write(output: Node, name: str, target: Target) -> FusedModel:
    """Make a functional model of a graph, not trainable, in the form that is best for a target."""
    readers = consumers(output)
    plain = _plain_relus(readers) if target.plain_relus else set()
    tensors: dict[Node, Any] = {}
    names: set[str] = set()
    for node in readers:
        unique = _unique(node.name, names)
        if isinstance(node, Input):
            image = tensors[node] = keras.Input(node.shape, dtype=node.dtype, name=unique)
            continue
        layer, values = _layer(node, unique, target, plain=node in plain)
        inputs = [tensors[x] for x in node.inputs]
        tensors[node] = layer(inputs if isinstance(node, Add | Concat) else inputs[0])
        layer.set_weights(values)
        if isinstance(layer, layers.Normalization):
            layer.finalize_state()  # it computes with copies of its weights
    model = FusedModel(image, tensors[output], name=name)
    model.trainable = False
    return model


def _plain_relus(readers: dict[Node, list[Node]]) -> set[Node]:
    """Find the ReLUs of sums that other nodes read too."""
    sums = [reading for node, reading in readers.items() if isinstance(node, Add) and len(set(reading)) > 1]
    return {reader for reading in sums for reader in reading if isinstance(reader, Relu)}


def _layer(node: Node, name: str, target: Target, plain: bool) -> tuple[Any, list[np.ndarray]]:
    """Make the layer of a node, and list its weights; a ReLU may be of the plain kind."""
    common = {"name": name, "dtype": "float32"}
    if plain:
        return ours.PlainReLU(**common), []
    if isinstance(node, Conv):
        return _conv(node, common), [node.kernel, node.bias]
    if isinstance(node, Depthwise):
        bias = [] if node.bias is None else [node.bias]
        return _depthwise(node, target, common), [node.kernel[..., None], *bias]
    if isinstance(node, Excite):
        weights = [node.reduce_kernel, node.reduce_bias, node.expand_kernel, node.expand_bias]
        return ours.FixedSqueezeExcite(len(node.reduce_bias), **common), weights
    if isinstance(node, Dense):
        use_bias = node.bias is not None
        layer = layers.Dense(node.channels, node.activation, use_bias, kernel_initializer="zeros", **common)
        return layer, [node.kernel, node.bias] if use_bias else [node.kernel]
    if isinstance(node, PaddedPool):
        if node.kind == "max" and node.size % 2 and not target.copied_borders:  # even windows begin elsewhere
            return ours.BorderedMaxPooling2D(node.size, **common), []
        return PaddedPooling2D(node.kind, node.size, **common), []
    if isinstance(node, Passthrough):
        return node.layer.from_config({**node.layer.get_config(), **common}), node.layer.get_weights()
    if isinstance(node, Concat) and node.padded:
        return PaddedConcatenate(**common), []
    if isinstance(node, Slice):
        return ours.Channels(node.start, node.stop, **common), []
    return _PLAIN[type(node)](**common), []


def _conv(node: Conv, common: dict[str, Any]) -> Any:
    return ours.FixedConv2D(
        node.channels,
        node.kernel.shape[:2],
        node.strides,
        node.padding,
        "channels_last",
        node.dilation,
        activation="relu" if node.relu else None,
        kernel_initializer="zeros",
        **common,
    )


def _depthwise(node: Depthwise, target: Target, common: dict[str, Any]) -> Any:
    size, common = len(node.kernel), {**common, "data_format": "channels_last", "depthwise_initializer": "zeros"}
    common |= {"padding": node.padding, "use_bias": node.bias is not None}
    common |= {"activation": "relu" if node.relu else None}
    if target.most_taps is not None and size * size > target.most_taps and node.dilation == 1:
        return ours.BandedDepthwiseConv2D(size, node.stride, most_taps=target.most_taps, **common)
    if node.dilation > 1 and target.native_dilation:
        return ours.DilatedDepthwiseConv2D(size, node.stride, dilation_rate=node.dilation, **common)
    return ours.FixedDepthwiseConv2D(size, node.stride, dilation_rate=node.dilation, **common)


def _unique(name: str, names: set[str]) -> str:
    """Return the name, with a number if it is taken."""
    number, unique = 1, name
    while unique in names:
        number += 1
        unique = f"{name}_{number}"
    names.add(unique)
    return unique
