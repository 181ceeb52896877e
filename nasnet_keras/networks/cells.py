"""Networks of cells: genotype × skeleton → network, described to a builder."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from nasnet_keras import genotypes
from nasnet_keras.genotypes.cells import CURRENT, PREVIOUS, Genotype
from nasnet_keras.genotypes.operation_builder import Tensor
from nasnet_keras.genotypes.plan import NetworkPlan
from nasnet_keras.genotypes.skeleton import SKELETONS, Skeleton
from nasnet_keras.networks.base import NetworkConfig
from nasnet_keras.networks.builder import Builder
from nasnet_keras.networks.cell import Feature, build_cell
from nasnet_keras.networks.model import builds
from nasnet_keras.utils.checks import choice, integer, number, quoted
from nasnet_keras.utils.near import suggestion

__all__ = ["CellsConfig", "NASNetFromGenotype"]

_PADDINGS = ("same", "keras")
# By stem: the default side of images, which it was made for, and the smallest that leaves a map to read.
_SIDES = {"cifar": (32, 8), "imagenet": (224, 32)}


@dataclass(frozen=True, kw_only=True)
class CellsConfig(NetworkConfig):
    """The arguments of `NASNetFromGenotype`.

    Attributes:
        plan: the cells of the network, which follows from the other arguments.
    """

    KIND = Genotype
    SIZES = ("num_repeats", "filters", "stem")
    NAME = "nasnet_from_genotype"

    num_repeats: int = 6
    filters: int | None = None
    stem: str = "cifar"
    skeleton: Skeleton | str | None = None
    stem_filters: int | None = None
    skip_reduction_input: bool = False
    padding: str = "same"
    auxiliary_head: bool = False
    drop_path_rate: float = 0.0
    penultimate_filters: int | None = None
    plan: NetworkPlan = field(init=False)

    def _checked(self) -> dict[str, Any]:
        skeleton = genotypes.skeleton_of(self.genotype) if self.skeleton is None else self.skeleton
        if isinstance(skeleton, str) and skeleton in SKELETONS:
            skeleton = SKELETONS[skeleton]
        if not isinstance(skeleton, Skeleton):
            named = suggestion(str(skeleton), SKELETONS)
            raise ValueError(f"skeleton must be a Skeleton or None, or a name, got {quoted(skeleton)}: {named}")
        filters = _filters(self.filters, self.penultimate_filters, self.genotype)
        plan = skeleton.plan(self.num_repeats, filters, self.stem, self.stem_filters, self.skip_reduction_input)
        choice("padding", self.padding, _PADDINGS)
        if self.auxiliary_head and not self.include_top:
            raise ValueError("auxiliary_head=True needs include_top=True: it is a second classifier")
        number("drop_path_rate", self.drop_path_rate, "in [0, 1)", lambda v: 0.0 <= v < 1.0)
        return {"skeleton": skeleton, "plan": plan, "auxiliary_head": bool(self.auxiliary_head)}

    def _sides(self) -> tuple[int, int, str]:
        return *_SIDES[self.stem], f"the {self.stem} stem"

    def for_large_images(self) -> "tuple[str, NetworkConfig] | None":
        return None if self.stem == "imagenet" else ("stem='imagenet'", replace(self, stem="imagenet"))

    def layer_settings(self, image: Any) -> dict[str, Any]:
        settings = {**super().layer_settings(image), "padding": self.padding}
        return {**settings, "image": image} if self.drop_path_rate > 0 else settings

    def build(self, builder: Builder, image: Tensor) -> Any:
        outputs = self._cells(builder, image)
        x = outputs[self.plan.last].tensor
        if self.skeleton.head_relu:
            x = builder.relu(x, name="head_relu")
        logits = self._head(builder, x, use_bias=self.skeleton.head_bias)
        if not self.auxiliary_head:
            return logits
        feature = outputs[self.plan.auxiliary]
        auxiliary = builder.auxiliary_head(
            feature.tensor,
            self.classes,
            auxiliary=self.skeleton.auxiliary_for(self.stem),
            name="auxiliary",
            activation=self.classifier_activation,
        )
        return {"logits": logits, "auxiliary": auxiliary}

    def _cells(self, builder: Builder, image: Tensor) -> dict[int, Feature]:
        """The live outputs by their indices: first the stem's, then one for each cell."""
        plan = self.plan
        outputs = self._stem(builder, image)
        live = self._live_outputs()
        for index, cell_plan in enumerate(plan.cells, start=len(plan.stem_levels)):
            if index not in live:
                continue
            previous = cell_plan.previous
            outputs[index] = build_cell(
                builder,
                getattr(self.genotype, cell_plan.role),
                {
                    CURRENT: outputs.get(cell_plan.current),
                    PREVIOUS: None if previous is None else outputs.get(previous),
                },
                filters=cell_plan.filters,
                input_level=plan.level(cell_plan.current),
                level=cell_plan.level,
                calibration=self.skeleton.calibration,
                odd_reductions=self.skeleton.odd_reductions,
                name=cell_plan.name,
                drop_path_rate=self.drop_path_rate * cell_plan.depth,
            )
        return outputs

    def _stem(self, builder: Builder, image: Tensor) -> dict[int, Feature]:
        outputs: dict[int, Feature] = {}
        x = image
        for position, (conv, filters) in enumerate(self.plan.stem):
            name = "stem_conv" if len(self.plan.stem) == 1 else f"stem_conv_{position}"
            x = builder.conv(x, filters, (3, 3), name=name, stride=conv.stride, relu=conv.relu, padding=conv.padding)
            if conv.output:
                index = len(outputs)
                outputs[index] = Feature(x, self.plan.level(index))
        return outputs

    def _live_outputs(self) -> set[int]:
        """The outputs that the heads depend on. A cell may leave one of its inputs unread."""
        plan = self.plan
        live = {plan.last} | ({plan.auxiliary} if self.auxiliary_head else set())
        for index, cell_plan in reversed(list(enumerate(plan.cells, start=len(plan.stem_levels)))):
            if index in live:
                read = getattr(self.genotype, cell_plan.role).live_states
                if CURRENT in read or cell_plan.previous is None:
                    live.add(cell_plan.current)
                if PREVIOUS in read and cell_plan.previous is not None:
                    live.add(cell_plan.previous)
        return live


