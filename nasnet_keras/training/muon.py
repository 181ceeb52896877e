"""Muon: the kernels of convolutions turn, all directions alike, and keep their norm.

Stochastic gradient descent follows the few directions in which a gradient is large. Muon (Jordan et al. 2024,
https://kellerjordan.github.io/posts/muon/) makes the update of a matrix orthogonal first, so that it moves as far in
every direction. Every convolution here is followed by batch normalisation, which undoes the scale of its kernel; so
kernels keep the norms that they begin with, and the rate is the share of its norm by which a kernel turns in a step.
`keras.optimizers.Muon` updates variables one by one and keeps no norms; this one works on a vector of all weights.
"""

import math
from typing import Any

import numpy as np
from keras import ops

__all__ = ["Muon", "orthogonalized"]

_COEFFICIENTS = (3.4445, -4.7750, 2.0315)  # of the quintic iteration, from the source
_ITERATIONS = 5
_WORTH = 1e6  # multiply-adds of zeros around a matrix, up to which it shares a batch


class Muon:
    """Updates the kernels of convolutions within a vector of all weights.

    Matrices are computed in batches, each as large as the largest of its batch: zeros around a matrix stay zeros. A
    batch is a hundred operations, so that few batches start and run faster, as long as the zeros cost less.

    Args:
        shapes: the shapes of the weights, in the vector's order. Weights of four axes are kernels, except for
            depthwise ones, which do not mix channels.

    Attributes:
        kernels: a vector like that of the weights, 1.0 for the value of a kernel and 0.0 for any other.
    """

    def __init__(self, shapes: list[tuple[int, ...]]) -> None:
        ends = np.cumsum([math.prod(shape) for shape in shapes]).tolist()
        self.kernels = np.zeros(ends[-1], np.float32)
        matrices = []  # the places of their values in the vector, no more rows than columns
        for shape, end in zip(shapes, ends, strict=True):
            if len(shape) == 4 and shape[-1] > 1:
                places = np.arange(end - math.prod(shape), end).reshape(-1, shape[-1])
                matrices.append(places if places.shape[0] <= places.shape[1] else places.T)
                self.kernels[places] = 1.0
        self._batches: list[np.ndarray] = []  # places (matrices, rows, columns); of zeros, the one behind the vector
        self._ranks: list[np.ndarray] = []
        self._places = np.zeros(ends[-1], np.int32)  # of the vector's kernels in all batches one after another
        first = 0
        for batch in _batched(matrices):
            size = (len(batch), *map(max, zip(*(places.shape for places in batch), strict=True)))
            found = np.full(size, ends[-1], np.int32)
            for matrix, places in zip(found, batch, strict=True):
                matrix[: places.shape[0], : places.shape[1]] = places
            self._batches.append(found)
            self._ranks.append(np.array([len(places) for places in batch], np.float32).reshape(-1, 1, 1))
            numbers, real = first + np.arange(found.size).reshape(size), found < ends[-1]
            self._places[found[real]] = numbers[real]
            first += found.size

    def kernel_values(self, parameters: Any, direction: Any, rate: Any) -> Any:
        """A vector with the updated kernels; its other values are of no use.

        Args:
            parameters: the vector of all weights.
            direction: the direction of descent, a vector like it.
            rate: the share of its norm by which a kernel turns.
        """
        both = ops.pad(ops.stack([parameters, direction]), ((0, 0), (0, 1)))
        values = []
        for places, ranks in zip(self._batches, self._ranks, strict=True):
            found = ops.take(both, places, axis=1)
            kernels, step = found[0], found[1]
            norms = _norms(kernels)
            turned = kernels - rate * norms / np.sqrt(ranks) * orthogonalized(step)
            values.append(ops.reshape(turned * norms / ops.maximum(_norms(turned), 1e-12), (-1,)))
        return ops.take(ops.concatenate(values), self._places)


def _batched(matrices: list[np.ndarray]) -> list[list[np.ndarray]]:
    """Divide matrices into batches whose zeros cost less than one more batch."""
    batches: list[list[np.ndarray]] = []
    sizes: list[tuple[int, int]] = []  # of the largest rows and columns of each batch
    for matrix in sorted(matrices, key=lambda one: one.shape, reverse=True):
        rows, columns = matrix.shape
        wider = [(most, max(columns, wide)) for most, wide in sizes]  # no later matrix has more rows
        more = [
            (len(batch) + 1) * _work(*new) - len(batch) * _work(*old) - _work(rows, columns)
            for batch, old, new in zip(batches, sizes, wider, strict=True)
        ]
        best = min(range(len(more)), key=more.__getitem__, default=None)
        if best is not None and more[best] <= _WORTH:
            batches[best].append(matrix)
            sizes[best] = wider[best]
        else:
            batches.append([matrix])
            sizes.append((rows, columns))
    return batches


def _work(rows: int, columns: int) -> float:
    """The multiply-adds of the iterations of a matrix."""
    return _ITERATIONS * rows * rows * (2.0 * columns + rows)


def orthogonalized(matrices: Any) -> Any:
    """Matrices with their singular values brought near one, between about 0.7 and 1.2.

    Args:
        matrices: `(count, rows, columns)`.

    Example:
        >>> matrices = np.random.default_rng(0).normal(size=(1, 4, 8)).astype("float32")
        >>> values = np.linalg.svd(orthogonalized(matrices), compute_uv=False)
        >>> bool(values.min() > 0.6 and values.max() < 1.3)
        True
    """
    a, b, c = _COEFFICIENTS
    tall = matrices.shape[1] > matrices.shape[2]
    x = ops.swapaxes(matrices, 1, 2) if tall else matrices
    x = x / ops.maximum(_norms(x), 1e-12)
    for _ in range(_ITERATIONS):
        square = ops.matmul(x, ops.swapaxes(x, 1, 2))
        x = a * x + ops.matmul(b * square + c * ops.matmul(square, square), x)
    return ops.swapaxes(x, 1, 2) if tall else x


def _norms(matrices: Any) -> Any:
    return ops.sqrt(ops.sum(ops.square(matrices), axis=(1, 2), keepdims=True))
