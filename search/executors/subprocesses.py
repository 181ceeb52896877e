"""Tasks in processes of their own, several at once, within limits of time and memory."""

import contextlib
import json
import os
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from nasnet_keras import files
from nasnet_keras.environment import cores
from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.search.executors.base import Executor, ExecutorError, Outcome, Task
from nasnet_keras.search.executors.gpus import visible_gpus
from nasnet_keras.search.executors.worker import read_outcome, task_line
from nasnet_keras.workdir import WorkdirError

__all__ = ["Subprocesses"]

_TICK_SECONDS = 0.2
_STARTS = 3  # of a worker, one after another, before the search is given up
_GRACE_SECONDS = 20.0  # for a finalist to write its checkpoint


class Subprocesses(Executor):
    """Forks every task from a worker that has imported TensorFlow before: see `worker`.

    A child that is killed, runs out of memory or hangs is a recorded trial. Without GPUs, the workers share the
    cores; with them, each worker's children see `gpus_per_child` of their own.

    Args:
        config: of the search: `workers`, `gpus_per_child`, `child_timeout_minutes`, `child_memory_gib`.

    Raises:
        ValueError: there are too few GPUs.
    """

    def __init__(self, config: SearchConfig) -> None:
        self._config = config
        environments = _environments(config)
        self._folder: Path | None = None
        self._lifeline = os.pipe()
        self._selector = selectors.DefaultSelector()
        self._setup = b""
        self._closing = False
        self.capacity = len(environments)
        self._workers = [_Worker(self, environment) for environment in environments]

    def start(self, evaluator: Evaluator, folder: Path) -> None:
        self._folder = folder / ".workers"
        files.check(self._folder)
        shutil.rmtree(self._folder, ignore_errors=True)  # of a search that was killed
        self._folder.mkdir()
        config = evaluator.exported(self._config, self._folder)
        self._setup = json.dumps({"config": config.to_json(), "command": sys.argv}).encode() + b"\n"
        for worker in self._workers:
            worker.say(self._setup)

    def submit(self, task: Task) -> None:
        next(worker for worker in self._workers if worker.task is None).submit(task)

    def wait(self, timeout_seconds: float) -> Outcome | None:
        until = time.monotonic() + timeout_seconds
        while any(worker.task for worker in self._workers):
            for key, _ in self._selector.select(min(_TICK_SECONDS, max(0.0, until - time.monotonic()))):
                if outcome := key.data.hear():
                    return outcome
            for worker in self._workers:
                worker.watch()
            if time.monotonic() >= until:
                break
        return None

    def close(self) -> None:
        self._closing = True
        for worker in self._workers:
            worker.ask_to_stop()
        until = time.monotonic() + _GRACE_SECONDS
        while time.monotonic() < until and any(worker.stopping() for worker in self._workers):
            time.sleep(0.05)
        for worker in self._workers:
            worker.close()
        self._workers = []
        if self._lifeline:
            for end in self._lifeline:
                os.close(end)
            self._lifeline = ()
            self._selector.close()
        if self._folder is not None:
            with contextlib.suppress(WorkdirError):  # another process's by now
                files.check(self._folder)
                shutil.rmtree(self._folder, ignore_errors=True)


