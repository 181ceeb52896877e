"""A worker: a process that has imported the evaluator's modules, such as TensorFlow, and forks one for every task.

Importing takes longer than many children train. A process that has imported, and has not started TensorFlow's threads,
can be forked: the fork has nothing left to import and shares the memory of the data set.

A worker reads JSON lines from a socket: the evaluator and the command of the search, then one task at a time. It
answers there with `{"ready": true}`, then for each task with `{"pid": …}` and its end: an outcome, or
`{"died": exit code}`. Its other output is for people. The search holds the other end of a pipe, the lifeline: all
tasks, and the processes that they started and that have not left their process groups, end when the search ends, in
whatever way it ends.
"""

import contextlib
import dataclasses
import json
import os
import select
import shutil
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.executors.base import Outcome, Task, perform
from nasnet_keras.search.objects import load_class, rebuilt
from nasnet_keras.search.rungs import read_floors
from nasnet_keras.search.study.trial import genotype_of, genotype_text
from nasnet_keras.utils import environment

__all__ = ["command", "main", "outcome_values", "read_outcome", "read_task", "task_line"]

_VALUES = ("status", "reward", "metrics", "seconds")  # of an outcome
_FORKS = 10
_LAST_SECONDS = 1.0  # between the end of the channel and that of the lifeline, which the same process holds
_PAUSE = 3.0  # seconds between two attempts
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
    evaluator = rebuilt(setup["evaluator"], config=SearchConfig.from_json(setup["config"]))
    _say(channel, {"ready": True})
    for line in lines:
        _say(channel, _forked(evaluator, read_task(line), lifeline, channel, setup.get("scratch")))
    _end_group(lifeline, setup.get("scratch"))


def _forked(evaluator: Any, task: Task, lifeline: int, channel: int, scratch: str | None = None) -> dict[str, Any]:
    """Do a task in a forked process; returns its outcome, or its exit code, as an answer."""
    reading, writing = os.pipe()
    _flush()
    try:
        pid = _fork()
    except OSError as error:
        os.close(reading)
        os.close(writing)
        error = {"error": f"its process could not be started: {error}"}
        return {"status": "crashed", "reward": None, "metrics": error, "seconds": 0.0}
    if pid == 0:
        code = 1
        try:
            os.setpgid(0, 0)  # so that the processes that it starts can be ended with it
            os.close(reading)
            os.close(channel)  # the search must see the worker's end, not this process's
            threading.Thread(target=_die_with, args=(lifeline, scratch), daemon=True).start()
            outcome = perform(evaluator, task, traceback.print_exc)
            with os.fdopen(writing, "wb") as file:
                file.write(json.dumps(outcome_values(outcome)).encode())
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            _flush()
            os._exit(code)  # without the cleaning up that belongs to the parent
    os.close(writing)
    _say(channel, {"pid": pid})
    with os.fdopen(reading, "rb") as file:
        text = file.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    with contextlib.suppress(OSError):  # there is nobody left, usually
        os.killpg(pid, signal.SIGKILL)
    return json.loads(text) if code == 0 else {"died": code}


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
    _end_group(lifeline, scratch)


def _end_group(lifeline: int, scratch: str | None) -> None:
    """End this process, a worker or a task's, and those that it started, also if their parents are gone.

    The folder that was made for the worker is removed if whoever made it has ended.
    """
    if scratch is not None and select.select([lifeline], [], [], _LAST_SECONDS)[0]:
        shutil.rmtree(scratch, ignore_errors=True)
    if os.getpgrp() == os.getpid():  # its own group, and not that of a terminal in a test or a debugger
        os.killpg(os.getpid(), signal.SIGKILL)
    os._exit(1)


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        with contextlib.suppress(OSError, ValueError):
            stream.flush()


def _say(channel: int, plain: dict[str, Any]) -> None:
    line = json.dumps(plain).encode() + b"\n"
    try:
        while line:
            line = line[os.write(channel, line) :]
    except OSError:  # the search has ended, as the next line says, too
        return
