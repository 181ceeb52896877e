"""The process between this one and a user's command: it ends the command in time, and when this process has ended.

Python runs this file as a program, so it imports the standard library alone. Its argument is a list in JSON, and it
answers with a JSON object. Its standard input is a pipe that nobody writes to: it ends with the process that holds the
other end, in whatever way that ends, also by a signal that no program can handle.
"""

import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from typing import Any, BinaryIO

__all__ = ["main"]

_LOOK_SECONDS = 0.05  # between two looks at the command
_MOST = 64 << 20  # bytes that a command may write
_TAIL = 65_536  # bytes of the output that are read
_END_SECONDS = 5.0  # the time of the system to end what was killed


def main(seconds: float, arguments: list[str]) -> dict[str, Any]:
    """Run a command; returns its exit code and its last lines, or why there is none."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda *_: None)  # as long as there is a command, it must be watched
    # Files and not pipes: a daemon that the command starts, as `adb` does, would hold a pipe open for ever.
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as messages:
        try:
            process = subprocess.Popen(
                arguments, stdin=subprocess.DEVNULL, stdout=output, stderr=messages, start_new_session=True
            )
        except (OSError, ValueError) as error:
            return {"problem": f"cannot be started: {error}"}
        problem = _watched(process, seconds, (output, messages))
        if problem is not None:
            _kill(process)
            return {"problem": problem}
        return {"code": process.returncode, "output": _last(output), "messages": _last(messages)}


def _watched(process: subprocess.Popen, seconds: float, files: tuple[BinaryIO, ...]) -> str | None:
    """Wait until a command ends; returns why it must not go on, or None."""
    deadline = time.monotonic() + seconds
    while process.poll() is None:
        if select.select([sys.stdin.fileno()], [], [], _LOOK_SECONDS)[0]:
            return "is no longer waited for"
        if any(os.fstat(file.fileno()).st_size > _MOST for file in files):
            return f"wrote more than {_MOST >> 20} MiB"
        if time.monotonic() > deadline:
            return f"did not end within {seconds:g} seconds"
    return None


def _kill(process: subprocess.Popen) -> None:
    """End a command and what it started."""
    with suppress(OSError):
        os.killpg(process.pid, signal.SIGKILL)
    with suppress(subprocess.TimeoutExpired):
        process.wait(_END_SECONDS)


def _last(file: BinaryIO) -> str:
    """Return the last line of a file that is not empty."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL))
    lines = file.read().decode(errors="replace").strip().splitlines()
    return lines[-1].strip()[:300] if lines else ""


if __name__ == "__main__":
    answer = json.dumps(main(*json.loads(sys.argv[1]))).encode()
    with suppress(OSError):  # nobody waits for it any longer
        os.write(sys.stdout.fileno(), answer)
