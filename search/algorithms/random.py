"""Random search."""

import numpy as np

from nasnet_keras.search.algorithms.base import Algorithm, Seen
from nasnet_keras.search.spaces.base import Choices, Space

__all__ = ["RandomSearch"]


class RandomSearch(Algorithm):
    """Uniform choices for every decision: the baseline of every other algorithm.

    A network that was evaluated before is drawn again.

    Args:
        space: the space to search.
        seed: seed of all random numbers.

    Example:
        >>> from nasnet_keras.search import CellSpace
        >>> algorithm = RandomSearch(CellSpace(), seed=0)
        >>> algorithm.ask(7) == algorithm.ask(7) != algorithm.ask(8)
        True
    """

    def __init__(self, space: Space, seed: int) -> None:
        super().__init__(space, seed)
        self._seen = Seen(self)

    def ask(self, trial: int) -> Choices:
        return next(self._seen.draws(self.space.at(trial), self.generator(trial)))

    def tell(self, choices: Choices, reward: float | None) -> None:
        """Note the network: random search learns nothing else."""
        self._seen.add(choices)

    def state(self) -> dict[str, np.ndarray]:
        return {"seen": self._seen.to_array()}

    def restore(self, state: dict[str, np.ndarray]) -> None:
        if set(state) != {"seen"}:
            raise ValueError(f"expected a state of random search, got {', '.join(state)}")
        self._seen.restore(state["seen"])
