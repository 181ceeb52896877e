"""Block strings, as code of MnasNet and its relatives writes them: parts between underscores, as in `r3_k5_se0.25`."""

import re
from collections.abc import Mapping
from typing import Any

from nasnet_keras.genotypes.base import MAX_BYTES, GenotypeError, short
from nasnet_keras.genotypes.conventions.values import as_list, whole
from nasnet_keras.genotypes.stages import Stage
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.near import suggestion

__all__ = ["block_strings", "parts_of", "share_text", "stage_of", "whole_numbers"]

_PART = re.compile(r"([a-z]+)(\d+(?:\.\d+)?)?", re.ASCII)
_BETWEEN = re.compile(r"""[\s,'"\[\]()]+""")
_LONGEST = 200  # letters of a block


def block_strings(blocks: Any) -> list[str]:
    """The block strings of a list, of a list of lists, or of the text that is printed of one.

    Raises:
        GenotypeError: it is none of these.
    """
    if isinstance(blocks, str):
        if len(blocks) > MAX_BYTES:
            raise GenotypeError(f"block strings of {len(blocks):,} letters are too large")
        return [text for text in _BETWEEN.split(blocks) if text]
    found: list[Any] = []
    for item in as_list(blocks, "a list of block strings"):
        found += [item] if isinstance(item, str) else as_list(item, "a block string")
    for item in found:
        if not isinstance(item, str):
            raise GenotypeError(f"expected a block string, got {short(item)}")
    return found


def parts_of(block: str, needed: tuple[str, ...], others: tuple[str, ...], words: tuple[str, ...]) -> dict[str, str]:
    """The parts of a block string by their letters, with the texts of their numbers; words have an empty text.

    Args:
        block: the parts between underscores, in any order.
        needed: letters of the parts that must be there, with a number.
        others: letters of further parts with a number.
        words: parts without a number.

    Raises:
        GenotypeError: a part is missing, unknown, there twice, or has no number that it needs; the error names it.
    """
    if len(block) > _LONGEST:
        raise GenotypeError(f"a block string of {len(block):,} letters is too long")
    found: dict[str, str] = {}
    for part in block.split("_"):
        match = _PART.fullmatch(part)
        name, number = match.groups() if match else (part, None)
        if (name not in words) if number is None else (name not in (*needed, *others)):
            legal = [*(f"{letters}1" for letters in (*needed, *others)), *words]
            raise GenotypeError(
                f"the block {quoted(block)} has an unknown part {quoted(part)}: {suggestion(part, legal)}"
            )
        if name in found:
            raise GenotypeError(f"the block {quoted(block)} has the part {quoted(name)} twice")
        found[name] = number or ""
    if missing := [name for name in needed if name not in found]:
        raise GenotypeError(f"the block {quoted(block)} lacks the part {missing[0]}, such as {missing[0]}1")
    return found


def whole_numbers(block: str, texts: Mapping[str, str]) -> dict[str, int]:
    """The whole numbers of a block string, by names.

    Raises:
        GenotypeError: a text is no whole number.
    """
    found = {}
    for name, text in texts.items():
        number = whole(text)
        if number is None:
            raise GenotypeError(f"the block {quoted(block)} must have a whole number of {name}, got {quoted(text)}")
        found[name] = number
    return found


def stage_of(block: str, squeeze_excite: str = "0", **fields: Any) -> Stage:
    """The stage of a block string.

    Args:
        block: the string, for errors.
        squeeze_excite: the text of that share.
        fields: further fields.

    Raises:
        GenotypeError: the stage is not legal.
    """
    try:
        return Stage(**fields, squeeze_excite=float(squeeze_excite))
    except GenotypeError as error:
        raise GenotypeError(f"the block {quoted(block)} describes no stage: {error}") from None


def share_text(share: float) -> str:
    """A share as text, exact and without an exponent.

    Example:
        >>> share_text(0.25), share_text(1e-05)
        ('0.25', '0.00001')
    """
    digits, _, exponent = repr(share).partition("e-")
    return f"0.{'0' * (int(exponent) - 1)}{digits.replace('.', '')}" if exponent else digits
