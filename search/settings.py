"""What each field of a search's configuration may be, in a process and in a study's file."""

import dataclasses
import math
import os
from collections.abc import Iterable, Mapping
from typing import Any

from nasnet_keras.training.recipes import Recipe
from nasnet_keras.utils import checks

__all__ = ["checked", "checked_json"]

_MOST = 2**31 - 1
_FROM_ONE = ("num_blocks", "num_layers", "num_repeats", "filters", "window", "trials", "deepen_every", "workers")
_FROM_ONE += ("children_per_update", "population_size", "train_images", "image_size", "final_epochs")
_FROM_ONE += ("final_num_repeats", "final_filters")
_LEAST = {"random_trials": 0, "derived_trials": 0, "finalists": 1, "gpus_per_child": 1}
_OPTIONAL = ("data_dir", "image_size", "train_images", "operations", "deepen_every", "children_per_update")
_OPTIONAL += ("population_size", "table", "executor", "workers", "child_memory_gib", "final_num_repeats")
_OPTIONAL += ("final_filters",)
_LIMITS = ("child_timeout_minutes", "finalist_stall_minutes", "child_memory_gib")
_PATHS = ("workdir", "dataset", "data_dir", "table")
_TEXTS = ("fit", "space", "algorithm", "evaluator", "executor", "reward")
_SWITCHES = ("follow_links", "predict_strides", "cubed_reward", "synchronized_batch_norm", "deterministic")
_LISTS = {"operations": "texts", "pool_after": "whole numbers"}


def checked(name: str, value: Any) -> Any:
    """A field's value in the type that it has in a configuration; those of unknown fields as they are.

    Raises:
        ValueError: it has another type, or is out of the range that it has in all searches.
    """
    if value is None and name in _OPTIONAL:
        return None
    if name in _FROM_ONE:
        return checks.positive_integer(name, value, _MOST)
    if name in _LEAST:
        return _whole(name, value)
    if name == "seed":
        return checks.seed(value)
    if name in _LIMITS:
        if value != math.inf:
            checks.number(name, value, "positive", lambda limit: limit > 0)
    elif name == "validation_fraction":
        checks.number(name, value, "in [0, 1)", lambda share: 0.0 <= share < 1.0)
    elif name in _PATHS:
        if not isinstance(value, (str, os.PathLike)):
            raise ValueError(f"{name} must be a text or a path, got {checks.quoted(value)}")
        return value if name == "workdir" else str(value)
    elif name in _TEXTS:
        checks.text(name, value)
    elif name in _SWITCHES:
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be true or false, got {checks.quoted(value)}")
    elif name in _LISTS:
        return _listed(name, value)
    elif name == "recipe" and not isinstance(value, Recipe):
        raise ValueError(f"recipe must be a Recipe, got {checks.quoted(value)}")
    return value


def checked_json(plain: Mapping[str, Any]) -> None:
    """Check the fields that a file has, of an earlier version, or of a later one, which may have more.

    Raises:
        ValueError: one has another type, or is out of the range that it has in all searches.
    """
    for name, value in plain.items():
        if name == "recipe":
            _checked_recipe(value)
        else:
            checked(name, value)


def _checked_recipe(plain: Any) -> None:
    if not isinstance(plain, dict):
        raise ValueError(f"recipe must be an object, got {checks.quoted(plain)}")
    known = {field.name for field in dataclasses.fields(Recipe)}
    given = {name: value for name, value in plain.items() if name in known}
    Recipe(**{"epochs": 1, "batch_size": 1, "learning_rate": 0.1, **given})


def _whole(name: str, value: Any) -> int:
    number = checks.integer(value)
    if number is None or not _LEAST[name] <= number <= _MOST:
        most = f" to {_MOST:,}" if number is not None and number > _MOST else ""
        raise ValueError(f"{name} must be a whole number from {_LEAST[name]}{most}, got {checks.quoted(value)}")
    return number


def _listed(name: str, value: Any) -> tuple[Any, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise ValueError(f"{name} must be a list of {_LISTS[name]}, got {checks.quoted(value)}")
    values = tuple(value)
    legal = all(isinstance(one, str) if name == "operations" else checks.integer(one) is not None for one in values)
    if not legal:
        raise ValueError(f"{name} must be a list of {_LISTS[name]}, got {checks.quoted(list(values))}")
    return values
