"""Layers of fused networks that Keras does not have."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
from keras import ops

from nasnet_keras.layers.squeeze_excite import SqueezeExcite, squeezed_and_excited
from nasnet_keras.layers.windows import bordered, crossing, every_other_pixel, subsampled, window_shape

__all__ = ["BandedDepthwiseConv2D", "BorderedMaxPooling2D", "Channels", "DilatedDepthwiseConv2D", "EveryOtherPixel"]
__all__ += ["FixedConv2D", "FixedDepthwiseConv2D", "FixedSqueezeExcite", "PlainReLU", "kernel_bands"]

_register = keras.saving.register_keras_serializable("nasnet_keras")
_LAST = "channels_last"


@_register
class FixedConv2D(keras.layers.Conv2D):
    """Keras' convolution, with weights that are constants of the functions that TensorFlow compiles.

    oneDNN reorders a kernel before it computes: a constant one once, a variable one every time, which takes a quarter
    of a small network's time. A compiled function therefore keeps the weights that it was compiled with.

    Example:
        >>> FixedConv2D(8, 3, padding="same")(np.ones((1, 4, 4, 3), "float32")).shape
        TensorShape([1, 4, 4, 8])
    """

    def call(self, x):
        y = ops.conv(x, _constant(self.kernel), self.strides, self.padding, _LAST, self.dilation_rate)
        return self.activation(ops.add(y, _constant(self.bias)))


@_register
class FixedDepthwiseConv2D(keras.layers.DepthwiseConv2D):
    """Keras' depthwise convolution, by default without bias, and with constant weights as in `FixedConv2D`.

    Example:
        >>> FixedDepthwiseConv2D(3)(np.ones((1, 4, 4, 8), "float32")).shape
        TensorShape([1, 4, 4, 8])
    """

    def __init__(self, kernel_size, strides=1, **kwargs):
        super().__init__(kernel_size, strides, **{"padding": "same", "use_bias": False, **kwargs})

    def call(self, x):
        return self.activation(self._convolve(x, _constant(self.kernel)))

    def _convolve(self, x, kernel):
        return self._biased(ops.depthwise_conv(x, kernel, self.strides, self.padding, _LAST, self.dilation_rate))

    def _biased(self, y):
        return ops.add(y, _constant(self.bias)) if self.use_bias else y


@_register
class BandedDepthwiseConv2D(FixedDepthwiseConv2D):
    """A depthwise convolution whose large kernel converters see in bands around its center, as a sum.

    XNNPACK, which runs LiteRT files, has fast code for up to 25 weights a channel; 49 take it 30 times as long as 25.
    Seven rows and columns become five, and around them grids of 3×3 and 2×2 with a dilation, each of which reads the
    map with zeros of its own around it. Bands of rows would read parts of a map with a border, which are copies.

    Args:
        most_taps: the largest number of weights to apply at once, 9 or more.
        rows: nothing; earlier versions banded by rows.

    Example:
        >>> BandedDepthwiseConv2D(7, 2)(np.ones((1, 16, 15, 8), "float32")).shape
        TensorShape([1, 8, 8, 8])
    """

    def __init__(self, kernel_size, strides=1, *, most_taps=25, rows=None, **kwargs):
        super().__init__(kernel_size, strides, **kwargs)
        del rows
        self.most_taps = most_taps

    def _convolve(self, x, kernel):
        if not _traced_by_tensorflow():
            return super()._convolve(x, kernel)
        bands = [self._band(x, *band) for band in kernel_bands(_array(self.kernel)[..., 0], self.most_taps)]
        return sum(bands[:-1], self._biased(bands[-1]))

    def _band(self, x, kernel, dilation):
        if self.padding == "valid":
            sizes = zip(kernel.shape, dilation, strict=False)
            rows, columns = ((self.kernel_size[0] - (taps - 1) * rate - 1) // 2 for taps, rate in sizes)
            x = x[:, rows : -rows or None, columns : -columns or None]
        return _depthwise_conv(x, kernel[..., None], self.strides, self.padding, dilation)

    def get_config(self):
        return {**super().get_config(), "most_taps": self.most_taps}


@_register
class DilatedDepthwiseConv2D(FixedDepthwiseConv2D):
    """A depthwise convolution with a dilation, and perhaps a stride, that converters see as one operation.

    TensorFlow computes one on rearranged pixels, and converters keep what rearranges them. A function that TensorFlow
    traces gets the operation that it would be, which TensorFlow itself cannot run on processors.

    Example:
        >>> DilatedDepthwiseConv2D(3, 2, dilation_rate=2)(np.ones((1, 16, 15, 8), "float32")).shape
        TensorShape([1, 8, 8, 8])
    """

    def _convolve(self, x, kernel):
        if _traced_by_tensorflow():
            return self._biased(_depthwise_conv(x, kernel, self.strides, self.padding, self.dilation_rate))
        x, strides, dilation = subsampled(x, tuple(self.strides), self.dilation_rate[0])
        return self._biased(ops.depthwise_conv(x, kernel, strides, self.padding, _LAST, dilation))


@_register
class FixedSqueezeExcite(SqueezeExcite):
    """Squeeze-and-excite with constant weights as in `FixedConv2D`.

    Example:
        >>> FixedSqueezeExcite(2)(np.ones((1, 4, 4, 8), "float32")).shape
        TensorShape([1, 4, 4, 8])
    """

    def call(self, x):
        return squeezed_and_excited(x, *(_constant(weight) for weight in self.weights))[0]


@_register
class Channels(keras.layers.Layer):
    """A range of channels.

    Args:
        start, stop: the first channel, and the channel after the last.

    Example:
        >>> Channels(2, 6)(np.ones((1, 4, 4, 8))).shape
        TensorShape([1, 4, 4, 4])
    """

    def __init__(self, start, stop, **kwargs):
        super().__init__(**kwargs)
        self.start = start
        self.stop = stop

    def call(self, x):
        return x[..., self.start : self.stop]

    def compute_output_shape(self, input_shape):
        return (*input_shape[:-1], self.stop - self.start)

    def get_config(self):
        return {**super().get_config(), "start": self.start, "stop": self.stop}


@_register
class EveryOtherPixel(keras.layers.Layer):
    """The pixels that a convolution of even dilation reads at stride 2: odd ones if the size is even, else even ones.

    Shapes: `(batch, height, width, channels)` to `(batch, ceil(height / 2), ceil(width / 2), channels)`.

    Example:
        >>> EveryOtherPixel()(np.arange(16.0).reshape(1, 4, 4, 1))[0, :, :, 0].numpy().tolist()
        [[5.0, 7.0], [13.0, 15.0]]
    """

    def call(self, x):
        return every_other_pixel(x)

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *(size and -(-size // 2) for size in input_shape[1:3]), input_shape[-1])


@_register
class BorderedMaxPooling2D(keras.layers.Layer):
    """The largest values of windows at stride 2 with zeros around the map, as `PaddedPooling2D("max", pool_size)`.

    The side of the window is odd.

    Of images of known size it makes no copy with the zeros, but takes them in where a window crosses the border.

    Example:
        >>> float(BorderedMaxPooling2D(3)(-np.ones((1, 4, 4, 1), "float32"))[0, 1, 1, 0])
        0.0
    """

    def __init__(self, pool_size, **kwargs):
        super().__init__(**kwargs)
        self.pool_size = pool_size

    def call(self, x):
        sizes = x.shape[1:3]
        if None in sizes:
            return ops.max_pool(bordered(x, self.pool_size // 2, 2), self.pool_size, 2, "valid", _LAST)
        rows, columns = (crossing(size, self.pool_size, 2) for size in sizes)
        least = np.where(rows[:, None] | columns, 0, np.finfo("float32").min).astype("float32")
        return ops.maximum(ops.max_pool(x, self.pool_size, 2, "same", _LAST), least[None, :, :, None])

    def compute_output_shape(self, input_shape):
        return window_shape(input_shape, input_shape[-1], (1, 1), (2, 2), "same")

    def get_config(self):
        return {**super().get_config(), "pool_size": self.pool_size}


@_register
class PlainReLU(keras.layers.Layer):
    """ReLU as a maximum, which no optimiser merges with the operation before it.

    Example:
        >>> PlainReLU()(np.array([-1.0, 2.0], "float32")).numpy().tolist()
        [0.0, 2.0]
    """

    def call(self, x):
        return ops.maximum(x, 0.0)

    def compute_output_shape(self, input_shape):
        return input_shape


def kernel_bands(kernel: np.ndarray, most: int) -> Iterator[tuple[np.ndarray, tuple[int, int]]]:
    """Cut a square kernel of `(size, size, channels)` into kernels, with dilations, that make it up from its center.

    All have the kernel's center, so that each reads the pixels that it should with padding of its own.

    Args:
        kernel: to cut.
        most: the largest number of weights a channel.

    Example:
        >>> [(band.shape[:2], dilation) for band, dilation in kernel_bands(np.ones((7, 7, 1)), 25)][::3]
        [((3, 3), (3, 3)), ((2, 2), (6, 2))]
    """
    size, rest = len(kernel), kernel.copy()
    if size * size <= most:
        yield rest, (1, 1)
        return

    def pair(index: int) -> slice:
        return slice(index, size - index, size - 1 - 2 * index)

    corners = slice(0, size, (size - 1) // 2) if size % 2 else pair(0)  # and what is between them, of an odd size
    grids = [(corners, corners)]
    for index in range(1, size // 2):
        grids += [(pair(0), pair(index)), (pair(index), pair(0))]
    for grid in grids:
        yield rest[grid].copy(), (grid[0].step, grid[1].step)
        rest[grid] = 0
    yield from kernel_bands(rest[1:-1, 1:-1], most)


def _depthwise_conv(x: Any, kernel: Any, strides: Any, padding: str, dilation: tuple[int, int]) -> Any:
    """TensorFlow's operation, also where its processors' code has none for it, to be converted."""
    import tensorflow as tf

    return tf.raw_ops.DepthwiseConv2dNative(
        input=x,
        filter=kernel,
        strides=[1, *strides, 1],
        padding=padding.upper(),
        dilations=[1, *dilation, 1],
    )


def _constant(variable: Any) -> Any:
    """Read a variable; within a function that TensorFlow compiles, as a constant of the function."""
    value = variable.value
    if keras.backend.backend() != "tensorflow":
        return value
    import tensorflow as tf

    # If Keras calls a layer statelessly, the value is a tensor that the caller passed.
    if tf.executing_eagerly() or not isinstance(value, tf.Variable):
        return value
    return tf.constant(_array(variable))


def _array(variable: Any) -> np.ndarray:
    """Read a variable, also within a function that TensorFlow compiles."""
    import tensorflow as tf

    with tf.init_scope():
        return variable.value.numpy()


def _traced_by_tensorflow() -> bool:
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.executing_eagerly()
