"""Passes over a graph, and which of them a target gets."""

from collections.abc import Hashable
from dataclasses import replace

import numpy as np

from nasnet_keras.inference.alignment import channels_padded
from nasnet_keras.inference.graph import (
    Concat,
    Conv,
    Depthwise,
    Node,
    PaddedPool,
    Passthrough,
    Relu,
    Slice,
    Subsample,
    consumers,
    rewrite,
)
from nasnet_keras.inference.targets import Target

__all__ = ["concats_cut", "merged", "padded_averages_convolved", "passed", "pools_convolved", "reductions_cut"]
__all__ += ["relu_absorbed", "relus_moved", "siblings_merged", "subsample_absorbed"]


def passed(output: Node, target: Target) -> Node:
    """Give a graph the form that is best for a target."""
    graph = merged(output)
    if target.relus_first:
        graph = relus_moved(graph)
    graph = relu_absorbed(graph)
    if target.native_dilation:
        graph = subsample_absorbed(graph)
    if target.multiple > 1:
        graph = channels_padded(graph, target.multiple)
    graph = reductions_cut(graph)
    if not (target.copied_borders and target.average_pools):
        graph = padded_averages_convolved(graph)
    if not target.average_pools:
        graph = pools_convolved(graph)
    if target.fast_filters > 1:
        graph = siblings_merged(graph, target.fast_filters)
    if target.most_inputs is not None:
        graph = concats_cut(graph, target.most_inputs)
    return graph


def merged(output: Node) -> Node:
    """Merge nodes that compute the same of the same inputs into one."""
    known: dict[Hashable, Node] = {}

    def rule(old: Node, new: Node) -> Node:
        del old
        if isinstance(new, Relu | Subsample):
            settings = None
        elif isinstance(new, PaddedPool):
            settings = new.kind, new.size
        elif isinstance(new, Passthrough) and not new.layer.weights:
            config = {key: value for key, value in new.layer.get_config().items() if key != "name"}
            settings = type(new.layer), repr(config)
        else:
            return new
        return known.setdefault((type(new), new.inputs, settings), new)

    return rewrite(output, rule)


def relus_moved(output: Node) -> Node:
    """Turn ReLUs of concatenations that only ReLUs read into concatenations of ReLUs."""
    moving = {
        node
        for node, readers in consumers(output).items()
        if isinstance(node, Concat) and readers and all(isinstance(reader, Relu) for reader in readers)
    }
    known: dict[Node, Node] = {}

    def positive(x: Node) -> Node:
        return known.setdefault(x, x if isinstance(x, Relu) else Relu(f"{x.name}_relu", (x,)))

    def rule(old: Node, new: Node) -> Node:
        if old in moving:
            return replace(new, inputs=tuple(map(positive, new.inputs)))
        if isinstance(old, Relu) and old.x in moving:
            return new.x
        return new

    return merged(rewrite(output, rule))


def relu_absorbed(output: Node) -> Node:
    """Make ReLUs part of the convolutions that only ReLUs read."""
    absorbing = {
        node
        for node, readers in consumers(output).items()
        if isinstance(node, Conv | Depthwise) and readers and all(isinstance(reader, Relu) for reader in readers)
    }

    def rule(old: Node, new: Node) -> Node:
        if old in absorbing:
            return replace(new, relu=True)
        if isinstance(old, Relu) and old.x in absorbing:
            return new.x
        return new

    return rewrite(output, rule)


def subsample_absorbed(output: Node) -> Node:
    """Turn depthwise convolutions of every other pixel back into ones with a stride and twice the dilation."""

    def rule(old: Node, new: Node) -> Node:
        del old
        if not isinstance(new, Depthwise) or not isinstance(new.x, Subsample):
            return new
        return replace(new, inputs=new.x.inputs, stride=2, dilation=2 * new.dilation)

    return rewrite(output, rule)


