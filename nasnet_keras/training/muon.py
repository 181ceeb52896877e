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


class Muon:
    """Updates the kernels of convolutions within a vector of all weights.

    Args:
        shapes: the shapes of the weights, in the vector's order. Weights of four axes are kernels, except for
            depthwise ones, which do not mix channels.

    Attributes:
        kernels: a vector like that of the weights, 1.0 for the value of a kernel and 0.0 for any other.
    """

    def __init__(self, shapes: list[tuple[int, ...]]) -> None:
        ends = np.cumsum([math.prod(shape) for shape in shapes])
        groups: dict[tuple[int, int], list[np.ndarray]] = {}  # of matrices of one shape, which are computed at once
        for shape, end in zip(shapes, ends.tolist(), strict=True):
            if len(shape) == 4 and shape[-1] > 1:
                matrix = math.prod(shape[:-1]), shape[-1]
                groups.setdefault(matrix, []).append(np.arange(end - math.prod(shape), end))
        self._groups = {shape: np.stack(indices).astype(np.int32) for shape, indices in groups.items()}
        self.kernels = np.zeros(ends[-1], np.float32)
        self._places = np.zeros(ends[-1], np.int32)
        first = 0
        for indices in self._groups.values():
            self.kernels[indices] = 1.0
            self._places[indices] = first + np.arange(indices.size).reshape(indices.shape)
            first += indices.size

    def kernel_values(self, parameters: Any, direction: Any, rate: Any) -> Any:
        """A vector with the updated kernels; its other values are of no use.

        Args:
            parameters: the vector of all weights.
            direction: the direction of descent, a vector like it.
            rate: the share of its norm by which a kernel turns.
        """
        values = []
        for (rows, columns), indices in self._groups.items():
            shape = (len(indices), rows, columns)
            kernels, step = (ops.reshape(ops.take(v, indices.ravel()), shape) for v in (parameters, direction))
            norms = _norms(kernels)
            turned = kernels - rate * norms / math.sqrt(min(rows, columns)) * orthogonalized(step)
            values.append(ops.reshape(turned * norms / ops.maximum(_norms(turned), 1e-12), (-1,)))
        return ops.take(ops.concatenate(values), self._places)


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
