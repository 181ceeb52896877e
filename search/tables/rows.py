"""The rows of a table's file, in CSV or in JSON lines, as texts by column."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.json_text import parse, text_of

__all__ = ["Row", "rows"]


class Row(NamedTuple):
    """A row of a table, of which the first one holds the names of the columns.

    Attributes:
        line: the number of its line, from 1.
        texts: its texts, one for each column, if the file is not damaged.
    """

    line: int
    texts: list[str]


def rows(path: Path) -> Iterator[Row]:
    """Read a file: JSON lines if its name ends in `.jsonl`, else CSV.

    A line of JSON is an object with a value for each column, and the columns are the names in the first line. Further
    names are ignored; values that are no texts become their JSON texts.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is damaged; the message begins with the line.

    Example:
        >>> import tempfile
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder) / "table.jsonl"
        ...     _ = path.write_text('{"choices": [0, 1], "reward": 0.5}')
        ...     list(rows(path))
        [Row(line=0, texts=['choices', 'reward']), Row(line=1, texts=['[0, 1]', '0.5'])]
    """
    return _json_rows(path) if path.suffix == ".jsonl" else _csv_rows(path)


def _csv_rows(path: Path) -> Iterator[Row]:
    path.stat()  # a missing file is an OSError
    reader = csv.reader(io.StringIO(text_of(path).removeprefix("\ufeff"), newline=""))
    try:
        for texts in reader:
            yield Row(reader.line_num, texts)
    except csv.Error as error:
        raise ValueError(f"line {reader.line_num}: {error}") from None


def _json_rows(path: Path) -> Iterator[Row]:
    columns: list[str] = []
    for line, text in enumerate(_lines(text_of(path)), 1):
        try:
            values = parse(text)
        except ValueError as error:
            raise ValueError(f"line {line}: {error}") from None
        if not isinstance(values, dict):
            raise ValueError(f"line {line}: expected a JSON object, got {quoted(text)}")
        if not columns:
            columns = list(values)
            yield Row(0, columns)
        if missing := [name for name in columns if name not in values]:
            raise ValueError(f"line {line}: it lacks {quoted(missing[0])}, which the first line has")
        yield Row(line, [_text(values[name]) for name in columns])


def _lines(text: str) -> list[str]:
    """The lines of a text; other breaks of lines than its own may stand in a JSON text."""
    return text.removesuffix("\n").split("\n") if text else []


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)
