"""A cluster that is simulated, and an evaluator that needs no time, for searches of thousands of children."""

import heapq
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.search.executors.base import Task, perform
from nasnet_keras.search.executors.cluster import Answered, Cluster, Event, Ready
from nasnet_keras.search.executors.worker import outcome_values

_EACH = 8  # slots of a node


def length_of(seed: int, number: int, sigma: float) -> float:
    """The length of a child by its number: lognormal, with a median of 1 and a standard deviation of its logarithm."""
    return float(np.random.default_rng((seed, number)).lognormal(0.0, sigma))


def share_of(begun: Sequence[float], ends: Sequence[float], slots: int) -> float:
    """The share of the slots' time in which they had a child, until the last child began."""
    begun, ends, until = np.array(begun), np.array(ends), begun[-1]
    return float((np.minimum(ends, until) - begun).sum() / (slots * until)) if until else 1.0


class Simulated(Cluster):
    """A cluster whose clock is simulated: a task ends when its length is over, and none of them takes time here.

    Args:
        slots: the number of tasks at once.
        sigma: the standard deviation of the logarithm of a task's length, whose median is 1.
        seed: seed of the lengths.
        child_seconds: the median length of a task in seconds, by which the time of this process counts; None if it
            takes no time.

    Attributes:
        now: the time on the cluster's clock.
        asked: the numbers of slots that were requested and have no place yet.
    """

    def __init__(self, slots: int, sigma: float = 0.5, seed: int = 0, child_seconds: float | None = None) -> None:
        self._slots, self._sigma, self._seed, self._child_seconds = slots, sigma, seed, child_seconds
        self._placed: dict[int, str] = {}  # the nodes of slots
        self.asked: dict[int, None] = {}
        self._ends: list[tuple[float, int, Task]] = []
        self._times: list[tuple[float, float]] = []  # at which tasks began and end
        self.now, self._spent = 0.0, time.process_time()

    @property
    def share(self) -> float:
        """The share of the slots' time in which they had a child, until the last child began."""
        return share_of(*np.array(self._times).T, self._slots)

    def start(self, evaluator: Evaluator, folder: Path) -> None:
        self._evaluator, self._spent = evaluator, time.process_time()

    def room(self) -> int:
        return self._slots

    def request(self, slot: int, home: bool = False) -> None:
        self.asked[slot] = None

    def submit(self, slot: int, task: Task) -> None:
        self._count_own_time()
        end = self.now + length_of(self._seed, task.number, self._sigma)
        heapq.heappush(self._ends, (end, slot, task))
        if task.folder is None:  # finalists come when the search has ended
            self._times.append((self.now, end))

    def release(self, slot: int) -> None:
        self.asked.pop(slot, None)
        self._placed.pop(slot, None)

    def events(self, timeout_seconds: float) -> list[Event]:
        self._count_own_time()
        granted = list(self.asked)[: self._slots - len(self._placed)]
        for slot in granted:
            del self.asked[slot]
            self._placed[slot] = f"node-{len(self._placed) // _EACH:03}"
        if granted or not self._ends:
            return [Ready(slot, self._placed[slot], sees_study=True) for slot in granted]
        if timeout_seconds <= 0 and self._ends[0][0] > self.now:
            return []
        end, slot, task = heapq.heappop(self._ends)
        self.now = max(self.now, end)
        outcome = perform(self._evaluator, task)
        return [Answered(slot, outcome_values(outcome))]

    def close(self, finishing: tuple[int, ...] = ()) -> None:
        self._ends.clear()

    def _count_own_time(self) -> None:
        """Let the clock run on for as long as this process took since it was looked at."""
        spent = time.process_time()
        if self._child_seconds is not None:
            self.now += (spent - self._spent) / self._child_seconds
        self._spent = spent


class Separable(Evaluator):
    """Judges networks by their convolutions of 3x3 and by chance, at once."""

    def evaluate(self, genotype: Any, seed: int) -> tuple[float, dict[str, Any]]:
        text = genotype if isinstance(genotype, str) else genotype.to_json()
        return text.count("conv_3x3") / 10 + 0.1 * np.random.default_rng(seed).random(), {}

    def finish(self, genotype: Any, seed: int, folder: Path) -> tuple[float, dict[str, Any]]:
        return self.evaluate(genotype, seed)
