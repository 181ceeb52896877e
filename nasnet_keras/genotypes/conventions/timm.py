"""From and to the block strings of timm's MnasNets."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from nasnet_keras.genotypes.base import GenotypeError, require
from nasnet_keras.genotypes.conventions.blocks import block_strings, parts_of, share_text, stage_of, whole_numbers
from nasnet_keras.genotypes.stages import CONV, DEPTHWISE, INVERTED, Stage, StageGenotype, rounded_filters
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.near import suggestion

__all__ = ["from_timm", "to_timm"]

_TYPES = {"cn": CONV, "ds": DEPTHWISE, "ir": INVERTED}
_NEEDED = ("r", "k", "s", "c")


def from_timm(blocks: Any, stem: int = 32, head: int = 1280) -> StageGenotype:
    """Convert timm's block strings to a genotype.

    Args:
        blocks: strings such as `ir_r3_k5_s2_e3_c40_se0.25`, in a list, in a list of lists, or in the text that is
            printed of one. A string begins with its type: `cn` convolution, `ds` depthwise separable, `ir` inverted
            residual. Then come r layers, k the kernel, s the stride, e the expansion, c the output filters, se the
            share of squeeze-and-excitation, `nre` (ReLU), and `skip` or `noskip`; a `cn` skips by `skip` alone.
        stem, head: timm's `stem_size` and `num_features`.

    Returns:
        A genotype of the network that timm builds with a width multiplier of 1. Its stem and its stages have multiples
        of eight filters, to which timm rounds them with any multiplier, 1 included.

    Raises:
        GenotypeError: a type or a part of a string has no counterpart, is missing or not legal; the error names it. Or
            timm rounds the width of a squeeze-and-excitation, where a genotype cuts it, to another number.

    Source: the encoding of timm's models of the EfficientNet family.

    Example:
        >>> genotype = from_timm([["ds_r1_k3_s1_e1_c16_noskip"], ["ir_r2_k3_s2_e6_c24"]])
        >>> genotype.stages == nk.genotypes.MNASNET_A1.stages[:2]
        True
    """
    genotype = StageGenotype([_stage(block) for block in block_strings(blocks)], stem, head)
    stages = [replace(stage, filters=rounded_filters(stage.filters)) for stage in genotype.stages]
    genotype = replace(genotype, stem=rounded_filters(genotype.stem), stages=stages)
    _check_squeezes(genotype)
    return genotype


def to_timm(genotype: StageGenotype) -> list[list[str]]:
    """Convert a genotype to timm's block strings, without its stem and its head.

    Args:
        genotype: of stages.

    Raises:
        GenotypeError: a stage has none: it skips by pools, or is of convolutions with squeeze-and-excitation. Or timm
            would build another network: it rounds filters to multiples of eight, and the width of a
            squeeze-and-excitation to the nearest whole number, where a genotype cuts it.

    Example:
        >>> to_timm(nk.genotypes.MNASNET_A1)[:3]
        [['ds_r1_k3_s1_c16_noskip'], ['ir_r2_k3_s2_e6_c24'], ['ir_r3_k5_s2_e3_c40_se0.25']]
    """
    require(genotype, StageGenotype, "what becomes timm's")
    _check_widths(genotype)
    _check_squeezes(genotype)
    return [[block] for block in _blocks(genotype)]


def _check_widths(genotype: StageGenotype) -> None:
    widths = {f"stage_{number}": stage.filters for number, stage in enumerate(genotype.stages, start=1)}
    for part, filters in {"the stem": genotype.stem, **widths}.items():
        if filters != (rounded := rounded_filters(filters)):
            raise GenotypeError(f"{part} has {filters} filters, and timm's code makes {rounded} of them")


def _check_squeezes(genotype: StageGenotype) -> None:
    before = genotype.stem
    for number, stage in enumerate(genotype.stages, start=1):
        share, expansion = stage.squeeze_excite, stage.expansion
        for channels in (before, stage.filters)[: stage.layers]:
            here, there = stage.squeezed(channels), round(channels * expansion * (share / expansion))
            if here != there:
                raise GenotypeError(
                    f"stage_{number} has a squeeze_excite of {share:g}: of {channels} channels a genotype gives "
                    f"{here}, and timm's code {there}; expected a share that gives both the same, such as 0.25"
                )
        before = stage.filters


def _blocks(genotype: StageGenotype) -> Iterator[str]:
    types = {operation: name for name, operation in _TYPES.items()}
    for number, stage in enumerate(genotype.stages, start=1):
        if stage.skip == "pool" or (stage.operation == CONV and stage.squeeze_excite):
            raise GenotypeError(f"stage_{number} has no block string in timm's code: {stage}")
        parts = [types[stage.operation], f"r{stage.layers}", f"k{stage.kernel}", f"s{stage.stride}"]
        parts += [f"e{stage.expansion}"] if stage.operation == INVERTED else []
        parts += [f"c{stage.filters}"]
        parts += [f"se{share_text(stage.squeeze_excite)}"] if stage.squeeze_excite else []
        usual, word = ("none", "skip") if stage.operation == CONV else ("identity", "noskip")
        yield "_".join([*parts, *([word] if stage.skip != usual else [])])


def _stage(block: str) -> Stage:
    kind = block.partition("_")[0]
    if kind not in _TYPES:
        raise GenotypeError(f"the block {quoted(block)} is of a type that has none here: {suggestion(kind, _TYPES)}")
    operation = _TYPES[kind]
    needed, others = ((*_NEEDED, "e"), ("se",)) if operation == INVERTED else (_NEEDED, ("e", "se"))
    parts = parts_of(block, needed, () if operation == CONV else others, (kind, "skip", "noskip", "nre"))
    if {"skip", "noskip"} <= parts.keys():
        raise GenotypeError(f"the block {quoted(block)} has both skip and noskip")
    texts = {"layers": parts["r"], "kernel": parts["k"], "stride": parts["s"], "filters": parts["c"]}
    numbers = whole_numbers(block, {**texts, "expansion": parts.get("e", "1")})
    skips = "skip" in parts if operation == CONV else "noskip" not in parts
    skip = "identity" if skips else "none"
    return stage_of(block, parts.get("se", "0"), operation=operation, skip=skip, **numbers)
