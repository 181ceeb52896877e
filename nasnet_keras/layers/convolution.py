"""Convolutions with their ReLU and batch normalisation in one layer."""

import keras
from keras import ops

from nasnet_keras.layers.depthwise import depthwise_conv
from nasnet_keras.layers.normalized import NormalizedConv
from nasnet_keras.layers.pointwise import Product, pointwise_conv
from nasnet_keras.layers.windows import check_window, padded, subsampled, window_shape

__all__ = ["ConvBatchNorm", "SeparableConvBatchNorm"]

_register = keras.saving.register_keras_serializable("nasnet_keras")


@_register
class ConvBatchNorm(NormalizedConv):
    """ReLU, convolution without bias, batch normalisation.

    Args:
        filters: output channels.
        kernel_size: `(height, width)`.
        strides: `(height, width)`.
        dilation: rate in both directions; with strides of 2 it must be even.
        padding: `"same"`, `"valid"`, or `"torch"`: a border of half the kernel on either side, as PyTorch places it.
        relu: False leaves the ReLU out.
        momentum, epsilon: momentum and epsilon of the batch normalisation.

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
        check_window(self.kernel_size, self.strides, dilation, padding, "same valid torch")

    def build(self, input_shape):
        self.kernel = self._add_kernel("kernel", (*self.kernel_size, input_shape[-1], self.filters))
        self._add_normalization()

    def _kernels(self):
        return [self.kernel]

    def _settings(self):
        return (self.strides, self.dilation, self.padding)

    @staticmethod
    def convolve(x, kernels, training, strides, dilation, padding):
        (kernel,) = kernels
        x, strides, dilation = subsampled(x, strides, dilation)
        if tuple(kernel.shape[:2]) == (1, 1):
            return Product(x, kernel) if strides == (1, 1) else pointwise_conv(x, kernel, strides, training)
        x, padding = padded(x, tuple(kernel.shape[:2]), strides, padding)
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
        filters: output channels of the pointwise convolution.
        kernel_size: side of the depthwise kernel.
        strides: stride of the depthwise convolution, in both directions.
        dilation: rate of the depthwise convolution; with a stride of 2 it must be even.
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
        check_window((kernel_size, kernel_size), (strides, strides), dilation, "same", "same")

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
    def convolve(x, kernels, training, strides, dilation):
        depthwise, pointwise = kernels
        x, strides, dilation = subsampled(x, strides, dilation)
        x = depthwise_conv(x, depthwise, strides, dilation, training)
        return Product(x, pointwise)

    def compute_output_shape(self, input_shape):
        return window_shape(input_shape, self.filters, (1, 1), (self.strides, self.strides), "same")

    def get_config(self):
        config = {"kernel_size": self.kernel_size, "strides": self.strides, "dilation": self.dilation}
        return {**super().get_config(), **config}
