"""A process that a worker forks, and that does tasks one after another."""

import contextlib
import json
import os
import select
import shutil
import signal
import sys
import threading
import time
import traceback
from collections.abc import Callable
from typing import Any, BinaryIO

__all__ = ["Forked", "end_group"]

_FORKS = 10
_LAST_SECONDS = 1.0  # between the end of the channel and that of the lifeline, which the same process holds
_PAUSE = 3.0  # seconds between two attempts


class Forked:
    """A fork of this process, which answers lines with lines until it is ended.

    Args:
        answer: takes a line and returns JSON values, in the fork.
        channel: a descriptor that the fork closes: whoever reads there must see this process's end, not the fork's.
        lifeline: a descriptor at whose end the fork ends.
        scratch: a folder to remove then, if there is one; see `end_group`.

    Attributes:
        pid: its number.
        lines: the number of lines that it was given.

    Raises:
        OSError: it could not be started.
    """

    def __init__(
        self, answer: Callable[[bytes], dict[str, Any]], channel: int, lifeline: int, scratch: str | None = None
    ) -> None:
        theirs, tasks = os.pipe()
        answers, answering = os.pipe()
        _flush()
        try:
            self.pid = _fork()
        except OSError:
            for descriptor in (theirs, tasks, answers, answering):
                os.close(descriptor)
            raise
        if self.pid == 0:
            for descriptor in (tasks, answers, channel):
                os.close(descriptor)
            _serve(answer, theirs, answering, lifeline, scratch)
        os.close(theirs)
        os.close(answering)
        self._tasks, self._answers = os.fdopen(tasks, "wb", buffering=0), os.fdopen(answers, "rb")
        self._code: int | None = None
        self.lines = 0

    def take(self, line: bytes) -> bool:
        """Give it a line, and return whether it has it; it may have ended before."""
        self.lines += 1
        with contextlib.suppress(OSError):  # it has ended, as reading tells
            self._tasks.write(line)
        return bool(self._answers.readline())

    def answer(self) -> dict[str, Any]:
        """Return its answer to the line; if it ends instead, `{"died": exit code}`."""
        text = self._answers.readline()
        return json.loads(text) if text.endswith(b"\n") else {"died": self.end()}

    def end(self) -> int:
        """Let it end, with the processes that it started and that have not left its group; returns its exit code."""
        if self._code is None:
            self._tasks.close()
            self._code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
            self._answers.close()
            with contextlib.suppress(OSError):  # there is nobody left, usually
                os.killpg(self.pid, signal.SIGKILL)
        return self._code


def _serve(
    answer: Callable[[bytes], dict[str, Any]], tasks: int, answers: int, lifeline: int, scratch: str | None
) -> None:
    """Answer lines until there are no more, and end this process without the cleaning up that belongs to its parent."""
    code = 1
    try:
        os.setpgid(0, 0)  # so that the processes that it starts can be ended with it
        threading.Thread(target=_die_with, args=(lifeline, scratch), daemon=True).start()
        with os.fdopen(tasks, "rb") as lines, os.fdopen(answers, "wb") as file:
            for line in lines:
                _write(file, b"\n")  # it has the line
                text = json.dumps(answer(line)).encode() + b"\n"
                _flush()  # what was said about a task comes before its end
                _write(file, text)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        _flush()
        os._exit(code)


def _write(file: BinaryIO, text: bytes) -> None:
    file.write(text)
    file.flush()


def _fork() -> int:
    """Fork; if memory or room for processes is short, try again after a while."""
    for _ in range(_FORKS - 1):
        try:
            return os.fork()
        except OSError:
            time.sleep(_PAUSE)
    return os.fork()


def _die_with(lifeline: int, scratch: str | None) -> None:
    os.read(lifeline, 1)  # returns when the last process that could write has ended
    end_group(lifeline, scratch)


def end_group(lifeline: int, scratch: str | None) -> None:
    """End this process, a worker or a fork of it, and those that it started, also if their parents are gone.

    The folder that was made for the worker is removed if whoever made it has ended.
    """
    if scratch is not None and select.select([lifeline], [], [], _LAST_SECONDS)[0]:
        shutil.rmtree(scratch, ignore_errors=True)
    if os.getpgrp() == os.getpid():  # its own group, and not that of a terminal in a test or a debugger
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def _flush() -> None:
    """Write what was printed."""
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()
