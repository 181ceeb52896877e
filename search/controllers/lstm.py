"""NASNet's controller: an LSTM for every space."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from nasnet_keras.search.controllers.base import Act, Controller
from nasnet_keras.search.spaces.base import Decision

__all__ = ["LSTMController"]


class LSTMController(Controller):
    """NASNet's controller: one LSTM layer that reads the embedding of the last choice, a learnt vector at the start.

    Each decision has a separate embedding and a separate softmax. All weights start uniformly from -0.1 to 0.1, biases
    at zero, the forget gate's at one.

    Args:
        decisions: the decisions of the space.
        seed: seed of the first weights.
        units: units of the LSTM and of the embeddings.

    Raises:
        ValueError: Keras does not run on TensorFlow.

    Source: Zoph and Le 2017, section 3.1; Zoph et al. 2018, section 4 and appendix A.

    Example:
        >>> from nasnet_keras.search import CellSpace
        >>> controller = LSTMController(CellSpace(num_blocks=1).decisions, seed=0)
        >>> actions = controller.sample(np.random.default_rng(0).random((3, 10)))
        >>> log_probabilities, entropies = controller.evaluate(actions)
        >>> actions.shape, log_probabilities.shape, entropies.shape
        ((3, 10), TensorShape([3, 10]), TensorShape([3, 10]))
    """

    def __init__(self, decisions: Sequence[Decision], seed: int, units: int = 100) -> None:
        self._seed = seed
        super().__init__(decisions, units, "controller")

    def _add_weights(self) -> None:
        generator = np.random.default_rng(self._seed)
        steps, width = len(self._counts), max(self._counts)

        def uniform(shape, dtype=None):
            return generator.uniform(-0.1, 0.1, shape).astype(np.float32)

        self._cell = keras.layers.LSTMCell(
            self._units, kernel_initializer=uniform, recurrent_initializer=uniform, name="lstm"
        )
        self._cell.build((None, self._units))
        self._start = self.add_weight(shape=(1, self._units), initializer=uniform, name="start")
        self._embedding = self.add_weight(shape=(steps, width, self._units), initializer=uniform, name="embedding")
        self._head = self.add_weight(shape=(steps, self._units, width), initializer=uniform, name="head")
        self._bias = self.add_weight(shape=(steps, width), initializer="zeros", name="head_bias")

    def _unroll(self, batch: tf.Tensor, act: Act) -> tf.Tensor:
        states = [tf.zeros((batch, self._units))] * 2
        inputs = tf.tile(self._start.value, (batch, 1))
        for step, count in enumerate(self._counts):
            output, states = self._cell(inputs, states)
            logits = output @ self._head.value[step, :, :count] + self._bias.value[step, :count]
            # A product, not a lookup: its gradient is summed in one order, so continued searches repeat to the bit.
            inputs = tf.one_hot(act(step, logits), count) @ self._embedding.value[step, :count]
        return tf.zeros((batch,))
