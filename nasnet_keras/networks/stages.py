"""Networks of stage genotypes: MnasNet and its relatives."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from nasnet_keras.genotypes.operation_builder import Tensor
from nasnet_keras.genotypes.stages import CONV, INVERTED, Stage, StageGenotype, rounded_filters
from nasnet_keras.networks.base import NetworkConfig
from nasnet_keras.networks.builder import Builder
from nasnet_keras.networks.model import builds
from nasnet_keras.utils.checks import choice, number, real

__all__ = ["StagesConfig", "StagesFromGenotype", "scaled_filters"]

_LARGEST_ALPHA = 16


def scaled_filters(filters: int, alpha: float) -> int:
    """A number of filters times a width multiplier, as `rounded_filters` has it. With a multiplier of 1 it stays.

    Example:
        >>> scaled_filters(36, 1.0), scaled_filters(24, 0.75), scaled_filters(24, 0.35)
        (36, 24, 8)
    """
    return filters if alpha == 1 else rounded_filters(filters * alpha)


class _Output(NamedTuple):
    """A map, and whether it still lacks its ReLU, which its readers apply; a linear bottleneck's has none."""

    x: Tensor
    lacks_relu: bool


@dataclass(frozen=True, kw_only=True)
class StagesConfig(NetworkConfig):
    """The arguments of `StagesFromGenotype`."""

    KIND = StageGenotype
    SIZES = ("alpha", "stem_stride")

    dropout_rate: float = 0.2
    batch_norm_momentum: float = 0.99
    batch_norm_epsilon: float = 1e-3
    alpha: float = 1.0
    stem_stride: int = 2
    padding: str = "same"

    def _checked(self) -> dict[str, Any]:
        alpha = real(self.alpha)
        given = self.alpha if alpha is None else alpha
        number("alpha", given, f"above 0 and at most {_LARGEST_ALPHA}", lambda v: 0 < v <= _LARGEST_ALPHA)
        choice("stem_stride", self.stem_stride, (1, 2))
        choice("padding", self.padding, ("same", "torch"))
        return {"alpha": alpha, "stem_stride": int(self.stem_stride)}

    def _sides(self) -> tuple[int, int, str]:
        return 224, self.SMALLEST, "a network of stages"

    def layer_settings(self, image: Any) -> dict[str, Any]:
        return {**super().layer_settings(image), "padding": self.padding}

    def for_large_images(self) -> "tuple[str, NetworkConfig] | None":
        return None if self.stem_stride == 2 else ("stem_stride=2", replace(self, stem_stride=2))

    def build(self, builder: Builder, image: Tensor) -> Any:
        genotype, stem = self.genotype, scaled_filters(self.genotype.stem, self.alpha)
        x = builder.conv(image, stem, (3, 3), name="stem_conv", stride=self.stem_stride, relu=False)
        output = _Output(x, lacks_relu=True)
        for place, stage in enumerate(genotype.stages, start=1):
            for index in range(stage.layers):
                stride = 1 if index else stage.stride
                output = self._layer(builder, output, stage, stride, f"stage_{place:02d}_layer_{index:02d}")
        if genotype.head:
            x = builder.conv(output.x, genotype.head, name="head_conv", relu=output.lacks_relu)
            output = _Output(x, lacks_relu=True)
        return self._head(builder, _with_relu(builder, output, "head_relu"), use_bias=True)

    def _layer(self, builder: Builder, before: _Output, stage: Stage, stride: int, name: str) -> _Output:
        channels, filters = before.x.shape[-1], scaled_filters(stage.filters, self.alpha)
        skips = channels == filters and (stage.skip == "pool" or (stage.skip == "identity" and stride == 1))
        after = _convolved(builder, before, stage, stride, filters, name)
        if not skips:
            return after
        skipped = _with_relu(builder, before, f"{name}_skip_relu")
        if stage.skip == "pool":
            skipped = builder.pool(skipped, "avg", 3, stride, name=f"{name}_skip_pool")
        y = _with_relu(builder, after, f"{name}_relu")
        return _Output(builder.combine([skipped, y], "add", name=f"{name}_add"), lacks_relu=False)


