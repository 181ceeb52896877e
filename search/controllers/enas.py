"""ENAS' controllers: LSTMs that attend to the earlier nodes when they choose the inputs of a node."""

from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from nasnet_keras.networks.cost import operation_cost
from nasnet_keras.search.controllers.base import Act, Controller
from nasnet_keras.search.controllers.recurrent import State, attention_scores, lstm_step
from nasnet_keras.search.spaces.base import Decision, Space
from nasnet_keras.search.spaces.enas_macro import MacroSpace
from nasnet_keras.search.spaces.nasnet import BLOCK, CellSpace

__all__ = ["AttentionController", "ENASMacroController", "ENASMicroController", "controller_for"]

_FAVOR = 10.0  # first bias of operations that have weights
_NUDGE = 0.25  # added to the normal cell's logits of operations that have weights, and subtracted from the others'


class AttentionController(Controller):
    """The base of both samplers: the LSTM, the attention, and the squashing of logits.

    Logits become `tanh_constant * tanh(logits / temperature)`, so that no choice is ever certain.

    Args:
        decisions: the decisions of the space.
        operations: the names of the operations to choose among.
        seed: seed of the first weights.
        units: units of the LSTM and of the embeddings.
        tanh_constant, temperature: constants of the squashing.
        name: name of the Keras layer.

    Source: Pham et al. 2018, sections 2.2 and 2.4, with the constants of the released code. All weights start uniformly
    from -0.1 to 0.1.
    """

    def __init__(
        self,
        decisions: Sequence[Decision],
        operations: Sequence[str],
        seed: int,
        units: int,
        tanh_constant: float,
        temperature: float,
        name: str,
    ) -> None:
        self._operations = tuple(operations)
        self._seed = seed
        self._tanh_constant, self._temperature = tanh_constant, temperature
        super().__init__(decisions, units, name)

    def _add_weights(self) -> None:
        weight, units = self.uniform_weights(self._seed, 0.1), self._units
        self._lstm = weight("lstm", 2 * units, 4 * units)
        self._start = weight("start", 1, units)
        self._embedding = weight("embedding", len(self._operations), units)
        self._head = weight("head", units, len(self._operations))
        self._key = weight("attention_key", units, units)
        self._query = weight("attention_query", units, units)
        self._score = weight("attention_score", units, 1)

    def _step(self, inputs: tf.Tensor, state: State) -> State:
        return lstm_step(self._lstm.value, inputs, state)

    def _attention(self, output: tf.Tensor, keys: list[tf.Tensor]) -> tf.Tensor:
        """The score of each earlier node, `(batch, nodes)`."""
        return attention_scores(output @ self._query.value, keys, self._score.value)

    def _squashed(self, logits: tf.Tensor, share: float = 1.0) -> tf.Tensor:
        return share * self._tanh_constant * tf.tanh(logits / self._temperature)


class ENASMicroController(AttentionController):
    """ENAS' micro sampler: it writes two cells of blocks, and chooses their inputs by attention to the states before.

    The reduction cell continues from the state in which the normal cell ended. A bias, which training may change, and
    in the normal cell a constant favor the operations that have weights.

    Args:
        space: a space of cells whose blocks only add.
        seed: seed of the first weights.
        units: units of the LSTM and of the embeddings: 64 in the released code, 100 in the paper.
        tanh_constant, temperature: constants of the squashing.
        operation_share: a factor of the squashed logits of operations.

    Raises:
        ValueError: the space has another way to combine, or Keras does not run on TensorFlow.

    Source: Pham et al. 2018, section 2.4.

    Example:
        >>> controller = ENASMicroController(CellSpace(combines=("add",)), seed=0)
        >>> controller.sample(np.random.default_rng(0).random((3, 50))).shape
        (3, 50)
    """

    def __init__(
        self,
        space: CellSpace,
        seed: int,
        units: int = 64,
        tanh_constant: float = 1.1,
        temperature: float = 1.0,
        operation_share: float = 0.4,
    ) -> None:
        if len(space.combines) > 1:
            raise ValueError(f"ENAS' sampler chooses no combine, got a space with {', '.join(space.combines)}")
        self._num_blocks = space.num_blocks
        self._operation_share = operation_share
        weighted = np.array([operation_cost(name, (8, 8, 8), 8).parameters > 0 for name in space.operations])
        self._first_bias = np.where(weighted, _FAVOR, 0.0).astype(np.float32)
        self._nudge = np.where(weighted, _NUDGE, -_NUDGE).astype(np.float32)
        super().__init__(space.decisions, space.operations, seed, units, tanh_constant, temperature, "cell_policy")

    def _add_weights(self) -> None:
        super()._add_weights()
        bias = self._first_bias
        self._bias = self.add_weight(name="bias", shape=bias.shape, initializer=lambda shape, dtype=None: bias)

    def _unroll(self, batch: tf.Tensor, act: Act) -> tf.Tensor:
        state = (tf.zeros((batch, self._units)), tf.zeros((batch, self._units)))
        decision = 0
        for nudge in (self._nudge, np.zeros_like(self._nudge)):
            state = self._cell(batch, act, decision, state, nudge)
            decision += self._num_blocks * len(BLOCK)
        return tf.zeros((batch,))

    def _cell(self, batch, act, decision, state, nudge):
        """Sample one cell; `decision` is the number of its first decision."""
        start = tf.tile(self._start.value, (batch, 1))
        anchors, keys = [], []
        for _ in range(2):  # the cell's inputs
            state = self._step(start, state)
            anchors.append(tf.zeros_like(state[1]))
            keys.append(state[1] @ self._key.value)
        for _ in range(self._num_blocks):
            inputs = start
            for side in range(2):
                state = self._step(inputs, state)
                chosen = act(decision + side, self._squashed(self._attention(state[1], keys)))
                # Products, not lookups: their gradients are summed in one order, so that searches repeat to the bit.
                inputs = tf.einsum("ln,nlu->lu", tf.one_hot(chosen, len(anchors)), tf.stack(anchors))
            for side in range(2, 4):
                state = self._step(inputs, state)
                logits = self._squashed(state[1] @ self._head.value + self._bias.value, self._operation_share) + nudge
                inputs = tf.one_hot(act(decision + side, logits), len(self._operations)) @ self._embedding.value
            act(decision + 4, tf.zeros((batch, 1)))  # the one way to combine
            state = self._step(inputs, state)
            anchors.append(state[1])
            keys.append(state[1] @ self._key.value)
            decision += len(BLOCK)
        return state


