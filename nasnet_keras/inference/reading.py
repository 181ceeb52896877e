"""A Keras model → the graph of its inference: no batch normalisation, no dropout, no drop-path, no auxiliary head."""

from typing import Any

import keras

from nasnet_keras.inference.errors import FusionError
from nasnet_keras.inference.graph import Input, Node
from nasnet_keras.inference.nodes import node_of

__all__ = ["read"]


def read(model: keras.Model) -> Node:
    """Read the graph of a model's inference.

    Args:
        model: functional or sequential, of layers of this package and the layers of a classifier; models within it are
            taken apart. Of the outputs `{"logits": …, "auxiliary": …}` only the logits are read.

    Raises:
        FusionError: the model has several inputs or outputs, or a layer cannot be fused; the error names it.
    """
    inputs = getattr(model, "inputs", None)
    if not isinstance(model, keras.Model) or not isinstance(inputs, list) or len(inputs) != 1:
        hint = ""
        if isinstance(model, keras.Sequential) and not inputs:
            hint = ", which knows no input yet: begin it with keras.Input(shape)"
        raise FusionError(f"expected a functional or sequential Keras model with one input, got {model!r}{hint}")
    (image,) = inputs
    if len(image.shape) != 4:
        raise FusionError(f"expected a model of images (batch, height, width, channels), got one of {image.shape}")
    return _model(model, Input(image.name, (), tuple(image.shape[1:]), image.dtype))


def _model(model: keras.Model, x: Node, output: Any = None) -> Node:
    """Compute an output of a model: by default the only one, or the logits."""
    if isinstance(model, keras.Sequential):
        for layer in model.layers:
            x = _computed(layer, x)
        return x
    output = model.output if output is None else output
    if isinstance(output, dict) and "logits" in output:
        output = output["logits"]
    elif isinstance(output, list | tuple) and len(output) == 1:
        (output,) = output
    if not isinstance(output, keras.KerasTensor):
        raise FusionError(f"model {model.name!r} has several outputs, {output!r}: expected one, or one named 'logits'")
    nodes = {id(model.inputs[0]): x}
    waiting = [output]
    while waiting:
        tensor = waiting[-1]
        # The call that made the tensor. A layer's own `input` is that of its first call, perhaps in another model.
        layer, call, number = tensor._keras_history
        inputs = [] if id(tensor) in nodes else layer._inbound_nodes[call].input_tensors
        if missing := [needed for needed in inputs if id(needed) not in nodes]:
            waiting += missing
        else:
            waiting.pop()
            if id(tensor) not in nodes:
                nodes[id(tensor)] = _computed(layer, *(nodes[id(needed)] for needed in inputs), number=number)
    return nodes[id(output)]


def _computed(layer: Any, *inputs: Any, number: int | None = None) -> Node | None:
    """Compute a layer, or the output of a model that has a number."""
    if isinstance(layer, keras.Model) and isinstance(getattr(layer, "inputs", None), list):
        if len(layer.inputs) != 1:
            raise FusionError(f"the model {layer.name!r} within it has {len(layer.inputs)} inputs: expected one")
        return _model(layer, *inputs, None if number is None else keras.tree.flatten(layer.output)[number])
    # A class derived from a known one is not known: it may compute something else.
    if type(layer) not in node_of.registry:
        raise FusionError(
            f"layer {layer.name!r} of type {type(layer).__name__} cannot be fused: expected layers that nasnet_keras "
            f"builds, and those of a classifier"
        )
    return node_of(layer, *inputs)
