"""The interface of executors."""

import dataclasses
import json
import math
import numbers
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasnet_keras.latency.errors import MachineBusy
from nasnet_keras.search.costs.limits import checked_costs
from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.search.rungs import STOPPED, Floor, StoppedAtRung
from nasnet_keras.search.study.result import check_metrics
from nasnet_keras.search.study.trial import Trial
from nasnet_keras.training.errors import DivergedError, Stopped
from nasnet_keras.utils.checks import quoted

__all__ = ["BUSY", "CLOSED", "STAGES", "Executor", "ExecutorError", "Outcome", "Task", "as_completed", "perform"]

STAGES = ("train", "measure")
BUSY = "busy"
"""The status of a measurement for which the machine was too busy; another attempt may succeed."""

CLOSED = "the executor was closed: it serves one search, make another"
"""What an executor says that is started after its end."""

_FAILURES = (
    (MachineBusy, BUSY),
    (DivergedError, "diverged"),
    (MemoryError, "out_of_memory"),
    (Exception, "crashed"),
)
_WAIT_SECONDS = 1.0  # the longest wait for an outcome before the display of time moves


class ExecutorError(Exception):
    """Raised when no task can be run any more."""


@dataclass(frozen=True)
class Task:
    """Something for an evaluator to do.

    Attributes:
        group: the group of genotypes: `search`, `random` or `derived`.
        number: the number of the genotype's trial, which is unique within the group.
        genotype: the genotype to judge.
        seed: the seed of all randomness.
        folder: the folder to train a finalist in; None to evaluate a child.
        stage: `train`, or `measure` to measure the costs of a genotype before it is trained.
        floors: what a child needs to go on at the rungs of its training, if the search has any.
    """

    group: str
    number: int
    genotype: Any
    seed: int
    folder: Path | None = None
    stage: str = "train"
    floors: tuple[Floor, ...] = ()


@dataclass(frozen=True)
class Outcome:
    """The end of a task.

    Attributes:
        task: the submitted task.
        status: one of `trial.STATUSES`, or `BUSY`.
        reward: the reward of a child, or the score of a finalist; None unless the status is `ok` or `stopped`, and of a
            measurement.
        metrics: the measured figures, of a measurement its costs, or `{"error": …}`.
        seconds: the duration of the task, in seconds.
    """

    task: Task
    status: str
    reward: float | None
    metrics: dict[str, Any]
    seconds: float

    def trial(self) -> Trial:
        """Convert it to the record of a trial."""
        task = self.task
        return Trial(task.number, task.genotype, self.status, self.reward, self.metrics, self.seconds, task.seed)

    def check(self) -> None:
        """Check the types of what another process answered.

        Raises:
            ValueError: an attribute has another type or range.
        """
        measured = self.task.stage == "measure" and self.status in ("ok", BUSY)
        status, costs = ("crashed", self.metrics if self.status == "ok" else {}) if measured else (self.status, {})
        dataclasses.replace(self, status=status).trial()
        checked_costs(costs, "a measurement")


