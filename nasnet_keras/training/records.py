"""Checks of the JSON in a run's folder, made before its values are used.

Each check returns its value, or raises a ValueError with the expected and the received value.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from nasnet_keras.utils.checks import finite, integer, quoted
from nasnet_keras.utils.json_text import parse, text_of
from nasnet_keras.utils.workdir import WorkdirError

__all__ = ["BEFORE", "HISTORY", "confusion", "folder_before", "history", "read", "seconds"]

BEFORE = "epochs_before"
"""The field of a configuration that says how many epochs the trainings had that it goes on from."""


HISTORY = "history.json"
"""The name of the file, in the folder of a run, with the figures of each epoch."""


def folder_before(folder: Path, epochs: int) -> Path:
    """Return the folder, within that of a run, in which the run as it was after so many epochs is put aside."""
    return folder / f"until_epoch_{epochs}"


def read(path: Path, check: Callable[[Any], Any], advice: str) -> Any:
    """Read the JSON values of a file, check them, and return the result of `check`.

    Raises:
        WorkdirError: the file cannot be read, or it is missing or damaged: then the error ends with the advice.
    """
    try:
        return check(parse(text_of(path)))
    except OSError as error:
        raise WorkdirError(f"cannot read {path}: {error.strerror or error}") from None
    except ValueError as error:
        raise WorkdirError(f"{path} is damaged ({str(error)[:300]}); {advice}") from None


def seconds(value: Any) -> float:
    """Check a time of training, in seconds.

    Example:
        >>> seconds(12.5)
        12.5
    """
    if not finite(value) or value < 0:
        raise ValueError(f"expected seconds from 0, got {quoted(value)}")
    return value


def history(value: Any, first: int, last: int | None = None) -> list[dict[str, float]]:
    """Check the figures of a run, one dict for each epoch.

    Args:
        value: the history.
        first, last: the first and the last epoch that it must have; the last may be any if it is None.

    Example:
        >>> history([{"epoch": 1, "loss": 0.5}], first=1)
        [{'epoch': 1, 'loss': 0.5}]
    """
    if not isinstance(value, list) or not all(isinstance(entry, dict) for entry in value):
        raise ValueError(f"expected a list of an epoch's figures each as the history, got {quoted(value)}")
    for number, entry in enumerate(value, start=first):
        if integer(entry.get("epoch")) != number:
            raise ValueError(f"expected epoch {number} in the history, got {quoted(entry.get('epoch'))}")
        for name, figure in entry.items():
            share = name.endswith("accuracy")
            if not finite(figure) or (share and not 0 <= figure <= 1):
                legal = "a share from 0 to 1" if share else "a finite number"
                raise ValueError(f"expected {legal} as {quoted(name)} of epoch {number}, got {quoted(figure)}")
    if last is not None and first + len(value) - 1 != last:
        raise ValueError(f"expected epochs {first} to {last} in the history, got {len(value):,} entries")
    return value


def confusion(value: Any, classes: int) -> list[list[int]]:
    """Check numbers of images by true class (rows) and predicted class (columns).

    Example:
        >>> confusion([[3, 1], [0, 4]], classes=2)
        [[3, 1], [0, 4]]
    """
    rows = value if isinstance(value, list) and len(value) == classes else []
    legal = rows and all(isinstance(row, list) and len(row) == classes for row in rows)
    counts = [integer(count) for row in rows for count in row] if legal else []
    if None in counts or not all(0 <= count < 2**31 for count in counts) or not any(counts):
        raise ValueError(f"expected {classes} rows of {classes} counts as the confusion, got {quoted(value)}")
    return value
