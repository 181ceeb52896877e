"""The children of a search on their way: proposed, measured one at a time, and then trained."""

import dataclasses
import time
from collections import deque
from collections.abc import Callable, Iterable

from absl import logging

from nasnet_keras.search.costing import Costing
from nasnet_keras.search.costs.limits import OVER_LIMIT
from nasnet_keras.search.executors.base import BUSY, Outcome, Task
from nasnet_keras.search.judged import Judged
from nasnet_keras.search.study.errors import StudyError
from nasnet_keras.search.study.trial import Trial

__all__ = ["ATTEMPTS", "Pipeline", "pause_seconds"]

ATTEMPTS = 5
"""At a measurement for which the machine is too busy."""

_PAUSE_SECONDS = 2.0


def pause_seconds(attempt: int) -> float:
    """The pause after an attempt, counted from 1: each is twice as long as the one before.

    Example:
        >>> pause_seconds(1), pause_seconds(4)
        (2.0, 16.0)
    """
    return _PAUSE_SECONDS * 2.0 ** (attempt - 1)


class Pipeline:
    """The children of one group on their way.

    A child that is over a limit by what is known of it is recorded, and never trained. If costs are measured, no child
    trains meanwhile: while nothing is under way, as many children as may be are proposed, each is measured by itself,
    and then those within the limits are trained, several at once.

    A child whose network was judged in the same group, or is on its way, under any spelling, is neither measured nor
    trained: it gets the result of that one.

    Args:
        costing: the costs and their limits.
        numbers: the numbers of the children.
        may_start: whether a child of this number may be proposed yet.
        propose: makes the task of a child.
        record: takes the trial of a child that is finished.
        beat: called once a second in the pauses between attempts at a measurement.
        calm: whether a measurement has succeeded before, in this sitting.
        judged: the networks that were judged; None if every child is to be judged.

    Attributes:
        calm: whether one has succeeded by now. Until then a busy machine ends the search, instead of its children.
    """

    def __init__(
        self,
        costing: Costing,
        numbers: Iterable[int],
        may_start: Callable[[int], bool],
        propose: Callable[[int], Task],
        record: Callable[[Trial], None],
        beat: Callable[[], None] = lambda: None,
        calm: bool = False,
        judged: Judged | None = None,
    ) -> None:
        self._costing, self._numbers = costing, deque(numbers)
        self._may_start, self._propose, self._record = may_start, propose, record
        self._beat, self.calm, self._judged = beat, calm, judged
        self._held: dict[int, Task] = {}  # that wait for the results of equal networks
        self._again: deque[Task] = deque()  # that waited in vain
        self._ahead: Task | None = None  # that was proposed before there was room for it
        self._costs: dict[int, dict[str, float]] = {}
        self._seconds: dict[int, float] = {}
        self._to_measure: deque[Task] = deque()
        self._to_train: deque[Task] = deque()
        self._measuring = False
        self._training = 0
        self._attempts = 1
        self._round = 0  # number of children that are measured one after another

    @property
    def under_way(self) -> int:
        """The number of tasks that were given to the executor and have not ended."""
        return self._training + self._measuring

    @property
    def shown(self) -> dict[str, str]:
        """What it does, for a display, as long as that is not training."""
        stage = f"measuring {self._round - len(self._to_measure)} of {self._round}"
        return {"stage": stage} if self._measuring else {}

    def following(self) -> Task | None:
        """The next task; None if there is none before another outcome is dealt with."""
        if self._measuring:
            return None
        if self._costing.measured and not self._training and (task := self._measurement()) is not None:
            return task
        task = self._to_train.popleft() if self._to_train else None
        if task is None and not self._costing.measured:
            task = self._proposed()
        self._training += task is not None
        return task

    def look_ahead(self) -> None:
        """Propose the next child while others are trained, so that its place will not wait for the algorithm."""
        if self._ahead is None and self._numbers and self._may_start(self._numbers[0]):
            self._ahead = self._propose(self._numbers.popleft())

    def deal(self, outcome: Outcome) -> None:
        """Take the outcome of a task.

        Raises:
            CostError: it contradicts what the costs and the limits need; see `Costing.judged`.
            StudyError: the machine is too busy to measure the first child of a sitting.
        """
        if outcome.task.stage == "measure":
            self._deal_with_costs(outcome)
            self._measuring = False
        else:
            self._training -= 1
            self._finish(outcome)

    def _proposed(self) -> Task | None:
        """The next child that must be judged: it is not over a limit by what is known at once, and its network is new.
        Children over a limit, and those whose result is known, are recorded.
        """
        while (task := self._next()) is not None:
            self._costs[task.number] = self._costing.known(task.genotype)
            if self._costing.lost(self._costs[task.number], measured=False):
                self._finish(Outcome(task, OVER_LIMIT, None, {}, 0.0))
            elif self._is_new(task):
                return task
        return None

    def _next(self) -> Task | None:
        if self._again:
            return self._again.popleft()
        if self._ahead is not None:
            task, self._ahead = self._ahead, None
            return task
        if self._numbers and self._may_start(self._numbers[0]):
            return self._propose(self._numbers.popleft())
        return None

    def _is_new(self, task: Task) -> bool:
        """Whether a child is to judge its network. If that was judged, the child is recorded; else it waits."""
        if self._judged is None:
            return True
        if (trial := self._judged.known(task.number, task.genotype)) is not None:
            self._share(trial)
            return False
        new = self._judged.claim(task.number, task.genotype)
        if not new:
            self._held[task.number] = task
        return new

    def _share(self, trial: Trial) -> None:
        """Record a child that has the result of another one."""
        self._costs.pop(trial.trial)
        self._record(trial)

    def _measurement(self) -> Task | None:
        """The next child to measure, of all that may be proposed by now."""
        if not self._to_measure:
            self._round = 0
        while (task := self._proposed()) is not None:
            self._to_measure.append(dataclasses.replace(task, stage="measure"))
            self._round += 1
        self._measuring = bool(self._to_measure)
        return self._to_measure.popleft() if self._measuring else None

    def _deal_with_costs(self, outcome: Outcome) -> None:
        task, number = outcome.task, outcome.task.number
        self._seconds[number] = self._seconds.get(number, 0.0) + outcome.seconds
        if outcome.status == BUSY and self._attempts < ATTEMPTS:
            self._pause(outcome)
            self._to_measure.appendleft(task)
            return
        self._attempts = 1
        if outcome.status == BUSY and not self.calm:
            raise StudyError(f"no child can be measured, and none was recorded: {_error(outcome)}")
        self.calm |= outcome.status == "ok"
        if outcome.status != "ok":
            self._finish(dataclasses.replace(outcome, status="crashed" if outcome.status == BUSY else outcome.status))
            return
        self._costs[number] |= self._costing.asked(outcome.metrics)
        if self._costing.lost(self._costs[number], measured=True):
            self._finish(Outcome(task, OVER_LIMIT, None, {}, 0.0))
        else:
            self._to_train.append(dataclasses.replace(task, stage="train"))

    def _pause(self, outcome: Outcome) -> None:
        """Wait for a calmer moment."""
        self._attempts += 1
        logging.warning("%s; attempt %d of %d follows", _error(outcome), self._attempts, ATTEMPTS)
        for _ in range(round(pause_seconds(self._attempts - 1))):
            self._beat()
            time.sleep(1.0)

    def _finish(self, outcome: Outcome) -> None:
        """Record a child that needs nothing more."""
        number = outcome.task.number
        seconds = self._seconds.pop(number, 0.0)
        seconds += outcome.seconds if outcome.task.stage == "train" else 0.0
        trial = dataclasses.replace(outcome.trial(), seconds=seconds, costs=self._costs.pop(number))
        trial = self._costing.judged(trial)
        self._record(trial)
        if self._judged is None:
            return
        shared, again = self._judged.end(trial)
        for other in shared:
            del self._held[other.trial]
            self._share(other)
        self._again.extend(self._held.pop(other) for other in again)


def _error(outcome: Outcome) -> str:
    return outcome.metrics.get("error", outcome.status)
