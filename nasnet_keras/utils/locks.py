"""Locks of files between processes, on every system."""

import contextlib
import errno
import os
import weakref
from pathlib import Path

from filelock import lock_descriptor

from nasnet_keras.utils.files import replacing

__all__ = ["LockedError", "LockedFile", "NoLocksError"]

# Errors of file systems without locks: Lustre without `flock`, NFS without its lock service, some FUSE ones.
_NO_LOCKS = {errno.ENOSYS, errno.ENOLCK, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EINVAL}

_held: "weakref.WeakSet[LockedFile]" = weakref.WeakSet()


class LockedError(OSError):
    """Another process has locked the file."""


class NoLocksError(OSError):
    """The file system has no locks."""


class LockedFile:
    """A file that this process has locked, until `close`.

    The lock ends with the process, also when it is killed, and a forked child does not inherit it.

    Args:
        path: of the file. It is made if it is missing, and stays, so that all processes lock the same file.
        wait: whether to wait until no other process has locked it.
        take_over: put a new file in its place instead of locking it. The process that had the old file can notice.

    Raises:
        LockedError: another process has locked the file.
        NoLocksError: the file system has no locks.
        OSError: the file cannot be opened.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = pathlib.Path(folder, ".lock")
        ...     first = LockedFile(path)
        ...     second = LockedFile(path, take_over=True)
        ...     print(first.is_in_place(), second.is_in_place())
        ...     first.close()
        ...     second.close()
        False True
    """

    def __init__(self, path: Path, *, wait: bool = False, take_over: bool = False) -> None:
        self._path = path
        self._descriptor: int | None = None
        if take_over:
            with replacing(path) as temporary:
                self._descriptor = _opened(temporary)
        while not self.is_in_place():  # the file may have been removed just before it was locked
            self.close()
            self._descriptor = _opened(path)
            self._lock(wait)
        _held.add(self)

    def is_in_place(self) -> bool:
        """Tell whether the file at the path is still the one that was locked."""
        if self._descriptor is None:
            return False
        try:
            return os.path.samestat(os.fstat(self._descriptor), self._path.stat())
        except (FileNotFoundError, NotADirectoryError):
            return False

    def close(self) -> None:
        """Unlock the file; a second call does nothing."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    def _lock(self, wait: bool) -> None:
        try:
            locked = lock_descriptor(self._descriptor, blocking=wait)
        except OSError as error:
            self.close()
            if error.errno in _NO_LOCKS:
                raise NoLocksError(error.errno, f"the file system of {self._path} has no locks") from None
            raise
        except BaseException:
            self.close()
            raise
        if not locked:
            self.close()
            raise LockedError(errno.EWOULDBLOCK, "another process has locked it", str(self._path))


def _opened(path: Path) -> int:
    return os.open(path, os.O_CREAT | os.O_RDWR, 0o644)


def _forget() -> None:
    """In a forked child, close the files that its parent has locked; they stay locked by the parent."""
    for file in list(_held):
        with contextlib.suppress(OSError):
            file.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_forget)
