"""The builder of a network that is computed once, on one batch, with weights that it is handed."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from nasnet_keras.layers.convolution import ConvBatchNorm, SeparableConvBatchNorm
from nasnet_keras.layers.depthwise import DepthwiseBatchNorm
from nasnet_keras.layers.factorized_reduction import FactorizedReduction
from nasnet_keras.layers.normalization import batch_normalize
from nasnet_keras.layers.padded_concatenate import PaddedConcatenate
from nasnet_keras.networks.builder import Builder

__all__ = ["ComputingBuilder"]


class ComputingBuilder(Builder):
    """Computes a description on tensors of TensorFlow, eagerly.

    A Keras model of hundreds of layers takes seconds to make, more than it takes to score it, and its names and traces
    stay in the process. Here the description runs on the images themselves, and nothing stays. All convolutions are
    those of the layers. Batch normalisation is at its start, without scale and offset, and nothing is dropped.

    Args:
        weight: `(layer, part, shape) -> value` returns each weight that the network asks for, by its layer's name and
            its own in the network of layers.
        relu: computes each ReLU of the network; None for TensorFlow's.
        epsilon: epsilon of the batch normalisation, which is by the batch; None leaves all of it out, and any type of
            numbers will do.
    """

    def __init__(
        self,
        weight: Callable[[str, str, tuple[int, ...]], Any],
        relu: Callable[[tf.Tensor], tf.Tensor] | None = None,
        epsilon: float | None = 1e-5,
    ) -> None:
        self._weight, self._relu, self._epsilon = weight, relu or tf.nn.relu, epsilon

    def conv(self, x, filters, kernel=(1, 1), *, name, stride=1, dilation=1, relu=True, padding="same"):
        strides = (stride, stride) if isinstance(stride, int) else stride
        kernels = {"kernel": (*kernel, x.shape[-1], filters)}
        return self._convolved(ConvBatchNorm, x, name, kernels, relu, strides, dilation, padding)

    def plain_conv(self, x, filters, *, name):
        (kernel,) = self._weights(name, {"kernel": (1, 1, x.shape[-1], filters)})
        return ConvBatchNorm.convolved(x, [kernel], True, (1, 1), 1, "same")

    def depthwise_conv(self, x, size, *, name, stride=1, relu=True):
        kernels = {"depthwise_kernel": (size, size, x.shape[-1], 1)}
        return self._convolved(DepthwiseBatchNorm, x, name, kernels, relu, (stride, stride), "same")

    def separable_conv(self, x, filters, size, *, name, stride=1, dilation=1):
        channels = x.shape[-1]
        kernels = {"depthwise_kernel": (size, size, channels, 1), "pointwise_kernel": (1, 1, channels, filters)}
        return self._convolved(SeparableConvBatchNorm, x, name, kernels, True, (stride, stride), dilation)

    def factorized_reduction(self, x, filters, *, name, relu=True):
        half, channels = filters // 2, x.shape[-1]
        kernels = {"odd_kernel": (1, 1, channels, filters - half)}
        kernels |= {"even_kernel": (1, 1, channels, half)} if half else {}
        return self._convolved(FactorizedReduction, x, name, kernels, relu)

    def squeeze_excite(self, x, reduced, *, name):
        channels = x.shape[-1]
        mean = tf.reduce_mean(x, axis=(1, 2))
        narrow = self._relu(self._affine(mean, name, "reduce_", (1, 1, channels, reduced)))
        factors = tf.sigmoid(self._affine(narrow, name, "expand_", (1, 1, reduced, channels)))
        return x * factors[:, None, None, :]

    def normalize(self, x, *, name):
        del name
        return self._normalized(x)

    def relu(self, x, *, name):
        del name
        return self._relu(x)

    def zeros(self, x, *, name):
        del name
        return tf.zeros_like(x)

    def pool(self, x, kind, size, stride, *, name):
        del name
        pool = tf.nn.max_pool2d if kind == "max" else tf.nn.avg_pool2d
        return pool(x, size, stride, "SAME")

    def combine(self, xs, combine, drop_path_rates=(), *, name):
        del drop_path_rates
        return tf.add_n(xs) if combine == "add" else self.concat(xs, name=name)

    def concat(self, xs, *, name):
        del name
        return tf.concat(xs, axis=-1)

    def padded_concat(self, xs, *, name):
        return PaddedConcatenate(name=name).call(xs)

    def global_pool(self, x, kind, *, name):
        del name
        return tf.reduce_max(x, axis=(1, 2)) if kind == "max" else tf.reduce_mean(x, axis=(1, 2))

    def dropout(self, x, rate, *, name):
        del rate, name
        return x

    def dense(self, x, units, *, name, activation, use_bias):
        if activation is not None:
            raise ValueError(f"a computed network ends in logits, got activation={activation!r}")
        return self._affine(x, name, "", (x.shape[-1], units), use_bias)

    def auxiliary_head(self, x, units, auxiliary, *, name, activation):
        raise ValueError("a network is computed without its auxiliary head, which serves training alone")

    def _convolved(self, layer, x, name, kernels, relu, *settings):
        values = self._weights(name, kernels)
        return self._normalized(layer.convolved(self._relu(x) if relu else x, values, True, *settings))

    def _normalized(self, x):
        if self._epsilon is None:
            return x
        channels = x.shape[-1]
        return batch_normalize(x, tf.ones(channels), tf.zeros(channels), None, self._epsilon)[0]

    def _weights(self, name, shapes):
        return [tf.convert_to_tensor(self._weight(name, part, shape)) for part, shape in shapes.items()]

    def _affine(self, x, name, prefix, shape, use_bias=True):
        """A dense layer, `(batch, features)` to `(batch, units)`; `shape` ends in features and units."""
        parts = {f"{prefix}kernel": shape, **({f"{prefix}bias": shape[-1:]} if use_bias else {})}
        kernel, *bias = self._weights(name, parts)
        y = tf.matmul(x, tf.reshape(kernel, shape[-2:]))
        return y + bias[0] if bias else y
