"""The peer: the same networks from plain Keras layers, as a user without this library would write them."""

from typing import Any

import keras

from nasnet_keras.networks.any import network_config
from nasnet_keras.networks.layer_builder import LayerBuilder

__all__ = ["copy_weights", "plain_model"]


class PlainBuilder(LayerBuilder):
    """The primitives of a network of cells from `keras.layers` alone."""

    def __init__(self, momentum: float, epsilon: float) -> None:
        super().__init__("same", momentum, epsilon)

    def _normalized(self, x, name):
        return keras.layers.BatchNormalization(name=f"{name}_norm", **self._normalization)(x)

    def conv(self, x, filters, kernel=(1, 1), *, name, stride=1, dilation=1, relu=True, padding="same"):
        if relu:
            x = keras.layers.ReLU(name=f"{name}_relu")(x)
        if tuple(kernel) == (1, 1) and stride != 1:  # oneDNN's gradient may be wrong: see nasnet_keras.layers
            x, stride = keras.layers.AveragePooling2D(1, stride, name=f"{name}_pick")(x), 1
        late = dilation > 1 and stride != 1  # Keras has no dilated convolution with a stride
        layer = keras.layers.Conv2D(
            filters, kernel, 1 if late else stride, padding, dilation_rate=dilation, use_bias=False, name=f"{name}_conv"
        )
        x = layer(x)
        if late:
            odd = [((size + 1) % 2, 0) for size in x.shape[1:3]]
            x = keras.layers.AveragePooling2D(1, 2, name=f"{name}_pick")(keras.layers.Cropping2D(odd)(x))
        return self._normalized(x, name)

    def separable_conv(self, x, filters, size, *, name, stride=1, dilation=1):
        x = keras.layers.ReLU(name=f"{name}_relu")(x)
        layer = keras.layers.SeparableConv2D(
            filters, size, stride, "same", dilation_rate=dilation, use_bias=False, name=f"{name}_conv"
        )
        return self._normalized(layer(x), name)

    def factorized_reduction(self, x, filters, *, name, relu=True):
        if relu:
            x = keras.layers.ReLU(name=f"{name}_relu")(x)
        half = filters // 2
        even = keras.layers.AveragePooling2D(1, 2, name=f"{name}_even_pool")(x)
        odd = keras.layers.ZeroPadding2D(((0, 1), (0, 1)), name=f"{name}_pad")(x)
        odd = keras.layers.Cropping2D(((1, 0), (1, 0)), name=f"{name}_crop")(odd)
        odd = keras.layers.AveragePooling2D(1, 2, name=f"{name}_odd_pool")(odd)
        odd = keras.layers.Conv2D(filters - half, 1, use_bias=False, name=f"{name}_odd")(odd)
        if half:
            even = keras.layers.Conv2D(half, 1, use_bias=False, name=f"{name}_even")(even)
            odd = keras.layers.Concatenate(name=f"{name}_concat")([even, odd])
        return self._normalized(odd, name)

    def pool(self, x, kind, size, stride, *, name):
        layer = {"max": keras.layers.MaxPooling2D, "avg": keras.layers.AveragePooling2D}[kind]
        return layer(size, stride, "same", name=name)(x)

    def combine(self, xs, combine, drop_path_rates=(), *, name):
        if any(drop_path_rates):
            raise ValueError("the plain peer has no drop-path")
        return (keras.layers.Add if combine == "add" else keras.layers.Concatenate)(name=name)(xs)

    def concat(self, xs, *, name):
        return xs[0] if len(xs) == 1 else keras.layers.Concatenate(name=name)(xs)

    def global_pool(self, x, kind, *, name):
        return keras.layers.GlobalAveragePooling2D(name=name)(x)

    def dense(self, x, units, *, name, activation, use_bias):
        return keras.layers.Dense(units, activation, use_bias, name=name)(x)


def plain_model(genotype: Any, input_shape: tuple[int, int, int], **arguments: Any) -> keras.Model:
    """Build the network of `NASNetFromGenotype(genotype, …)` from plain layers, with weights of equal shapes."""
    config = network_config(genotype, input_shape, **arguments)
    image = keras.Input(config.input_shape)
    builder = PlainBuilder(config.batch_norm_momentum, config.batch_norm_epsilon)
    return keras.Model(image, config.build(builder, image))


def copy_weights(model: keras.Model, plain: keras.Model) -> list[tuple[Any, Any]]:
    """Give a plain model the weights of ours; returns the pairs of corresponding variables."""
    pairs = []
    for layer in model.layers:
        if layer.name == "logits":
            theirs = plain.get_layer("logits").weights
        elif layer.weights:
            parts = ("even", "odd", "conv", "norm")
            names = (f"{layer.name}_{part}" for part in parts)
            known = {other.name: other for other in plain.layers}
            theirs = [weight for name in names if name in known for weight in known[name].weights]
        else:
            continue
        pairs += zip(layer.weights, theirs, strict=True)
    for ours, other in pairs:
        other.assign(ours)
    return pairs
