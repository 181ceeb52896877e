"""The supernet of layer-wise networks, and the ordinary network of one of its architectures."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from nasnet_keras.genotypes.macro import STEM, MacroLayer, layer_output, reduction_places
from nasnet_keras.networks.base import build_head
from nasnet_keras.networks.layer_builder import LayerBuilder
from nasnet_keras.networks.macro import Outputs, build_layers
from nasnet_keras.search.spaces.enas_macro import MacroSpace
from nasnet_keras.search.supernet.layer import SupernetLayer, layer_operation

__all__ = ["layer_network", "layer_supernet"]

_EPSILON = 1e-5


def layer_supernet(space: MacroSpace, image_shape: tuple[int, int, int], *, seed: int, **network: Any) -> keras.Model:
    """Build a chain of layers of one width. An input picks their operations and skips.

    After a third and two thirds of the layers, every output so far is halved by a factorized reduction of its own.

    Args:
        space: space of layer-wise networks.
        image_shape: `(height, width, channels)`.
        seed: seed of the first weights of the layers.
        **network: `filters`, `classes` and `dropout_rate`.

    Returns:
        A functional model of images `(batch, height, width, channels)` and the space's choices `(decisions,)`, int32,
        to logits.

    Source: Pham et al. 2018, section 2.3, with the constants of the released code. In that code every choice of an
    operation chose the last one; here it chooses the operation of its number.

    Example:
        >>> layer_supernet(MacroSpace(num_layers=3), (8, 8, 1), seed=0, filters=4, classes=10).output_shape
        (None, 10)
    """
    image = keras.Input(image_shape, name="image")
    choices = keras.Input(batch_shape=(len(space.decisions),), dtype="int32", name="choices")
    place = 0

    def layer(index: int, outputs: Outputs) -> Outputs:
        nonlocal place
        shared = SupernetLayer(space.operations, place, (seed, index), _EPSILON, name=layer_output(index))
        place += 1 + index
        output, *passed_on = shared([*outputs.values(), choices])
        return {**dict(zip(outputs, passed_on, strict=True)), layer_output(index): output}

    output = _network(image, space.num_layers, layer, **network)
    return keras.Model([image, choices], output, name="layer_supernet")


def layer_network(supernet: keras.Model, space: MacroSpace, choices: Sequence[int], **network: Any) -> keras.Model:
    """Build one architecture of a supernet of ordinary layers, with the supernet's weights.

    The final network of a genotype is another one: `nasnet_keras.networks.macro.ENASMacro`.

    Args:
        supernet: the result of `layer_supernet`.
        space: its space.
        choices: the architecture.
        **network: the further arguments that `layer_supernet` got.

    Returns:
        A functional model of images. Its moving statistics have not been trained: a supernet normalises by the batch.
    """
    genotype = space.decode(choices)
    builder = LayerBuilder("same", 0.9, _EPSILON)
    image = keras.Input(supernet.inputs[0].shape[1:], name="image")

    def layer(index: int, outputs: Outputs) -> Outputs:
        name = layer_output(index)
        return {**outputs, name: _fixed_layer(builder, genotype.layers[index], outputs, name)}

    model = keras.Model(image, _network(image, space.num_layers, layer, **network), name="layer_network")
    layers = {one.name: one for one in model.layers}
    for index, fixed in enumerate(genotype.layers):
        for end, weight, value in supernet.get_layer(layer_output(index)).values(fixed):
            getattr(layers[layer_output(index) + end], weight).assign(value)
    for name, one in layers.items():
        if one.weights and not name.startswith("layer_"):
            one.set_weights(supernet.get_layer(name).get_weights())
    return model


def _network(
    image: Any,
    num_layers: int,
    layer: Callable[[int, Outputs], Outputs],
    *,
    filters: int,
    classes: int,
    dropout_rate: float = 0.0,
) -> Any:
    """The output of a network whose layers are made by `layer(index, outputs)`, which adds one to the outputs.

    All outputs are halved at each reduction, since any of them may be chosen later, and keep their width.
    """
    builder = LayerBuilder("same", 0.9, _EPSILON)
    outputs = (STEM, *map(layer_output, range(num_layers)))
    reductions = {
        place: {output: f"reduction_after_{place}_of_{number}" for number, output in enumerate(outputs[: place + 2])}
        for place in reduction_places(num_layers)
    }
    x = build_layers(builder, image, filters, num_layers, layer, reductions, widening=1)
    return build_head(builder, x, classes, dropout_rate=dropout_rate, use_bias=False)


def _fixed_layer(builder: LayerBuilder, layer: MacroLayer, outputs: Outputs, name: str) -> Any:
    """One layer of ordinary layers."""
    x = layer_operation(layer.operation, builder, [*outputs.values()][-1], name)
    for skip in layer.skips:
        x = builder.combine([x, outputs[skip]], "add", name=f"{name}_plus_{skip}")
    if len(outputs) == 1:
        return x
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=_EPSILON, name=f"{name}_normalization")(x)
