"""Random search."""

import numpy as np

from nasnet_keras.genotype import Genotype
from nasnet_keras.search.space import CellSpace

__all__ = ["RandomSearch"]


class RandomSearch:
    """Uniform choices for every decision: the baseline of every other algorithm.

    What it proposes for a trial depends on the seed and the trial's number only, so a continued search proposes what
    an unbroken one would have.

    Args:
        space: where to search.
        seed: of the choices.
    """

    def __init__(self, space: CellSpace, seed: int) -> None:
        self._space = space
        self._seed = seed

    def ask(self, trial: int) -> Genotype:
        """The genotype of trial number `trial`."""
        return self._space.decode(self._space.sample(np.random.default_rng((self._seed, trial))))
