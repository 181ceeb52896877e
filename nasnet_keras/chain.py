"""Layer-wise networks: a chain of layers with skips, as NAS and ENAS' macro search make them."""

from collections.abc import Callable, Mapping
from dataclasses import InitVar, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, ClassVar

from nasnet_keras.chain_genotype import ChainGenotype
from nasnet_keras.checks import positive_integer
from nasnet_keras.genotype_json import AnyGenotype
from nasnet_keras.kinds import resolve_genotype
from nasnet_keras.macro_genotype import MACRO_OPERATIONS, STEM, MacroGenotype, layer_output
from nasnet_keras.model import build_head, check_head, check_normalization, given_tensor, image_shape, keras_model

__all__ = ["APPLY", "ChainConfig", "ChainFromGenotype", "ENASMacro", "LayerwiseConfig", "MacroConfig"]
__all__ += ["reduction_places"]


def reduction_places(layers: int) -> tuple[int, ...]:
    """The layers after which a network of so many halves its maps: at a third and at two thirds.

    Example:
        >>> reduction_places(24), reduction_places(2)
        ((7, 15), ())
    """
    third = layers // 3
    return (third - 1, 2 * third - 1) if third else ()


@dataclass(frozen=True, kw_only=True)
class LayerwiseConfig:
    """The validated arguments of a layer-wise network; `build` describes the network to a builder.

    Raises:
        ValueError: an argument is out of range; the error says what was expected and what came.
    """

    KIND: ClassVar[type[AnyGenotype]]
    SMALLEST: ClassVar[int]  # height and width

    genotype: Any
    input_shape: Any = None
    include_top: bool = True
    pooling: str | None = None
    classes: int = 10
    classifier_activation: Any = "softmax"
    dropout_rate: float = 0.0
    batch_norm_momentum: float = 0.9
    batch_norm_epsilon: float = 1e-5
    name: InitVar[str | None] = None  # of a model, which a configuration has not

    def __post_init__(self, name: str | None) -> None:
        del name
        shape = image_shape(self.input_shape, default=32, smallest=self.SMALLEST, what="a layer-wise network")
        checked = {
            "genotype": resolve_genotype(self.genotype, self.KIND),
            "input_shape": shape,
            "include_top": bool(self.include_top),
            "classes": check_head(
                self.include_top, self.pooling, self.classes, self.dropout_rate, self.classifier_activation
            ),
        }
        check_normalization(self.batch_norm_momentum, self.batch_norm_epsilon)
        for field, value in checked.items():
            object.__setattr__(self, field, value)

    def build(self, builder: Any, image: Any) -> Any:
        """Describe the network to a builder; returns the output."""
        raise NotImplementedError


class ChainConfig(LayerwiseConfig):
    """The arguments of `ChainFromGenotype`."""

    KIND = ChainGenotype
    SMALLEST = 1

    def build(self, builder: Any, image: Any) -> Any:
        genotype, outputs, pooled = self.genotype, {}, set(self.genotype.pooled)
        for index, (output, layer) in enumerate(zip(genotype.outputs, genotype.layers, strict=True)):
            name = f"layer_{index:02d}"
            x = image
            if layer.inputs:
                x = builder.padded_concat([outputs[read] for read in layer.inputs], name=f"{name}_concat")
            # A layer's ReLU is applied by its readers: pooled, padded and joined, it is the same. An image needs none.
            x = builder.conv(
                x, layer.filters, layer.kernel, stride=layer.strides, relu=bool(layer.inputs), name=f"{name}_conv"
            )
            outputs[output] = builder.pool(x, "max", 2, 2, name=f"{name}_pool") if output in pooled else x
        x = builder.padded_concat([outputs[read] for read in genotype.unread], name="output_concat")
        return build_head(builder, builder.relu(x, name="output_relu"), self, use_bias=True)


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
            x = APPLY[layer.operation](builder, x, filters, name)
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


