"""The parts of controllers with attention: a step of an LSTM, and scores of earlier states."""

from collections.abc import Sequence

import tensorflow as tf

__all__ = ["State", "attention_scores", "lstm_step"]

State = tuple[tf.Tensor, tf.Tensor]
"""The state of an LSTM: its cells and its output, `(batch, units)` each."""


def lstm_step(kernel: tf.Tensor, inputs: tf.Tensor, state: State, bias: tf.Tensor | float = 0.0) -> State:
    """Compute the next state of an LSTM.

    Args:
        kernel: `(width + units, 4 · units)`, for the input gate, the forget gate, the output gate and the new values.
        inputs: `(batch, width)`.
        state: the state before.
        bias: `(4 · units,)`.

    Source: Hochreiter and Schmidhuber 1997; Gers et al. 2000.
    """
    cell, output = state
    gates = tf.concat([inputs, output], axis=1) @ kernel + bias
    let_in, forget, let_out, new = tf.split(gates, 4, axis=1)
    cell = tf.sigmoid(forget) * cell + tf.sigmoid(let_in) * tf.tanh(new)
    return cell, tf.sigmoid(let_out) * tf.tanh(cell)


def attention_scores(query: tf.Tensor, keys: Sequence[tf.Tensor], score: tf.Tensor) -> tf.Tensor:
    """Compute `score · tanh(key + query)` for each key, `(batch, keys)`.

    Args:
        query: `(batch, units)`.
        keys: tensors `(batch, units)`.
        score: `(units, 1)`.

    Source: Bahdanau et al. 2015, appendix A.1.2.
    """
    return tf.einsum("lnu,u->ln", tf.tanh(tf.stack(keys, axis=1) + query[:, None]), score[:, 0])
