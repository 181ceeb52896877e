"""The Keras layers that Keras lacks: convolutions with their ReLU and batch normalisation in one layer.

A NASNet has hundreds of convolutions, and what a network costs to build, trace and start is paid by the layer. One
layer for "ReLU, convolution, batch normalisation" halves their number and lets TensorFlow use its fused
normalisation kernel, which `keras.layers.BatchNormalization` does not. All layers work in `channels_last` on every
backend, for inputs of unknown size.
"""

import math
from typing import Any

import keras
from keras import ops

from nasnet_keras.layers.depthwise import depthwise_conv
from nasnet_keras.layers.normalization import batch_normalize, is_by_batch, is_frozen
from nasnet_keras.layers.pooling import AveragePooling2D, PaddedPooling2D
from nasnet_keras.layers.traces import traced
from nasnet_keras.layers.windows import from_odd_pixels, subsampled, window_shape

__all__ = ["AveragePooling2D", "ConvBatchNorm", "CountedLayer", "FactorizedReduction", "PaddedPooling2D"]
__all__ += ["NormalizedConv", "SeparableConvBatchNorm"]

# oneDNN from 3.7 (TensorFlow 2.21) to 3.12 (PyTorch 2.13) at least: with fewer input channels than its kernels take at
# once, the gradient of a 1×1 convolution with strides runs over its buffer, on processors without AVX-512: wrong
# numbers, now and then a crash (oneDNN issue 6035).
_ONEDNN_BLOCK = 16

_register = keras.saving.register_keras_serializable("nasnet_keras")


class CountedLayer(keras.layers.Layer):
    """A layer that knows how many multiply-adds it makes."""

    def multiply_adds(self, input_shape: tuple[int, ...]) -> int:
        """Multiply-adds of convolutions and dense layers for one example of `input_shape` (with a batch axis)."""
        raise NotImplementedError


