"""The features by which a latency is predicted: for each group of operations, their number, steps and bytes.

A feature is the time that its share of the work would take on a nominal processor, in milliseconds. So a coefficient of
a fit is the factor by which a device is slower, features of one fit are of one scale, and a group that no measured
network had is still counted for about what it is.

Runtimes compute channels in tiles of the processor's vectors: 12 channels take as long as 16 where 16 fit. The number
of channels in a tile is not known, but measurements tell it.
"""

import math
from collections.abc import Iterable, Sequence

import numpy as np

from nasnet_keras.latency.operations import Operation

__all__ = ["PARTS", "TILES", "correlation", "features", "group"]

PARTS = ("number", "steps", "bytes")
"""What is counted of a group: operations, each of which takes its time to start; steps of computation; memory."""

TILES = (1, 4, 8, 16, 32)
"""Numbers of channels that are computed at once, to choose from: one or two vectors of 4, 8 or 16 values, or any."""

_MS_EACH = 2e-3
_MS_PER_MEGABYTE = 0.015
# Of a million steps, by the kind of operation; others are bound by memory.
_MS_PER_MILLION = {"conv": 0.015, "dense": 0.1, "depthwise": 0.05, "banded_depthwise": 0.08}
_POOLS_MS_PER_MILLION = 0.05


def group(operation: Operation) -> str:
    """Name the group of an operation: operations that a runtime computes by the same code, as far as one can tell.

    Example:
        >>> group(Operation("depthwise", ((8, 8, 4),), (4, 4, 4), (7, 7), (2, 2)))
        'depthwise_7x7_strided'
    """
    rows, columns = operation.kernel
    window = f"_{rows}x{columns}" if operation.kind in _MS_PER_MILLION or operation.kind.endswith("_pool") else ""
    if operation.kind == "dense" or operation.kind.startswith("global"):
        window = ""
    dilated = "_dilated" if operation.dilation > 1 else ""
    strided = "_strided" if max(operation.stride) > 1 and window else ""
    return f"{operation.kind}{window}{dilated}{strided}"


def features(operations: Iterable[Operation], tile: int = 1) -> dict[str, float]:
    """Add up the features of a network, by the names of groups and parts.

    Args:
        operations: of the network.
        tile: the number of channels that the runtime computes at once.

    Example:
        >>> operation = Operation("add", ((8, 8, 4), (8, 8, 4)), (8, 8, 4))
        >>> {name: round(value, 6) for name, value in features([operation, operation]).items()}
        {'add.number': 0.004, 'add.bytes': 9.2e-05}
    """
    found: dict[str, float] = {}
    for operation in operations:
        name = group(operation)
        for part, value in zip(PARTS, _parts(operation, tile), strict=True):
            if value:
                found[f"{name}.{part}"] = found.get(f"{name}.{part}", 0.0) + value
    return found


def correlation(names: Sequence[str]) -> np.ndarray:
    """Find how coefficients of features go together before any measurement.

    A runtime that is slow to start one operation is slow to start all, and so on: the same parts of all groups have
    half of their variance in common.

    Example:
        >>> correlation(["add.number", "relu.number", "relu.bytes"]).tolist()
        [[1.0, 0.5, 0.0], [0.5, 1.0, 0.0], [0.0, 0.0, 1.0]]
    """
    parts = np.array([name.rpartition(".")[2] for name in names])
    return 0.5 * np.eye(len(names)) + 0.5 * (parts[:, None] == parts[None, :])


def _parts(operation: Operation, tile: int) -> tuple[float, float, float]:
    """The times of an operation on the nominal processor, in milliseconds."""
    rate = _MS_PER_MILLION.get(operation.kind, 0.0)
    if operation.kind.endswith("_pool") and not operation.kind.startswith("global"):
        rate = _POOLS_MS_PER_MILLION
    channels = operation.output[-1]
    steps = operation.steps * math.ceil(channels / tile) * tile / channels
    return _MS_EACH, rate * steps / 1e6, _MS_PER_MEGABYTE * operation.bytes / 1e6
