"""Genotype × skeleton → network: the description that is built with layers or counted."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasnet_keras import genotypes
from nasnet_keras.genotypes.cells import CURRENT, PREVIOUS, Genotype
from nasnet_keras.genotypes.reading import resolve_genotype
from nasnet_keras.genotypes.skeleton import NetworkPlan, Skeleton
from nasnet_keras.networks.base import (
    build_head,
    check_head,
    check_normalization,
    given_tensor,
    image_shape,
    keras_model,
)
from nasnet_keras.networks.cell import Feature, build_cell
from nasnet_keras.utils.checks import choice, integer, number, quoted

__all__ = ["NASNetFromGenotype", "NetworkConfig"]

_PADDINGS = ("same", "keras")
# stem: the size of images it was made for, the smallest that leaves something to see
_IMAGE_SIZES = {"cifar": (32, 8), "imagenet": (224, 32)}


@dataclass(frozen=True)
class NetworkConfig:
    """The validated arguments of a network. `of` makes one, `build` describes the network to a builder."""

    genotype: Genotype
    plan: NetworkPlan
    skeleton: Skeleton
    stem: str
    input_shape: tuple[int | None, int | None, int]
    padding: str
    include_top: bool
    pooling: str | None
    classes: int
    classifier_activation: Any
    auxiliary_head: bool
    drop_path_rate: float
    dropout_rate: float
    batch_norm_momentum: float
    batch_norm_epsilon: float

    @classmethod
    def of(
        cls,
        genotype: Genotype | str | Path,
        input_shape: tuple[int | None, int | None, int] | None = None,
        num_repeats: int = 6,
        filters: int | None = None,
        stem: str = "cifar",
        skeleton: Skeleton | None = None,
        stem_filters: int | None = None,
        skip_reduction_input: bool = False,
        padding: str = "same",
        include_top: bool = True,
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
    ) -> "NetworkConfig":
        """Check everything; the arguments are those of `NASNetFromGenotype`.

        Raises:
            ValueError: an argument is out of range; the error says what was expected and what came.
        """
        del name
        genotype = resolve_genotype(genotype, Genotype)
        skeleton = genotypes.skeleton_of(genotype) if skeleton is None else skeleton
        if not isinstance(skeleton, Skeleton):
            raise ValueError(f"skeleton must be a Skeleton or None, got {quoted(skeleton)}")
        plan = skeleton.plan(
            num_repeats, _filters(filters, penultimate_filters, genotype), stem, stem_filters, skip_reduction_input
        )
        choice("padding", padding, _PADDINGS)
        classes = check_head(include_top, pooling, classes, dropout_rate, classifier_activation)
        if auxiliary_head and not include_top:
            raise ValueError("auxiliary_head=True needs include_top=True: it is a second classifier")
        number("drop_path_rate", drop_path_rate, "in [0, 1)", lambda v: 0.0 <= v < 1.0)
        check_normalization(batch_norm_momentum, batch_norm_epsilon)
        default, smallest = _IMAGE_SIZES[stem]
        return cls(
            genotype=genotype,
            plan=plan,
            skeleton=skeleton,
            stem=stem,
            input_shape=image_shape(input_shape, default=default, smallest=smallest, what=f"the {stem} stem"),
            padding=padding,
            include_top=bool(include_top),
            pooling=pooling,
            classes=classes,
            classifier_activation=classifier_activation,
            auxiliary_head=bool(auxiliary_head),
            drop_path_rate=drop_path_rate,
            dropout_rate=dropout_rate,
            batch_norm_momentum=batch_norm_momentum,
            batch_norm_epsilon=batch_norm_epsilon,
        )

    def build(self, builder: Any, image: Any) -> Any:
        """Describe the network to a builder; returns the output, or `{"logits": …, "auxiliary": …}`."""
        outputs = self._cells(builder, image)
        x = outputs[self.plan.last].tensor
        if self.skeleton.head_relu:
            x = builder.relu(x, name="head_relu")
        logits = build_head(builder, x, self, use_bias=self.skeleton.head_bias)
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

    def _cells(self, builder: Any, image: Any) -> dict[int, Feature]:
        """The outputs that something reads, by their index: first the stem's, then one a cell."""
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

    def _stem(self, builder: Any, image: Any) -> dict[int, Feature]:
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
        """The outputs that the heads depend on. A cell need not read both of its inputs."""
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


def NASNetFromGenotype(
    genotype: Genotype | str | Path,
    input_shape: tuple[int | None, int | None, int] | None = None,
    num_repeats: int = 6,
    filters: int | None = None,
    stem: str = "cifar",
    skeleton: Skeleton | None = None,
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
        skeleton: how cells become a network; by default that of the family which the genotype names or was published
            with (`nasnet_keras.genotypes.skeleton_of`), else NASNet's.
        stem_filters: filters of the stem's convolution, instead of the skeleton's own.
        skip_reduction_input: the cell after a reduction reads one output further back (NASNet-A large).
        padding: `"same"`, or `"keras"` for the zero-padded borders of `keras.applications`, for strided pools.
        include_top: whether to end in a classifier. Without, the output is the last map after its ReLU.
        weights: None, or the path of a `.weights.h5` file that a model of the same arguments saved. An auxiliary
            head that only one of the two has is left as it is.
        input_tensor: a Keras tensor to build on.
        pooling: None, `"avg"` or `"max"`, without the classifier.
        classes: number of classes.
        classifier_activation: `"softmax"`, or None for logits; of both classifiers.
        auxiliary_head: a second classifier for training; the model then returns
            `{"logits": …, "auxiliary": …}`. Needs a known input size.
        drop_path_rate: probability of drop-path in the last cell at the end of training; see
            `nasnet_keras.layers.drop_path`.
        dropout_rate: of the dropout before the classifier.
        batch_norm_momentum, batch_norm_epsilon: of all batch normalisations.
        penultimate_filters: width of the last cell's output, given instead of `filters` ("6 @ 768").
        name: of the model.

    Returns:
        A functional `keras.Model`: `(batch, height, width, channels)` to `(batch, classes)`.

    Raises:
        GenotypeError: the genotype is not legal.
        ValueError: any other argument is not; the error says what was expected and what came.

    Source: Zoph et al. 2018 (arXiv 1707.07012) and its released code, TF-Slim.

    Example:
        >>> model = NASNetFromGenotype("nasnet_a", (16, 16, 3), num_repeats=1, filters=4)
        >>> model.output_shape
        (None, 10)
    """
    input_shape = given_tensor(input_tensor, input_shape)
    config = NetworkConfig.of(
        genotype=genotype,
        input_shape=input_shape,
        num_repeats=num_repeats,
        filters=filters,
        stem=stem,
        skeleton=skeleton,
        stem_filters=stem_filters,
        skip_reduction_input=skip_reduction_input,
        padding=padding,
        include_top=include_top,
        pooling=pooling,
        classes=classes,
        classifier_activation=classifier_activation,
        auxiliary_head=auxiliary_head,
        drop_path_rate=drop_path_rate,
        dropout_rate=dropout_rate,
        batch_norm_momentum=batch_norm_momentum,
        batch_norm_epsilon=batch_norm_epsilon,
        penultimate_filters=penultimate_filters,
    )
    name = name or "nasnet_from_genotype"
    return keras_model(config, input_tensor, weights, name, padding=padding, drop_path=drop_path_rate > 0)


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
