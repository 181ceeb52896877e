"""Children trained from scratch: a TensorFlow 2 custom loop under `MirroredStrategy`."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf
from tqdm import tqdm

from nasnet_keras.files import replacing
from nasnet_keras.genotype import Genotype
from nasnet_keras.network import NASNetFromGenotype
from nasnet_keras.search.backend import require_tensorflow
from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.evaluators.base import DivergedError, Evaluator
from nasnet_keras.training import datasets
from nasnet_keras.training.datasets import Dataset, Split
from nasnet_keras.training.step import scaled

__all__ = ["ChildEvaluator", "TrainingPlan", "accuracy", "train"]

_MODEL = "best_model.keras"


class ChildEvaluator(Evaluator):
    """Trains children from scratch; the reward is the accuracy on the validation images, from 0 to 1.

    Args:
        config: data set, size and training of the children.

    Raises:
        ValueError: Keras does not run on TensorFlow.
    """

    def __init__(self, config: SearchConfig) -> None:
        require_tensorflow()
        self._config = config
        self._dataset = datasets.load(config.dataset)

    def evaluate(self, genotype: Genotype, seed: int) -> tuple[float, dict[str, Any]]:
        keras.backend.clear_session()  # a process that makes many models keeps their graphs otherwise
        try:
            model, loss = train(genotype, self._dataset, self._plan(self._config.epochs, seed))
            reward = accuracy(model, self._dataset.validation)
        except tf.errors.ResourceExhaustedError as error:
            raise MemoryError(str(error)) from None
        return reward, {"validation_accuracy": reward, "loss": loss, "parameters": model.count_params()}

    def finish(self, genotype: Genotype, path: Path) -> dict[str, Any]:
        """Train the genotype anew and longer, save it, and judge what was saved on the test images."""
        keras.backend.clear_session()
        epochs = self._config.final_epochs
        with tqdm(total=epochs, desc="best genotype", unit="epoch") as progress:

            def show(loss: float) -> None:
                progress.set_postfix(loss=f"{loss:.4f}", refresh=False)
                progress.update()

            trained, _ = train(genotype, self._dataset, self._plan(epochs, self._config.seed), on_epoch=show)
        with replacing(path / _MODEL) as temporary:
            trained.save(temporary)
        model = keras.models.load_model(path / _MODEL)
        return {
            "model": _MODEL,
            "epochs": epochs,
            "validation_accuracy": accuracy(model, self._dataset.validation),
            "test_accuracy": accuracy(model, self._dataset.test),
            "test_images": len(self._dataset.test),
            "parameters": model.count_params(),
        }

    def _plan(self, epochs: int, seed: int) -> "TrainingPlan":
        config = self._config
        return TrainingPlan(
            num_repeats=config.num_repeats,
            filters=config.filters,
            epochs=epochs,
            batch_size=config.batch_size,
            learning_rate=config.learning_rate,
            seed=seed,
        )


@dataclass(frozen=True)
class TrainingPlan:
    """How a network is built and trained.

    Attributes:
        num_repeats, filters: N and F.
        epochs: passes over the training images.
        batch_size: images a step, over all replicas.
        learning_rate: at the start of its cosine decay to zero; momentum is 0.9 (Nesterov).
        weight_decay: L2 penalty `weight_decay · Σw² / 2` on the kernels, as in the released code.
        seed: of the weights and of the order of images.
    """

    num_repeats: int
    filters: int
    epochs: int
    batch_size: int
    learning_rate: float
    seed: int
    weight_decay: float = 5e-4


def train(
    genotype: Genotype,
    dataset: Dataset,
    plan: TrainingPlan,
    strategy: tf.distribute.Strategy | None = None,
    on_epoch: Callable[[float], None] = lambda loss: None,
) -> tuple[keras.Model, float]:
    """Train a network.

    Args:
        genotype: what to build.
        dataset: its training split is trained on, nothing else is looked at.
        plan: how.
        strategy: of the devices; by default a `MirroredStrategy` over all GPUs, or the CPU.
        on_epoch: called with the mean loss after each epoch.

    Returns:
        The model, which takes images from -1 to 1 and returns logits, and the mean loss of the last epoch.

    Raises:
        DivergedError: the loss is not finite.
        ValueError: the batch does not divide by the number of devices.
    """
    keras.utils.set_random_seed(plan.seed)
    strategy = strategy or _all_devices()
    batch_size = min(plan.batch_size, len(dataset.train))
    if batch_size % strategy.num_replicas_in_sync:
        raise ValueError(f"batch size {batch_size} does not divide by {strategy.num_replicas_in_sync} devices")
    steps = len(dataset.train) // batch_size
    with strategy.scope():
        model = NASNetFromGenotype(
            genotype,
            dataset.image_shape,
            num_repeats=plan.num_repeats,
            filters=plan.filters,
            classes=len(dataset.class_names),
            classifier_activation=None,
        )
        schedule = keras.optimizers.schedules.CosineDecay(plan.learning_rate, plan.epochs * steps)
        optimizer = keras.optimizers.SGD(schedule, momentum=0.9, nesterov=True)
        optimizer.build(model.trainable_variables)
    step = _compiled_step(model, optimizer, strategy, batch_size, plan.weight_decay)
    order = np.random.default_rng(plan.seed)
    for _ in range(plan.epochs):
        shuffled = order.permutation(len(dataset.train))[: steps * batch_size].reshape(steps, batch_size)
        losses = [step(*_shares(dataset.train, indices, strategy)) for indices in shuffled]
        loss = float(np.mean([value.numpy() for value in losses]))
        if not math.isfinite(loss):
            raise DivergedError(f"the loss became {loss}")
        on_epoch(loss)
    return model, loss


def _all_devices() -> tf.distribute.Strategy:
    if tf.config.list_logical_devices("GPU"):
        return tf.distribute.MirroredStrategy()
    return tf.distribute.MirroredStrategy(["/cpu:0"], tf.distribute.ReductionToOneDevice())


def accuracy(model: keras.Model, split: Split, batch_size: int = 256) -> float:
    """The share of a split's images that the model gets right, from 0 to 1."""

    @tf.function(autograph=False, input_signature=[tf.TensorSpec((None, *split.images.shape[1:]), tf.uint8)])
    def predict(images):
        return tf.argmax(model(scaled(images), training=False), axis=-1)

    right = 0
    for start in range(0, len(split), batch_size):
        part = slice(start, start + batch_size)
        right += int(np.sum(predict(tf.constant(split.images[part])).numpy() == split.labels[part]))
    return right / len(split)


