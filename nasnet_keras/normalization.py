"""Batch normalisation as a function: TensorFlow's fused kernel where it exists, Keras operations elsewhere."""

import math
from typing import Any

import keras
from keras import ops

__all__ = ["batch_normalize"]


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
        the one that divides by the number of values, which is what Keras averages over steps.
    """
    if keras.backend.backend() == "tensorflow":
        return _fused(x, gamma, beta, moving, epsilon)
    wide = ops.cast(x, "float32")
    mean, variance = ops.moments(wide, axes=(0, 1, 2)) if moving is None else moving
    scale = gamma * ops.rsqrt(variance + epsilon)
    return ops.cast(wide * scale + (beta - mean * scale), x.dtype), (mean, variance)


def _fused(x, gamma, beta, moving, epsilon):
    import tensorflow as tf

    mean, variance = ([], []) if moving is None else moving
    y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x, scale=gamma, offset=beta, mean=mean, variance=variance, epsilon=epsilon, is_training=moving is None
    )
    if moving is None:
        # The kernel reports the unbiased variance. Of a single value it is zero, however divided.
        count = math.prod(x.shape[:-1]) if None not in x.shape else tf.cast(tf.size(x) // x.shape[-1], tf.float32)
        variance *= (count - 1) / count
    return y, (mean, variance)
