"""What the controllers that attend are made of: a step of an LSTM, and scores of earlier states."""

from collections.abc import Sequence

import tensorflow as tf

__all__ = ["State", "attention_scores", "lstm_step"]

State = tuple[tf.Tensor, tf.Tensor]
"""Of an LSTM: its cells and its output, `(lists, units)` each."""


def lstm_step(kernel: tf.Tensor, inputs: tf.Tensor, state: State, bias: tf.Tensor | float = 0.0) -> State:
    """The next state.

    Args:
        kernel: `(width of the inputs + units, 4 · units)`; the gates are input, forget, output and the new values.
        inputs: `(lists, width)`.
        state: the one before.
        bias: `(4 · units,)`.
    """
    cell, output = state
    gates = tf.concat([inputs, output], axis=1) @ kernel + bias
    let_in, forget, let_out, new = tf.split(gates, 4, axis=1)
    cell = tf.sigmoid(forget) * cell + tf.sigmoid(let_in) * tf.tanh(new)
    return cell, tf.sigmoid(let_out) * tf.tanh(cell)


def attention_scores(query: tf.Tensor, keys: Sequence[tf.Tensor], score: tf.Tensor) -> tf.Tensor:
    """`score · tanh(key + query)` for each key, `(lists, keys)`.

    Args:
        query: `(lists, units)`.
        keys: of the same shape each.
        score: `(units, 1)`.
    """
    return tf.einsum("lnu,u->ln", tf.tanh(tf.stack(keys, axis=1) + query[:, None]), score[:, 0])
