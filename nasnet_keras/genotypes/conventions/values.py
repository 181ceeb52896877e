"""Values of other code, of Python or of NumPy: lists, whole numbers, and states by their numbers."""

import re
from collections.abc import Sequence
from typing import Any

from nasnet_keras.genotypes.base import MAX_ENTRIES, GenotypeError, short
from nasnet_keras.genotypes.cells import CURRENT, PREVIOUS, block_state
from nasnet_keras.utils.checks import integer

__all__ = ["INPUTS", "NUMPY_WORDS", "as_list", "numbered_state", "whole"]

INPUTS = (PREVIOUS, CURRENT)
"""The inputs of a cell, by their numbers in DARTS' and in ENAS' code."""
NUMPY_WORDS = re.compile(r"\b(?:np\.|numpy\.)?(?:array|u?int\d+)(?=\()|,\s*dtype=\w+")
"""The words that NumPy prints around its numbers."""


def as_list(value: Any, what: str, most: int = MAX_ENTRIES * 2) -> list[Any]:
    """A sequence, or an array with a `tolist` as NumPy's, as a list.

    Args:
        value: anything.
        what: the expected value in words, for the error.
        most: the most entries.

    Raises:
        GenotypeError: `value` is not a sequence, or has more than `most` entries.
    """
    size = getattr(value, "size", None)
    if hasattr(value, "tolist") and integer(size) is not None and size <= most:
        value = value.tolist()
    if isinstance(value, (str, bytes)) or not isinstance(value, Sequence):
        raise GenotypeError(f"expected {what}, got {short(value)}")
    if len(value) > most:
        raise GenotypeError(f"expected {what}, with at most {most:,} entries, got {len(value):,}")
    return list(value)


def whole(value: Any) -> int | None:
    """A number of any type, or its text, as an `int`; None unless it is a whole number."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    if isinstance(value, str):
        return int(value) if value.isascii() and value.isdecimal() and len(value) < 10 else None
    return integer(value)


def numbered_state(number: Any) -> str:
    """Name of the state with a number: 0 is `previous`, 1 is `current`, 2 and more are blocks.

    Raises:
        GenotypeError: the number is not whole, negative, or larger than any cell has states.
    """
    state = whole(number)
    if state is None or not 0 <= state < MAX_ENTRIES + 2:
        raise GenotypeError(f"a state must be a whole number from 0, got {short(number)}")
    return INPUTS[state] if state < 2 else block_state(state - 2)
