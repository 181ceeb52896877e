"""The graph of a network's operations with their costs, from its description. Nothing is built."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.networks.any import network_config, size_arguments
from nasnet_keras.networks.cost import CostBuilder

__all__ = ["Node", "TraceBuilder", "live", "trace"]


@dataclass(frozen=True, eq=False)
class Node:
    """An operation of a network, or a joint, where results are added or concatenated.

    Attributes:
        inputs: the nodes that it reads; the image has none.
        kind: what it computes, such as `conv_3x3`; empty for the image and for joints.
        level: how many times its output was halved since the image, rounded.
        channels: number of output channels.
        parameters, multiply_adds: its cost.
    """

    inputs: tuple["Node", ...] = ()
    kind: str = ""
    level: int = 0
    channels: int = 0
    parameters: int = 0
    multiply_adds: int = 0


@dataclass(frozen=True)
class _Map:
    """A stand-in for a tensor: its shape and the node that makes it; None for zeros, and for what is made of zeros."""

    shape: tuple[int | None, ...]
    node: Node | None


class TraceBuilder(CostBuilder):
    """Describes a network as a graph of nodes, with the costs that `CostBuilder` counts. It needs known sizes.

    Zeros are no node, and neither is what is computed of them alone: sums leave them out. What has no choice in it
    (activations, normalisations, the classifier) is no node of its own.

    Example:
        >>> builder = TraceBuilder()
        >>> x = builder.input(8, 8, 3)
        >>> y = builder.combine([builder.conv(x, 3, name="a"), builder.zeros(x, name="b"), x], "add", name="c")
        >>> [(node.kind, node.parameters) for node in y.node.inputs]
        [('conv_1x1', 15), ('', 0)]
    """

    def input(self, height, width, channels):
        self._side = math.sqrt(height * width)
        return _Map((None, height, width, channels), Node())

    def conv(self, x, filters, kernel=(1, 1), *, dilation=1, **settings):
        kind = f"conv_{kernel[0]}x{kernel[1]}{_dilated(dilation)}"
        return self._operation(kind, super().conv, x, filters, kernel, dilation=dilation, **settings)

    def plain_conv(self, x, filters, **settings):
        return self._operation("conv_1x1", super().plain_conv, x, filters, **settings)

    def depthwise_conv(self, x, size, **settings):
        return self._operation(f"depthwise_{size}x{size}", super().depthwise_conv, x, size, **settings)

    def separable_conv(self, x, filters, size, *, dilation=1, **settings):
        kind = f"separable_{size}x{size}{_dilated(dilation)}"
        return self._operation(kind, super().separable_conv, x, filters, size, dilation=dilation, **settings)

    def factorized_reduction(self, x, filters, **settings):
        return self._operation("factorized_reduction", super().factorized_reduction, x, filters, **settings)

    def squeeze_excite(self, x, reduced, **settings):
        return self._operation("squeeze_excite", super().squeeze_excite, x, reduced, **settings)

    def pool(self, x, kind, size, stride, **settings):
        return self._operation(f"{kind}_pool_{size}x{size}", super().pool, x, kind, size, stride, **settings)

    def normalize(self, x, **settings):
        return _Map(super().normalize(x, **settings).shape, x.node)

    def zeros(self, x, **settings):
        return _Map(super().zeros(x, **settings).shape, None)

    def combine(self, xs, combine, drop_path_rates=(), *, name):
        return _joint(super().combine(xs, combine, drop_path_rates, name=name), xs)

    def concat(self, xs, **settings):
        return _joint(super().concat(xs, **settings), xs)

    def padded_concat(self, xs, **settings):
        return _joint(super().padded_concat(xs, **settings), xs)

    def global_pool(self, x, kind, **settings):
        return _Map(super().global_pool(x, kind, **settings).shape, x.node)

    def dense(self, x, units, **settings):
        return _Map(super().dense(x, units, **settings).shape, x.node)

    def _operation(self, kind: str, apply: Callable[..., Any], x: _Map, *arguments: Any, **settings: Any) -> _Map:
        trainable, multiply_adds = self.trainable, self.multiply_adds
        shape = apply(x, *arguments, **settings).shape
        if x.node is None:
            return _Map(shape, None)
        level = round(math.log2(self._side / math.sqrt(shape[1] * shape[2])))
        cost = self.trainable - trainable, self.multiply_adds - multiply_adds
        return _Map(shape, Node((x.node,), kind, level, shape[-1], *cost))


def trace(genotype: BaseGenotype, **network: Any) -> Node | None:
    """Trace the network of a genotype, of one repeated cell or layer where its size is free.

    Args:
        genotype: a genotype of any kind.
        **network: further arguments of the function that builds its network.

    Returns:
        The node that the classifier reads; None if no image reaches it, since all paths end in zeros.

    Raises:
        ValueError: an argument is not legal.

    Example:
        >>> from nasnet_keras.genotypes.catalogue import NASNET_A
        >>> nodes = live(trace(NASNET_A))
        >>> len(nodes), sum(node.kind == "separable_5x5" for node in nodes)
        (112, 20)
    """
    if "num_repeats" in size_arguments(genotype):
        network = {"num_repeats": 1, **network}
    config = network_config(genotype, **network)
    builder = TraceBuilder()
    return config.build(builder, builder.input(*config.input_shape)).node


def live(output: Node | None) -> list[Node]:
    """List the nodes that an output depends on, itself included, each after those that it reads."""
    found: dict[Node, None] = {}
    waiting = [] if output is None else [(output, False)]
    while waiting:
        node, read = waiting.pop()
        if read:
            found[node] = None
        elif node not in found:
            waiting.append((node, True))
            waiting.extend((one, False) for one in node.inputs)
    return list(found)


def _dilated(dilation: int) -> str:
    return "_dilated" if dilation > 1 else ""


def _joint(made: Any, xs: Sequence[_Map]) -> _Map:
    nodes = tuple(x.node for x in xs if x.node is not None)
    if len(nodes) < 2:
        return _Map(made.shape, nodes[0] if nodes else None)
    return _Map(made.shape, Node(nodes, level=max(node.level for node in nodes)))
