"""Tasks in separate processes, several at once, within limits of time and memory."""

import contextlib
import json
import os
import platform
import selectors
import shutil
import sys
import time
from collections import deque
from pathlib import Path
from typing import Any

from nasnet_keras.search import registry
from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.search.executors.base import Executor, ExecutorError, Outcome, Task
from nasnet_keras.search.executors.gpus import visible_gpus
from nasnet_keras.search.executors.handle import Clock, Handle
from nasnet_keras.search.objects import class_name, description
from nasnet_keras.utils import files
from nasnet_keras.utils.environment import cores
from nasnet_keras.utils.workdir import WorkdirError

__all__ = ["Subprocesses"]

_TICK_SECONDS = 0.2
_GRACE_SECONDS = 20.0  # the time of a finalist to write its checkpoint


class Subprocesses(Executor):
    """Forks every task from a worker that has imported TensorFlow before: see `worker`.

    A child that is killed, runs out of memory or hangs is a recorded trial. If a worker ends, stops or hangs, its child
    is a recorded trial, too, and another worker takes its place. Without GPUs, the workers share the cores; with GPUs,
    the children of each worker see `gpus_per_child` GPUs that no other worker has.

    Args:
        config: the configuration of the search: `workers`, `gpus_per_child`, and the limits of children and finalists.
        evaluator: the evaluator that judges, so that workers import its class at once; None for the one that the
            configuration names.

    Raises:
        ValueError: there are too few GPUs.
        ExecutorError: no process can be started.
    """

    def __init__(self, config: SearchConfig, evaluator: Evaluator | None = None) -> None:
        self._config = config
        judge = registry.evaluator(config.evaluator).place if evaluator is None else class_name(type(evaluator))
        environments = _environments(config)
        self._folder: Path | None = None
        self._lifeline = os.pipe()
        self._selector = selectors.DefaultSelector()
        self._outcomes: deque[Outcome] = deque()
        self.capacity = len(environments)
        self._workers: list[Handle] = []
        clock = Clock()
        try:
            for environment in environments:
                self._workers.append(Handle(config, judge, environment, self._lifeline[0], self._selector, clock))
        except BaseException:
            self.close()
            raise

    def start(self, evaluator: Evaluator, folder: Path) -> None:
        if not self._workers:
            raise ExecutorError("the executor was closed: it serves one search, make another")
        self._folder = folder / ".workers"
        files.check(self._folder)
        shutil.rmtree(self._folder, ignore_errors=True)  # left by a search that was killed
        self._folder.mkdir()
        config = evaluator.exported(self._config, self._folder)
        plain = {"evaluator": description(evaluator), "config": config.to_json(), "command": sys.argv}
        setup = json.dumps(plain).encode() + b"\n"
        for worker in self._workers:
            worker.set_up(setup)

    def submit(self, task: Task) -> None:
        next(worker for worker in self._workers if worker.task is None).submit(task)

    def wait(self, timeout_seconds: float) -> Outcome | None:
        until = time.monotonic() + timeout_seconds
        while not self._outcomes and any(worker.task for worker in self._workers):
            # Answers are read before limits are checked, since an answer may have waited for longer than a limit.
            ready = self._selector.select(min(_TICK_SECONDS, max(0.0, until - time.monotonic())))
            for act in (*(key.data.hear for key, _ in ready), *(worker.watch for worker in self._workers)):
                if outcome := act():
                    self._outcomes.append(outcome)
            if time.monotonic() >= until:
                break
        return self._outcomes.popleft() if self._outcomes else None

    def close(self) -> None:
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
            with contextlib.suppress(WorkdirError):  # another process may have taken the folder over
                files.check(self._folder)
                shutil.rmtree(self._folder, ignore_errors=True)

    def places(self) -> dict[str, int]:
        return {platform.node(): sum(worker.task is not None for worker in self._workers)}


def _environments(config: SearchConfig) -> list[dict[str, str]]:
    """The environment of each worker, with its share of the GPUs or of the cores."""
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
