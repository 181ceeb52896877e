"""Kinds of values that a setting can have: the check and the flag of each kind.

A check returns the value in the type that it has in a configuration, or raises a `ValueError` with the expected and the
received value. See `nasnet_keras.utils.settings`.
"""

import math
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nasnet_keras.utils import checks

__all__ = [
    "MOST",
    "Kind",
    "choice",
    "choice_of_version",
    "from_zero",
    "integer_if_any",
    "items",
    "limit",
    "named",
    "nested",
    "number",
    "path",
]
__all__ += ["positive", "positive_number", "repeated", "seed", "share", "switch", "text", "whole"]

MOST = 2**31 - 1
"""The largest count of trials, layers, images or the like."""

Check = Callable[[str, Any], Any]
"""The name of a setting and a value → the value in its type."""


@dataclass(frozen=True)
class Kind:
    """A kind of values.

    Attributes:
        check: the check of values in files and in calls.
        flag: the kind of its flag, after absl's `DEFINE_`: `string`, `integer`, `float`, `bool`, `list`,
            `multi_string` or `enum`; empty if no flag can give it.
        options: further arguments of that function.
        parse: a function of the flag's value that returns a value; `check` finds its errors.
        to_json: a function of a value that returns a JSON value.
        check_json: the check of values in files, if these have another form; else None.
        choices: the legal values of a call, if files of later versions may have others; else empty.
        named: of a flag of the kind `enum`: a function of other names of the legal values that returns these; else
            None.
    """

    check: Check
    flag: str = "string"
    options: Mapping[str, Any] = field(default_factory=dict)
    parse: Callable[[Any], Any] = lambda value: value
    to_json: Callable[[Any], Any] = lambda value: value
    check_json: Check | None = None
    choices: tuple[str, ...] = ()
    named: Callable[[Any], str] | None = None


def positive(most: int = MOST) -> Kind:
    """Whole numbers from 1 to `most`, by default to 2**31 - 1."""
    return Kind(lambda name, value: checks.positive_integer(name, value, most), "integer", {"lower_bound": 1})


def whole(least: int) -> Kind:
    """Whole numbers from `least` to 2**31 - 1.

    Example:
        >>> whole(0).check("random_trials", 8)
        8
    """

    def check(name: str, value: Any) -> int:
        found = checks.integer(value)
        if found is None or not least <= found <= MOST:
            most = f" to {MOST:,}" if found is not None and found > MOST else ""
            raise ValueError(f"{name} must be a whole number from {least}{most}, got {checks.quoted(value)}")
        return found

    return Kind(check, "integer", {"lower_bound": least})


def seed() -> Kind:
    """Seeds that every random generator takes."""
    return Kind(lambda name, value: checks.seed(value), "integer", {"lower_bound": 0})


def number(expected: str, legal: Callable[[float], bool]) -> Kind:
    """Finite numbers for which `legal` holds; `expected` describes them in an error.

    Example:
        >>> share().check("warmup", 1.5)
        Traceback (most recent call last):
        ValueError: warmup must be in [0, 1), got 1.5
    """

    def check(name: str, value: Any) -> Any:
        checks.number(name, value, expected, legal)
        return value

    return Kind(check, "float")


def positive_number() -> Kind:
    """Finite numbers above 0."""
    return number("positive", lambda value: value > 0)


def from_zero() -> Kind:
    """Finite numbers from 0."""
    return number("0 or positive", lambda value: value >= 0)


def share() -> Kind:
    """Numbers from 0 to below 1."""
    return number("in [0, 1)", lambda value: 0.0 <= value < 1.0)


def limit() -> Kind:
    """Numbers above 0, including infinity."""
    finite = positive_number()
    return Kind(lambda name, value: value if value == math.inf else finite.check(name, value), "float")


def switch() -> Kind:
    """True or false."""

    def check(name: str, value: Any) -> bool:
        if not isinstance(value, bool):
            raise ValueError(f"{name} must be true or false, got {checks.quoted(value)}")
        return value

    return Kind(check, "bool")


