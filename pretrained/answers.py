"""The table of a classifier's answers, a row for each image, which a job and `Predictions.write_csv` write alike."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from nasnet_keras.utils.csv_rows import row_writer
from nasnet_keras.utils.files import replacing

__all__ = ["columns", "row", "writing"]


def columns(names: Sequence[str], top: int | None = None) -> list[str]:
    """List the columns of the table.

    Args:
        names: of the classes, by number.
        top: the number of classes that a row names, the most probable ones; None for a probability of each class.

    Example:
        >>> columns(["cat", "dog"])
        ['path', 'label', 'probability', 'probability_cat', 'probability_dog', 'error']
        >>> columns(["cat", "dog", "fox"], top=2)
        ['path', 'label', 'probability', 'label_2', 'probability_2', 'error']
    """
    if top is None:
        more = [f"probability_{name}" for name in names]
    else:
        more = [
            f"{column}_{place}" for place in range(2, _places(names, top) + 1) for column in ("label", "probability")
        ]
    return ["path", "label", "probability", *more, "error"]


def row(
    path: str, probabilities: np.ndarray | None, names: Sequence[str], top: int | None = None, error: str = ""
) -> Any:
    """Make the row of an image: a list of as many cells as there are `columns`.

    Args:
        path: of the image.
        probabilities: of the classes, by number; None for an image that could not be read, whose row has its path and
            its error alone.
        names, top: see `columns`.
        error: why the image could not be read.

    Example:
        >>> list(map(str, row("1.jpg", np.array([0.125, 0.5, 0.375]), ["cat", "dog", "fox"], top=2)))
        ['1.jpg', 'dog', '0.5', 'fox', '0.375', '']
    """
    if probabilities is None:
        return [path, *("" for _ in columns(names, top)[2:]), error]
    best = np.argsort(-probabilities, kind="stable")[: 1 if top is None else _places(names, top)].tolist()
    named = [cell for number in best for cell in (names[number], probabilities[number])]
    return [path, *named, *(probabilities if top is None else ()), error]


@contextmanager
def writing(path: Path, names: Sequence[str], top: int | None = None) -> Iterator[Callable[[Sequence[Any]], Any]]:
    """Give a function that writes a row to a CSV file in UTF-8, which replaces `path` when the block ends.

    Names of files that are no texts are written as Python would escape them.

    Raises:
        OSError: the file cannot be written.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "a.csv")
        ...     with writing(path, ["a", "b"], top=1) as write:
        ...         written = write(row("1.jpg", np.array([0.25, 0.75]), ["a", "b"], top=1))
        ...     path.read_text()
        'path,label,probability,error\\n1.jpg,b,0.75,\\n'
    """
    with (
        replacing(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as file,
    ):
        write = row_writer(file)
        write(columns(names, top))
        yield write


def _places(names: Sequence[str], top: int) -> int:
    return min(top, len(names))
