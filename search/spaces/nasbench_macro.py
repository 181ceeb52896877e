"""The search space of NAS-Bench-Macro, a table of the accuracies of all its networks."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, ClassVar

from nasnet_keras.genotypes.stages import CONV, INVERTED, Stage, StageGenotype
from nasnet_keras.search.spaces.base import Choices, Decision, Space
from nasnet_keras.search.spaces.tables import Benchmark, Figure
from nasnet_keras.utils.checks import quoted

__all__ = ["NASBenchMacroSpace"]

_BLOCKS = ("identity", "inverted_bottleneck_3_3x3", "inverted_bottleneck_6_5x5")
_LAYERS = 8
_WIDTHS = ((64, 2), (64, 1), *[(128, 2), (128, 1), (128, 1)], *[(256, 2), (256, 1), (256, 1)])  # filters and stride
_STEM, _HEAD = 32, 1280
_STAGES = (2, 5, 8)  # their ends
_SEEDS = tuple(f"test_accuracy_seed_{seed}" for seed in range(3))


@dataclass(frozen=True)
class NASBenchMacroSpace(Space):
    """NAS-Bench-Macro's space: a chain of eight blocks, in stages of 2, 3 and 3, each of one of three kinds.

    A genotype is the string by which the benchmark's table knows it: a digit for each block, 0 for none, 1 for an
    inverted bottleneck of expansion 3 and kernel 3, 2 for one of expansion 6 and kernel 5.

    The table holds test accuracies alone, of three trainings each, in percent. A search reads the first one, and its
    finalists are judged by the mean of all three.

    Source: Su et al. 2021 (arXiv 2103.11922), section 5.1.

    Example:
        >>> space = NASBenchMacroSpace()
        >>> space.size, space.decode((2, 2, 2, 1, 2, 2, 2, 0)), space.encode("22212220")
        (6561, '22212220', (2, 2, 2, 1, 2, 2, 2, 0))
    """

    benchmark: ClassVar[Benchmark] = Benchmark(
        name="NAS-Bench-Macro",
        keys=("architecture",),
        reward="accuracy_seed_0",
        figures=MappingProxyType({"accuracy_seed_0": Figure(_SEEDS[:1]), "test_accuracy_50_epochs": Figure(_SEEDS)}),
        costs=MappingProxyType({name: Figure((name,), whole=True) for name in ("parameters", "multiply_adds")}),
    )

    network: ClassVar[Mapping[str, Any]] = MappingProxyType({"stem_stride": 1})
    decisions: tuple[Decision, ...] = field(
        default=tuple(Decision(f"block_{number}", _BLOCKS) for number in range(_LAYERS)), init=False, repr=False
    )

    def decode(self, choices: Sequence[int]) -> str:
        return "".join(str(_BLOCKS.index(name)) for name in self.pick(choices))

    def network_name(self, genotype: str) -> str:
        """Name the network: the genotype with the blocks that are none at the end of each stage.

        All blocks of a stage but its first keep the size and the width, so that the place of one that is none is no
        matter. The benchmark gives all spellings the figures of one training, so that another one tells nothing.

        Example:
            >>> NASBenchMacroSpace().network_name("10202012")
            '10220012'
        """
        name = ""
        for end in _STAGES:
            first, *others = genotype[len(name) : end]
            name += first + "".join(others).replace("0", "").ljust(len(others), "0")
        return name

    def encode(self, genotype: str) -> Choices:
        digits = {str(number): number for number in range(len(_BLOCKS))}
        if not isinstance(genotype, str) or len(genotype) != _LAYERS or {*genotype} - {*digits}:
            raise ValueError(f"expected eight digits from 0 to 2, such as '22212220', got {quoted(genotype, 80)}")
        return tuple(digits[digit] for digit in genotype)

    def architecture(self, genotype: str) -> StageGenotype:
        """The network as stages of one layer, with the parameters and the multiply-adds of the table on 32×32 pixels.

        A block of no kind that changes the width or the size is a 1×1 convolution.
        """
        stages = []
        for choice, (filters, stride) in zip(self.encode(genotype), _WIDTHS, strict=True):
            if choice:
                kernel, expansion = ((3, 3), (5, 6))[choice - 1]
                stages.append(Stage(INVERTED, kernel, filters, 1, stride, expansion))
            elif stride > 1:
                stages.append(Stage(CONV, 1, filters, 1, stride, skip="none"))
        return StageGenotype(stages, _STEM, _HEAD)
