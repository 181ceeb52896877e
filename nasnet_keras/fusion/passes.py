"""What is computed twice is computed once, and what can be computed together is."""

from collections import defaultdict
from collections.abc import Hashable
from dataclasses import replace
from itertools import groupby

import numpy as np

from nasnet_keras.fusion.graph import Add, Conv, Depthwise, Kept, Node, Pick, Relu, Slice
from nasnet_keras.fusion.graph import concat, consumers, merge, rewrite, topological

__all__ = ["branches_merged", "groups_merged", "readers_merged", "relu_absorbed", "shared", "sums_merged"]


def shared(output: Node) -> Node:
    """One node for what several compute of the same inputs."""
    known: dict[Hashable, Node] = {}

    def rule(old: Node, new: Node) -> Node:
        del old
        if not isinstance(new, Relu | Pick | Kept) or (isinstance(new, Kept) and new.layer.weights):
            return new
        settings = None
        if isinstance(new, Kept):
            config = {key: value for key, value in new.layer.get_config().items() if key != "name"}
            settings = type(new.layer), repr(config)
        return known.setdefault((type(new), new.inputs, settings), new)

    return rewrite(output, rule)


def relu_absorbed(output: Node) -> Node:
    """ReLUs become part of the convolutions that nothing but ReLUs reads."""
    absorbing = {
        node
        for node, readers in consumers(output).items()
        if isinstance(node, Conv) and readers and all(isinstance(reader, Relu) for reader in readers)
    }

    def rule(old: Node, new: Node) -> Node:
        if old in absorbing:
            return replace(new, relu=True)
        if isinstance(old, Relu) and old.x in absorbing:
            return new.x
        return new

    return rewrite(output, rule)


def branches_merged(output: Node) -> Node:
    """The depthwise convolutions of a cell that wait for none of each other become one, as wide as all together.

    Smaller kernels are laid in the middle of the largest, at stride 2 too: "same" padding is even, or one pixel more
    at the end, whatever the size of the kernel. That they read maps of one size follows from their strides, which all
    lead to the cell's output.
    """
    groups: dict[Hashable, list[Node]] = defaultdict(list)
    for node, level in _levels(output).items():
        groups[node.cell, level, node.stride, node.dilation].append(node)

    def combine(members: list[Node]) -> Node:
        size = max(len(node.kernel) for node in members)
        kernel = np.concatenate([_centred(node.kernel, size) for node in members], axis=2)
        inputs = concat([node.x for node in members], f"{members[0].name}_inputs")
        return replace(members[0], name=f"{members[0].name}_merged", inputs=(inputs,), kernel=kernel)

    return merge(output, [group for group in groups.values() if len(group) > 1], combine)


def sums_merged(output: Node) -> Node:
    """The sum of two 1×1 convolutions becomes one, of both of what they read, where that lies side by side."""
    readers = consumers(output)

    def alone(node: Node) -> bool:
        return isinstance(node, Conv) and node.pointwise and not node.relu and len(readers[node]) == 1

    def rule(old: Node, new: Node) -> Node:
        if not isinstance(new, Add) or not all(map(alone, old.inputs)):
            return new
        inputs = concat([conv.x for conv in new.inputs], f"{new.name}_inputs")
        if not isinstance(inputs, Slice | Depthwise):
            return new
        kernel = np.concatenate([conv.kernel for conv in new.inputs], axis=2)
        return Conv(new.name, (inputs,), kernel, sum(conv.bias for conv in new.inputs))

    return rewrite(output, rule)


def groups_merged(output: Node) -> Node:
    """1×1 convolutions of one size that read neighbouring slices become one with groups."""
    found: dict[Hashable, list[Conv]] = defaultdict(list)
    for node in topological(output):
        if isinstance(node, Conv) and node.pointwise and isinstance(node.x, Slice):
            found[node.x.x, node.kernel.shape, node.relu].append(node)
    groups = []
    for members in found.values():
        members.sort(key=lambda node: node.x.start)
        width = members[0].x.channels
        # In a run of neighbours the distance to as many widths as there were before stays the same.
        distances = [node.x.start - index * width for index, node in enumerate(members)]
        for _, run in groupby(zip(distances, members, strict=True), key=lambda pair: pair[0]):
            groups.append([node for _, node in run])

    def combine(members: list[Node]) -> Node:
        return replace(
            members[0],
            name=f"{members[0].name}_merged",
            inputs=(concat([node.x for node in members], members[0].x.name),),
            kernel=np.concatenate([node.kernel for node in members], axis=3),
            bias=np.concatenate([node.bias for node in members]),
            groups=len(members),
        )

    return merge(output, [group for group in groups if len(group) > 1], combine)


def readers_merged(output: Node) -> Node:
    """1×1 convolutions that read the same tensor become one."""
    found: dict[Hashable, list[Conv]] = defaultdict(list)
    for node in topological(output):
        if isinstance(node, Conv) and node.pointwise:
            found[node.x, node.relu].append(node)

    def combine(members: list[Node]) -> Node:
        return replace(
            members[0],
            name=f"{members[0].name}_merged",
            kernel=np.concatenate([node.kernel for node in members], axis=3),
            bias=np.concatenate([node.bias for node in members]),
        )

    return merge(output, [group for group in found.values() if len(group) > 1], combine)


def _levels(output: Node) -> dict[Depthwise, int]:
    """For each depthwise convolution of a known cell, how many of that cell a path to it holds at most."""
    counts: dict[Node, dict[str, int]] = {}
    levels: dict[Depthwise, int] = {}
    for node in topological(output):
        count: dict[str, int] = {}
        for x in node.inputs:
            count |= {cell: max(number, count.get(cell, 0)) for cell, number in counts[x].items()}
        if isinstance(node, Depthwise) and node.cell is not None:
            levels[node] = count[node.cell] = count.get(node.cell, 0) + 1
        counts[node] = count
    return levels


def _centred(kernel: np.ndarray, size: int) -> np.ndarray:
    border = (size - len(kernel)) // 2
    return np.pad(kernel, ((border, border), (border, border), (0, 0)))
