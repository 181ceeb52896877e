"""The flags of a data set and of a recipe, which jobs share."""

import dataclasses
from collections.abc import Mapping
from typing import Any

from absl import flags

from nasnet_keras.training.datasets.settings import DatasetSettings
from nasnet_keras.training.recipes import RECIPES, Recipe, default_recipe
from nasnet_keras.utils.manual import shown
from nasnet_keras.utils.settings import define_flags, from_flags, settings

__all__ = ["DATASET", "RECIPE", "changes", "in_words", "is_named", "recipe"]

DATASET = {flag.name: flag for flag in define_flags(DatasetSettings)}
"""By name: the flags that say which images to train on."""

_NAME = flags.DEFINE_enum(
    "recipe",
    None,
    tuple(RECIPES),
    "Recipe to start from, which the flags of its values change; by default 'digits' for digits, else 'short'.",
)

RECIPE = {flag.name: flag for flag in define_flags(Recipe, **dict.fromkeys(settings(Recipe)))}
"""By name: a flag for each field of `Recipe`, None unless it is given."""


def recipe(dataset: str, **defaults: Any) -> Recipe:
    """The recipe that the flags describe, for a data set.

    Args:
        dataset: as the flag names it.
        defaults: values of this job, unless a flag says otherwise.

    Raises:
        ValueError: a value is out of range.
    """
    return dataclasses.replace(RECIPES[_NAME.value or default_recipe(dataset)], **{**defaults, **changes()})


def is_named() -> bool:
    """Whether a flag names the recipe to start from."""
    return _NAME.present


def changes() -> dict[str, Any]:
    """The fields of a recipe that the flags give."""
    return from_flags(Recipe, {name: flag.value for name, flag in RECIPE.items() if flag.value is not None})


def in_words(recipes: Mapping[str, Recipe]) -> dict[str, str]:
    """The defaults of a recipe's flags: one value where the recipes agree, else each one's with its name.

    Example:
        >>> in_words(RECIPES)["epochs"], in_words(RECIPES)["clip_norm"]
        ('paper 600, short 30, digits 30', '5')
    """
    found = {}
    for setting in settings(Recipe):
        texts = {name: shown(getattr(one, setting)) for name, one in recipes.items()}
        alike = len({*texts.values()}) == 1
        found[setting] = next(iter(texts.values())) if alike else ", ".join(f"{n} {text}" for n, text in texts.items())
    return found
