"""A file of lines, appended and flushed: what was written stays, and a torn last line is no harm."""

import contextlib
import os
import time
from pathlib import Path

__all__ = ["LineLog", "whole_lines"]

_SYNC_SECONDS = 1.0  # a crash of the machine, not of the process, may cost the lines of as many seconds


class LineLog:
    """Appends lines to a file, which is made with the first one.

    Args:
        path: the file; a torn last line is dropped from it.

    Raises:
        OSError: the file cannot be written.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file = _open(path) if path.exists() else None
        self._synced = 0.0

    def append(self, line: bytes) -> None:
        """Write a whole line, or none of it. Once this returns, a crash of the process cannot lose the line."""
        if self._file is None:
            self._file = _open(self._path)
        _write(self._file, line)
        if time.monotonic() - self._synced >= _SYNC_SECONDS:
            self.sync()

    def sync(self) -> None:
        """Wait until the lines are on the disk."""
        if self._file is not None:
            os.fsync(self._file)
            self._synced = time.monotonic()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # the lines are written; `append` raised the error of a full disk
                self.sync()
            os.close(self._file)
            self._file = None


def whole_lines(path: Path) -> list[bytes]:
    """Read the lines of a file, without a torn one at its end; none if there is no file.

    Raises:
        OSError: the file cannot be read, or is not a regular file; a pipe, for example, may never end.
    """
    if not path.exists():
        return []
    if not path.is_file():
        raise OSError(f"{path} is no file")
    return path.read_bytes().split(b"\n")[:-1]


def _open(path: Path) -> int:
    """A descriptor that appends to `path`, after a torn last line is dropped."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        data = path.read_bytes()
        if data and not data.endswith(b"\n"):
            os.ftruncate(file, data.rfind(b"\n") + 1)
    except BaseException:
        os.close(file)
        raise
    return file


def _write(file: int, line: bytes) -> None:
    size = os.fstat(file).st_size
    try:
        while line:
            line = line[os.write(file, line) :]
    except OSError:
        with contextlib.suppress(OSError):  # otherwise the next `_open` drops the torn line
            os.ftruncate(file, size)
        raise