class NormalizedConv(CountedLayer):
    """What the convolutions share: an optional ReLU before, batch normalisation after, kernels between."""

    def __init__(self, filters, *, relu=True, momentum=0.9, epsilon=1e-5, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.relu = relu
        self.momentum = momentum
        self.epsilon = epsilon

    def _add_kernel(self, name: str, shape: tuple[int, ...]) -> Any:
        # A new initializer each time: an instance gives equal values for equal shapes.
        he_normal = keras.initializers.VarianceScaling(2.0, "fan_out", "truncated_normal")
        return self.add_weight(name=name, shape=shape, initializer=he_normal)

    def _add_normalization(self) -> None:
        def weight(name, initializer, trainable):
            # Under a distribution strategy a moving average is what all replicas' batches have on average, after each
            # step; without, each replica would have its own, and the first one's would be saved. The variance is the
            # mean of variances, as over steps: what lies between the means of batches is not in what a network was
            # normalised by in training (Ioffe and Szegedy 2015, arXiv 1502.03167, algorithm 2).
            return self.add_weight(
                name=name,
                shape=(self.filters,),
                initializer=initializer,
                trainable=trainable,
                autocast=False,
                aggregation="none" if trainable else "mean",
            )

        self.gamma = weight("gamma", "ones", True)
        self.beta = weight("beta", "zeros", True)
        self.moving_mean = weight("moving_mean", "zeros", False)
        self.moving_variance = weight("moving_variance", "ones", False)

    def call(self, x, training=None):
        training = bool(training) and self.trainable
        normalize_batch = (training and not is_frozen()) or is_by_batch()
        moving = () if normalize_batch else (self.moving_mean, self.moving_variance)
        y, *batch = traced(
            normalized_convolution,
            x,
            self.gamma,
            self.beta,
            *moving,
            *self._kernels(),
            convolve=self._convolve,
            settings=self._settings(),
            relu=self.relu,
            epsilon=self.epsilon,
            training=training,
            normalize_batch=normalize_batch,
        )
        if normalize_batch and training:
            for average, value in zip((self.moving_mean, self.moving_variance), batch, strict=True):
                average.assign(average + (value - average) * (1.0 - self.momentum))
        return y

    def _kernels(self) -> list[Any]:
        """The kernels, as `_convolve` takes them."""
        raise NotImplementedError

    def _settings(self) -> tuple[Any, ...]:
        """What else `_convolve` takes."""
        return ()

    @staticmethod
    def _convolve(x: Any, kernels: list[Any], training: bool, *settings: Any) -> Any:
        """The convolution itself. It is no method, since layers of equal settings share its trace."""
        raise NotImplementedError

    def multiply_adds(self, input_shape):
        height, width = self.compute_output_shape(input_shape)[1:3]
        # Every kernel is applied once at every position of the output.
        return height * width * sum(math.prod(w.shape) for w in self.weights if len(w.shape) == 4)

    def load_own_variables(self, store):
        # Keras matches layers by their order in the model, which may differ between a network and its variant with
        # an auxiliary head. Where the file knows the name, weights of another layer must not slip in.
        name = getattr(getattr(store, "_h5_entry_group", None), "attrs", {}).get("name", self.name)
        if name != self.name:
            raise ValueError(
                f"layer {self.name!r} was about to load the weights of layer {name!r}: the file is of another network "
                f"or variant. Build the model with weights=PATH, which loads by name"
            )
        super().load_own_variables(store)

    def get_config(self):
        config = {"filters": self.filters, "relu": self.relu, "momentum": self.momentum, "epsilon": self.epsilon}
        return {**super().get_config(), **config}


@_register
class ConvBatchNorm(NormalizedConv):
    """ReLU, convolution without bias, batch normalisation.

    Args:
        filters: output channels.
        kernel_size: `(height, width)`.
        strides: `(height, width)`.
        dilation: rate in both directions; with strides it must be even.
        padding: `"same"` or `"valid"`.
        relu: False leaves the ReLU out.
        momentum, epsilon: of the batch normalisation.

    Shapes: `(batch, height, width, channels)` to `(batch, ceil(height / stride), ceil(width / stride), filters)`.

    Example:
        >>> ConvBatchNorm(8, (3, 3))(np.ones((1, 16, 16, 3), "float32")).shape
        TensorShape([1, 16, 16, 8])
    """

    def __init__(self, filters, kernel_size=(1, 1), *, strides=(1, 1), dilation=1, padding="same", **kwargs):
        super().__init__(filters, **kwargs)
        self.kernel_size = tuple(kernel_size)
        self.strides = tuple(strides)
        self.dilation = dilation
        self.padding = padding
        _check_dilation(dilation, self.strides)

    def build(self, input_shape):
        self.kernel = self._add_kernel("kernel", (*self.kernel_size, input_shape[-1], self.filters))
        self._add_normalization()

    def _kernels(self):
        return [self.kernel]

    def _settings(self):
        return (self.strides, self.dilation, self.padding)

    @staticmethod
    def _convolve(x, kernels, training, strides, dilation, padding):
        (kernel,) = kernels
        x, strides, dilation = subsampled(x, strides, dilation)
        if tuple(kernel.shape[:2]) == (1, 1):
            return _pointwise(x, kernel, strides)
        return ops.conv(x, kernel, strides, padding, "channels_last", dilation)

    def compute_output_shape(self, input_shape):
        return window_shape(input_shape, self.filters, self.kernel_size, self.strides, self.padding)

    def get_config(self):
        config = {"kernel_size": self.kernel_size, "strides": self.strides, "dilation": self.dilation}
        return {**super().get_config(), **config, "padding": self.padding}


@_register
class SeparableConvBatchNorm(NormalizedConv):
    """ReLU, depthwise convolution, pointwise convolution, batch normalisation; no biases.

    Args:
        filters: output channels; the pointwise convolution maps to them.
        kernel_size: side of the depthwise kernel.
        strides: of the depthwise convolution, in both directions.
        dilation: of the depthwise convolution; with strides it must be even.
        relu, momentum, epsilon: as for `ConvBatchNorm`.

    Shapes: `(batch, height, width, channels)` to `(batch, ceil(height / strides), ceil(width / strides), filters)`.

    Example:
        >>> SeparableConvBatchNorm(8, 5, strides=2)(np.ones((1, 16, 16, 3), "float32")).shape
        TensorShape([1, 8, 8, 8])
    """

    def __init__(self, filters, kernel_size, *, strides=1, dilation=1, **kwargs):
        super().__init__(filters, **kwargs)
        self.kernel_size = kernel_size
        self.strides = strides
        self.dilation = dilation
        _check_dilation(dilation, (strides, strides))

    def build(self, input_shape):
        channels = input_shape[-1]
        self.depthwise_kernel = self._add_kernel("depthwise_kernel", (self.kernel_size, self.kernel_size, channels, 1))
        self.pointwise_kernel = self._add_kernel("pointwise_kernel", (1, 1, channels, self.filters))
        self._add_normalization()

    def _kernels(self):
        return [self.depthwise_kernel, self.pointwise_kernel]

    def _settings(self):
        return ((self.strides, self.strides), self.dilation)

    @staticmethod
    def _convolve(x, kernels, training, strides, dilation):
        depthwise, pointwise = kernels
        x, strides, dilation = subsampled(x, strides, dilation)
        return _pointwise(depthwise_conv(x, depthwise, strides, dilation, training), pointwise)

    def compute_output_shape(self, input_shape):
        return window_shape(input_shape, self.filters, (1, 1), (self.strides, self.strides), "same")

    def get_config(self):
        config = {"kernel_size": self.kernel_size, "strides": self.strides, "dilation": self.dilation}
        return {**super().get_config(), **config}


@_register
class FactorizedReduction(NormalizedConv):
    """ReLU, then half the size without losing every other pixel; batch normalisation.

    One 1×1 convolution reads the pixels at even positions, another those at odd ones, with zeros beyond the border;
    their results are concatenated. With an odd number of filters the second one makes one more.

    Args:
        filters: output channels.
        relu, momentum, epsilon: as for `ConvBatchNorm`.

    Shapes: `(batch, height, width, channels)` to `(batch, ceil(height / 2), ceil(width / 2), filters)`.

    Source: TF-Slim's `factorized_reduction`.

    Example:
        >>> FactorizedReduction(8)(np.ones((1, 15, 15, 3), "float32")).shape
        TensorShape([1, 8, 8, 8])
    """

    def build(self, input_shape):
        half = self.filters // 2
        self.even_kernel = self._add_kernel("even_kernel", (1, 1, input_shape[-1], half)) if half else None
        self.odd_kernel = self._add_kernel("odd_kernel", (1, 1, input_shape[-1], self.filters - half))
        self._add_normalization()

    def _kernels(self):
        return [self.odd_kernel] if self.even_kernel is None else [self.odd_kernel, self.even_kernel]

    @staticmethod
    def _convolve(x, kernels, training):
        odd, *even = kernels
        if not training:
            # By the kernels as they are. One that the graph computes is no constant to the tools that read the graph,
            # and cannot be quantised: LiteRT's quantiser takes it for an activation and gives it a zero point, which
            # its CONV_2D refuses of a kernel.
            parts = [_pointwise(x, kernel, (2, 2)) for kernel in even]
            parts.append(_pointwise(from_odd_pixels(x), odd, (2, 2)))
            return ops.concatenate(parts, axis=-1) if even else parts[0]
        # One 2×2 convolution whose kernel is zero at the pixels that are not read: several times faster, with its
        # gradient, than slices with a step. Where a size is odd, "same" adds the zeros beyond the border.
        kernel = ops.pad(odd, ((1, 0), (1, 0), (0, 0), (0, 0)))
        if even:
            kernel = ops.concatenate([ops.pad(even[0], ((0, 1), (0, 1), (0, 0), (0, 0))), kernel], axis=-1)
        return ops.conv(x, kernel, 2, "same", "channels_last")

    def compute_output_shape(self, input_shape):
        return window_shape(input_shape, self.filters, (1, 1), (2, 2), "same")


def normalized_convolution(x, gamma, beta, *others, convolve, settings, relu, epsilon, training, normalize_batch):
    """What every layer here computes: the result, and the batch's mean and variance where they were used."""
    moving, kernels = (None, others) if normalize_batch else (others[:2], others[2:])
    y = convolve(ops.relu(x) if relu else x, kernels, training, *settings)
    y, statistics = batch_normalize(y, gamma, beta, moving, epsilon)
    return (y, *statistics) if normalize_batch else (y,)


def _pointwise(x, kernel, strides=(1, 1)):
    """A 1×1 convolution: without strides as the product of matrices that it is."""
    if strides != (1, 1):
        if x.shape[-1] >= _ONEDNN_BLOCK:
            return ops.conv(x, kernel, strides, "valid", "channels_last")
        x = x[:, :: strides[0], :: strides[1]]
    channels, filters = kernel.shape[2:]
    y = ops.matmul(ops.reshape(x, (-1, channels)), ops.reshape(kernel, (channels, filters)))
    return ops.reshape(y, (*ops.shape(x)[:3], filters))


def _check_dilation(dilation, strides):
    if strides != (1, 1) and dilation > 1 and (strides != (2, 2) or dilation % 2):
        raise ValueError(f"strides {strides} with dilation {dilation}: only strides of 2 with an even dilation work")
