"""NAS' controller: it writes a network layer by layer, and chooses the inputs of a layer at its anchor point."""

import tensorflow as tf

from nasnet_keras.search.controllers.base import Act, Controller
from nasnet_keras.search.controllers.recurrent import State, attention_scores, lstm_step
from nasnet_keras.search.spaces.nas import ChainSpace

__all__ = ["NASController"]


class NASController(Controller):
    """A two-layer LSTM that decides on a layer's filters, then, at its anchor point, on each earlier layer as an input.

    Every decision on filters has a separate softmax and separate embeddings of its choices, which feed the next step.
    At an anchor point, layer i reads each earlier layer j independently with the probability
    `sigmoid(vᵀ tanh(W_prev h_j + W_curr h_i))`; h_i is the output at the anchor point of layer i. All weights start
    uniformly from -0.08 to 0.08.

    Args:
        space: a space of chains. In a space that grows, the controller writes the deepest networks; shorter ones are
            their beginnings.
        seed: seed of the first weights.
        units: units of each layer of the LSTM and of the embeddings.

    Raises:
        ValueError: Keras does not run on TensorFlow.

    Source: Zoph and Le 2017, sections 3.1 and 3.3, figures 3 and 4. The paper leaves two points open. Layers do not
    share their softmaxes here, since planted networks are found sooner without. The step after an anchor point reads
    the mean of the outputs at the chosen anchor points, or zeros if none is chosen.

    Example:
        >>> import numpy as np
        >>> controller = NASController(ChainSpace(num_layers=2), seed=0)
        >>> controller.sample(np.random.default_rng(0).random((3, 7))).shape
        (3, 7)
    """

    def __init__(self, space: ChainSpace, seed: int, units: int = 35) -> None:
        self._num_layers = space.num_layers
        self._sizes = {name: len(legal) for name, legal in space.shape_decisions}
        self._seed = seed
        super().__init__(space.decisions, units, "chain_policy")

    def _add_weights(self) -> None:
        weight, units, layers = self.uniform_weights(self._seed, 0.08), self._units, self._num_layers
        self._lstms = [
            (weight(f"lstm_{layer}", 2 * units, 4 * units), weight(f"lstm_{layer}_bias", 4 * units)) for layer in (0, 1)
        ]
        self._start = weight("start", 1, units)
        self._heads = {
            name: (
                weight(f"{name}_head", layers, units, count),
                weight(f"{name}_bias", layers, count),
                weight(f"{name}_embedding", layers, count, units),
            )
            for name, count in self._sizes.items()
        }
        self._key = weight("anchor_previous", units, units)
        self._query = weight("anchor_current", units, units)
        self._score = weight("anchor_score", units, 1)

    def _step(self, inputs: tf.Tensor, states: list[State]) -> tuple[tf.Tensor, list[State]]:
        """Take one step of both layers; returns the output of the upper one, and both states."""
        after = []
        for (kernel, bias), state in zip(self._lstms, states, strict=True):
            after.append(lstm_step(kernel.value, inputs, state, bias.value))
            inputs = after[-1][1]
        return inputs, after

    def _unroll(self, batch: tf.Tensor, act: Act) -> tf.Tensor:
        nothing = tf.zeros((batch, self._units))
        states: list[State] = [(nothing, nothing), (nothing, nothing)]
        inputs = tf.tile(self._start.value, (batch, 1))
        anchors, keys, decision = [], [], 0
        for index in range(self._num_layers):
            for name, count in self._sizes.items():
                head, bias, embedding = self._heads[name]
                output, states = self._step(inputs, states)
                choice = act(decision, output @ head.value[index] + bias.value[index])
                # A product, not a lookup: its gradient is summed in one order, so continued searches repeat to the bit.
                inputs = tf.one_hot(choice, count) @ embedding.value[index]
                decision += 1
            anchor, states = self._step(inputs, states)
            inputs = nothing
            if index:
                scores = attention_scores(anchor @ self._query.value, keys, self._score.value)
                logits = tf.stack([tf.zeros_like(scores), scores], axis=-1)  # (batch, layers, no or yes)
                chosen = tf.cast(act(decision, logits), tf.float32)
                decision += index
                total = tf.einsum("ln,nlu->lu", chosen, tf.stack(anchors))
                inputs = total / tf.maximum(1.0, tf.reduce_sum(chosen, axis=1, keepdims=True))
            anchors.append(anchor)
            keys.append(anchor @ self._key.value)
        return tf.zeros((batch,))
