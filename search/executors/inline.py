"""Tasks in this process, one after another."""

import platform
from pathlib import Path

from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.search.executors.base import Executor, Outcome, Task, perform

__all__ = ["Inline"]


class Inline(Executor):
    """Does a task when the search waits for its outcome.

    It starts no process, so it suits evaluators that look children up, debuggers, and machines without room for more
    processes. It has no limits of time and memory, and a crash of a child's process ends the search.
    """

    capacity = 1

    def __init__(self, config: SearchConfig, evaluator: Evaluator | None = None) -> None:
        del config, evaluator
        self._task: Task | None = None

    def start(self, evaluator: Evaluator, folder: Path) -> None:
        del folder
        self._evaluator = evaluator

    def submit(self, task: Task) -> None:
        self._task = task

    def wait(self, timeout_seconds: float) -> Outcome | None:
        del timeout_seconds
        task, self._task = self._task, None
        return None if task is None else perform(self._evaluator, task)

    def close(self) -> None:
        self._task = None

    def places(self) -> dict[str, int]:
        return {platform.node(): int(self._task is not None)}
