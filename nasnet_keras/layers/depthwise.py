"""Depthwise convolution, whose gradient is fast on TensorFlow's processors, and its layer.

oneDNN has a fast kernel for the gradient of depthwise kernels up to three columns wide, of any height. For wider ones
it has a reference implementation, which takes up to ten times as long as the convolution itself and was the largest
part of a training step. So the gradient of a wider kernel is put together here from gradients of three columns each.
The middle columns (-1, 0, 1) come directly. Columns -2 and 2 come from the image with its columns in pairs: such an
image is a reshape without a copy, and a neighbour in it is two pixels away. Columns -3 and 3 come from the pairs of an
image that is shifted by one.

Images of few pixels take several times as long as their size would let expect. Theirs is the product of every pixel of
the image with every one of the slope, summed over the images, of which each value of the kernel gathers the pairs that
it joined: two products of matrices.

A dilated convolution is one of neighbours once the pixels are told apart by their parity: rows go to images of their
own, whole, and columns to channels, which is a reshape. TensorFlow's way moves every pixel.
"""

import functools
import math
from collections.abc import Callable
from typing import Any

import keras
import numpy as np
from keras import ops

from nasnet_keras.layers.normalized import NormalizedConv
from nasnet_keras.layers.windows import check_window, padded, window_shape
from nasnet_keras.utils.environment import tensorflow_on_processor

__all__ = ["DepthwiseBatchNorm", "depthwise_conv"]

_WIDE = (5, 7)  # sides of kernels
_NARROW_TYPES = ("bfloat16", "float16")
_FEW = 16  # pixels of an image
_NARROW = 2  # columns of an image for which oneDNN's gradient of any kernel is slow


@keras.saving.register_keras_serializable("nasnet_keras")
class DepthwiseBatchNorm(NormalizedConv):
    """ReLU, depthwise convolution without bias, batch normalisation.

    Args:
        kernel_size: side of the kernel.
        strides: stride in both directions.
        padding: `"same"`, or `"torch"`: a border of half the kernel on either side, as PyTorch places it.
        relu, momentum, epsilon: as for `ConvBatchNorm`.

    Shapes: `(batch, height, width, channels)` to `(batch, ceil(height / strides), ceil(width / strides), channels)`.

    Example:
        >>> DepthwiseBatchNorm(5, strides=2)(np.ones((1, 16, 16, 3), "float32")).shape
        TensorShape([1, 8, 8, 3])
    """

    def __init__(self, kernel_size, *, strides=1, padding="same", **kwargs):
        super().__init__(None, **kwargs)  # as many filters as the input has channels
        self.kernel_size = kernel_size
        self.strides = strides
        self.padding = padding
        check_window((kernel_size, kernel_size), (strides, strides), 1, padding, "same torch")

    def build(self, input_shape):
        self.filters = input_shape[-1]
        self.depthwise_kernel = self._add_kernel(
            "depthwise_kernel", (self.kernel_size, self.kernel_size, self.filters, 1)
        )
        self._add_normalization()

    def _kernels(self):
        return [self.depthwise_kernel]

    def _settings(self):
        return ((self.strides, self.strides), self.padding)

    @staticmethod
    def convolve(x, kernels, training, strides, padding):
        (kernel,) = kernels
        x, padding = padded(x, tuple(kernel.shape[:2]), strides, padding)
        return depthwise_conv(x, kernel, strides, 1, training, padding)

    def compute_output_shape(self, input_shape):
        return window_shape(input_shape, input_shape[-1], (1, 1), (self.strides, self.strides), self.padding)

    def get_config(self):
        config = super().get_config()
        del config["filters"]
        return {**config, "kernel_size": self.kernel_size, "strides": self.strides, "padding": self.padding}


