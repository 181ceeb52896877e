"""Checks of arguments, with one wording for their errors."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

__all__ = ["SEEDS", "choice", "integer", "model_name", "number", "positive_integer", "seed", "text", "weights_file"]

SEEDS = 2**31
"""A seed that every random generator takes is a whole number below this, from 0."""

_FILES = ("fine_tuning", "history", "result", "training")  # that jobs write beside their models


def integer(value: Any) -> int | None:
    """`value` as an int where it is a whole number of any type (NumPy's too, but no bool), else None."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        return None
    try:
        return value.__index__()
    except TypeError:  # an array of several numbers
        return None


def choice(name: str, value: Any, legal: tuple[Any, ...]) -> None:
    """Raise a ValueError where `value` is none of `legal`."""
    if value not in legal:
        raise ValueError(f"{name} must be one of {', '.join(map(str, legal))}, got {value!r}")


def number(name: str, value: Any, expected: str, legal: Callable[[float], bool]) -> None:
    """Raise a ValueError where `value` is no int or float that is `legal`, which `expected` says in words."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not legal(value):
        raise ValueError(f"{name} must be {expected}, got {value!r}")


def positive_integer(name: str, value: Any) -> int:
    """`value` as an int.

    Raises:
        ValueError: it is not a whole number from 1.

    Example:
        >>> positive_integer("filters", np.int64(32))
        32
    """
    number = integer(value)
    if number is None or number < 1:
        raise ValueError(f"{name} must be a positive integer, got {value!r}")
    return number


def seed(value: Any) -> int:
    """`value` as an int that every random generator takes.

    Raises:
        ValueError: it is not a whole number from 0 to 2**31 - 1.
    """
    number = integer(value)
    if number is None or not 0 <= number < SEEDS:
        raise ValueError(f"seed must be an integer from 0 to 2**31 - 1, got {value!r}")
    return number


def text(name: str, value: Any) -> str:
    """`value`, where it is a text.

    Raises:
        ValueError: it is not.
    """
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a text, got {value!r}")
    return value


def model_name(value: Any) -> str:
    """`value`, where it can be the name of a model and of its files.

    Raises:
        ValueError: it is not of letters, digits and underscores, or is the name of another file of a job.
    """
    if not isinstance(value, str) or not value.isascii() or not value.isidentifier():
        raise ValueError(f"name must be of letters, digits and underscores, got {value!r}")
    if value in _FILES:
        raise ValueError(f"name must be none of {', '.join(_FILES)}, which are files of the run, got {value!r}")
    return value


def weights_file(value: str | Path) -> Path:
    """`value` as a path, where a file is.

    Raises:
        ValueError: there is none.
    """
    path = Path(value)
    if not path.is_file():
        raise ValueError(f"no weights file {str(path)!r}: expected the path of a .weights.h5 file")
    return path
