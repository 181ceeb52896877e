"""The interface of controllers: recurrent networks that take the decisions of a search space, one after another."""

from abc import abstractmethod
from collections.abc import Callable, Sequence

import keras
import numpy as np
import tensorflow as tf

from nasnet_keras.search.spaces.base import Decision
from nasnet_keras.utils.checks import positive_integer
from nasnet_keras.utils.environment import require_tensorflow

__all__ = ["Act", "Controller"]

Act = Callable[[int, tf.Tensor], tf.Tensor]
"""Number of a decision, and logits `(batch, choices)` → the choices `(batch,)`, int32. Several decisions in a row, none
of which depends on the others, may be taken at once: number of the first, `(batch, decisions, choices)` → `(batch,
decisions)`, which is compiled much faster."""


class Controller(keras.layers.Layer):
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
    def _unroll(self, batch: tf.Tensor, act: Act) -> tf.Tensor:
        """Take all decisions, `act(step, logits)` choosing.

        Args:
            batch: how many choice vectors are drawn at once.
            act: is called for all decisions in order.

        Returns:
            A penalty for each choice vector, `(batch,)`, which training makes smaller.
        """

    def sample(self, noise: np.ndarray) -> np.ndarray:
        """Draw choice vectors, by inversion of the distributions.

        Args:
            noise: shape (batch, decisions), uniform from 0 to below 1.

        Returns:
            int32 of the same shape.
        """
        with tf.device("/CPU:0"):
            return self._compiled_sample(tf.constant(noise, tf.float32)).numpy()

    def evaluate(self, actions: np.ndarray) -> tuple[tf.Tensor, tf.Tensor]:
        """Log-probabilities of choice vectors, and the entropies of the softmaxes met on the way.

        Args:
            actions: shape (batch, decisions), integers; -1 for decisions that a shorter choice vector leaves out.

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
