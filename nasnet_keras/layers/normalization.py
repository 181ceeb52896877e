"""Batch normalisation as a function: TensorFlow's fused kernel on that backend, Keras operations on the others."""

import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from contextvars import ContextVar
from typing import Any

import keras
from keras import ops

from nasnet_keras.utils.context import within

__all__ = [
    "batch_normalize",
    "biased_variance",
    "by_batch",
    "collecting",
    "frozen",
    "is_by_batch",
    "is_collecting",
    "is_frozen",
    "is_synchronized",
    "synchronized",
]

_collecting: ContextVar[bool] = ContextVar("collecting", default=False)
_frozen: ContextVar[bool] = ContextVar("frozen", default=False)
_by_batch: ContextVar[bool] = ContextVar("by_batch", default=False)
_mean_over_replicas: ContextVar[Callable[[Any], Any] | None] = ContextVar("mean_over_replicas", default=None)


def synchronized(mean: Callable[[Any], Any]) -> AbstractContextManager[None]:
    """Normalise by the statistics of the whole batch, not of one replica's share.

    Args:
        mean: function that returns the mean of a vector over the replicas, whose shares have one size.
    """
    return within(_mean_over_replicas, mean)


def is_synchronized() -> bool:
    """Whether the caller is within `synchronized`."""
    return _mean_over_replicas.get() is not None


def frozen() -> AbstractContextManager[None]:
    """Normalise by the moving statistics in training too, and do not update them."""
    return within(_frozen, True)


def is_frozen() -> bool:
    """Whether the caller is within `frozen`."""
    return _frozen.get()


def collecting() -> AbstractContextManager[None]:
    """Let layers give their moving statistics the values of the batch, for a caller that averages all of them at once.

    Six operations for each layer are a quarter of those of a training step.
    """
    return within(_collecting, True)


def is_collecting() -> bool:
    """Whether the caller is within `collecting`."""
    return _collecting.get()


def by_batch() -> AbstractContextManager[None]:
    """Normalise by the batch out of training too."""
    return within(_by_batch, True)


def is_by_batch() -> bool:
    """Whether the caller is within `by_batch`."""
    return _by_batch.get()


def batch_normalize(
    x: Any, gamma: Any, beta: Any, moving: tuple[Any, Any] | None, epsilon: float
) -> tuple[Any, tuple[Any, Any]]:
    """Normalise over all axes but the last.

    Args:
        x: `(batch, height, width, channels)`.
        gamma, beta: `(channels,)`, float32.
        moving: mean and variance to use; None for the batch's own, in training.
        epsilon: added to the variance.

    Returns:
        The result, in the type of `x`, and the mean and the variance that were used, float32. The batch's variance is
        the sum of squares divided by the number of values, like the variance that Keras averages over steps.
    """
    if keras.backend.backend() == "tensorflow" and not is_synchronized():
        return _fused(x, gamma, beta, moving, epsilon)
    wide = ops.cast(x, "float32")
    mean, variance = _moments(wide) if moving is None else moving
    scale = gamma * ops.rsqrt(variance + epsilon)
    return ops.cast(wide * scale + (beta - mean * scale), x.dtype), (mean, variance)


def _moments(x):
    over_replicas = _mean_over_replicas.get()
    if over_replicas is None:
        return ops.moments(x, axes=(0, 1, 2))
    sums = ops.concatenate([ops.mean(x, axis=(0, 1, 2)), ops.mean(ops.square(x), axis=(0, 1, 2))])
    mean, square = ops.split(over_replicas(sums), 2)
    return mean, ops.maximum(square - ops.square(mean), 0.0)


def _fused(x, gamma, beta, moving, epsilon):
    import tensorflow as tf

    mean, variance = ([], []) if moving is None else moving
    y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x, scale=gamma, offset=beta, mean=mean, variance=variance, epsilon=epsilon, is_training=moving is None
    )
    return y, (mean, variance if moving is not None else biased_variance(variance, x))


def biased_variance(variance: Any, maps: Any) -> Any:
    """Turn the unbiased variance that TensorFlow's kernel reports into the sum of squares divided by their number.

    Args:
        variance: `(channels,)`.
        maps: maps of the shape of those that were normalised. A single value has a variance of zero in either form.
    """
    import tensorflow as tf

    shape = maps.shape
    count = math.prod(shape[:-1]) if None not in shape else tf.cast(tf.size(maps) // shape[-1], tf.float32)
    return variance * ((count - 1) / count)
