"""Evaluators by name: from a genotype to a result. `base.Evaluator` states the rules."""

import importlib
from typing import TYPE_CHECKING

from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.utils.checks import quoted

if TYPE_CHECKING:
    from nasnet_keras.search.config import SearchConfig

__all__ = ["check", "load", "make", "names"]

_EVALUATORS = {  # the class, imported when it is made, and the spaces whose genotypes it judges
    "child": ("child.ChildEvaluator", ("nasnet", "enas_micro", "enas_macro", "nas")),
    "shared": ("shared.SupernetEvaluator", ("nasnet", "enas_micro", "enas_macro")),
    "tabular": ("tabular.TabularEvaluator", ("nasbench201",)),
}


def names() -> tuple[str, ...]:
    """The names of all evaluators."""
    return tuple(_EVALUATORS)


def check(name: str, space: str, table: str | None) -> None:
    """Whether an evaluator can judge a space with what it is given.

    Raises:
        ValueError: it cannot; the message says what would do.
    """
    _, legal = _EVALUATORS[name]
    if space not in legal:
        raise ValueError(f"evaluator {quoted(name)} judges genotypes of {', '.join(legal)} only, got {quoted(space)}")
    if (name == "tabular") != (table is not None):
        raise ValueError(
            f"a table must be given with the evaluator 'tabular' and no other, got {quoted(name)} and {quoted(table)}"
        )


def make(config: "SearchConfig") -> Evaluator:
    """The evaluator that a configuration names.

    Raises:
        ValueError: what it needs is missing: its table, its data set or TensorFlow.
    """
    return load(config.evaluator)(config)


def load(name: str) -> type[Evaluator]:
    """The class of an evaluator, imported with all that it needs, such as TensorFlow."""
    module, _, attribute = _EVALUATORS[name][0].partition(".")
    return getattr(importlib.import_module(f"{__name__}.{module}"), attribute)
