"""Synaptic flow: what flows through all weights of a network at once."""

import math

import tensorflow as tf

from nasnet_keras.search.proxies.subject import Subject
from nasnet_keras.training.errors import DivergedError

__all__ = ["flow", "synflow"]


def synflow(subject: Subject) -> float:
    """Compute log(1 + the flow through all weights), a number from 0.

    Raises:
        DivergedError: the flow is too large for float64, as in networks of hundreds of convolutions one after another.

    Source: Tanaka et al. 2020 (arXiv 2006.05467), section 5; the sum over a network is of Abdelfattah et al. 2021
    (arXiv 2101.08134), section 3.3. The logarithm puts networks in the same order, over hundreds of decades.
    """
    found = flow(subject)
    if not math.isfinite(found):
        raise DivergedError(f"the flow through the weights is {found}: float64 cannot hold it")
    return math.log1p(found)


def flow(subject: Subject) -> float:
    """Compute the sum of |w · dL/dw| over all weights w of convolutions and dense layers.

    L is the sum of the logits of an image of ones, all weights are taken by their absolute values, and there is no
    batch normalisation. Biases are zero at first, and nothing flows through them. No image is read, and the first
    weights stay as they are.
    """
    weights: list[tf.Tensor] = []
    with tf.GradientTape() as tape:

        def weight(layer: str, part: str, shape: tuple[int, ...]) -> tf.Tensor:
            weights.append(tf.cast(tf.abs(subject.weights(layer, part, shape)), tf.float64))
            tape.watch(weights[-1])
            return weights[-1]

        total = tf.reduce_sum(subject.logits(tf.ones((1, *subject.shape), tf.float64), weight, normalize=False))
    gradients = tape.gradient(total, weights, unconnected_gradients=tf.UnconnectedGradients.ZERO)
    return float(sum(tf.reduce_sum(tf.abs(w * g)) for w, g in zip(weights, gradients, strict=True)))
