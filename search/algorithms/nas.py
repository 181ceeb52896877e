"""NAS' controller training."""

import numpy as np

from nasnet_keras.search.algorithms.policy_gradient import PolicyGradient, scaled
from nasnet_keras.search.spaces.base import Space

__all__ = ["NAS"]


class NAS(PolicyGradient):
    """REINFORCE on NAS' controller: an LSTM that writes a network layer by layer, with anchor points.

    Gains are rewards divided by the largest magnitude of late; the reward of a failed child counts as the worst.

    Args:
        space: the space to search, of chains.
        seed: seed of all random numbers.
        batch_size, learning_rate, entropy_weight, baseline_decay: see `PolicyGradient`. In the paper, each of 100
            controllers that learn at once has batches of 8; it does not say how the baseline forgets, and does not
            mention entropy. Without entropy, one in five searches for a planted network ends in another one
            (`benchmarks/planted.py`).

    Source: Zoph and Le 2017, sections 3.2 and 4.1.

    Example:
        >>> from nasnet_keras.search.spaces.nas import ChainSpace
        >>> algorithm = NAS(ChainSpace(num_layers=3), seed=0)
        >>> len(algorithm.ask(0))
        12
    """

    def __init__(
        self,
        space: Space,
        seed: int,
        batch_size: int = 8,
        learning_rate: float = 0.0006,
        entropy_weight: float = 0.2,
        baseline_decay: float = 0.95,
    ) -> None:
        from nasnet_keras.search.controllers.nas import NASController

        controller = NASController(space, seed)
        super().__init__(space, seed, batch_size, 1, learning_rate, entropy_weight, baseline_decay, controller)

    def gains(self, rewards: np.ndarray) -> np.ndarray:
        return scaled(rewards, self.batch_size)
