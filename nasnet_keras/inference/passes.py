"""Passes over a graph: common subexpressions are merged, and ReLUs become part of convolutions."""

from collections.abc import Hashable
from dataclasses import replace

from nasnet_keras.inference.graph import Conv, Depthwise, Node, Passthrough, Relu, Subsample, consumers, rewrite

__all__ = ["merged", "relu_absorbed"]


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
