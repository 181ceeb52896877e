"""JSON from outside: it is read within bounds, and every fault of it is a ValueError.

The values are nested less deeply than Python's own functions can follow from any depth of calls, and a float can hold
every integer among them. NaN and infinities pass, as in Python's `json`.
"""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from nasnet_keras.utils.checks import quoted

__all__ = ["DEEPEST", "parse", "text_of"]

DEEPEST = 100
"""The number of lists and objects that may be nested in each other."""

_LARGEST = 10**308


def parse(text: str, pairs: Callable[[list[tuple[str, Any]]], Any] | None = None) -> Any:
    """Parse the JSON values of a text.

    Args:
        text: any text.
        pairs: makes an object of its names and values, as the `object_pairs_hook` of `json.loads`; by default a dict.

    Raises:
        ValueError: the text is no JSON, is nested more than `DEEPEST` deep, or holds an integer beyond 10**308.

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
    """Read a text file in UTF-8.

    Args:
        path: of a regular file. A pipe or a device, which may never end, is refused unread.
        largest: the number of bytes that it may have; by default 64 MiB, more than any file of a job has.

    Raises:
        ValueError: there is no such file, it is too large, or it is not in UTF-8.
        OSError: the file cannot be read.
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
