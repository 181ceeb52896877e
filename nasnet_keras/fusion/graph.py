"""A network for inference as a graph of immutable nodes, which passes rewrite."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

__all__ = ["Add", "Concat", "Conv", "Dense", "Depthwise", "Image", "Kept", "Node", "Pick", "Relu", "Slice"]
__all__ += ["concat", "consumers", "merge", "relu", "rewrite", "sliced", "topological"]


@dataclass(frozen=True, eq=False)
class Node:
    """An operation and what it reads. Two nodes are equal if they are the same one.

    Attributes:
        name: of the layer that it comes from, or is to become.
        inputs: the nodes whose results it reads.
    """

    name: str
    inputs: tuple["Node", ...]

    @property
    def channels(self) -> int:
        """Width of the result."""
        return self.x.channels

    @property
    def x(self) -> "Node":
        """The only input."""
        (x,) = self.inputs
        return x


@dataclass(frozen=True, eq=False)
class Image(Node):
    """What the network reads."""

    shape: tuple[int | None, ...]
    dtype: str

    @property
    def channels(self) -> int:
        return self.shape[-1]


@dataclass(frozen=True, eq=False)
class Conv(Node):
    """Convolution with bias, then ReLU where wanted. `kernel` is `(height, width, channels / groups, filters)`."""

    kernel: np.ndarray
    bias: np.ndarray
    strides: tuple[int, int] = (1, 1)
    padding: str = "same"
    dilation: int = 1
    groups: int = 1
    relu: bool = False

    @property
    def channels(self) -> int:
        return self.kernel.shape[-1]

    @property
    def pointwise(self) -> bool:
        """Whether it is one matrix, applied to every pixel."""
        return self.kernel.shape[:2] == self.strides == (1, 1) and self.groups == 1


@dataclass(frozen=True, eq=False)
class Depthwise(Node):
    """Depthwise convolution with "same" padding, without bias. `kernel` is `(size, size, channels)`.

    `cell` is the name of the cell that it belongs to, None where that is not known.
    """

    kernel: np.ndarray
    stride: int = 1
    dilation: int = 1
    cell: str | None = None


@dataclass(frozen=True, eq=False)
class Dense(Node):
    """Matrix of `(channels, units)`, bias, and an activation as Keras knows it."""

    kernel: np.ndarray
    bias: np.ndarray | None
    activation: Any

    @property
    def channels(self) -> int:
        return self.kernel.shape[-1]


@dataclass(frozen=True, eq=False)
class Relu(Node):
    """ReLU on its own."""


@dataclass(frozen=True, eq=False)
class Pick(Node):
    """Every other pixel, of the parity that a dilated convolution at stride 2 reads."""


@dataclass(frozen=True, eq=False)
class Slice(Node):
    """Channels from `start` to `stop`."""

    start: int
    stop: int

    @property
    def channels(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, eq=False)
class Add(Node):
    """Sum of all inputs."""

    @property
    def channels(self) -> int:
        return self.inputs[0].channels


@dataclass(frozen=True, eq=False)
class Concat(Node):
    """Concatenation of channels."""

    @property
    def channels(self) -> int:
        return sum(x.channels for x in self.inputs)


@dataclass(frozen=True, eq=False)
class Kept(Node):
    """A Keras layer that stays as it is: one result channel a channel where `filters` is None."""

    layer: Any
    filters: int | None = None

    @property
    def channels(self) -> int:
        return self.x.channels if self.filters is None else self.filters


def relu(x: Node, name: str) -> Node:
    """ReLU of a node: of the whole where that is a slice of it, so that slices of one node share it."""
    if isinstance(x, Slice):
        return sliced(relu(x.x, name), x.start, x.stop, x.name)
    return Relu(name, (x,))


def sliced(x: Node, start: int, stop: int, name: str) -> Node:
    """Some channels of a node."""
    if (start, stop) == (0, x.channels):
        return x
    if isinstance(x, Slice):
        return Slice(name, x.inputs, x.start + start, x.start + stop)
    return Slice(name, (x,), start, stop)


def concat(parts: Sequence[Node], name: str) -> Node:
    """Concatenation of nodes; what is a slice beside a slice is one slice."""
    merged: list[Node] = []
    for part in parts:
        last = merged[-1] if merged else None
        if isinstance(part, Slice) and isinstance(last, Slice) and last.x is part.x and last.stop == part.start:
            merged[-1] = sliced(part.x, last.start, part.stop, last.name)
        else:
            merged.append(part)
    return merged[0] if len(merged) == 1 else Concat(name, tuple(merged))


def topological(output: Node, needs: Callable[[Node], Iterable[Node]] = lambda node: node.inputs) -> list[Node]:
    """All nodes that the output depends on, each after what it `needs`, its inputs by default."""
    order: dict[Node, None] = {}
    stack = [(output, False)]
    while stack:
        node, ready = stack.pop()
        if node in order:
            continue
        if ready:
            order[node] = None
        else:
            stack.append((node, True))
            stack += [(x, False) for x in reversed(tuple(needs(node)))]
    return list(order)


def consumers(output: Node) -> dict[Node, list[Node]]:
    """Who reads each node; a node that reads another twice stands there twice."""
    nodes = topological(output)
    readers: dict[Node, list[Node]] = {node: [] for node in nodes}
    for node in nodes:
        for x in node.inputs:
            readers[x].append(node)
    return readers


def rewrite(output: Node, rule: Callable[[Node, Node], Node]) -> Node:
    """Rebuild the graph: `rule(old, new)` says what takes the place of a node, `new` being `old` on rewritten inputs."""
    done: dict[Node, Node] = {}
    for node in topological(output):
        done[node] = rule(node, _on(node, tuple(done[x] for x in node.inputs)))
    return done[output]


def merge(output: Node, groups: Iterable[Sequence[Node]], combine: Callable[[list[Node]], Node]) -> Node:
    """Rebuild the graph with one node for each group, whose members become slices of it, in their order.

    Args:
        output: the last node.
        groups: nodes of which none depends on another of its group, and no two groups on each other.
        combine: makes one node of a group's, which have been rewritten.
    """
    member_of = {node: group for group in groups for node in group}
    done: dict[Node, Node] = {}

    def rewritten(node: Node) -> Node:
        return _on(node, tuple(done[x] for x in node.inputs))

    for node in topological(output, lambda node: [x for each in member_of.get(node, [node]) for x in each.inputs]):
        if node not in member_of:
            done[node] = rewritten(node)
        elif node not in done:
            group = member_of[node]
            combined = combine([rewritten(each) for each in group])
            start = 0
            for each in group:
                done[each] = sliced(combined, start, start + each.channels, each.name)
                start += each.channels
    return done[output]


def _on(node: Node, inputs: tuple[Node, ...]) -> Node:
    """The same operation on other inputs."""
    if isinstance(node, Relu):
        return relu(*inputs, node.name)
    if isinstance(node, Slice):
        return sliced(*inputs, node.start, node.stop, node.name)
    if isinstance(node, Concat):
        return concat(inputs, node.name)
    if all(a is b for a, b in zip(inputs, node.inputs, strict=True)):
        return node
    return replace(node, inputs=inputs)
