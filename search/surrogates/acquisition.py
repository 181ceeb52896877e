"""What a candidate is worth to a search, by its predicted reward."""

import math

import numpy as np

from nasnet_keras.search.surrogates.base import Prediction

__all__ = ["log_expected_improvement"]

_FAR = -5.0  # deviations below the best, from where the series of the tail is exact to a hundredth
_LEAST = 1e-9  # deviation


def log_expected_improvement(prediction: Prediction, best: float) -> np.ndarray:
    """Compute the logarithm of the expected improvement over the best reward that is known.

    The improvement itself is 0 in floating point for most candidates, so that they could not be told apart.

    Args:
        prediction: predicted rewards, normally distributed.
        best: the best reward, or the best expected one if rewards are noisy.

    Returns:
        Numbers of shape (networks,), finite.

    Source: Ament et al. 2023 (arXiv 2310.20708), section 4.1.

    Example:
        >>> prediction = Prediction(np.array([1.0, 0.0, -9.0]), np.array([0.1, 1.0, 0.1]))
        >>> log_expected_improvement(prediction, best=0.5).round(1).tolist()
        [-0.7, -1.6, -4524.8]
    """
    deviation = np.maximum(prediction.deviation, _LEAST)
    ahead = (prediction.mean - best) / deviation
    near, far = np.maximum(ahead, _FAR), np.minimum(ahead, _FAR)
    density = np.exp(-0.5 * near**2) / math.sqrt(2 * math.pi)
    above = 0.5 * np.array([math.erfc(-one / math.sqrt(2)) for one in near])
    tail = -0.5 * far**2 - 0.5 * math.log(2 * math.pi) - np.log(far**2 + 3)  # Mills' ratio to its third term
    return np.log(deviation) + np.where(ahead > _FAR, np.log(density + near * above), tail)