class Executor(ABC):
    """Runs tasks.

    A subclass gives `capacity`, `start`, `submit`, `wait` and `close`; `perform` does one task in the present process.
    The rules, which `search.testing.check_executor` tries on any class:

    - **Order.** A search makes its executor first, since an executor may have processes to start. `start` comes once,
      before `submit`. The caller submits no task while `capacity` or more are under way.
    - **Room.** `capacity` may grow and shrink at any time, as a cluster does. A search proposes the same children
      whatever it is, and in whatever order they end.
    - **Outcomes.** `wait` returns the outcome of each task once, in any order, whether the task succeeded or failed. A
      task cannot end the caller or another task. Every outcome comes from `perform`, in this process or in another.
    - **Processes.** `search.objects.description` describes an evaluator in JSON, and `rebuilt` makes it again in
      another process, which needs the search's import path. Nothing is pickled.
    - **Stopping.** `perform` raises `Stopped` if a signal ends it; such a task has no outcome. `close` ends all tasks
      under way and gives finalists time to write their checkpoints; it may be called twice. If the executor's process
      is killed, its tasks end, too.
    - **Ownership.** An object belongs to one thread and serves one search, which closes it.

    Attributes:
        capacity: the number of tasks that may be under way at once now, at least 1.
    """

    capacity: int

    @abstractmethod
    def start(self, evaluator: Evaluator, folder: Path) -> None:
        """Set the evaluator that judges the tasks.

        Args:
            evaluator: the evaluator, an object of this process.
            folder: the study's folder, for temporary files of the executor.
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

    def places(self) -> dict[str, int]:
        """Count the tasks that run now by machine, of all machines that are known; by default none is.

        Tasks under way beyond these wait for room. The terminal and the report show both.
        """
        return {}

    def __enter__(self) -> "Executor":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def as_completed(
    executor: Executor, following: Callable[[], Task | None], at_most: int | None = None
) -> Iterator[Outcome | None]:
    """Keep an executor busy, and yield outcomes as they come, or None after a second without an outcome.

    Proposals may take long, so that outcomes are looked for between them, too.

    Args:
        executor: an executor that was started and has no task under way.
        following: a function that returns the next task, or None if there is no task before another outcome is dealt
            with. The iteration ends when it returns None and no task is under way.
        at_most: the number of tasks under way at once, if the executor has room for more; None for all that it has.
    """
    under_way = 0
    most = math.inf if at_most is None else at_most
    while True:
        until = time.monotonic() + _WAIT_SECONDS
        while under_way < max(1, min(executor.capacity, most)) and (task := following()) is not None:
            executor.submit(task)
            under_way += 1
            if time.monotonic() >= until:
                break
        if not under_way:
            return
        late = time.monotonic() >= until
        while True:  # when it is late, all outcomes that are there
            outcome = executor.wait(0.0 if late else _WAIT_SECONDS)
            under_way -= outcome is not None
            yield outcome
            if outcome is None or not late:
                break


def perform(evaluator: Evaluator, task: Task, failed: Callable[[], None] = lambda: None) -> Outcome:
    """Do a task in this process. An exception of any class becomes its outcome.

    Args:
        evaluator: does the task.
        task: a genotype to measure, to evaluate, to score or to train to the end.
        failed: called while such an exception is handled, as for a log.

    Raises:
        Stopped: a signal asked the process to stop.

    Example:
        >>> from nasnet_keras.search import SearchConfig
        >>> from nasnet_keras.search.evaluators.tabular import TabularEvaluator
        >>> config = SearchConfig("study", evaluator="tabular", table="nasnet_cells_cifar10")
        >>> space = config.search_space()
        >>> genotype = space.decode(space.sample(np.random.default_rng(0)))
        >>> outcome = perform(TabularEvaluator(config), Task("search", 0, genotype, seed=0))
        >>> outcome.status, 0 < outcome.reward < 1
        ('ok', True)
    """
    started = time.monotonic()
    try:
        status, reward, metrics = _done(evaluator, task)
    except Stopped:  # a signal gives no outcome
        raise
    except Exception as error:  # the search continues after any error of a child
        failed()
        failures = _FAILURES if task.stage == "measure" else _FAILURES[1:]
        status = next(name for kind, name in failures if isinstance(error, kind))
        reward, metrics = None, {"error": f"{type(error).__name__}: {error}"[:1000]}
    return Outcome(task, status, reward, metrics, time.monotonic() - started)


def _done(evaluator: Evaluator, task: Task) -> tuple[str, float | None, dict[str, Any]]:
    """The status, the reward and the metrics of a task; those of a measurement are None and its costs."""
    if task.stage == "measure":
        found = evaluator.measure(task.genotype, task.seed)
        return "ok", None, checked_costs(found, f"measure of {type(evaluator).__name__}")
    if task.folder is not None:
        return "ok", *_checked(evaluator.finish(task.genotype, task.seed, task.folder))
    if task.group != "search":
        return "ok", *_checked(evaluator.score(task.genotype, task.seed))
    floors = {"floors": task.floors} if task.floors else {}  # which only an evaluator with rungs takes
    try:
        return "ok", *_checked(evaluator.evaluate(task.genotype, task.seed, **floors))
    except StoppedAtRung as stopped:
        return STOPPED, *_checked((stopped.reward, stopped.metrics))


def _checked(found: Any) -> tuple[float, dict[str, Any]]:
    """The reward and the metrics that an evaluator returned.

    Raises:
        TypeError: it returned something else, or metrics that cannot be written as JSON.
        ValueError: a metric is not finite, or its name stands for another kind of value.
        DivergedError: the reward is not finite.
    """
    pair = isinstance(found, tuple) and len(found) == 2
    if not (pair and _is_number(found[0]) and isinstance(found[1], dict)):
        raise TypeError(f"an evaluator returns a number and a dictionary of metrics, got {quoted(found)}")
    reward, metrics = float(found[0]), found[1]
    if not math.isfinite(reward):
        raise DivergedError(f"the reward is {reward}")
    json.dumps(metrics, allow_nan=False)  # raises if they cannot be recorded
    check_metrics(metrics)
    return reward, metrics


def _is_number(value: Any) -> bool:
    """Whether a value is a number of Python or NumPy, and not a bool."""
    return isinstance(value, numbers.Real) and not isinstance(value, bool)
