"""The recipes of children and of finalists, where the user leaves them to the search."""

import dataclasses
from contextlib import suppress
from pathlib import Path

from nasnet_keras.search import registry
from nasnet_keras.training.recipes import Recipe, default_recipe, recipe_of
from nasnet_keras.utils.workdir import STUDY, recorded

__all__ = ["CHILD_SIZES", "child_recipe", "default_epochs", "final_sizes", "sized_as_begun"]

CHILD_SIZES = ((0.0, 0.5), (0.9, 1.0))
"""The sizes of children's images, in the space `nasnet`, where the recipe makes images smaller at first.

They order cells as well as those of `nasnet-train` do, in 0.6 of the time: `benchmarks/recipes.py`.
"""


def default_epochs(evaluator: str) -> int:
    """Return the default epochs of a child, or of the supernet."""
    return registry.evaluator(evaluator).epochs


def child_recipe(dataset: str | Path, evaluator: str, space: str = "nasnet", name: str | None = None) -> Recipe:
    """Return the recipe of a child, or of the supernet: that of `nasnet-train`, or of a name, with fewer epochs.

    If it makes images smaller at first, those of children stay so for longer, in the space where this is known to order
    them as well.
    """
    recipe = recipe_of(name or default_recipe(str(dataset)))
    smaller = len(recipe.sizes) > 1 and space == "nasnet" and registry.evaluator(evaluator).trains_children
    sizes = CHILD_SIZES if smaller else recipe.sizes
    return dataclasses.replace(recipe, epochs=default_epochs(evaluator), sizes=sizes)


def sized_as_begun(recipe: Recipe, workdir: str | Path) -> Recipe:
    """Return a recipe with the sizes of images that the study in a folder was begun with, if there is one."""
    begun = recorded(workdir, STUDY).get("recipe")
    with suppress(ValueError, TypeError, KeyError):  # of a damaged file, of which opening the study tells
        return dataclasses.replace(recipe, sizes=begun["sizes"])
    return recipe


def final_sizes(dataset: str | Path, recipe: Recipe) -> tuple[tuple[float, float], ...]:
    """Return the sizes of finalists' images: those of children, unless children have theirs because they are many."""
    return recipe_of(default_recipe(str(dataset))).sizes if recipe.sizes == CHILD_SIZES else recipe.sizes
