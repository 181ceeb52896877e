"""Average pools of fused networks as convolutions."""

from typing import Any

import keras
import numpy as np
from keras import ops

from nasnet_keras.layers.pooling import AveragePooling2D
from nasnet_keras.layers.windows import window_shape

__all__ = ["ConvolvedAveragePooling2D"]


@keras.saving.register_keras_serializable("nasnet_keras")
class ConvolvedAveragePooling2D(keras.layers.Layer):
    """Average pooling as a depthwise convolution, and a factor for each position if windows cross the border.

    Args:
        pool_size, strides: of two numbers each.
        padding: `"valid"` or `"same"`.

    Example:
        >>> layer = ConvolvedAveragePooling2D((3, 3), (1, 1), "same")
        >>> layer(np.arange(9.0, dtype="float32").reshape(1, 3, 3, 1))[0, :, :, 0].numpy().round(3).tolist()
        [[2.0, 2.5, 3.0], [3.5, 4.0, 4.5], [5.0, 5.5, 6.0]]
    """

    def __init__(self, pool_size, strides, padding, **kwargs):
        super().__init__(**kwargs)
        self.pool_size = tuple(pool_size)
        self.strides = tuple(strides)
        self.padding = padding

    def plain(self):
        """Make the average pool that this layer does the work of."""
        return AveragePooling2D(self.pool_size, self.strides, self.padding, name=self.name)

    def call(self, x):
        counts = _counts(x.shape[1:3], self.pool_size, self.strides, self.padding)
        if counts is None:
            return self.plain().call(x)
        kernel = np.full((*self.pool_size, x.shape[-1], 1), 1 / counts.min(), "float32")
        y = ops.depthwise_conv(x, kernel, self.strides, self.padding, "channels_last")
        return y if np.ptp(counts) == 0 else y * (counts.min() / counts)[None, :, :, None].astype("float32")

    def compute_output_shape(self, input_shape):
        return window_shape(input_shape, input_shape[-1], self.pool_size, self.strides, self.padding)

    def get_config(self):
        own = {"pool_size": self.pool_size, "strides": self.strides, "padding": self.padding}
        return {**super().get_config(), **own}


def _counts(sizes: tuple[int | None, ...], window: tuple[int, int], strides: tuple[int, int], padding: str) -> Any:
    """Count the pixels that each window covers; None if the border matters and sizes are unknown."""
    if padding == "valid":
        return np.array([[window[0] * window[1]]])
    if None in sizes:
        return None
    found = []
    for size, length, stride in zip(sizes, window, strides, strict=True):
        number = -(-size // stride)
        first = np.arange(number) * stride - max(0, (number - 1) * stride + length - size) // 2
        found.append(np.minimum(first + length, size) - np.maximum(first, 0))
    return np.outer(*found)
