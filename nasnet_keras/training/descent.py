"""The update of the weights from their gradient: decay, clipping, Nesterov's momentum and Muon, on whole vectors."""

from typing import Any

import numpy as np
from keras import ops

from nasnet_keras.training.muon import Muon
from nasnet_keras.training.step_config import StepConfig

__all__ = ["Descent"]


class Descent:
    """Moves a vector of weights downhill.

    Args:
        config: decay, clipping, momentum, and the shares of Muon and SAM.
        shapes: of the weights, in the vector's order. Those of one axis do not decay.
    """

    def __init__(self, config: StepConfig, shapes: list[tuple[int, ...]]) -> None:
        self._config = config
        self._decayed = np.concatenate([np.full(np.prod(s, dtype=int), float(len(s) > 1), np.float32) for s in shapes])
        self._muon = Muon(shapes) if config.muon else None
        if self._muon is not None:
            self._decayed *= 1.0 - self._muon.kernels

    def uphill(self, parameters: Any, gradient: Any) -> Any:
        """The weights within SAM's radius whose loss is highest, judged by the gradient."""
        magnitudes = ops.abs(parameters)
        slope = magnitudes * gradient
        norm = ops.sqrt(ops.sum(ops.square(slope)))
        return parameters + self._config.sam_radius * magnitudes * slope / ops.maximum(norm, 1e-12)

    def __call__(self, parameters: Any, velocity: Any, gradient: Any, learning_rate: Any) -> tuple[Any, Any]:
        """The next parameters and the next velocity, vectors like those given."""
        config, muon = self._config, self._muon
        kernels = 0.0 if muon is None else ops.convert_to_tensor(muon.kernels)
        gradient, kernel_gradient = gradient * (1.0 - kernels), gradient * kernels
        gradient = self._clipped(self._with_decay(gradient, parameters)) + kernel_gradient
        velocity = config.momentum * velocity - learning_rate * gradient
        descended = parameters + config.momentum * velocity - learning_rate * gradient
        if muon is None:
            return descended, velocity
        turned = muon.kernel_values(parameters, parameters - descended, config.muon * learning_rate)
        return kernels * turned + (1.0 - kernels) * descended, velocity

    def _with_decay(self, gradient: Any, parameters: Any) -> Any:
        if not self._config.weight_decay:
            return gradient
        return gradient + self._config.weight_decay * ops.convert_to_tensor(self._decayed) * parameters

    def _clipped(self, gradient: Any) -> Any:
        if self._config.clip_norm is None:
            return gradient
        norm = ops.sqrt(ops.sum(ops.square(gradient)))
        return gradient * ops.minimum(1.0, self._config.clip_norm / ops.maximum(norm, 1e-12))
