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
"""A function that takes a decision: its number and logits `(batch, choices)` → choices `(batch,)`, int32.

Consecutive decisions that do not depend on each other may be taken in one call, which compiles much faster: the number
of the first and logits `(batch, decisions, choices)` → choices `(batch, decisions)`.
"""


class Controller(keras.layers.Layer):
    """The interface of controllers: they take decisions in order, each given those before it.

    A subclass makes its variables in `_add_weights` and computes the logits of all decisions in `_unroll`. Sampling and
    evaluation are compiled once for batches of any size and run on the processor: the steps are too small for an
    accelerator, and the accelerators train the children.

    Args:
        decisions: the decisions of the space.
        units: units of the LSTM and of the embeddings.
        name: name of the Keras layer.

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
        """Make the variables. The base class calls it once, on the processor."""

    @abstractmethod
    def _unroll(self, batch: tf.Tensor, act: Act) -> tf.Tensor:
        """Take all decisions by calling `act(step, logits)`.

        Args:
            batch: the number of choice vectors, a scalar.
            act: a function that is called for all decisions in order, and returns the choices.

        Returns:
            A penalty for each choice vector, `(batch,)`, which training minimizes.
        """

    def sample(self, noise: np.ndarray) -> np.ndarray:
        """Draw choice vectors by inverting the distributions.

        Args:
            noise: numbers in [0, 1), uniformly distributed, of shape `(batch, decisions)`.

        Returns:
            Choices, int32, of the same shape.
        """
        with tf.device("/CPU:0"):
            return self._compiled_sample(tf.constant(noise, tf.float32)).numpy()

    def evaluate(self, actions: np.ndarray) -> tuple[tf.Tensor, tf.Tensor]:
        """Compute the log-probabilities of choice vectors, and the entropies of their softmaxes.

        Args:
            actions: choices, integers of shape `(batch, decisions)`; -1 for decisions that a shorter choice vector
                omits.

        Returns:
            Two float32 tensors of that shape, in nats; 0 for omitted decisions.
        """
        with tf.device("/CPU:0"):
            return self._compiled_evaluate(tf.constant(actions, tf.int32))[:2]

    def evaluate_in_graph(self, actions: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
        """Compute `evaluate` inside a compiled step that differentiates it, and the penalty of each choice vector."""
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
        """Return a function of a name and sizes that makes a variable, uniform from `-limit` to `limit`.

        Args:
            seed: seed of the first values.
            limit: the largest absolute value.
        """
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
    """Let a function for several decisions take one decision, too."""

    def acting(step: int, logits: tf.Tensor) -> tf.Tensor:
        return act(step, logits) if logits.shape.rank == 3 else act(step, logits[:, None])[:, 0]

    return acting
