"""The precision of a training, which a recipe may leave open."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

from nasnet_keras.training.recipes import AUTO, PRECISIONS, Recipe
from nasnet_keras.utils.workdir import recorded

__all__ = ["as_begun", "settled"]


def as_begun(recipe: Recipe, workdir: str | Path, file: str) -> Recipe:
    """Return a recipe; if it leaves the precision open, with that of the job in a folder, if there is one.

    Args:
        recipe: the recipe.
        workdir, file: the folder, and the name of the file that describes its job.
    """
    if recipe.precision != AUTO:
        return recipe
    begun = recorded(workdir, file).get("recipe")
    found = begun.get("precision", PRECISIONS[0]) if isinstance(begun, dict) else None
    return dataclasses.replace(recipe, precision=found) if found in PRECISIONS else recipe


def settled(recipe: Recipe, workdir: str | Path, file: str, measure: Callable[[Recipe], str]) -> Recipe:
    """Return a recipe; if it leaves the precision open, with that of the job in a folder, or else the measured one.

    Args:
        recipe, workdir, file: as for `as_begun`.
        measure: measures the precision in which the networks of a recipe train fastest.
    """
    recipe = as_begun(recipe, workdir, file)
    return dataclasses.replace(recipe, precision=measure(recipe)) if recipe.precision == AUTO else recipe