class ENASMacroController(AttentionController):
    """ENAS' macro sampler: it chooses each layer's operation, then, by attention to the layers before, all its skips.

    Its penalty is the divergence of the probabilities of skips from `skip_target`, averaged over layers, times
    `skip_weight`.

    Args:
        space: a space of layer-wise networks.
        seed: seed of the first weights.
        units: units of the LSTM and of the embeddings: 64 in the released code, 100 in the paper.
        tanh_constant, temperature: constants of the squashing.
        skip_target: the probability of a skip that costs no penalty, in (0, 1).
        skip_weight: the weight of the penalty.

    Raises:
        ValueError: Keras does not run on TensorFlow.

    Source: Pham et al. 2018, section 2.3.

    Example:
        >>> controller = ENASMacroController(MacroSpace(num_layers=3), seed=0)
        >>> controller.sample(np.random.default_rng(0).random((2, 6))).shape
        (2, 6)
    """

    def __init__(
        self,
        space: MacroSpace,
        seed: int,
        units: int = 64,
        tanh_constant: float = 1.5,
        temperature: float = 1.0,
        skip_target: float = 0.4,
        skip_weight: float = 0.8,
    ) -> None:
        self._num_layers = space.num_layers
        self._skip_target, self._skip_weight = skip_target, skip_weight
        super().__init__(space.decisions, space.operations, seed, units, tanh_constant, temperature, "layer_policy")

    def _unroll(self, batch: tf.Tensor, act: Act) -> tf.Tensor:
        state = (tf.zeros((batch, self._units)), tf.zeros((batch, self._units)))
        start = tf.tile(self._start.value, (batch, 1))
        inputs, anchors, keys = start, [], []
        divergence, decision = tf.zeros((batch,)), 0
        for index in range(self._num_layers):
            state = self._step(inputs, state)
            operation = act(decision, self._squashed(state[1] @ self._head.value))
            inputs = tf.one_hot(operation, len(self._operations)) @ self._embedding.value
            state = self._step(inputs, state)
            decision += 1
            if index:
                scores = self._attention(state[1], keys)
                logits = self._squashed(tf.stack([-scores, scores], axis=-1))  # (batch, layers, no or yes)
                chosen = tf.cast(act(decision, logits), tf.float32)
                decision += index
                divergence += self._divergence(logits)
                total = tf.einsum("ln,nlu->lu", chosen, tf.stack(anchors))
                inputs = total / (1.0 + tf.reduce_sum(chosen, axis=1, keepdims=True))
            else:
                inputs = start
            anchors.append(state[1])
            keys.append(state[1] @ self._key.value)
        return self._skip_weight * divergence / max(1, self._num_layers - 1)

    def _divergence(self, logits: tf.Tensor) -> tf.Tensor:
        """The divergence of a layer's skips from the target, summed over them, in nats."""
        chances = tf.sigmoid(logits)
        target = tf.constant([1.0 - self._skip_target, self._skip_target])
        return tf.reduce_sum(chances * tf.math.log(chances / target), axis=(1, 2))


def controller_for(space: Space, seed: int) -> AttentionController:
    """Make ENAS' controller for a space.

    Args:
        space: a space of cells or of layer-wise networks.
        seed: seed of the first weights.

    Raises:
        ValueError: ENAS has no controller for the space.
    """
    for kind, controller in ((CellSpace, ENASMicroController), (MacroSpace, ENASMacroController)):
        if isinstance(space, kind):
            return controller(space, seed)
    raise ValueError(f"ENAS has no controller for the space {type(space).__name__}")
