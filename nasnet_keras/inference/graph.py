"""A network for inference as a graph of immutable nodes. Passes make a new graph of it."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

__all__ = ["Add", "Concat", "Conv", "Dense", "Depthwise", "Excite", "Input", "Node", "PaddedPool"]
__all__ += ["Passthrough", "Relu", "Slice", "Subsample", "consumers", "rewrite", "topological"]


@dataclass(frozen=True, eq=False)
class Node:
    """An operation and the nodes that it reads. Each node equals only itself.

    Attributes:
        name: of the layer that the node comes from, and of the one that it becomes.
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
class Input(Node):
    """The image that the network reads."""

    shape: tuple[int | None, ...]
    dtype: str

    @property
    def channels(self) -> int:
        return self.shape[-1]


@dataclass(frozen=True, eq=False)
class Conv(Node):
    """Convolution with bias, then a ReLU if `relu`. `kernel` is `(height, width, channels, filters)`.

    If `first` is not None, the kernel is that of a factorized reduction: so many filters read only the first of 2×2
    pixels, and the others only the last one.
    """

    kernel: np.ndarray
    bias: np.ndarray
    strides: tuple[int, int] = (1, 1)
    padding: str = "same"
    dilation: int = 1
    relu: bool = False
    first: int | None = None

    @property
    def channels(self) -> int:
        return self.kernel.shape[-1]


@dataclass(frozen=True, eq=False)
class Depthwise(Node):
    """Depthwise convolution, with a bias if it has one, then a ReLU if `relu`. `kernel` is `(size, size, channels)`."""

    kernel: np.ndarray
    stride: int = 1
    dilation: int = 1
    bias: np.ndarray | None = None
    padding: str = "same"
    relu: bool = False


@dataclass(frozen=True, eq=False)
class Excite(Node):
    """Squeeze-and-excite: two 1×1 convolutions with biases of the mean of all positions. Kernels are as in `Conv`."""

    reduce_kernel: np.ndarray
    reduce_bias: np.ndarray
    expand_kernel: np.ndarray
    expand_bias: np.ndarray


@dataclass(frozen=True, eq=False)
class Dense(Node):
    """Dense layer: a matrix of `(channels, units)`, a bias, and an activation of Keras."""

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
class Subsample(Node):
    """Every other pixel, of the parity that a dilated convolution at stride 2 reads."""


@dataclass(frozen=True, eq=False)
class PaddedPool(Node):
    """Pool at stride 2 with zeros around the map, of `kind` `"max"` or `"avg"`, as `PaddedPooling2D`."""

    kind: str
    size: int


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
    """Concatenation of channels; if `padded`, of maps of different sizes."""

    padded: bool = False

    @property
    def channels(self) -> int:
        return sum(x.channels for x in self.inputs)


@dataclass(frozen=True, eq=False)
class Passthrough(Node):
    """A Keras layer that stays as it is. It makes one channel of each channel if `filters` is None."""

    layer: Any
    filters: int | None = None

    @property
    def channels(self) -> int:
        return self.x.channels if self.filters is None else self.filters


def topological(output: Node) -> list[Node]:
    """List all nodes that the output depends on, each after its inputs."""
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
            stack += [(x, False) for x in reversed(node.inputs)]
    return list(order)


def consumers(output: Node) -> dict[Node, list[Node]]:
    """List the readers of each node, in topological order; a node that reads another twice is listed twice."""
    nodes = topological(output)
    readers: dict[Node, list[Node]] = {node: [] for node in nodes}
    for node in nodes:
        for x in node.inputs:
            readers[x].append(node)
    return readers


def rewrite(output: Node, rule: Callable[[Node, Node], Node]) -> Node:
    """Rebuild the graph: `rule(old, new)` replaces the node `old`; `new` is `old` with rewritten inputs."""
    done: dict[Node, Node] = {}
    for node in topological(output):
        done[node] = rule(node, _on(node, tuple(done[x] for x in node.inputs)))
    return done[output]


def _on(node: Node, inputs: tuple[Node, ...]) -> Node:
    """Apply the operation of a node to other inputs."""
    unchanged = all(a is b for a, b in zip(inputs, node.inputs, strict=True))
    return node if unchanged else replace(node, inputs=inputs)
