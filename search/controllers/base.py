"""Policies over the decisions of a search space, and the controller: an LSTM that works for every space."""

from abc import abstractmethod
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from nasnet_keras.search.spaces.base import Decision
from nasnet_keras.utils.checks import positive_integer
from nasnet_keras.utils.environment import require_tensorflow

__all__ = ["Act", "Controller", "Policy"]

Act = Callable[[int, tf.Tensor], tf.Tensor]
"""Number of a decision, and logits `(lists, choices)` → the choices `(lists,)`, int32. Several decisions in a row, none
of which depends on the others, may be taken at once: number of the first, `(lists, decisions, choices)` → `(lists,
decisions)`, which is compiled much faster."""


class Policy(keras.layers.Layer):
    """Takes decisions in order, each given those before it. A subclass says what logits a decision has.

    It runs on the processor, in steps compiled once for batches of any size: the steps are too small for anything
    else, and accelerators belong to the children.

    Args:
        decisions: of the space.
        units: of the LSTM and the embeddings.

    Raises:
        ValueError: Keras does not run on TensorFlow.
    """

    def __init__(self, decisions: Sequence[Decision], units: int, name: str) -> None:
        require_tensorflow()
        super().__init__(name=name)
        self._counts = [len(decision.choices) for decision in decisions]
        self._units = positive_integer("units", units)
        with tf.device("/CPU:0"):
            self._add_weights()
        self.built = True
        noise = tf.TensorSpec((None, len(self._counts)), tf.float32)
        actions = tf.TensorSpec((None, len(self._counts)), tf.int32)
        self._compiled_sample = tf.function(self._sample, input_signature=[noise], autograph=False)
        self._compiled_evaluate = tf.function(self.evaluate_in_graph, input_signature=[actions], autograph=False)

    @abstractmethod
    def _add_weights(self) -> None:
        """Make the variables."""

    @abstractmethod
    def _unroll(self, lists: tf.Tensor, act: Act) -> tf.Tensor:
        """Take all decisions, `act(step, logits)` choosing.

        Args:
            lists: how many lists of decisions.
            act: is called for all decisions in order.

        Returns:
            A penalty for each list, `(lists,)`, which training makes smaller.
        """

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
            actions: shape (lists, decisions), integers; -1 for decisions that a shorter list leaves out.

        Returns:
            Two float32 tensors of that shape, in nats; 0 for what is left out.
        """
        with tf.device("/CPU:0"):
            return self._compiled_evaluate(tf.constant(actions, tf.int32))[:2]

    def evaluate_in_graph(self, actions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """`evaluate`, to be differentiated inside a compiled step, and the penalty of each list."""
        taken, entropies = [], []

        def take(step: int, logits: tf.Tensor) -> tf.Tensor:
            decisions, choices = logits.shape[1:]
            chosen = actions[:, step : step + decisions]
            scores = tf.nn.log_softmax(logits)
            taken.append(tf.reduce_sum(scores * tf.one_hot(chosen, choices), axis=-1))
            entropy = -tf.reduce_sum(tf.exp(scores) * scores, axis=-1)
            entropies.append(tf.where(chosen < 0, 0.0, entropy))
            return chosen

        penalties = self._unroll(tf.shape(actions)[0], _one_or_several(take))
        return tf.concat(taken, axis=1), tf.concat(entropies, axis=1), penalties

    def uniform_weights(self, seed: int, limit: float) -> Callable[..., keras.Variable]:
        """A function of a name and sizes that makes variables, uniform from -limit to limit."""
        generator = np.random.default_rng(seed)

        def weight(name: str, *shape: int) -> keras.Variable:
            value = generator.uniform(-limit, limit, shape).astype(np.float32)
            return self.add_weight(name=name, shape=shape, initializer=lambda shape, dtype=None: value)

        return weight

    def _sample(self, noise: tf.Tensor) -> tf.Tensor:
        actions = []

        def draw(step: int, logits: tf.Tensor) -> tf.Tensor:
            decisions, choices = logits.shape[1:]
            passed = tf.cumsum(tf.nn.softmax(logits), axis=-1) <= noise[:, step : step + decisions, None]
            action = tf.reduce_sum(tf.cast(passed, tf.int32), axis=-1)
            actions.append(tf.minimum(action, choices - 1))  # rounding may leave the sum below one
            return actions[-1]

        self._unroll(tf.shape(noise)[0], _one_or_several(draw))
        return tf.concat(actions, axis=1)


def _one_or_several(act: Act) -> Act:
    """What acts on several decisions, for one too."""

    def acting(step: int, logits: tf.Tensor) -> tf.Tensor:
        return act(step, logits) if logits.shape.rank == 3 else act(step, logits[:, None])[:, 0]

    return acting


class Controller(Policy):
    """A policy that takes decisions in order, each given those before it.

    One LSTM layer reads the embedding of the last action (a learnt vector at the start); each decision has an
    embedding and a softmax of its own. All weights start uniformly from -0.1 to 0.1, biases at zero (the forget gate's
    at one).

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

    def _unroll(self, lists: tf.Tensor, act: Act) -> tf.Tensor:
        states = [tf.zeros((lists, self._units))] * 2
        inputs = tf.tile(self._start.value, (lists, 1))
        for step, count in enumerate(self._counts):
            output, states = self._cell(inputs, states)
            logits = output @ self._head.value[step, :, :count] + self._bias.value[step, :count]
            # A product, not a lookup: its gradient is summed in one order, so continued searches repeat to the bit.
            inputs = tf.one_hot(act(step, logits), count) @ self._embedding.value[step, :count]
        return tf.zeros((lists,))
