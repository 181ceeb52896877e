"""JSON from elsewhere: read within bounds, and whatever is wrong with it is one ValueError.

What comes back is nested less deeply than Python's own functions can follow, from wherever they are called, and holds
no integer that a float cannot. NaN and infinities are let through, as Python's `json` does.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nasnet_keras.utils.checks import quoted

__all__ = ["DEEPEST", "parse", "text_of"]

DEEPEST = 100
"""How many lists and objects may stand within each other."""

_LARGEST = 10**308


def parse(text: str, pairs: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """The JSON values of a text.

    Args:
        text: may be anything.
        pairs: makes an object of its names and values, as `json.loads` takes it; by default a dict.

    Raises:
        ValueError: it is no JSON, is nested more than `DEEPEST` deep, or holds an integer beyond 10**308.

    Example:
        >>> parse('{"a": [1, 2.5, null]}')
        {'a': [1, 2.5, None]}
    """
    try:
        values = json.loads(text, object_pairs_hook=pairs, parse_int=_integer)
    except RecursionError:
        values = None
        deep = True
    else:
        deep = _is_deep(values)
    if deep:
        raise ValueError(f"it is nested more than {DEEPEST} deep")
    return values


def text_of(path: Path, largest: int = 2**26) -> str:
    """The text of a file, of UTF-8.

    Args:
        path: of a file that is one: a pipe or a device, which may never end, is refused unread.
        largest: how many bytes it may have; by default 64 MiB, which no file of a job reaches.

    Raises:
        ValueError: it is no file, is larger, or is not UTF-8.
        OSError: it cannot be read.
    """
    if not path.is_file():
        raise ValueError("no such file" if not path.exists() else "it is no file")
    with path.open("rb") as file:
        data = file.read(largest + 1)
    if len(data) > largest:
        raise ValueError(f"it is too large: expected at most {largest:,} bytes")
    return data.decode("utf-8")


def _integer(digits: str) -> int:
    value = int(digits)
    if not -_LARGEST <= value <= _LARGEST:
        raise ValueError(f"the number {quoted(digits)} is out of range")
    return value


def _is_deep(values: Any) -> bool:
    level, depth = [values], 0
    while level:
        depth += 1
        if depth > DEEPEST:
            return True
        inside = [value for value in level if isinstance(value, (list, dict))]
        level = [item for value in inside for item in (value.values() if isinstance(value, dict) else value)]
    return False
