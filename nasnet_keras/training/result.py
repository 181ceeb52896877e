"""The end of a run: weights, judged as they were saved, and their card."""

import shlex
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import keras
import numpy as np

from nasnet_keras.card import Card, encoded
from nasnet_keras.networks.any import network_from_genotype
from nasnet_keras.training.datasets.base import Dataset
from nasnet_keras.training.evaluation import accuracy
from nasnet_keras.training.recipes import Recipe
from nasnet_keras.training.rehearsal import weights_name
from nasnet_keras.training.step import State, StepConfig, TrainStep
from nasnet_keras.utils.environment import hardware
from nasnet_keras.utils.files import write_saved
from nasnet_keras.weights.file import WeightsFile
from nasnet_keras.weights.loading import load_weights

__all__ = ["provenance", "save"]

_REFERENCES = 4


def save(
    stepper: TrainStep,
    state: State,
    dataset: Dataset,
    folder: Path,
    card_with: Callable[..., Card],
    training: dict[str, Any],
    reference_images: np.ndarray | None = None,
) -> Card:
    """Write the averaged weights of a state, without those that serve training only, and then their card.

    Args:
        stepper, state: the trained network.
        dataset: the images that it was trained on, and is judged on.
        folder: the folder of `NAME.weights.h5` and `NAME.json`.
        card_with: makes the card; takes those arguments of `card_of` that are known after training.
        training: for the card; see `provenance`.
        reference_images: images that the card shows with the model's answers; by default the data set's first of some
            classes.
    """
    draft = card_with(training=training)
    stepper.assign(state)
    classes = len(draft.class_names)
    model = network_from_genotype(draft.genotype, draft.input_shape, classes=classes, **draft.network)
    trained = {variable.path: variable for variable in stepper.model.weights}
    for variable in model.weights:
        variable.assign(trained[variable.path])
    path = folder / weights_name(draft.name)
    write_saved(path, model.save_weights)
    load_weights(model, path, known=True)
    metrics, reference = _judged(model, dataset, reference_images)
    card = card_with(training=training, metrics=metrics, weights=WeightsFile.of(path), reference=reference)
    card.write(folder)
    return card


def _judged(model: keras.Model, dataset: Dataset, images: np.ndarray | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """A card's metrics, the shares of images that the model gets right, and its reference, answers to a few images."""
    stepper = TrainStep(model, StepConfig())
    state = stepper.initial()
    metrics: dict[str, Any] = {"runs": 1}
    for key in ("validation", "test"):
        if split := getattr(dataset, key):
            metrics |= {f"{key}_accuracy": accuracy(stepper, state, split), f"{key}_images": len(split)}
    if images is None:
        split = dataset.test or dataset.validation or dataset.train
        _, firsts = np.unique(split.labels, return_index=True)
        images = split.images[firsts[:_REFERENCES]]
    return metrics, encoded(images, stepper.logits(state, images))


def provenance(recipe: Recipe, seed: int, seconds: float, epochs: int) -> dict[str, Any]:
    """How a model was trained, for its card; training took `seconds` and `epochs`."""
    return {
        "recipe": recipe.to_json(),
        "seed": seed,
        "command": shlex.join([*(Path(program).name for program in sys.argv[:1]), *sys.argv[1:]]),
        "hardware": hardware(),
        "hours": round(seconds / 3600, 3),
        "epochs": epochs,
        "backend": f"{keras.backend.backend()}, Keras {keras.version()}",
    }
