"""The interface of executors."""

import json
import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.search.study.trial import Trial
from nasnet_keras.training.errors import DivergedError, Stopped

__all__ = ["Executor", "ExecutorError", "Outcome", "Task", "as_completed", "perform"]

_WAIT_SECONDS = 1.0  # for an outcome, before showing that time passes


class ExecutorError(Exception):
    """No task can be run any more."""


@dataclass(frozen=True)
class Task:
    """Something for an evaluator to do.

    Attributes:
        group: whose `number`: `search`, `random`, `derived` or `final`.
        number: of the trial or the finalist.
        genotype: to be judged.
        seed: of everything random.
        folder: to train it to the end in; None to evaluate it as a child.
    """

    group: str
    number: int
    genotype: Any
    seed: int
    folder: Path | None = None


@dataclass(frozen=True)
class Outcome:
    """How a task ended.

    Attributes:
        task: that was submitted.
        status: one of `trial.STATUSES`.
        reward: of a child, or the score of a finalist, whose status is `ok`; else None.
        metrics: whatever was measured, or `{"error": …}`.
        seconds: that it took.
    """

    task: Task
    status: str
    reward: float | None
    metrics: dict[str, Any]
    seconds: float

    def trial(self) -> Trial:
        """As a record."""
        task = self.task
        return Trial(task.number, task.genotype, self.status, self.reward, self.metrics, self.seconds, task.seed)


class Executor(ABC):
    """Runs tasks. The rules:

    - At most `capacity` tasks are under way at once; a caller that submits more is in error.
    - However a task ends, `wait` returns its outcome, and nothing that a task does ends the caller or another task.
    - An outcome does not depend on the executor, as far as the evaluator's does not.
    - It is made before anything else of a search, since it may have processes to start, and `start` comes before
      `submit`.
    - `close` ends what is under way, giving finalists time to write their checkpoints. An executor whose process is
      killed leaves nothing running.
    - An object belongs to one thread.

    Attributes:
        capacity: tasks that may be under way at once.
    """

    capacity: int

    @abstractmethod
    def start(self, evaluator: Evaluator, folder: Path) -> None:
        """Say what judges the tasks.

        Args:
            evaluator: in this process.
            folder: of the study, for files that go with the executor.
        """

    @abstractmethod
    def submit(self, task: Task) -> None:
        """Start a task, or keep it until `wait`."""

    @abstractmethod
    def wait(self, timeout_seconds: float) -> Outcome | None:
        """The outcome of a task that ended, in any order; None where none ended in time.

        Raises:
            ExecutorError: no task can be run any more.
        """

    @abstractmethod
    def close(self) -> None:
        """End everything; may be called twice."""

    def __enter__(self) -> "Executor":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def as_completed(executor: Executor, following: Callable[[], Task | None]) -> Iterator[Outcome | None]:
    """Keep an executor busy, and give outcomes as they come; None where a second passes without one.

    Args:
        executor: started, with nothing under way.
        following: gives the next task, or None where there is none until another outcome is dealt with. It ends when
            that is so and nothing is under way.
    """
    under_way = 0
    while True:
        while under_way < executor.capacity and (task := following()) is not None:
            executor.submit(task)
            under_way += 1
        if not under_way:
            return
        outcome = executor.wait(_WAIT_SECONDS)
        under_way -= outcome is not None
        yield outcome


def perform(evaluator: Evaluator, task: Task) -> Outcome:
    """Do a task here and now; whatever ends it is its outcome."""
    started = time.monotonic()
    try:
        if task.folder is None:
            judge = evaluator.evaluate if task.group == "search" else evaluator.score
            reward, metrics = judge(task.genotype, task.seed)
        else:
            reward, metrics = evaluator.finish(task.genotype, task.seed, task.folder)
        if not math.isfinite(reward):
            raise DivergedError(f"the reward is {reward}")
        json.dumps(metrics, allow_nan=False)  # they are to be recorded
        status = "ok"
    except Stopped:  # by a signal: no outcome at all
        raise
    except Exception as error:  # whatever ends a child, the search goes on with the next
        kinds = ((DivergedError, "diverged"), (MemoryError, "out_of_memory"), (Exception, "crashed"))
        status = next(name for kind, name in kinds if isinstance(error, kind))
        reward, metrics = None, {"error": f"{type(error).__name__}: {error}"[:1000]}
    return Outcome(task, status, reward, metrics, time.monotonic() - started)
