"""Evaluators by name: they judge genotypes. `base.Evaluator` states the rules."""

from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.search.registry import EVALUATORS

__all__ = ["load", "make", "names"]


def names() -> tuple[str, ...]:
    """List the names of all evaluators."""
    return tuple(EVALUATORS)


def make(config: SearchConfig) -> Evaluator:
    """Make the evaluator that a configuration names.

    Raises:
        ValueError: its table, its data set or TensorFlow is missing.
    """
    return load(config.evaluator)(config)


def load(name: str) -> type[Evaluator]:
    """Import the class of an evaluator, which may import TensorFlow."""
    return EVALUATORS[name].load()
