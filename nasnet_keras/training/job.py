"""Train one genotype: from a data set and a recipe to a card and its weights, through any number of kills."""

import dataclasses
import json
import math
import shlex
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

from nasnet_keras import card as cards
from nasnet_keras.card import Card
from nasnet_keras.cost import genotype_cost
from nasnet_keras.environment import hardware
from nasnet_keras.files import write_text
from nasnet_keras.network import NASNetFromGenotype
from nasnet_keras.training import checkpoint
from nasnet_keras.training.config import TrainingConfig
from nasnet_keras.training.datasets import Dataset, Split
from nasnet_keras.training.step import Objective, State, Stepper
from nasnet_keras.weights import load_weights
from nasnet_keras.workdir import Workdir

__all__ = ["DivergedError", "Stopped", "TrainingResult", "train"]

_CHECKPOINT = "checkpoint.npz"
_REFERENCES = 4


class DivergedError(ValueError):
    """A loss is not finite any more."""


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
    `training.json` (what is trained), `checkpoint.npz`, `history.json`, `tensorboard/` (on TensorFlow) and, in the
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
    folder = Workdir(config.workdir, "training.json", "nasnet_keras.training", 1, config.to_json(dataset))
    try:
        name = config.model_name(dataset)
        card = folder.path / f"{name}.json"
        if card.exists():
            history = json.loads((folder.path / "history.json").read_text(encoding="utf-8"))
            return TrainingResult(Card.read(card), card, history)
        run = _Run(config, dataset, folder.path)
        with _signals(run):
            run.train()
        return run.finish(name)
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

    def finish(self, name: str) -> TrainingResult:
        """Write weights and card, judged on the test images as they were saved."""
        config, dataset = self.config, self.dataset
        self.stepper.assign(self.state)
        network = config.network(dataset)
        model = NASNetFromGenotype(config.resolved, dataset.image_shape, **network)
        trained = {variable.path: variable for variable in self.stepper.model.weights}
        for variable in model.weights:
            variable.assign(trained[variable.path])
        path = self.path / f"{name}.weights.h5"
        temporary = self.path / f".unfinished.{name}.weights.h5"
        model.save_weights(temporary)
        temporary.replace(path)
        load_weights(model, path)
        saved = Stepper(model, Objective())
        weights = saved.initial()
        metrics: dict[str, Any] = {"runs": 1}
        for key in ("validation", "test"):
            if split := getattr(dataset, key):
                metrics |= {f"{key}_accuracy": _accuracy(saved, weights, split), f"{key}_images": len(split)}
        images = dataset.test.images[:_REFERENCES]
        outputs = saved.logits(weights, _padded(images, _REFERENCES))[: len(images)]
        cost = genotype_cost(config.resolved, dataset.image_shape, **network)
        del network["classes"]
        card = Card(
            name=name,
            genotype=config.resolved,
            network=network,
            input_shape=dataset.image_shape,
            input_range=(0.0, 255.0),
            preprocessing={"scale": 1 / 127.5, "offset": -1.0},
            class_names=dataset.class_names,
            dataset={
                "name": dataset.name,
                "source": dataset.source,
                "images": {key: len(getattr(dataset, key)) for key in ("train", "validation", "test")},
            },
            training={
                "recipe": config.recipe.to_json(),
                "seed": config.seed,
                "command": shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]]),
                "hardware": hardware(),
                "hours": round(self.seconds / 3600, 3),
                "epochs": config.recipe.epochs,
                "backend": f"{keras.backend.backend()}, Keras {keras.version()}",
            },
            metrics=metrics,
            cost=dataclasses.asdict(cost),
            licence=config.licence,
            weights=cards.WeightsFile.of(path),
            reference=cards.encoded(images, outputs),
        )
        written = card.write(self.path)
        (self.path / _CHECKPOINT).unlink(missing_ok=True)
        return TrainingResult(card, written, self.history)

    def _one_step(self) -> None:
        recipe, step = self.config.recipe, self.step
        epoch, position = divmod(step, self.steps_per_epoch)
        if position == 0 or not hasattr(self, "_order"):
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
            entry["validation_accuracy"] = _accuracy(self.stepper, self.state, self.dataset.validation)
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


def _accuracy(stepper: Stepper, state: State, split: Split, batch_size: int = 256) -> float:
    """The share of a split's images that the averaged weights get right."""
    batch_size = min(batch_size, len(split))
    right = 0
    for start in range(0, len(split), batch_size):
        part = split.take(slice(start, start + batch_size))
        logits = stepper.logits(state, _padded(part.images, batch_size))[: len(part)]
        right += int(np.sum(np.argmax(logits, -1) == part.labels))
    return right / len(split)


def _padded(images: np.ndarray, count: int) -> np.ndarray:
    """`count` images, so that all batches have one shape and are compiled once."""
    return np.concatenate([images, np.zeros((count - len(images), *images.shape[1:]), images.dtype)])


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
