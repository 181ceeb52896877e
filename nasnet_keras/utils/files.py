"""Files are written so that a reader never sees half of one, and are recognised by size and hash."""

import contextlib
import errno
import hashlib
import io
import os
import platform
import re
import secrets
import shutil
import time
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from typing import Any

import numpy as np
from filelock import lock_descriptor

__all__ = ["begin", "begun", "check", "digest", "exchanging", "guard", "mismatch", "replacing", "scratch"]
__all__ += ["unguard", "write_bytes", "write_npz", "write_saved", "write_text"]

_MACHINE = hashlib.sha256(platform.node().encode(errors="surrogateescape")).hexdigest()[:8]
_SCRATCH = re.compile(r"\.([0-9a-f]{8})-[0-9a-f]{16}\.new")  # the machine, then a number of the writer's own
_OLD_SECONDS = 24 * 3600.0
_guards: dict[Path, Callable[[], None]] = {}
_begun = Event()


def begin() -> None:
    """Note that this process has begun to write: from now on a signal ends a job by an exception, not at once."""
    _begun.set()


def begun() -> bool:
    """Tell whether this process has begun to write, so that its end should leave files and folders whole."""
    return _begun.is_set()


def guard(folder: Path, check: Callable[[], None]) -> None:
    """Call `check` before each write to a folder; it raises an error once the folder may no longer be written to."""
    _guards[folder.absolute()] = check


def unguard(folder: Path, check: Callable[[], None]) -> None:
    """End what `guard` began."""
    if _guards.get(folder.absolute()) == check:
        del _guards[folder.absolute()]


def check(path: Path) -> None:
    """Raise the error of the guarded folder that `path` lies in, if that folder may no longer be written to."""
    for folder, may_be_written in list(_guards.items()):
        if path.absolute().is_relative_to(folder):
            may_be_written()


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path to write to, which replaces `path` when the block ends without an error.

    A reader sees the old file or the new one, also after a crash. The temporary file has the name of `path`, for
    writers that go by the name, and lies in a scratch folder: see `scratch`.

    Raises:
        OSError: the file cannot be written; the error names `path`.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder, replacing(pathlib.Path(folder, "a.txt")) as temporary:
        ...     temporary.write_text("whole"), temporary.name
        (5, 'a.txt')
    """
    with scratch(path) as folder:
        temporary = folder / path.name
        yield temporary
        _store(path, temporary)
        temporary.replace(path)


@contextmanager
def exchanging(path: Path, *others: Path, removed: Iterable[Path] = ()) -> Iterator[Path]:
    """As `replacing`, for what cannot be replaced in one step: a folder, or files of which others are read by `path`.

    The block writes all of them beside each other, under their own names. Nobody finds something old beside something
    new: `path` is missing in the moment in which they change, and stays missing after a crash in that moment. If the
    block, or the change, ends with an error, all is as it was.

    Args:
        path: of a file or folder.
        others: of files in the same folder, which are only read by those who found `path`.
        removed: of further such files, which go if they are there.

    Raises:
        OSError: something cannot be written, or one of `others` is there and is no file.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path, other = pathlib.Path(folder, "a.xml"), pathlib.Path(folder, "a.bin")
        ...     with exchanging(path, other) as temporary:
        ...         temporary.write_text("about"), temporary.with_name("a.bin").write_text("data")
        ...     path.read_text(), other.read_text()
        (5, 4)
        ('about', 'data')
    """
    with scratch(path) as folder:
        new, old = folder / "new", folder / "old"
        new.mkdir()
        old.mkdir()
        yield new / path.name
        _store(path, *(new / each.name for each in (path, *others)))
        for each in others:
            if each.exists() and not each.is_file():
                raise FileExistsError(errno.EEXIST, "is no file, and would be replaced", str(each))
        before = (path, *others, *removed)
        try:
            for each in before:
                if each.exists():
                    each.rename(old / each.name)
            for each in (*others, path):
                (new / each.name).rename(each)
        except BaseException:
            for each in (path, *others):
                if not (new / each.name).exists():
                    each.replace(new / each.name)
            for each in reversed(before):
                if (old / each.name).exists():
                    (old / each.name).replace(each)
            raise


def _store(path: Path, *temporary: Path) -> None:
    """Bring temporary files and folders to the disk, which may take long, and check that `path` may be replaced yet."""
    check(path)
    for each in temporary:
        for name in filter(Path.is_file, each.rglob("*")) if each.is_dir() else [each]:
            with name.open("rb+") as file:
                os.fsync(file.fileno())
    check(path)


@contextmanager
def scratch(path: Path) -> Iterator[Path]:
    """Make a new folder beside `path` for one writer, who makes a file or folder in it and renames that to `path`.

    The folder is removed when the block ends, and so are the folders that killed writers left beside it.

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
    begin()
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
    """Replace `path` by a file of `text`."""
    write_bytes(path, text.encode())


def write_bytes(path: Path, data: Any) -> None:
    """Replace `path` by a file of `data`, bytes or a view of bytes."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_saved(path: Path, save: Callable[[Any], Any]) -> None:
    """Replace `path` by the file that `save` writes: a model's `save` or `save_weights`, or any writer of open files.

    The file is made in memory first: HDF5 can crash the process when a disk is full.

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
    """Replace `path` by an `.npz` file of arrays.

    `np.savez` is not used: it leaves an archive open that cannot be written, which complains when it is collected.

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
    """Hash a file's content by an algorithm such as `"sha256"`; returns hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest()


def mismatch(path: Path, *, size: int | None, **digests: str | None) -> str | None:
    """Tell why the file at `path` is not the file of a size and hashes; None if it is that file.

    Args:
        path: of a file, which may be missing.
        size: in bytes; None if it is unknown.
        **digests: hexadecimal hashes by algorithm; None for an unknown one.

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
    """A file in memory with a name: Keras chooses the format by the name."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self._name = name

    def __str__(self) -> str:
        return self._name


@contextmanager
def _locked(parent: Path) -> Iterator[Path]:
    """Make a folder that is locked until the block ends, and is removed then.

    The lock is on the folder and not on a file in it: some network file systems let nobody write to a locked file.
    """
    while True:
        folder = parent / f".{_MACHINE}-{secrets.token_hex(8)}.new"
        folder.mkdir()
        with _opened(folder) as descriptor:
            # Another writer may just have taken it for a leftover.
            if _lock(descriptor) is not False and folder.exists():
                try:
                    yield folder
                finally:
                    shutil.rmtree(folder, ignore_errors=True)
                return


def _remove_left(parent: Path) -> None:
    """Remove the scratch folders of writers that were killed.

    A writer holds a lock until it ends. If folders cannot be locked, or a folder is another machine's, whose locks may
    be invisible here, it must be a day old.
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
    """Open a folder; None if the folder is gone, or the system cannot open folders, as Windows."""
    try:
        descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except (AttributeError, OSError):
        descriptor = None
    try:
        yield descriptor
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _lock(descriptor: int | None) -> bool | None:
    """Lock a folder until its descriptor is closed; False if another process holds it, None if there are no locks."""
    if descriptor is None:
        return None
    try:
        return lock_descriptor(descriptor, blocking=False)
    except OSError:
        return None