def depthwise_conv(
    x: Any, kernel: Any, strides: tuple[int, int], dilation: int, training: bool = False, padding: str = "same"
) -> Any:
    """Depthwise convolution.

    Args:
        x: `(batch, height, width, channels)`.
        kernel: `(size, size, channels, 1)`.
        strides: `(height, width)`.
        dilation: rate in both directions.
        training: whether gradients will be computed; it changes the way to compute them, not their values.
        padding: `"same"` or `"valid"`.

    Returns:
        `(batch, ceil(height / stride), ceil(width / stride), channels)` with "same" padding.
    """
    if training and tensorflow_on_processor():
        like_phases = padding == "same" and tuple(strides) == (1, 1) and _divides(dilation, x) and _is_odd(kernel)
        if dilation > 1 and like_phases:
            return _by_phases(x, kernel, dilation)
        if dilation == 1 and (of_kernel := _fast_kernel_gradient(x, kernel.shape[0], tuple(strides), padding)):
            return _with_kernel_gradient(of_kernel, x, kernel, strides, padding)
    return ops.depthwise_conv(x, kernel, strides, padding, "channels_last", dilation)


def _is_odd(kernel: Any) -> bool:
    """Whether "same" padding is as wide on both sides, so that a reversed kernel, or a dilated one, has the same."""
    return kernel.shape[0] % 2 == 1


def _divides(number: int, x: Any) -> bool:
    """Whether the height and the width of maps are known multiples of a number."""
    return all(size is not None and size % number == 0 for size in x.shape[1:3])


def _fast_kernel_gradient(x: Any, size: int, strides: tuple[int, int], padding: str) -> Callable[..., Any] | None:
    """What computes the gradient of a kernel faster than TensorFlow, if anything here does."""
    height, width = x.shape[1:3]
    if padding == "same" and width is not None:
        if height is not None and height * width <= _FEW and (size in _WIDE or width <= _NARROW):
            return _kernel_gradient_by_pixels
        if size in _WIDE and strides == (1, 1) and width % 2 == 0:
            return _kernel_gradient
    return _kernel_gradient_in_float32 if _is_slow(x.dtype, size, strides) else None


def _is_slow(dtype: Any, size: int, strides: tuple[int, int]) -> bool:
    """Whether oneDNN has nothing but a reference implementation of one of the gradients in this type."""
    return dtype in _NARROW_TYPES and (max(strides) > 1 or size in _WIDE)


def _widened(x: Any) -> Any:
    """The values in a type that oneDNN has all gradients for."""
    return ops.cast(x, "float32") if x.dtype in _NARROW_TYPES else x


def _by_phases(x, kernel, dilation):
    """A dilated convolution of maps whose sides are multiples of the dilation."""
    height, width, channels = x.shape[1:]
    rows, columns = height // dilation, width // dilation
    phases = ops.transpose(ops.reshape(x, (-1, rows, dilation, width * channels)), (0, 2, 1, 3))
    phases = ops.reshape(phases, (-1, rows, columns, dilation * channels))
    y = depthwise_conv(phases, ops.tile(kernel, (1, 1, dilation, 1)), (1, 1), 1, training=True)
    y = ops.transpose(ops.reshape(y, (-1, dilation, rows, width * channels)), (0, 2, 1, 3))
    return ops.reshape(y, (-1, height, width, channels))


def _with_kernel_gradient(of_kernel, x, kernel, strides, padding):
    """The convolution, whose kernel's gradient is `of_kernel(x, dy, size, strides, padding)`."""
    import tensorflow as tf

    steps, border = [1, *strides, 1], padding.upper()

    # TensorFlow keeps the graph of every such call for ever, and `traces.traced` keeps their number small.
    @tf.custom_gradient
    def apply(x, kernel):
        def of_image(dy):
            if max(strides) == 1 and border == "SAME" and _is_odd(kernel):
                return tf.nn.depthwise_conv2d(dy, tf.reverse(kernel, [0, 1]), steps, border)
            wide = _widened(kernel), _widened(dy)
            return tf.cast(tf.nn.depthwise_conv2d_backprop_input(tf.shape(x), *wide, steps, border), x.dtype)

        def gradient(dy):
            return of_image(dy), tf.cast(of_kernel(x, dy, kernel.shape[0], strides, border), kernel.dtype)

        return tf.nn.depthwise_conv2d(x, kernel, steps, border), gradient

    return apply(x, kernel)


