"""What a finished run leaves: weights, judged as they were saved, and their card."""

import dataclasses
import shlex
import sys
from pathlib import Path
from typing import Any

import keras

from nasnet_keras.card import Card, WeightsFile, encoded
from nasnet_keras.cost import genotype_cost
from nasnet_keras.environment import hardware
from nasnet_keras.files import replacing
from nasnet_keras.network import NASNetFromGenotype
from nasnet_keras.training.config import TrainingConfig
from nasnet_keras.training.datasets import Dataset
from nasnet_keras.training.evaluation import accuracy
from nasnet_keras.training.step import PREPROCESSING, Objective, State, Stepper
from nasnet_keras.weights import load_weights

__all__ = ["save"]

_REFERENCES = 4


def save(
    config: TrainingConfig, dataset: Dataset, stepper: Stepper, state: State, seconds: float, folder: Path
) -> Card:
    """Write the averaged weights of a state, without what serves training only, and then their card.

    Args:
        config, dataset: of the run.
        stepper, state: the trained network.
        seconds: that training took.
        folder: to write `NAME.weights.h5` and `NAME.json` to.
    """
    name, network = config.model_name(dataset), config.network(dataset)
    stepper.assign(state)
    model = NASNetFromGenotype(config.resolved, dataset.image_shape, **network)
    trained = {variable.path: variable for variable in stepper.model.weights}
    for variable in model.weights:
        variable.assign(trained[variable.path])
    path = folder / f"{name}.weights.h5"
    with replacing(path) as temporary:
        model.save_weights(temporary)
    load_weights(model, path)
    metrics, reference = _judged(model, dataset)
    card = Card(
        name=name,
        genotype=config.resolved,
        network={key: value for key, value in network.items() if key != "classes"},  # as many as there are names
        input_shape=dataset.image_shape,
        input_range=(0.0, 255.0),
        preprocessing=PREPROCESSING,
        class_names=dataset.class_names,
        dataset={
            "name": dataset.name,
            "source": dataset.source,
            "images": {key: len(getattr(dataset, key)) for key in ("train", "validation", "test")},
        },
        training=_training(config, seconds),
        metrics=metrics,
        cost=dataclasses.asdict(genotype_cost(config.resolved, dataset.image_shape, **network)),
        licence=config.licence,
        weights=WeightsFile.of(path),
        reference=reference,
    )
    card.write(folder)
    return card


def _judged(model: keras.Model, dataset: Dataset) -> tuple[dict[str, Any], dict[str, Any]]:
    """A card's metrics and reference: what the model gets right, and what it answers to a few images."""
    stepper = Stepper(model, Objective())
    state = stepper.initial()
    metrics: dict[str, Any] = {"runs": 1}
    for key in ("validation", "test"):
        if split := getattr(dataset, key):
            metrics |= {f"{key}_accuracy": accuracy(stepper, state, split), f"{key}_images": len(split)}
    images = dataset.test.images[:_REFERENCES]
    return metrics, encoded(images, stepper.logits(state, images))


def _training(config: TrainingConfig, seconds: float) -> dict[str, Any]:
    """How the model came about."""
    return {
        "recipe": config.recipe.to_json(),
        "seed": config.seed,
        "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
        "hardware": hardware(),
        "hours": round(seconds / 3600, 3),
        "epochs": config.recipe.epochs,
        "backend": f"{keras.backend.backend()}, Keras {keras.version()}",
    }
