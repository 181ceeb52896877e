"""Evaluators by name: from a genotype to a result. `base.Evaluator` states the rules."""

from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.search.registry import EVALUATORS

__all__ = ["load", "make", "names"]


def names() -> tuple[str, ...]:
    """The names of all evaluators."""
    return tuple(EVALUATORS)


def make(config: SearchConfig) -> Evaluator:
    """The evaluator that a configuration names.

    Raises:
        ValueError: something that it needs is missing: its table, its data set or TensorFlow.
    """
    return load(config.evaluator)(config)


def load(name: str) -> type[Evaluator]:
    """The class of an evaluator, imported with all that it needs, such as TensorFlow."""
    return EVALUATORS[name].load()
