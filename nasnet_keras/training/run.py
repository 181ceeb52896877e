"""One training in a folder: progress, curves, checkpoints, and a stop at any moment."""

import contextlib
import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from nasnet_keras.training import checkpoint, records
from nasnet_keras.training.curve import accuracy_of, standard_error
from nasnet_keras.training.errors import Stopped
from nasnet_keras.training.trainer import Trainer
from nasnet_keras.utils.files import write_text
from nasnet_keras.utils.progress import Progress, showing

__all__ = ["CHECKPOINT", "Run", "on_signals"]

CHECKPOINT = "checkpoint.npz"
"""The name of the file that a run goes on from."""
_JUDGED = ("average_parameters", "average_statistics")


class Run:
    """A training and the folder that it is kept in: `checkpoint.npz`, `history.json` and `tensorboard/`.

    Args:
        trainer: a training at its beginning. It continues from the folder's checkpoint if there is one.
        path: the folder.
        checkpoint_minutes: minutes between checkpoints.
        patience: epochs without a better validation accuracy after which training ends; the accuracy is that by the
            weights of classes if they have some. In the end the trainer then has the weights of `kept_epoch`, which may
            be those that it began with. None to train to the end.

    Attributes:
        history: the figures, one dict an epoch; with patience, the first one is of epoch 0.
        seconds: time of training, over all sittings.

    Raises:
        CheckpointError: the checkpoint is damaged or of another network.
    """

    def __init__(
        self, trainer: Trainer, path: Path, *, checkpoint_minutes: float = 5.0, patience: int | None = None
    ) -> None:
        self.trainer, self.path = trainer, path
        self.seconds = 0.0
        self.history: list[dict[str, float]] = []
        self._minutes, self._patience = checkpoint_minutes, patience
        self._stopping = False
        self._kept = self._judged() if patience is not None else {}
        if (path / CHECKPOINT).exists():
            self._restore()
        elif patience is not None:
            self._record({"epoch": 0})

    @property
    def ended(self) -> bool:
        """Whether there is nothing left to do."""
        return self.trainer.step >= self.trainer.total or self._out_of_patience()

    @property
    def kept_epoch(self) -> int | None:
        """The last epoch whose validation accuracy is within a standard error of the best.

        With a few dozen images, chance decides which epoch is best. Epochs that cannot be told from it are
        equals, and the last of them was trained the longest, at the lowest rate.
        """
        if not self.history:
            return None
        best = max(map(accuracy_of, self.history))
        least = best - standard_error(best, len(self.trainer.dataset.validation))
        return max(entry["epoch"] for entry in self.history if accuracy_of(entry) >= least)

    def train(self) -> None:
        """Go on to the end.

        Raises:
            DivergedError: the loss is no longer finite.
            Stopped: an interrupt or a termination signal came; the state was written.
        """
        with on_signals(self._stop), _tensorboard(self.path) as log, self._bar() as bar:
            self._train(log, bar)
        self._write()
        if self._kept:
            self.trainer.state = {**self.trainer.state, **self.trainer.stepper.from_arrays(self._kept)}

    def remove_checkpoint(self) -> None:
        """Remove the checkpoint, which only an unfinished run needs."""
        (self.path / CHECKPOINT).unlink(missing_ok=True)

    def _train(self, log: Any, bar: Any) -> None:
        trainer = self.trainer
        written = shown = started = time.monotonic()
        before = self.seconds
        while not self.ended:
            epoch_ends = trainer.advance()
            bar.update()
            now = time.monotonic()
            self.seconds = before + now - started
            if epoch_ends or self._stopping or now - shown > 1.0:
                shown = now
                bar.beat(**self._shown())
                with contextlib.suppress(OSError):
                    os.utime(self.path)  # a sign of life, for a process that waits for this one
            if epoch_ends:
                log(self._record(trainer.end_epoch()), trainer.step)
            if self._stopping or now - written > 60 * self._minutes:
                self._write()
                written = time.monotonic()
            if self._stopping:
                raise Stopped

    def _bar(self) -> Progress:
        return Progress(total=self.trainer.total, initial=self.trainer.step, desc="training", unit="step")

    def _record(self, figures: dict[str, float]) -> dict[str, float]:
        """Add an epoch's figures to the history, and keep its weights unless earlier ones are better."""
        entry = {**figures, "seconds": round(self.seconds, 1)}
        if self.trainer.dataset.validation:
            entry |= self.trainer.validate()
        self.history.append(entry)
        if self._patience is not None and self.kept_epoch == entry["epoch"]:
            self._kept = self._judged()
        write_text(self.path / records.HISTORY, json.dumps(self.history, indent=1) + "\n")
        return entry

    def _out_of_patience(self) -> bool:
        if self._patience is None:
            return False
        better = max(self.history, key=accuracy_of)["epoch"]  # the first among equals: more of the same is not better
        return self.trainer.epoch - better >= self._patience

    def _judged(self) -> dict[str, Any]:
        arrays = self.trainer.stepper.to_arrays(self.trainer.state)
        return {name: arrays[name] for name in _JUDGED}

    def _shown(self) -> dict[str, str]:
        trainer = self.trainer
        figures = {name: f"{value:.3f}" for name, value in trainer.figures().items()}
        epoch = (trainer.step - 1) // trainer.steps_per_epoch + 1
        shown = {"epoch": f"{epoch}/{trainer.recipe.epochs}", **figures}
        if self.history and "validation_accuracy" in self.history[-1]:
            shown["validation"] = f"{self.history[-1]['validation_accuracy']:.4f}"
        if self._patience is not None and self.kept_epoch != self.history[-1]["epoch"]:
            kept = next(entry for entry in self.history if entry["epoch"] == self.kept_epoch)
            shown["kept"] = f"{kept['validation_accuracy']:.4f} of epoch {kept['epoch']}"
        return shown

    def _arrays(self) -> dict[str, Any]:
        best = {f"kept_{name}": value for name, value in self._kept.items()}
        return {**self.trainer.stepper.to_arrays(self.trainer.state), **best}

    def _write(self) -> None:
        position = {**self.trainer.position(), "seconds": self.seconds, "history": self.history}
        checkpoint.write(self.path / CHECKPOINT, self._arrays(), position)

    def _restore(self) -> None:
        arrays, position = checkpoint.read(self.path / CHECKPOINT, self._arrays(), self._check)
        self._kept = {name: arrays.pop(f"kept_{name}") for name in self._kept}
        self.trainer.restore(arrays, position)
        self.seconds, self.history = position["seconds"], position["history"]

    def _check(self, position: dict[str, Any]) -> None:
        """Raise a ValueError if no run like this one was ever at this position."""
        self.trainer.check(position)
        epoch = position["step"] // self.trainer.steps_per_epoch
        records.history(position.get("history"), 1 if self._patience is None else 0, epoch)
        records.seconds(position.get("seconds"))

    def _stop(self) -> None:
        self._stopping = True


@contextmanager
def on_signals(act: Callable[[], None]) -> Iterator[None]:
    """Call `act` at the first interrupt or termination signal; the second one interrupts as usual."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def handle(number: int, frame: Any) -> None:
        del frame
        signal.signal(number, signal.default_int_handler)  # the second one does not wait
        act()

    old = {number: signal.signal(number, handle) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in old.items():
            signal.signal(number, handler)


@contextmanager
def _tensorboard(path: Path) -> Iterator[Callable[[dict[str, float], int], None]]:
    """A function that logs an epoch's figures for TensorBoard."""
    what, file = "the training in TensorBoard", None
    with showing(what), contextlib.suppress(ImportError):  # TensorBoard may not be installed
        from nasnet_keras.training.events import EventFile

        file = EventFile(path / "tensorboard")

    def log(figures: dict[str, float], step: int) -> None:
        with showing(what):
            if file is not None:
                file.scalars(figures, step)

    try:
        yield log
    finally:
        with showing(what):
            if file is not None:
                file.close()
