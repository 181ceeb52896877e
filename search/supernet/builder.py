"""The builder of a supernet's operations. Their weights are values that it is handed."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import tensorflow as tf

from nasnet_keras.genotypes.operation_builder import OperationBuilder
from nasnet_keras.layers.convolution import ConvBatchNorm, SeparableConvBatchNorm
from nasnet_keras.layers.factorized_reduction import FactorizedReduction
from nasnet_keras.layers.normalized import normalized_convolution

__all__ = ["SupernetBuilder", "Weight"]


@dataclass(frozen=True)
class Weight:
    """A weight of an operation.

    Attributes:
        layer: end of the name of its layer in an ordinary network.
        name: its name in that layer.
        shape: its shape.
    """

    layer: str
    name: str
    shape: tuple[int, ...]

    @property
    def size(self) -> int:
        return math.prod(self.shape)


class SupernetBuilder(OperationBuilder):
    """Computes an operation with weights that are handed in. Batch normalisation is by the batch.

    Its tensors are TensorFlow's. It makes no layers: a name is only that of a weight's layer in an ordinary network.

    Args:
        weight: returns each weight that the operation asks for, in the order in which it asks.
        epsilon: epsilon of the batch normalisation.
    """

    def __init__(self, weight: Callable[[Weight], tf.Tensor], epsilon: float) -> None:
        self._weight = weight
        self._epsilon = epsilon

    def conv(self, x, filters, kernel=(1, 1), *, name, stride=1, dilation=1, relu=True, padding="same"):
        strides = (stride, stride) if isinstance(stride, int) else stride
        kernels = [self._weight(Weight(name, "kernel", (*kernel, x.shape[-1], filters)))]
        return self._normalized(x, kernels, ConvBatchNorm, (strides, dilation, padding), filters, relu, name)

    def separable_conv(self, x, filters, size, *, name, stride=1, dilation=1):
        channels = x.shape[-1]
        kernels = [
            self._weight(Weight(name, "depthwise_kernel", (size, size, channels, 1))),
            self._weight(Weight(name, "pointwise_kernel", (1, 1, channels, filters))),
        ]
        settings = ((stride, stride), dilation)
        return self._normalized(x, kernels, SeparableConvBatchNorm, settings, filters, True, name)

    def factorized_reduction(self, x, filters, *, name, relu=True):
        half, channels = filters // 2, x.shape[-1]
        kernels = [self._weight(Weight(name, "odd_kernel", (1, 1, channels, filters - half)))]
        kernels += [self._weight(Weight(name, "even_kernel", (1, 1, channels, half)))] if half else []
        return self._normalized(x, kernels, FactorizedReduction, (), filters, relu, name)

    def relu(self, x, *, name):
        del name
        return tf.nn.relu(x)

    def zeros(self, x, *, name):
        del name
        return tf.zeros_like(x)

    def pool(self, x, kind, size, stride, *, name):
        del name
        settings = {"ksize": [1, size, size, 1], "strides": [1, stride, stride, 1], "padding": "SAME"}
        return _max_pool(x, settings) if kind == "max" else tf.raw_ops.AvgPool(value=x, **settings)

    def _normalized(self, x, kernels, layer, settings, filters, relu, name):
        gamma, beta = (self._weight(Weight(name, part, (filters,))) for part in ("gamma", "beta"))
        return normalized_convolution(
            tf.nn.relu(x) if relu else x,
            gamma,
            beta,
            *kernels,
            convolve=layer.convolve,
            settings=settings,
            epsilon=self._epsilon,
            training=True,
            normalize_batch=True,
        )[0]


def _max_pool(x: tf.Tensor, settings: dict[str, Any]) -> tf.Tensor:
    """A maximum whose gradient computes it again.

    On processors the gradient is several times faster if the maximum is computed in the same function, and the gradient
    of a branch is a separate function.
    """

    @tf.custom_gradient
    def pool(x):
        def gradient(dy):
            again = tf.raw_ops.MaxPool(input=x, **settings)
            return tf.raw_ops.MaxPoolGrad(orig_input=x, orig_output=again, grad=dy, **settings)

        return tf.raw_ops.MaxPool(input=x, **settings), gradient

    return pool(tf.identity(x))
