"""Train one genotype: from a data set and a recipe to a card and its weights, through any number of kills."""

import json
import math
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from tqdm import tqdm

from nasnet_keras.card import Card
from nasnet_keras.files import write_text
from nasnet_keras.network import NASNetFromGenotype
from nasnet_keras.training import checkpoint
from nasnet_keras.training.config import TrainingConfig
from nasnet_keras.training.datasets import Dataset
from nasnet_keras.training.errors import DivergedError
from nasnet_keras.training.evaluation import accuracy
from nasnet_keras.training.result import save
from nasnet_keras.training.step import Objective, State, Stepper
from nasnet_keras.workdir import Workdir

__all__ = ["Stopped", "TrainingResult", "train"]

_CHECKPOINT = "checkpoint.npz"


class Stopped(Exception):  # noqa: N818 – it is no error
    """The run was asked to stop; its checkpoint is written."""


@dataclass(frozen=True)
class TrainingResult:
    """A finished run: its card, where it is, and the history, one dict an epoch."""

    card: Card
    path: Path
    history: list[dict[str, float]]


def train(config: TrainingConfig, dataset: Dataset) -> TrainingResult:
    """Train a network and write its card and weights.

    A run that was stopped at any moment goes on from its last checkpoint when it is started again. The folder holds
    `training.json` (what is trained), `checkpoint.npz`, `history.json`, `tensorboard/` and, in the
    end, `NAME.json` and `NAME.weights.h5`.

    Raises:
        ValueError: the network cannot be built of this configuration for these images.
        WorkdirError: the folder cannot be used.
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
    config.check(dataset)  # before a folder is made
    this = config.to_json(dataset)
    folder = Workdir(config.workdir, "training.json", "nasnet_keras.training", 1, this, assumed={"name": this["name"]})
    try:
        name = config.model_name(dataset)
        card = folder.path / f"{name}.json"
        if card.exists():
            history = json.loads((folder.path / "history.json").read_text(encoding="utf-8"))
            return TrainingResult(Card.read(card), card, history)
        run = _Run(config, dataset, folder.path)
        with _signals(run):
            run.train()
        saved = save(config, dataset, run.stepper, run.state, run.seconds, folder.path)
        (folder.path / _CHECKPOINT).unlink(missing_ok=True)
        return TrainingResult(saved, card, run.history)
    finally:
        folder.close()


class _Run:
    """The state of one run and where it stands."""

    def __init__(self, config: TrainingConfig, dataset: Dataset, path: Path) -> None:
        self.config, self.dataset, self.path = config, dataset, path
        self.stopping = False
        recipe = config.recipe
        keras.utils.set_random_seed(config.seed)
        if config.deterministic:
            _make_deterministic()
        model = NASNetFromGenotype(
            config.resolved,
            dataset.image_shape,
            auxiliary_head=recipe.auxiliary_weight > 0,
            drop_path_rate=recipe.drop_path_rate,
            dropout_rate=recipe.dropout_rate,
            **config.network(dataset),
        )
        self.stepper = Stepper(
            model,
            Objective(recipe.label_smoothing, recipe.auxiliary_weight, recipe.weight_decay, recipe.clip_norm or None),
        )
        self.state: State = self.stepper.initial()
        self.step = 0
        self.seconds = 0.0
        self.history: list[dict[str, float]] = []
        self.epoch_sums = np.zeros(3)  # of losses, of shares of right answers, of steps
        self.batch = min(recipe.batch_size, len(dataset.train))
        self.steps_per_epoch = len(dataset.train) // self.batch
        self.total = recipe.epochs * self.steps_per_epoch
        self._pending: list[Any] = []
        self._epoch = -1  # whose order of images is in _order
        if (path / _CHECKPOINT).exists():
            self._restore()

    def train(self) -> None:
        """Go on to the last step."""
        written = shown = started = time.monotonic()
        before = self.seconds
        often = 0.5 if sys.stderr.isatty() else 30.0  # a log is read later
        with (
            _tensorboard(self.path) as log,
            tqdm(
                total=self.total, initial=self.step, desc="training", unit="step", smoothing=0.1, mininterval=often
            ) as bar,
        ):
            while self.step < self.total:
                self._one_step()
                bar.update()
                now = time.monotonic()
                self.seconds = before + now - started
                epoch_ends = self.step % self.steps_per_epoch == 0
                if epoch_ends or self.stopping or now - shown > 1.0:
                    shown = now
                    self._collect()
                    bar.set_postfix(self._shown(), refresh=False)
                if epoch_ends:
                    log(self._end_epoch(), self.step)
                if self.stopping or now - written > 60 * self.config.checkpoint_minutes:
                    self._collect()
                    self._write()
                    written = time.monotonic()
                if self.stopping:
                    raise Stopped
        self._write()

    def _one_step(self) -> None:
        recipe, step = self.config.recipe, self.step
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch != self._epoch:
            self._epoch = epoch
            self._order = np.random.default_rng([self.config.seed, epoch]).permutation(len(self.dataset.train))
        batch = self.dataset.train.take(self._order[position * self.batch : (position + 1) * self.batch])
        generator = np.random.default_rng([self.config.seed, epoch, position])
        progress = step / self.total
        self.state, metrics = self.stepper.step(
            self.state,
            recipe.augmentation(batch.images, generator),
            batch.labels,
            learning_rate=recipe.rate((step + 0.5) / self.total),
            progress=progress,
            average_decay=min(recipe.average_decay, (1 + step) / (10 + step)),
            size=_size(self.dataset.image_shape, recipe.size(progress)),
        )
        self.step += 1
        self._pending.append(metrics)

    def _collect(self) -> None:
        """Fetch the figures of the steps since the last time."""
        for metrics in self._pending:
            loss, right = (float(value) for value in keras.ops.convert_to_numpy(metrics))
            if not math.isfinite(loss):
                raise DivergedError(
                    f"the loss became {loss} at about step {self.step} of {self.total}: choose a lower learning rate "
                    f"than {self.config.recipe.learning_rate}, or a longer warm-up"
                )
            self.epoch_sums += (loss, right, 1)
        self._pending.clear()

    def _shown(self) -> dict[str, str]:
        loss, right, count = self.epoch_sums
        shown = {"epoch": f"{(self.step - 1) // self.steps_per_epoch + 1}/{self.config.recipe.epochs}"}
        if count:
            shown |= {"loss": f"{loss / count:.3f}", "accuracy": f"{right / count:.3f}"}
        if self.history and "validation_accuracy" in self.history[-1]:
            shown["validation"] = f"{self.history[-1]['validation_accuracy']:.4f}"
        return shown

    def _end_epoch(self) -> dict[str, float]:
        loss, right, count = self.epoch_sums
        epoch = self.step // self.steps_per_epoch
        entry = {
            "epoch": epoch,
            "loss": loss / count,
            "accuracy": right / count,
            "learning_rate": self.config.recipe.rate(self.step / self.total),
            "seconds": round(self.seconds, 1),
        }
        if self.dataset.validation:
            entry["validation_accuracy"] = accuracy(self.stepper, self.state, self.dataset.validation)
        self.history.append(entry)
        self.epoch_sums = np.zeros(3)
        write_text(self.path / "history.json", json.dumps(self.history, indent=1) + "\n")
        return entry

    def _write(self) -> None:
        arrays = {name: keras.ops.convert_to_numpy(value) for name, value in self.state.items()}
        position = {
            "step": self.step,
            "seconds": self.seconds,
            "history": self.history,
            "epoch_sums": self.epoch_sums.tolist(),
        }
        checkpoint.write(self.path / _CHECKPOINT, arrays, position)

    def _restore(self) -> None:
        expected = {name: keras.ops.convert_to_numpy(value) for name, value in self.state.items()}
        arrays, position = checkpoint.read(self.path / _CHECKPOINT, expected)
        self.state = {name: keras.ops.convert_to_tensor(value) for name, value in arrays.items()}
        self.step, self.seconds, self.history = position["step"], position["seconds"], position["history"]
        self.epoch_sums = np.asarray(position["epoch_sums"])


def _size(image_shape: tuple[int, int, int], share: float) -> tuple[int, int] | None:
    """The size to scale to, even, or None for the images' own."""
    if share == 1.0:
        return None
    height, width = (max(8, 2 * round(side * share / 2)) for side in image_shape[:2])
    return height, width


def _make_deterministic() -> None:
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    elif keras.backend.backend() == "torch":
        import torch

        torch.use_deterministic_algorithms(True, warn_only=True)


@contextmanager
def _signals(run: _Run) -> Iterator[None]:
    """Let an interrupt or a termination stop the run after its present step."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(number: int, frame: Any) -> None:
        del frame
        run.stopping = True
        signal.signal(number, signal.default_int_handler)  # the second one does not wait

    old = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


@contextmanager
def _tensorboard(path: Path) -> Iterator[Any]:
    """A function that logs an epoch's figures for TensorBoard."""
    try:
        from tensorboard.summary import Writer
    except ImportError:  # on a machine with little more than a backend
        yield lambda figures, step: None
        return
    writer = Writer(str(path / "tensorboard"))

    def log(figures: dict[str, float], step: int) -> None:
        for name, value in figures.items():
            writer.add_scalar(name, value, step)
        writer.flush()

    try:
        yield log
    finally:
        writer.close()
