"""One training step on any backend: a pure function of a state, compiled once.

The trainable weights of a network are one vector here, its moving statistics another. The optimizer, the clipping and
the averaging are then a handful of operations on whole vectors, where one update per variable costs more to trace
than the network itself.
"""

import math
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from keras import ops

from nasnet_keras.layers.drop_path import TrainingProgress
from nasnet_keras.layers.normalization import by_batch, frozen
from nasnet_keras.training.devices import Replicas, compiled
from nasnet_keras.training.muon import Muon
from nasnet_keras.training.recipes import PREPROCESSING

__all__ = ["PREPROCESSING", "State", "StepConfig", "TrainStep", "scaled"]

State = dict[str, Any]

_APART = 7919  # between the seeds of two replicas


@dataclass(frozen=True)
class StepConfig:
    """What a step minimises, and how.

    Attributes:
        label_smoothing: share of the target spread over all classes, in [0, 1).
        auxiliary_weight: of the auxiliary head's loss.
        weight_decay: times half the sum of squares of the kernels is added to the loss.
        clip_norm: largest norm of the whole gradient, the decay's included, Muon's kernels left out; None for no
            clipping.
        momentum: Nesterov's.
        muon: by how much of its norm Muon turns the kernel of a convolution, as a multiple of the learning rate; 0 to
            descend as the other weights do. Such kernels do not decay.
        sam_radius: how far uphill the gradient is taken, relative to each weight; 0 to take it where the weights are.
            What lies in a sharp minimum is then left for a flatter one (SAM: Foret et al. 2021, arXiv 2010.01412, made
            relative by ASAM: Kwon et al. 2021, arXiv 2102.11600, whose radius is 0.5 for CIFAR-10). Twice the work.
        class_weights: by label; the loss of an image counts this much more.
        frozen_statistics: whether batches are normalised by the moving statistics, which then stay as they are.
        batch_statistics: whether batches are normalised by their own when the model is judged, too: the moving ones of
            a supernet are those of all its networks together.
    """

    label_smoothing: float = 0.0
    auxiliary_weight: float = 0.4
    weight_decay: float = 0.0
    clip_norm: float | None = None
    momentum: float = 0.9
    muon: float = 0.0
    sam_radius: float = 0.0
    class_weights: tuple[float, ...] | None = None
    frozen_statistics: bool = False
    batch_statistics: bool = False


