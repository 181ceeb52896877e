"""The memory of this process, and its peak since a moment."""

import contextlib
import ctypes
import resource
import sys
from pathlib import Path

import psutil

__all__ = ["begin", "peak", "trim"]

_STATUS, _CLEAR = Path("/proc/self/status"), Path("/proc/self/clear_refs")
_RESET_PEAK = "5"  # the kernel's number for it, see `man 5 proc_pid_clear_refs`


def begin() -> int:
    """Begin to look for a peak; returns the memory that is in use now, in bytes."""
    with contextlib.suppress(OSError):
        _CLEAR.write_text(_RESET_PEAK)
    return psutil.Process().memory_info().rss


def peak() -> int:
    """Tell the most memory that was in use since `begin`, in bytes; on other systems than Linux, since the start.

    On Linux `resource` is not asked: there a process begins with the peak of the one that started it.
    """
    with contextlib.suppress(OSError, StopIteration):
        line = next(line for line in _STATUS.read_text().splitlines() if line.startswith("VmHWM:"))
        return 1024 * int(line.split()[1])
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else 1024 * most


def trim() -> None:
    """Give memory that was used once back to the system, where that is possible."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