def _compiled_step(
    model: keras.Model, optimizer: Any, strategy: tf.distribute.Strategy, batch_size: int, weight_decay: float
) -> Any:
    """A step over all replicas: `(images, labels)` as distributed values → mean loss of the global batch."""
    kernels = [w for w in model.trainable_variables if len(w.shape) > 1]
    replicas = strategy.num_replicas_in_sync

    def replica_step(images, labels):
        with tf.GradientTape() as tape:
            logits = model(scaled(images), training=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(labels, logits)
            # Keras optimizers sum gradients over replicas: every term is its share of the global batch's.
            loss = tf.reduce_sum(losses) / batch_size
            penalty = weight_decay / replicas * tf.add_n([tf.nn.l2_loss(kernel.value) for kernel in kernels])
            total = loss + penalty
        variables = model.trainable_variables
        optimizer.apply(tape.gradient(total, [v.value for v in variables]), variables)
        return loss

    @tf.function(autograph=False)
    def step(images, labels):
        return strategy.reduce("SUM", strategy.run(replica_step, (images, labels)), axis=None)

    return step


def _shares(split: Split, indices: np.ndarray, strategy: tf.distribute.Strategy) -> tuple[Any, Any]:
    """A batch cut into equal parts, one a replica."""
    parts = np.split(indices, strategy.num_replicas_in_sync)

    def distribute(values):
        return strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(values[parts[context.replica_id_in_sync_group]])
        )

    return distribute(split.images), distribute(split.labels)