def ChainFromGenotype(
    genotype: ChainGenotype | str | Path,
    input_shape: tuple[int | None, int | None, int] | None = None,
    include_top: bool = True,
    weights: str | Path | None = None,
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 10,
    classifier_activation: Any = "softmax",
    name: str = "nas",
    *,
    dropout_rate: float = 0.0,
    batch_norm_momentum: float = 0.9,
    batch_norm_epsilon: float = 1e-5,
) -> Any:
    """The network of a chain genotype, as NAS makes it.

    A layer is a convolution, batch normalisation and ReLU. What it reads is joined in depth, smaller maps with zeros
    around them as large as the larger ones; a layer without inputs reads the image. What no layer reads is joined
    likewise, and the classifier reads its average over positions. Convolutions and pools keep every border ("same"
    padding), so a map never loses its last pixel: every genotype builds for images of every size.

    Args:
        genotype: a `ChainGenotype`, a JSON text or a path.
        input_shape: `(height, width, channels)` of the images, channels last; by default 32×32×3. Height and width may
            be None, which gives the same network.
        include_top: whether to end in a classifier. Without, the output is the last map.
        weights: None, or the path of a `.weights.h5` file that a model of the same arguments saved.
        input_tensor: a Keras tensor to build on.
        pooling: None, `"avg"` or `"max"`, without the classifier.
        classes: number of classes.
        classifier_activation: `"softmax"`, or None for logits.
        name: of the model.
        dropout_rate: of the dropout before the classifier.
        batch_norm_momentum, batch_norm_epsilon: of all batch normalisations.

    Returns:
        A functional `keras.Model`: `(batch, height, width, channels)` to `(batch, classes)`.

    Raises:
        GenotypeError: the genotype is not legal, or not a chain.
        ValueError: any other argument is not; the error says what was expected and what came.

    Source: Zoph and Le 2017 (arXiv 1611.01578), sections 3.1 and 3.3. Where zeros are put is not said there: here they
    are around the smaller map, the odd one behind it.

    Example:
        >>> from nasnet_keras import ChainGenotype, ChainLayer
        >>> genotype = ChainGenotype([ChainLayer((3, 3), 24), ChainLayer((5, 5), 36, ["layer_0"], strides=(2, 2))])
        >>> ChainFromGenotype(genotype, (8, 8, 1), classes=7).output_shape
        (None, 7)
    """
    config = ChainConfig(
        genotype=genotype,
        input_shape=given_tensor(input_tensor, input_shape),
        include_top=include_top,
        pooling=pooling,
        classes=classes,
        classifier_activation=classifier_activation,
        dropout_rate=dropout_rate,
        batch_norm_momentum=batch_norm_momentum,
        batch_norm_epsilon=batch_norm_epsilon,
    )
    return keras_model(config, input_tensor, weights, name)


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
    third and two thirds of the way, all outputs that are still read are halved, each by a factorised reduction of its
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


_Apply = Callable[[Any, Any, int, str], Any]  # (builder, x, filters, name of the layer)


def _conv(size: int) -> _Apply:
    return lambda builder, x, filters, name: builder.conv(x, filters, (size, size), name=f"{name}_conv")


def _separable(size: int) -> _Apply:
    return lambda builder, x, filters, name: builder.separable_conv(x, filters, size, name=f"{name}_separable")


def _pool(kind: str) -> _Apply:
    # The ReLU comes first, as before a convolution: ENAS' search pools what its 1×1 convolution's ReLU leaves.
    return lambda builder, x, filters, name: builder.pool(
        builder.relu(x, name=f"{name}_relu"), kind, 3, 1, name=f"{name}_pool"
    )


APPLY: Mapping[str, _Apply] = MappingProxyType(
    dict(
        zip(
            MACRO_OPERATIONS,
            (_conv(3), _separable(3), _conv(5), _separable(5), _pool("avg"), _pool("max")),
            strict=True,
        )
    )
)
"""An operation of a layer, after the 1×1 convolution before it; a ReLU comes first."""