def text() -> Kind:
    """Texts."""
    return Kind(checks.text)


def path(as_text: bool = True) -> Kind:
    """Texts and paths; they become texts, unless `as_text` is false."""

    def check(name: str, value: Any) -> str | Path:
        if not isinstance(value, (str, os.PathLike)):
            raise ValueError(f"{name} must be a text or a path, got {checks.quoted(value)}")
        return str(value) if as_text else value

    return Kind(check, to_json=str)


def choice(*legal: str) -> Kind:
    """One of some texts.

    Example:
        >>> choice("crop", "pad").check("fit", "cut")
        Traceback (most recent call last):
        ValueError: fit must be one of crop, pad, got 'cut'
    """

    def check(name: str, value: Any) -> str:
        checks.choice(name, value, legal)
        return value

    return Kind(check, "enum", {"enum_values": legal})


def named(find: Callable[[Any], str], *legal: str) -> Kind:
    """One of some texts, which other names stand for, too.

    Args:
        find: returns the text that a name stands for, or raises a ValueError.
        legal: the texts.

    Example:
        >>> named(str.lower, "crop", "pad").check("fit", "Pad")
        'pad'
    """
    return Kind(lambda name, value: find(value), "enum", {"enum_values": legal}, named=find)


def choice_of_version(*legal: str) -> Kind:
    """One of some texts, which may be more in later versions: a file may have any text."""
    return Kind(checks.text, "enum", {"enum_values": legal}, choices=legal)


def items(described: str, legal: Callable[[Any], bool], parse: Callable[[str], Any] = str) -> Kind:
    """Tuples of values that all satisfy `legal`.

    Args:
        described: the items, such as `texts`, for an error.
        legal: whether an item is legal.
        parse: makes an item of its text in a flag, whose items stand between commas.
    """

    def check(name: str, value: Any) -> tuple[Any, ...]:
        if isinstance(value, str) or not isinstance(value, Iterable):
            raise ValueError(f"{name} must be a list of {described}, got {checks.quoted(value)}")
        found = tuple(value)
        if not all(map(legal, found)):
            raise ValueError(f"{name} must be a list of {described}, got {checks.quoted(list(found))}")
        return found

    return Kind(check, "list", parse=lambda texts: [parse(one) for one in texts], to_json=list)


def repeated(described: str, one: Callable[[str], str]) -> Kind:
    """Tuples of texts, of which a flag gives one, and may be given several times; a single text is a tuple of itself.

    Args:
        described: the texts, for an error.
        one: returns a text in its usual form, or raises a ValueError.

    Example:
        >>> repeated("names", str.lower).check("names", "Ann")
        ('ann',)
    """

    def check(name: str, value: Any) -> tuple[str, ...]:
        found = (value,) if isinstance(value, str) else tuple(value) if isinstance(value, Iterable) else (None,)
        if not all(isinstance(text, str) for text in found):
            raise ValueError(f"{name} must be a list of {described}, got {checks.quoted(value)}")
        return tuple(map(one, found))

    return Kind(check, "multi_string", to_json=list)


def integer_if_any(given: str) -> int | str:
    """Convert the text of a flag to a number; another text is returned as it is, and `check` refuses it."""
    return int(given) if given.isdecimal() else given


def nested(kind: type, described: str, check_json: Check) -> Kind:
    """Values of a class that has `to_json`, which no flag can give.

    Args:
        kind: the class.
        described: a value of it, such as `a Recipe`, for an error.
        check_json: raises a `ValueError` if a JSON value does not describe one.
    """

    def check(name: str, value: Any) -> Any:
        if not isinstance(value, kind):
            raise ValueError(f"{name} must be {described}, got {checks.quoted(value)}")
        return value

    return Kind(check, flag="", to_json=lambda value: value.to_json(), check_json=check_json)
