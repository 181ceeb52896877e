"""Layer-wise networks, as ENAS' macro search makes them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from nasnet_keras.genotypes.macro import STEM, MacroGenotype, layer_output, reduction_places
from nasnet_keras.genotypes.operation_builder import Tensor
from nasnet_keras.genotypes.operations import MACRO_APPLY
from nasnet_keras.networks.base import NetworkConfig
from nasnet_keras.networks.builder import Builder
from nasnet_keras.networks.model import builds
from nasnet_keras.utils.checks import positive_integer

__all__ = ["ENASMacro", "MacroConfig", "Outputs", "build_layers"]

Outputs = dict[str, Tensor]
"""The outputs of a layer-wise network that may still be read, by their names, in order."""


def build_layers(
    builder: Builder,
    image: Tensor,
    filters: int,
    num_layers: int,
    layer: Callable[[int, Outputs], Outputs],
    reductions: Mapping[int, Mapping[str, str]],
    widening: int,
) -> Tensor:
    """Describe a layer-wise network up to its head: a stem, layers, and reductions after some of them.

    Args:
        builder: describes it.
        image: `(batch, height, width, channels)`.
        filters: F, width of the stem.
        num_layers: number of layers.
        layer: `(index, outputs) -> outputs`; describes a layer and adds its output to those before it.
        reductions: by the index of a layer, the outputs that are halved after it, and the names of the factorized
            reductions. No later layer can read any other output.
        widening: factor by which a reduction widens.

    Returns:
        The last layer's output.
    """
    outputs = {STEM: builder.conv(image, filters, (3, 3), name="stem_conv", relu=False)}
    for index in range(num_layers):
        outputs = layer(index, outputs)
        if index in reductions:
            filters *= widening
            outputs = {
                output: builder.factorized_reduction(outputs[output], filters, name=name, relu=False)
                for output, name in reductions[index].items()
            }
    return outputs[layer_output(num_layers - 1)]


@dataclass(frozen=True, kw_only=True)
class MacroConfig(NetworkConfig):
    """The arguments of `ENASMacro`."""

    KIND = MacroGenotype
    SIZES = ("filters",)
    SMALLEST = 8

    filters: int = 96

    def _checked(self) -> dict[str, Any]:
        return {"filters": positive_integer("filters", self.filters)}

    def build(self, builder: Builder, image: Tensor) -> Any:
        layer = partial(self._layer, builder)
        x = build_layers(builder, image, self.filters, len(self.genotype.layers), layer, self._reductions(), widening=2)
        return self._head(builder, x, use_bias=False)

    def _layer(self, builder: Builder, index: int, outputs: Outputs) -> Outputs:
        layer, name = self.genotype.layers[index], f"layer_{index:02d}"
        x = outputs[self.genotype.outputs[index]]
        filters = x.shape[-1]
        x = builder.conv(x, filters, name=f"{name}_input")
        x = MACRO_APPLY[layer.operation](builder, x, filters, name)
        if index:
            skipped = [outputs[skip] for skip in layer.skips]
            x = builder.concat([*skipped, x], name=f"{name}_concat") if skipped else x
            x = builder.conv(x, filters, name=f"{name}_skip")
        return {**outputs, layer_output(index): x}

    def _reductions(self) -> dict[int, dict[str, str]]:
        """The outputs that a later layer reads: those that are skipped to, and the output just before it."""
        layers, outputs = self.genotype.layers, self.genotype.outputs
        last_reader = {skip: index for index, layer in enumerate(layers) for skip in layer.skips}
        return {
            place: {
                output: f"reduction_{number}_{output}"
                for output in outputs[: place + 2]
                if output == layer_output(place) or last_reader.get(output, 0) > place
            }
            for number, place in enumerate(reduction_places(len(layers)))
        }


@builds(MacroConfig)
def ENASMacro(
    input_shape: tuple[int | None, int | None, int] | None = None,
    include_top: bool = True,
    weights: str | Path | None = None,
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 10,
    classifier_activation: Any = "softmax",
    name: str = "enas_macro",
    *,
    genotype: MacroGenotype | str | Path = "enas_macro",
    filters: int = 96,
    dropout_rate: float = 0.0,
    batch_norm_momentum: float = 0.9,
    batch_norm_epsilon: float = 1e-5,
) -> Any:
    """Build ENAS macro for 32×32 images: 24 layers, F=96, 30.9 million parameters; or any other layer-wise network.

    The stem is a 3×3 convolution. A layer narrows the output before it to F by a 1×1 convolution, applies its
    operation, and from the second layer on concatenates its skips and the result and brings them to F by another. A
    third and two thirds of the way, all outputs that are still read are halved, each by a factorized reduction of its
    own, and F doubles.

    Args:
        input_shape: `(height, width, channels)` of the images, channels last; by default 32×32×3. Height and width are
            at least 8, or None, which gives the same network.
        include_top: whether to end in a classifier. Without, the output is the last map.
        weights: None, or the path of a `.weights.h5` file that a model of the same arguments saved.
        input_tensor: a Keras tensor to build on.
        pooling: None, `"avg"` or `"max"`, without the classifier.
        classes: number of classes.
        classifier_activation: `"softmax"`, or None for logits.
        name: name of the model.
        genotype: a `MacroGenotype`, a catalogue name, a JSON text or a path.
        filters: F of the first third, 96 as published.
        dropout_rate: rate of the dropout before the classifier.
        batch_norm_momentum, batch_norm_epsilon: momentum and epsilon of all batch normalisations.

    Returns:
        A functional `keras.Model`: `(batch, height, width, channels)` to `(batch, classes)`.

    Raises:
        GenotypeError: the genotype is not legal, or not layer-wise.
        ValueError: any other argument is not; the error says what was expected and what was received.

    Source: Pham et al. 2018 (arXiv 1802.03268), section 3.2, and its released code, which, however, builds separable
    convolutions as full ones (42.6 million parameters) and has no pools. The paper's 38.0 million fit neither.

    Example:
        >>> ENASMacro((None, None, 3), filters=4, classes=7).output_shape
        (None, 7)
    """
