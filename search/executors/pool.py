"""The workers of one machine, each with one task at a time."""

import os
import selectors
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence

from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.executors.base import CLOSED, ExecutorError, Outcome, Task
from nasnet_keras.search.executors.clock import Clock
from nasnet_keras.search.executors.handle import Handle

__all__ = ["GRACE_SECONDS", "Pool"]

GRACE_SECONDS = 20.0
"""The time of a finalist to write its checkpoint."""

_TICK_SECONDS = 0.2


class Pool:
    """Workers that do tasks in forks: see `worker`. If one ends, stops or hangs, another takes its place.

    Args:
        config: the configuration of the search, for the limits of children and finalists.
        evaluator: the `objects.class_name` of the evaluator, whose modules the workers import at once.
        environments: the environment of each worker.
        keep: `(task, output)`; takes the last output of a task that failed.

    Attributes:
        workers: the workers.

    Raises:
        ExecutorError: no process can be started.
    """

    def __init__(
        self,
        config: SearchConfig,
        evaluator: str,
        environments: Sequence[Mapping[str, str]],
        keep: Callable[[Task, bytes], None],
    ) -> None:
        self._lifeline = os.pipe()
        self._selector = selectors.DefaultSelector()
        self._outcomes: deque[Outcome] = deque()
        self.workers: list[Handle] = []
        clock = Clock()
        try:
            for one in environments:
                self.workers.append(Handle(config, evaluator, one, self._lifeline[0], self._selector, clock, keep))
        except BaseException:
            self.close()
            raise

    def check_open(self) -> None:
        """Raise an `ExecutorError` if it was closed."""
        if not self.workers:
            raise ExecutorError(CLOSED)

    def set_up(self, setup: bytes) -> None:
        """Send the line that describes the evaluator to all workers, of the present and of the future."""
        self.check_open()
        for worker in self.workers:
            worker.set_up(setup)

    def submit(self, task: Task) -> None:
        """Send a task to a free worker."""
        next(worker for worker in self.workers if worker.task is None).submit(task)

    def wait(self, timeout_seconds: float) -> Outcome | None:
        """Return the outcome of a task; None if none ended in time, at once if nothing is under way.

        Raises:
            ExecutorError: a worker ended, and no other could be started.
        """
        until = time.monotonic() + timeout_seconds
        while not self._outcomes and any(worker.task for worker in self.workers):
            # Answers are read before limits are checked, since an answer may have waited for longer than a limit.
            ready = self._selector.select(min(_TICK_SECONDS, max(0.0, until - time.monotonic())))
            for act in (*(key.data.hear for key, _ in ready), *(worker.watch for worker in self.workers)):
                if outcome := act():
                    self._outcomes.append(outcome)
            if time.monotonic() >= until:
                break
        return self._outcomes.popleft() if self._outcomes else None

    def close(self) -> None:
        """End all workers; finalists may write their checkpoints before. A second call does nothing."""
        for worker in self.workers:
            worker.ask_to_stop()
        until = time.monotonic() + GRACE_SECONDS
        while time.monotonic() < until and any(worker.stopping() for worker in self.workers):
            time.sleep(0.05)
        for worker in self.workers:
            worker.close()
        self.workers = []
        if self._lifeline:
            for end in self._lifeline:
                os.close(end)
            self._lifeline = ()
            self._selector.close()
