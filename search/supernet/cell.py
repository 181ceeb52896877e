"""A cell whose architecture is a tensor."""

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from nasnet_keras.genotypes.cells import Cell
from nasnet_keras.layers.first_kernels import he_normal_values
from nasnet_keras.layers.normalization import batch_normalize
from nasnet_keras.layers.traces import noinline
from nasnet_keras.search.spaces.nasnet import BLOCK, CellSpace
from nasnet_keras.search.supernet.mixed import (
    accumulate,
    initial_weights,
    mixed_operation,
    operation_values,
    read,
)

__all__ = ["SupernetCell"]

_SIDES = ("left", "right")


class SupernetCell(keras.layers.Layer):
    """All cells of a space at stride 1. A list of choices picks one of them, and only this one is computed.

    Each side of each block has separate weights for every operation and every state that it may read. A ReLU, a 1×1
    convolution with separate rows for each state, and batch normalization bring the cell's output back to its width.
    All batch normalization uses the statistics of the batch.

    Args:
        space: space of cells that only add.
        role: `"normal"` or `"reduction"`: the half of the choices that it reads.
        seed: seed of the first weights.
        epsilon: epsilon of the batch normalisations.

    Shapes: `current` and `previous`, `(batch, height, width, channels)` both, and choices `(decisions,)`, int32, to
    `(batch, height, width, channels)`.

    Source: Pham et al. 2018, section 2.4, with the constants of the released code.
    """

    def __init__(self, space: CellSpace, role: str, seed: Any, epsilon: float = 1e-5, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.space, self.role = space, role
        self._seed, self._epsilon = seed, epsilon

    def build(self, input_shape: Any) -> None:
        channels, states = input_shape[0][-1], self.space.num_blocks + 2
        generator = np.random.default_rng(self._seed)
        self.edges = {}
        for block in range(self.space.num_blocks):
            for side in _SIDES:
                rows = [initial_weights(self.space.operations, channels, generator) for _ in range(block + 2)]
                self.edges[block, side] = self._add(f"block_{block}_{side}", np.stack(rows))
        # Scaled as if it read one state, since the choices say how many it reads.
        kernel = he_normal_values((states, 1, channels, channels), generator)[:, 0] * states**0.5
        self.kernel = self._add("kernel", kernel)
        self.gamma = self._add("gamma", np.ones(channels, np.float32))
        self.beta = self._add("beta", np.zeros(channels, np.float32))

    def call(self, inputs: Any) -> tf.Tensor:
        *states, choices = inputs
        blocks = self._blocks(choices)
        for block, decisions in enumerate(blocks):
            results = []
            for side in _SIDES:
                source, operation = decisions[f"{side}_input"], decisions[f"{side}_operation"]
                x, states = read(source, states)
                weights = tf.gather(tf.convert_to_tensor(self.edges[block, side]), source)
                settings = {"operations": self.space.operations, "epsilon": self._epsilon}
                results.append(noinline(mixed_operation, x, operation, weights, **settings))
            states.append(results[0] + results[1])
        read_states = tf.stack([decisions[f"{side}_input"] for decisions in blocks for side in _SIDES])
        total, kernel = tf.zeros_like(states[0]), tf.convert_to_tensor(self.kernel)
        for number in range(0 if self.space.unread_inputs else 2, len(states)):
            unread = tf.reduce_all(read_states != number)
            total = accumulate(total, unread, states[number], kernel[number])
        gamma, beta = map(tf.convert_to_tensor, (self.gamma, self.beta))
        return batch_normalize(total, gamma, beta, None, self._epsilon)[0]

    def compute_output_spec(self, inputs: Any) -> keras.KerasTensor:
        return keras.KerasTensor(inputs[0].shape, dtype=inputs[0].dtype)

    def values(self, cell: Cell) -> Iterator[tuple[str, str, np.ndarray]]:
        """Yield all weights that a cell of the space uses: end of the layer's name, name of the weight, value."""
        channels = self.kernel.shape[-1]
        for (block, side), variable in self.edges.items():
            edge = getattr(cell.blocks[block], side)
            row = variable.numpy()[cell.states.index(edge.input)]
            for weight, value in operation_values(edge.operation, self.space.operations, row, channels):
                yield f"block_{block}_{side}{weight.layer}", weight.name, value
        rows = [cell.states.index(state) for state in cell.outputs]
        yield "narrow", "kernel", np.concatenate(self.kernel.numpy()[rows])[None, None]
        yield "narrow", "gamma", self.gamma.numpy()
        yield "narrow", "beta", self.beta.numpy()

    def _blocks(self, choices: Any) -> list[dict[str, Any]]:
        """The decisions of each block by name."""
        first = self.space.num_blocks * len(BLOCK) * (self.role == "reduction")
        starts = range(first, first + self.space.num_blocks * len(BLOCK), len(BLOCK))
        return [{name: choices[start + place] for place, name in enumerate(BLOCK)} for start in starts]

    def _add(self, name: str, value: np.ndarray) -> keras.Variable:
        return self.add_weight(name=name, shape=value.shape, initializer=lambda shape, dtype=None: value)
