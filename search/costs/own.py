"""An objective of one's own: a function of the figures of a child, by its importable name."""

import numbers
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.importing import load_named, name_of

__all__ = ["Function", "ObjectiveError", "is_own", "load_own", "own_name", "value_of"]

Function = Callable[[dict[str, Any]], float]
"""A function of the figures of a child by name: its metrics and its costs. Higher is better."""

_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*:[^\W\d]\w*(\.[^\W\d]\w*)*")
_EXAMPLE = "the name of a module and of a function at its top, such as my_package.my_module:my_function"


class ObjectiveError(ValueError):
    """An objective of one's own cannot be used."""


def is_own(objective: Any) -> bool:
    """Whether an objective is the name of a function, `package.module:function`.

    Example:
        >>> is_own("my_module:score"), is_own("hard")
        (True, False)
    """
    return isinstance(objective, str) and bool(_NAME.fullmatch(objective))


def own_name(function: Any) -> str:
    """Return the name by which a function is recorded, and found again by whoever goes on with the study.

    Raises:
        ObjectiveError: it cannot be found by a name, as a lambda, a function within another, or one of a script.
    """
    if not (hasattr(function, "__module__") and hasattr(function, "__qualname__")):
        raise ObjectiveError(f"objective must be a function, or {_EXAMPLE}, got {quoted(function)}")
    name = name_of(function)
    if "<" in name:
        what = "a lambda" if "<lambda>" in name else "a function within another"
        raise ObjectiveError(f"objective={name}: {what} cannot be imported again: define it at the top of a module")
    _check_module(name)
    if load_own(name) is not function:
        raise ObjectiveError(
            f"objective={name}: the module has another function of that name than the one that is given"
        )
    return name


def load_own(name: str) -> Function:
    """Import a function by its name; modules are found in the current folder, too.

    Raises:
        ObjectiveError: it cannot be imported, or is nothing that can be called.
    """
    _check_module(name)
    here = str(Path.cwd())
    if not {"", here}.intersection(sys.path) and not sys.flags.safe_path:
        sys.path.append(here)  # at the end, so that it hides nothing
    try:
        found = load_named(name)
    except Exception as error:  # a module of another's may raise anything
        raise ObjectiveError(
            f"objective={name} cannot be imported ({type(error).__name__}: {error}): it must be {_EXAMPLE}, in the "
            f"current folder or on Python's path"
        ) from error
    if not callable(found):
        raise ObjectiveError(f"objective={name} must be a function of the figures of a child, got {quoted(found)}")
    return found


def value_of(function: Function, figures: Mapping[str, Any]) -> float:
    """Return what a function makes of the figures of a child.

    Raises:
        ObjectiveError: it fails, or returns something else than a finite number.
    """
    try:
        found = function(dict(figures))
    except Exception as error:  # of another's function
        raise ObjectiveError(f"the objective failed with {type(error).__name__}: {error}") from error
    number = isinstance(found, numbers.Real) and not isinstance(found, bool)
    value = float(found) if number else float("nan")
    if not abs(value) < float("inf"):
        raise ObjectiveError(f"the objective must return a finite number, got {quoted(found)}")
    return value


def _check_module(name: str) -> None:
    if name.partition(":")[0] == "__main__":
        raise ObjectiveError(
            f"objective={name}: a function of a script cannot be imported again: move it into a module"
        )
