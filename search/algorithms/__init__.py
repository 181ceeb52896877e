"""Search algorithms by name: they propose choices and learn from results. `base.Algorithm` states the rules."""

import importlib

from nasnet_keras.search.algorithms.base import Algorithm
from nasnet_keras.search.space import Space

__all__ = ["make", "names"]

_ALGORITHMS = {  # imported when they are made: some need TensorFlow
    "random": "random.RandomSearch",
    "evolution": "evolution.RegularisedEvolution",
    "reinforce": "reinforce.Reinforce",
    "ppo": "ppo.PPO",
}


def names() -> tuple[str, ...]:
    """The names of all algorithms."""
    return tuple(_ALGORITHMS)


def make(name: str, space: Space, seed: int) -> Algorithm:
    """The algorithm called `name`, with its defaults.

    Raises:
        ValueError: no algorithm has that name.
    """
    if name not in _ALGORITHMS:
        raise ValueError(f"algorithm must be one of {', '.join(_ALGORITHMS)}, got {name!r}")
    module, _, attribute = _ALGORITHMS[name].partition(".")
    return getattr(importlib.import_module(f"{__name__}.{module}"), attribute)(space, seed)
