"""Train one genotype: from a data set and a recipe to a card and its weights, through any number of kills."""

import json
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tqdm import tqdm

from nasnet_keras.card import Card
from nasnet_keras.files import write_text
from nasnet_keras.training import checkpoint
from nasnet_keras.training.config import TrainingConfig
from nasnet_keras.training.datasets import Dataset
from nasnet_keras.training.errors import Stopped
from nasnet_keras.training.result import save
from nasnet_keras.training.trainer import Trainer
from nasnet_keras.workdir import Workdir

__all__ = ["TrainingResult", "train"]

_CHECKPOINT = "checkpoint.npz"


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

    def completed(before: dict[str, Any]) -> dict[str, Any]:
        """What a run was before its file said so."""
        return {"name": this["name"], **before, "recipe": {"precision": "float32", **before["recipe"]}}

    folder = Workdir(config.workdir, "training.json", "nasnet_keras.training", 1, this, complete=completed)
    try:
        name = config.model_name(dataset)
        card = folder.path / f"{name}.json"
        if card.exists():
            history = json.loads((folder.path / "history.json").read_text(encoding="utf-8"))
            return TrainingResult(Card.read(card), card, history)
        run = _Run(config, dataset, folder.path)
        with _signals(run):
            run.train()
        saved = save(config, dataset, run.trainer.stepper, run.trainer.state, run.seconds, folder.path)
        (folder.path / _CHECKPOINT).unlink(missing_ok=True)
        return TrainingResult(saved, card, run.history)
    finally:
        folder.close()


class _Run:
    """A training and the folder that it is kept in."""

    def __init__(self, config: TrainingConfig, dataset: Dataset, path: Path) -> None:
        self.config, self.path = config, path
        self.stopping = False
        self.trainer = Trainer(
            config.resolved,
            config.network(dataset),
            dataset,
            config.recipe,
            seed=config.seed,
            deterministic=config.deterministic,
        )
        self.seconds = 0.0
        self.history: list[dict[str, float]] = []
        if (path / _CHECKPOINT).exists():
            self._restore()

    def train(self) -> None:
        """Go on to the last step."""
        trainer = self.trainer
        written = shown = started = time.monotonic()
        before = self.seconds
        often = 0.5 if sys.stderr.isatty() else 30.0  # a log is read later
        bar = tqdm(
            total=trainer.total,
            initial=trainer.step,
            desc="training",
            unit="step",
            smoothing=0.1,
            mininterval=often,
        )
        with _tensorboard(self.path) as log, bar:
            while trainer.step < trainer.total:
                epoch_ends = trainer.advance()
                bar.update()
                now = time.monotonic()
                self.seconds = before + now - started
                if epoch_ends or self.stopping or now - shown > 1.0:
                    shown = now
                    bar.set_postfix(self._shown(), refresh=False)
                if epoch_ends:
                    log(self._end_epoch(), trainer.step)
                if self.stopping or now - written > 60 * self.config.checkpoint_minutes:
                    self._write()
                    written = time.monotonic()
                if self.stopping:
                    raise Stopped
        self._write()

    def _shown(self) -> dict[str, str]:
        trainer = self.trainer
        figures = {name: f"{value:.3f}" for name, value in trainer.figures().items()}
        epoch = (trainer.step - 1) // trainer.steps_per_epoch + 1
        shown = {"epoch": f"{epoch}/{self.config.recipe.epochs}", **figures}
        if self.history and "validation_accuracy" in self.history[-1]:
            shown["validation"] = f"{self.history[-1]['validation_accuracy']:.4f}"
        return shown

    def _end_epoch(self) -> dict[str, float]:
        entry = {**self.trainer.end_epoch(), "seconds": round(self.seconds, 1)}
        if self.trainer.dataset.validation:
            entry["validation_accuracy"] = self.trainer.validation_accuracy()
        self.history.append(entry)
        write_text(self.path / "history.json", json.dumps(self.history, indent=1) + "\n")
        return entry

    def _write(self) -> None:
        trainer = self.trainer
        position = {**trainer.position(), "seconds": self.seconds, "history": self.history}
        checkpoint.write(self.path / _CHECKPOINT, trainer.stepper.to_arrays(trainer.state), position)

    def _restore(self) -> None:
        expected = self.trainer.stepper.to_arrays(self.trainer.state)
        arrays, position = checkpoint.read(self.path / _CHECKPOINT, expected)
        self.trainer.restore(arrays, position)
        self.seconds, self.history = position["seconds"], position["history"]


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
        from nasnet_keras.training.events import EventFile
    except ImportError:  # on a machine with little more than a backend
        yield lambda figures, step: None
        return
    file = EventFile(path / "tensorboard")
    try:
        yield file.scalars
    finally:
        file.close()
