"""Chains of convolutions with skips, as NAS makes them: the network of a chain genotype."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasnet_keras.genotypes.chain import ChainGenotype
from nasnet_keras.genotypes.operation_builder import Tensor
from nasnet_keras.networks.base import NetworkConfig
from nasnet_keras.networks.builder import Builder
from nasnet_keras.networks.model import builds

__all__ = ["ChainConfig", "ChainFromGenotype"]


@dataclass(frozen=True, kw_only=True)
class ChainConfig(NetworkConfig):
    """The arguments of `ChainFromGenotype`."""

    KIND = ChainGenotype

    def build(self, builder: Builder, image: Tensor) -> Any:
        genotype, outputs, pooled = self.genotype, {}, set(self.genotype.pooled)
        for index, (output, layer) in enumerate(zip(genotype.outputs, genotype.layers, strict=True)):
            name = f"layer_{index:02d}"
            x = image
            if layer.inputs:
                x = builder.padded_concat([outputs[read] for read in layer.inputs], name=f"{name}_concat")
            # A layer's readers apply its ReLU, which may as well follow pools and zeros. An image needs none.
            x = builder.conv(
                x, layer.filters, layer.kernel, stride=layer.strides, relu=bool(layer.inputs), name=f"{name}_conv"
            )
            outputs[output] = builder.pool(x, "max", 2, 2, name=f"{name}_pool") if output in pooled else x
        x = builder.padded_concat([outputs[read] for read in genotype.unread], name="output_concat")
        return self._head(builder, builder.relu(x, name="output_relu"), use_bias=True)


@builds(ChainConfig)
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
    """Build the network of a chain genotype, as NAS makes it.

    A layer is a convolution, batch normalisation and ReLU. The outputs that it reads are joined in depth, with zeros
    around the smaller maps; a layer without inputs reads the image. The outputs that no layer reads are joined in the
    same way, and the classifier reads their average over positions. Convolutions and pools keep every border ("same"
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
        name: name of the model.
        dropout_rate: rate of the dropout before the classifier.
        batch_norm_momentum, batch_norm_epsilon: momentum and epsilon of all batch normalisations.

    Returns:
        A functional `keras.Model`: `(batch, height, width, channels)` to `(batch, classes)`.

    Raises:
        GenotypeError: the genotype is not legal, or not a chain.
        ValueError: any other argument is not; the error says what was expected and what was received.

    Source: Zoph and Le 2017 (arXiv 1611.01578), sections 3.1 and 3.3. They do not say where zeros stand: here they
    stand around the smaller map, the odd one behind it.

    Example:
        >>> from nasnet_keras import ChainGenotype, ChainLayer
        >>> genotype = ChainGenotype([ChainLayer((3, 3), 24), ChainLayer((5, 5), 36, ["layer_0"], strides=(2, 2))])
        >>> ChainFromGenotype(genotype, (8, 8, 1), classes=7).output_shape
        (None, 7)
    """
