"""A command of the user's own that measures the latency of a file: on a phone or a board, or by other tools."""

import json
import shlex
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasnet_keras.latency import supervisor
from nasnet_keras.latency.errors import LatencyError
from nasnet_keras.latency.protocol import checked_seconds
from nasnet_keras.utils.checks import finite, quoted, text

__all__ = ["LatencyCommand"]

_MODEL = "{model}"
_PROGRAM = ("-I", "-S", supervisor.__file__)


@dataclass(frozen=True)
class LatencyCommand:
    """A command that prints a number of milliseconds as the last line of its output.

    Attributes:
        text: the command, as it is typed: a program and its arguments, in which `{model}` stands for the path of the
            file. No shell reads it, so that there are no pipes, variables or patterns; write a script for those.
        timeout_seconds: the time that it has.

    Raises:
        LatencyError: the text is no command, or has no `{model}`; or the time is no number that is legal.

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
        try:
            checked_seconds(self.timeout_seconds)
        except ValueError as error:
            raise LatencyError(str(error)) from None

    def arguments(self, path: Path) -> list[str]:
        """List the program and its arguments for a file."""
        return [word.replace(_MODEL, str(path.absolute())) for word in shlex.split(self.text)]

    def measure(self, path: Path) -> float:
        """Run the command for a file; returns the milliseconds that it prints.

        Raises:
            LatencyError: it cannot be started, does not end in time, fails, writes without end, or prints no positive
                number.
        """
        found = self._run(path)
        if "problem" in found:
            raise LatencyError(f"the command {self._shown()} {found['problem']}")
        code = found["code"]
        if code:
            how = f"was ended by {signal.Signals(-code).name}" if code < 0 else f"ended with exit code {code}"
            raise LatencyError(f"the command {self._shown()} {how}, and said {found['messages'] or 'nothing'!r}")
        return self._number(found["output"])

    def _run(self, path: Path) -> dict[str, Any]:
        """Let the supervisor run the command; returns its answer. It ends the command if this process ends."""
        request = json.dumps([self.timeout_seconds, self.arguments(path)])
        try:
            process = subprocess.Popen(
                [sys.executable, *_PROGRAM, request],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                start_new_session=True,  # who ends this process' group must not end the one that cleans up
            )
        except (OSError, ValueError) as error:
            raise LatencyError(f"the command {self._shown()} cannot be started: {error}") from None
        with process:  # closes the pipe, and waits until the command is ended, also after an interrupt
            answer = process.stdout.read()
        try:
            return dict(json.loads(answer))
        except (TypeError, ValueError):
            raise LatencyError(f"the command {self._shown()} was lost: the process that watched it ended") from None

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
