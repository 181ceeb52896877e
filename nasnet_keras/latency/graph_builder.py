"""The builder that makes a network's fused graph with the shapes of weights in place of weights."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from nasnet_keras.inference.graph import (
    Add,
    Concat,
    Conv,
    Dense,
    Depthwise,
    Excite,
    Input,
    Node,
    Passthrough,
    Relu,
    Subsample,
)
from nasnet_keras.networks.builder import Builder

__all__ = ["Described", "GraphBuilder", "Shape"]


@dataclass(frozen=True)
class Shape:
    """The shape of weights that nobody makes, for passes over a graph: what they take of it is a shape, too."""

    shape: tuple[int, ...]
    dtype: Any = np.float32

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def __len__(self) -> int:
        return self.shape[0]

    def __array_function__(self, function: Any, _types: Any, arguments: Any, settings: Any) -> Any:
        """Do for numpy what passes ask of it."""
        if function is np.take:
            return self.take(*arguments[1:], **settings)
        if function is not np.concatenate:
            return NotImplemented
        parts, axis = arguments
        shape = list(self.shape)
        shape[axis] = sum(part.shape[axis] for part in parts)
        return Shape(tuple(shape))

    def take(self, indices: Any, axis: int, **_: Any) -> "Shape":
        """Return the shape of some entries along an axis."""
        shape = list(self.shape)
        shape[axis] = len(indices)
        return Shape(tuple(shape))

    def __getitem__(self, index: Any) -> "Shape":
        ranges = index if isinstance(index, tuple) else (index,)
        taken = [len(range(size)[part]) for size, part in zip(self.shape, ranges, strict=False)]
        return Shape((*taken, *self.shape[len(taken) :]))

    def __mul__(self, other: Any) -> "Shape":
        del other
        return self


@dataclass(frozen=True)
class Described:
    """The description of a layer that stays as it is in a fused network, in place of the layer.

    Attributes:
        kind: what it does, such as `max_pool`.
        size: side of a pool's window, or width of a border; else 1.
        stride: of a pool.
        weights: empty: nodes without weights that read the same are merged.
    """

    kind: str
    size: int = 1
    stride: int = 1
    weights: tuple[()] = ()

    def get_config(self) -> dict[str, Any]:
        """Return the settings by which two layers are known to compute the same."""
        return {"kind": self.kind, "size": self.size, "stride": self.stride}


@dataclass(frozen=True)
class _Map:
    """A stand-in for a tensor: its shape `(None, height, width, channels)` and the node that makes it."""

    shape: tuple[int | None, ...]
    node: Node | None = None


class GraphBuilder(Builder):
    """Describes a network as the graph that `nasnet_keras.inference` reads of the built model, without building it.

    The passes over graphs then give the operations of an exported file. Needs known sizes.

    Args:
        padding: that of the network, as of `LayerBuilder`.

    Example:
        >>> builder = GraphBuilder()
        >>> x = builder.separable_conv(builder.input(8, 8, 3), 6, 5, name="x", stride=2)
        >>> x.shape, x.node.kernel.shape, x.node.x.kernel.shape
        ((None, 4, 4, 6), (1, 1, 3, 6), (5, 5, 3))
    """

    def __init__(self, padding: str = "same") -> None:
        self._torch = padding == "torch"

    def input(self, height: int, width: int, channels: int) -> _Map:
        """An image of this size."""
        shape = height, width, channels
        return _Map((None, *shape), Input("image", (), shape, "float32"))

    def conv(self, x, filters, kernel=(1, 1), *, name, stride=1, dilation=1, relu=True, padding="same"):
        strides = (stride, stride) if isinstance(stride, int) else stride
        sizes = x.shape[1:3]
        if padding == "valid":
            sizes = [size - k + 1 for size, k in zip(sizes, kernel, strict=True)]
        node, padding = self._bordered(_activated(x, name, relu), name, kernel, strides, padding)
        if dilation > 1 and tuple(strides) != (1, 1):
            node, strides, dilation = _picked(node, name), (1, 1), dilation // 2
            sizes = _halved(sizes)
        weights = Shape((*kernel, x.shape[-1], filters))
        made = Conv(name, (node,), weights, Shape((filters,)), tuple(strides), padding, dilation)
        return _Map((None, *_strided(sizes, strides), filters), made)

    def plain_conv(self, x, filters, *, name):
        return self.conv(x, filters, name=name, relu=False)

    def normalize(self, x, *, name):
        return self.conv(x, x.shape[-1], name=name, relu=False)

    def zeros(self, x, *, name):
        return _Map(x.shape, Passthrough(name, (x.node,), Described("scale"), x.shape[-1]))

    def separable_conv(self, x, filters, size, *, name, stride=1, dilation=1):
        return self.conv(self._depthwise(x, size, name, stride, dilation), filters, name=name, relu=False)

    def depthwise_conv(self, x, size, *, name, stride=1, relu=True):
        channels, strides, node = x.shape[-1], (stride, stride), _activated(x, name, relu)
        node, padding = self._bordered(node, name, (size, size), strides, "same")
        made = Depthwise(name, (node,), Shape((size, size, channels)), stride, 1, Shape((channels,)), padding)
        return _Map((None, *_strided(x.shape[1:3], strides), channels), made)

    def _bordered(self, node, name, kernel, strides, padding):
        """The input of a convolution, with PyTorch's border where one is needed, and its padding."""
        if not self._torch or padding != "same" or (1, 1) in (tuple(strides), tuple(kernel)):
            return node, padding
        return Passthrough(f"{name}_border", (node,), Described("border", kernel[0] // 2)), "valid"

    def _depthwise(self, x, size, name, stride, dilation):
        node, sizes = Relu(f"{name}_relu", (x.node,)), x.shape[1:3]
        if dilation > 1 and stride > 1:
            node, stride, dilation, sizes = _picked(node, name), 1, dilation // 2, _halved(sizes)
        channels = x.shape[-1]
        made = Depthwise(f"{name}_depthwise", (node,), Shape((size, size, channels)), stride, dilation)
        return _Map((None, *_strided(sizes, (stride, stride)), channels), made)

    def squeeze_excite(self, x, reduced, *, name):
        channels = x.shape[-1]
        weights = (
            Shape((1, 1, channels, reduced)),
            Shape((reduced,)),
            Shape((1, 1, reduced, channels)),
            Shape((channels,)),
        )
        return _Map(x.shape, Excite(name, (x.node,), *weights))

    def factorized_reduction(self, x, filters, *, name, relu=True):
        made = self.conv(x, filters, (2, 2), name=name, stride=2, relu=relu)
        return replace(made, node=replace(made.node, first=filters // 2))

    def pool(self, x, kind, size, stride, *, name):
        made = Passthrough(name, (x.node,), Described(f"{kind}_pool", size, stride))
        return _Map((None, *_strided(x.shape[1:3], (stride, stride)), x.shape[-1]), made)

    def combine(self, xs, combine, drop_path_rates=(), *, name):
        del drop_path_rates
        return _Map(xs[0].shape, Add(name, _nodes(xs))) if combine == "add" else self.concat(xs, name=name)

    def concat(self, xs, *, name):
        if len(xs) == 1:
            return xs[0]
        return _Map((*xs[0].shape[:3], sum(x.shape[-1] for x in xs)), Concat(name, _nodes(xs)))

    def padded_concat(self, xs, *, name):
        if len(xs) == 1:
            return xs[0]
        sizes = (max(sizes) for sizes in zip(*(x.shape[1:3] for x in xs), strict=True))
        return _Map((None, *sizes, sum(x.shape[-1] for x in xs)), Concat(name, _nodes(xs), padded=True))

    def relu(self, x, *, name):
        return _Map(x.shape, Relu(name, (x.node,)))

    def global_pool(self, x, kind, *, name):
        return _Map((None, x.shape[-1]), Passthrough(name, (x.node,), Described(f"global_{kind}_pool")))

    def dropout(self, x, rate, *, name):
        del rate, name
        return x

    def dense(self, x, units, *, name, activation, use_bias):
        bias = Shape((units,)) if use_bias else None
        return _Map((None, units), Dense(name, (x.node,), Shape((x.shape[-1], units)), bias, activation))

    def auxiliary_head(self, x, units, auxiliary, *, name, activation):
        del x, auxiliary, name, activation
        return _Map((None, units))  # no part of inference


def _activated(x: _Map, name: str, relu: bool) -> Node:
    return Relu(f"{name}_relu", (x.node,)) if relu else x.node


def _picked(node: Node, name: str) -> Node:
    return Subsample(f"{name}_pick", (node,))


def _nodes(xs: Sequence[_Map]) -> tuple[Node, ...]:
    return tuple(x.node for x in xs)


def _halved(sizes: Sequence[int]) -> list[int]:
    return [-(-size // 2) for size in sizes]


def _strided(sizes: Sequence[int], strides: Sequence[int]) -> list[int]:
    return [-(-size // stride) for size, stride in zip(sizes, strides, strict=True)]
