"""A process that has imported TensorFlow, and forks a process for every task: `python -m …worker LIFELINE`.

Importing takes longer than many a child. A fork of a process that has imported, and has not started TensorFlow's
threads, has nothing left to import and shares the memory of the data set.

It reads JSON lines: the search's configuration and command, then tasks one at a time. It answers `{"ready": true}`,
then for each task `{"pid": …}` and how it ended, an outcome or `{"died": exit code}`. `LIFELINE` is the descriptor of
a pipe that ends when the search does, however it does; so do all tasks then.
"""

import json
import os
import signal
import sys
import threading
import time
import traceback
from pathlib import Path
from typing import Any

from nasnet_keras import environment
from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.executors.base import Outcome, Task, perform
from nasnet_keras.search.trial import genotype_of, genotype_text

__all__ = ["read_outcome", "task_line"]

_FORKS = 10
_PAUSE = 3.0  # seconds between two


def task_line(task: Task) -> bytes:
    """A task as a line."""
    folder = None if task.folder is None else str(task.folder)
    plain = {"group": task.group, "number": task.number, "seed": task.seed, "folder": folder}
    return json.dumps({**plain, "genotype": json.loads(genotype_text(task.genotype))}).encode() + b"\n"


def read_outcome(task: Task, plain: dict[str, Any]) -> Outcome:
    """What a worker answered."""
    return Outcome(task, plain["status"], plain["reward"], plain["metrics"], plain["seconds"])


def main() -> None:
    lifeline = int(sys.argv[1])
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb", buffering=0)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what libraries print must not come between answers
    for number in (signal.SIGINT, signal.SIGTERM):  # the search's to handle, when all its processes are told to stop
        signal.signal(number, signal.SIG_IGN)
    environment.prepare()
    from nasnet_keras.search import evaluators
    from nasnet_keras.search.evaluators import child  # noqa: F401 – imported while the search prepares

    setup = sys.stdin.buffer.readline()
    if not setup:
        return
    setup = json.loads(setup)
    sys.argv = setup["command"]  # of the search, for the cards
    evaluator = evaluators.make(SearchConfig.from_json(setup["config"]))
    _say(answers, {"ready": True})
    for line in sys.stdin.buffer:
        plain = json.loads(line)
        folder = None if plain["folder"] is None else Path(plain["folder"])
        task = Task(**{**plain, "genotype": genotype_of(plain["genotype"]), "folder": folder})
        _say(answers, _forked(evaluator, task, lifeline, answers))


def _forked(evaluator: Any, task: Task, lifeline: int, answers: Any) -> dict[str, Any]:
    """How a task ended that was done in a process of its own."""
    reading, writing = os.pipe()
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
            os.close(reading)
            answers.close()  # the search must see the worker's end, not this process's
            threading.Thread(target=_die_with, args=(lifeline,), daemon=True).start()
            outcome = perform(evaluator, task)
            plain = {name: getattr(outcome, name) for name in ("status", "reward", "metrics", "seconds")}
            with os.fdopen(writing, "wb") as file:
                file.write(json.dumps(plain).encode())
            code = 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stderr.flush()
            os._exit(code)  # nothing of the parent's is to be cleaned up
    os.close(writing)
    _say(answers, {"pid": pid})
    with os.fdopen(reading, "rb") as file:
        text = file.read()
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return json.loads(text) if code == 0 else {"died": code}


def _fork() -> int:
    """Fork, where there is too little memory or there are too many processes, after a while."""
    for _ in range(_FORKS - 1):
        try:
            return os.fork()
        except OSError:
            time.sleep(_PAUSE)
    return os.fork()


def _die_with(lifeline: int) -> None:
    os.read(lifeline, 1)  # returns when nobody can write any more
    os._exit(1)


def _say(answers: Any, plain: dict[str, Any]) -> None:
    try:
        answers.write(json.dumps(plain).encode() + b"\n")
    except BrokenPipeError:  # nobody listens any more
        os._exit(1)


if __name__ == "__main__":
    main()
