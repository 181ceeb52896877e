"""Batch normalisation as a layer of its own, by the rules of the other layers."""

import keras

from nasnet_keras.layers.normalized import NormalizedConv

__all__ = ["BatchNorm"]


@keras.saving.register_keras_serializable("nasnet_keras")
class BatchNorm(NormalizedConv):
    """Batch normalisation of a map that does not come from a convolution.

    Args:
        filters: number of channels.
        relu: whether a ReLU comes before it.
        momentum, epsilon: as for `ConvBatchNorm`.

    Shapes: `(batch, height, width, filters)` to the same shape.

    Example:
        >>> BatchNorm(3)(np.ones((1, 4, 4, 3), "float32")).shape
        TensorShape([1, 4, 4, 3])
    """

    def build(self, input_shape):
        del input_shape
        self._add_normalization()

    def _kernels(self):
        return []

    @staticmethod
    def convolve(x, kernels, training):
        del kernels, training
        return x

    def compute_output_shape(self, input_shape):
        return input_shape
