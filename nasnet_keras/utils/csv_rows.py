"""Rows of CSV files, whose cells any program reads back as they were."""

import csv
from collections.abc import Callable, Sequence
from typing import Any, TextIO

__all__ = ["row_writer"]


def row_writer(file: TextIO) -> Callable[[Sequence[Any]], None]:
    """Give a function that writes a row to an open file, ended by a newline.

    A cell with a carriage return, as names of files may have, is quoted with its row: `csv` does so only if rows end in
    one.

    Example:
        >>> import io
        >>> file = io.StringIO()
        >>> write = row_writer(file)
        >>> write(["a b", 1]), write(["a\\rb", 2])
        (None, None)
        >>> file.getvalue()
        'a b,1\\n"a\\rb","2"\\n'
    """
    plain = csv.writer(file, lineterminator="\n")
    quoting = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)

    def write(row: Sequence[Any]) -> None:
        returns = any(isinstance(cell, str) and "\r" in cell for cell in row)
        (quoting if returns else plain).writerow(row)

    return write
