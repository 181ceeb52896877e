"""Search algorithms by name: they propose choices and learn from results. `base.Algorithm` states the rules."""

from typing import Any

from nasnet_keras.search.algorithms.base import Algorithm
from nasnet_keras.search.registry import ALGORITHMS
from nasnet_keras.search.spaces.base import Space
from nasnet_keras.utils.checks import choice

__all__ = ["make", "names"]


def names() -> tuple[str, ...]:
    """The names of all algorithms."""
    return tuple(ALGORITHMS)


def make(name: str, space: Space, seed: int, **settings: Any) -> Algorithm:
    """Make the algorithm called `name`.

    Args:
        name: one of `names`.
        space: the space to search.
        seed: seed of all random numbers, from 0 to 2**31 - 1.
        settings: settings of a search by name, such as `children_per_update` and `population_size`. The algorithm
            ignores those that it does not have, and uses its own defaults for those that are None.

    Raises:
        ValueError: no algorithm has that name, or it cannot search the space.

    Example:
        >>> from nasnet_keras.search import spaces
        >>> make("evolution", spaces.make("nasbench201"), seed=0, population_size=5).ask(0)
        (4, 3, 2, 1, 1, 0)
    """
    choice("algorithm", name, names())
    row = ALGORITHMS[name]
    arguments = {argument: settings.get(setting) for setting, argument in row.parameters.items()}
    return row.load()(space, seed, **{argument: value for argument, value in arguments.items() if value is not None})
