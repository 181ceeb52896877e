"""Pools that give equal results on every backend and train fast, and the pools of `keras.applications`."""

import keras
from keras import ops

from nasnet_keras.layers.windows import bordered, window_shape
from nasnet_keras.utils.environment import tensorflow_on_processor

__all__ = ["AveragePooling2D", "MaxPooling2D", "PaddedPooling2D"]

_register = keras.saving.register_keras_serializable("nasnet_keras")
_LARGE = 5  # sides of windows from which two pools along one axis each are faster


@_register
class AveragePooling2D(keras.layers.AveragePooling2D):
    """Keras' average pooling, with equal results on every backend.

    With `padding="same"`, pixels beyond the border do not count. Keras 3.15 on PyTorch repeats the border instead if a
    stride makes the padding uneven.

    Example:
        >>> float(AveragePooling2D(3, 2, "same")(np.ones((1, 4, 4, 1), "float32"))[0, 1, 1, 0])
        1.0
    """

    def call(self, inputs):
        if keras.backend.backend() != "torch" or self.padding != "same":
            return super().call(inputs)
        borders = [(0, 0)]
        for size, window, stride in zip(inputs.shape[1:3], self.pool_size, self.strides, strict=True):
            missing = max(0, (-(-size // stride) - 1) * stride + window - size)
            borders.append((missing // 2, missing - missing // 2))
        borders.append((0, 0))

        def pool(x):
            return ops.average_pool(ops.pad(x, borders), self.pool_size, self.strides, "valid", "channels_last")

        return pool(inputs) / pool(ops.ones_like(inputs[:1, :, :, :1]))


@_register
class MaxPooling2D(keras.layers.MaxPooling2D):
    """Keras' max pooling, which trains fast with large windows.

    TensorFlow's gradient on processors visits every pixel of every window. So in training the maximum is taken down the
    columns first, and then along the rows. The result is the same; where several pixels of a window are the largest,
    the gradient may go to another of them.

    Example:
        >>> float(MaxPooling2D(5, 1, "same")(np.eye(4, dtype="float32")[None, :, :, None], training=True)[0, 0, 3, 0])
        1.0
    """

    def call(self, inputs, training=None):
        if not training or min(self.pool_size) < _LARGE or not tensorflow_on_processor():
            return super().call(inputs)
        (height, width), (down, right) = self.pool_size, self.strides
        columns = ops.max_pool(inputs, (height, 1), (down, 1), self.padding, self.data_format)
        return ops.max_pool(columns, (1, width), (1, right), self.padding, self.data_format)


@_register
class PaddedPooling2D(keras.layers.Layer):
    """Pooling at stride 2 with a border of zeros, as `keras.applications.nasnet` pads by hand.

    TensorFlow's own `"same"` padding ignores pixels beyond the border. Here they are zeros, which take part in the
    maximum and in the average. If a size is even, there is one row or column less of them at the start.

    Args:
        kind: `"max"` or `"avg"`.
        pool_size: side of the window.

    Shapes: `(batch, height, width, channels)` to `(batch, ceil(height / 2), ceil(width / 2), channels)`.

    Example:
        >>> float(PaddedPooling2D("max", 3)(-np.ones((1, 4, 4, 1), "float32"))[0, 1, 1, 0])
        0.0
    """

    def __init__(self, kind, pool_size, **kwargs):
        super().__init__(**kwargs)
        if kind not in ("max", "avg"):
            raise ValueError(f"kind must be 'max' or 'avg', got {kind!r}")
        self.kind = kind
        self.pool_size = pool_size

    def call(self, x):
        x = bordered(x, self.pool_size // 2, 2)
        pool = ops.max_pool if self.kind == "max" else ops.average_pool
        return pool(x, self.pool_size, 2, "valid", "channels_last")

    def compute_output_shape(self, input_shape):
        return window_shape(input_shape, input_shape[-1], (1, 1), (2, 2), "same")

    def get_config(self):
        return {**super().get_config(), "kind": self.kind, "pool_size": self.pool_size}
