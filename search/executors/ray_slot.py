"""A slot of a Ray cluster: an actor that owns one worker, as the executor `Subprocesses` owns several.

Ray starts it in a process of its own, with the cores and GPUs that it asked for, and calls its methods. What they take
and return is text, and the bytes of files: no object of a search is pickled. If the actor ends, in whatever way, so do
the worker and its child: see `worker`.
"""

import contextlib
import json
import os
import platform
import socket
import sys
import tempfile
import threading
from importlib import metadata
from pathlib import Path
from typing import Any

from nasnet_keras import __version__
from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.executors.base import ExecutorError, Outcome, Task
from nasnet_keras.search.executors.pool import Pool
from nasnet_keras.search.executors.worker import outcome_values, read_task

__all__ = ["Slot", "versions"]

_LIBRARIES = {"Keras": "keras", "NumPy": "numpy", "TensorFlow": "tensorflow"}
_TICK_SECONDS = 0.5  # between two looks whether a task is to stop


def versions() -> dict[str, str]:
    """Return the versions that must be the same on all machines."""
    libraries = {title: _version(name) for title, name in _LIBRARIES.items()}
    return {"Python": platform.python_version(), "nasnet_keras": __version__, **libraries}


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:  # a build of another name
        return "of no package"


class Slot:
    """One worker, and one task at a time.

    Args:
        plan: JSON text with the `config` of the search, the class of the `evaluator`, the `environment` of workers, the
            `versions` of the search, and its current folder and import path, `cwd` and `path`.
    """

    def __init__(self, plan: str) -> None:
        self._plan = json.loads(plan)
        self._stopped = threading.Event()
        self._output = b""
        self._copies: tempfile.TemporaryDirectory[str] | None = None
        with contextlib.suppress(OSError):  # another machine need not have it
            os.chdir(self._plan["cwd"])
        sys.path[:] = dict.fromkeys((*self._plan["path"], *sys.path))  # which workers are given

    def look(self, mark: str) -> str:
        """Start the worker, and return what is found here, as JSON text.

        Args:
            mark: JSON text with the `path` of a file in the study's folder, and its `text`.

        Returns:
            The `host` and Ray's name of its `node`, the `versions`, and whether it `sees_study`; an `error` if the
            worker cannot be started.
        """
        import ray

        wanted = json.loads(mark)
        try:
            seen = Path(wanted["path"]).read_text(encoding="utf-8") == wanted["text"]
        except (OSError, ValueError):
            seen = False
        found: dict[str, Any] = {"versions": versions(), "sees_study": seen, "host": socket.gethostname()}
        found["node"] = ray.get_runtime_context().get_node_id()
        if found["versions"] == self._plan["versions"]:
            try:
                self._start([str(name) for name in ray.get_gpu_ids()])
            except ExecutorError as error:
                found["error"] = str(error)
        return json.dumps(found)

    def set_up(self, setup: str, names: list[str], *contents: Any) -> None:
        """Send the worker the line that describes the evaluator.

        Args:
            setup: the line.
            names: the names of the study's files that cannot be read here: `study.json`, and that of the data set if
                the search made one for its workers.
            contents: arrays with the bytes of these files.
        """
        if names:
            setup = self._here(setup, names, contents)
        self._pool.set_up(setup.encode())

    def run(self, line: str) -> str:
        """Do a task; return its outcome, and the last output of a task that failed, as JSON text."""
        self._output = b""
        try:
            self._pool.submit(read_task(line.encode()))
            while (outcome := self._pool.wait(_TICK_SECONDS)) is None:
                if self._stopped.is_set():
                    self._pool.close()
                    return json.dumps({"error": "it was stopped"})
        except ExecutorError as error:
            return json.dumps({"error": str(error)})
        return self._answer(outcome)

    def stop(self) -> None:
        """Let a finalist write its checkpoint, and end the task that is under way, in another thread."""
        self._stopped.set()

    def remove_copies(self) -> None:
        """Remove the files that `set_up` wrote; Ray is about to end the process, and its worker before this could."""
        if self._copies is not None:
            self._copies.cleanup()

    def beat(self) -> None:
        """Answer, as a sign that the process runs."""

    def _start(self, gpus: list[str]) -> None:
        """Start the worker; it sees the GPUs that Ray gave to this actor, and none if Ray gave none."""
        environment = {**os.environ, **self._plan["environment"], "CUDA_VISIBLE_DEVICES": ",".join(gpus)}
        config = SearchConfig.from_json(self._plan["config"])
        self._pool = Pool(config, self._plan["evaluator"], [environment], self._keep)

    def _here(self, setup: str, names: list[str], contents: tuple[Any, ...]) -> str:
        """Write files into a folder of this machine; returns the line with their paths."""
        self._copies = tempfile.TemporaryDirectory(prefix="nasnet_keras-")
        folder = Path(self._copies.name)
        for name, content in zip(names, contents, strict=True):
            (folder / name).write_bytes(memoryview(content))
        plain = json.loads(setup)
        config = plain["config"]
        moved = {"workdir": str(folder)}
        if (name := Path(config["dataset"]).name) in names:
            moved["dataset"] = str(folder / name)
        return json.dumps({**plain, "config": {**config, **moved}, "scratch": str(folder)}) + "\n"

    def _keep(self, task: Task, output: bytes) -> None:
        del task
        self._output = output

    def _answer(self, outcome: Outcome) -> str:
        return json.dumps({**outcome_values(outcome), "output": self._output.decode(errors="backslashreplace")})
