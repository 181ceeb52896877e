"""The supernet of layer-wise networks, and the ordinary network of one of its architectures."""

from collections.abc import Callable, Sequence
from typing import Any

import keras

from nasnet_keras.genotypes.macro import MacroLayer, layer_output, reduction_places
from nasnet_keras.networks.layer_builder import LayerBuilder
from nasnet_keras.search.spaces.enas_macro import MacroSpace
from nasnet_keras.search.supernet.layer import SupernetLayer, layer_operation

__all__ = ["layer_network", "layer_supernet"]

_EPSILON = 1e-5


def layer_supernet(space: MacroSpace, image_shape: tuple[int, int, int], *, seed: int, **network: Any) -> keras.Model:
    """A chain of layers of one width, whose operations and skips are picked by an input.

    After a third and two thirds of the layers, every output so far is halved by a factorized reduction of its own.

    Args:
        space: of layer-wise networks.
        image_shape: `(height, width, channels)`.
        seed: of the first weights of the layers.
        network: `filters`, `classes` and `dropout_rate`.

    Returns:
        A functional model of images `(batch, height, width, channels)` and the space's choices `(decisions,)`, int32,
        to logits.

    Source: Pham et al. 2018, section 2.3, with the constants of the released code, in which every choice of an
    operation was the last one; here it is the one that was chosen.

    Example:
        >>> layer_supernet(MacroSpace(num_layers=3), (8, 8, 1), seed=0, filters=4, classes=10).output_shape
        (None, 10)
    """
    image = keras.Input(image_shape, name="image")
    choices = keras.Input(batch_shape=(len(space.decisions),), dtype="int32", name="choices")
    place = 0

    def layer(index: int, outputs: list[Any]) -> list[Any]:
        nonlocal place
        shared = SupernetLayer(space.operations, place, (seed, index), _EPSILON, name=layer_output(index))
        place += 1 + index
        output, *outputs = shared([*outputs, choices])
        return [*outputs, output]

    output = _network(image, space.num_layers, layer, **network)
    return keras.Model([image, choices], output, name="layer_supernet")


def layer_network(supernet: keras.Model, space: MacroSpace, choices: Sequence[int], **network: Any) -> keras.Model:
    """The network that a supernet is for one architecture, of ordinary layers, with its weights.

    The network that a genotype is trained as in the end is another one: `nasnet_keras.networks.chain.ENASMacro`.

    Args:
        supernet: as `layer_supernet` made it.
        space: of it.
        choices: the architecture.
        network: of it.

    Returns:
        A functional model of images. Its moving statistics are of no training: a supernet normalises by the batch.
    """
    genotype = space.decode(choices)
    builder = LayerBuilder("same", 0.9, _EPSILON)
    image = keras.Input(supernet.inputs[0].shape[1:], name="image")

    def layer(index: int, outputs: list[Any]) -> list[Any]:
        return [*outputs, _fixed_layer(builder, genotype.layers[index], genotype.outputs, outputs, layer_output(index))]

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
    layer: Callable[[int, list[Any]], list[Any]],
    *,
    filters: int,
    classes: int,
    dropout_rate: float = 0.0,
) -> Any:
    """The output of a network whose layers are made by `layer(index, outputs)`, which adds one to the outputs."""
    builder = LayerBuilder("same", 0.9, _EPSILON)
    outputs = [builder.conv(image, filters, (3, 3), name="stem_conv", relu=False)]
    for index in range(num_layers):
        outputs = layer(index, outputs)
        if index in reduction_places(num_layers):
            outputs = [
                builder.factorized_reduction(x, filters, name=f"reduction_after_{index}_of_{number}", relu=False)
                for number, x in enumerate(outputs)
            ]
    x = builder.global_pool(outputs[-1], "avg", name="head_pool")
    if dropout_rate:
        x = builder.dropout(x, dropout_rate, name="head_dropout")
    return builder.dense(x, classes, name="logits", activation=None, use_bias=False)


def _fixed_layer(builder: LayerBuilder, layer: MacroLayer, names: Sequence[str], outputs: list[Any], name: str) -> Any:
    """One layer of ordinary layers."""
    x = layer_operation(layer.operation, builder, outputs[-1], name)
    for skip in layer.skips:
        x = builder.combine([x, outputs[names.index(skip)]], "add", name=f"{name}_plus_{skip}")
    if len(outputs) == 1:
        return x
    return keras.layers.BatchNormalization(momentum=0.9, epsilon=_EPSILON, name=f"{name}_normalization")(x)