def _convolved(builder: Builder, before: _Output, stage: Stage, stride: int, filters: int, name: str) -> _Output:
    """The layer without its skip."""
    y, channels = before, before.x.shape[-1]
    reduced = stage.squeezed(channels)
    if stage.operation == CONV:
        kernel = (stage.kernel, stage.kernel)
        x = builder.conv(y.x, filters, kernel, name=f"{name}_conv", stride=stride, relu=y.lacks_relu)
        return _excited(builder, _Output(x, lacks_relu=True), reduced, name)
    if stage.operation == INVERTED:
        x = builder.conv(y.x, channels * stage.expansion, name=f"{name}_expand", relu=y.lacks_relu)
        y = _Output(x, lacks_relu=True)
    x = builder.depthwise_conv(y.x, stage.kernel, name=f"{name}_depthwise", stride=stride, relu=y.lacks_relu)
    y = _excited(builder, _Output(x, lacks_relu=True), reduced, name)
    return _Output(builder.conv(y.x, filters, name=f"{name}_project", relu=y.lacks_relu), lacks_relu=False)


def _excited(builder: Builder, before: _Output, reduced: int, name: str) -> _Output:
    """Squeeze-and-excitation if there is any."""
    if not reduced:
        return before
    x = _with_relu(builder, before, f"{name}_excite_relu")
    return _Output(builder.squeeze_excite(x, reduced, name=f"{name}_excite"), lacks_relu=False)


def _with_relu(builder: Builder, output: _Output, name: str) -> Tensor:
    return builder.relu(output.x, name=name) if output.lacks_relu else output.x


@builds(StagesConfig)
def StagesFromGenotype(
    genotype: StageGenotype | str | Path,
    input_shape: tuple[int | None, int | None, int] | None = None,
    include_top: bool = True,
    weights: str | Path | None = None,
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 10,
    classifier_activation: Any = "softmax",
    name: str = "stages",
    *,
    alpha: float = 1.0,
    stem_stride: int = 2,
    padding: str = "same",
    dropout_rate: float = 0.2,
    batch_norm_momentum: float = 0.99,
    batch_norm_epsilon: float = 1e-3,
) -> Any:
    """Build the network of a stage genotype, such as MnasNet.

    The stem is a 3×3 convolution. A layer of an inverted bottleneck widens its input by a 1×1 convolution, and a
    depthwise one does not; a depthwise convolution follows, squeeze-and-excitation if there is any, and a 1×1
    convolution without activation. A layer adds its input where the sizes agree. The head is a 1×1 convolution. Batch
    normalisation follows every convolution, and a ReLU all but those without activation.

    Args:
        genotype: a `StageGenotype`, a catalogue name, a JSON text or a path.
        input_shape: `(height, width, channels)` of the images, channels last; by default 224×224×3. Height and width
            may be None, which gives the same network.
        include_top: whether to end in a classifier. Without, the output is the last map.
        weights: None; the path of a `.weights.h5` file that a model of the same arguments saved; or a state dict of
            torchvision's or timm's MnasNet as `.safetensors` or `.npz`, for which `padding` is `"torch"` and
            `batch_norm_epsilon` 1e-5. timm's `mnasnet_small` has `skip="identity"` in the first stage too.
        input_tensor: a Keras tensor to build on.
        pooling: None, `"avg"` or `"max"`, without the classifier.
        classes: number of classes.
        classifier_activation: `"softmax"`, or None for logits.
        name: name of the model.
        alpha: width multiplier of all filters but the head's; they are rounded by `scaled_filters`.
        stem_stride: stride of the stem: 2, or 1 for small images such as 32×32.
        padding: `"same"` places borders as TensorFlow does. `"torch"` gives convolutions a border of half their kernel
            on all sides, as PyTorch's networks have; skips by pools keep TensorFlow's.
        dropout_rate: rate of the dropout before the classifier.
        batch_norm_momentum, batch_norm_epsilon: momentum and epsilon of all batch normalisations.

    Returns:
        A functional `keras.Model`: `(batch, height, width, channels)` to `(batch, classes)`.

    Raises:
        GenotypeError: the genotype is not legal, or not one of stages.
        ValueError: any other argument is not; the error says what was expected and what was received.

    Source: Tan et al. 2019 (arXiv 1807.11626), figure 7, with momentum, epsilon, borders, the rounding of filters and
    the biases of squeeze-and-excitation as in the released TPU code.

    Example:
        >>> from nasnet_keras import Stage, StageGenotype
        >>> genotype = StageGenotype([Stage("inverted_bottleneck", 3, 8, 2, 2, 3, 0.25)], stem=8, head=16)
        >>> StagesFromGenotype(genotype, (8, 8, 1), classes=7, stem_stride=1).output_shape
        (None, 7)
    """
