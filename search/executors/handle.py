"""A worker's process, seen from the search: tasks and answers, limits, and its replacement if it fails."""

import contextlib
import json
import os
import selectors
import signal
import socket
import subprocess
import tempfile
from collections.abc import Callable
from typing import Any

import psutil

from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.executors.base import BUSY, ExecutorError, Outcome, Task
from nasnet_keras.search.executors.clock import Clock
from nasnet_keras.search.executors.worker import command, read_outcome, task_line
from nasnet_keras.search.study.trial import REWARDED
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.noise import Noise, level_wanted

__all__ = ["Handle"]

_LAST_WORDS = 500  # bytes of the last output of a process
_LONGEST_LOG = 2**16  # bytes of the last output of a process that are kept in a file
_STARTS = 3  # failed starts of a worker, one after another, after which the search ends
_READY_SECONDS = 600.0  # the time of a worker to import its modules and to read the data set
_BEGIN_SECONDS = 120.0  # the time of a worker to begin a task; it tries to fork for half a minute
_ANSWER_SECONDS = 60.0  # the time of a worker to report the end of a task after its process is gone
_END_SECONDS = 10.0  # the time of the system to end a process that was killed
_LONGEST_ANSWER = 2**24  # bytes of an answer


class Handle:
    """A worker's process, which is replaced by another one when it ends or is late.

    Args:
        config: the configuration of the search, for the limits of time and memory.
        evaluator: the `objects.class_name` of the evaluator.
        environment: the environment of the process.
        lifeline: the descriptor of a pipe that ends when this process ends.
        selector: the selector that reports its answers.
        clock: the clock of the executor.
        keep: `(task, output)`; takes the last output of a task that failed.

    Attributes:
        task: the task that it does; None if it is free.

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
        keep: Callable[[Task, bytes], None],
    ) -> None:
        self._config, self._evaluator, self._environment, self._lifeline = config, evaluator, environment, lifeline
        self._selector, self._clock, self._keep = selector, clock, keep
        self._setup = b""
        self._failed_starts = 0
        self.task: Task | None = None
        self._start()

    def set_up(self, setup: bytes) -> None:
        """Send the line that describes the evaluator."""
        self._setup = setup
        self._since = self._clock.look()
        self._say(setup)

    def submit(self, task: Task) -> None:
        """Send it a task."""
        self.task, self._verdict, self._sign = task, None, None
        self._said = os.fstat(self._log.fileno()).st_size
        self._forget()
        self._say(task_line(task))

    def hear(self) -> Outcome | None:
        """Read its answers; returns an outcome once it is complete.

        Raises:
            ExecutorError: the worker ended, and no other could be started.
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
        """End a child beyond its limits, a finalist that stands still, or a worker that is late."""
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
        """Let a finalist write its checkpoint, and kill a child."""
        if self.task is not None and self._pid is not None:
            # An interrupt and no termination: a cluster may have sent one to all processes, and a second ends at once.
            self._signal(signal.SIGINT if self.task.folder is not None else signal.SIGKILL)

    def stopping(self) -> bool:
        """Whether a finalist is still running."""
        return self.task is not None and self.task.folder is not None and self._pid is not None and not self._over()

    def close(self) -> None:
        """End the worker and its task."""
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
                    start_new_session=True,  # the search handles an interrupt at the terminal
                )
        except (OSError, ValueError) as error:
            self._channel.close()
            raise ExecutorError(f"a worker could not be started: {error}") from None
        self._ready, self._heard, self._unsaid, self._said = False, b"", b"", 0
        self._verdict: tuple[str, str] | None = None
        self._forget()
        self._selector.register(self._channel, selectors.EVENT_READ, self)

    def _forget(self) -> None:
        """Note that no process does a task, not yet or no longer."""
        self._pid: int | None = None
        self._gone: float | None = None
        self._since, self._moved = self._clock.look(), 0.0

    def _say(self, line: bytes) -> None:
        """Send a line as far as the channel takes it, and the rest later."""
        self._unsaid += line
        with contextlib.suppress(OSError):  # the channel is full, or the worker has ended, which `hear` finds
            while self._unsaid:
                self._unsaid = self._unsaid[self._channel.send(self._unsaid) :]

    def _answered(self, plain: Any) -> Outcome | None:
        """Act on an answer; returns an outcome. A ValueError means that it is not an answer."""
        if not isinstance(plain, dict):
            raise ValueError("it is no JSON object")
        if plain == {"ready": True} and not self._ready:
            self._ready = True
            self._since = self._clock.look()  # a task may begin now
        elif self.task is None:
            raise ValueError("there is no task")
        elif "pid" in plain and self._pid is None:
            self._begun(plain["pid"])
        elif "died" in plain:
            return self._failed(*(self._verdict or ("crashed", self._death(plain["died"]))), self._output(_LONGEST_LOG))
        else:
            outcome = read_outcome(self.task, plain)
            if outcome.status not in (*REWARDED, BUSY):
                self._keep(self.task, self._output(_LONGEST_LOG))
            self._done()
            return outcome
        return None

    def _begun(self, pid: Any) -> None:
        try:
            parent = psutil.Process(pid).ppid()
        except psutil.NoSuchProcess:
            parent = self._process.pid  # the task's process has ended already
        except (TypeError, ValueError, OverflowError, psutil.Error) as error:
            raise ValueError(f"no process {quoted(pid, 80)}: {error}") from None
        if parent != self._process.pid:
            raise ValueError(f"process {pid} is not the worker's")
        self._forget()
        self._pid, self._failed_starts = pid, 0

    def _judged(self, seconds: float) -> tuple[str, str] | None:
        """The status and the reason of a task that must end after so many seconds; None if it may run."""
        config = self._config
        if self.task.folder is None:  # finalists have no limit of time
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
        """Whether the task's process has ended, even if the worker does not know."""
        try:
            return psutil.Process(self._pid).status() == psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return True
        except psutil.Error:
            return False

    def _replaced(self, fault: str | None = None) -> Outcome | None:
        """Replace the worker, which has ended or is of no use; returns the outcome of a task that had begun.

        Args:
            fault: the worker's fault, in words; None if it ended.
        """
        words, output = self._last_words(), self._output(_LONGEST_LOG)
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
            outcome = self._failed(*(self._verdict or ("crashed", f"its worker {fault}: {words}")), output)
        self._start()
        self.set_up(self._setup)
        if waiting is not None and not begun:
            self.submit(waiting)
        return outcome

    def _failed(self, status: str, reason: str, output: bytes) -> Outcome:
        seconds = self._clock.look() - self._since
        self._keep(self.task, output)
        return Outcome(self._done(), status, None, {"error": reason[:1000]}, seconds)

    def _done(self) -> Task:
        """Forget the task, which has ended, and return it."""
        task, self.task = self.task, None
        self._forget()
        return task

    def _death(self, code: Any) -> str:
        if code == -signal.SIGKILL:
            return "its process was killed, maybe by the system for want of memory"
        return f"its process ended {_how(code)}: {self._last_words() or 'it said nothing'}"

    def _last_words(self) -> str:
        """The last output of the worker and its child since the task began, without noise."""
        lines, noise = self._output(10 * _LAST_WORDS).split(b"\n"), Noise(level_wanted())
        words = b"\n".join(line for line in lines if not noise(line))
        return words[-_LAST_WORDS:].decode(errors="replace").strip()

    def _output(self, most: int) -> bytes:
        """The last output of the worker and its child since the task began, of so many bytes."""
        size = os.fstat(self._log.fileno()).st_size
        start = max(self._said, size - most)
        return os.pread(self._log.fileno(), size - start, start)

    def _release(self, patience_seconds: float) -> str:
        """End the worker and its task, by force after some seconds; returns how the worker ended, in words."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(patience_seconds)
        for group in (self._process.pid, *([] if self._pid is None else [self._pid])):
            with contextlib.suppress(OSError):
                os.killpg(group, signal.SIGKILL)
        self._selector.unregister(self._channel)
        self._channel.close()
        self._log.close()
        try:
            return _how(self._process.wait(_END_SECONDS))
        except subprocess.TimeoutExpired:  # it hangs in a system call
            return "not even when it was killed"


def _how(code: Any) -> str:
    try:
        return f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"
    except (TypeError, ValueError):  # a signal without a name
        return f"with {quoted(code, 40)}"
