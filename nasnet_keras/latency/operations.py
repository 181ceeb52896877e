"""The operations of a network's exported file, with their shapes, from its genotype. Nothing is built."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from nasnet_keras.inference.graph import Concat, Conv, Dense, Depthwise, Excite, Input, Node, Passthrough, topological
from nasnet_keras.inference.passes import passed
from nasnet_keras.inference.targets import ONNX_RUNTIME, OPENVINO, TENSORFLOW, XNNPACK, Target
from nasnet_keras.latency.graph_builder import GraphBuilder
from nasnet_keras.networks.any import network_config

__all__ = ["TARGETS", "Operation", "network_operations"]

TARGETS: dict[str, Target] = {
    "litert": XNNPACK,
    "onnx": ONNX_RUNTIME,
    "openvino": OPENVINO,
    "tensorflow": TENSORFLOW,
}
"""The form of a network's file by the runtime that runs it."""

_Size = tuple[int, ...]  # (height, width, channels) or (features,)
_FLOAT = 4  # bytes


@dataclass(frozen=True)
class Operation:
    """One operation of a fused network. Operations of equal values take equal time.

    Attributes:
        kind: `conv`, `depthwise`, `banded_depthwise` (a large kernel in bands), `dense`, `relu`, `add`, `concat`,
            `subsample`, `slice`, `max_pool`, `avg_pool`, `global_avg_pool`, `squeeze_excite` and the like.
        inputs: the shapes of what it reads, `(height, width, channels)` or `(features,)`.
        output: the shape of its result.
        kernel: height and width of its window.
        stride: in both directions.
        dilation: of its window.
        reduced: the width within squeeze-and-excitation; else 0.
    """

    kind: str
    inputs: tuple[_Size, ...]
    output: _Size
    kernel: tuple[int, int] = (1, 1)
    stride: tuple[int, int] = (1, 1)
    dilation: int = 1
    reduced: int = 0

    @property
    def weights(self) -> int:
        """The number of weights of its kernels."""
        channels = self.inputs[0][-1]
        if self.kind in ("conv", "dense"):
            return math.prod(self.kernel) * channels * self.output[-1]
        if self.kind.endswith("depthwise"):
            return math.prod(self.kernel) * channels
        return 2 * channels * self.reduced

    @property
    def steps(self) -> int:
        """Its multiply-adds; of a pool or another operation without weights, the values that it looks at."""
        if self.kind in ("conv", "dense", "depthwise", "banded_depthwise"):
            return self.weights * math.prod(self.output[:-1])
        if self.kind.startswith("global"):
            return math.prod(self.inputs[0])
        return self.weights + math.prod(self.kernel) * math.prod(self.output)

    @property
    def bytes(self) -> int:
        """The bytes that it reads and writes at least, in float32."""
        return _FLOAT * (sum(map(math.prod, self.inputs)) + math.prod(self.output) + self.weights)


def network_operations(
    genotype: Any, input_shape: tuple[int, int, int] | None = None, runtime: str = "litert", **network: Any
) -> list[Operation]:
    """List the operations of the file that `export` writes of a network for a runtime.

    The network's graph goes through the same passes as for the export, with the shapes of weights in place of weights,
    so it takes milliseconds.

    Args:
        genotype: a genotype of any kind, a catalogue name, a JSON text or a path.
        input_shape: `(height, width, channels)`; by default the network's own.
        runtime: one of `TARGETS`.
        **network: further arguments of the function that builds the network; see `genotype_cost`.

    Raises:
        ValueError: an argument is not legal, or the input size is unknown.

    Example:
        >>> operations = network_operations("nasnet_a", (32, 32, 3), num_repeats=1, filters=8)
        >>> operations[0].kind, operations[0].inputs, operations[0].output
        ('conv', ((32, 32, 3),), (32, 32, 24))
    """
    described = {key: value for key, value in network.items() if key not in ("weights", "name")}
    config = network_config(genotype, input_shape, **described)
    if None in config.input_shape:
        raise ValueError(f"a latency needs a known input size, got input_shape={config.input_shape}")
    builder, target = GraphBuilder(config.layer_settings(None)["padding"]), TARGETS[runtime]
    result = config.build(builder, builder.input(*config.input_shape))
    graph = passed((result["logits"] if isinstance(result, dict) else result).node, target)
    return list(_operations(graph, target))


def _operations(output: Node, target: Target) -> Iterator[Operation]:
    """List the operations of a graph in order, with the sizes that follow from the image's."""
    sizes: dict[Node, _Size] = {}
    for node in topological(output):
        if isinstance(node, Input):
            sizes[node] = node.shape
            continue
        inputs = tuple(sizes[x] for x in node.inputs)
        operation = _operation(node, inputs, target)
        sizes[node] = operation.output
        yield operation


def _operation(node: Node, inputs: tuple[_Size, ...], target: Target) -> Operation:
    if isinstance(node, Conv):
        return _windowed("conv", node, inputs, node.kernel.shape[:2], node.strides, node.dilation)
    if isinstance(node, Depthwise):
        size = len(node.kernel)
        banded = target.most_taps is not None and size * size > target.most_taps and node.dilation == 1
        kind = "banded_depthwise" if banded else "depthwise"
        return _windowed(kind, node, inputs, (size, size), (node.stride, node.stride), node.dilation)
    if isinstance(node, Dense):
        return Operation("dense", inputs, (node.channels,))
    if isinstance(node, Excite):
        return Operation("squeeze_excite", inputs, inputs[0], reduced=len(node.reduce_bias))
    if isinstance(node, Passthrough):
        return _described(node, inputs)
    kind = type(node).__name__.lower()
    if isinstance(node, Concat):
        return Operation(kind, inputs, (*map(max, zip(*(x[:-1] for x in inputs), strict=True)), node.channels))
    if kind == "subsample":
        return _windowed(kind, node, inputs, (1, 1), (2, 2))
    return Operation(kind, inputs, (*inputs[0][:-1], node.channels))


def _windowed(
    kind: str, node: Node, inputs: tuple[_Size, ...], window: Any, strides: tuple[int, int], dilation: int = 1
) -> Operation:
    """An operation that moves a window over a map."""
    (height, width, _), (rows, columns) = inputs[0], window
    if getattr(node, "padding", "same") == "valid":
        height, width = height - rows + 1, width - columns + 1
    output = (-(-height // strides[0]), -(-width // strides[1]), node.channels)
    return Operation(kind, inputs, output, (rows, columns), tuple(strides), dilation)


def _described(node: Passthrough, inputs: tuple[_Size, ...]) -> Operation:
    layer = node.layer
    if layer.kind == "border":
        height, width, channels = inputs[0]
        return Operation(layer.kind, inputs, (height + 2 * layer.size, width + 2 * layer.size, channels))
    if layer.kind.startswith("global"):
        return Operation(layer.kind, inputs, (node.channels,))
    if layer.kind.endswith("pool"):
        return _windowed(layer.kind, node, inputs, (layer.size, layer.size), (layer.stride, layer.stride))
    return Operation(layer.kind, inputs, (*inputs[0][:-1], node.channels))
