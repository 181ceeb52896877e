"""How kernels of convolutions start: He's normal distribution by the fan out, cut off at two deviations.

Source: He et al. 2015 (arXiv 1502.01852), section 2.2, in the form of TF-Slim's variance scaling.

NumPy draws them. An initializer of Keras takes several operations of the backend for each kernel, which were a third of
the time to build a network of hundreds of small ones.
"""

import functools
import math
import random
from typing import Any

import numpy as np

__all__ = ["he_normal", "he_normal_values"]

_CUT_OFF = 2.0  # deviations of the normal distribution
_LEVELS = 2**16


def he_normal(shape: tuple[int, ...], dtype: Any = "float32") -> np.ndarray:
    """The first values of a kernel, as an initializer of Keras gives them.

    `keras.utils.set_random_seed` determines them, and they are the same on every backend.

    Example:
        >>> he_normal((3, 3, 8, 16)).shape
        (3, 3, 8, 16)
    """
    return he_normal_values(shape, np.random.default_rng(random.randrange(2**31))).astype(dtype, copy=False)


def he_normal_values(shape: tuple[int, ...], generator: np.random.Generator) -> np.ndarray:
    """The values of a kernel `(height, width, channels, filters)` of the same distribution, by NumPy's generator.

    Returns:
        A float32 array. It depends on the state of the generator alone, on every backend.
    """
    values = _quantiles()[generator.integers(0, _LEVELS, shape, np.uint16)]
    values *= np.float32(math.sqrt(2.0 / (shape[0] * shape[1] * shape[3])))
    return values


@functools.cache
def _quantiles() -> np.ndarray:
    """Values of the distribution with a deviation of 1, each as likely as any other: drawing one takes 16 bits."""
    x = np.linspace(-_CUT_OFF, _CUT_OFF, 2 * _LEVELS + 1)
    density = np.exp(-np.square(x) / 2)
    below = np.concatenate([[0.0], np.cumsum(density[1:] + density[:-1])])
    values = np.interp((np.arange(_LEVELS) + 0.5) / _LEVELS, below / below[-1], x)
    return (values / values.std()).astype(np.float32)
