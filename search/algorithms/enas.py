"""ENAS' controller training."""

import keras
import numpy as np
import tensorflow as tf

from nasnet_keras.search.algorithms.policy import PolicyGradient, scaled
from nasnet_keras.search.controllers.enas import controller_for
from nasnet_keras.search.spaces.base import Space

__all__ = ["ENAS"]


class ENAS(PolicyGradient):
    """REINFORCE on ENAS' own policy: an LSTM that attends to earlier nodes.

    Rewards enter as they are but for their scale; a failed child's is the worst of late.

    Args:
        space: where to search: cells that only add, or layer-wise networks.
        seed: of everything random.
        batch_size, learning_rate, entropy_weight: see `PolicyGradient`; those of the released code.

    Raises:
        ValueError: ENAS has no controller for the space.

    Source: Pham et al. 2018, sections 2.2 to 2.4; Adam without a first moment and a baseline that keeps nine tenths at
    an update as in the released code. There entropy is a part of the reward; here it is differentiated.

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
