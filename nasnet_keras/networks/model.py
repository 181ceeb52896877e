"""A network's arguments → its Keras model."""

import functools
import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from nasnet_keras.networks.base import NetworkConfig
from nasnet_keras.networks.large_images import loading_weights, tell_of_cost
from nasnet_keras.utils.near import refuse_argument

__all__ = ["builds", "given_tensor", "keras_model"]

_Function = TypeVar("_Function", bound=Callable[..., Any])


def builds(config: type[NetworkConfig]) -> Callable[[_Function], _Function]:
    """Decorate the declaration of a public function, a signature and a docstring, so that it builds networks of a kind.

    The function takes the fields of `config` and `keras_model`'s arguments by the same names. It has no body of its
    own, so its arguments are listed once for the reader, and once, as fields, for everything else.
    """

    def decorate(declaration: _Function) -> _Function:
        signature = inspect.signature(declaration)

        @functools.wraps(declaration)
        def build(*args: Any, **kwargs: Any) -> Any:
            for unknown in kwargs.keys() - signature.parameters.keys():
                refuse_argument(declaration.__name__, unknown, signature.parameters)
            declaration(*args, **kwargs)  # it does nothing, but Python's error for wrong arguments has its name
            given = signature.bind(*args, **kwargs)
            given.apply_defaults()
            return keras_model(config, **given.arguments)

        return build

    return decorate


def keras_model(
    config: type[NetworkConfig],
    *,
    input_shape: Any = None,
    input_tensor: Any = None,
    weights: str | Path | None = None,
    name: str | None = None,
    **network: Any,
) -> Any:
    """Build the Keras model of a network.

    Args:
        config: the kind of network.
        input_shape: `(height, width, channels)` of the images, or None.
        input_tensor: a Keras tensor to build on, or None.
        weights: None, or the path of a file of weights.
        name: name of the model, by default the kind's.
        **network: further fields of `config`.

    Raises:
        ValueError: an argument is not legal, or the weights cannot be loaded.
    """
    described = config(input_shape=given_tensor(input_tensor, input_shape), **network)
    with loading_weights(weights is not None):
        tell_of_cost(described)
    import keras  # here, so that arguments are checked and costs are counted without it

    from nasnet_keras.networks.layer_builder import LayerBuilder
    from nasnet_keras.weights.loading import load_weights

    image = keras.Input(described.input_shape, name="image") if input_tensor is None else input_tensor
    output = described.build(LayerBuilder(**described.layer_settings(image)), image)
    inputs = image if input_tensor is None else keras.utils.get_source_inputs(image)
    if isinstance(inputs, list) and len(inputs) == 1:
        (inputs,) = inputs  # Keras warns if a model of a list is called with a tensor
    model = keras.Model(inputs, output, name=name or config.NAME)
    if weights is not None:
        load_weights(model, weights)
    return model


def given_tensor(tensor: Any, input_shape: Any) -> Any:
    """`input_shape`, or the shape of a caller's `input_tensor` if there is one.

    Raises:
        ValueError: it is not a Keras tensor, or of another shape.
    """
    if tensor is None:
        return input_shape
    import keras

    if not isinstance(tensor, keras.KerasTensor):
        raise ValueError(f"input_tensor must be a Keras tensor such as keras.Input(...), got {type(tensor).__name__}")
    shape = tuple(tensor.shape[1:])
    if input_shape is not None and tuple(input_shape) != shape:
        raise ValueError(f"input_tensor has shape {shape} and input_shape is {input_shape}: give one of them")
    return shape
