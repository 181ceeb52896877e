"""Random search."""

from nasnet_keras.search.algorithms.base import Algorithm
from nasnet_keras.search.spaces.base import Choices

__all__ = ["RandomSearch"]


class RandomSearch(Algorithm):
    """Uniform choices for every decision: the baseline of every other algorithm.

    Example:
        >>> from nasnet_keras.search import CellSpace
        >>> algorithm = RandomSearch(CellSpace(), seed=0)
        >>> algorithm.ask(7) == algorithm.ask(7) != algorithm.ask(8)
        True
    """

    def ask(self, trial: int) -> Choices:
        return self.space.at(trial).sample(self.generator(trial))

    def tell(self, choices: Choices, reward: float | None) -> None:
        """Do nothing: random search does not learn."""
