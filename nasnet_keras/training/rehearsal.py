"""The end of a run, tried before its first step: its card can be made, and its files can be written."""

import dataclasses
import errno
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nasnet_keras.card import Card
from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.networks.cost import genotype_cost
from nasnet_keras.training.datasets.base import Dataset
from nasnet_keras.training.recipes import PREPROCESSING
from nasnet_keras.utils.files import scratch
from nasnet_keras.weights.file import WeightsFile

__all__ = ["card_of", "rehearse", "weights_name"]


def weights_name(name: str) -> str:
    """The name of a model's weight file."""
    return f"{name}.weights.h5"


def card_of(
    dataset: Dataset,
    *,
    name: str,
    genotype: BaseGenotype,
    network: dict[str, Any],
    license: str,
    training: dict[str, Any] | None = None,
    metrics: dict[str, Any] | None = None,
    weights: WeightsFile | None = None,
    reference: dict[str, Any] | None = None,
) -> Card:
    """The card of a trained network, or of one that is to be trained, which has no figures and no weights yet.

    Args:
        dataset: the images that the network is trained on.
        name, genotype, network, license, training, metrics, weights, reference: fields of the card, see `Card`.
            `network` has the number of `classes`, too.

    Raises:
        CardError: there can be no such card.
        ValueError: the network cannot be built for these images.
    """
    return Card(
        name=name,
        genotype=genotype,
        network={key: value for key, value in network.items() if key != "classes"},  # as many as there are names
        input_shape=dataset.image_shape,
        input_range=(0.0, 255.0),
        preprocessing=PREPROCESSING,
        class_names=dataset.class_names,
        dataset={
            "name": dataset.name,
            "source": dataset.source,
            "images": {key: len(getattr(dataset, key) or ()) for key in ("train", "validation", "test")},
            "fit": dataset.fit,
        },
        training=training or {},
        metrics=metrics or {},
        cost=dataclasses.asdict(genotype_cost(genotype, dataset.image_shape, **network)),
        license=license,
        weights=weights or WeightsFile(weights_name(name), 1, "0" * 64),
        reference=reference or {},
    )


def rehearse(folder: Path, card: Card, others: Sequence[str] = ()) -> None:
    """Write the files that a run ends with, as far as they are known, read the card, and remove them.

    Args:
        folder: the run's folder.
        card: a card from `card_of`.
        others: names of the files beside the card and its weights.

    Raises:
        CardError: the card cannot be read again.
        OSError: a file cannot be written.
    """
    names = (f"{card.name}.json", card.weights.file, *others)
    for path in (folder / name for name in names):
        if path.is_dir():
            raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    with scratch(folder / names[0]) as temporary:
        for name in names[1:]:
            (temporary / name).touch()
        Card.read(card.write(temporary))