class _Worker:
    """A worker's process, seen from the search."""

    def __init__(self, executor: Subprocesses, environment: dict[str, str]) -> None:
        self._executor, self._environment = executor, environment
        self._failed_starts = 0
        self.task: Task | None = None
        self._start()

    def _start(self) -> None:
        lifeline = self._executor._lifeline[0]
        self._log = tempfile.TemporaryFile()  # noqa: SIM115 – closed by `_release`
        self._process = subprocess.Popen(
            [sys.executable, "-m", "nasnet_keras.search.executors.worker", str(lifeline)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._log,
            env=self._environment,
            pass_fds=[lifeline],
            start_new_session=True,  # an interrupt at the terminal is the search's to handle
        )
        self._ready, self._heard, self._said = False, b"", 0
        self._began = time.monotonic()
        self._pid: int | None = None
        self._verdict: tuple[str, str] | None = None
        self._executor._selector.register(self._process.stdout, selectors.EVENT_READ, self)

    def say(self, line: bytes) -> None:
        with contextlib.suppress(BrokenPipeError):  # `hear` tells of its end
            self._process.stdin.write(line)
            self._process.stdin.flush()

    def submit(self, task: Task) -> None:
        self.task, self._began, self._pid, self._verdict = task, time.monotonic(), None, None
        self._said = os.fstat(self._log.fileno()).st_size
        self.say(task_line(task))

    def hear(self) -> Outcome | None:
        """Read what it answered; an outcome, once it is whole."""
        data = os.read(self._process.stdout.fileno(), 65536)
        self._heard += data
        if not data:
            return self._ended()
        *lines, self._heard = self._heard.split(b"\n")
        for line in lines:
            answer = json.loads(line)
            self._ready, self._failed_starts = True, 0
            if "pid" in answer:
                self._pid, self._began = answer["pid"], time.monotonic()
            elif "died" in answer:
                return self._failed(*(self._verdict or ("crashed", self._death(answer["died"]))))
            elif "status" in answer:
                return read_outcome(self._done(), answer)
        return None

    def watch(self) -> None:
        """Kill a child that is beyond its limits; its outcome comes as that of any killed one."""
        config = self._executor._config
        if self.task is None or self._pid is None or self._verdict is not None:
            return
        is_child = self.task.folder is None  # a finalist may take its time
        if is_child and time.monotonic() - self._began > 60 * config.child_timeout_minutes:
            self._kill("timeout", f"it took more than {config.child_timeout_minutes:g} minutes")
        elif config.child_memory_gib is not None:
            with contextlib.suppress(psutil.Error):
                resident = psutil.Process(self._pid).memory_info().rss / 2**30
                if resident > config.child_memory_gib:
                    message = f"it had {resident:.2f} GiB in memory, more than {config.child_memory_gib:g} GiB"
                    self._kill("out_of_memory", message)

    def ask_to_stop(self) -> None:
        """Let a finalist write its checkpoint; a child has nothing to write."""
        if self.task is not None and self._pid is not None:
            with contextlib.suppress(ProcessLookupError):
                # Not a termination: a cluster may have sent one to all processes, and a second would not wait.
                os.kill(self._pid, signal.SIGINT if self.task.folder is not None else signal.SIGKILL)

    def stopping(self) -> bool:
        """Whether a finalist is still at it."""
        return self.task is not None and self.task.folder is not None and psutil.pid_exists(self._pid or -1)

    def close(self) -> None:
        if not self._process.stdout.closed:
            self._release()

    def _kill(self, status: str, reason: str) -> None:
        self._verdict = (status, reason)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)

    def _ended(self) -> Outcome | None:
        """The worker itself is gone: another takes its place."""
        words = self._last_words()
        how = self._release()
        if not self._ready:
            self._failed_starts += 1
            if self._failed_starts == _STARTS:
                said = words.splitlines()[-1] if words else "it said nothing"
                raise ExecutorError(f"a worker could not be started, it ended {how}: {said}")
        outcome = self._failed("crashed", f"its worker ended {how}: {words}") if self._pid is not None else None
        waiting = self.task
        self._start()
        self.say(self._executor._setup)
        if waiting is not None and outcome is None:  # not begun yet
            self.submit(waiting)
        return outcome

    def _failed(self, status: str, reason: str) -> Outcome:
        return Outcome(self._done(), status, None, {"error": reason[:1000]}, time.monotonic() - self._began)

    def _done(self) -> Task:
        """The task that has ended; from now on there is none."""
        task, self.task, self._pid = self.task, None, None
        return task

    def _death(self, code: int) -> str:
        if code == -signal.SIGKILL:
            return "its process was killed, maybe by the system for want of memory"
        return f"its process ended {_how(code)}: {self._last_words() or 'it said nothing'}"

    def _last_words(self) -> str:
        """The end of what the worker and its child wrote since the task began."""
        start = max(self._said, os.fstat(self._log.fileno()).st_size - 500)
        return os.pread(self._log.fileno(), 500, start).decode(errors="replace").strip()

    def _release(self) -> str:
        """End the worker and what it has under way; says how the worker ended."""
        with contextlib.suppress(subprocess.TimeoutExpired):  # where it ends by itself
            self._process.wait(0.5 if not self._executor._closing else 0.0)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._executor._selector.unregister(self._process.stdout)
        for file in (self._process.stdin, self._process.stdout, self._log):
            with contextlib.suppress(BrokenPipeError):
                file.close()
        return _how(self._process.wait())


def _how(code: int) -> str:
    return f"by {signal.Signals(-code).name}" if code < 0 else f"with exit code {code}"


def _environments(config: SearchConfig) -> list[dict[str, str]]:
    """Of each worker: its share of the GPUs or of the cores."""
    gpus, each = visible_gpus(), config.gpus_per_child
    available = cores()
    if gpus and len(gpus) < each * (config.workers or 1):
        raise ValueError(
            f"{config.workers or 1} workers of {each} GPUs each need {each * (config.workers or 1)}, "
            f"and {len(gpus)} are visible: {', '.join(gpus)}"
        )
    workers = config.workers or min(config.window, len(gpus) // each if gpus else available)
    threads = str(max(1, available // workers))
    base: dict[str, Any] = {"TQDM_DISABLE": "1"}
    base |= {name: os.environ.get(name, threads) for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS")}
    shares = [",".join(gpus[i * each : (i + 1) * each]) for i in range(workers)]
    return [{**os.environ, **base, **({"CUDA_VISIBLE_DEVICES": share} if gpus else {})} for share in shares]
