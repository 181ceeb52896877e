"""The cost of a Keras model: its parameters and multiply-adds, counted on its layers."""

import math
from typing import Any

import keras

from nasnet_keras.layers.normalized import CountedLayer
from nasnet_keras.networks.cost import Cost
from nasnet_keras.utils.checks import quoted

__all__ = ["model_cost"]

# Layers whose every kernel is applied once at every position of the output.
_CONVOLUTIONS = (keras.layers.Conv1D, keras.layers.Conv2D, keras.layers.Conv3D, keras.layers.SeparableConv2D)
_KERNELS = (*_CONVOLUTIONS, keras.layers.DepthwiseConv2D, keras.layers.Dense)
# Layers with weights that make no multiply-adds by the papers' convention.
_FREE = (keras.layers.BatchNormalization, keras.layers.LayerNormalization)


def model_cost(model: Any, input_shape: tuple[int, int, int] | None = None) -> Cost:
    """Count the cost of a Keras model on its layers.

    Args:
        model: a functional model of ours, of `keras.applications`, or any of convolutions and dense layers.
        input_shape: `(height, width, channels)` to count the multiply-adds at, by default the model's own. It is needed
            if the model was built for an unknown size.

    Raises:
        ValueError: the model is not functional, its input size is unknown, or it holds a layer with weights whose
            multiply-adds are not known; the error names it.

    Example:
        >>> model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Conv2D(4, 3, use_bias=False)])
        >>> model_cost(model)
        Cost(parameters=108, trainable_parameters=108, multiply_adds=3888)
    """
    if not isinstance(getattr(model, "inputs", None), list) or len(model.inputs) != 1:
        raise ValueError(f"model_cost needs a built model with one input, got {quoted(model)}")
    layers = _counted(model)
    multiply_adds = sum(map(_multiply_adds, layers, _input_shapes(model, layers, input_shape)))
    trainable = sum(math.prod(weight.shape) for weight in model.trainable_weights)
    return Cost(model.count_params(), trainable, multiply_adds)


def _counted(model: Any) -> list[Any]:
    """The layers of a model that make multiply-adds."""
    counted = []
    for layer in model.layers:
        if isinstance(layer, (*_KERNELS, CountedLayer)):
            counted.append(layer)
        elif layer.weights and not isinstance(layer, _FREE):
            raise ValueError(
                f"model_cost cannot count layer {quoted(layer.name)} of type {type(layer).__name__}; it counts "
                f"convolutions, dense layers and the layers of nasnet_keras"
            )
    return counted


def _multiply_adds(layer: Any, input_shape: tuple[int, ...]) -> int:
    """The multiply-adds of one layer."""
    if isinstance(layer, CountedLayer):
        return layer.multiply_adds(input_shape)
    positions = math.prod(layer.compute_output_shape(input_shape)[1:-1])
    return positions * sum(math.prod(weight.shape) for weight in layer.weights if len(weight.shape) > 1)


def _input_shapes(model: Any, layers: list[Any], input_shape: tuple[int, ...] | None) -> list[tuple[int, ...]]:
    """The shape of the input of each layer when the model reads an image of `input_shape`."""
    own = model.inputs[0].shape[1:]
    shape = tuple(own if input_shape is None else input_shape)
    if len(shape) != len(own) or not all(type(size) is int and size > 0 for size in shape):
        raise ValueError(
            f"model_cost needs a known input size: the model reads {own}, input_shape is {input_shape}; "
            f"give input_shape=(height, width, channels)"
        )
    if any(fixed is not None and fixed != size for fixed, size in zip(own, shape, strict=True)):
        raise ValueError(f"the model reads images of {own}, which is not input_shape={input_shape}")
    inputs = [layer.input for layer in layers]
    if shape != own:
        image = keras.KerasTensor((None, *shape), dtype=model.inputs[0].dtype)
        inputs = keras.Function(model.inputs, inputs).compute_output_spec([image])
    return [tuple(x.shape) for x in inputs]
