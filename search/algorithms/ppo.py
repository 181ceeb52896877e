"""Proximal policy optimisation."""

import tensorflow as tf

from nasnet_keras.search.algorithms.policy_gradient import PolicyGradient
from nasnet_keras.search.spaces.base import Space

__all__ = ["PPO"]


class PPO(PolicyGradient):
    """Several steps for each batch, on the clipped ratio of new to old probabilities.

    Args:
        space: the space to search.
        seed: seed of all random numbers.
        clip: distance of a ratio from 1 beyond which the objective gains nothing more.
        batch_size, epochs, learning_rate, entropy_weight: see `PolicyGradient`. NASNet's learning rate of 0.00035 is
            for 20,000 children; the default is for hundreds.

    Source: Schulman et al. 2017, equation 7; Zoph et al. 2018, appendix A.

    Example:
        >>> from nasnet_keras.search import CellSpace
        >>> algorithm = PPO(CellSpace(num_blocks=1), seed=0)
        >>> len(algorithm.ask(0))
        10
    """

    def __init__(
        self,
        space: Space,
        seed: int,
        batch_size: int = 10,
        epochs: int = 5,
        learning_rate: float = 0.003,
        entropy_weight: float = 0.05,
        clip: float = 0.2,
    ) -> None:
        self._clip = clip
        super().__init__(space, seed, batch_size, epochs, learning_rate, entropy_weight)

    def objective(self, log_probabilities: tf.Tensor, old: tf.Tensor, advantages: tf.Tensor) -> tf.Tensor:
        ratio = tf.exp(log_probabilities - old)
        clipped = tf.clip_by_value(ratio, 1.0 - self._clip, 1.0 + self._clip)
        return tf.minimum(ratio * advantages, clipped * advantages)
