"""Tasks on the slots of a cluster: which slot gets which task, and what happens to those of a slot that is lost."""

import contextlib
import time
from collections import Counter, deque
from collections.abc import Iterator
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
_REQUESTS = 256  # open at once, at most
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
    """Runs tasks in processes of their own on the machines of a cluster, as `Subprocesses` does on this one.

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
        self._free: dict[int, None] = {}  # the numbers of slots that are ready and have no task, the oldest first
        self._requests: dict[bool, dict[int, None]] = {True: {}, False: {}}  # of slots that are not ready, by `home`
        self._requested = 0
        self._waiting: deque[Task] = deque()
        self._bound: deque[Task] = deque()  # those that do not suit every slot, which are few
        self._outcomes: deque[Outcome] = deque()
        self._lost: Counter[Task] = Counter()
        self._failed_starts = 0
        self._counted = 0  # the last slot that was requested when a start failed
        self._error: ExecutorError | None = None  # that ends the search when all outcomes are read
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
        self._queue(task).append(task)
        self._assign()
        with self._keeping_error():
            self._ask(withdraw=False)  # what is too much now may be wanted a moment later

    def wait(self, timeout_seconds: float) -> Outcome | None:
        until = time.monotonic() + timeout_seconds
        while not self._outcomes and self._error is None:
            self._ask(withdraw=True)
            if not (self._waiting or self._bound or any(slot.task for slot in self._slots.values())):
                break
            for event in self._cluster.events(max(0.0, until - time.monotonic())):
                with self._keeping_error():
                    self._take(event)
            self._assign()
            with self._keeping_error():
                self._ask(withdraw=False)
            if time.monotonic() >= until:
                break
        if self._error is not None and not self._outcomes:
            raise self._error
        return self._outcomes.popleft() if self._outcomes else None

    def places(self) -> dict[str, int]:
        nodes = Counter({slot.ready.node: 0 for slot in self._slots.values() if slot.ready})
        nodes.update(slot.ready.node for slot in self._slots.values() if slot.task is not None)
        return dict(sorted(nodes.items()))

    def close(self) -> None:
        self._open = False
        finishing = [number for number, slot in self._slots.items() if slot.task and slot.task.folder is not None]
        self._cluster.close(tuple(finishing))
        for held in (self._slots, self._free, *self._requests.values(), self._waiting, self._bound):
            held.clear()
        if self._space is not None:
            self._space.close()

    @contextlib.contextmanager
    def _keeping_error(self) -> Iterator[None]:
        """Keep an error that ends the search until the outcomes that came with it are read."""
        try:
            yield
        except ExecutorError as error:
            self._error = self._error or error

    def _assign(self) -> None:
        """Give waiting tasks to free slots.

        This happens for each task, while thousands may wait: only those that can be placed are looked at.
        """
        for task in list(self._bound):
            number = next((number for number in self._free if self._slots[number].suits(task)), None)
            if number is not None:
                self._bound.remove(task)
                self._begin(number, task)
        while self._waiting and self._free:
            self._begin(next(iter(self._free)), self._waiting.popleft())

    def _ask(self, withdraw: bool) -> None:
        """Request slots for the tasks that wait.

        Args:
            withdraw: whether requests are withdrawn, and idle slots given back, that no task waits for.
        """
        home = self._needing_home()
        for here, count in ((True, home), (False, len(self._waiting) + len(self._bound) - home)):
            self._request(here, count)
            for number in list(self._requests[here])[count:] if withdraw else ():
                self._release(number)
        if withdraw and not self._waiting and not self._bound:
            idle = time.monotonic() - _IDLE_SECONDS
            for number in [number for number in self._free if self._slots[number].since < idle]:
                self._release(number)

    def _queue(self, task: Task) -> deque[Task]:
        """The queue that a task waits in."""
        return self._bound if task.stage == "measure" or task.folder is not None else self._waiting

    def _begin(self, number: int, task: Task) -> None:
        slot = self._slots[number]
        del self._free[number]
        slot.task, slot.since = task, time.monotonic()
        self._cluster.submit(number, task)

    def _needing_home(self) -> int:
        """The number of waiting tasks that need a slot on the machine of the search, since others may not suit."""
        final = sum(task.folder is not None for task in self._bound)
        elsewhere = final and any(not slot.ready.sees_study for slot in self._slots.values() if slot.ready)
        return len(self._bound) - (0 if elsewhere else final)

    def _request(self, home: bool, count: int) -> None:
        """Open as many requests as tasks wait for, up to a number: others follow when they are granted."""
        opened = self._requests[home]
        for _ in range(min(count, _REQUESTS) - len(opened)):
            self._requested += 1
            self._slots[self._requested] = _Slot(home)
            opened[self._requested] = None
            self._cluster.request(self._requested, home)

    def _release(self, number: int) -> None:
        self._forget(number)
        self._cluster.release(number)

    def _forget(self, number: int) -> _Slot:
        slot = self._slots.pop(number)
        self._free.pop(number, None)
        self._requests[slot.home].pop(number, None)
        return slot

    def _take(self, event: Event) -> None:
        """Take note of what has happened to a slot."""
        slot = self._slots[event.slot]
        match event:
            case Ready():
                slot.ready, slot.since = event, time.monotonic()
                self._requests[slot.home].pop(event.slot, None)
                self._free[event.slot] = None
            case Answered():
                task, slot.task, slot.since = slot.task, None, time.monotonic()
                self._free[event.slot] = None
                self._failed_starts = 0
                self._space.keep(task, event.output)
                self._end(read_outcome(task, event.answer))
            case Lost():
                self._forget(event.slot)
                self._run_again_or_end(slot, event)

    def _run_again_or_end(self, slot: _Slot, event: Lost) -> None:
        """Run the task of a lost slot again if it may be, else end it.

        Starts that fail together, as on one machine, count once: those of slots that were requested before the first.

        Raises:
            ExecutorError: no slot can be started.
        """
        task = slot.task
        unusable = slot.ready is None or event.unusable
        if unusable and event.slot > self._counted:
            self._failed_starts, self._counted = self._failed_starts + 1, self._requested
        if self._failed_starts == _STARTS:
            raise ExecutorError(f"no child can be run: {event.reason}")
        if task is None:
            return
        self._lost[task] += not unusable
        if not event.out_of_memory and self._lost[task] <= self._config.child_retries:
            self._queue(task).appendleft(task)
            return
        times = f" ({self._lost[task]} times)" if self._lost[task] > 1 else ""
        status = "out_of_memory" if event.out_of_memory else "crashed"
        error = {"error": f"{event.reason}{times}"[:1000]}
        self._end(Outcome(task, status, None, error, time.monotonic() - slot.since))

    def _end(self, outcome: Outcome) -> None:
        del self._lost[outcome.task]
        self._outcomes.append(outcome)