def _kernel_gradient_in_float32(x, dy, size, strides, padding):
    """TensorFlow's gradient of a `(size, size, channels, 1)` kernel, whatever the type of the images."""
    import tensorflow as tf

    return tf.nn.depthwise_conv2d_backprop_filter(
        _widened(x), (size, size, x.shape[-1], 1), _widened(dy), [1, *strides, 1], padding
    )


def _kernel_gradient_by_pixels(x, dy, size, strides, padding):
    """The gradient of a `(size, size, channels, 1)` kernel for images of few pixels."""
    import tensorflow as tf

    del padding  # the border of "same"
    channels = x.shape[-1]
    images, slopes = (_widened(tf.reshape(maps, (-1, math.prod(maps.shape[1:3]), channels))) for maps in (x, dy))
    pairs = tf.matmul(tf.transpose(images, (2, 1, 0)), tf.transpose(slopes, (2, 0, 1)))
    joined = tf.constant(_joined(*x.shape[1:3], size, strides), pairs.dtype)
    sums = tf.matmul(tf.reshape(pairs, (channels, -1)), joined)
    return tf.reshape(tf.transpose(sums), (size, size, channels, 1))


@functools.cache
def _joined(height: int, width: int, size: int, strides: tuple[int, int]) -> np.ndarray:
    """Which value of a kernel joins a pixel of the image and one of the result, in TensorFlow's "same" padding.

    Returns:
        Booleans `(pairs of pixels, size²)`.
    """

    def along(before: int, stride: int) -> np.ndarray:
        after = -(-before // stride)
        border = max(0, (after - 1) * stride + size - before) // 2
        offsets = np.arange(before)[:, None] - stride * np.arange(after) + border
        return offsets[..., None] == np.arange(size)

    by_row, by_column = along(height, strides[0]), along(width, strides[1])
    joined = by_row[:, None, :, None, :, None] & by_column[None, :, None, :, None, :]
    return joined.reshape(-1, size * size)


def _kernel_gradient(x, dy, size, strides, padding):
    """The gradient of a `(size, size, channels, 1)` kernel."""
    import tensorflow as tf

    del strides, padding  # 1, and the border of "same"
    batch, height, width, channels = (s or d for s, d in zip(x.shape, tf.unstack(tf.shape(x)), strict=True))

    def three_columns(x, dy):
        return tf.raw_ops.DepthwiseConv2dNativeBackpropFilter(
            input=x,
            filter_sizes=[size, 3, x.shape[-1], 1],
            out_backprop=dy,
            strides=[1, 1, 1, 1],
            padding="SAME",
        )

    def in_pairs(x):
        return tf.reshape(x, (batch, height, width // 2, 2 * channels))

    def every_other_column(x):
        """Columns -2, 0 and 2: the sum over the pixels at even and at odd positions."""
        columns = three_columns(in_pairs(x), in_pairs(dy))
        return tf.reduce_sum(tf.reshape(columns, (size, 3, 2, channels, 1)), axis=2)

    middle, outer = three_columns(x, dy), every_other_column(x)
    left, right = [outer[:, :1]], [outer[:, 2:]]
    if size == 7:
        shifted_right = tf.pad(x[:, :, :-1], ((0, 0), (0, 0), (1, 0), (0, 0)))
        shifted_left = tf.pad(x[:, :, 1:], ((0, 0), (0, 0), (0, 1), (0, 0)))
        left.insert(0, every_other_column(shifted_right)[:, :1])
        right.append(every_other_column(shifted_left)[:, 2:])
    return tf.concat([*left, middle, *right], axis=1)
