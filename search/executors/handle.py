"""A worker's process, seen from the search: what it is told and answers, and what becomes of it when it does not."""

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import tempfile
import time
from typing import Any

import psutil

from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.executors.base import ExecutorError, Outcome, Task
from nasnet_keras.search.executors.worker import command, read_outcome, task_line
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.noise import is_noise, level_wanted

__all__ = ["Clock", "Handle"]

_LAST_WORDS = 500  # bytes of what a process wrote before it ended
_STARTS = 3  # of a worker, one after another, before the search is given up
_READY_SECONDS = 600.0  # for a worker to import what it needs and to read the data set
_BEGIN_SECONDS = 120.0  # for it to begin a task; it tries to fork for half a minute
_ANSWER_SECONDS = 60.0  # for it to say how a task ended whose process is gone
_END_SECONDS = 10.0  # for the system to end a process that was killed
_LONGEST_ANSWER = 2**24  # bytes
_SHORTEST_GAP = 30.0  # seconds between two looks at the clock


class Clock:
    """Seconds in which the search was there to look after others.

    A search that was stopped, with all its processes or without them, must not take the time that it missed for
    theirs: a long gap between two looks counts as a short one.
    """

    def __init__(self) -> None:
        self._seconds, self._looked = 0.0, time.monotonic()

    def look(self) -> float:
        """The seconds until now."""
        now = time.monotonic()
        self._seconds += min(now - self._looked, _SHORTEST_GAP)
        self._looked = now
        return self._seconds


