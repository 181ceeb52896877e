"""Passes over a graph, and which of them a target gets."""

from collections.abc import Hashable
from dataclasses import replace

from nasnet_keras.inference.alignment import channels_padded
from nasnet_keras.inference.graph import Concat, Conv, Depthwise, Node, Passthrough, Relu, Subsample, consumers, rewrite
from nasnet_keras.inference.targets import Target

__all__ = ["concats_cut", "merged", "passed", "relu_absorbed", "subsample_absorbed"]


def passed(output: Node, target: Target) -> Node:
    """Give a graph the form that is best for a target."""
    graph = relu_absorbed(merged(output))
    if target.native_dilation:
        graph = subsample_absorbed(graph)
    if target.most_inputs is not None:
        graph = concats_cut(graph, target.most_inputs)
    if target.multiple > 1:
        graph = channels_padded(graph, target.multiple)
    return graph


def merged(output: Node) -> Node:
    """Merge nodes that compute the same of the same inputs into one."""
    known: dict[Hashable, Node] = {}

    def rule(old: Node, new: Node) -> Node:
        del old
        if not isinstance(new, Relu | Subsample | Passthrough) or (isinstance(new, Passthrough) and new.layer.weights):
            return new
        settings = None
        if isinstance(new, Passthrough):
            config = {key: value for key, value in new.layer.get_config().items() if key != "name"}
            settings = type(new.layer), repr(config)
        return known.setdefault((type(new), new.inputs, settings), new)

    return rewrite(output, rule)


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
