"""Train one genotype: from a data set and a recipe to a card and its weights, through any number of kills."""

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import keras
from absl import logging

from nasnet_keras.card import Card
from nasnet_keras.networks.any import network_from_genotype
from nasnet_keras.networks.large_images import loading_weights
from nasnet_keras.training import precision, records
from nasnet_keras.training.config import TrainingConfig
from nasnet_keras.training.datasets import loading, splits
from nasnet_keras.training.datasets.base import Dataset
from nasnet_keras.training.datasets.recording import are_files, record_files
from nasnet_keras.training.fastest_precision import fastest_precision
from nasnet_keras.training.further import Earlier, clear, earlier, finished_epochs, first_of, put_aside
from nasnet_keras.training.mistakes import files as mistakes
from nasnet_keras.training.recipes import Recipe
from nasnet_keras.training.records import BEFORE, HISTORY
from nasnet_keras.training.rehearsal import rehearse, weights_name
from nasnet_keras.training.result import provenance, save
from nasnet_keras.training.run import CHECKPOINT, Run
from nasnet_keras.training.trainer import Trainer
from nasnet_keras.training.verdict import verdict
from nasnet_keras.utils.workdir import TRAINING, Workdir, WorkdirError, recorded
from nasnet_keras.weights.loading import load_weights

__all__ = ["TrainingResult", "train"]

_FILE, _KIND = TRAINING, "nasnet_keras.training"


@dataclass(frozen=True)
class TrainingResult:
    """A finished run: its card, the card's path, and the figures of each epoch."""

    card: Card
    path: Path
    history: list[dict[str, float]]

    @property
    def verdict(self) -> str:
        """What is wrong with the training and what to try, in words; empty if nothing is seen to be wrong."""
        return verdict(self.card, self.history)

    @property
    def mistakes(self) -> Path | None:
        """The table of the images that are classified wrong, with the page `mistakes.html` beside it; None without."""
        path = self.path.with_name(mistakes.TABLE)
        return path if path.is_file() else None


