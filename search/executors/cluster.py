"""The interface of clusters: they give slots, of which each does one task at a time."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.search.executors.base import Task

__all__ = ["Answered", "Cluster", "Event", "Lost", "Ready"]


@dataclass(frozen=True)
class Ready:
    """A slot has got its place and may be given a task.

    Attributes:
        slot: its number.
        node: the name of its machine.
        home: whether that is the machine of the search.
        sees_study: whether the study's folder can be read there.
    """

    slot: int
    node: str
    home: bool = False
    sees_study: bool = False


@dataclass(frozen=True)
class Answered:
    """A task has ended.

    Attributes:
        slot: the slot that did it, which is free again.
        answer: the values of its outcome by name, for `worker.read_outcome`.
        output: the last output of a task that failed.
    """

    slot: int
    answer: dict[str, Any]
    output: bytes = b""


@dataclass(frozen=True)
class Lost:
    """A slot is gone, with its task if it had one.

    Attributes:
        slot: its number.
        reason: how it was lost, in words.
        out_of_memory: whether the cluster ended it because its machine had no memory left.
        unusable: whether no task can be run there, since the worker does not start.
    """

    slot: int
    reason: str
    out_of_memory: bool = False
    unusable: bool = False


Event = Ready | Answered | Lost


class Cluster(ABC):
    """Gives slots on the machines of a cluster, and runs tasks there.

    The caller numbers the slots. `request` asks for one, which may take long or for ever; `Ready` says that it is
    there. Then `submit` gives it a task, which `Answered` ends, and so on, until `release` or `Lost`. The executor
    `Distributed` says which slot gets which task, and how often it is given to another one if its slot is lost.
    """

    @abstractmethod
    def start(self, evaluator: Evaluator, folder: Path) -> None:
        """Set the evaluator that judges the tasks, and the study's folder; it comes once, before any request.

        Raises:
            ExecutorError: the cluster has no room for a slot, and cannot grow.
        """

    @abstractmethod
    def room(self) -> int:
        """Count the slots for which the cluster has room now, taken and free."""

    @abstractmethod
    def request(self, slot: int, home: bool = False) -> None:
        """Ask for a place for a slot, anywhere or on the machine of the search.

        Raises:
            ExecutorError: no machine of the cluster has, or will ever have, room for it.
        """

    @abstractmethod
    def submit(self, slot: int, task: Task) -> None:
        """Give a task to a slot that is ready and free."""

    @abstractmethod
    def release(self, slot: int) -> None:
        """Give a place back, or withdraw the request for it. No event of the slot follows; its task ends at once."""

    @abstractmethod
    def events(self, timeout_seconds: float) -> list[Event]:
        """Return what has happened; wait for it for so long at most."""

    @abstractmethod
    def close(self, finishing: tuple[int, ...] = ()) -> None:
        """End all slots; those named, which train finalists, have time to write checkpoints. May be called twice."""
