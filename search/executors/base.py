"""The interface of executors."""

import json
import math
import numbers
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.search.study.result import check_metrics
from nasnet_keras.search.study.trial import Trial
from nasnet_keras.training.errors import DivergedError, Stopped
from nasnet_keras.utils.checks import quoted

__all__ = ["Executor", "ExecutorError", "Outcome", "Task", "as_completed", "perform"]

_WAIT_SECONDS = 1.0  # for an outcome, before showing that time passes


class ExecutorError(Exception):
    """Raised when no task can be run any more."""


@dataclass(frozen=True)
class Task:
    """Something for an evaluator to do.

    Attributes:
        group: of genotypes, within which `number` is unique: `search`, `random` or `derived`.
        number: of the trial that the genotype is from.
        genotype: to be judged.
        seed: of everything random.
        folder: to train a finalist to the end in; None to evaluate a child.
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
        reward: of a child, or the score of a finalist; None unless the status is `ok`.
        metrics: whatever was measured, or `{"error": …}`.
        seconds: how long the task took.
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
    """Runs tasks.

    A subclass gives `capacity`, `start`, `submit`, `wait` and `close`; `perform` does one task in the present process.
    The rules, which `search.testing.check_executor` tries on any class:

    - **Order.** An executor is made before anything else of a search, since it may have processes to start. `start`
      comes once, before `submit`. At most `capacity` tasks are under way at once: a caller that submits more is in
      error.
    - **Outcomes.** `wait` returns the outcome of each task once, in any order, however the task ended, and nothing that
      a task does ends the caller or another task. An outcome is what `perform` gives, wherever the task ran.
    - **Processes.** `search.objects.description` says in JSON what an evaluator is, and `rebuilt` makes it again in
      another process, which needs the search's import path. Nothing is pickled.
    - **Stopping.** `perform` raises `Stopped` if a signal ends it, which is no outcome. `close` ends what is under way
      and gives finalists time to write their checkpoints; it may be called twice. An executor whose process is killed
      leaves nothing running.
    - **Ownership.** An object belongs to one thread and serves one search, which closes it.

    Attributes:
        capacity: number of tasks that may be under way at once, at least 1.
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
        """Return the outcome of a task that ended; None if none ended in time, at once if nothing is under way.

        Raises:
            ExecutorError: no task can be run any more.
        """

    @abstractmethod
    def close(self) -> None:
        """End everything; a second call does nothing."""

    def __enter__(self) -> "Executor":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def as_completed(executor: Executor, following: Callable[[], Task | None]) -> Iterator[Outcome | None]:
    """Keep an executor busy, and give outcomes as they come; None if a second passes without one.

    Args:
        executor: started, with nothing under way.
        following: gives the next task, or None if there is none until another outcome is dealt with. The iteration ends
            when there is none and nothing is under way.
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
    """Do a task here and now; whatever ends it is its outcome.

    Raises:
        Stopped: a signal asked to stop.
    """
    started = time.monotonic()
    try:
        if task.folder is None:
            judge = evaluator.evaluate if task.group == "search" else evaluator.score
            found = judge(task.genotype, task.seed)
        else:
            found = evaluator.finish(task.genotype, task.seed, task.folder)
        reward, metrics = _checked(found)
        status = "ok"
    except Stopped:  # by a signal: no outcome at all
        raise
    except Exception as error:  # whatever ends a child, the search goes on with the next
        kinds = ((DivergedError, "diverged"), (MemoryError, "out_of_memory"), (Exception, "crashed"))
        status = next(name for kind, name in kinds if isinstance(error, kind))
        reward, metrics = None, {"error": f"{type(error).__name__}: {error}"[:1000]}
    return Outcome(task, status, reward, metrics, time.monotonic() - started)


def _checked(found: Any) -> tuple[float, dict[str, Any]]:
    """The reward and the metrics that an evaluator returned.

    Raises:
        TypeError: it returned something else, or metrics that are no JSON.
        ValueError: a metric has a name that stands for another kind of value, or is not finite.
        DivergedError: the reward is not finite.
    """
    pair = isinstance(found, tuple) and len(found) == 2
    if not (pair and _is_number(found[0]) and isinstance(found[1], dict)):
        raise TypeError(f"an evaluator returns a number and a dictionary of metrics, got {quoted(found)}")
    reward, metrics = float(found[0]), found[1]
    if not math.isfinite(reward):
        raise DivergedError(f"the reward is {reward}")
    json.dumps(metrics, allow_nan=False)  # they are to be recorded
    check_metrics(metrics)
    return reward, metrics


def _is_number(value: Any) -> bool:
    """Whether it is a number of Python or NumPy, and no truth value."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