def train(config: TrainingConfig, dataset: Dataset | str | Path, *, go_on: bool = True) -> TrainingResult:
    """Train a network on all devices and write its card and weights; see `devices.default_replicas`.

    The images are a `Dataset`, or what `nasnet_keras.training.datasets.load` takes for one, such as `"digits"`.

    A run that was stopped at any moment continues from its last checkpoint when it is started again with the same
    images, also on another number of devices, and with the splits that it began with. A finished run that is asked for
    more epochs goes on from its weights, over the epochs that are added (`further.py`). The folder holds
    `training.json` (the configuration), `checkpoint.npz`, `history.json`, `tensorboard/` and, in the end, `NAME.json`
    and `NAME.weights.h5`; of a run that was trained on, `until_epoch_N/` has the one before.

    Args:
        config: the configuration.
        dataset: the images.
        go_on: whether a finished run is trained on if the recipe has more epochs; without it, a warning says that it is
            finished, whatever the recipe's epochs are.

    Raises:
        ValueError: there can be no such network for these images, or the initial weights are of another one.
        WorkdirError: the folder cannot be used.
        CardError: its card, or the weights of a finished run, are damaged.
        OSError: a file cannot be written.
        CheckpointError: its checkpoint is damaged.
        DivergedError: the loss is no longer finite.
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
    if not isinstance(dataset, Dataset):
        dataset = loading.load(dataset)
    dataset = dataset.split_by(splits.begun_by(config.workdir, _FILE) or dataset.split)
    config.check(dataset)  # before a folder is made
    config = _settled(config, dataset)
    config, before = _going_on(config if go_on else _as_finished(config, dataset), dataset)
    initialize = _initializer(config, dataset)
    this = {**config.to_json(dataset), **before}
    upgraded = partial(_upgraded, name=this["name"])
    folder = Workdir(config.workdir, _FILE, _KIND, 1, this, complete=upgraded)
    try:
        card = folder.path / f"{this['name']}.json"
        if found := _finished(card, config.recipe.epochs):
            if are_files(dataset):
                mistakes.complete(folder.path, found.card, dataset)
            return found
        begun_from = {"initial_weights": this["initial_weights"], **before}
        return _trained(config, dataset, card, initialize, begun_from)
    finally:
        folder.close()


def _settled(config: TrainingConfig, dataset: Dataset) -> TrainingConfig:
    """The configuration with a precision that is chosen."""
    of_network = [config.resolved], dataset, config.network(dataset)
    fastest = partial(fastest_precision, *of_network, deterministic=config.deterministic)
    return dataclasses.replace(config, recipe=precision.settled(config.recipe, config.workdir, _FILE, fastest))


def _as_finished(config: TrainingConfig, dataset: Dataset) -> TrainingConfig:
    """The configuration with the epochs of a finished run, if its folder has one."""
    epochs = finished_epochs(Path(config.workdir), _FILE, _files(config.model_name(dataset)))
    if not epochs or epochs == config.recipe.epochs:
        return config
    logging.warning(
        "the run in %s is finished, at epoch %d; an --epochs above that trains it on", config.workdir, epochs
    )
    return dataclasses.replace(config, recipe=dataclasses.replace(config.recipe, epochs=epochs))


def _files(name: str) -> tuple[str, ...]:
    """The files of a finished run."""
    return f"{name}.json", weights_name(name), HISTORY


def _going_on(config: TrainingConfig, dataset: Dataset) -> tuple[TrainingConfig, dict[str, Any]]:
    """The configuration of the training that is left, if the folder holds a finished one of fewer epochs.

    With it comes the field that says so, which its folder and its card have.

    Raises:
        WorkdirError: the folder has another configuration in more than the epochs, or what it goes on from is gone.
    """
    path, wanted, name = Path(config.workdir), config.recipe.epochs, config.model_name(dataset)
    names = _files(name)
    found = earlier(path, _FILE, wanted, names)
    if found is None:
        return config, {}
    _say_if_unread(config, found)
    recipe = dataclasses.replace(config.recipe, epochs=wanted - found.epochs)
    if found.ended is not None:
        initial = {"initial_weights": found.ended.get("initial_weights")}
        return dataclasses.replace(config, recipe=recipe, initial_weights=None), {**found.to_json(), **initial}

    def left() -> TrainingConfig:
        return dataclasses.replace(config, recipe=recipe, initial_weights=found.folder / weights_name(name))

    if not found.aside:
        this, old = config.to_json(dataset), recorded(path, _FILE)
        now = {**this, "recipe": {**this["recipe"], "epochs": old["recipe"]["epochs"]}}
        if BEFORE in old:  # it went on itself
            now |= {name: old[name] for name in ("initial_weights", BEFORE)}
        work = Workdir(path, _FILE, _KIND, 1, now, complete=partial(_upgraded, name=this["name"]))
        try:
            put_aside(found, work, names, lambda: {**left().to_json(dataset), **found.to_json()})
        finally:
            work.close()
    return left(), found.to_json()


def _say_if_unread(config: TrainingConfig, found: Earlier) -> None:
    """Say it if initial weights are given that a run which goes on from its own weights does not read."""
    path = Path(config.workdir)
    if config.initial_weights is None or (BEFORE not in recorded(path, _FILE) and not found.aside):
        return  # else the folder is checked to have begun with them
    begun = first_of(found, _FILE).get("initial_weights")
    gone = not Path(config.initial_weights).is_file()
    if begun is None or gone or begun != config.known_weights():
        logging.warning(
            "%s is trained on from its own weights, and initial_weights=%s are not read: name a new folder for them",
            path,
            config.initial_weights,
        )


def _initializer(config: TrainingConfig, dataset: Dataset) -> Callable[[keras.Model], None] | None:
    """A function that loads the initial weights into a network, which was tried once; None if weights are random."""
    if config.initial_weights is None:
        return None
    load = partial(load_weights, path=config.initial_weights)
    with loading_weights():
        network = network_from_genotype(config.resolved, dataset.image_shape, **config.network(dataset))
    load(network)
    return load


def _upgraded(before: dict[str, Any], name: str) -> dict[str, Any]:
    """The configuration of a run of an earlier version, with the values that settings of today had then."""
    assumed = {"name": name, "fit": "crop", "skipped": {}, "initial_weights": None}
    return {**assumed, **before, "recipe": Recipe.upgraded(before.get("recipe"))}


def _trained(
    config: TrainingConfig,
    dataset: Dataset,
    card: Path,
    initialize: Callable[[keras.Model], None] | None,
    begun_from: dict[str, Any],
) -> TrainingResult:
    """Train to the end, from the last checkpoint if there is one, and write the card and the weights."""
    recipe, seed = config.recipe, config.seed
    rehearse(card.parent, config.card(dataset, training=provenance(recipe, seed, 0.0, recipe.epochs)), [HISTORY])
    with loading_weights(initialize is not None):
        trainer = Trainer(
            config.resolved,
            config.network(dataset),
            dataset,
            recipe,
            seed=seed,
            deterministic=config.deterministic,
            initialize=initialize,
        )
    run = Run(trainer, card.parent, checkpoint_minutes=config.checkpoint_minutes)
    record_files(card.parent, dataset)
    run.train()
    training = provenance(recipe, seed, run.seconds, recipe.epochs)
    training |= {name: value for name, value in begun_from.items() if value}
    saved, answers = save(trainer.stepper, trainer.state, dataset, card.parent, partial(config.card, dataset), training)
    if are_files(dataset):
        mistakes.write(card.parent, saved, dataset, answers)
    run.remove_checkpoint()
    return TrainingResult(saved, card, run.history)


def _finished(card: Path, epochs: int) -> TrainingResult | None:
    """The result of a run that came to its end; None if there is something to train.

    A warning names the files that a finished run lacks.

    Raises:
        CardError: the card or the weights are damaged, or those of another run.
        WorkdirError: the history is damaged or the only file that is gone; only training could make it again.
    """
    folder, history = card.parent, card.with_name(HISTORY)
    names = _files(card.stem)
    gone = [name for name in names if not (folder / name).exists()]
    if gone == [HISTORY]:
        raise WorkdirError(
            f"the run in {folder} has ended, and its model is whole, but {HISTORY} is gone: put it back, or remove "
            f"{card.name} to train again"
        )
    if gone:
        if len(gone) < len(names) and not (folder / CHECKPOINT).exists():
            logging.warning("%s lacks %s, and has no checkpoint: it is trained anew", folder, ", ".join(gone))
        return None
    found = Card.read(card)
    found.weights.check(folder)
    clear(folder)
    whole = partial(records.history, first=1, last=epochs)
    return TrainingResult(found, card, records.read(history, whole, f"remove {card.name} to train again"))
