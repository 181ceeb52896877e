"""Widths brought to a multiple of what a processor computes at once, with channels of zeros."""

from dataclasses import replace

import numpy as np

from nasnet_keras.inference.graph import Add, Concat, Conv, Dense, Depthwise, Input, Node, Passthrough, Slice, rewrite

__all__ = ["channels_padded"]

_Layout = tuple[int, ...]  # for each channel, which one of the original it is; -1 for one of zeros


def channels_padded(output: Node, multiple: int) -> Node:
    """The graph with the filters of all convolutions rounded up to a multiple; the output stays as it is."""
    layouts: dict[Node, _Layout] = {}

    def layout(node: Node) -> _Layout:
        return layouts.get(node) or tuple(range(node.channels))

    def rule(old: Node, new: Node) -> Node:
        if isinstance(new, Input):
            return new
        given = [layout(x) for x in new.inputs]
        if isinstance(new, Conv):
            width = -(-old.channels // multiple) * multiple
            columns = (*range(old.channels), *[-1] * (width - old.channels))
            kernel = _taken(_taken(new.kernel, given[0], 2), columns, 3)
            node = replace(new, kernel=kernel, bias=_taken(new.bias, columns, 0))
            layouts[node] = columns
            return node
        if isinstance(new, Dense):
            return replace(new, kernel=_taken(new.kernel, given[0], 0))
        if isinstance(new, Concat):
            firsts = np.cumsum([0, *(x.channels for x in old.inputs)])
            parts = [
                [-1 if channel < 0 else first + channel for channel in channels]
                for first, channels in zip(firsts.tolist(), given, strict=False)
            ]
            layouts[new] = tuple(channel for part in parts for channel in part)
            return new
        mixes = isinstance(new, Slice) or (isinstance(new, Passthrough) and new.filters is not None)
        if mixes or (isinstance(new, Add) and len(set(given)) > 1):
            return replace(new, inputs=tuple(_restored(x, layout(x)) for x in new.inputs))
        if isinstance(new, Depthwise):
            new = replace(new, kernel=_taken(new.kernel, given[0], 2))
        layouts[new] = given[0]
        return new

    last = rewrite(output, rule)
    return _restored(last, layout(last))


def _taken(values: np.ndarray, channels: _Layout, axis: int) -> np.ndarray:
    """The values of these channels along an axis, zeros for -1."""
    indices = np.asarray(channels)
    shape = [1] * values.ndim
    shape[axis] = len(indices)
    return np.take(values, np.maximum(indices, 0), axis) * (indices >= 0).reshape(shape).astype(values.dtype)


def _restored(node: Node, channels: _Layout) -> Node:
    """The original channels of a node, in their order, which padding never changes."""
    used = np.flatnonzero(np.asarray(channels) >= 0)
    if len(used) == node.channels:
        return node
    runs = np.split(used, np.flatnonzero(np.diff(used) > 1) + 1)
    name = f"{node.name}_unpadded"
    parts = tuple(Slice(name, (node,), int(run[0]), int(run[-1]) + 1) for run in runs)
    return parts[0] if len(parts) == 1 else Concat(name, parts)
