"""REINFORCE."""

from nasnet_keras.search.algorithms.policy_gradient import PolicyGradient
from nasnet_keras.search.spaces.base import Space

__all__ = ["Reinforce"]


class Reinforce(PolicyGradient):
    """One step for each batch along the policy gradient, with a moving baseline.

    Args:
        space: the space to search.
        seed: seed of all random numbers.
        batch_size, learning_rate, entropy_weight: see `PolicyGradient`.

    Source: Williams 1992; Zoph and Le 2017, section 3.2.

    Example:
        >>> from nasnet_keras.search import CellSpace
        >>> algorithm = Reinforce(CellSpace(num_blocks=1), seed=0)
        >>> len(algorithm.ask(0))
        10
    """

    def __init__(
        self,
        space: Space,
        seed: int,
        batch_size: int = 10,
        learning_rate: float = 0.01,
        entropy_weight: float = 0.05,
    ) -> None:
        super().__init__(space, seed, batch_size, 1, learning_rate, entropy_weight)
