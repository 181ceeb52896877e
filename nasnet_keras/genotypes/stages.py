"""Stage genotypes: networks such as MnasNet's, as tables of stages.

A stage is a row of the table: one kind of layer, several times over. The network is a stem, the stages one after
another, and a head.
"""

from collections import Counter
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, ClassVar

from nasnet_keras.genotypes.base import (
    MAX_ENTRIES,
    BaseGenotype,
    GenotypeError,
    checked,
    items,
    require,
    short,
    tuple_of,
)
from nasnet_keras.genotypes.base import fields as fields_of
from nasnet_keras.genotypes.picture import Row
from nasnet_keras.utils.checks import integer, quoted, real
from nasnet_keras.utils.near import suggestion

__all__ = ["STAGE_KERNELS", "STAGE_OPERATIONS", "STAGE_SKIPS", "Stage", "StageGenotype", "rounded_filters"]

CONV, DEPTHWISE, INVERTED = STAGE_OPERATIONS = ("conv", "depthwise", "inverted_bottleneck")
"""The kinds of layers: a convolution; a depthwise and a 1×1 one; and both after a 1×1 convolution that widens."""
STAGE_KERNELS = (1, 3, 5, 7)
"""The legal sides of a stage's kernels."""
STAGE_SKIPS = ("identity", "none", "pool")
"""What a layer adds to its result: its input, nothing, or an average of its input over 3×3 pixels."""

_STRIDES = (1, 2)
_MOST_FILTERS = 1 << 16
_MOST_EXPANSION = 64
_DIVISOR = 8


@dataclass(frozen=True)
class Stage:
    """Layers of one kind, one after another.

    Attributes:
        operation: one of `STAGE_OPERATIONS`.
        kernel: side of the convolution, or of the depthwise one; one of `STAGE_KERNELS`.
        filters: number of output channels of each layer.
        layers: number of layers.
        stride: stride of the first layer, 1 or 2; the others have 1.
        expansion: factor by which an inverted bottleneck widens its input; 1 for other operations.
        squeeze_excite: width between the two 1×1 convolutions of squeeze-and-excitation, as a share of the layer's
            input channels in (0, 1]; 0 for none.
        skip: one of `STAGE_SKIPS`. It has an effect in layers whose input has as many channels as their output;
            `"identity"` only where the stride is 1 too.

    Raises:
        GenotypeError: a value is not legal.

    Example:
        >>> print(Stage("inverted_bottleneck", 5, 40, layers=3, stride=2, expansion=3, squeeze_excite=0.25))
        inverted_bottleneck_3_5x5, 3 layers, 40 filters, stride 2, squeeze_excite 0.25
    """

    operation: str
    kernel: int
    filters: int
    layers: int = 1
    stride: int = 1
    expansion: int = 1
    squeeze_excite: float = 0.0
    skip: str = "identity"

    def __post_init__(self) -> None:
        _check_name("operation", self.operation, STAGE_OPERATIONS)
        _check_name("skip", self.skip, STAGE_SKIPS)
        share = real(self.squeeze_excite)
        if share is None or not 0 <= share <= 1:
            raise GenotypeError(
                f"a stage's squeeze_excite must be a number from 0 to 1, got {short(self.squeeze_excite)}"
            )
        values = {
            "kernel": _one_of("kernel", self.kernel, STAGE_KERNELS),
            "filters": _count("a stage's filters", self.filters, _MOST_FILTERS),
            "layers": _count("a stage's layers", self.layers, MAX_ENTRIES),
            "stride": _one_of("stride", self.stride, _STRIDES),
            "expansion": _count("a stage's expansion", self.expansion, _MOST_EXPANSION),
            "squeeze_excite": share + 0.0,  # -0.0 becomes 0.0: equal values have equal JSON
        }
        for name, value in values.items():
            object.__setattr__(self, name, value)
        if self.operation != INVERTED and self.expansion != 1:
            raise GenotypeError(
                f"an expansion is for {INVERTED}: a stage of {self.operation} has 1, got {self.expansion}"
            )

    @property
    def name(self) -> str:
        """The operation, its expansion if it has one, and its kernel, as in `"depthwise_3x3"`."""
        expansion = f"_{self.expansion}" if self.operation == INVERTED else ""
        return f"{self.operation}{expansion}_{self.kernel}x{self.kernel}"

    @property
    def parts(self) -> tuple[str, ...]:
        """The stage in words, part by part."""
        parts = [self.name, *([f"{self.layers} layers"] if self.layers > 1 else []), f"{self.filters} filters"]
        parts += [f"stride {self.stride}"] if self.stride > 1 else []
        parts += [f"squeeze_excite {self.squeeze_excite:g}"] if self.squeeze_excite else []
        return (*parts, *([f"skip {self.skip}"] if self.skip != "identity" else []))

    def squeezed(self, channels: int) -> int:
        """The width between the convolutions of squeeze-and-excitation in a layer that reads so many channels, or 0.

        Example:
            >>> Stage("depthwise", 3, 16, squeeze_excite=0.25).squeezed(30)
            7
        """
        return max(1, int(channels * self.squeeze_excite)) if self.squeeze_excite else 0

    def __str__(self) -> str:
        return ", ".join(self.parts)


