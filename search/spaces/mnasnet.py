"""The search space of MnasNet: networks stage by stage."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from nasnet_keras.genotypes.stages import CONV, DEPTHWISE, INVERTED, Stage, StageGenotype
from nasnet_keras.search.spaces.base import Choices, Decision, Space
from nasnet_keras.utils.checks import choice, quoted

__all__ = ["BASES", "Base", "MnasNetSpace"]

_OPERATIONS = MappingProxyType(  # by their names as choices: the operation of a stage and its expansion
    {
        DEPTHWISE: (DEPTHWISE, 1),
        f"{INVERTED}_3": (INVERTED, 3),
        f"{INVERTED}_6": (INVERTED, 6),
        CONV: (CONV, 1),
    }
)
_KERNELS = ("3", "5")
_SHARES = ("0.0", "0.25")  # of squeeze-and-excite
_SKIPS = ("pool", "identity", "none")
_WIDTHS = (0.75, 1.0, 1.25)  # filters, relative to the base
_MORE_LAYERS = (-1, 0, 1)  # layers, relative to the base


@dataclass(frozen=True)
class Base:
    """The network whose stages the choices of `MnasNetSpace` change.

    Attributes:
        stages: the filters, the layers and the stride of each stage.
        stem: filters of the stem.
        head: filters of the head.
        stem_stride: stride of the stem.
    """

    stages: tuple[tuple[int, int, int], ...]
    stem: int
    head: int
    stem_stride: int


BASES: Mapping[str, Base] = MappingProxyType(
    {
        "cifar": Base(
            ((8, 1, 1), (12, 2, 2), (16, 3, 2), (24, 3, 1), (40, 2, 2), (80, 1, 1)), stem=8, head=160, stem_stride=1
        ),
        "imagenet": Base(
            ((16, 1, 1), (24, 2, 2), (32, 3, 2), (64, 4, 2), (96, 3, 1), (160, 3, 2), (320, 1, 1)),
            stem=32,
            head=1280,
            stem_stride=2,
        ),
    }
)
"""`imagenet` is MobileNetV2 (Sandler et al. 2018, table 2); `cifar` is a small network of its form for small images."""


@dataclass(frozen=True)
class MnasNetSpace(Space):
    """MnasNet's space: stages of layers of one kind, each of its own kind, kernel, width and depth.

    The decisions of a stage are the operation of its layers (a depthwise separable convolution, an inverted bottleneck
    of expansion 3 or 6, or a plain convolution), the kernel (3 or 5), the share of squeeze-and-excite (0 or 0.25), what
    a layer adds to its result (a pool of its input, the input, or nothing), the filters (0.75, 1 or 1.25 times those of
    the base), and the layers (one fewer than in the base, as many, or one more; a stage of one layer gets up to two
    more). So there are 432 choices for each stage: 432^7 (3e18) networks of the base `imagenet`, and 432^6 (6e15) of
    `cifar`.

    Attributes:
        base: one of `BASES`: `cifar` for images of about 32×32, six stages on maps of a whole, a half, a quarter and an
            eighth of the side; `imagenet` for 224×224, seven stages.

    Raises:
        ValueError: there is no such base.

    Source: Tan et al. 2019 (arXiv 1807.11626), section 4.1. The paper lists three kinds of layers and counts 432
    choices, which are four kinds; its released networks have expansions of 3 and 6.

    Example:
        >>> space = MnasNetSpace("imagenet")
        >>> space.size == 432**7
        True
        >>> print(space.decode([2, 1, 1, 1, 2, 1] * 7).stages[3])
        inverted_bottleneck_6_5x5, 4 layers, 80 filters, stride 2, squeeze_excite 0.25
        >>> space.encode(space.decode([2, 1, 1, 1, 2, 1] * 7)) == (2, 1, 1, 1, 2, 1) * 7
        True
    """

    base: str = "cifar"
    decisions: tuple[Decision, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        choice("base", self.base, tuple(BASES))
        decisions = []
        for number, (filters, layers, _) in enumerate(BASES[self.base].stages, start=1):
            legal = {
                "operation": tuple(_OPERATIONS),
                "kernel": _KERNELS,
                "squeeze_excite": _SHARES,
                "skip": _SKIPS,
                "filters": tuple(str(round(filters * width)) for width in _WIDTHS),
                "layers": tuple(str(max(layers, 2) + more) for more in _MORE_LAYERS),
            }
            decisions += [Decision(f"stage_{number}_{name}", choices) for name, choices in legal.items()]
        object.__setattr__(self, "decisions", tuple(decisions))

    @property
    def network(self) -> Mapping[str, Any]:
        return {"stem_stride": BASES[self.base].stem_stride}

    def decode(self, choices: Sequence[int]) -> StageGenotype:
        base, picked = BASES[self.base], self.pick(choices)
        each = len(picked) // len(base.stages)
        rows = [picked[start : start + each] for start in range(0, len(picked), each)]
        strides = [stride for _, _, stride in base.stages]
        stages = []
        for (name, kernel, share, skip, filters, layers), stride in zip(rows, strides, strict=True):
            operation, expansion = _OPERATIONS[name]
            sizes = (int(kernel), int(filters), int(layers), stride, expansion)
            stages.append(Stage(operation, *sizes, float(share), skip))
        return StageGenotype(stages, base.stem, base.head)

    def encode(self, genotype: StageGenotype) -> Choices:
        base = BASES[self.base]
        if not isinstance(genotype, StageGenotype):
            raise ValueError(f"expected a StageGenotype, got {quoted(genotype, 80)}")
        strides = tuple(stride for _, _, stride in base.stages)
        fixed = {"stem": (genotype.stem, base.stem), "head": (genotype.head, base.head)}
        fixed["strides"] = (tuple(stage.stride for stage in genotype.stages), strides)
        for name, (given, expected) in fixed.items():
            if given != expected:
                raise ValueError(f"the {name} of a network of the base {self.base} must be {expected}, got {given}")
        return self.find([name for stage in genotype.stages for name in _names(stage)])


def _names(stage: Stage) -> tuple[str, ...]:
    """The names of the choices of a stage; those that are none are refused later."""
    kinds = {kind: name for name, kind in _OPERATIONS.items()}
    operation = kinds.get((stage.operation, stage.expansion), f"{stage.operation}_{stage.expansion}")
    sizes = map(str, (stage.filters, stage.layers))
    return (operation, str(stage.kernel), str(stage.squeeze_excite), stage.skip, *sizes)
