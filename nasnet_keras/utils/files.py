"""Writing files so that a reader never sees half of one, and knowing them again."""

import contextlib
import hashlib
import io
import os
import platform
import re
import secrets
import shutil
import time
import zipfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

try:
    import fcntl
except ImportError:  # not on Windows, where what a killed writer left goes after a day
    fcntl = None

__all__ = ["check", "digest", "guard", "mismatch", "replacing", "scratch", "unguard", "write_bytes", "write_npz"]
__all__ += ["write_saved", "write_text"]

_MACHINE = hashlib.sha256(platform.node().encode(errors="surrogateescape")).hexdigest()[:8]
_SCRATCH = re.compile(r"\.([0-9a-f]{8})-[0-9a-f]{16}\.new")  # the machine, then what no two writers share
_OLD_SECONDS = 24 * 3600.0
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

    A reader sees the old file or the new one, after a crash too. The file has the name of `path`, for writers that go
    by it, in a folder of its own: see `scratch`.

    Raises:
        OSError: it cannot be written; the error names `path`.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder, replacing(pathlib.Path(folder, "a.txt")) as temporary:
        ...     temporary.write_text("whole"), temporary.name
        (5, 'a.txt')
    """
    with scratch(path) as folder:
        temporary = folder / path.name
        yield temporary
        check(path)  # making it may have taken long, and so may the disk
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        check(path)
        temporary.replace(path)


@contextmanager
def scratch(path: Path) -> Iterator[Path]:
    """A new folder beside `path`, no other writer's, to make in it what is then renamed to `path`.

    It is removed when the block ends, and so are those that killed writers left beside it.

    Raises:
        OSError: something cannot be written; the error names `path`.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     with scratch(pathlib.Path(folder, "model")) as temporary:
        ...         print(temporary.is_dir(), temporary.parent == pathlib.Path(folder))
        ...     os.listdir(folder)
        True True
        []
    """
    check(path)
    _remove_left(path.parent)
    try:
        with _locked(path.parent) as folder:
            yield folder
    except OSError as error:
        own = error.filename is None or any(map(_SCRATCH.fullmatch, Path(str(error.filename)).parts))
        if error.errno is None or not own:
            raise
        raise OSError(error.errno, error.strerror, str(path)) from error


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` at once."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: Any) -> None:
    """Write `data`, bytes or a view of them, to `path` at once."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_saved(path: Path, save: Callable[[Any], Any]) -> None:
    """Write to `path`, at once, what `save` makes: a model's `save`, `save_weights`, or what else takes an open file.

    It is made in memory: HDF5 can crash the process when a disk is full.

    Example:
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_saved(pathlib.Path(folder, "a.weights.h5"), model.save_weights)
        ...     model.load_weights(f"{folder}/a.weights.h5")
    """
    memory = _Memory(path.name)
    save(memory)
    with memory.getbuffer() as data:
        write_bytes(path, data)


def write_npz(path: Path, arrays: Mapping[str, Any]) -> None:
    """Write arrays to an `.npz` file at once.

    `np.savez` leaves an archive open that cannot be written, which complains when it is collected.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     write_npz(pathlib.Path(folder, "a.npz"), {"x": np.arange(3)})
        ...     np.load(f"{folder}/a.npz")["x"].tolist()
        [0, 1, 2]
    """
    with replacing(path) as temporary, zipfile.ZipFile(temporary, "w") as archive:
        for name, array in arrays.items():
            with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                np.lib.format.write_array(file, np.asanyarray(array), allow_pickle=False)


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


class _Memory(io.BytesIO):
    """A file in memory that has a name, by which Keras knows what to write to it."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def __str__(self) -> str:
        return self._name


@contextmanager
def _locked(parent: Path) -> Iterator[Path]:
    """A new folder that is locked until the block ends, and removed then.

    The folder is locked and not a file in it, which some network file systems would let nobody write then.
    """
    while True:
        folder = parent / f".{_MACHINE}-{secrets.token_hex(8)}.new"
        folder.mkdir()
        with _opened(folder) as descriptor:
            # Another writer may just have taken it for one that was left.
            if _lock(descriptor) is not False and folder.exists():
                try:
                    yield folder
                finally:
                    shutil.rmtree(folder, ignore_errors=True)
                return


def _remove_left(parent: Path) -> None:
    """Remove the scratch folders of writers that were killed.

    A writer holds a lock until it ends. Where folders cannot be locked, or another machine's locks may not be seen, a
    day must have passed.
    """
    with contextlib.suppress(OSError):
        names = os.listdir(parent)  # noqa: PTH208
        for match in filter(None, map(_SCRATCH.fullmatch, names)):
            folder = parent / match[0]
            with _opened(folder) as descriptor:
                free = _lock(descriptor)
                old = folder.exists() and time.time() - folder.stat().st_mtime > _OLD_SECONDS
                if free is not False and (old or (free and match[1] == _MACHINE)):
                    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _opened(folder: Path) -> Iterator[int | None]:
    """A descriptor of a folder; None where there are none of folders, and when it is gone."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW) if fcntl else None
    except OSError:
        descriptor = None
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _lock(descriptor: int | None) -> bool | None:
    """Lock a folder until its descriptor is closed: False when another one holds it, None when there are no locks."""
    if descriptor is None:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return None
    return True
