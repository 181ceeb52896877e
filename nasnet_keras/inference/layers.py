"""Layers of fused networks that Keras does not have."""

from typing import Any

import keras
from keras import ops

from nasnet_keras.layers.squeeze_excite import SqueezeExcite, squeezed_and_excited
from nasnet_keras.layers.windows import bordered, every_other_pixel, subsampled

__all__ = ["BandedDepthwiseConv2D", "Channels", "DilatedDepthwiseConv2D", "EveryOtherPixel", "FixedConv2D"]
__all__ += ["FixedDepthwiseConv2D", "FixedSqueezeExcite", "PlainReLU"]

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
    """A depthwise convolution that applies a large kernel as a sum of kernels of a few rows each.

    XNNPACK, which runs LiteRT files, has fast code for up to 25 weights a channel; 49 take it 30 times as long as 25.

    Args:
        rows: the number of rows of the kernel to apply at once.

    Example:
        >>> BandedDepthwiseConv2D(7, 2, rows=3)(np.ones((1, 16, 15, 8), "float32")).shape
        TensorShape([1, 8, 8, 8])
    """

    def __init__(self, kernel_size, strides=1, *, rows, **kwargs):
        super().__init__(kernel_size, strides, **kwargs)
        self.rows = rows

    def _convolve(self, x, kernel):
        size = kernel.shape[0]
        if self.padding == "same":
            x = bordered(x, size // 2, self.strides[0])
        parts = []
        for first in range(0, size, self.rows):
            last = min(first + self.rows, size)
            seen = x[:, first : last - size or None]
            parts.append(ops.depthwise_conv(seen, kernel[first:last], self.strides, "valid", _LAST))
        return sum(parts[1:], self._biased(parts[0]))

    def get_config(self):
        return {**super().get_config(), "rows": self.rows}


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
            return self._biased(self._as_one(x, kernel))
        x, strides, dilation = subsampled(x, tuple(self.strides), self.dilation_rate[0])
        return self._biased(ops.depthwise_conv(x, kernel, strides, self.padding, _LAST, dilation))

    def _as_one(self, x, kernel):
        import tensorflow as tf

        (rows, columns), rate = self.strides, self.dilation_rate[0]
        return tf.raw_ops.DepthwiseConv2dNative(
            input=x,
            filter=kernel,
            strides=[1, rows, columns, 1],
            padding=self.padding.upper(),
            dilations=[1, rate, rate, 1],
        )


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


def _constant(variable: Any) -> Any:
    """Read a variable; within a function that TensorFlow compiles, as a constant of the function."""
    value = variable.value
    if keras.backend.backend() != "tensorflow":
        return value
    import tensorflow as tf

    # If Keras calls a layer statelessly, the value is a tensor that the caller passed.
    if tf.executing_eagerly() or not isinstance(value, tf.Variable):
        return value
    with tf.init_scope():
        array = value.numpy()
    return tf.constant(array)


def _traced_by_tensorflow() -> bool:
    if keras.backend.backend() != "tensorflow":
        return False
    import tensorflow as tf

    return not tf.executing_eagerly()
