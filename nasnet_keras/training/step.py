"""One training step on any backend: a pure function of a state, compiled once.

The trainable weights of a network are one vector here, its moving statistics another. The optimizer, the clipping and
the averaging are then a handful of operations on whole vectors; one update for each variable would cost more to trace
than the network itself.
"""

import math
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import keras
import numpy as np
from keras import ops

from nasnet_keras.layers.drop_path import TrainingProgress
from nasnet_keras.layers.normalization import by_batch, collecting, frozen
from nasnet_keras.layers.normalized import NormalizedConv, sharing_activations
from nasnet_keras.training.backend import compiled, gradient, is_traced
from nasnet_keras.training.descent import Descent
from nasnet_keras.training.inputs import at_size, scaled
from nasnet_keras.training.replicas import Replicas
from nasnet_keras.training.step_config import StepConfig

__all__ = ["State", "StepConfig", "TrainStep"]

State = dict[str, Any]

_APART = 7919  # between the seeds of two replicas


class TrainStep:
    """Trains and judges one model.

    Args:
        model: functional, from raw images `(batch, height, width, channels)` uint8, as `inputs.scaled` gives them; its
            outputs are logits, or `{"logits": …, "auxiliary": …}`. A supernet reads choices `(decisions,)` after them.
        config: the loss and its minimisation.
        replicas: the replicas that share each batch; by default one.

    A state is a dict of arrays: `parameters`, `velocity`, `statistics`, the averages of parameters and statistics,
    and the states of the random generators. Nothing else changes from step to step, so a state that is written and
    read back continues to the same bits. The model's own variables keep their values until `assign`.
    """

    def __init__(self, model: keras.Model, config: StepConfig, replicas: Replicas | None = None) -> None:
        self.model = model
        self.config = config
        self.replicas = replicas or Replicas()
        self._trainable = model.trainable_variables
        self._statistics = model.non_trainable_weights
        ours = {id(v) for v in self._statistics}
        self._generators = [v for v in model.non_trainable_variables if id(v) not in ours]
        layers = [layer for layer in model.layers if isinstance(layer, TrainingProgress)]
        self._progress = {id(layer.progress.state) for layer in layers}
        self._share = _share_of_batches(model, self._statistics)
        self._descend = Descent(config, [tuple(v.shape) for v in self._trainable])
        xla = len(model.inputs) == 1  # it cannot differentiate the branches of a supernet
        self._step = self.replicas.compiled(self._update, static=("size",), xla=xla)
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
        return {name: self.replicas.replicate(value) for name, value in arrays.items()}

    def to_arrays(self, state: State) -> dict[str, np.ndarray]:
        """A state as arrays, to be kept in a file."""
        return {name: ops.convert_to_numpy(self.replicas.first(value)) for name, value in state.items()}

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
        """Update the state by a batch.

        Args:
            state: the present state, which is used up.
            images: a batch, uint8 `(batch, height, width, channels)`.
            labels: int32 `(batch,)`, or the share of each class, float32 `(batch, classes)`.
            learning_rate: learning rate of this step.
            progress: progress of the whole training, from 0 to 1, for drop-path.
            average_decay: share of the averages that stays.
            size: height and width to scale the images to; each size is compiled once.
            choices: the architecture of a supernet for this step; all of them are compiled once.

        Returns:
            The next state, and a vector of the mean cross-entropy and the share of right answers; right is the class
            of the largest share.
        """
        settings = np.asarray([learning_rate, progress, average_decay], np.float32)
        batch = (self.replicas.scatter(values) for values in (images, labels))
        chosen = {} if choices is None else {"choices": ops.convert_to_tensor(choices)}
        state, figures = self._step(state, *batch, ops.convert_to_tensor(settings), size=size, **chosen)
        return state, self.replicas.first(figures)

    def logits(
        self, state: State, images: np.ndarray, *, averaged: bool = True, choices: np.ndarray | None = None
    ) -> np.ndarray:
        """The network's logits `(batch, classes)` for uint8 images, by the averaged weights or the present ones."""
        names = ("average_parameters", "average_statistics") if averaged else ("parameters", "statistics")
        values = (self.replicas.first(state[name]) for name in names)
        weights = dict(zip(("parameters", "statistics"), values, strict=True))
        chosen = () if choices is None else (ops.convert_to_tensor(choices),)
        return ops.convert_to_numpy(self._predict(weights, ops.convert_to_tensor(images), *chosen))

    def assign(self, state: State, *, averaged: bool = True) -> None:
        """Give the model the state's weights."""
        prefix = "average_" if averaged else ""
        for name, variables in (("parameters", self._trainable), ("statistics", self._statistics)):
            vector = self.replicas.first(state[prefix + name])
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
        learning_rate, progress, average_decay = (settings[i] for i in range(3))
        loss = self._loss(state, at_size(scaled(images), size), labels, progress, choices)
        (figures, updated), slope = gradient(loss, state["parameters"])
        if self.config.sam_radius:
            # Uphill for the whole batch, however it is divided. The statistics stay those of the weights themselves.
            _, slope = gradient(loss, self._descend.uphill(state["parameters"], self.replicas.mean(slope)))
        by_id = {id(v): value for v, value in zip(self.model.non_trainable_variables, updated, strict=True)}
        statistics = ops.concatenate([by_id[id(v)] for v in self._statistics])
        if self._share is not None:
            statistics = state["statistics"] + (statistics - state["statistics"]) * self._share
        slope, statistics, figures = self._of_the_whole_batch(slope, statistics, figures)
        parameters, velocity = self._descend(state["parameters"], state["velocity"], slope, learning_rate)
        new = {
            "parameters": parameters,
            "velocity": velocity,
            "statistics": statistics,
            "average_parameters": _mix(state["average_parameters"], parameters, average_decay),
            "average_statistics": _mix(state["average_statistics"], statistics, average_decay),
        }
        drawn_from = self._apart([by_id[id(v)] for v in self._generators], -1)
        return new | {f"generator_{i}": value for i, value in enumerate(drawn_from)}, figures

    def _loss(
        self, state: State, images: Any, labels: Any, progress: Any, choices: Any
    ) -> Callable[[Any], tuple[Any, Any]]:
        """The loss as a function of the parameters. It also returns the step's figures and the untrained variables."""
        generators = [
            progress if id(v) in self._progress else state[f"generator_{i}"] for i, v in enumerate(self._generators)
        ]
        others = self._non_trainable(state["statistics"], self._apart(generators, 1))

        def loss(parameters: Any) -> tuple[Any, Any]:
            weights = _parts(parameters, self._trainable)
            normalizing = frozen() if self.config.frozen_statistics else self.replicas.normalizing()
            with normalizing, nullcontext() if self._share is None else collecting():
                outputs, updated = self._called(weights, others, images, choices, training=True)
            total, figures = self._judged(outputs, labels)
            return total, (figures, updated)

        return loss

    def _judged(self, outputs: Any, labels: Any) -> tuple[Any, Any]:
        """The loss, the mean cross-entropy and the share of right answers."""
        if not isinstance(outputs, dict):
            outputs = {"logits": outputs}
        logits = outputs["logits"]
        targets = labels if len(labels.shape) == 2 else ops.one_hot(labels, logits.shape[-1])
        right = ops.mean(ops.cast(ops.equal(ops.argmax(logits, -1), ops.argmax(targets, -1)), "float32"))
        entropy = {name: self._entropy(values, targets) for name, values in outputs.items()}
        total = entropy["logits"]
        if "auxiliary" in entropy:
            total += self.config.auxiliary_weight * entropy["auxiliary"]
        return total, ops.stack([entropy["logits"], right])

    def _of_the_whole_batch(self, *vectors: Any) -> list[Any]:
        """The means over replicas. Each replica saw its share of the batch, so these are the values of the whole batch.

        Except for the slope of SAM, the number of devices matters here alone, and the transfer is one.
        """
        ends = np.cumsum([math.prod(vector.shape) for vector in vectors[:-1]])
        return ops.split(self.replicas.mean(ops.concatenate(vectors)), ends.tolist())

    def _called(self, weights: list[Any], others: list[Any], images: Any, choices: Any, training: bool) -> Any:
        inputs = images if choices is None else [images, choices]
        with sharing_activations() if is_traced() else nullcontext():
            return self.model.stateless_call(weights, others, inputs, training=training)

    def _apart(self, generators: list[Any], direction: int) -> list[Any]:
        """States of random generators, moved to numbers of this replica's own (1), or back (-1)."""
        if self.replicas.count == 1:
            return generators
        numbers = ops.cast(ops.stack([direction * _APART * self.replicas.index(), 0]), "int64")
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
        smoothing = self.config.label_smoothing
        smoothed = targets * (1.0 - smoothing) + smoothing / targets.shape[-1]
        entropy = -ops.sum(smoothed * ops.log_softmax(ops.cast(logits, "float32")), axis=-1)
        if self.config.class_weights is not None:
            entropy *= ops.sum(targets * ops.convert_to_tensor(self.config.class_weights, "float32"), axis=-1)
        return ops.mean(entropy)

    def _logits(self, weights: State, images: Any, choices: Any = None) -> Any:
        others = self._non_trainable(weights["statistics"], [v.value for v in self._generators])
        parameters = _parts(weights["parameters"], self._trainable)
        with by_batch() if self.config.batch_statistics else nullcontext():
            outputs, _ = self._called(parameters, others, scaled(images), choices, training=False)
        return outputs["logits"] if isinstance(outputs, dict) else outputs


def _share_of_batches(model: keras.Model, statistics: list[Any]) -> Any:
    """A batch's share in the moving statistics: a number, or a vector; None if a layer of another kind has some."""
    layers = [layer for layer in model.layers if isinstance(layer, NormalizedConv)]
    known = {id(v): 1.0 - layer.momentum for layer in layers for v in layer.statistics}
    if not statistics or not all(id(v) in known for v in statistics):
        return None
    shares = [known[id(v)] for v in statistics]
    if len(set(shares)) == 1:
        return shares[0]
    return np.repeat(shares, [math.prod(v.shape) for v in statistics]).astype(np.float32)


def _mix(average: Any, new: Any, decay: Any) -> Any:
    return average * decay + new * (1.0 - decay)


def _flat(arrays: list[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.ravel(array) for array in arrays])


def _parts(vector: Any, variables: list[Any]) -> list[Any]:
    """A vector cut into values of the shapes of `variables`."""
    sizes = [math.prod(v.shape) for v in variables]
    pieces = ops.split(vector, np.cumsum(sizes)[:-1].tolist())
    # A vector is not reshaped, which saves hundreds of operations.
    return [p if len(v.shape) == 1 else ops.reshape(p, v.shape) for p, v in zip(pieces, variables, strict=True)]