@dataclass(frozen=True)
class StageGenotype(BaseGenotype):
    """A whole network as a table of stages.

    Attributes:
        stages: from 1 to 1,000 stages, of at most 1,000 layers in all.
        stem: filters of the first 3×3 convolution.
        head: filters of the last 1×1 convolution; 0 for none.

    Raises:
        GenotypeError: a value is not legal.

    Source: Tan et al. 2019 (arXiv 1807.11626), section 4.1, in the form of its released TPU code.

    Example:
        >>> genotype = StageGenotype([Stage("depthwise", 3, 16), Stage("inverted_bottleneck", 5, 24, 2, 2, 6)], stem=8)
        >>> print(genotype.describe())
        2 stages of 3 layers
          stem = conv_3x3, 8 filters
          stage_1 = depthwise_3x3, 16 filters
          stage_2 = inverted_bottleneck_6_5x5, 2 layers, 24 filters, stride 2
          head = conv_1x1, 1280 filters
        >>> StageGenotype.from_json(genotype.to_json()) == genotype
        True
    """

    FORMAT: ClassVar[str] = "nasnet_keras.stage_genotype"

    stages: tuple[Stage, ...]
    stem: int = 32
    head: int = 1280

    def __post_init__(self) -> None:
        object.__setattr__(self, "stages", tuple_of(self.stages, Stage, "a stage genotype's stages"))
        object.__setattr__(self, "stem", _count("a stem's filters", self.stem, _MOST_FILTERS))
        object.__setattr__(self, "head", _count("a head's filters", self.head, _MOST_FILTERS, least=0))
        if self.depth > MAX_ENTRIES:
            raise GenotypeError(f"a stage genotype has at most {MAX_ENTRIES:,} layers in all, got {self.depth:,}")

    @property
    def depth(self) -> int:
        """The number of all layers."""
        return sum(stage.layers for stage in self.stages)

    def canonical(self) -> "StageGenotype":
        """The one spelling of the network: with as few stages as it can be written in, and no skip that is never there.

        A stage of stride 1 that differs from the one before it in its number of layers only is joined with it. A stage
        of one layer, of stride 2, has no identity to add, so that the skips `"identity"` and `"none"` are one, which is
        written `"identity"`. Skips that only some width multiplier (`alpha`) leaves without effect differ, and so do
        shares of squeeze-and-excitation that give the same width.

        Example:
            >>> one = [Stage("conv", 3, 16, stride=2, skip="none"), Stage("conv", 3, 16), Stage("conv", 5, 16)]
            >>> print(StageGenotype(one).canonical().describe())
            2 stages of 3 layers
              stem = conv_3x3, 32 filters
              stage_1 = conv_3x3, 2 layers, 16 filters, stride 2
              stage_2 = conv_5x5, 16 filters
              head = conv_1x1, 1280 filters
        """
        stages: list[Stage] = []
        for stage in self.stages:
            if stages and _never_adds(stages[-1]) and stage.stride == 1 and stage.skip != "pool":
                stages[-1] = replace(stages[-1], skip=stage.skip)
            if stages and stage == replace(stages[-1], layers=stage.layers, stride=1):
                stages[-1] = replace(stages[-1], layers=stages[-1].layers + stage.layers)
            else:
                stages.append(stage)
        stages = [replace(stage, skip="identity") if _never_adds(stage) else stage for stage in stages]
        return StageGenotype(stages, self.stem, self.head)

    def describe(self) -> str:
        """Describe the genotype in words, a line for each stage."""
        rows = [f"  {row.title} = {', '.join(row.lines)}" for row in self.rows() if row.lines]
        return "\n".join([f"{len(self.stages)} stages of {self.depth} layers", *rows])

    def operation_counts(self) -> dict[str, Counter[str]]:
        """Count the layers by their operations, by their ratios of squeeze-and-excitation, and by their skips."""
        facts = {"layers": "name", "ratios of squeeze_excite": "squeeze_excite", "skips": "skip"}
        counts: dict[str, Counter[str]] = {part: Counter() for part in facts}
        for stage in self.stages:
            for part, fact in facts.items():
                counts[part][str(getattr(stage, fact))] += stage.layers
        return counts

    def rows(self) -> tuple[Row, ...]:
        """The boxes of its picture. The stem's stride is an argument of networks, and not drawn."""
        parts = {"stem": ("conv_3x3", f"{self.stem} filters")}
        parts |= {f"stage_{number}": stage.parts for number, stage in enumerate(self.stages, start=1)}
        parts |= {"head": ("conv_1x1", f"{self.head} filters")} if self.head else {}
        halved = [stage.stride == 2 for stage in self.stages] + [False, False]  # by the part behind each
        rows = [
            Row(title, lines, (number - 1,) if number else (), "size / 2" if halved[number] else None)
            for number, (title, lines) in enumerate(parts.items())
        ]
        return (*rows, Row("classifier", reads=(len(rows) - 1,)))

    def to_plain(self) -> dict[str, Any]:
        top = {"format": self.FORMAT, "version": self.VERSION, "stem": self.stem}
        return {**top, "stages": [asdict(stage) for stage in self.stages], "head": self.head}

    @classmethod
    def from_plain(cls, plain: object) -> "StageGenotype":
        top = checked(plain, cls, ("stem", "stages", "head"), "a stage genotype")
        names = tuple(field.name for field in fields(Stage))
        stages = items(top["stages"], "a stage genotype's stages")
        return cls([Stage(**fields_of(stage, names, "a stage")) for stage in stages], top["stem"], top["head"])


