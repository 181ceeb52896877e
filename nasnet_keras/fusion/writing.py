"""The graph of a network's inference → a Keras model."""

from collections import defaultdict
from typing import Any

import keras
import numpy as np

from nasnet_keras.fusion.graph import Add, Concat, Conv, Dense, Depthwise, Image, Kept, Node, Pick, Relu, Slice
from nasnet_keras.fusion.graph import topological
from nasnet_keras.fusion.layers import EveryOtherPixel, Split

__all__ = ["write"]

layers = keras.layers

_LAST = {"data_format": "channels_last"}
_LATER = {"kernel_initializer": "zeros"}  # the weights are assigned


def write(output: Node, name: str) -> keras.Model:
    """A functional model, not trainable, that computes what the graph says."""
    return _Writer(output).model(name)


class _Writer:
    def __init__(self, output: Node) -> None:
        self._output = output
        self._nodes = topological(output)
        self._cuts: dict[Node, set[int]] = defaultdict(set)  # where slices begin or end in a node
        for node in self._nodes:
            if isinstance(node, Slice):
                self._cuts[node.x] |= {node.start, node.stop}
        self._parts: dict[Node, dict[int, Any]] = {}
        self._names: set[str] = set()

    def model(self, name: str) -> keras.Model:
        tensors: dict[Node, Any] = {}
        for node in self._nodes:
            if isinstance(node, Image):
                image = tensors[node] = keras.Input(node.shape, dtype=node.dtype, name=self._name(node.name))
            else:
                tensors[node] = self._tensor(node, [tensors[x] for x in node.inputs])
        model = keras.Model(image, tensors[self._output], name=name)
        model.trainable = False
        return model

    def _tensor(self, node: Node, inputs: list[Any]) -> Any:
        if isinstance(node, Slice):
            return self._slice(node, *inputs)
        layer, values = self._layer(node)
        # A layer that combines reads a list; the same tensor twice is two inputs.
        y = layer(inputs if isinstance(node, Add | Concat) else inputs[0])
        layer.set_weights(values)
        return y

    def _layer(self, node: Node) -> tuple[Any, list[np.ndarray]]:
        name = self._name(node.name)
        if isinstance(node, Conv):
            size = node.kernel.shape[:2]
            options = {"dilation_rate": node.dilation, "groups": node.groups, **_LAST, **_LATER}
            activation = "relu" if node.relu else None
            layer = layers.Conv2D(
                node.channels, size, node.strides, node.padding, activation=activation, name=name, **options
            )
            return layer, [node.kernel, node.bias]
        if isinstance(node, Depthwise):
            options = {"dilation_rate": node.dilation, "depthwise_initializer": "zeros", **_LAST}
            size = node.kernel.shape[:2]
            layer = layers.DepthwiseConv2D(size, node.stride, "same", use_bias=False, name=name, **options)
            return layer, [node.kernel[..., None]]
        if isinstance(node, Dense):
            use_bias = node.bias is not None
            layer = layers.Dense(node.channels, node.activation, use_bias, name=name, **_LATER)
            return layer, [node.kernel, node.bias] if use_bias else [node.kernel]
        if isinstance(node, Kept):
            return node.layer.from_config({**node.layer.get_config(), "name": name}), node.layer.get_weights()
        makers = {Relu: layers.ReLU, Pick: EveryOtherPixel, Add: layers.Add, Concat: layers.Concatenate}
        return makers[type(node)](name=name), []

    def _slice(self, node: Slice, x: Any) -> Any:
        """A slice, of which all of one node come from one `Split`."""
        source = node.x
        if source not in self._parts:
            ends = sorted({0, source.channels} | self._cuts[source])
            sizes = np.diff(ends).tolist()
            parts = Split(sizes, name=self._name(f"{source.name}_split"))(x)
            self._parts[source] = dict(zip(ends, zip(parts, ends[1:], strict=True), strict=False))
        pieces, start = [], node.start
        while start < node.stop:
            piece, start = self._parts[source][start]
            pieces.append(piece)
        return pieces[0] if len(pieces) == 1 else layers.Concatenate(name=self._name(node.name))(pieces)

    def _name(self, name: str) -> str:
        """The name, or with a number where it is taken."""
        number, unique = 1, name
        while unique in self._names:
            number += 1
            unique = f"{name}_{number}"
        self._names.add(unique)
        return unique