class Handle:
    """A worker's process, and another in its place when it ends, or does not do in time what it should.

    Args:
        config: of the search: its limits of time and memory.
        evaluator: its class as `objects.class_name` has it.
        environment: of the process.
        lifeline: the descriptor of a pipe that ends when this process does.
        selector: told of its answers.
        clock: of the executor.

    Attributes:
        task: that it has; None where it may be given one.

    Raises:
        ExecutorError: no process can be started.
    """

    def __init__(
        self,
        config: SearchConfig,
        evaluator: str,
        environment: dict[str, str],
        lifeline: int,
        selector: selectors.BaseSelector,
        clock: Clock,
    ) -> None:
        self._config, self._evaluator, self._environment, self._lifeline = config, evaluator, environment, lifeline
        self._selector, self._clock = selector, clock
        self._setup = b""
        self._failed_starts = 0
        self.task: Task | None = None
        self._start()

    def set_up(self, setup: bytes) -> None:
        """Say, in a line, what judges the tasks."""
        self._setup = setup
        self._since = self._clock.look()
        self._say(setup)

    def submit(self, task: Task) -> None:
        """Give it a task."""
        self.task, self._verdict, self._sign = task, None, None
        self._said = os.fstat(self._log.fileno()).st_size
        self._forget()
        self._say(task_line(task))

    def hear(self) -> Outcome | None:
        """Read what it answered; an outcome, once it is whole.

        Raises:
            ExecutorError: it ended, and no other could be started.
        """
        try:
            data = self._channel.recv(65536)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        if not data:
            return self._replaced()
        *lines, self._heard = (self._heard + data).split(b"\n")
        outcome = None
        try:
            if len(self._heard) > _LONGEST_ANSWER:
                raise ValueError("a line without end")
            for line in lines:
                outcome = self._answered(json.loads(line)) or outcome
        except (ValueError, RecursionError) as error:
            return outcome or self._replaced(f"gave an answer that means nothing ({error})")
        return outcome

    def watch(self) -> Outcome | None:
        """End what is beyond its limits: a child, a finalist that stands still, the worker itself."""
        self._say(b"")
        late = self._clock.look() - self._since
        if not self._ready:
            slow = self._setup and late > _READY_SECONDS
            return self._replaced(f"was not ready after {_READY_SECONDS / 60:g} minutes") if slow else None
        if self.task is None:
            return None
        if self._pid is None:
            return self._replaced(f"did not begin in {_BEGIN_SECONDS:g} seconds") if late > _BEGIN_SECONDS else None
        if self._verdict is None and (verdict := self._judged(late)):
            self._end(*verdict)
        if self._verdict is None and not self._over():
            return None
        if self._gone is None:
            self._gone = late
        silent = late - self._gone > _ANSWER_SECONDS
        return self._replaced("did not say how its process ended") if silent else None

    def ask_to_stop(self) -> None:
        """Let a finalist write its checkpoint; a child has nothing to write."""
        if self.task is not None and self._pid is not None:
            # Not a termination: a cluster may have sent one to all processes, and a second would not wait.
            self._signal(signal.SIGINT if self.task.folder is not None else signal.SIGKILL)

    def stopping(self) -> bool:
        """Whether a finalist is still at it."""
        return self.task is not None and self.task.folder is not None and self._pid is not None and not self._over()

    def close(self) -> None:
        """End the worker and what it has under way."""
        if self._channel.fileno() >= 0:
            self._release(0.0)

    def _start(self) -> None:
        self._channel, theirs = socket.socketpair()
        self._channel.setblocking(False)
        theirs.setblocking(True)
        try:
            self._log = tempfile.TemporaryFile()  # noqa: SIM115 – closed by `_release`
            with theirs:
                self._process = subprocess.Popen(
                    command(theirs.fileno(), self._lifeline, self._evaluator),
                    stdin=subprocess.DEVNULL,
                    stdout=self._log,
                    stderr=self._log,
                    env=self._environment,
                    pass_fds=[theirs.fileno(), self._lifeline],
                    start_new_session=True,  # an interrupt at the terminal is the search's to handle
                )
        except (OSError, ValueError) as error:
            self._channel.close()
            raise ExecutorError(f"a worker could not be started: {error}") from None
        self._ready, self._heard, self._unsaid, self._said = False, b"", b"", 0
        self._verdict: tuple[str, str] | None = None
        self._forget()
        self._selector.register(self._channel, selectors.EVENT_READ, self)

    def _forget(self) -> None:
        """There is no process of a task yet, or none any more."""
        self._pid: int | None = None
        self._gone: float | None = None
        self._since, self._moved = self._clock.look(), 0.0

    def _say(self, line: bytes) -> None:
        """Send what it takes at once; the rest later."""
        self._unsaid += line
        with contextlib.suppress(OSError):  # it takes no more now, or has ended, of which `hear` tells
            while self._unsaid:
                self._unsaid = self._unsaid[self._channel.send(self._unsaid) :]

    def _answered(self, plain: Any) -> Outcome | None:
        """What an answer means. Raises ValueError where it is none."""
        if not isinstance(plain, dict):
            raise ValueError("it is no JSON object")
        if plain == {"ready": True} and not self._ready:
            self._ready = True
            self._since = self._clock.look()  # from when a task may begin
        elif self.task is None:
            raise ValueError("there is no task")
        elif "pid" in plain and self._pid is None:
            self._begun(plain["pid"])
        elif "died" in plain:
            return self._failed(*(self._verdict or ("crashed", self._death(plain["died"]))))
        else:
            outcome = read_outcome(self.task, plain)
            self._done()
            return outcome
        return None

    def _begun(self, pid: Any) -> None:
        try:
            parent = psutil.Process(pid).ppid()
        except psutil.NoSuchProcess:
            parent = self._process.pid  # it is gone already
        except (TypeError, ValueError, OverflowError, psutil.Error) as error:
            raise ValueError(f"no process {quoted(pid, 80)}: {error}") from None
        if parent != self._process.pid:
            raise ValueError(f"process {pid} is not the worker's")
        self._forget()
        self._pid, self._failed_starts = pid, 0

    def _judged(self, seconds: float) -> tuple[str, str] | None:
        """Why a task that has run for so many seconds is to be ended, and what it is then."""
        config = self._config
        if self.task.folder is None:  # a finalist may take its time
            if seconds > 60 * config.child_timeout_minutes:
                return "timeout", f"it took more than {config.child_timeout_minutes:g} minutes"
        elif self._stands_still(seconds):
            return "timeout", f"it showed no sign of progress for {config.finalist_stall_minutes:g} minutes"
        if config.child_memory_gib is not None:
            with contextlib.suppress(psutil.Error):
                resident = psutil.Process(self._pid).memory_info().rss / 2**30
                if resident > config.child_memory_gib:
                    return (
                        "out_of_memory",
                        f"it had {resident:.2f} GiB in memory, more than {config.child_memory_gib:g} GiB",
                    )
        return None

    def _stands_still(self, seconds: float) -> bool:
        """Whether a finalist's folder was not touched for too long: a training touches it every few seconds."""
        try:
            sign = self.task.folder.stat().st_mtime_ns
        except OSError:
            sign = None
        if sign != self._sign:
            self._sign, self._moved = sign, seconds
        return seconds - self._moved > 60 * self._config.finalist_stall_minutes

    def _end(self, status: str, reason: str) -> None:
        self._verdict = (status, reason)
        self._signal(signal.SIGKILL)

    def _signal(self, number: int) -> None:
        if not self._over():
            with contextlib.suppress(OSError):
                os.kill(self._pid, number)

    def _over(self) -> bool:
        """Whether the task's process has ended, whoever knows."""
        try:
            return psutil.Process(self._pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True
        except psutil.Error:
            return False

    def _replaced(self, fault: str | None = None) -> Outcome | None:
        """Another worker takes the place of this one, which is gone or of no use; the outcome of a task that had begun.

        Args:
            fault: what is wrong with it; None where it ended.
        """
        words = self._last_words()
        how = self._release(0.5 if fault is None else 0.0)
        fault = fault or f"ended {how}"
        waiting, begun = self.task, self._pid is not None
        if not begun and not (self._ready and waiting is None):
            self._failed_starts += 1
            if self._failed_starts == _STARTS:
                said = words.splitlines()[-1] if words else "it said nothing"
                raise ExecutorError(f"a worker could not be started, it {fault}: {said}")
        outcome = None
        if begun:
            outcome = self._failed(*(self._verdict or ("crashed", f"its worker {fault}: {words}")))
        self._start()
        self.set_up(self._setup)
        if waiting is not None and not begun:
            self.submit(waiting)
        return outcome

    def _failed(self, status: str, reason: str) -> Outcome:
        seconds = self._clock.look() - self._since
        return Outcome(self._done(), status, None, {"error": reason[:1000]}, seconds)

    def _done(self) -> Task:
        """The task that has ended; from now on there is none."""
        task, self.task = self.task, None
        self._forget()
        return task

    def _death(self, code: Any) -> str:
        if code == -signal.SIGKILL:
            return "its process was killed, maybe by the system for want of memory"
        return f"its process ended {_how(code)}: {self._last_words() or 'it said nothing'}"

    def _last_words(self) -> str:
        """The end of what the worker and its child wrote since the task began."""
        size = os.fstat(self._log.fileno()).st_size
        start = max(self._said, size - 10 * _LAST_WORDS)
        lines = os.pread(self._log.fileno(), size - start, start).split(b"\n")
        words = b"\n".join(line for line in lines if not is_noise(line, level_wanted()))
        return words[-_LAST_WORDS:].decode(errors="replace").strip()

    def _release(self, patience_seconds: float) -> str:
        """End the worker, by force after a while, and what it has under way; says how the worker ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience_seconds)
        with contextlib.suppress(OSError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._selector.unregister(self._channel)
        self._channel.close()
        self._log.close()
        try:
            return _how(self._process.wait(_END_SECONDS))
        except subprocess.TimeoutExpired:  # a system call of it never returns
            return "not even when it was killed"


def _how(code: Any) -> str:
    try:
        return f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    except (TypeError, ValueError):  # a signal without a name
        return f"with {quoted(code, 40)}"
