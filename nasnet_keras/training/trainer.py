"""The training of one network as a sequence of steps: what is done at each of them, and no files."""

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.networks.any import network_from_genotype
from nasnet_keras.training.datasets.base import Dataset
from nasnet_keras.training.devices import Replicas
from nasnet_keras.training.errors import DivergedError
from nasnet_keras.training.evaluation import predictions
from nasnet_keras.training.recipes import Recipe
from nasnet_keras.training.step import State, StepConfig, TrainStep
from nasnet_keras.utils import checks

__all__ = ["Trainer"]


class Trainer:
    """Trains one network, a step a call.

    Args:
        genotype: what to build.
        network: further arguments of `network_from_genotype`, for inference; what the recipe says is added.
        dataset: its training split is trained on.
        recipe: how.
        seed: of the weights, the order of images and all else that is random.
        deterministic: whether the same seed gives the same bits, on the same devices.
        devices: what a batch is divided over.
        initialize: gives the untrained model its first weights, where they are not random.
        class_weights, frozen_statistics, batch_statistics: see `StepConfig`.

    Attributes:
        step, total: steps done, and steps in all.
        epoch: finished epochs.
        state: see `TrainStep`.

    Raises:
        ValueError: the network cannot be built, or the batch does not divide by the number of devices.
    """

    def __init__(
        self,
        genotype: BaseGenotype,
        network: dict[str, Any],
        dataset: Dataset,
        recipe: Recipe,
        *,
        seed: int,
        deterministic: bool = True,
        devices: Replicas | None = None,
        initialize: Callable[[keras.Model], None] | None = None,
        class_weights: tuple[float, ...] | None = None,
        frozen_statistics: bool = False,
        batch_statistics: bool = False,
    ) -> None:
        self.dataset, self.recipe, self._seed = dataset, recipe, seed
        self._class_weights = class_weights
        devices = devices or Replicas()
        self.batch_size = min(recipe.batch_size, len(dataset.train))
        if self.batch_size % devices.count:
            raise ValueError(f"a batch of {self.batch_size} images does not divide by {devices.count} devices")
        keras.utils.set_random_seed(seed)
        if deterministic:
            _make_deterministic()
        with _precision(recipe.precision):
            model = self._model(genotype, {**recipe.network, **network})
        if initialize is not None:
            initialize(model)
        objective = StepConfig(
            recipe.label_smoothing,
            recipe.auxiliary_weight,
            recipe.weight_decay,
            recipe.clip_norm or None,
            muon=recipe.muon_rate / recipe.learning_rate,
            sam_radius=recipe.sam_radius,
            class_weights=class_weights,
            frozen_statistics=frozen_statistics,
            batch_statistics=batch_statistics,
        )
        self.stepper = TrainStep(model, objective, devices)
        self.state: State = self.stepper.initial()
        self.step = 0
        self.steps_per_epoch = len(dataset.train) // self.batch_size
        self.total = recipe.epochs * self.steps_per_epoch
        self._sums = np.zeros(3)  # of this epoch: losses, shares of right answers, steps
        self._pending: list[Any] = []
        self._ordered = -1  # the epoch whose order of images is in _order
        # Every image is mirrored in every second epoch: two epochs show it from both sides, and not half of all images
        # from one side twice, as chance would (Jordan 2024, arXiv 2404.00498). The 1: zeros at the end do not count.
        self._mirrored = np.random.default_rng([seed, 0, 0, 1]).random(len(dataset.train)) < 0.5  # in even epochs

    @property
    def epoch(self) -> int:
        return self.step // self.steps_per_epoch

    def advance(self) -> bool:
        """Make one step; says whether an epoch ended with it."""
        recipe, step = self.recipe, self.step
        epoch, position = divmod(step, self.steps_per_epoch)
        if epoch != self._ordered:
            self._ordered = epoch
            self._order = np.random.default_rng([self._seed, epoch]).permutation(len(self.dataset.train))
        chosen = self._order[position * self.batch_size : (position + 1) * self.batch_size]
        batch = self.dataset.train.take(chosen)
        labels = batch.labels
        if recipe.cutmix:
            labels = np.eye(len(self.dataset.class_names), dtype=np.float32)[labels]
        progress = step / self.total
        self.state, figures = self.stepper.step(
            self.state,
            *recipe.augmentation(
                batch.images,
                labels,
                self._mirrored[chosen] ^ bool(epoch % 2),
                np.random.default_rng([self._seed, epoch, position]),
            ),
            learning_rate=recipe.rate((step + 0.5) / self.total),
            progress=progress,
            average_decay=min(recipe.average_decay, (1 + step) / (10 + step)),
            size=_size(self.dataset.image_shape, recipe.size(progress)),
            choices=self._choices(position),
        )
        self.step += 1
        self._pending.append(figures)
        return self.step % self.steps_per_epoch == 0

    def _model(self, genotype: Any, network: dict[str, Any]) -> keras.Model:
        """What is trained."""
        return network_from_genotype(genotype, self.dataset.image_shape, **network)

    def _choices(self, position: int) -> np.ndarray | None:
        """The architecture of a supernet for a step of the present epoch."""
        del position

    def figures(self) -> dict[str, float]:
        """Mean loss and accuracy of the present epoch's steps so far; waits until they are computed.

        Raises:
            DivergedError: a loss is not finite.
        """
        for figures in self._pending:
            loss, right = (float(value) for value in keras.ops.convert_to_numpy(figures))
            if not math.isfinite(loss):
                raise DivergedError(
                    f"the loss became {loss} at about step {self.step} of {self.total}: choose a lower learning rate "
                    f"than {self.recipe.learning_rate}, or a longer warm-up"
                )
            self._sums += (loss, right, 1)
        self._pending.clear()
        loss, right, count = self._sums
        return {"loss": loss / count, "accuracy": right / count} if count else {}

    def end_epoch(self) -> dict[str, float]:
        """The figures of the epoch that ended, with which the next one begins."""
        figures = {"epoch": self.epoch, **self.figures(), "learning_rate": self.recipe.rate(self.step / self.total)}
        self._sums = np.zeros(3)
        return figures

    def validate(self) -> dict[str, float]:
        """How the averaged weights do on the validation images: the share that they get right and, where classes have
        weights, that share with every image counting as its class does."""
        split = self.dataset.validation
        right = predictions(self.stepper, self.state, split) == split.labels
        figures = {"validation_accuracy": float(np.mean(right))}
        if self._class_weights is not None and len(set(self._class_weights)) > 1:
            weights = np.asarray(self._class_weights)[split.labels]
            figures["validation_weighted_accuracy"] = float(np.average(right, weights=weights))
        return figures

    def position(self) -> dict[str, Any]:
        """Where the training stands, beside the state: JSON values."""
        self.figures()
        return {"step": self.step, "epoch_sums": self._sums.tolist()}

    def check(self, position: dict[str, Any]) -> None:
        """Raise a ValueError where a training like this one never stood: at a value that `position` did not return."""
        step, sums = checks.integer(position.get("step")), position.get("epoch_sums")
        if step is None or not 0 <= step <= self.total:
            raise ValueError(f"expected a step from 0 to {self.total}, got {checks.quoted(position.get('step'))}")
        legal = isinstance(sums, list) and len(sums) == len(self._sums) and all(map(checks.finite, sums))
        if not legal or sums[-1] != step % self.steps_per_epoch:
            raise ValueError(f"expected the sums of an epoch's figures, got {checks.quoted(sums)}")

    def restore(self, arrays: dict[str, np.ndarray], position: dict[str, Any]) -> None:
        """Go on from where the state was `arrays` and `position` returned `position`, which `check` has seen."""
        self.state = self.stepper.from_arrays(arrays)
        self.step = position["step"]
        self._sums = np.asarray(position["epoch_sums"])


@contextmanager
def _precision(policy: str) -> Iterator[None]:
    """Layers made within compute in this type."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


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
