"""Search algorithms by name: they propose choices and learn from results. `base.Algorithm` states the rules."""

import importlib

from nasnet_keras.search.algorithms.base import Algorithm
from nasnet_keras.search.spaces.base import Space
from nasnet_keras.search.spaces.enas_macro import MacroSpace
from nasnet_keras.search.spaces.nas import ChainSpace
from nasnet_keras.utils.checks import choice

__all__ = ["LEARN_IN_BATCHES", "check", "make", "names"]

_ALGORITHMS = {  # imported when they are made: some need TensorFlow
    "random": "random.RandomSearch",
    "evolution": "evolution.RegularizedEvolution",
    "reinforce": "reinforce.Reinforce",
    "ppo": "ppo.PPO",
    "enas": "enas.ENAS",
    "nas": "nas.NAS",
}

LEARN_IN_BATCHES = ("reinforce", "ppo", "enas", "nas")
"""Algorithms with a controller, which is updated after so many children."""


def names() -> tuple[str, ...]:
    """The names of all algorithms."""
    return tuple(_ALGORITHMS)


def check(name: str, space: Space) -> None:
    """Whether an algorithm can search a space.

    Raises:
        ValueError: it cannot; the message says what would do.
    """
    adds = getattr(space, "combines", None) == ("add",)
    if name == "enas" and not (adds or isinstance(space, MacroSpace)):
        raise ValueError(
            "algorithm 'enas' has a policy for the spaces 'enas_micro' and 'enas_macro', and for 'nasnet' with the "
            "evaluator 'shared'"
        )
    if name == "nas" and not isinstance(space, ChainSpace):
        raise ValueError("algorithm 'nas' has a policy for the space 'nas' only")


def make(
    name: str, space: Space, seed: int, children_per_update: int | None = None, population_size: int | None = None
) -> Algorithm:
    """The algorithm called `name`.

    Args:
        name: one of `names`.
        space: where to search.
        seed: of everything random.
        children_per_update: of one of `LEARN_IN_BATCHES`; None for its own number.
        population_size: of `evolution`; None for its own number.

    Raises:
        ValueError: no algorithm has that name.
    """
    choice("algorithm", name, names())
    module, _, attribute = _ALGORITHMS[name].partition(".")
    given = {"batch_size": children_per_update, "population_size": population_size}
    settings = {key: value for key, value in given.items() if value is not None}
    return getattr(importlib.import_module(f"{__name__}.{module}"), attribute)(space, seed, **settings)