def reductions_cut(output: Node) -> Node:
    """Turn factorized reductions into two convolutions of 1×1, which compute a quarter as much.

    The first one has a stride. The other one reads the odd pixels: a depthwise convolution picks them, with zeros
    beyond the border, which runtimes do faster than a slice with a step.

    Lab note, one thread of an AMD EPYC (Zen 5, AVX-512) that was not idle, 2026-11-29, medians of the ratios of 60
    calls in turn: `nasnet_a_cifar10` and NASNet-A mobile take 0.92 and 0.94 of the time by ONNX Runtime, 0.94 and 0.94
    by OpenVINO, and their files have 0.82 and 0.93 of the size. The targets' notes have LiteRT and TensorFlow.
    """

    def rule(old: Node, new: Node) -> Node:
        del old
        if not isinstance(new, Conv) or new.first is None:
            return new
        last = replace(
            new,
            name=f"{new.name}_odd",
            inputs=(Depthwise(f"{new.name}_pick", new.inputs, _last_of_four(new.x.channels), 2),),
            kernel=new.kernel[1:, 1:, :, new.first :],
            bias=new.bias[new.first :],
            strides=(1, 1),
            first=None,
        )
        if not new.first:
            return last
        kernel, bias = new.kernel[:1, :1, :, : new.first], new.bias[: new.first]
        first = replace(new, name=f"{new.name}_even", kernel=kernel, bias=bias, first=None)
        return Concat(new.name, (first, last))

    return rewrite(output, rule)


def padded_averages_convolved(output: Node) -> Node:
    """Turn average pools with zeros around the map into depthwise convolutions."""

    def rule(old: Node, new: Node) -> Node:
        del old
        if not isinstance(new, PaddedPool) or new.kind != "avg" or new.size % 2 == 0:
            return new
        shape = new.size, new.size, new.channels
        return Depthwise(new.name, new.inputs, np.full(shape, 1 / new.size**2, np.float32), 2)

    return rewrite(output, rule)


def pools_convolved(output: Node) -> Node:
    """Turn other average pools into depthwise convolutions, with a factor where windows cross the border."""
    import keras  # which those who pass graphs without layers do not wait for

    from nasnet_keras.inference.pooling import ConvolvedAveragePooling2D

    def rule(old: Node, new: Node) -> Node:
        del old
        layer = new.layer if isinstance(new, Passthrough) else None
        if not isinstance(layer, keras.layers.AveragePooling2D):
            return new
        settings = layer.pool_size, layer.strides, layer.padding
        return replace(new, layer=ConvolvedAveragePooling2D(*settings, name=layer.name))

    return rewrite(output, rule)


def siblings_merged(output: Node, tile: int) -> Node:
    """Merge convolutions of 1×1 that read the same node, where apart they leave much of a tile of filters empty.

    A tile that is half full at most counts as such.
    """

    def wasteful(filters: int) -> bool:
        return 0 < filters % tile <= tile // 2

    siblings: dict[Node, tuple[Node, ...]] = {}
    for readers in consumers(output).values():
        alike: dict[Hashable, list[Node]] = {}
        for reader in readers:
            if isinstance(reader, Conv) and reader.kernel.shape[:2] == (1, 1) and reader.first is None:
                alike.setdefault((reader.strides, reader.relu), []).append(reader)
        for group in alike.values():
            widths = [reader.channels for reader in group]
            if len(group) > 1 and all(map(wasteful, widths)) and not wasteful(sum(widths)):
                siblings |= dict.fromkeys(group, tuple(group))
    merged: dict[tuple[Node, ...], Node] = {}

    def rule(old: Node, new: Node) -> Node:
        if old not in siblings:
            return new
        group = siblings[old]
        if group not in merged:
            kernel, bias = (np.concatenate([getattr(one, name) for one in group], -1) for name in ("kernel", "bias"))
            merged[group] = replace(new, name=f"{new.name}_and_others", kernel=kernel, bias=bias)
        start = sum(one.channels for one in group[: group.index(old)])
        return Slice(new.name, (merged[group],), start, start + old.channels)

    return rewrite(output, rule)


def concats_cut(output: Node, most: int) -> Node:
    """Cut concatenations of more than `most` nodes in two, the first of which is as small as can be.

    Padded ones stay: zeros around a map in two steps may stand elsewhere than in one.
    """

    def rule(old: Node, new: Node) -> Node:
        del old
        if not isinstance(new, Concat) or new.padded:
            return new
        parts = new.inputs
        while len(parts) > most:
            count = min(most, len(parts) - most + 1)
            parts = (Concat(f"{new.name}_first", parts[:count]), *parts[count:])
        return replace(new, inputs=parts)

    return rewrite(output, rule)


def _last_of_four(channels: int) -> np.ndarray:
    """The kernel of a depthwise convolution that picks the last of 2×2 pixels."""
    kernel = np.zeros((2, 2, channels), np.float32)
    kernel[1, 1] = 1
    return kernel
