"""A layer of a layer-wise network, whose architecture is a tensor."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from nasnet_keras.genotypes.macro import MacroLayer
from nasnet_keras.genotypes.operations import MACRO_APPLY
from nasnet_keras.layers.normalization import batch_normalize
from nasnet_keras.layers.traces import noinline
from nasnet_keras.search.supernet.mixed import add_chosen, initial_weights, mixed_operation, operation_values

__all__ = ["SupernetLayer", "layer_operation"]


def layer_operation(operation: str, builder: Any, x: Any, name: str = "") -> Any:
    """Describe an operation of the search's layers: a 1×1 convolution, then the operation itself, a ReLU after each.

    Source: Pham et al. 2018, figure 4's branches in the released code.
    """
    filters = x.shape[-1]
    x = builder.conv(x, filters, name=f"{name}_project", relu=False)
    x = MACRO_APPLY[operation](builder, x, filters, name)
    return builder.relu(x, name=f"{name}_output_relu")


class SupernetLayer(keras.layers.Layer):
    """One layer of all networks of a space. A list of choices picks one of them, and only this one is computed.

    Each operation has weights of its own. Skips are added to the operation's result, and the sum is normalised, by the
    batch. The first layer has neither skips nor this normalisation.

    Args:
        operations: names of the operations.
        place: index of the layer's first decision, its operation. The decisions of its skips follow.
        seed: seed of the first weights.
        epsilon: epsilon of the batch normalisations.

    Shapes: the outputs that it may skip to, its input, all `(batch, height, width, channels)`, and choices
    `(decisions,)`, int32, to its output and then the outputs that it was given, for the next layer.

    Source: Pham et al. 2018, section 2.3, with the constants of the released code.
    """

    def __init__(
        self, operations: tuple[str, ...], place: int, seed: Any, epsilon: float = 1e-5, **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.operations, self.place = operations, place
        self._seed, self._epsilon = seed, epsilon

    def build(self, input_shape: Any) -> None:
        self._channels = channels = input_shape[0][-1]
        generator = np.random.default_rng(self._seed)
        value = initial_weights(self.operations, channels, generator, layer_operation)
        self.kernels = self.add_weight(name="weights", shape=value.shape, initializer=lambda shape, dtype=None: value)
        self._has_skips = len(input_shape) > 2
        if self._has_skips:
            self.gamma = self.add_weight(name="gamma", shape=(channels,), initializer="ones")
            self.beta = self.add_weight(name="beta", shape=(channels,), initializer="zeros")

    def call(self, inputs: Any) -> list[tf.Tensor]:
        *outputs, choices = inputs
        settings = {"operations": self.operations, "epsilon": self._epsilon, "apply": layer_operation}
        weights = tf.convert_to_tensor(self.kernels)
        y = noinline(mixed_operation, outputs[-1], choices[self.place], weights, **settings)
        for number in range(len(outputs) - 1):
            y, outputs[number] = add_chosen(y, choices[self.place + 1 + number] > 0, outputs[number])
        if self._has_skips:
            gamma, beta = map(tf.convert_to_tensor, (self.gamma, self.beta))
            y, _ = batch_normalize(y, gamma, beta, None, self._epsilon)
        return [y, *outputs]

    def compute_output_spec(self, inputs: Any) -> list[keras.KerasTensor]:
        like = [inputs[-2], *inputs[:-1]]
        return [keras.KerasTensor(x.shape, dtype=x.dtype) for x in like]

    def values(self, layer: MacroLayer) -> Iterator[tuple[str, str, np.ndarray]]:
        """Yield all weights that a genotype's layer uses: end of the layer's name, name of the weight, value."""
        found = operation_values(
            layer.operation, self.operations, self.kernels.numpy(), self._channels, layer_operation
        )
        for weight, value in found:
            yield weight.layer, weight.name, value
        if self._has_skips:
            yield "_normalization", "gamma", self.gamma.numpy()
            yield "_normalization", "beta", self.beta.numpy()
