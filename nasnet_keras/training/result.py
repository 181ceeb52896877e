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
from nasnet_keras.networks.large_images import loading_weights
from nasnet_keras.training.datasets.base import Dataset
from nasnet_keras.training.evaluation import JUDGED, Answers, answers
from nasnet_keras.training.recipes import Recipe
from nasnet_keras.training.rehearsal import weights_name
from nasnet_keras.training.step import State, StepConfig, TrainStep
from nasnet_keras.utils.environment import hardware
from nasnet_keras.utils.files import write_saved
from nasnet_keras.weights.file import WeightsFile
from nasnet_keras.weights.loading import load_weights

__all__ = ["answers_of", "provenance", "save"]

_REFERENCES = 4


def save(
    stepper: TrainStep,
    state: State,
    dataset: Dataset,
    folder: Path,
    card_with: Callable[..., Card],
    training: dict[str, Any],
    reference_images: np.ndarray | None = None,
) -> tuple[Card, dict[str, Answers]]:
    """Write the averaged weights of a state, without those that serve training only, and then their card.

    Args:
        stepper, state: the trained network.
        dataset: the images that it was trained on, and is judged on.
        folder: the folder of `NAME.weights.h5` and `NAME.json`.
        card_with: makes the card; takes those arguments of `card_of` that are known after training.
        training: for the card; see `provenance`.
        reference_images: images that the card shows with the model's answers; by default the data set's first of some
            classes.

    Returns:
        The card, and the model's answers to the images that it is judged on, by the name of their split.
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
    judge = _Judge(model)
    found = judge.answers(dataset)
    reference = encoded(*judge.reference(dataset, reference_images))
    metrics = _metrics(dataset, found)
    card = card_with(training=training, metrics=metrics, weights=WeightsFile.of(path), reference=reference)
    card.write(folder)
    return card, found


def answers_of(card: Card, folder: Path, dataset: Dataset) -> dict[str, Answers]:
    """The answers of a saved model to the images that it is judged on, by the name of their split.

    Args:
        card: the card of the model.
        folder: the folder of its weights.
        dataset: the images.

    Raises:
        CardError: the weights are missing or damaged.
    """
    with loading_weights():
        model = card.build()
    load_weights(model, card.weights.check(folder), known=True)
    return _Judge(model).answers(dataset)


class _Judge:
    """Gives the answers of a model that was saved."""

    def __init__(self, model: keras.Model) -> None:
        self._stepper = TrainStep(model, StepConfig())
        self._state = self._stepper.initial()

    def answers(self, dataset: Dataset) -> dict[str, Answers]:
        """Return the answers to the validation and the test images, as far as there are some."""
        splits = {name: getattr(dataset, name) for name in JUDGED}
        return {name: answers(self._stepper, self._state, split) for name, split in splits.items() if split}

    def reference(self, dataset: Dataset, images: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
        """Return a card's reference images, by default the first of some classes, and the logits."""
        if images is None:
            split = dataset.test or dataset.validation or dataset.train
            _, firsts = np.unique(split.labels, return_index=True)
            images = split.images[firsts[:_REFERENCES]]
        return images, self._stepper.logits(self._state, images)


def _metrics(dataset: Dataset, found: dict[str, Answers]) -> dict[str, Any]:
    """A card's metrics: the shares of images that the model gets right."""
    metrics: dict[str, Any] = {"runs": 1}
    for name, given in found.items():
        labels = getattr(dataset, name).labels
        metrics |= {f"{name}_accuracy": float(np.mean(given.labels == labels)), f"{name}_images": len(labels)}
    return metrics


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