class TrainStep:
    """Trains and judges one model.

    Args:
        model: functional, from raw images `(batch, height, width, channels)` uint8, as `scaled` gives them; its
            outputs are logits, or `{"logits": …, "auxiliary": …}`. A supernet reads choices `(decisions,)` after them.
        objective: what to minimise.
        devices: what a batch is divided over.

    A state is a dict of arrays: `parameters`, `velocity`, `statistics`, the averages of parameters and statistics,
    and the states of the random generators. Nothing else changes from step to step, so a state that is written and
    read back goes on as if nothing had happened. The model's own variables keep their values until `assign`.
    """

    def __init__(self, model: keras.Model, objective: StepConfig, devices: Replicas | None = None) -> None:
        self.model = model
        self.objective = objective
        self.devices = devices or Replicas()
        self._trainable = model.trainable_variables
        self._statistics = model.non_trainable_weights
        ours = {id(v) for v in self._statistics}
        self._generators = [v for v in model.non_trainable_variables if id(v) not in ours]
        layers = [layer for layer in model.layers if isinstance(layer, TrainingProgress)]
        self._progress = {id(layer.progress.state) for layer in layers}
        self._decayed = _flat([np.full(v.shape, float(len(v.shape) > 1), np.float32) for v in self._trainable])
        self._muon = Muon([tuple(v.shape) for v in self._trainable]) if objective.muon else None
        if self._muon is not None:
            self._decayed *= 1.0 - self._muon.kernels
        xla = len(model.inputs) == 1  # it cannot differentiate the branches of a supernet
        self._step = self.devices.compiled(self._update, static=("size",), xla=xla)
        self._predict = compiled(self._logits, xla=xla)

    def initial(self) -> State:
        """The state that begins with the model's present weights."""
        parameters = _flat([ops.convert_to_numpy(v.value) for v in self._trainable])
        statistics = _flat([ops.convert_to_numpy(v.value) for v in self._statistics])
        state = {
            "parameters": parameters,
            "velocity": np.zeros_like(parameters),
            "statistics": statistics,
            "average_parameters": parameters.copy(),
            "average_statistics": statistics.copy(),
        }
        state |= {f"generator_{i}": ops.convert_to_numpy(v.value) for i, v in enumerate(self._generators)}
        return self.from_arrays(state)

    def from_arrays(self, arrays: dict[str, np.ndarray]) -> State:
        """The state that `to_arrays` wrote."""
        return {name: self.devices.replicate(value) for name, value in arrays.items()}

    def to_arrays(self, state: State) -> dict[str, np.ndarray]:
        """A state as arrays, to be kept in a file."""
        return {name: ops.convert_to_numpy(self.devices.first(value)) for name, value in state.items()}

    def step(
        self,
        state: State,
        images: np.ndarray,
        labels: np.ndarray,
        *,
        learning_rate: float,
        progress: float = 0.0,
        average_decay: float = 0.0,
        size: tuple[int, int] | None = None,
        choices: np.ndarray | None = None,
    ) -> tuple[State, Any]:
        """One update.

        Args:
            state: is used up.
            images: a batch, uint8.
            labels: int32 `(batch,)`, or the share of each class, float32 `(batch, classes)`.
            learning_rate: of this step.
            progress: of the whole training, from 0 to 1, for drop-path.
            average_decay: how much of the averages stays.
            size: height and width to scale the images to; each size is compiled once.
            choices: the architecture of a supernet for this step; all of them are compiled once.

        Returns:
            The next state, and a vector of the mean cross-entropy and the share of right answers; right is the class
            of the largest share.
        """
        settings = np.asarray([learning_rate, progress, average_decay], np.float32)
        batch = (self.devices.scatter(values) for values in (images, labels))
        chosen = {} if choices is None else {"choices": ops.convert_to_tensor(choices)}
        state, figures = self._step(state, *batch, ops.convert_to_tensor(settings), size=size, **chosen)
        return state, self.devices.first(figures)

    def logits(
        self, state: State, images: np.ndarray, *, averaged: bool = True, choices: np.ndarray | None = None
    ) -> np.ndarray:
        """What the network answers: `(batch, classes)` of uint8 images, by the averaged weights or the present ones."""
        names = ("average_parameters", "average_statistics") if averaged else ("parameters", "statistics")
        values = (self.devices.first(state[name]) for name in names)
        weights = dict(zip(("parameters", "statistics"), values, strict=True))
        chosen = () if choices is None else (ops.convert_to_tensor(choices),)
        return ops.convert_to_numpy(self._predict(weights, ops.convert_to_tensor(images), *chosen))

    def assign(self, state: State, *, averaged: bool = True) -> None:
        """Give the model the state's weights."""
        prefix = "average_" if averaged else ""
        for name, variables in (("parameters", self._trainable), ("statistics", self._statistics)):
            vector = self.devices.first(state[prefix + name])
            for variable, value in zip(variables, _parts(vector, variables), strict=True):
                variable.assign(value)

    def _update(
        self,
        state: State,
        images: Any,
        labels: Any,
        settings: Any,
        size: tuple[int, int] | None = None,
        choices: Any = None,
    ) -> tuple[State, Any]:
        images = scaled(images)
        if size is not None:
            images = _resized(images, size)
        learning_rate, progress, average_decay = (settings[i] for i in range(3))
        generators = [
            progress if id(v) in self._progress else state[f"generator_{i}"] for i, v in enumerate(self._generators)
        ]
        others = self._non_trainable(state["statistics"], self._apart(generators, 1))

        def loss(parameters):
            weights = _parts(parameters, self._trainable)
            with frozen() if self.objective.frozen_statistics else self.devices.normalizing():
                outputs, updated = self._called(weights, others, images, choices, training=True)
            if not isinstance(outputs, dict):
                outputs = {"logits": outputs}
            logits = outputs["logits"]
            targets = labels if len(labels.shape) == 2 else ops.one_hot(labels, logits.shape[-1])
            right = ops.mean(ops.cast(ops.equal(ops.argmax(logits, -1), ops.argmax(targets, -1)), "float32"))
            entropy = {name: self._entropy(values, targets) for name, values in outputs.items()}
            total = entropy["logits"]
            if "auxiliary" in entropy:
                total += self.objective.auxiliary_weight * entropy["auxiliary"]
            return total, (entropy["logits"], right, updated)

        (entropy, right, updated), gradient = _gradient(loss, state["parameters"])
        if self.objective.sam_radius:
            # Uphill for the whole batch, however it is divided. The statistics stay those of the weights themselves.
            _, gradient = _gradient(loss, self._uphill(state["parameters"], self.devices.mean(gradient)))
        by_id = {id(v): value for v, value in zip(self.model.non_trainable_variables, updated, strict=True)}
        statistics = ops.concatenate([by_id[id(v)] for v in self._statistics])
        # The mean over replicas of what a replica's share of the batch gives is what the whole batch gives: but for
        # the slope of SAM the one place where the number of devices matters, and one transfer between them.
        everything = self.devices.mean(ops.concatenate([gradient, statistics, ops.stack([entropy, right])]))
        sizes = [math.prod(gradient.shape), math.prod(statistics.shape)]
        gradient, statistics, figures = ops.split(everything, np.cumsum(sizes).tolist())
        parameters, velocity = self._descend(state["parameters"], state["velocity"], gradient, learning_rate)
        new = {
            "parameters": parameters,
            "velocity": velocity,
            "statistics": statistics,
            "average_parameters": _mix(state["average_parameters"], parameters, average_decay),
            "average_statistics": _mix(state["average_statistics"], statistics, average_decay),
        }
        drawn_from = [by_id[id(v)] for v in self._generators]
        new |= {f"generator_{i}": value for i, value in enumerate(self._apart(drawn_from, -1))}
        return new, figures

    def _called(self, weights: list[Any], others: list[Any], images: Any, choices: Any, training: bool) -> Any:
        inputs = images if choices is None else [images, choices]
        return self.model.stateless_call(weights, others, inputs, training=training)

    def _apart(self, generators: list[Any], direction: int) -> list[Any]:
        """States of random generators, moved to numbers of this replica's own (1), or back (-1)."""
        if self.devices.count == 1:
            return generators
        numbers = ops.cast(ops.stack([direction * _APART * self.devices.index(), 0]), "int64")
        return [
            value if id(v) in self._progress else ops.cast(ops.cast(value, "int64") + numbers, value.dtype)
            for v, value in zip(self._generators, generators, strict=True)
        ]

    def _non_trainable(self, statistics: Any, generators: list[Any]) -> list[Any]:
        """Values of all variables that are not trained, in the model's order."""
        variables = [*self._statistics, *self._generators]
        values = [*_parts(statistics, self._statistics), *generators]
        by_id = {id(v): value for v, value in zip(variables, values, strict=True)}
        return [by_id[id(v)] for v in self.model.non_trainable_variables]

    def _entropy(self, logits: Any, targets: Any) -> Any:
        smoothing = self.objective.label_smoothing
        smoothed = targets * (1.0 - smoothing) + smoothing / targets.shape[-1]
        entropy = -ops.sum(smoothed * ops.log_softmax(ops.cast(logits, "float32")), axis=-1)
        if self.objective.class_weights is not None:
            entropy *= ops.sum(targets * ops.convert_to_tensor(self.objective.class_weights, "float32"), axis=-1)
        return ops.mean(entropy)

    def _uphill(self, parameters: Any, gradient: Any) -> Any:
        """The weights within the radius whose loss is highest, by the slope."""
        magnitudes = ops.abs(parameters)
        slope = magnitudes * gradient
        norm = ops.sqrt(ops.sum(ops.square(slope)))
        return parameters + self.objective.sam_radius * magnitudes * slope / ops.maximum(norm, 1e-12)

    def _descend(self, parameters: Any, velocity: Any, gradient: Any, learning_rate: Any) -> tuple[Any, Any]:
        objective, muon = self.objective, self._muon
        kernels = 0.0 if muon is None else ops.convert_to_tensor(muon.kernels)
        gradient, kernel_gradient = gradient * (1.0 - kernels), gradient * kernels
        if objective.weight_decay:
            gradient += objective.weight_decay * ops.convert_to_tensor(self._decayed) * parameters
        if objective.clip_norm is not None:
            norm = ops.sqrt(ops.sum(ops.square(gradient)))
            gradient *= ops.minimum(1.0, objective.clip_norm / ops.maximum(norm, 1e-12))
        gradient += kernel_gradient
        velocity = objective.momentum * velocity - learning_rate * gradient
        descended = parameters + objective.momentum * velocity - learning_rate * gradient
        if muon is None:
            return descended, velocity
        turned = muon.kernel_values(parameters, parameters - descended, objective.muon * learning_rate)
        return kernels * turned + (1.0 - kernels) * descended, velocity

    def _logits(self, weights: State, images: Any, choices: Any = None) -> Any:
        others = self._non_trainable(weights["statistics"], [v.value for v in self._generators])
        parameters = _parts(weights["parameters"], self._trainable)
        with by_batch() if self.objective.batch_statistics else nullcontext():
            outputs, _ = self._called(parameters, others, scaled(images), choices, training=False)
        return outputs["logits"] if isinstance(outputs, dict) else outputs


