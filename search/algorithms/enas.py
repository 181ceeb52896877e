"""ENAS' controller training."""

import keras
import numpy as np
import tensorflow as tf

from nasnet_keras.search.algorithms.policy_gradient import PolicyGradient, scaled
from nasnet_keras.search.controllers.enas import controller_for
from nasnet_keras.search.spaces.base import Space

__all__ = ["ENAS"]


class ENAS(PolicyGradient):
    """REINFORCE on ENAS' controller: an LSTM that attends to earlier nodes.

    Gains are rewards divided by the largest magnitude of late; the reward of a failed child counts as the worst.

    Args:
        space: the space to search: cells whose blocks only add, or layer-wise networks.
        seed: seed of all random numbers.
        batch_size, learning_rate, entropy_weight: see `PolicyGradient`; by default those of the released code.

    Raises:
        ValueError: ENAS has no controller for the space.

    Source: Pham et al. 2018, sections 2.2 to 2.4. Adam without a first moment, and a baseline that keeps nine tenths at
    an update, are those of the released code. There, entropy is a part of the reward; here, it is differentiated.

    Example:
        >>> from nasnet_keras.search import CellSpace
        >>> algorithm = ENAS(CellSpace(combines=("add",)), seed=0)
        >>> len(algorithm.ask(0))
        50
    """

    def __init__(
        self,
        space: Space,
        seed: int,
        batch_size: int = 10,
        learning_rate: float = 0.0035,
        entropy_weight: float = 0.0001,
    ) -> None:
        with tf.device("/CPU:0"):
            optimizer = keras.optimizers.Adam(learning_rate, beta_1=0.0, epsilon=1e-3)
        controller = controller_for(space, seed)
        super().__init__(space, seed, batch_size, 1, learning_rate, entropy_weight, 0.9, controller, optimizer)

    def gains(self, rewards: np.ndarray) -> np.ndarray:
        return scaled(rewards, self.batch_size)
