"""Layer-wise networks, as ENAS' macro search makes them."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasnet_keras.genotypes.macro import STEM, MacroGenotype, layer_output, reduction_places
from nasnet_keras.genotypes.operations import MACRO_APPLY
from nasnet_keras.networks.base import LayerwiseConfig, build_head, given_tensor, keras_model
from nasnet_keras.utils.checks import positive_integer

__all__ = ["ENASMacro", "MacroConfig"]


@dataclass(frozen=True, kw_only=True)
class MacroConfig(LayerwiseConfig):
    """The arguments of `ENASMacro`."""

    KIND = MacroGenotype
    SMALLEST = 8

    filters: int = 96

    def __post_init__(self, name: str | None) -> None:
        super().__post_init__(name)
        object.__setattr__(self, "filters", positive_integer("filters", self.filters))

    def build(self, builder: Any, image: Any) -> Any:
        layers, filters = self.genotype.layers, self.filters
        places = reduction_places(len(layers))
        last_reader = {skip: index for index, layer in enumerate(layers) for skip in layer.skips}
        x = builder.conv(image, filters, (3, 3), name="stem_conv", relu=False)
        outputs = {STEM: x}
        for index, layer in enumerate(layers):
            name = f"layer_{index:02d}"
            x = builder.conv(x, filters, name=f"{name}_input")
            x = MACRO_APPLY[layer.operation](builder, x, filters, name)
            if index:
                skipped = [outputs[skip] for skip in layer.skips]
                x = builder.concat([*skipped, x], name=f"{name}_concat") if skipped else x
                x = builder.conv(x, filters, name=f"{name}_skip")
            outputs[layer_output(index)] = x
            if index in places:
                filters *= 2
                prefix = f"reduction_{places.index(index)}"
                # What nobody reads later is not reduced. The layer's own output is what the next one reads.
                read = {output for output, reader in last_reader.items() if reader > index} | {layer_output(index)}
                outputs = {
                    output: builder.factorized_reduction(made, filters, name=f"{prefix}_{output}", relu=False)
                    for output, made in outputs.items()
                    if output in read
                }
                x = outputs[layer_output(index)]
        return build_head(builder, x, self, use_bias=False)


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
    """ENAS macro for 32×32 images: 24 layers, F=96, 30.9 million parameters; or any other layer-wise network.

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
        name: of the model.
        genotype: a `MacroGenotype`, a catalogue name, a JSON text or a path.
        filters: F of the first third, 96 as published.
        dropout_rate: of the dropout before the classifier.
        batch_norm_momentum, batch_norm_epsilon: of all batch normalisations.

    Returns:
        A functional `keras.Model`: `(batch, height, width, channels)` to `(batch, classes)`.

    Raises:
        GenotypeError: the genotype is not legal, or not layer-wise.
        ValueError: any other argument is not; the error says what was expected and what came.

    Source: Pham et al. 2018 (arXiv 1802.03268), section 3.2, and its released code, which, however, builds separable
    convolutions as full ones (42.6 million parameters) and has no pools. The paper's 38.0 million are of neither.

    Example:
        >>> ENASMacro((None, None, 3), filters=4, classes=7).output_shape
        (None, 7)
    """
    config = MacroConfig(
        genotype=genotype,
        input_shape=given_tensor(input_tensor, input_shape),
        filters=filters,
        include_top=include_top,
        pooling=pooling,
        classes=classes,
        classifier_activation=classifier_activation,
        dropout_rate=dropout_rate,
        batch_norm_momentum=batch_norm_momentum,
        batch_norm_epsilon=batch_norm_epsilon,
    )
    return keras_model(config, input_tensor, weights, name)
