"""Writing files so that a reader never sees half of one, and knowing them again."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["digest", "replacing", "write_bytes", "write_text"]


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A path to write to instead of `path`, which it replaces when the block ends and leaves alone if that fails.

    A reader sees the old file or the new one, after a crash too. The name ends as `path` does, for writers that go by
    it.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder, replacing(pathlib.Path(folder, "a.txt")) as temporary:
        ...     _ = temporary.write_text("whole")
        ...     [path.suffix for path in temporary.parent.iterdir()]
        ['.txt']
    """
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` at once."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: bytes) -> None:
    """Write `data` to `path` at once."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def digest(path: Path, algorithm: str) -> str:
    """The hexadecimal hash of a file's content, such as `"sha256"`."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()
