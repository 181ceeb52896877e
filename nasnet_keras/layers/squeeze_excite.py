"""Squeeze-and-excite."""

from typing import Any

import keras
from keras import ops

from nasnet_keras.layers.first_kernels import he_normal
from nasnet_keras.layers.normalized import CountedLayer
from nasnet_keras.layers.traces import traced
from nasnet_keras.utils.checks import positive_integer

__all__ = ["SqueezeExcite", "squeezed_and_excited"]

_LAST = "channels_last"


@keras.saving.register_keras_serializable("nasnet_keras")
class SqueezeExcite(CountedLayer):
    """Scale each channel by a factor between 0 and 1 that two small layers compute of the mean of all channels.

    Average over all positions, 1×1 convolution, ReLU, 1×1 convolution, sigmoid; the input times that. Both
    convolutions have biases.

    Args:
        reduced: width between the two convolutions.

    Shapes: `(batch, height, width, channels)` to the same shape.

    Source: Hu et al. 2018 (arXiv 1709.01507), section 3; with 1×1 convolutions as in MnasNet's published code.

    Example:
        >>> SqueezeExcite(2)(np.ones((1, 4, 4, 8), "float32")).shape
        TensorShape([1, 4, 4, 8])
    """

    def __init__(self, reduced, **kwargs):
        super().__init__(**kwargs)
        self.reduced = positive_integer("reduced", reduced)

    def build(self, input_shape):
        channels = input_shape[-1]
        for part, before, after in (("reduce", channels, self.reduced), ("expand", self.reduced, channels)):
            kernel = self.add_weight(name=f"{part}_kernel", shape=(1, 1, before, after), initializer=he_normal)
            bias = self.add_weight(name=f"{part}_bias", shape=(after,), initializer="zeros")
            setattr(self, f"{part}_kernel", kernel)
            setattr(self, f"{part}_bias", bias)

    def call(self, x):
        return traced(squeezed_and_excited, x, *self.weights)[0]

    def compute_output_shape(self, input_shape):
        return input_shape

    def multiply_adds(self, input_shape):
        return 2 * input_shape[-1] * self.reduced

    def get_config(self):
        return {**super().get_config(), "reduced": self.reduced}


def squeezed_and_excited(
    x: Any, reduce_kernel: Any, reduce_bias: Any, expand_kernel: Any, expand_bias: Any
) -> tuple[Any]:
    """The input times the factors, as a pure function of a tuple of one tensor, which `traces.traced` takes."""
    mean = ops.mean(ops.cast(x, "float32"), axis=(1, 2), keepdims=True)  # a sum of thousands of narrow numbers
    narrow = ops.relu(ops.conv(ops.cast(mean, x.dtype), reduce_kernel, 1, "valid", _LAST) + reduce_bias)
    return (x * ops.sigmoid(ops.conv(narrow, expand_kernel, 1, "valid", _LAST) + expand_bias),)
