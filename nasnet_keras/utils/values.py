"""Kinds of values that a setting can have: how each is checked, and by which sort of flag it is given.

A check gives the value in the type that it has in a configuration, or raises a `ValueError` that says what was expected
and what was received. See `nasnet_keras.utils.settings`.
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
    "nested",
    "number",
    "path",
]
__all__ += ["positive", "positive_number", "seed", "share", "switch", "text", "whole"]

MOST = 2**31 - 1
"""The largest count of trials, layers, images or the like."""

Check = Callable[[str, Any], Any]
"""The name of a setting and a value → the value in its type."""


@dataclass(frozen=True)
class Kind:
    """A kind of values.

    Attributes:
        check: what every file and every call must obey.
        flag: the sort of its flag, after absl's `DEFINE_`: `string`, `integer`, `float`, `bool`, `list` or `enum`.
        options: further arguments of that function.
        parse: makes a value of what the flag holds. What is wrong with it is found by `check`.
        to_json: makes a JSON value of a value.
        check_json: what files must obey, if their values have another form; else None.
        choices: among which a call must choose, when files of later versions may have others; else empty.
    """

    check: Check
    flag: str = "string"
    options: Mapping[str, Any] = field(default_factory=dict)
    parse: Callable[[Any], Any] = lambda value: value
    to_json: Callable[[Any], Any] = lambda value: value
    check_json: Check | None = None
    choices: tuple[str, ...] = ()


def positive(most: int = MOST) -> Kind:
    """Whole numbers from 1 to `most`, without an upper limit by default but that of 32 bits."""
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
    """Numbers above 0, infinity among them."""
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


def choice_of_version(*legal: str) -> Kind:
    """One of some texts, of which later versions may have more: any text will do in a file."""
    return Kind(checks.text, "enum", {"enum_values": legal}, choices=legal)


def items(described: str, legal: Callable[[Any], bool], parse: Callable[[str], Any] = str) -> Kind:
    """Tuples of values for each of which `legal` holds.

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


def integer_if_any(given: str) -> int | str:
    """The number that a text of a flag is; a text that is none as it is, for `check` to refuse."""
    return int(given) if given.isdecimal() else given


def nested(kind: type, described: str, check_json: Check) -> Kind:
    """Values of a class that has `to_json`, which are given by no flag.

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
