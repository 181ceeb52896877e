"""Layer-wise networks: a chain of layers with skips, as ENAS' macro search makes them."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from nasnet_keras.checks import positive_integer
from nasnet_keras.kinds import resolve_genotype
from nasnet_keras.macro_genotype import MACRO_OPERATIONS, STEM, MacroGenotype, layer_output
from nasnet_keras.model import build_head, check_head, check_normalization, given_tensor, image_shape, keras_model

__all__ = ["APPLY", "ENASMacro", "MacroConfig", "reduction_places"]


def reduction_places(layers: int) -> tuple[int, ...]:
    """The layers after which a network of so many halves its maps: at a third and at two thirds.

    Example:
        >>> reduction_places(24), reduction_places(2)
        ((7, 15), ())
    """
    third = layers // 3
    return (third - 1, 2 * third - 1) if third else ()


@dataclass(frozen=True)
class MacroConfig:
    """The validated arguments of a layer-wise network. `of` makes one, `build` describes the network to a builder."""

    genotype: MacroGenotype
    input_shape: tuple[int | None, int | None, int]
    filters: int
    include_top: bool
    pooling: str | None
    classes: int
    classifier_activation: Any
    dropout_rate: float
    batch_norm_momentum: float
    batch_norm_epsilon: float

    @classmethod
    def of(
        cls,
        genotype: MacroGenotype | str | Path,
        input_shape: tuple[int | None, int | None, int] | None = None,
        filters: int = 96,
        include_top: bool = True,
        pooling: str | None = None,
        classes: int = 10,
        classifier_activation: Any = "softmax",
        dropout_rate: float = 0.0,
        batch_norm_momentum: float = 0.9,
        batch_norm_epsilon: float = 1e-5,
        name: str | None = None,
    ) -> "MacroConfig":
        """Check everything; the arguments are those of `ENASMacro`.

        Raises:
            ValueError: an argument is out of range; the error says what was expected and what came.
        """
        del name
        genotype = resolve_genotype(genotype, MacroGenotype)
        filters = positive_integer("filters", filters)
        classes = check_head(include_top, pooling, classes, dropout_rate)
        check_normalization(batch_norm_momentum, batch_norm_epsilon)
        return cls(
            genotype=genotype,
            input_shape=image_shape(input_shape, default=32, smallest=8, what="a layer-wise network"),
            filters=filters,
            include_top=bool(include_top),
            pooling=pooling,
            classes=classes,
            classifier_activation=classifier_activation,
            dropout_rate=dropout_rate,
            batch_norm_momentum=batch_norm_momentum,
            batch_norm_epsilon=batch_norm_epsilon,
        )

    def build(self, builder: Any, image: Any) -> Any:
        """Describe the network to a builder; returns the output."""
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
    config = MacroConfig.of(
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
