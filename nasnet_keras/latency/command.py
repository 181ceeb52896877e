"""A command of the user's own that measures the latency of a file: on a phone or a board, or by other tools."""

import os
import shlex
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from nasnet_keras.latency.errors import LatencyError
from nasnet_keras.utils.checks import finite, number, quoted, text

__all__ = ["LatencyCommand"]

_MODEL = "{model}"
_TAIL = 65_536  # bytes of the output that are read
_WATCH = """
import os, signal, sys
if not sys.stdin.buffer.read(1):
    os.killpg(int(sys.argv[1]), signal.SIGKILL)
"""


@dataclass(frozen=True)
class LatencyCommand:
    """A command that prints a number of milliseconds as the last line of its output.

    Attributes:
        text: the command, as it is typed: a program and its arguments, in which `{model}` stands for the path of the
            file. No shell reads it, so that there are no pipes, variables or patterns; write a script for those.
        timeout_seconds: the time that it has.

    Raises:
        LatencyError: the text is no command, or has no `{model}`.

    Example:
        >>> LatencyCommand("echo 12.5 {model}").arguments(pathlib.Path("/a.tflite"))
        ['echo', '12.5', '/a.tflite']
    """

    text: str
    timeout_seconds: float = 120.0

    def __post_init__(self) -> None:
        try:
            words = shlex.split(text("the command", self.text))
        except ValueError as error:
            raise LatencyError(f"{quoted(self.text)} is no command: {error}") from None
        if not any(_MODEL in word for word in words[1:]):
            raise LatencyError(
                f"the command needs {_MODEL} among its arguments, where the path of the file goes, got "
                f"{quoted(self.text)}"
            )
        number("timeout_seconds", self.timeout_seconds, "a number of seconds above 0", lambda value: value > 0)

    def arguments(self, path: Path) -> list[str]:
        """List the program and its arguments for a file."""
        return [word.replace(_MODEL, str(path.absolute())) for word in shlex.split(self.text)]

    def measure(self, path: Path) -> float:
        """Run the command for a file; returns the milliseconds that it prints.

        Raises:
            LatencyError: it cannot be started, does not end in time, fails, or prints no positive number.
        """
        # Files and not pipes: a daemon that the command starts, as `adb` does, would hold a pipe open for ever.
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as messages:
            code = self._run(path, output, messages)
            if code:
                how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
                raise LatencyError(f"the command {self._shown()} {how}, and said {_last(messages) or 'nothing'!r}")
            return self._number(_last(output))

    def _run(self, path: Path, output: BinaryIO, messages: BinaryIO) -> int:
        """Run the command, and end it and what it started if it does not end by itself; returns its exit code."""
        try:
            process = subprocess.Popen(
                self.arguments(path), stdin=subprocess.DEVNULL, stdout=output, stderr=messages, start_new_session=True
            )
        except (OSError, ValueError) as error:
            raise LatencyError(f"the command {self._shown()} cannot be started: {error}") from None
        try:
            with _watched(process.pid):
                return process.wait(self.timeout_seconds)
        except BaseException as error:
            with suppress(OSError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            if not isinstance(error, subprocess.TimeoutExpired):
                raise
            raise LatencyError(
                f"the command {self._shown()} did not end within {self.timeout_seconds:g} seconds"
            ) from None

    def _number(self, line: str) -> float:
        """Read the milliseconds of a line."""
        try:
            value = float(line)
        except ValueError:
            value = None
        if not finite(value) or value <= 0:
            raise LatencyError(
                f"the last line of the command {self._shown()} must be a positive number of milliseconds, got "
                f"{quoted(line)}"
            )
        return value

    def _shown(self) -> str:
        return quoted(self.text)


@contextmanager
def _watched(group: int) -> Iterator[None]:
    """End the processes of a group if this process is killed within the block: two must not measure at once."""
    # Another process waits for the end of a pipe, which comes with the end of this one, however it ends.
    watch = [sys.executable, "-I", "-S", "-c", _WATCH, str(group)]
    with subprocess.Popen(watch, stdin=subprocess.PIPE, stderr=subprocess.DEVNULL, start_new_session=True) as watcher:
        try:
            yield
        finally:
            watcher.communicate(b".")


def _last(file: BinaryIO) -> str:
    """Return the last line of a file that is not empty."""
    size = file.seek(0, os.SEEK_END)
    file.seek(max(0, size - _TAIL))
    lines = file.read().decode(errors="replace").strip().splitlines()
    return lines[-1].strip()[:300] if lines else ""
