"""A worker: a process that has imported the evaluator's modules, such as TensorFlow, and forks others for the tasks.

Importing takes longer than many children train. A process that has imported, and has not started TensorFlow's threads,
can be forked: the fork has nothing left to import and shares the memory of the data set. What one child leaves there,
such as traced layers, saves the next one time, so that a fork may do several.

A worker reads JSON lines from a socket: the evaluator and the command of the search, then one task at a time. It
answers there with `{"ready": true}`, then for each task with `{"pid": …}` and its end: an outcome, or
`{"died": exit code}`. Its other output is for people. The search holds the other end of a pipe, the lifeline: all
tasks, and the processes that they started and that have not left their process groups, end when the search ends, in
whatever way it ends.
"""

import dataclasses
import gc
import json
import os
import signal
import subprocess
import sys
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.executors.base import Outcome, Task, perform
from nasnet_keras.search.executors.forked import Forked, end_group
from nasnet_keras.search.objects import load_class, rebuilt
from nasnet_keras.search.rungs import read_floors
from nasnet_keras.search.study.trial import REWARDED, genotype_of, genotype_text
from nasnet_keras.utils import environment

__all__ = ["command", "main", "outcome_values", "read_outcome", "read_task", "task_line"]

_VALUES = ("status", "reward", "metrics", "seconds")  # of an outcome
_BOOT = """
import sys
sys.path[:] = sys.argv[4:]
from nasnet_keras.search.executors.worker import main
main(int(sys.argv[1]), int(sys.argv[2]), sys.argv[3])
"""


def command(channel: int, lifeline: int, evaluator: str) -> list[str]:
    """Compose the command of a worker that has the Python, the options and the import path of this process.

    Args:
        channel, lifeline: descriptors that the worker inherits.
        evaluator: the `objects.class_name` of the evaluator, whose class the worker imports at once.
    """
    options = subprocess._args_from_interpreter_flags()  # as Python's own `multiprocessing` starts its processes
    path = [entry for entry in sys.path if isinstance(entry, str)]
    # -P: nothing is imported from the current folder before the path is set.
    return [sys.executable, *options, "-P", "-c", _BOOT, str(channel), str(lifeline), evaluator, *path]


def task_line(task: Task) -> bytes:
    """Write a task as a line."""
    folder = None if task.folder is None else str(task.folder)
    plain = {"group": task.group, "number": task.number, "seed": task.seed, "folder": folder, "stage": task.stage}
    floors = {"floors": list(map(dataclasses.asdict, task.floors))} if task.floors else {}
    return json.dumps({**plain, **floors, "genotype": json.loads(genotype_text(task.genotype))}).encode() + b"\n"


def read_task(line: bytes) -> Task:
    """Read the line that `task_line` wrote."""
    plain = json.loads(line)
    folder = None if plain["folder"] is None else Path(plain["folder"])
    floors = read_floors(plain.get("floors", ()))
    return Task(**{**plain, "genotype": genotype_of(plain["genotype"]), "folder": folder, "floors": floors})


def outcome_values(outcome: Outcome) -> dict[str, Any]:
    """Return the values of an outcome, without its task, for `read_outcome`."""
    return {name: getattr(outcome, name) for name in _VALUES}


def read_outcome(task: Task, plain: dict[str, Any]) -> Outcome:
    """Read a worker's answer as an outcome.

    Raises:
        ValueError: the answer is not an outcome.
    """
    if missing := [name for name in _VALUES if name not in plain]:
        raise ValueError(f"it has no {', '.join(missing)}")
    outcome = Outcome(task, *(plain[name] for name in _VALUES))
    outcome.check()
    return outcome


def main(channel: int, lifeline: int, evaluator: str) -> None:
    """Work until the search closes the channel: see `command`."""
    for descriptor in (channel, lifeline):
        os.set_inheritable(descriptor, False)  # libraries may start programs, which must not have it
    stops = (signal.SIGINT, signal.SIGTERM)
    for number in stops:  # the search handles them, when all its processes are told to stop
        signal.signal(number, signal.SIG_IGN)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, stops)  # what started the search may block them, and finalists need them
    environment.prepare()
    load_class(evaluator)  # meanwhile the search prepares
    lines = os.fdopen(channel, "rb")
    if setup := lines.readline():
        _work(json.loads(setup), lines, channel, lifeline)


def _work(setup: dict[str, Any], lines: Iterable[bytes], channel: int, lifeline: int) -> None:
    sys.argv = setup["command"]  # the command of the search, for the cards
    config = SearchConfig.from_json(setup["config"])
    evaluator = rebuilt(setup["evaluator"], config=config)
    tasks = _Tasks(evaluator, config, channel, lifeline, setup.get("scratch"))
    gc.collect()
    gc.freeze()  # what is here stays: the forks need not look for garbage in it
    _say(channel, {"ready": True})
    for line in lines:
        _say(channel, tasks.do(line))
    end_group(lifeline, setup.get("scratch"))


class _Tasks:
    """Does tasks in forks: children may share one, see `Evaluator.children_per_process`, any other task has its own."""

    def __init__(
        self, evaluator: Any, config: SearchConfig, channel: int, lifeline: int, scratch: str | None = None
    ) -> None:
        self._evaluator, self._channel, self._pipes = evaluator, channel, (channel, lifeline, scratch)
        limited = config.child_memory_gib is not None  # the memory of one child, not what others left
        self._most = 1 if limited else evaluator.children_per_process
        self._fork: Forked | None = None

    def do(self, line: bytes) -> dict[str, Any]:
        """Do the task of a line; returns its outcome, or its exit code, as an answer."""
        task = read_task(line)
        is_child = task.folder is None and task.stage == "train"
        if not is_child or (self._fork is not None and not self._fork.take(line)):
            self._end()
        if self._fork is None:
            try:
                self._fork = Forked(self._outcome, *self._pipes)
            except OSError as error:
                error = {"error": f"its process could not be started: {error}"}
                return {"status": "crashed", "reward": None, "metrics": error, "seconds": 0.0}
            self._fork.take(line)
        _say(self._channel, {"pid": self._fork.pid})
        answer = self._fork.answer()
        if not (is_child and answer.get("status") in REWARDED and self._fork.lines < self._most):
            self._end()
        return answer

    def _outcome(self, line: bytes) -> dict[str, Any]:
        return outcome_values(perform(self._evaluator, read_task(line), traceback.print_exc))

    def _end(self) -> None:
        if self._fork is not None:
            self._fork.end()
        self._fork = None


def _say(channel: int, plain: dict[str, Any]) -> None:
    line = json.dumps(plain).encode() + b"\n"
    try:
        while line:
            line = line[os.write(channel, line) :]
    except OSError:  # the search has ended, as the next line says, too
        return
