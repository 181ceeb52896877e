"""Operations that a tensor chooses among: one graph holds all of them, and only the chosen one is computed.

A supernet has a hundred places where any operation may stand. TensorFlow traces, differentiates and optimises the
operations once for all places of one shape: each place is a call of one function that is not inlined, and its weights
come as a vector.
"""

from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any

import numpy as np
import tensorflow as tf

from nasnet_keras.genotypes.operations import OPERATIONS
from nasnet_keras.layers.first_kernels import he_normal_values
from nasnet_keras.layers.traces import noinline
from nasnet_keras.search.supernet.builder import SupernetBuilder, Weight

__all__ = ["Apply", "accumulate", "add_chosen", "cell_operation", "initial_weights", "mixed_operation"]
__all__ += ["operation_values", "operation_weights", "read"]

Apply = Callable[..., Any]
"""The meaning of an operation's name: `(operation, builder, x, name="") -> y` over an `OperationBuilder`."""

choose = tf.switch_case
"""Computes one of several functions. A benchmark replaces it by a function that computes all of them."""


def cell_operation(operation: str, builder: Any, x: Any, name: str = "") -> Any:
    """An operation of a cell, at stride 1, to as many channels as it reads."""
    return OPERATIONS[operation].apply(builder, x, x.shape[-1], 1, name)


@lru_cache(maxsize=256)
def operation_weights(operation: str, channels: int, apply: Apply = cell_operation) -> tuple[Weight, ...]:
    """List an operation's weights, for a number of channels that it reads and makes.

    Example:
        >>> [(weight.name, weight.shape) for weight in operation_weights("conv_1x1", 8)]
        [('kernel', (1, 1, 8, 8)), ('gamma', (8,)), ('beta', (8,))]
    """
    weights = []

    def record(weight: Weight) -> tf.Tensor:
        weights.append(weight)
        return tf.zeros(weight.shape)

    with tf.Graph().as_default():
        apply(operation, SupernetBuilder(record, 1.0), tf.zeros((1, 8, 8, channels)))
    return tuple(weights)


def initial_weights(
    operations: Sequence[str], channels: int, generator: np.random.Generator, apply: Apply = cell_operation
) -> np.ndarray:
    """A vector of the first weights of all `operations`, one after another, distributed as those of the layers."""
    parts = [np.zeros(0, np.float32)]
    for operation in operations:
        for weight in operation_weights(operation, channels, apply):
            if weight.name.endswith("kernel"):
                parts.append(he_normal_values(weight.shape, generator).ravel())
            else:
                parts.append(np.full(weight.size, weight.name == "gamma", np.float32))
    return np.concatenate(parts)


def operation_values(
    operation: str, operations: Sequence[str], vector: np.ndarray, channels: int, apply: Apply = cell_operation
) -> Iterator[tuple[Weight, np.ndarray]]:
    """Yield the weights of one of the `operations` and their values, from a vector as of `initial_weights`."""
    start = 0
    for name in operations:
        for weight in operation_weights(name, channels, apply):
            if name == operation:
                yield weight, vector[start : start + weight.size].reshape(weight.shape)
            start += weight.size


def mixed_operation(
    x: tf.Tensor,
    operation: tf.Tensor,
    weights: tf.Tensor,
    operations: tuple[str, ...],
    epsilon: float,
    apply: Apply = cell_operation,
) -> tf.Tensor:
    """Compute the operation number `operation`.

    Args:
        x: `(batch, height, width, channels)`.
        operation: a whole number, int32.
        weights: a vector such as `initial_weights` returns. The weights of the other operations are not read.
        operations: the names of all operations.
        epsilon: epsilon of the batch normalisations.
        apply: the meaning of an operation's name.
    """
    channels, start, branches = x.shape[-1], 0, []
    for name in operations:
        branches.append(partial(_compute, name, x, weights, start, epsilon, apply))
        start += sum(weight.size for weight in operation_weights(name, channels, apply))
    return choose(operation, branches)


def _compute(operation: str, x: tf.Tensor, weights: tf.Tensor, start: int, epsilon: float, apply: Apply) -> tf.Tensor:
    """One operation, whose weights begin at `start`."""

    def take(weight: Weight) -> tf.Tensor:
        nonlocal start
        begin, start = start, start + weight.size
        return tf.reshape(weights[begin:start], weight.shape)

    return tf.identity(apply(operation, SupernetBuilder(take, epsilon), x))


def read(index: tf.Tensor, states: Sequence[tf.Tensor]) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Return state number `index`, and all states again, for the next reader.

    Every reader hands the states on, so that their gradients pass back from reader to reader, and each reader adds its
    own to the gradient of the state that it read. With TensorFlow's own gradients every reader would make a gradient of
    zeros for every state that it did not read.
    """

    @tf.custom_gradient
    def pick(*states):
        def gradient(dx, *later):
            return noinline(_add_to, index, dx, *later)

        return (noinline(_pick, index, *states), *map(tf.identity, states)), gradient

    picked, *states = pick(*states)
    return picked, states


def _pick(index: tf.Tensor, *states: tf.Tensor) -> tf.Tensor:
    return tf.switch_case(index, [lambda state=state: tf.identity(state) for state in states])


def _add_to(index: tf.Tensor, dx: tf.Tensor, *gradients: tf.Tensor) -> list[tf.Tensor]:
    def added(chosen):
        return [g + dx if number == chosen else tf.identity(g) for number, g in enumerate(gradients)]

    return tf.switch_case(index, [partial(added, number) for number in range(len(gradients))])


def add_chosen(total: tf.Tensor, chosen: tf.Tensor, x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Return `total`, with `x` added if `chosen`, and `x` again, for the next reader: see `read`."""

    @tf.custom_gradient
    def add(total, x):
        def gradient(dy, later):
            return dy, noinline(_add_where, later, chosen, dy)

        return (noinline(_add_where, total, chosen, x), tf.identity(x)), gradient

    return add(total, x)


def _add_where(total, chosen, x):
    return tf.cond(chosen, lambda: total + x, lambda: tf.identity(total))


def accumulate(total: tf.Tensor, chosen: tf.Tensor, x: tf.Tensor, kernel: tf.Tensor) -> tf.Tensor:
    """Return `total`, with the 1×1 convolution of `x` after a ReLU added if `chosen`."""
    return noinline(_accumulate, total, chosen, x, kernel)


def _accumulate(total, chosen, x, kernel):
    def more():
        channels, filters = kernel.shape
        product = tf.nn.relu(tf.reshape(x, (-1, channels))) @ kernel
        return total + tf.reshape(product, (*tf.unstack(tf.shape(x))[:3], filters))

    return tf.cond(chosen, more, lambda: tf.identity(total))
