"""Checks of arguments, with one wording for their errors."""

import math
import reprlib
from collections.abc import Callable
from numbers import Real
from pathlib import Path
from typing import Any

__all__ = [
    "FITS",
    "LARGEST",
    "SEEDS",
    "choice",
    "finite",
    "integer",
    "model_name",
    "number",
    "positive_integer",
    "quoted",
    "real",
    "seed",
    "svg_path",
    "text",
    "weights_file",
]

SEEDS = 2**31
"""A seed that every random generator takes is a whole number below this, from 0."""
LARGEST = 2**63 - 1
"""The largest number of filters, classes, steps or the like."""

FITS = ("crop", "pad", "squash")
"""Ways to bring an image to a size. `crop` resizes it until it covers the size, and cuts out the middle. `pad` resizes
it until it fits in, and fills the rest with grey. `squash` resizes it to the size, and changes its proportions."""

_FILES = ("fine_tuning", "history", "result", "training")  # names of files that jobs write beside their models


class _Short(reprlib.Repr):
    """A `repr` of a few letters, for values of any size, depth and kind."""

    def __init__(self, letters: int) -> None:
        super().__init__()
        self.maxstring = self.maxother = self.maxlong = letters
        self.maxlist = self.maxtuple = self.maxdict = self.maxset = self.maxfrozenset = self.maxdeque = 20
        self.maxlevel = 4

    def repr_int(self, value: int, level: int) -> str:
        del level
        digits = value.bit_length() * 3 // 10
        return repr(value) if digits < self.maxlong else f"a number of {digits:,} digits or more"


def quoted(value: Any, letters: int = 120) -> str:
    """Quote a value in an error message: its `repr`, cut to a number of letters.

    Every error that shows a value from outside the package quotes it by this function.

    Example:
        >>> quoted([1, "two"]), len(quoted("x" * 10**6))
        ("[1, 'two']", 120)
    """
    try:
        found = _Short(letters).repr(value)
    except Exception:  # another class' `repr` may raise anything
        found = f"<{type(value).__name__}>"
    if "\n" in found:
        found = " ".join(found.split())
    return found if len(found) <= letters else f"{found[: letters - 3]}..."


def finite(value: Any) -> bool:
    """Tell whether `value` is an int or a float, but no bool, and is finite as a float.

    Example:
        >>> finite(3), finite(10**400), finite(float("nan")), finite(True)
        (True, False, False, False)
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return False
    try:
        return math.isfinite(value)
    except OverflowError:
        return False


def integer(value: Any) -> int | None:
    """Convert a whole number of any type (NumPy's too, but no bool) to an int; return None for any other value."""
    if isinstance(value, bool) or not hasattr(value, "__index__"):
        return None
    try:
        return value.__index__()
    except TypeError:  # an array of several numbers
        return None


def real(value: Any) -> float | None:
    """Convert a finite real number of any type (NumPy's too, but no bool) to a float; return None for any other value.

    Example:
        >>> real(np.float32(0.5)), real(1), real("1"), real(float("nan"))
        (0.5, 1.0, None, None)
    """
    if isinstance(value, bool) or not isinstance(value, Real):
        return None
    try:
        number = float(value)
    except OverflowError:
        return None
    return number if math.isfinite(number) else None


def choice(name: str, value: Any, legal: tuple[Any, ...]) -> None:
    """Raise a ValueError unless `value` is one of `legal`."""
    if value not in legal:
        raise ValueError(f"{name} must be one of {', '.join(map(str, legal))}, got {quoted(value)}")


def number(name: str, value: Any, expected: str, legal: Callable[[float], bool]) -> None:
    """Raise a ValueError unless `value` is a finite number for which `legal` holds; `expected` describes those."""
    if not finite(value) or not legal(value):
        raise ValueError(f"{name} must be {expected}, got {quoted(value)}")


def positive_integer(name: str, value: Any, largest: int = LARGEST) -> int:
    """Convert `value` to an int.

    Raises:
        ValueError: `value` is not a whole number from 1 to `largest`.

    Example:
        >>> positive_integer("filters", np.int64(32))
        32
    """
    number = integer(value)
    if number is None or number < 1:
        raise ValueError(f"{name} must be a positive integer, got {quoted(value)}")
    if number > largest:
        raise ValueError(f"{name} must be at most {largest:,}, got {quoted(value)}")
    return number


def seed(value: Any) -> int:
    """Convert `value` to an int that every random generator takes.

    Raises:
        ValueError: `value` is not a whole number from 0 to 2**31 - 1.
    """
    number = integer(value)
    if number is None or not 0 <= number < SEEDS:
        raise ValueError(f"seed must be an integer from 0 to 2**31 - 1, got {quoted(value)}")
    return number


def text(name: str, value: Any) -> str:
    """Return `value` if it is a text.

    Raises:
        ValueError: `value` is not a text.
    """
    if not isinstance(value, str):
        raise ValueError(f"{name} must be a text, got {quoted(value)}")
    return value


def model_name(value: Any) -> str:
    """Return `value` if it can be the name of a model and of its files.

    Raises:
        ValueError: `value` has other characters than letters, digits and underscores, or is the name of another file
            of a job.
    """
    if not isinstance(value, str) or not value.isascii() or not value.isidentifier():
        raise ValueError(f"name must be of letters, digits and underscores, got {quoted(value)}")
    if value in _FILES:
        raise ValueError(f"name must be none of {', '.join(_FILES)}, which are files of the run, got {quoted(value)}")
    return value


def weights_file(value: str | Path) -> Path:
    """Convert `value` to the path of a file that exists.

    Raises:
        ValueError: there is no such file.
    """
    try:
        found = Path(value).is_file()
    except (OSError, TypeError):  # a name that is too long, or no path at all
        found = False
    if not found:
        raise ValueError(f"no weights file {quoted(str(value))}: expected the path of a .weights.h5 file")
    return Path(value)


def svg_path(path: Any) -> Path:
    """Return the path of a picture that is to be written.

    Raises:
        ValueError: it does not end in `.svg`.
        FileNotFoundError: there is no such folder.

    Example:
        >>> svg_path("cell.svg").name
        'cell.svg'
    """
    if not isinstance(path, str | Path) or Path(path).suffix != ".svg":
        raise ValueError(f"the picture is an SVG file: expected a path that ends in .svg, got {quoted(str(path))}")
    if not Path(path).parent.is_dir():
        raise FileNotFoundError(f"there is no folder {quoted(str(Path(path).parent))} for the picture: make it first")
    return Path(path)
