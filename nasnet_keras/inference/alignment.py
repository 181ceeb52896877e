"""Widths are rounded up to a multiple of what a processor computes at once, with channels of zeros."""

from dataclasses import replace

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
    Slice,
    rewrite,
)

__all__ = ["channels_padded"]

_Layout = tuple[int, ...]  # for each channel its number in the original, or -1 for a channel of zeros


def channels_padded(output: Node, multiple: int) -> Node:
    """Round the filters of all convolutions up to a multiple, and leave the output as it is."""
    padding = _Padding(multiple)
    return padding.removed(rewrite(output, padding.rule))


class _Padding:
    """The rule that pads nodes, and the layouts of the nodes that it has made."""

    def __init__(self, multiple: int) -> None:
        self._multiple = multiple
        self._layouts: dict[Node, _Layout] = {}

    def rule(self, old: Node, new: Node) -> Node:
        """Pad a node whose inputs are padded."""
        if isinstance(new, Input):
            return new
        given = [self._layout(x) for x in new.inputs]
        if isinstance(new, Conv):
            return self._conv(old, new, given[0])
        if isinstance(new, Dense):
            return replace(new, kernel=_taken(new.kernel, given[0], 0))
        if isinstance(new, Concat):
            return self._concat(old, new, given)
        mixes = isinstance(new, Slice) or (isinstance(new, Passthrough) and new.filters is not None)
        if mixes or (isinstance(new, Add) and len(set(given)) > 1):
            return replace(new, inputs=tuple(map(self.removed, new.inputs)))
        if isinstance(new, Depthwise):
            bias = None if new.bias is None else _taken(new.bias, given[0], 0)
            new = replace(new, kernel=_taken(new.kernel, given[0], 2), bias=bias)
        if isinstance(new, Excite):
            new = _widened(new, given[0])
        self._layouts[new] = given[0]
        return new

    def removed(self, node: Node) -> Node:
        """Take the original channels of a node, in their order, which padding never changes."""
        used = np.flatnonzero(np.asarray(self._layout(node)) >= 0)
        if len(used) == node.channels:
            return node
        runs = np.split(used, np.flatnonzero(np.diff(used) > 1) + 1)
        name = f"{node.name}_unpadded"
        parts = tuple(Slice(name, (node,), int(run[0]), int(run[-1]) + 1) for run in runs)
        return parts[0] if len(parts) == 1 else Concat(name, parts)

    def _layout(self, node: Node) -> _Layout:
        return self._layouts.get(node) or tuple(range(node.channels))

    def _conv(self, old: Node, new: Conv, given: _Layout) -> Node:
        width = -(-old.channels // self._multiple) * self._multiple
        columns = (*range(old.channels), *[-1] * (width - old.channels))
        kernel = _taken(_taken(new.kernel, given, 2), columns, 3)
        node = replace(new, kernel=kernel, bias=_taken(new.bias, columns, 0))
        self._layouts[node] = columns
        return node

    def _concat(self, old: Node, new: Concat, given: list[_Layout]) -> Node:
        firsts = np.cumsum([0, *(x.channels for x in old.inputs)])
        parts = [
            [-1 if channel < 0 else first + channel for channel in channels]
            for first, channels in zip(firsts.tolist(), given, strict=False)
        ]
        self._layouts[new] = tuple(channel for part in parts for channel in part)
        return new


def _widened(node: Excite, channels: _Layout) -> Excite:
    return replace(
        node,
        reduce_kernel=_taken(node.reduce_kernel, channels, 2),
        expand_kernel=_taken(node.expand_kernel, channels, 3),
        expand_bias=_taken(node.expand_bias, channels, 0),
    )


def _taken(values: np.ndarray, channels: _Layout, axis: int) -> np.ndarray:
    """Take the values of channels along an axis, zeros for -1."""
    indices = np.asarray(channels)
    shape = [1] * values.ndim
    shape[axis] = len(indices)
    return np.take(values, np.maximum(indices, 0), axis) * (indices >= 0).reshape(shape).astype(values.dtype)
