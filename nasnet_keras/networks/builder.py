"""The builder that makes Keras layers of a network's description.

Its methods are the primitives that `operations`, `cell` and `network` are written over; `cost.CostBuilder` has the
same ones. Every layer gets the name it is told, so two builds of a network have equal names.
"""

from typing import Any

import keras

from nasnet_keras import layers
from nasnet_keras.layers.auxiliary import AuxiliaryHead
from nasnet_keras.layers.batch_norm import BatchNorm
from nasnet_keras.layers.drop_path import DropPathCombine, TrainingProgress
from nasnet_keras.layers.padded_concatenate import PaddedConcatenate

__all__ = ["LayerBuilder"]

_POOLS = {"max": keras.layers.MaxPooling2D, "avg": layers.AveragePooling2D}
_GLOBAL_POOLS = {"max": keras.layers.GlobalMaxPooling2D, "avg": keras.layers.GlobalAveragePooling2D}
_LAST = "channels_last"


class LayerBuilder:
    """Makes the layers of one network.

    Args:
        padding: `"same"`, or `"keras"` for zero-padded strided pools.
        momentum, epsilon: of all batch normalisations.
        image: the network's input, where its drop-path layers should follow the progress of training.
    """

    def __init__(self, padding: str, momentum: float, epsilon: float, image: Any = None) -> None:
        self._keras_padding = padding == "keras"
        self._normalization = {"momentum": momentum, "epsilon": epsilon}
        self._progress = None if image is None else TrainingProgress(name="training_progress")(image)

    def conv(self, x, filters, kernel=(1, 1), *, name, stride=1, dilation=1, relu=True, padding="same"):
        """ReLU, convolution, batch normalisation."""
        strides = (stride, stride) if isinstance(stride, int) else stride
        return layers.ConvBatchNorm(
            filters,
            kernel,
            strides=strides,
            dilation=dilation,
            padding=padding,
            relu=relu,
            name=name,
            **self._normalization,
        )(x)

    def plain_conv(self, x, filters, *, name):
        """1×1 convolution, with nothing before or after it."""
        he_normal = keras.initializers.VarianceScaling(2.0, "fan_out", "truncated_normal")
        return keras.layers.Conv2D(
            filters, 1, use_bias=False, data_format=_LAST, kernel_initializer=he_normal, name=name
        )(x)

    def normalize(self, x, *, name):
        """Batch normalisation."""
        return BatchNorm(x.shape[-1], relu=False, name=name, **self._normalization)(x)

    def zeros(self, x, *, name):
        """Zeros of the shape of `x`."""
        return keras.layers.Rescaling(0.0, name=name)(x)

    def separable_conv(self, x, filters, size, *, name, stride=1, dilation=1):
        """ReLU, depthwise and pointwise convolution, batch normalisation."""
        common = {"name": name, **self._normalization}
        return layers.SeparableConvBatchNorm(filters, size, strides=stride, dilation=dilation, **common)(x)

    def factorized_reduction(self, x, filters, *, name, relu=True):
        """Half the size, from pixels at even and at odd positions."""
        return layers.FactorizedReduction(filters, relu=relu, name=name, **self._normalization)(x)

    def pool(self, x, kind, size, stride, *, name):
        """Maximum or average of windows."""
        if stride > 1 and self._keras_padding:
            return layers.PaddedPooling2D(kind, size, name=name)(x)
        return _POOLS[kind](size, stride, "same", data_format=_LAST, name=name)(x)

    def combine(self, xs, combine, drop_path_rates, *, name):
        """Sum or concatenation, of which each part may be dropped in training."""
        if any(drop_path_rates):
            return DropPathCombine(combine, drop_path_rates, name=name)([*xs, self._progress])
        return keras.layers.Add(name=name)(xs) if combine == "add" else keras.layers.Concatenate(name=name)(xs)

    def concat(self, xs, *, name):
        """Concatenation of channels; a single tensor gets its name and is passed on."""
        if len(xs) == 1:
            return keras.layers.Identity(name=name)(xs[0])
        return keras.layers.Concatenate(name=name)(xs)

    def padded_concat(self, xs, *, name):
        """Concatenation of channels of maps of any sizes; a single one gets its name and is passed on."""
        if len(xs) == 1:
            return self.concat(xs, name=name)
        return PaddedConcatenate(name=name)(xs)  # sizes that are equal here may not be so for images of another size

    def relu(self, x, *, name):
        """ReLU as a layer of its own."""
        return keras.layers.ReLU(name=name)(x)

    def global_pool(self, x, kind, *, name):
        """Maximum or average of the whole map."""
        return _GLOBAL_POOLS[kind](data_format=_LAST, name=name)(x)

    def dropout(self, x, rate, *, name):
        """Dropout of features."""
        return keras.layers.Dropout(rate, name=name)(x)

    def dense(self, x, units, *, name, activation, use_bias):
        """The classifier, in float32 under mixed precision too."""
        return keras.layers.Dense(units, activation, use_bias, dtype="float32", name=name)(x)

    def auxiliary_head(self, x, units, auxiliary, *, name, activation):
        """The second classifier."""
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
