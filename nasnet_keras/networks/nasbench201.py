"""The networks of NAS-Bench-201: a cell of the benchmark, stacked as it was when its accuracy was measured."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasnet_keras.genotypes.nasbench201 import NASBench201Genotype
from nasnet_keras.genotypes.operation_builder import Tensor
from nasnet_keras.genotypes.operations import NASBENCH201_APPLY
from nasnet_keras.genotypes.skeleton import MOST_REPEATS
from nasnet_keras.networks.base import NetworkConfig
from nasnet_keras.networks.builder import Builder
from nasnet_keras.networks.model import builds
from nasnet_keras.utils.checks import positive_integer

__all__ = ["NASBench201Config", "NASBench201FromGenotype"]

_STACKS = 3


@dataclass(frozen=True, kw_only=True)
class NASBench201Config(NetworkConfig):
    """The arguments of `NASBench201FromGenotype`."""

    KIND = NASBench201Genotype
    SIZES = ("num_repeats", "filters")
    SMALLEST = 4

    num_repeats: int = 5
    filters: int = 16

    def _checked(self) -> dict[str, Any]:
        num_repeats = positive_integer("num_repeats", self.num_repeats, MOST_REPEATS)
        return {"num_repeats": num_repeats, "filters": positive_integer("filters", self.filters)}

    def build(self, builder: Builder, image: Tensor) -> Any:
        filters = self.filters
        x = builder.conv(image, filters, (3, 3), name="stem_conv", relu=False)
        for stack in range(_STACKS):
            if stack:
                filters *= 2
                x = _residual_block(builder, x, filters, f"reduction_{stack - 1}")
            for index in range(self.num_repeats):
                x = self._cell(builder, x, filters, f"cell_{stack * self.num_repeats + index:02d}")
        x = builder.relu(builder.normalize(x, name="head_normalization"), name="head_relu")
        return self._head(builder, x, use_bias=True)

    def _cell(self, builder: Builder, x: Tensor, filters: int, name: str) -> Tensor:
        nodes = [x]
        for number, node in enumerate(self.genotype.nodes, start=1):
            terms = [
                NASBENCH201_APPLY[operation](builder, nodes[source], filters, f"{name}_node_{number}_from_{source}")
                for source, operation in node
            ]
            summed = len(terms) > 1
            nodes.append(builder.combine(terms, "add", name=f"{name}_node_{number}_add") if summed else terms[0])
        return nodes[-1]


def _residual_block(builder: Builder, x: Tensor, filters: int, name: str) -> Tensor:
    """Two convolutions, the first of which halves the maps, beside an average pool and a 1×1 convolution."""
    y = builder.conv(x, filters, (3, 3), name=f"{name}_conv_1", stride=2)
    y = builder.conv(y, filters, (3, 3), name=f"{name}_conv_2")
    shortcut = builder.pool(x, "avg", 2, 2, name=f"{name}_pool")
    shortcut = builder.plain_conv(shortcut, filters, name=f"{name}_shortcut")
    return builder.combine([shortcut, y], "add", name=f"{name}_add")


@builds(NASBench201Config)
def NASBench201FromGenotype(
    genotype: NASBench201Genotype | str | Path,
    input_shape: tuple[int | None, int | None, int] | None = None,
    include_top: bool = True,
    weights: str | Path | None = None,
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 10,
    classifier_activation: Any = "softmax",
    name: str = "nasbench201",
    *,
    num_repeats: int = 5,
    filters: int = 16,
    dropout_rate: float = 0.0,
    batch_norm_momentum: float = 0.9,
    batch_norm_epsilon: float = 1e-5,
) -> Any:
    """Build the network of a cell of NAS-Bench-201, as the benchmark made it.

    A 3×3 convolution is followed by three stacks of cells, of F, 2F and 4F filters; between two stacks a residual block
    halves the maps. An operation is a ReLU, a convolution and batch normalisation; an average pool; or nothing. Batch
    normalisation and ReLU come before the classifier. An edge of `none` multiplies by zero, so that every cell has the
    published number of parameters, even if some of its operations lead nowhere.

    Args:
        genotype: a `NASBench201Genotype`, the benchmark's own text of one, that text as JSON, or the path of a file.
        input_shape: `(height, width, channels)` of the images, channels last; by default 32×32×3. Height and width are
            at least 4, or None, which gives the same network.
        include_top: whether to end in a classifier. Without, the output is the last map.
        weights: None, or the path of a `.weights.h5` file that a model of the same arguments saved.
        input_tensor: a Keras tensor to build on.
        pooling: None, `"avg"` or `"max"`, without the classifier.
        classes: number of classes.
        classifier_activation: `"softmax"`, or None for logits.
        name: name of the model.
        num_repeats: N, cells in each of the three stacks, 5 in the benchmark.
        filters: F of the first stack, 16 in the benchmark.
        dropout_rate: rate of the dropout before the classifier.
        batch_norm_momentum, batch_norm_epsilon: momentum and epsilon of all batch normalisations.

    Returns:
        A functional `keras.Model`: `(batch, height, width, channels)` to `(batch, classes)`.

    Raises:
        GenotypeError: the genotype is not legal, or not of NAS-Bench-201.
        ValueError: any other argument is not; the error says what was expected and what was received.

    Source: Dong and Yang 2020 (arXiv 2001.00326), section 2.1 and figure 1, and its released code. Known deviation:
    strided convolutions are padded as TensorFlow's "same" pads, a pixel off PyTorch's symmetric padding.

    Example:
        >>> cell = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|skip_connect~1|nor_conv_1x1~2|"
        >>> NASBench201FromGenotype(cell, (8, 8, 1), num_repeats=1, filters=4, classes=7).output_shape
        (None, 7)
    """
