"""1×1 convolutions, as products of matrices.

Normalisation needs the result of a convolution for its gradient. Of a product of large maps the result is not kept but
computed again: a product is the cheapest part of a separable convolution, and its result a third of what is kept. A
product that reads more channels than it writes takes too long for the memory that it would save.
"""

import math
from typing import Any, NamedTuple

import keras
from keras import ops

from nasnet_keras.layers.normalization import biased_variance, is_synchronized
from nasnet_keras.utils.environment import tensorflow_on_processor

__all__ = ["Product", "pointwise_conv"]

# oneDNN from 3.7 (TensorFlow 2.21) to 3.12 (PyTorch 2.13) at least: if there are fewer input channels than its kernels
# take at once, the gradient of a 1×1 convolution with strides runs over its buffer, on processors without AVX-512. The
# numbers are wrong, and now and then the process crashes (oneDNN issue 6035).
_ONEDNN_BLOCK = 16
_LARGE = 2**19  # values of the maps of a batch


class Product(NamedTuple):
    """A 1×1 convolution without strides that is yet to be computed.

    Attributes:
        maps: `(batch, height, width, channels)`.
        kernel: `(1, 1, channels, filters)`.
    """

    maps: Any
    kernel: Any

    def computed(self, training: bool) -> Any:
        """Return the result, `(batch, height, width, filters)`; for `training` see `pointwise_conv`."""
        return pointwise_conv(*self, training=training)

    def normalized(self, gamma: Any, beta: Any, epsilon: float) -> tuple[Any, tuple[Any, Any]] | None:
        """Normalise the result by the batch, without keeping it for the gradient.

        Returns:
            As `normalization.batch_normalize`; None where keeping it is better, or necessary.
        """
        channels, filters = self.kernel.shape[2:]
        shape = (*self.maps.shape[:3], filters)
        if None in shape or math.prod(shape) < _LARGE or channels > filters:
            return None
        if is_synchronized() or not tensorflow_on_processor():
            return None
        return _normalized(self.maps, self.kernel, gamma, beta, epsilon)


def pointwise_conv(x: Any, kernel: Any, strides: tuple[int, int] = (1, 1), training: bool = False) -> Any:
    """A 1×1 convolution. Without strides it is computed as a product of matrices.

    Args:
        x: `(batch, height, width, channels)`.
        kernel: `(1, 1, channels, filters)`.
        strides: `(height, width)`.
        training: whether gradients will be computed; it changes the way to compute them, not their values.
    """
    if strides != (1, 1):
        if x.shape[-1] >= _ONEDNN_BLOCK:
            return ops.conv(x, kernel, strides, "valid", "channels_last")
        x = x[:, :: strides[0], :: strides[1]]
    channels, filters = kernel.shape[2:]
    flat, matrix = ops.reshape(x, (-1, channels)), ops.reshape(kernel, (channels, filters))
    if training and keras.backend.backend() == "tensorflow":
        y = _product(flat, matrix)
    else:
        y = ops.matmul(flat, matrix)
    return ops.reshape(y, (*ops.shape(x)[:3], filters))


def _product(x: Any, kernel: Any) -> Any:
    """The product of a tall matrix and a kernel; by the transpose of one that is taller than wide.

    The gradient of such a kernel is then a product that is wider than tall, too, which takes oneDNN 0.6 to 0.9 of the
    time of the other.
    """
    import tensorflow as tf

    if kernel.shape[0] > kernel.shape[1]:
        return tf.matmul(x, tf.transpose(kernel), transpose_b=True)
    return tf.matmul(x, kernel)


def _normalized(maps, kernel, gamma, beta, epsilon):
    import tensorflow as tf

    channels, filters = kernel.shape[2:]
    shape = (*maps.shape[:3], filters)

    # TensorFlow keeps the graph of every such call for ever, and `traces.traced` keeps their number small.
    @tf.custom_gradient
    def apply(flat, matrix, gamma, beta):
        product = tf.reshape(_product(flat, matrix), shape)
        y, mean, variance, *reserved = tf.raw_ops.FusedBatchNormV3(
            x=product, scale=gamma, offset=beta, mean=[], variance=[], epsilon=epsilon, is_training=True
        )

        def gradient(dy, *of_statistics):
            del of_statistics  # nothing is learnt from them
            # The second product waits for the gradient. Otherwise TensorFlow would find that it is the first.
            with tf.control_dependencies([dy]):
                again = tf.identity(flat)
            with tf.GradientTape() as tape:
                tape.watch((again, matrix))
                product = _product(again, matrix)
            names = (f"reserve_space_{i}" for i in (1, 2, 3))
            slope, of_gamma, of_beta, *_ = tf.raw_ops.FusedBatchNormGradV3(
                y_backprop=dy,
                x=tf.reshape(product, shape),
                scale=gamma,
                epsilon=epsilon,
                is_training=True,
                **dict(zip(names, reserved, strict=True)),
            )
            of_maps, of_kernel = tape.gradient(product, (again, matrix), tf.reshape(slope, (-1, filters)))
            return of_maps, of_kernel, of_gamma, of_beta

        return (y, mean, variance), gradient

    flat, matrix = tf.reshape(maps, (-1, channels)), tf.reshape(kernel, (channels, filters))
    y, mean, variance = apply(flat, matrix, tf.convert_to_tensor(gamma), tf.convert_to_tensor(beta))
    return y, (mean, biased_variance(variance, y))
