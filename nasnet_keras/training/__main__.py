"""Train one network: a genotype, a data set, a recipe. Writes a card and weights that load by path.

Without flags it trains a small NASNet-A on the embedded handwritten digits, in a few minutes. A run that was stopped,
however, goes on from its last checkpoint when the same command is given again.
"""

import dataclasses
import sys

from absl import app, flags

from nasnet_keras import environment
from nasnet_keras.training import datasets
from nasnet_keras.training.config import TrainingConfig
from nasnet_keras.training.recipes import RECIPES, default_recipe

_FLAGS = {
    "workdir": flags.DEFINE_string("workdir", "nasnet_train", "The run's folder: made, or continued where it exists."),
    "genotype": flags.DEFINE_string("genotype", "nasnet_a", "A catalogue name, a JSON file, or a JSON text."),
    "dataset": flags.DEFINE_string(
        "dataset",
        "digits",
        "'digits', a name of TensorFlow Datasets, a folder of images (FOLDER/CLASS/IMAGE), or .npz.",
    ),
    "data_dir": flags.DEFINE_string("data_dir", None, "Of TensorFlow Datasets; by default $TFDS_DATA_DIR."),
    "image_size": flags.DEFINE_integer("image_size", None, "Side to bring all images to.", lower_bound=8),
    "validation_fraction": flags.DEFINE_float(
        "validation_fraction", 0.1, "Share of the training images to validate by, where there is no such split."
    ),
    "recipe": flags.DEFINE_enum(
        "recipe",
        None,
        tuple(RECIPES),
        "What the recipe's own flags start from; by default 'short', for digits 'digits'.",
    ),
    "num_repeats": flags.DEFINE_integer("num_repeats", 2, "N: normal cells in a stack.", lower_bound=1),
    "filters": flags.DEFINE_integer("filters", 16, "F: filters of the first stack.", lower_bound=1),
    "stem": flags.DEFINE_enum("stem", "cifar", ("cifar", "imagenet"), "The imagenet stem reduces images eightfold."),
    "name": flags.DEFINE_string("name", None, "Of the card and the weights."),
    "seed": flags.DEFINE_integer("seed", 0, "Of everything random.", lower_bound=0),
    "deterministic": flags.DEFINE_bool("deterministic", True, "The same bits from the same seed, on one device."),
    "checkpoint_minutes": flags.DEFINE_float("checkpoint_minutes", 5.0, "What a kill can cost."),
    "licence": flags.DEFINE_string("licence", "not stated", "Of the weights, for the card."),
}

_RECIPE_FLAGS = {
    "epochs": flags.DEFINE_integer("epochs", None, "Passes over the training images.", lower_bound=1),
    "batch_size": flags.DEFINE_integer("batch_size", None, "Images a step.", lower_bound=1),
    "learning_rate": flags.DEFINE_float("learning_rate", None, "The highest."),
    "schedule": flags.DEFINE_enum("schedule", None, ("cosine", "one_cycle"), "Of the learning rate."),
    "warmup": flags.DEFINE_float("warmup", None, "Share of the steps in which the learning rate rises."),
    "weight_decay": flags.DEFINE_float("weight_decay", None, "Times half the sum of squares of the kernels."),
    "clip_norm": flags.DEFINE_float("clip_norm", None, "Largest norm of the gradient; 0 for no clipping."),
    "label_smoothing": flags.DEFINE_float("label_smoothing", None, "Share of the target spread over all classes."),
    "drop_path_rate": flags.DEFINE_float("drop_path_rate", None, "Of the last cell at the end of training."),
    "dropout_rate": flags.DEFINE_float("dropout_rate", None, "Before the classifier."),
    "auxiliary_weight": flags.DEFINE_float("auxiliary_weight", None, "Of the auxiliary head's loss; 0 for no head."),
    "average_decay": flags.DEFINE_float("average_decay", None, "Of the average of weights that is kept; 0 for none."),
    "pad": flags.DEFINE_integer("pad", None, "Pixels of border that random crops are taken from."),
    "flip": flags.DEFINE_bool("flip", None, "Mirror half of the images."),
    "cutout": flags.DEFINE_integer("cutout", None, "Side of a grey square laid over each image."),
    "sizes": flags.DEFINE_list("sizes", None, "PROGRESS:SIZE,…: shares of the images' side as training goes on."),
    "batch_norm_momentum": flags.DEFINE_float("batch_norm_momentum", None, "Of the moving statistics."),
}


def main(argv: list[str]) -> None:
    """Flags, then one call."""
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments {argv[1:]}; flags start with --")
    environment.prepare()
    try:
        _train()
    except ValueError as error:
        sys.exit(f"nasnet-train: {error}")


def _train() -> None:
    values = {name: flag.value for name, flag in _FLAGS.items()}
    changes = {name: flag.value for name, flag in _RECIPE_FLAGS.items() if flag.value is not None}
    if "sizes" in changes:
        changes["sizes"] = [pair.split(":") for pair in changes["sizes"]]
    recipe = dataclasses.replace(RECIPES[values["recipe"] or default_recipe(values["dataset"])], **changes)
    data = {name: values.pop(name) for name in ("data_dir", "image_size", "validation_fraction")}
    config = TrainingConfig(**{**values, "recipe": recipe})
    dataset = datasets.load(config.dataset, **data)
    config.check(dataset)
    from nasnet_keras.training.job import Stopped, train  # imports Keras

    try:
        result = train(config, dataset)
    except (Stopped, KeyboardInterrupt):
        sys.exit(f"\nStopped. The same command goes on from the checkpoint in {config.workdir}.")
    card = result.card
    print(f"\n{card.name}: {card.cost['parameters']:,} parameters, {card.training['hours']:.2f} hours")
    for split in ("validation", "test"):
        if f"{split}_accuracy" in card.metrics:
            accuracy, images = card.metrics[f"{split}_accuracy"], card.metrics[f"{split}_images"]
            print(f"{split} accuracy {accuracy:.4f} on {images:,} images")
    print(f"Card:    {result.path}\nWeights: {result.path.with_name(card.weights.file)}")


def console() -> None:
    """The console script `nasnet-train`."""
    app.run(main)


if __name__ == "__main__":
    console()
