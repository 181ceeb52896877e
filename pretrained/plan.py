"""Everything that a fine-tuning run depends on, as a value."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from pathlib import Path
from typing import Any

import numpy as np

from nasnet_keras.card import Card
from nasnet_keras.networks.any import network_config
from nasnet_keras.pretrained.recipe import BATCH_NORM
from nasnet_keras.training.datasets.base import Dataset, Split
from nasnet_keras.training.recipes import PREPROCESSING, Recipe
from nasnet_keras.training.records import BEFORE
from nasnet_keras.training.rehearsal import card_of
from nasnet_keras.utils import checks
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.workdir import FINE_TUNING
from nasnet_keras.weights.file import CardError

__all__ = ["FILE", "KIND", "Plan", "upgraded", "weights_of_classes"]

FILE, KIND = FINE_TUNING, "nasnet_keras.fine_tuning"
"""The name and the format of the file that describes a run's folder."""


@dataclass(frozen=True)
class Plan:
    """The plan of a fine-tuning run. The same plan gives the same weights.

    Attributes:
        model: the model, as `registry.load` takes it.
        source: the model's card.
        dataset: the images that it is fine-tuned on.
        name: name of the card and weight files.
        recipe: how the whole network is trained.
        head_only: whether only the new classifier is trained, and not the whole network.
        batch_norm: one of `BATCH_NORM`.
        class_weights: the weights of the classes, by label.
        patience, seed, deterministic, license: see `fine_tune`.
        epochs_before: epochs of the finished run that this one goes on from, with its classifier; None if it begins
            with another model.
        model_digest: digest of the model's weights, if it need not be there any more; None if it is there.

    Raises:
        ValueError: a value is out of range, or the network cannot be built for these images.
        CardError: the model scales images in another way than networks that are trained here.
    """

    model: str | Path
    source: Card
    dataset: Dataset
    name: str
    recipe: Recipe
    head_only: bool
    batch_norm: str
    class_weights: tuple[float, ...]
    patience: int
    seed: int
    deterministic: bool
    license: str
    epochs_before: int | None = None
    model_digest: str | None = None

    def __post_init__(self) -> None:
        if self.source.preprocessing != PREPROCESSING:
            raise CardError(
                f"{self.source.name} scales images by {self.source.preprocessing}; what is trained here, by "
                f"{PREPROCESSING}"
            )
        checks.choice("batch_norm", self.batch_norm, BATCH_NORM)
        checks.model_name(self.name)
        checks.text("license", self.license)
        network = {**self.recipe.network, **self.network}
        network_config(self.source.genotype, self.dataset.image_shape, **network)  # before a folder is made
        self.card()

    def card(self, **known: Any) -> Card:
        """The fine-tuned model's card; `known` are the arguments of `card_of` that are known after training."""
        return card_of(
            self.dataset,
            name=self.name,
            genotype=self.source.genotype,
            network=self.network,
            license=self.license,
            **known,
        )

    @property
    def network(self) -> dict[str, Any]:
        """Arguments of `network_from_genotype` for inference."""
        return {
            **self.source.network,
            "classes": len(self.dataset.class_names),
            "classifier_activation": None,
            "batch_norm_momentum": self.recipe.batch_norm_momentum,
        }

    def to_json(self) -> dict[str, Any]:
        """Return the settings that may not change between sittings, as JSON values."""
        weights = self.source.weights
        before = {} if self.epochs_before is None else {BEFORE: self.epochs_before}
        return {
            **before,
            "model": self.model_digest or weights.sha256 or weights.md5,
            "images": {key: _known_by(getattr(self.dataset, key)) for key in ("train", "validation", "test")},
            "split": self.dataset.split,
            "digest": self.dataset.digest,
            "class_names": list(self.dataset.class_names),
            "image_shape": list(self.dataset.image_shape),
            "fit": self.dataset.fit,
            "skipped": dict(self.dataset.skipped),
            "recipe": self.recipe.to_json(),
            "class_weights": list(self.class_weights),
            **{
                key: getattr(self, key)
                for key in ("name", "head_only", "batch_norm", "patience", "seed", "deterministic")
            },
        }


def upgraded(before: dict[str, Any]) -> dict[str, Any]:
    """The plan of a run of an earlier version, with the values that settings of today had then."""
    return {"fit": "crop", "skipped": {}, **before, "recipe": Recipe.upgraded(before.get("recipe"))}


def weights_of_classes(value: str | Mapping[str, float] | None, dataset: Dataset) -> tuple[float, ...]:
    """A weight for each label. Over the training images they are 1 on average, which leaves the learning rate alone."""
    names = dataset.class_names
    counts = np.bincount(dataset.train.labels, minlength=len(names))
    if value is None:
        weights = np.ones(len(names))
    elif value == "balanced":
        weights = 1.0 / counts
    else:
        legal = isinstance(value, Mapping) and set(value) == set(names)
        if not legal or not all(isinstance(weight, Real) and 0 < weight < math.inf for weight in value.values()):
            raise ValueError(
                f"class_weights must be 'balanced', None, or a positive number for each of {', '.join(names)}; "
                f"got {quoted(value)}"
            )
        weights = np.array([float(value[name]) for name in names])
    return tuple(round(float(weight), 6) for weight in weights / np.average(weights, weights=counts))


def _known_by(split: Split) -> str:
    """A split's identity in a file, for people and for runs of earlier versions."""
    return f"{len(split)} images, {split.digest[:16]}"
