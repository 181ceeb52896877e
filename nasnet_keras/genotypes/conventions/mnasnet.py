"""From and to the block strings of MnasNet's TPU code."""

from collections.abc import Iterator
from typing import Any

from nasnet_keras.genotypes.base import GenotypeError, require
from nasnet_keras.genotypes.conventions.blocks import block_strings, parts_of, share_text, stage_of, whole_numbers
from nasnet_keras.genotypes.stages import CONV, DEPTHWISE, INVERTED, Stage, StageGenotype
from nasnet_keras.utils.checks import quoted

__all__ = ["from_mnasnet", "to_mnasnet"]

_NUMBERS = {"layers": "r", "kernel": "k", "expansion": "e", "input filters": "i", "filters": "o"}
_NEEDED = (*_NUMBERS.values(), "s")


def from_mnasnet(blocks: Any, stem: int = 32, head: int = 1280) -> StageGenotype:
    """Convert the block strings of MnasNet's TPU code to a genotype.

    Args:
        blocks: a string for each stage, `r3_k5_s22_e3_i24_o40_se0.25`, in a list or in the text that is printed of one:
            r layers, k the kernel, s the strides, e the expansion, i and o the input and output filters, se the share
            of squeeze-and-excitation, and `noskip`. A stage of e1 has no expanding convolution.
        stem, head: filters of the first and the last convolution, which that code keeps elsewhere.

    Returns:
        A genotype. If a single layer of e1 declares other input filters than it reads, it skips nothing, as in that
        code, which compares the declared ones; MnasNet-small begins with one. Elsewhere they must be those it reads.

    Raises:
        GenotypeError: a part of a string is missing, unknown or not legal; the error names it.

    Source: the code released with Tan et al. 2019.

    Example:
        >>> genotype = from_mnasnet(["r1_k3_s11_e1_i32_o16_noskip", "r2_k3_s22_e6_i16_o24"])
        >>> genotype.stages == nk.genotypes.MNASNET_A1.stages[:2]
        True
    """
    stages: list[Stage] = []
    for block in block_strings(blocks):
        stages.append(_stage(block, stages[-1].filters if stages else stem))
    return StageGenotype(stages, stem, head)


def to_mnasnet(genotype: StageGenotype) -> list[str]:
    """Convert a genotype to the block strings of MnasNet's TPU code, without its stem and its head.

    Args:
        genotype: of stages.

    Raises:
        GenotypeError: a stage has none: it is of plain convolutions, skips by pools, or expands by 1.

    Example:
        >>> to_mnasnet(nk.genotypes.MNASNET_A1)[:3]
        ['r1_k3_s11_e1_i32_o16_noskip', 'r2_k3_s22_e6_i16_o24', 'r3_k5_s22_e3_i24_o40_se0.25']
    """
    require(genotype, StageGenotype, "what becomes MnasNet's")
    return list(_blocks(genotype))


def _blocks(genotype: StageGenotype) -> Iterator[str]:
    before = genotype.stem
    for number, stage in enumerate(genotype.stages, start=1):
        if stage.operation == CONV or stage.skip == "pool" or (stage.operation == INVERTED and stage.expansion == 1):
            raise GenotypeError(f"stage_{number} has no block string in MnasNet's code: {stage}")
        parts = [f"r{stage.layers}", f"k{stage.kernel}", f"s{stage.stride}{stage.stride}", f"e{stage.expansion}"]
        parts += [f"i{before}", f"o{stage.filters}"]
        parts += [f"se{share_text(stage.squeeze_excite)}"] if stage.squeeze_excite else []
        yield "_".join([*parts, *(["noskip"] if stage.skip == "none" else [])])
        before = stage.filters


def _stage(block: str, before: int) -> Stage:
    parts = parts_of(block, _NEEDED, ("se",), ("noskip",))
    strides = parts["s"]
    if len(strides) != 2 or strides[0] != strides[1]:
        raise GenotypeError(f"the block {quoted(block)} must have two equal strides, such as s22, got s{strides}")
    texts = {name: parts[letter] for name, letter in _NUMBERS.items()}
    numbers = whole_numbers(block, {**texts, "stride": strides[0]})
    declared = numbers.pop("input filters")
    if declared != before and (declared == numbers["filters"] or not _counts_for_skip_alone(parts, numbers)):
        raise GenotypeError(f"the block {quoted(block)} declares i{declared}, and reads {before} filters")
    operation = DEPTHWISE if numbers["expansion"] == 1 else INVERTED
    skip = "none" if "noskip" in parts or declared != before else "identity"
    return stage_of(block, parts.get("se", "0"), operation=operation, skip=skip, **numbers)


def _counts_for_skip_alone(parts: dict[str, str], numbers: dict[str, int]) -> bool:
    """Whether nothing but the skip depends on the declared input filters."""
    return numbers["layers"] == numbers["expansion"] == 1 and "se" not in parts
