"""The training of one network as a sequence of steps, without any files."""

import dataclasses
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import keras
import numpy as np

from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.networks.any import network_from_genotype
from nasnet_keras.training.backend import make_deterministic
from nasnet_keras.training.datasets.base import Dataset
from nasnet_keras.training.devices import default_replicas
from nasnet_keras.training.errors import DivergedError
from nasnet_keras.training.evaluation import predictions
from nasnet_keras.training.recipes import AUTO, PRECISIONS, Recipe
from nasnet_keras.training.replicas import Replicas
from nasnet_keras.training.step import State, StepConfig, TrainStep
from nasnet_keras.utils import checks

__all__ = ["Trainer"]


class Trainer:
    """Trains one network, a step a call.

    Args:
        genotype: the architecture of the network.
        network: further arguments of `network_from_genotype`, for inference; those that the recipe implies are added.
        dataset: its training split is trained on.
        recipe: the recipe of the training.
        seed: seed of the weights, of the order of images and of all other random numbers.
        deterministic: whether the same seed gives the same bits, on the same devices.
        config: the fields of a step that no recipe has: weights of classes, and how batches are normalised.
        replicas: the replicas that share each batch; by default all devices, see `devices.default_replicas`.
        synchronized_batch_norm: whether, by default, batch normalisation sees the whole batch; see `Mirrored`.
        initialize: gives the untrained model its first weights; by default they are random.

    Attributes:
        step, total: steps done, and steps in all.
        epoch: finished epochs.
        state: see `TrainStep`.

    Raises:
        ValueError: the network cannot be built, or the batch does not divide by the number of replicas.
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
        config: StepConfig | None = None,
        replicas: Replicas | None = None,
        synchronized_batch_norm: bool = True,
        initialize: Callable[[keras.Model], None] | None = None,
    ) -> None:
        self.dataset, self.recipe, self._seed = dataset, recipe, seed
        self.batch_size = min(recipe.batch_size, len(dataset.train))
        replicas = replicas or default_replicas(self.batch_size, synchronized_batch_norm)
        if self.batch_size % replicas.count:
            raise ValueError(f"a batch of {self.batch_size} images does not divide by {replicas.count} devices")
        keras.utils.set_random_seed(seed)
        if deterministic:
            make_deterministic()
        with _precision(recipe.precision):
            model = self._model(genotype, {**recipe.network, **network})
        if initialize is not None:
            initialize(model)
        self.stepper = TrainStep(model, _config(recipe, config or StepConfig()), replicas)
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
        """Make one step; returns whether it ended an epoch."""
        recipe, step = self.recipe, self.step
        progress = step / self.total
        images, labels = self._batch()
        self.state, figures = self.stepper.step(
            self.state,
            images,
            labels,
            learning_rate=recipe.rate((step + 0.5) / self.total),
            progress=progress,
            average_decay=min(recipe.average_decay, (1 + step) / (10 + step)),
            size=_size(self.dataset.image_shape, recipe.size(progress)),
            choices=self._choices(step % self.steps_per_epoch),
        )
        self.step += 1
        self._pending.append(figures)
        return self.step % self.steps_per_epoch == 0

    def _batch(self) -> tuple[np.ndarray, np.ndarray]:
        """The augmented images of the next step, and their labels."""
        epoch, position = divmod(self.step, self.steps_per_epoch)
        if epoch != self._ordered:
            self._ordered = epoch
            self._order = np.random.default_rng([self._seed, epoch]).permutation(len(self.dataset.train))
        chosen = self._order[position * self.batch_size : (position + 1) * self.batch_size]
        batch = self.dataset.train.take(chosen)
        labels = batch.labels
        if self.recipe.cutmix:
            labels = np.eye(len(self.dataset.class_names), dtype=np.float32)[labels]
        mirrored = self._mirrored[chosen] ^ bool(epoch % 2)
        generator = np.random.default_rng([self._seed, epoch, position])
        return self.recipe.augmentation(batch.images, labels, mirrored, generator)

    def _model(self, genotype: Any, network: dict[str, Any]) -> keras.Model:
        """The model that is trained."""
        return network_from_genotype(genotype, self.dataset.image_shape, **network)

    def _choices(self, position: int) -> np.ndarray | None:
        """The architecture of a supernet for a step of the present epoch."""
        del position

    def wait(self) -> None:
        """Wait until the steps that were begun are computed."""
        for figures in self._pending[-1:]:
            keras.ops.convert_to_numpy(figures)

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
        """The shares of the validation images that the averaged weights get right, by name.

        They are `validation_accuracy` and, if classes have weights, `validation_weighted_accuracy`, in which every
        image has the weight of its class.
        """
        split = self.dataset.validation
        right = predictions(self.stepper, self.state, split) == split.labels
        figures = {"validation_accuracy": float(np.mean(right))}
        class_weights = self.stepper.config.class_weights
        if class_weights is not None and len(set(class_weights)) > 1:
            weights = np.asarray(class_weights)[split.labels]
            figures["validation_weighted_accuracy"] = float(np.average(right, weights=weights))
        return figures

    def position(self) -> dict[str, Any]:
        """Return the position of the training as JSON values; a training continues from it and the state."""
        self.figures()
        return {"step": self.step, "epoch_sums": self._sums.tolist()}

    def check(self, position: dict[str, Any]) -> None:
        """Raise a ValueError unless `position` could have returned this value for a training like this one."""
        step, sums = checks.integer(position.get("step")), position.get("epoch_sums")
        if step is None or not 0 <= step <= self.total:
            raise ValueError(f"expected a step from 0 to {self.total}, got {checks.quoted(position.get('step'))}")
        legal = isinstance(sums, list) and len(sums) == len(self._sums) and all(map(checks.finite, sums))
        if not legal or sums[-1] != step % self.steps_per_epoch:
            raise ValueError(f"expected the sums of an epoch's figures, got {checks.quoted(sums)}")

    def restore(self, arrays: dict[str, np.ndarray], position: dict[str, Any]) -> None:
        """Continue from a state and a position that `check` accepted."""
        self.state = self.stepper.from_arrays(arrays)
        self.step = position["step"]
        self._sums = np.asarray(position["epoch_sums"])


def _config(recipe: Recipe, config: StepConfig) -> StepConfig:
    """A configuration of steps with the fields that a recipe has."""
    return dataclasses.replace(
        config,
        label_smoothing=recipe.label_smoothing,
        auxiliary_weight=recipe.auxiliary_weight,
        weight_decay=recipe.weight_decay,
        clip_norm=recipe.clip_norm or None,
        muon=recipe.muon_rate / recipe.learning_rate,
        sam_radius=recipe.sam_radius,
    )


@contextmanager
def _precision(policy: str) -> Iterator[None]:
    """Let the layers that are made within the block compute in this type."""
    if policy == AUTO:
        raise ValueError(f"precision={policy!r} is for jobs, which measure first: expected {' or '.join(PRECISIONS)}")
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _size(image_shape: tuple[int, int, int], share: float) -> tuple[int, int] | None:
    """The even size that images are scaled to, or None for their own."""
    if share == 1.0:
        return None
    height, width = (max(8, 2 * round(side * share / 2)) for side in image_shape[:2])
    return height, width
