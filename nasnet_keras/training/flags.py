"""The flags of a data set and of a recipe, which jobs share."""

import dataclasses
from typing import Any

from absl import flags

from nasnet_keras.training.datasets.settings import DatasetSettings
from nasnet_keras.training.recipes import PRECISIONS, RECIPES, SCHEDULES, Recipe, default_recipe
from nasnet_keras.utils.settings import define_flags

__all__ = ["DATASET", "RECIPE", "changes", "recipe"]

DATASET = {flag.name: flag for flag in define_flags(DatasetSettings)}

RECIPE = {
    "epochs": flags.DEFINE_integer("epochs", None, "Passes over the training images.", lower_bound=1),
    "batch_size": flags.DEFINE_integer("batch_size", None, "Images a step, over all devices.", lower_bound=1),
    "learning_rate": flags.DEFINE_float("learning_rate", None, "The highest."),
    "muon_rate": flags.DEFINE_float("muon_rate", None, "By which Muon turns kernels, at the highest; 0 for SGD."),
    "schedule": flags.DEFINE_enum("schedule", None, SCHEDULES, "Of the learning rate."),
    "warmup": flags.DEFINE_float("warmup", None, "Share of the steps in which the learning rate rises."),
    "weight_decay": flags.DEFINE_float("weight_decay", None, "Times half the sum of squares of the kernels."),
    "clip_norm": flags.DEFINE_float("clip_norm", None, "Largest norm of the gradient; 0 for no clipping."),
    "sam_radius": flags.DEFINE_float(
        "sam_radius", None, "How far uphill gradients are taken, such as 0.5; 0 for none of it."
    ),
    "label_smoothing": flags.DEFINE_float("label_smoothing", None, "Share of the target spread over all classes."),
    "drop_path_rate": flags.DEFINE_float("drop_path_rate", None, "Of the last cell at the end of training."),
    "dropout_rate": flags.DEFINE_float("dropout_rate", None, "Before the classifier."),
    "auxiliary_weight": flags.DEFINE_float("auxiliary_weight", None, "Of the auxiliary head's loss; 0 for no head."),
    "average_decay": flags.DEFINE_float("average_decay", None, "Of the average of weights that is kept; 0 for none."),
    "pad": flags.DEFINE_integer("pad", None, "Pixels of border that random crops are taken from."),
    "flip": flags.DEFINE_bool("flip", None, "Mirror each image in every second epoch."),
    "cutout": flags.DEFINE_integer("cutout", None, "Side of a grey square laid over each image."),
    "cutmix": flags.DEFINE_float("cutmix", None, "Share of the images that get a rectangle of another, and its label."),
    "sizes": flags.DEFINE_list("sizes", None, "PROGRESS:SIZE,…: shares of the images' side as training goes on."),
    "batch_norm_momentum": flags.DEFINE_float("batch_norm_momentum", None, "Of the moving statistics."),
    "precision": flags.DEFINE_enum("precision", None, PRECISIONS, "What layers compute in."),
}

_NAME = flags.DEFINE_enum(
    "recipe",
    None,
    tuple(RECIPES),
    "What the recipe's own flags start from; by default 'short', for digits 'digits'.",
)


def recipe(dataset: str, **defaults: Any) -> Recipe:
    """The recipe that the flags describe, for a data set.

    Args:
        dataset: as the flag names it.
        defaults: of this job, where no flag says otherwise.

    Raises:
        ValueError: a value is out of range.
    """
    return dataclasses.replace(RECIPES[_NAME.value or default_recipe(dataset)], **{**defaults, **changes()})


def changes() -> dict[str, Any]:
    """The fields of a recipe that the flags give."""
    given = {name: flag.value for name, flag in RECIPE.items() if flag.value is not None}
    if "sizes" in given:
        given["sizes"] = [pair.split(":") for pair in given["sizes"]]
    return given
