"""Names of classes from tools and people are read in every form that has a certain meaning."""

from collections import Counter
from collections.abc import Iterable, KeysView, Mapping, Set
from typing import Any

import numpy as np

from nasnet_keras.utils import checks
from nasnet_keras.utils.checks import quoted

__all__ = ["class_names", "some"]

_SHOWN = 5


def class_names(value: Any) -> tuple[str, ...]:
    """Read the names of classes, by label.

    Args:
        value: a list of texts, or of numbers, which become texts; or a mapping between names and the numbers from 0,
            in either direction, as in Keras' generators and Hugging Face's configurations, also after JSON.

    Raises:
        ValueError: it is something else, such as one text or a set, which has no order; or a name is given twice.

    Example:
        >>> class_names({"dog": 1, "cat": 0})
        ('cat', 'dog')
    """
    if isinstance(value, Mapping):
        value = _in_order(value)
    wrong = isinstance(value, str | bytes | Set) and not isinstance(value, KeysView)
    if wrong or not isinstance(value, Iterable) or np.ndim(value if hasattr(value, "ndim") else 1) > 1:
        raise ValueError(f"class_names must be a list of texts, got {quoted(value)}")
    try:
        given = list(value)
    except TypeError:  # an array without dimensions
        raise ValueError(f"class_names must be a list of texts, got {quoted(value)}") from None
    names = tuple(map(_text, given))
    if None in names:
        raise ValueError(f"class_names must be texts, got {quoted(given[names.index(None)])} among them")
    if twice := [name for name, count in Counter(names).items() if count > 1]:
        raise ValueError(f"class_names must be different names, got more than once {some(twice)}")
    return names


def some(names: Iterable[Any]) -> str:
    """List the first of some names, and count the others.

    Example:
        >>> some("abcdefgh")
        'a, b, c, d, e and 3 more'
    """
    names = [quoted(str(name), 60)[1:-1] for name in names]
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _in_order(names: Mapping[Any, Any]) -> list[Any]:
    """Order the names of a mapping from or to the numbers from 0, by number."""
    written = {int(key) if _is_written(key) else key: name for key, name in names.items()}
    for pairs in (names.items(), [(number, name) for name, number in names.items()], written.items()):
        by_number = {checks.integer(number): name for number, name in pairs}
        if None not in by_number and sorted(by_number) == list(range(len(names))):
            return [by_number[number] for number in range(len(names))]
    raise ValueError(
        f"class_names must be a list of texts, or a mapping of them and the numbers from 0, got {quoted(names)}"
    )


def _is_written(key: Any) -> bool:
    """Tell whether a key is a number as a text, as JSON writes it."""
    return isinstance(key, str) and key.isascii() and key.isdecimal() and len(key) < 10


def _text(name: Any) -> str | None:
    """Convert a class name to a text; None if it is no name."""
    if isinstance(name, bytes):
        try:
            return name.decode("utf-8")
        except UnicodeDecodeError:
            return None
    number = checks.integer(name)
    return str(name) if isinstance(name, str) else None if number is None else str(number)
