"""Writing files so that a reader never sees half of one, and knowing them again."""

import hashlib
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

__all__ = ["check", "digest", "guard", "mismatch", "replacing", "unguard", "write_bytes", "write_text"]

_guards: dict[Path, Callable[[], None]] = {}


def guard(folder: Path, check: Callable[[], None]) -> None:
    """Have `check`, which raises an error if a folder may not be written to any more, called before each write."""
    _guards[folder.absolute()] = check


def unguard(folder: Path, check: Callable[[], None]) -> None:
    """Take back what `guard` was told."""
    if _guards.get(folder.absolute()) == check:
        del _guards[folder.absolute()]


def check(path: Path) -> None:
    """Raise the error of a folder that may not be written to any more, if `path` lies in such a one."""
    for folder, may_be_written in list(_guards.items()):
        if path.absolute().is_relative_to(folder):
            may_be_written()


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
    check(path)
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        check(path)  # writing may have taken long
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


def mismatch(path: Path, *, size: int | None, **digests: str | None) -> str | None:
    """Why the file at `path` is not the one that is known by its size in bytes and its hashes, or None where it is.

    Args:
        path: need not be there.
        size: None where it is not known.
        **digests: hexadecimal, by algorithm; None where one is not known.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, "a")
        ...     _ = path.write_text("whole")
        ...     mismatch(path, size=4, sha256=digest(path, "sha256"))
        'has 5 bytes, expected 4'
    """
    if not path.is_file():
        return "is missing"
    found = path.stat().st_size
    if size is not None and found != size:
        return f"has {found:,} bytes, expected {size:,}"
    for algorithm, expected in digests.items():
        if expected is not None and (came := digest(path, algorithm)) != expected:
            return f"has {algorithm.upper()} {came}, expected {expected}: damaged, or another file"
    return None