@builds(CellsConfig)
def NASNetFromGenotype(
    genotype: Genotype | str | Path,
    input_shape: tuple[int | None, int | None, int] | None = None,
    num_repeats: int = 6,
    filters: int | None = None,
    stem: str = "cifar",
    skeleton: Skeleton | str | None = None,
    stem_filters: int | None = None,
    skip_reduction_input: bool = False,
    padding: str = "same",
    include_top: bool = True,
    weights: str | Path | None = None,
    input_tensor: Any = None,
    pooling: str | None = None,
    classes: int = 10,
    classifier_activation: Any = "softmax",
    auxiliary_head: bool = False,
    drop_path_rate: float = 0.0,
    dropout_rate: float = 0.0,
    batch_norm_momentum: float = 0.9,
    batch_norm_epsilon: float = 1e-5,
    penultimate_filters: int | None = None,
    name: str | None = None,
) -> Any:
    """Build a Keras model from a genotype.

    Args:
        genotype: a `Genotype`, a catalogue name such as `"nasnet_a"`, a JSON text or a path.
        input_shape: `(height, width, channels)` of the images, channels last; by default 32×32×3 for the CIFAR stem
            and 224×224×3 for the ImageNet stem. Height and width may be None and give the same network. The CIFAR
            stem takes sizes from 8, the ImageNet stem from 32.
        num_repeats: N, normal cells in each of the three stacks; at most 1,000.
        filters: F, filters of the first stack, 32 by default.
        stem: `"cifar"`, or `"imagenet"`, which reduces the image eightfold before the first stack.
        skeleton: how cells become a network, a `Skeleton` or a name such as `"darts"`; by default the skeleton of the
            family that the genotype names or was published with (`nasnet_keras.genotypes.skeleton_of`), else NASNet's.
        stem_filters: filters of the stem's convolution, instead of the skeleton's own.
        skip_reduction_input: the cell after a reduction reads one output further back (NASNet-A large).
        padding: `"same"`, or `"keras"` for the zero-padded borders of `keras.applications`, for strided pools.
        include_top: whether to end in a classifier. Without, the output is the last map after its ReLU.
        weights: None, or the path of a `.weights.h5` file that a model of the same arguments saved. If only one of
            the two has an auxiliary head, that head is left as it is.
        input_tensor: a Keras tensor to build on.
        pooling: None, `"avg"` or `"max"`, without the classifier.
        classes: number of classes.
        classifier_activation: activation of both classifiers: `"softmax"`, or None for logits.
        auxiliary_head: a second classifier for training; the model then returns
            `{"logits": …, "auxiliary": …}`. Needs a known input size.
        drop_path_rate: probability of drop-path in the last cell at the end of training; see
            `nasnet_keras.layers.drop_path`.
        dropout_rate: rate of the dropout before the classifier.
        batch_norm_momentum, batch_norm_epsilon: momentum and epsilon of all batch normalisations.
        penultimate_filters: width of the last cell's output, given instead of `filters` ("6 @ 768").
        name: name of the model.

    Returns:
        A functional `keras.Model`: `(batch, height, width, channels)` to `(batch, classes)`.

    Raises:
        GenotypeError: the genotype is not legal.
        ValueError: any other argument is not; the error says what was expected and what was received.

    Source: Zoph et al. 2018 (arXiv 1707.07012) and its released code, TF-Slim.

    Example:
        >>> model = NASNetFromGenotype("nasnet_a", (16, 16, 3), num_repeats=1, filters=4)
        >>> model.output_shape
        (None, 10)
    """


def _filters(filters: int | None, penultimate_filters: int | None, genotype: Genotype) -> int:
    if penultimate_filters is None:
        return 32 if filters is None else filters
    if filters is not None:
        raise ValueError(
            f"give filters={quoted(filters)} or penultimate_filters={quoted(penultimate_filters)}, not both"
        )
    factor = 4 * genotype.normal.width  # the last stack has 4F
    width = integer(penultimate_filters)
    if width is None or width < 1 or width % factor:
        raise ValueError(
            f"penultimate_filters must be a positive multiple of {factor} for this genotype "
            f"(filters = penultimate_filters / {factor}), got {quoted(penultimate_filters)}"
        )
    return width // factor
