"""The flags of a data set and of a recipe, which jobs share."""

import dataclasses
from typing import Any

from absl import flags

from nasnet_keras.training.datasets.settings import DatasetSettings
from nasnet_keras.training.recipes import RECIPES, Recipe, default_recipe
from nasnet_keras.utils.settings import define_flags, from_flags, settings

__all__ = ["DATASET", "RECIPE", "changes", "recipe"]

DATASET = {flag.name: flag for flag in define_flags(DatasetSettings)}
"""By name: the flags that say which images to train on."""

RECIPE = {flag.name: flag for flag in define_flags(Recipe, **dict.fromkeys(settings(Recipe)))}
"""By name: a flag for each field of `Recipe`, None unless it is given."""

_NAME = flags.DEFINE_enum(
    "recipe",
    None,
    tuple(RECIPES),
    "Recipe to start from, which the flags of its values change; by default 'digits' for digits, else 'short'.",
)


def recipe(dataset: str, **defaults: Any) -> Recipe:
    """The recipe that the flags describe, for a data set.

    Args:
        dataset: as the flag names it.
        defaults: values of this job, unless a flag says otherwise.

    Raises:
        ValueError: a value is out of range.
    """
    return dataclasses.replace(RECIPES[_NAME.value or default_recipe(dataset)], **{**defaults, **changes()})


def changes() -> dict[str, Any]:
    """The fields of a recipe that the flags give."""
    return from_flags(Recipe, {name: flag.value for name, flag in RECIPE.items() if flag.value is not None})
