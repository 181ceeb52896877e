"""Concatenation of maps of different sizes."""

import functools
from typing import Any

import keras
from keras import ops

__all__ = ["PaddedConcatenate"]


@keras.saving.register_keras_serializable("nasnet_keras")
class PaddedConcatenate(keras.layers.Layer):
    """Concatenate channels of maps of any sizes, with zeros around the smaller ones.

    A map stands in the middle. If an odd number of zeros is missing, there is one more behind it.

    Call it with a list of maps.

    Shapes: `(batch, height, width, channels)` each, to the largest height, the largest width and all channels.

    Source: Zoph and Le 2017, section 3.3.

    Example:
        >>> maps = [np.ones((1, 4, 2, 3), "float32"), np.ones((1, 1, 3, 5), "float32")]
        >>> PaddedConcatenate()(maps).shape
        TensorShape([1, 4, 3, 8])
    """

    def call(self, inputs):
        sizes = [ops.shape(x)[1:3] for x in inputs]
        target = [_largest(each) for each in zip(*sizes, strict=True)]
        return ops.concatenate([_padded(x, size, target) for x, size in zip(inputs, sizes, strict=True)], axis=-1)

    def compute_output_shape(self, input_shape):
        def largest(sizes):
            return None if None in sizes else max(sizes)

        spatial = (largest([shape[axis] for shape in input_shape]) for axis in (1, 2))
        return (input_shape[0][0], *spatial, sum(shape[-1] for shape in input_shape))


def _padded(x: Any, size: Any, target: list[Any]) -> Any:
    missing = [wanted - found for wanted, found in zip(target, size, strict=True)]
    if all(isinstance(number, int) and number == 0 for number in missing):
        return x
    rows, columns = ((number // 2, number - number // 2) for number in missing)
    padded = ops.pad(x, ((0, 0), rows, columns, (0, 0)))
    # TensorFlow forgets the number of channels if it does not know how much is padded, and LiteRT needs it.
    return padded if all(isinstance(size, int) for size in target) else ops.reshape(padded, (-1, *target, x.shape[-1]))


def _largest(sizes: Any) -> Any:
    """The largest size: an int if all sizes are known, else a tensor, as unknown sizes are on TensorFlow."""
    if all(isinstance(size, int) for size in sizes):
        return max(sizes)
    return functools.reduce(ops.maximum, sizes)
