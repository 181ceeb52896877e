"""Batch normalisation as a function: TensorFlow's fused kernel where it exists, Keras operations elsewhere."""

import math
from typing import Any

import keras
from keras import ops

__all__ = ["batch_normalize"]


def batch_normalize(
    x: Any,
    gamma: Any,
    beta: Any,
    moving_mean: Any,
    moving_variance: Any,
    *,
    training: bool,
    momentum: float,
    epsilon: float,
) -> Any:
    """Normalise `(batch, height, width, channels)` over all axes but the last.

    In training the statistics are those of the batch, and the moving ones are updated as Keras does:
    `moving = moving * momentum + batch * (1 - momentum)`, with the variance that divides by the number of values.
    Statistics are float32 whatever the type of `x`.
    """
    if keras.backend.backend() == "tensorflow":
        y, mean, variance = _fused(x, gamma, beta, moving_mean, moving_variance, training, epsilon)
    else:
        wide = ops.cast(x, "float32")
        mean, variance = ops.moments(wide, axes=(0, 1, 2)) if training else (moving_mean.value, moving_variance.value)
        scale = gamma * ops.rsqrt(variance + epsilon)
        y = ops.cast(wide * scale + (beta - mean * scale), x.dtype)
    if training:
        for moving, batch in ((moving_mean, mean), (moving_variance, variance)):
            moving.assign(moving + (batch - moving) * (1.0 - momentum))
    return y


def _fused(x, gamma, beta, moving_mean, moving_variance, training, epsilon):
    import tensorflow as tf

    y, mean, variance, *_ = tf.raw_ops.FusedBatchNormV3(
        x=x,
        scale=gamma.value,
        offset=beta.value,
        mean=[] if training else moving_mean.value,
        variance=[] if training else moving_variance.value,
        epsilon=epsilon,
        is_training=training,
    )
    if training:
        # The kernel reports the unbiased variance; Keras keeps the biased one.
        count = math.prod(x.shape[:-1]) if None not in x.shape else tf.cast(tf.size(x) // x.shape[-1], tf.float32)
        variance *= (count - 1) / count  # of one value it is zero, however divided
    return y, mean, variance
