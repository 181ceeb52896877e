"""Tasks on the slots of a cluster: which slot gets which task, and what happens to those of a slot that is lost."""

import time
from collections import Counter, deque
from dataclasses import dataclass
from pathlib import Path

from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.search.executors.base import CLOSED, Executor, ExecutorError, Outcome, Task
from nasnet_keras.search.executors.cluster import Answered, Cluster, Event, Lost, Ready
from nasnet_keras.search.executors.worker import read_outcome
from nasnet_keras.search.executors.workspace import Workspace

__all__ = ["Distributed"]

_STARTS = 3  # slots that are lost before they did a task, one after another, after which the search ends
_IDLE_SECONDS = 60.0  # after which a slot without a task is given back


@dataclass
class _Slot:
    """A slot that was requested.

    Attributes:
        home: whether it was requested on the machine of the search.
        ready: its place; None as long as it has none.
        task: the task that it does.
        since: the moment from which it has had its task, or none.
    """

    home: bool
    ready: Ready | None = None
    task: Task | None = None
    since: float = 0.0

    def suits(self, task: Task) -> bool:
        """Whether a task may run there: costs are measured on the machine of the search, and finalists' folders are
        in the study's."""
        here = self.ready
        return here.home if task.stage == "measure" else here.sees_study if task.folder is not None else True


class Distributed(Executor):
    """Runs each task in a process of its own on a machine of a cluster, as `Subprocesses` does on this one.

    As many tasks are under way as the window allows, and those for which the cluster has no room wait. A task whose
    slot is lost, with its machine or by the cluster's will, is run again up to `child_retries` times. What a child
    does to itself is its outcome: a crash, too much memory, a limit of time.

    Costs are measured on the machine of the search. Finalists are trained where the study's folder can be read, which
    is the machine of the search unless the folder is shared.

    Args:
        config: the configuration of the search.
        evaluator: the evaluator that judges; None for the one that the configuration names.
        cluster: the cluster; by default `RayCluster`, at the address of the configuration.

    Raises:
        ValueError: Ray is not installed, or an address or a resource is wrong.
        ExecutorError: there is no such cluster, or it cannot run this Python.
    """

    def __init__(
        self, config: SearchConfig, evaluator: Evaluator | None = None, cluster: Cluster | None = None
    ) -> None:
        if cluster is None:
            from nasnet_keras.search.executors.ray_cluster import RayCluster  # Ray is an extra

            cluster = RayCluster(config, evaluator)
        self._config, self._cluster = config, cluster
        self._slots: dict[int, _Slot] = {}
        self._requested = 0
        self._waiting: deque[Task] = deque()
        self._outcomes: deque[Outcome] = deque()
        self._lost: Counter[Task] = Counter()
        self._failed_starts = 0
        self._space: Workspace | None = None
        self._open = True

    @property
    def capacity(self) -> int:
        """The number of tasks that may be under way: those that run, and those that wait for room.

        A cluster that grows by what waits for it must see that something does, so it is the window at least.
        """
        return max(self._config.window, self._cluster.room())

    def start(self, evaluator: Evaluator, folder: Path) -> None:
        if not self._open:
            raise ExecutorError(CLOSED)
        self._space = Workspace(folder)
        self._cluster.start(evaluator, self._space.path)

    def submit(self, task: Task) -> None:
        self._waiting.append(task)
        self._place()

    def wait(self, timeout_seconds: float) -> Outcome | None:
        until = time.monotonic() + timeout_seconds
        while not self._outcomes and (self._waiting or any(slot.task for slot in self._slots.values())):
            for event in self._cluster.events(max(0.0, until - time.monotonic())):
                self._take(event)
            self._place()
            if time.monotonic() >= until:
                break
        return self._outcomes.popleft() if self._outcomes else None

    def places(self) -> dict[str, int]:
        nodes = Counter({slot.ready.node: 0 for slot in self._slots.values() if slot.ready})
        nodes.update(slot.ready.node for slot in self._slots.values() if slot.task is not None)
        return dict(sorted(nodes.items()))

    def close(self) -> None:
        self._open = False
        finishing = [number for number, slot in self._slots.items() if slot.task and slot.task.folder is not None]
        self._cluster.close(tuple(finishing))
        self._slots.clear()
        self._waiting.clear()
        if self._space is not None:
            self._space.close()

    def _place(self) -> None:
        """Give waiting tasks to free slots, request slots for the others, and give back what is not needed."""
        left: deque[Task] = deque()
        free = {number: slot for number, slot in self._slots.items() if slot.ready and slot.task is None}
        for task in self._waiting:
            number = next((number for number, slot in free.items() if slot.suits(task)), None)
            if number is None:
                left.append(task)
            else:
                self._begin(number, free.pop(number), task)
        self._waiting = left
        for home in (True, False):
            self._request(home, sum(self._needs_home(task) is home for task in left))
        if not left:
            for number in [number for number, slot in free.items() if time.monotonic() - slot.since > _IDLE_SECONDS]:
                self._release(number)

    def _begin(self, number: int, slot: _Slot, task: Task) -> None:
        slot.task, slot.since = task, time.monotonic()
        self._cluster.submit(number, task)

    def _needs_home(self, task: Task) -> bool:
        """Whether a slot must be requested on the machine of the search, since others may not suit."""
        elsewhere = any(slot.ready and not slot.ready.sees_study for slot in self._slots.values())
        return task.stage == "measure" or (task.folder is not None and elsewhere)

    def _request(self, home: bool, count: int) -> None:
        """Let as many requests be open as tasks wait for them."""
        opened = [number for number, slot in self._slots.items() if slot.ready is None and slot.home is home]
        for number in opened[count:]:
            self._release(number)
        for _ in range(count - len(opened)):
            self._requested += 1
            self._slots[self._requested] = _Slot(home)
            self._cluster.request(self._requested, home)

    def _release(self, number: int) -> None:
        del self._slots[number]
        self._cluster.release(number)

    def _take(self, event: Event) -> None:
        """Take note of what has happened to a slot."""
        slot = self._slots[event.slot]
        match event:
            case Ready():
                slot.ready, slot.since = event, time.monotonic()
            case Answered():
                task, slot.task, slot.since = slot.task, None, time.monotonic()
                self._failed_starts = 0
                self._space.keep(task, event.output)
                self._end(read_outcome(task, event.answer))
            case Lost():
                del self._slots[event.slot]
                self._forgo(slot, event)

    def _forgo(self, slot: _Slot, event: Lost) -> None:
        """Run the task of a lost slot again, if it may be.

        Raises:
            ExecutorError: no slot can be started.
        """
        task = slot.task
        unusable = slot.ready is None or event.unusable
        self._failed_starts += unusable
        if self._failed_starts == _STARTS:
            raise ExecutorError(f"no child can be run: {event.reason}")
        if task is None:
            return
        self._lost[task] += not unusable
        if not event.out_of_memory and self._lost[task] <= self._config.child_retries:
            self._waiting.appendleft(task)
            return
        times = f" ({self._lost[task]} times)" if self._lost[task] > 1 else ""
        status = "out_of_memory" if event.out_of_memory else "crashed"
        error = {"error": f"{event.reason}{times}"[:1000]}
        self._end(Outcome(task, status, None, error, time.monotonic() - slot.since))

    def _end(self, outcome: Outcome) -> None:
        del self._lost[outcome.task]
        self._outcomes.append(outcome)
