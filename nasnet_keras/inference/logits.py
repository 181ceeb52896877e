"""What a network computes before the softmax or the sigmoid at its end.

Probabilities hide faults: where one of them is nearly 1, so it is with logits that are wrong by a fifth.
"""

from typing import Any

import keras

__all__ = ["split"]

_SQUASHING = (keras.activations.softmax, keras.activations.sigmoid)


def split(model: keras.Model) -> tuple[keras.Model, Any]:
    """Split a model into a model of its logits and the layer that turns them into its output.

    Args:
        model: functional or sequential, of one output; of `{"logits": …, "auxiliary": …}` only the logits are taken.

    Returns:
        Both with the weights that the model has now. The second is the identity if the model ends in neither a softmax
        nor a sigmoid.

    Example:
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, activation="softmax")])
        >>> logits, last = split(model)
        >>> bool(np.allclose(last(logits(np.ones((1, 2)))), model(np.ones((1, 2))), atol=1e-6))
        True
    """
    (image,) = model.inputs
    outputs = model.outputs if isinstance(model, keras.Sequential) else model.output
    (output,) = keras.tree.flatten(outputs["logits"] if isinstance(outputs, dict) else outputs)
    layer, call, _ = output._keras_history
    before = layer._inbound_nodes[call].input_tensors
    if isinstance(layer, keras.Model) and len(layer.outputs) == len(before) == 1:
        inner, last = split(layer)
        return keras.Model(image, inner(*before)), last
    if type(layer) is keras.layers.Dense and layer.activation in _SQUASHING:
        linear = keras.layers.Dense.from_config({**layer.get_config(), "activation": None})
        logits = keras.Model(image, linear(*before))
        linear.set_weights(layer.get_weights())
        return logits, keras.layers.Activation(layer.activation)
    alone = type(layer) is keras.layers.Activation and layer.activation in _SQUASHING
    if alone or (type(layer) is keras.layers.Softmax and layer.axis == -1):
        return keras.Model(image, *before), layer
    return keras.Model(image, output), keras.layers.Identity()
