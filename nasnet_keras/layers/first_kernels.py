"""How kernels of convolutions start: He's normal distribution by the fan out, cut off at two deviations.

Source: He et al. 2015 (arXiv 1502.01852), section 2.2, in the form of TF-Slim's variance scaling.
"""

import math

import keras
import numpy as np

__all__ = ["he_normal", "he_normal_values"]

_CUT_OFF = 0.87962566103423978  # the standard deviation of a normal distribution that is cut off at two


def he_normal() -> keras.initializers.Initializer:
    """A new initializer for one kernel: the same instance would give equal values for equal shapes."""
    return keras.initializers.VarianceScaling(2.0, "fan_out", "truncated_normal")


def he_normal_values(shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """The values of a kernel `(height, width, channels, filters)` of the same distribution, by NumPy's generator.

    Returns:
        A float32 array. It depends on the state of the generator alone, on every backend.
    """
    values = generator.standard_normal(shape, np.float32)
    while (outside := np.abs(values) > 2.0).any():
        values[outside] = generator.standard_normal(int(outside.sum()), np.float32)
    deviation = math.sqrt(2.0 / (shape[0] * shape[1] * shape[3]))
    return values * np.float32(deviation / _CUT_OFF)
