"""The controller: an LSTM policy over the decisions of a search space."""

from collections.abc import Sequence

import keras
import numpy as np
import tensorflow as tf

from nasnet_keras.checks import positive_integer
from nasnet_keras.search.backend import require_tensorflow
from nasnet_keras.search.space import Decision

__all__ = ["Controller"]

_ILLEGAL = -1e9  # added to the logits of choices that a decision does not have


class Controller(keras.layers.Layer):
    """A policy that takes decisions in order, each given those before it.

    One LSTM layer reads the embedding of the last action (a learnt vector at the start); each decision has an
    embedding and a softmax of its own, padded to the longest and masked to what is legal. All weights start uniformly
    from -0.1 to 0.1, biases at zero (the forget gate's at one).

    It runs on the processor, in steps compiled once for batches of any size: the steps are too small for anything
    else, and accelerators belong to the children.

    Args:
        decisions: of the space.
        seed: of the first weights.
        units: of the LSTM and the embeddings.

    Raises:
        ValueError: Keras does not run on TensorFlow.

    Source: Zoph and Le 2017, section 3.1; Zoph et al. 2018, section 4 and appendix A.

    Example:
        >>> from nasnet_keras.search import CellSpace
        >>> controller = Controller(CellSpace(num_blocks=1).decisions, seed=0)
        >>> actions = controller.sample(np.random.default_rng(0).random((3, 10)))
        >>> log_probabilities, entropies = controller.evaluate(actions)
        >>> actions.shape, log_probabilities.shape, entropies.shape
        ((3, 10), TensorShape([3, 10]), TensorShape([3, 10]))
    """

    def __init__(self, decisions: Sequence[Decision], seed: int, units: int = 100) -> None:
        require_tensorflow()
        super().__init__(name="controller")
        self._counts = [len(decision.choices) for decision in decisions]
        self._units = positive_integer("units", units)
        generator = np.random.default_rng(seed)
        steps, width = len(self._counts), max(self._counts)
        legal = np.arange(width) < np.array(self._counts)[:, None]
        self._mask = np.where(legal, 0.0, _ILLEGAL).astype(np.float32)

        def uniform(shape, dtype=None):
            return generator.uniform(-0.1, 0.1, shape).astype(np.float32)

        with tf.device("/CPU:0"):
            self._cell = keras.layers.LSTMCell(
                self._units, kernel_initializer=uniform, recurrent_initializer=uniform, name="lstm"
            )
            self._cell.build((None, self._units))
            self._start = self.add_weight(shape=(1, self._units), initializer=uniform, name="start")
            self._embedding = self.add_weight(shape=(steps, width, self._units), initializer=uniform, name="embedding")
            self._head = self.add_weight(shape=(steps, self._units, width), initializer=uniform, name="head")
            self._bias = self.add_weight(shape=(steps, width), initializer="zeros", name="head_bias")
        self.built = True
        noise = tf.TensorSpec((None, steps), tf.float32)
        actions = tf.TensorSpec((None, steps), tf.int32)
        self._compiled_sample = tf.function(self._sample, input_signature=[noise], autograph=False)
        self._compiled_evaluate = tf.function(self.evaluate_in_graph, input_signature=[actions], autograph=False)

    def sample(self, noise: np.ndarray) -> np.ndarray:
        """Draw lists of choices from the policy, by inversion.

        Args:
            noise: shape (lists, decisions), uniform from 0 to below 1.

        Returns:
            int32 of the same shape.
        """
        with tf.device("/CPU:0"):
            return self._compiled_sample(tf.constant(noise, tf.float32)).numpy()

    def evaluate(self, actions: np.ndarray) -> tuple[tf.Tensor, tf.Tensor]:
        """Log-probabilities of lists of choices, and the entropies of the softmaxes met on the way.

        Args:
            actions: shape (lists, decisions), integers.

        Returns:
            Two float32 tensors of that shape, in nats.
        """
        with tf.device("/CPU:0"):
            return self._compiled_evaluate(tf.constant(actions, tf.int32))

    def evaluate_in_graph(self, actions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """`evaluate`, to be differentiated inside a compiled step."""

        def take(step, logits):
            return actions[:, step]

        _, logits = self._unroll(tf.shape(actions)[0], take)
        scores = tf.nn.log_softmax(logits)  # (lists, decisions, choices)
        taken = tf.reduce_sum(scores * tf.one_hot(actions, scores.shape[-1]), axis=-1)
        return taken, -tf.reduce_sum(tf.exp(scores) * scores, axis=-1)

    def _sample(self, noise: tf.Tensor) -> tf.Tensor:
        def draw(step, logits):
            passed = tf.cumsum(tf.nn.softmax(logits), axis=-1) <= noise[:, step, None]
            action = tf.reduce_sum(tf.cast(passed, tf.int32), axis=-1)
            return tf.minimum(action, self._counts[step] - 1)  # rounding may leave the sum below one

        actions, _ = self._unroll(tf.shape(noise)[0], draw)
        return actions

    def _unroll(self, lists, act):
        """Take all decisions, `act(step, logits)` choosing; gives actions and logits."""
        states = [tf.zeros((lists, self._units))] * 2
        inputs = tf.tile(self._start.value, (lists, 1))
        actions, all_logits = [], []
        for step in range(len(self._counts)):
            output, states = self._cell(inputs, states)
            logits = output @ self._head.value[step] + self._bias.value[step] + self._mask[step]
            action = act(step, logits)
            # A product, not a lookup: its gradient is summed in one order, so continued searches repeat to the bit.
            inputs = tf.one_hot(action, logits.shape[-1]) @ self._embedding.value[step]
            actions.append(action)
            all_logits.append(logits)
        return tf.stack(actions, axis=1), tf.stack(all_logits, axis=1)
