"""What a finished run leaves: weights, judged as they were saved, and their card."""

import shlex
import sys
from pathlib import Path
from typing import Any

import keras
import numpy as np

from nasnet_keras.card import Card, encoded
from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.networks.any import network_from_genotype
from nasnet_keras.training.datasets.base import Dataset
from nasnet_keras.training.evaluation import accuracy
from nasnet_keras.training.recipes import Recipe
from nasnet_keras.training.rehearsal import card_of, weights_name
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
    *,
    name: str,
    genotype: BaseGenotype,
    network: dict[str, Any],
    training: dict[str, Any],
    licence: str,
    reference_images: np.ndarray | None = None,
) -> Card:
    """Write the averaged weights of a state, without what serves training only, and then their card.

    Args:
        stepper, state: the trained network.
        dataset: what it was trained on, and is judged on.
        folder: to write `NAME.weights.h5` and `NAME.json` to.
        name, genotype, network, training, licence: of the card.
        reference_images: that the card shows with what the model answers; by default the data set's first of some
            classes.
    """
    stepper.assign(state)
    model = network_from_genotype(genotype, dataset.image_shape, **network)
    trained = {variable.path: variable for variable in stepper.model.weights}
    for variable in model.weights:
        variable.assign(trained[variable.path])
    path = folder / weights_name(name)
    write_saved(path, model.save_weights)
    load_weights(model, path, known=True)
    metrics, reference = _judged(model, dataset, reference_images)
    card = card_of(
        dataset,
        name=name,
        genotype=genotype,
        network=network,
        licence=licence,
        training=training,
        metrics=metrics,
        weights=WeightsFile.of(path),
        reference=reference,
    )
    card.write(folder)
    return card


def _judged(model: keras.Model, dataset: Dataset, images: np.ndarray | None) -> tuple[dict[str, Any], dict[str, Any]]:
    """A card's metrics and reference: what the model gets right, and what it answers to a few images."""
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
    """How a model came about, for its card: `seconds` and `epochs` are what training took."""
    return {
        "recipe": recipe.to_json(),
        "seed": seed,
        "command": shlex.join([*(Path(program).name for program in sys.argv[:1]), *sys.argv[1:]]),
        "hardware": hardware(),
        "hours": round(seconds / 3600, 3),
        "epochs": epochs,
        "backend": f"{keras.backend.backend()}, Keras {keras.version()}",
    }
