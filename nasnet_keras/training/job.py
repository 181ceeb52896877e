"""Train one genotype: from a data set and a recipe to a card and its weights, through any number of kills."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from absl import logging

from nasnet_keras.card import Card
from nasnet_keras.networks.any import network_from_genotype
from nasnet_keras.training import records
from nasnet_keras.training.config import TrainingConfig
from nasnet_keras.training.datasets import splits
from nasnet_keras.training.datasets.base import Dataset
from nasnet_keras.training.recipes import Recipe
from nasnet_keras.training.rehearsal import rehearse, weights_name
from nasnet_keras.training.result import provenance, save
from nasnet_keras.training.run import CHECKPOINT, Run
from nasnet_keras.training.trainer import Trainer
from nasnet_keras.utils.workdir import Workdir, WorkdirError
from nasnet_keras.weights.loading import load_weights

__all__ = ["TrainingResult", "train"]

_HISTORY = "history.json"


@dataclass(frozen=True)
class TrainingResult:
    """A finished run: its card, where it is, and the history, one dict an epoch."""

    card: Card
    path: Path
    history: list[dict[str, float]]


def train(config: TrainingConfig, dataset: Dataset) -> TrainingResult:
    """Train a network and write its card and weights.

    A run that was stopped at any moment goes on from its last checkpoint when it is started again, with the same images
    only; where splits were made of the training images, they are made as when it began. The folder holds
    `training.json` (what is trained), `checkpoint.npz`, `history.json`, `tensorboard/` and, in the end, `NAME.json` and
    `NAME.weights.h5`.

    Raises:
        ValueError: the network cannot be built of this configuration for these images, or the initial weights are of
            another one.
        WorkdirError: the folder cannot be used.
        CardError: its card, or the weights of a finished run, are damaged.
        OSError: a file cannot be written.
        CheckpointError: its checkpoint is damaged.
        DivergedError: the loss is not finite any more.
        Stopped: an interrupt or a termination signal came.

    Example:
        >>> from nasnet_keras.training import datasets
        >>> from nasnet_keras.training.recipes import Recipe
        >>> recipe = Recipe(epochs=1, batch_size=128, learning_rate=0.1)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     config = TrainingConfig(folder, recipe=recipe, num_repeats=1, filters=4)
        ...     train(config, datasets.load("digits")).card.name
        'nasnet_a_digits'
    """
    dataset = dataset.split_by(splits.begun_by(config.workdir, "training.json") or dataset.split)
    config.check(dataset)  # before a folder is made
    load = None
    if config.initial_weights is not None:
        load = partial(load_weights, path=config.initial_weights)
        load(network_from_genotype(config.resolved, dataset.image_shape, **config.network(dataset)))
    this = config.to_json(dataset)

    def upgraded(before: dict[str, Any]) -> dict[str, Any]:
        """What a run was before its file said so."""
        return {
            "name": this["name"],
            "fit": "crop",
            "initial_weights": None,
            **before,
            "recipe": Recipe.upgraded(before.get("recipe")),
        }

    folder = Workdir(config.workdir, "training.json", "nasnet_keras.training", 1, this, complete=upgraded)
    try:
        name = config.model_name(dataset)
        card = folder.path / f"{name}.json"
        if (finished := _finished(card, config.recipe.epochs)) is not None:
            return finished
        training = provenance(config.recipe, config.seed, 0.0, config.recipe.epochs)
        rehearse(folder.path, config.card(dataset, training=training), [_HISTORY])
        trainer = Trainer(
            config.resolved,
            config.network(dataset),
            dataset,
            config.recipe,
            seed=config.seed,
            deterministic=config.deterministic,
            initialize=load,
        )
        run = Run(trainer, folder.path, checkpoint_minutes=config.checkpoint_minutes)
        run.train()
        training = provenance(config.recipe, config.seed, run.seconds, config.recipe.epochs)
        if this["initial_weights"]:
            training["initial_weights"] = this["initial_weights"]
        saved = save(
            trainer.stepper,
            trainer.state,
            dataset,
            folder.path,
            name=name,
            genotype=config.resolved,
            network=config.network(dataset),
            training=training,
            licence=config.licence,
        )
        run.remove_checkpoint()
        return TrainingResult(saved, card, run.history)
    finally:
        folder.close()


def _finished(card: Path, epochs: int) -> TrainingResult | None:
    """The result of a run that came to its end; None when there is something to train, which a warning tells of.

    Raises:
        CardError: the card or the weights are damaged, or others.
        WorkdirError: all that is gone, or damaged, is what only training could make again.
    """
    folder, history = card.parent, card.with_name(_HISTORY)
    names = (card.name, weights_name(card.stem), _HISTORY)
    gone = [name for name in names if not (folder / name).exists()]
    if gone == [_HISTORY]:
        raise WorkdirError(
            f"the run in {folder} has ended, and its model is whole, but {_HISTORY} is gone: put it back, or remove "
            f"{card.name} to train again"
        )
    if gone:
        if len(gone) < len(names) and not (folder / CHECKPOINT).exists():
            logging.warning("%s lacks %s, and has no checkpoint: it is trained anew", folder, ", ".join(gone))
        return None
    found = Card.read(card)
    found.weights.check(folder)
    whole = partial(records.history, first=1, last=epochs)
    return TrainingResult(found, card, records.read(history, whole, f"remove {card.name} to train again"))