def scaled(images: Any) -> Any:
    """uint8 from 0 to 255 → float32 from -1 to 1."""
    return ops.cast(images, "float32") / 127.5 - 1.0


def _resized(images: Any, size: tuple[int, int]) -> Any:
    """Images of another height and width, by antialiased bilinear resizing.

    Not by `ops.image.resize`, whose operation on TensorFlow XLA cannot compile.
    """
    sides = images.shape[1:3]
    return ops.image.scale_and_translate(
        images,
        (images.shape[0], *size, images.shape[-1]),
        scale=ops.convert_to_tensor([new / old for new, old in zip(size, sides, strict=True)], "float32"),
        translation=ops.zeros(2),
        spatial_dims=(1, 2),
        method="linear",
    )


def _mix(average: Any, new: Any, decay: Any) -> Any:
    return average * decay + new * (1.0 - decay)


def _flat(arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.ravel(array) for array in arrays])


def _parts(vector: Any, variables: list[Any]) -> list[Any]:
    """A vector cut into values of the shapes of `variables`."""
    sizes = [math.prod(v.shape) for v in variables]
    pieces = ops.split(vector, np.cumsum(sizes)[:-1].tolist())
    # What is a vector already needs no operation, of which there would be hundreds.
    return [p if len(v.shape) == 1 else ops.reshape(p, v.shape) for p, v in zip(pieces, variables, strict=True)]


def _gradient(loss: Callable[[Any], tuple[Any, Any]], parameters: Any) -> tuple[Any, Any]:
    """`loss` returns a scalar and something else; this returns the something else and the scalar's gradient."""
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(parameters)
            total, other = loss(parameters)
        return other, tape.gradient(total, parameters)
    if backend == "jax":
        import jax

        gradient, other = jax.grad(loss, has_aux=True)(parameters)
        return other, gradient
    import torch

    with torch.enable_grad():
        parameters = parameters.detach().requires_grad_()
        total, other = loss(parameters)
        (gradient,) = torch.autograd.grad(total, parameters)
    return _detached(other), gradient


def _detached(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return type(value)(map(_detached, value))
    return value.detach()