def _never_adds(stage: Stage) -> bool:
    """Whether a stage has no layer in which its skip, an identity if there is one, has an effect."""
    return stage.layers == 1 and stage.stride == 2 and stage.skip != "pool"


def rounded_filters(exact: float) -> int:
    """The multiple of eight nearest to a number of filters, or the next one if that is below 90 % of it.

    Source: MnasNet's released TPU code; MobileNets', torchvision's and timm's have the same rule.

    Example:
        >>> rounded_filters(36), rounded_filters(18.0), rounded_filters(8.4)
        (40, 24, 8)
    """
    near = max(_DIVISOR, int(exact + _DIVISOR / 2) // _DIVISOR * _DIVISOR)
    return near if near >= 0.9 * exact else near + _DIVISOR


def _check_name(name: str, value: object, legal: tuple[str, ...]) -> None:
    require(value, str, f"a stage's {name}")
    if value not in legal:
        raise GenotypeError(f"unknown {name} {quoted(value)} of a stage: {suggestion(value, legal)}")


def _one_of(name: str, value: object, legal: tuple[int, ...]) -> int:
    number = integer(value)
    if number not in legal:
        raise GenotypeError(f"a stage's {name} must be one of {', '.join(map(str, legal))}, got {short(value)}")
    return number


def _count(name: str, value: object, most: int, least: int = 1) -> int:
    number = integer(value)
    if number is None or not least <= number <= most:
        raise GenotypeError(f"{name} must be a whole number from {least} to {most:,}, got {short(value)}")
    return number
