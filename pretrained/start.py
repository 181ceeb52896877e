"""The state that fine-tuning starts from: the trained network with a new head, which was trained first."""

import time
from pathlib import Path

import keras

from nasnet_keras.layers.normalization import by_batch
from nasnet_keras.pretrained.head import train_head
from nasnet_keras.pretrained.plan import Plan
from nasnet_keras.training import checkpoint, records
from nasnet_keras.training.errors import Stopped
from nasnet_keras.training.further import START
from nasnet_keras.training.recipes import PREPROCESSING
from nasnet_keras.training.run import CHECKPOINT, on_signals
from nasnet_keras.training.step import State
from nasnet_keras.training.trainer import Trainer

__all__ = ["start"]


def start(trainer: Trainer, plan: Plan, folder: Path) -> float:
    """Give a trainer the state to start from, which a run's folder keeps.

    If the file was lost after the run went on from it, it is not made again: the run has a checkpoint.

    Returns:
        The seconds that training the head took.

    Raises:
        CheckpointError: the file is damaged.
        Stopped: an interrupt or a termination signal came.
    """
    stepper, path = trainer.stepper, folder / START
    if not path.exists():
        if (folder / CHECKPOINT).exists():
            return 0.0
        began = time.monotonic()
        with on_signals(_stop):
            state = _with_head(trainer, plan)
        checkpoint.write(path, stepper.to_arrays(state), {"seconds": time.monotonic() - began})
    expected = stepper.to_arrays(trainer.state)
    arrays, position = checkpoint.read(path, expected, lambda position: records.seconds(position.get("seconds")))
    trainer.state = stepper.from_arrays(arrays)
    return position["seconds"]


def _stop() -> None:
    raise Stopped


def _with_head(trainer: Trainer, plan: Plan) -> State:
    """The state of a network with a trained head.

    The average of the weights, which is judged, has a head for the network as it is. If training will normalise each
    batch by itself, the weights that are trained have another head, for the network normalised so: on images unlike
    those that the network knows, the first head would begin with a loss ten times that of guessing.
    """
    stepper = trainer.stepper
    if plan.epochs_before is not None:
        return stepper.initial()
    _assign_head(trainer, plan)
    judged = stepper.initial()
    if plan.batch_norm == "frozen" or plan.head_only:
        return judged
    with by_batch():
        _assign_head(trainer, plan)
    return {**stepper.initial(), "average_parameters": judged["average_parameters"]}


def _assign_head(trainer: Trainer, plan: Plan) -> None:
    """Train the classifier of a trainer's model by the features of the network, on one device."""
    model, dataset, recipe = trainer.stepper.model, plan.dataset, plan.recipe
    classifier = model.get_layer("logits")
    images = keras.Input(dataset.image_shape)
    trunk = keras.Model(model.input, model.get_layer("head_pool").output)
    weights = train_head(
        keras.Model(images, trunk(keras.layers.Rescaling(**PREPROCESSING)(images))),
        dataset.train,
        dataset.validation,
        len(dataset.class_names),
        use_bias=classifier.use_bias,
        class_weights=plan.class_weights,
        label_smoothing=recipe.label_smoothing,
        flip=recipe.flip,
        batch_size=trainer.batch_size,
        seed=plan.seed,
    )
    for variable, value in zip(classifier.weights, weights, strict=True):
        variable.assign(value)
