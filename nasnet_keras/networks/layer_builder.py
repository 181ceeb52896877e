"""The builder that makes Keras layers of a network's description."""

from typing import Any

import keras

from nasnet_keras.layers.auxiliary import AuxiliaryHead
from nasnet_keras.layers.batch_norm import BatchNorm
from nasnet_keras.layers.convolution import ConvBatchNorm, SeparableConvBatchNorm
from nasnet_keras.layers.depthwise import DepthwiseBatchNorm
from nasnet_keras.layers.drop_path import DropPathCombine, TrainingProgress
from nasnet_keras.layers.factorized_reduction import FactorizedReduction
from nasnet_keras.layers.padded_concatenate import PaddedConcatenate
from nasnet_keras.layers.pooling import AveragePooling2D, MaxPooling2D, PaddedPooling2D
from nasnet_keras.layers.squeeze_excite import SqueezeExcite
from nasnet_keras.networks.builder import Builder

__all__ = ["LayerBuilder"]

_POOLS = {"max": MaxPooling2D, "avg": AveragePooling2D}
_GLOBAL_POOLS = {"max": keras.layers.GlobalMaxPooling2D, "avg": keras.layers.GlobalAveragePooling2D}
_LAST = "channels_last"


class LayerBuilder(Builder):
    """Makes the layers of one network, by the rules of `Builder`. Every layer gets the name that it is told.

    Args:
        padding: `"same"`; `"keras"` for strided pools that read a border of zeros; or `"torch"` for convolutions with
            borders where PyTorch places them.
        momentum, epsilon: momentum and epsilon of all batch normalisations.
        image: the network's input, if its drop-path layers should follow the progress of training.
    """

    def __init__(self, padding: str, momentum: float, epsilon: float, image: Any = None) -> None:
        self._keras_padding = padding == "keras"
        self._same = "torch" if padding == "torch" else "same"
        self._normalization = {"momentum": momentum, "epsilon": epsilon}
        self._progress = None if image is None else TrainingProgress(name="training_progress")(image)

    def conv(self, x, filters, kernel=(1, 1), *, name, stride=1, dilation=1, relu=True, padding="same"):
        strides = (stride, stride) if isinstance(stride, int) else stride
        return ConvBatchNorm(
            filters,
            kernel,
            strides=strides,
            dilation=dilation,
            padding=self._same if padding == "same" else padding,
            relu=relu,
            name=name,
            **self._normalization,
        )(x)

    def plain_conv(self, x, filters, *, name):
        start = keras.initializers.VarianceScaling(2.0, "fan_out", "truncated_normal")  # which `.keras` files can name
        layer = keras.layers.Conv2D(filters, 1, use_bias=False, data_format=_LAST, kernel_initializer=start, name=name)
        return layer(x)

    def depthwise_conv(self, x, size, *, name, stride=1, relu=True):
        common = {"padding": self._same, "name": name, **self._normalization}
        return DepthwiseBatchNorm(size, strides=stride, relu=relu, **common)(x)

    def squeeze_excite(self, x, reduced, *, name):
        return SqueezeExcite(reduced, name=name)(x)

    def normalize(self, x, *, name):
        return BatchNorm(x.shape[-1], relu=False, name=name, **self._normalization)(x)

    def zeros(self, x, *, name):
        return keras.layers.Rescaling(0.0, name=name)(x)

    def separable_conv(self, x, filters, size, *, name, stride=1, dilation=1):
        common = {"name": name, **self._normalization}
        return SeparableConvBatchNorm(filters, size, strides=stride, dilation=dilation, **common)(x)

    def factorized_reduction(self, x, filters, *, name, relu=True):
        return FactorizedReduction(filters, relu=relu, name=name, **self._normalization)(x)

    def pool(self, x, kind, size, stride, *, name):
        if stride > 1 and self._keras_padding:
            return PaddedPooling2D(kind, size, name=name)(x)
        return _POOLS[kind](size, stride, "same", data_format=_LAST, name=name)(x)

    def combine(self, xs, combine, drop_path_rates=(), *, name):
        if any(drop_path_rates):
            return DropPathCombine(combine, drop_path_rates, name=name)([*xs, self._progress])
        return keras.layers.Add(name=name)(xs) if combine == "add" else keras.layers.Concatenate(name=name)(xs)

    def concat(self, xs, *, name):
        if len(xs) == 1:
            return keras.layers.Identity(name=name)(xs[0])
        return keras.layers.Concatenate(name=name)(xs)

    def padded_concat(self, xs, *, name):
        if len(xs) == 1:
            return self.concat(xs, name=name)
        return PaddedConcatenate(name=name)(xs)  # sizes that are equal here may not be so for images of another size

    def relu(self, x, *, name):
        return keras.layers.ReLU(name=name)(x)

    def global_pool(self, x, kind, *, name):
        return _GLOBAL_POOLS[kind](data_format=_LAST, name=name)(x)

    def dropout(self, x, rate, *, name):
        return keras.layers.Dropout(rate, name=name)(x)

    def dense(self, x, units, *, name, activation, use_bias):
        return keras.layers.Dense(units, activation, use_bias, dtype="float32", name=name)(x)

    def auxiliary_head(self, x, units, auxiliary, *, name, activation):
        return AuxiliaryHead(
            units,
            filters=auxiliary.filters,
            stride=auxiliary.stride,
            use_bias=auxiliary.use_bias,
            last_normalization=auxiliary.last_normalization,
            padding=auxiliary.padding,
            activation=activation,
            name=name,
            **self._normalization,
        )(x)
