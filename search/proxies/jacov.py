"""Jacobian covariance: how differently the logits of a network depend on the images of a batch."""

import numpy as np
import tensorflow as tf

from nasnet_keras.search.proxies.subject import Subject
from nasnet_keras.training.errors import DivergedError

__all__ = ["divergence", "jacobian", "jacov"]

_SMALL = 1e-5  # k in the paper


def jacov(subject: Subject) -> float:
    """Compute how little the gradients of images are correlated, from 0 to 1.

    The paper's score is `S = -sum(log(v + k) + 1 / (v + k))` over the eigenvalues v of the correlations of all images'
    gradients, with k = 1e-5, and is at most -n for n images. This is `n / -S`, which puts networks in the same order
    and is a number from 0: 1 if no two images are correlated.

    Raises:
        DivergedError: the logits do not depend on some image, or their gradient is not finite.

    Source: Mellor et al. 2020 (arXiv 2006.04647v1), section 3; "jacob_cov" or "jacov" in Abdelfattah et al. 2021.
    """
    gradients = jacobian(subject)
    if not np.isfinite(gradients).all():
        raise DivergedError("the gradient of the logits is not finite")
    return len(gradients) / divergence(gradients)


def jacobian(subject: Subject) -> np.ndarray:
    """Compute the gradient of the sum of all logits for each image, float64 `(count, values of an image)`."""
    images = subject.scaled
    with tf.GradientTape() as tape:
        tape.watch(images)
        total = tf.reduce_sum(subject.logits(images))
    found = tape.gradient(total, images, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return found.numpy().reshape(len(images), -1).astype(np.float64)


def divergence(gradients: np.ndarray) -> float:
    """Compute the paper's score with the other sign: a number from the number of images.

    Raises:
        DivergedError: a gradient is constant, and so has no correlation with others.
    """
    if not gradients.std(axis=1).all():
        raise DivergedError("the logits do not depend on the values of some image")
    values = np.maximum(np.linalg.eigvalsh(np.corrcoef(gradients)), 0.0) + _SMALL
    return float((np.log(values) + 1.0 / values).sum())
