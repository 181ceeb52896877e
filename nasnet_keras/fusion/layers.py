"""The Keras layers that a fused network needs beside Keras' own."""

from typing import Any

import keras
from keras import ops

__all__ = ["EveryOtherPixel", "Split"]

_register = keras.saving.register_keras_serializable("nasnet_keras")


@_register
class Split(keras.layers.Layer):
    """Cut channels into parts.

    Args:
        sizes: channels of each part, all channels together.

    Shapes: `(…, channels)` to a list of `(…, size)`.

    Example:
        >>> [part.shape[-1] for part in Split([2, 6])(np.ones((1, 4, 4, 8)))]
        [2, 6]
    """

    def __init__(self, sizes: list[int], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.sizes = list(sizes)

    def call(self, x):
        ends = [sum(self.sizes[: i + 1]) for i in range(len(self.sizes) - 1)]
        return list(ops.split(x, ends, axis=-1))

    def compute_output_shape(self, input_shape):
        return [(*input_shape[:-1], size) for size in self.sizes]

    def get_config(self):
        return {**super().get_config(), "sizes": self.sizes}


@_register
class EveryOtherPixel(keras.layers.Layer):
    """The pixels that a convolution with an even dilation reads at stride 2: odd ones of even sizes, else even ones.

    Shapes: `(batch, height, width, channels)` to `(batch, ceil(height / 2), ceil(width / 2), channels)`.

    Example:
        >>> EveryOtherPixel()(np.arange(16.0).reshape(1, 4, 4, 1))[0, :, :, 0].numpy().tolist()
        [[5.0, 7.0], [13.0, 15.0]]
    """

    def call(self, x):
        height, width = ops.shape(x)[1:3]
        return x[:, (height + 1) % 2 :: 2, (width + 1) % 2 :: 2]

    def compute_output_shape(self, input_shape):
        return (input_shape[0], *(size and -(-size // 2) for size in input_shape[1:3]), input_shape[-1])
