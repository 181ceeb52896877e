"""Children that share the weights of a supernet."""

import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging

from nasnet_keras.search import supernet
from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.evaluators.child import ChildEvaluator
from nasnet_keras.search.spaces.base import Space
from nasnet_keras.search.supernet.trainer import SupernetTrainer
from nasnet_keras.training import checkpoint
from nasnet_keras.training.errors import Stopped
from nasnet_keras.training.run import on_signals
from nasnet_keras.utils import files
from nasnet_keras.utils.progress import Progress

__all__ = ["SupernetEvaluator"]

_FOLDER, _FILE = "supernet", "checkpoint.npz"
_MINIBATCH = 256  # validation images of a trial
_MINUTES = 2.0  # minutes between two checkpoints within an epoch
_POLICY = 1  # stream of the random numbers that draw architectures


class SupernetEvaluator(ChildEvaluator):
    """Judges children by the weights of one supernet, which is trained in epochs between them.

    The trials of a search are spread evenly over the supernet's epochs. Before the first trial of each, the supernet is
    trained for an epoch, with architectures that the present controller draws. A trial's reward is the accuracy on a
    random batch of validation images; the genotypes that are compared at the end are judged by all of them. `finish`
    trains from scratch, as for other children.

    The supernet's state is kept in `supernet/checkpoint.npz` of the study's folder, so that a stopped search continues
    within the epoch.

    Args:
        config: the configuration of the search: data set, supernet and training.

    Raises:
        ValueError: `ChildEvaluator` raises it, or there are fewer trials than epochs.

    Source: Pham et al. 2018, section 2.2.
    """

    def __init__(self, config: SearchConfig) -> None:
        super().__init__(config)
        self._trainer: SupernetTrainer | None = None
        self._path = Path(config.workdir) / _FOLDER / _FILE
        self._space = config.search_space()

    def accept(self, space: Space) -> None:
        supernet.check(space)
        super().accept(space)
        self._space = space

    def prepare(self, number: int, draw: Callable[[int, np.random.Generator], np.ndarray]) -> None:
        trainer, epochs = self._supernet(), self._config.recipe.epochs
        if number and not trainer.step:
            logging.warning("%s is gone: the shared weights are trained anew", self._path)
        due = min(epochs, 1 + number * epochs // self._config.trials)
        if trainer.step >= due * trainer.steps_per_epoch:
            return
        total = (due - trainer.epoch) * trainer.steps_per_epoch
        done = trainer.step % trainer.steps_per_epoch
        stop: list[bool] = []
        with (
            on_signals(lambda: stop.append(True)),
            Progress(total=total, initial=done, desc=f"supernet {due}/{epochs}", unit="step") as bar,
        ):
            written, asked, shown = time.monotonic(), 0.0, {}
            while trainer.epoch < due:
                if trainer.step % trainer.steps_per_epoch == 0:
                    seed = (self._config.seed, _POLICY, trainer.epoch)
                    drawn = draw(trainer.steps_per_epoch, np.random.default_rng(seed))
                    trainer.architectures = np.asarray(drawn, np.int32)
                ended = trainer.advance()
                bar.update()
                bar.beat(**shown)
                if ended or time.monotonic() - asked > 1.0:
                    shown = {name: f"{value:.3f}" for name, value in trainer.figures().items()}
                    asked = time.monotonic()
                if ended:
                    trainer.end_epoch()
                if ended or stop or time.monotonic() - written > 60 * _MINUTES:
                    self._write()
                    written = time.monotonic()
                if stop:
                    raise Stopped

    def evaluate(self, genotype: Any, seed: int) -> tuple[float, dict[str, Any]]:
        validation = self._dataset.validation
        size = min(_MINIBATCH, len(validation))
        chosen = np.random.default_rng(seed).permutation(len(validation))[:size]
        return self._judged(genotype, validation.take(chosen))

    def score(self, genotype: Any, seed: int) -> tuple[float, dict[str, Any]]:
        del seed
        reward, metrics = self._judged(genotype, self._dataset.validation)
        return reward, {**metrics, **self.counted(genotype)}

    def _judged(self, genotype: Any, images: Any) -> tuple[float, dict[str, Any]]:
        trainer, choices = self._supernet(), self._space.encode(genotype)
        if len(choices) != len(self._space.decisions):
            raise ValueError(f"a supernet has whole cells only, got {len(choices)} choices of {self._space}")
        try:
            accuracy = trainer.accuracy(choices, images)
        except tf.errors.ResourceExhaustedError as error:
            raise MemoryError(str(error)) from None
        return accuracy, {"shared_accuracy": accuracy, "supernet_epoch": trainer.epoch}

    def _supernet(self) -> SupernetTrainer:
        if self._trainer is None:
            config = self._config
            network = {
                "num_repeats": config.num_repeats,
                "filters": config.filters,
                "classes": len(self._dataset.class_names),
            }
            self._trainer = SupernetTrainer(
                self._space,
                network,
                self._proxy,
                config.recipe,
                seed=config.seed,
                deterministic=config.deterministic,
            )
            if self._path.exists():
                self._trainer.restore(*checkpoint.read(self._path, self._trainer.arrays(), self._trainer.check))
        return self._trainer

    def _write(self) -> None:
        files.check(self._path)
        self._path.parent.mkdir(exist_ok=True)
        checkpoint.write(self._path, self._trainer.arrays(), self._trainer.position())
