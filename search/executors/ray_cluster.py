"""Slots on a Ray cluster."""

import contextlib
import dataclasses
import json
import os
import secrets
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging

from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.search.executors.base import ExecutorError, Task
from nasnet_keras.search.executors.clock import Clock
from nasnet_keras.search.executors.cluster import Answered, Cluster, Event, Lost, Ready
from nasnet_keras.search.executors.pool import GRACE_SECONDS
from nasnet_keras.search.executors.ray_connection import LOCAL, address_of, connected
from nasnet_keras.search.executors.ray_slot import Slot, versions
from nasnet_keras.search.executors.subprocesses import THREADS, threads_each
from nasnet_keras.search.executors.worker import task_line
from nasnet_keras.search.executors.workspace import judge, setup_line
from nasnet_keras.search.place import resources_of
from nasnet_keras.utils.workdir import STUDY

__all__ = ["RayCluster"]

_PASSED = ("KERAS_", "MKL_", "OMP_", "OPENBLAS_", "TF_", "TFDS_", "XLA_")  # variables that change what is computed
_BEAT_SECONDS = 30.0  # between two signs of a slot that has a task
_SILENT_SECONDS = 120.0  # without a sign, after which it is given up
_LOOK_SECONDS = 1.0  # the longest wait for Ray before signs are looked for
_COUNT_SECONDS = 10.0  # between two counts of the machines
_REMOVE_SECONDS = 2.0  # the time of a slot to remove its copies of the study's files
_ROUNDING = 1e-9  # 0.3 is 3 times 0.1
_END_SECONDS = 5.0  # the time of a finalist's slot to end, after that of the finalist
_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"  # is set by `ray job submit`, which sets OMP_NUM_THREADS, too


@dataclass
class _Place:
    """A slot that was requested.

    Attributes:
        actor: Ray's handle of its `ray_slot.Slot`.
        node: Ray's name of its machine; empty as long as it is not known.
        sees_study: whether the study's folder can be read there.
        heard: when a slot that has a task gave its last sign; None if it has none.
        asked: when it was asked for a sign.
    """

    actor: Any
    node: str = ""
    sees_study: bool = False
    heard: float | None = None
    asked: float = 0.0


class RayCluster(Cluster):
    """Slots on the machines of a Ray cluster, which places them by the resources that a child takes.

    A slot is an actor, so that its worker stays between tasks; each task is one call of it. Ray restarts and retries
    nothing. A slot that gives no sign for two minutes is lost, as one whose machine is gone.

    Args:
        config: the configuration of the search.
        evaluator: the evaluator that judges; None for the one that the configuration names.

    Raises:
        ValueError: Ray is not installed, or the address is of a kind that cannot be used.
        ExecutorError: there is no cluster at the address, or it has other versions.
    """

    def __init__(self, config: SearchConfig, evaluator: Evaluator | None = None) -> None:
        self._config = config
        self._places: dict[int, _Place] = {}
        self._calls: dict[Any, tuple[int, str]] = {}  # the slot and the method, by the reference to its answer
        self._names: dict[str, str] = {}  # of machines, by Ray's names
        self._clock = Clock()
        self._room, self._counted_until = 0, 0.0
        self._contents: list[Any] = []  # of the study's files, in Ray's object store
        self._error: ExecutorError | None = None  # that ends the search when all events are taken
        self._connection = contextlib.ExitStack()
        self._ray = self._connection.enter_context(connected(config.ray_address))
        self._home = self._ray.get_runtime_context().get_node_id()
        self._resources = _resources(config, self._ray.cluster_resources())
        plan = {
            "config": config.to_json(),
            "evaluator": judge(config, evaluator),
            "environment": _environment(self._resources),
            "versions": versions(),
            "cwd": str(Path.cwd()),
            "path": [entry for entry in sys.path if isinstance(entry, str)],
        }
        self._plan = json.dumps(plan)
        # Two threads: while one runs a task, the other hears that it is to stop.
        self._actor = self._ray.remote(max_restarts=0, max_task_retries=0, max_concurrency=2)(Slot)

    def start(self, evaluator: Evaluator, folder: Path) -> None:
        self._check_room()
        folder = folder.absolute()
        text = secrets.token_hex(16)
        (folder / "mark").write_text(text, encoding="utf-8")
        self._mark = json.dumps({"path": str(folder / "mark"), "text": text})
        config = evaluator.exported(self._config, folder)
        self._setup = setup_line(evaluator, config).decode()
        made = [Path(config.dataset)] if config.dataset != self._config.dataset else []
        self._files = [path for path in (folder.parent / STUDY, *made) if path.exists()]

    def room(self) -> int:
        now = time.monotonic()
        if now >= self._counted_until:
            wanted = _wanted(self._resources)
            nodes = [node["Resources"] for node in self._ray.nodes() if node["Alive"]]
            self._room = sum(
                int(min(there.get(name, 0.0) / amount for name, amount in wanted.items()) + _ROUNDING)
                for there in nodes
            )
            self._counted_until = now + _COUNT_SECONDS
        return self._room

    def request(self, slot: int, home: bool = False) -> None:
        options = dict(self._resources)
        if home:
            from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

            self._check_home()
            options["scheduling_strategy"] = NodeAffinitySchedulingStrategy(self._home, soft=False)
        try:
            self._places[slot] = _Place(self._actor.options(**options).remote(self._plan))
        except (TypeError, ValueError) as error:
            raise ExecutorError(f"Ray gives no place with {_in_words(_wanted(self._resources))}: {error}") from None
        self._call(slot, "look", self._mark)

    def submit(self, slot: int, task: Task) -> None:
        folder = None if task.folder is None else task.folder.absolute()
        place = self._places[slot]
        place.heard = place.asked = self._clock.look()
        self._call(slot, "run", task_line(dataclasses.replace(task, folder=folder)).decode())

    def release(self, slot: int) -> None:
        self._end([slot])

    def events(self, timeout_seconds: float) -> list[Event]:
        until, found = time.monotonic() + timeout_seconds, []
        while not found:
            if self._error is not None:
                raise self._error
            for call in self._done(max(0.0, min(_LOOK_SECONDS, until - time.monotonic()))):
                try:
                    found += self._answered(call)
                except ExecutorError as error:
                    self._error = error
            found += self._silent()
            if time.monotonic() >= until and self._error is None:
                break
        return found

    def close(self, finishing: tuple[int, ...] = ()) -> None:
        with self._connection, contextlib.suppress(Exception):  # the cluster may be gone
            calls = [call for call, (slot, method) in self._calls.items() if slot in finishing and method == "run"]
            for slot in finishing:
                if place := self._places.get(slot):  # it may be lost
                    place.actor.stop.remote()
            if calls:
                self._ray.wait(calls, num_returns=len(calls), timeout=GRACE_SECONDS + _END_SECONDS)
            self._end(list(self._places))

    def _end(self, slots: list[int], answering: bool = True) -> None:
        """End slots; those that answer remove their copies of the study's files first."""
        self._calls = {call: asked for call, asked in self._calls.items() if asked[0] not in slots}
        places = [place for slot in slots if (place := self._places.pop(slot, None))]
        with contextlib.suppress(Exception):  # they may be gone, and the cluster with them
            far = [place.actor for place in places if place.node and not place.sees_study] if answering else []
            if copies := [actor.remove_copies.remote() for actor in far]:
                self._ray.wait(copies, num_returns=len(copies), timeout=_REMOVE_SECONDS)
        for place in places:
            with contextlib.suppress(Exception):
                self._ray.kill(place.actor)

    def _call(self, slot: int, method: str, *arguments: Any) -> None:
        self._calls[getattr(self._places[slot].actor, method).remote(*arguments)] = (slot, method)

    def _done(self, seconds: float) -> list[Any]:
        """The calls that are answered; waits for one for so long at most."""
        if not self._calls:
            time.sleep(seconds)
            return []
        calls = list(self._calls)
        done, _ = self._ray.wait(calls, num_returns=1, timeout=seconds)
        return self._ray.wait(calls, num_returns=len(calls), timeout=0)[0] if done else []  # there may be more

    def _answered(self, call: Any) -> list[Event]:
        """Take an answer; returns what it means to the caller.

        Raises:
            ExecutorError: the machine of the slot has other versions than the search.
        """
        if call not in self._calls:  # its slot was lost a moment ago
            return []
        slot, method = self._calls.pop(call)
        place = self._places[slot]
        try:
            answer = self._ray.get(call)
        except self._ray.exceptions.RayError as error:
            return [self._lost(slot, _in_short(error), out_of_memory=_is_of_memory(error))]
        match method:
            case "look":
                return self._looked(slot, place, json.loads(answer))
            case "set_up":
                return [Ready(slot, self._names[place.node], place.node == self._home, place.sees_study)]
            case "run":
                place.heard = None
                return [self._ran(slot, json.loads(answer))]
            case _:
                place.heard = None if place.heard is None else self._clock.look()
                return []

    def _looked(self, slot: int, place: _Place, found: dict[str, Any]) -> list[Event]:
        """Take note of the place of a slot, and tell its worker what it judges."""
        place.node, place.sees_study = found["node"], found["sees_study"]
        name = self._named(found["node"], found["host"])
        if found["versions"] != (wanted := versions()):
            other = [library for library in wanted if found["versions"].get(library) != wanted[library]]
            both = (found["versions"], wanted)
            theirs, ours = (" and ".join(f"{one} {given.get(one, 'unknown')}" for one in other) for given in both)
            raise ExecutorError(f"all machines need the same versions: {name} has {theirs}, and the search {ours}")
        if "error" in found:
            return [self._lost(slot, found["error"], unusable=True)]
        if place.sees_study:
            self._call(slot, "set_up", self._setup, [])
        else:
            self._call(slot, "set_up", self._setup, [path.name for path in self._files], *self._stored())
        return []

    def _ran(self, slot: int, answer: dict[str, Any]) -> Event:
        if "error" in answer:
            return self._lost(slot, answer["error"], unusable=True)
        return Answered(slot, answer, answer.pop("output").encode())

    def _lost(self, slot: int, reason: str, **facts: bool) -> Lost:
        """Forget a slot that is of no use any more."""
        node = self._places[slot].node
        where = f" on {self._names[node]}" if node else ""
        self._end([slot], answering=facts.get("unusable", False))
        return Lost(slot, f"its place{where} was lost: {reason}", **facts)

    def _silent(self) -> list[Event]:
        """Ask slots that have a task for signs, and give those up that are silent."""
        now, found = self._clock.look(), []
        for slot, place in list(self._places.items()):
            if place.heard is None:
                continue
            if place.asked > place.heard:  # it has not answered yet
                if now - place.asked > _SILENT_SECONDS - _BEAT_SECONDS:
                    found.append(self._lost(slot, f"it gave no sign for {_SILENT_SECONDS:g} seconds"))
            elif now - place.heard > _BEAT_SECONDS:
                place.asked = now
                self._call(slot, "beat")
        return found

    def _stored(self) -> list[Any]:
        """The contents of the study's files in Ray's object store, which brings them to each machine once."""
        if not self._contents:
            self._contents = [self._ray.put(np.fromfile(path, np.uint8)) for path in self._files]
        return self._contents

    def _named(self, node: str, host: str) -> str:
        """The name of a machine for people: its host's, unless another one has that too."""
        if node not in self._names:
            self._names[node] = f"{host}-{node[:6]}" if host in self._names.values() else host
        return self._names[node]

    def _check_room(self) -> None:
        """Raise an `ExecutorError` if no machine has what a child takes and none can come; warn if one may come."""
        if self.room():
            return
        wanted = _wanted(self._resources)
        if address_of(self._config.ray_address) == LOCAL:
            there = self._ray.cluster_resources()
            has = _in_words({name: there.get(name, 0.0) for name in wanted})
            raise ExecutorError(f"a child takes {_in_words(wanted)}, and this machine has {has}")
        logging.warning("no machine of the cluster has %s: children wait for one that does", _in_words(wanted))

    def _check_home(self) -> None:
        """Raise an `ExecutorError` if the machine of the search has too little, whatever else runs there."""
        (node,) = [node for node in self._ray.nodes() if node["NodeID"] == self._home]
        for name, amount in _wanted(self._resources).items():
            if (there := node["Resources"].get(name, 0.0)) < amount:
                raise ExecutorError(
                    f"finalists are trained where the study's folder can be read, and costs are measured on the "
                    f"machine of the search, where Ray has {there:g} {name}, and {amount:g} is needed: put the folder "
                    f"on a file system that all machines share, or run the search elsewhere"
                )


def _resources(config: SearchConfig, there: dict[str, float]) -> dict[str, Any]:
    """What a child takes of its machine, as options of an actor; `there` is what the whole cluster has."""
    cpus = config.cpus_per_child or threads_each(config)
    gpus = config.gpus_per_child
    if gpus is None:
        gpus = 1 if there.get("GPU") else 0
    return {"num_cpus": cpus, "num_gpus": gpus, "resources": dict(resources_of(config.ray_resources))}


def _wanted(resources: dict[str, Any]) -> dict[str, float]:
    """The options of an actor as amounts by Ray's names, without those of which it takes none."""
    amounts = {"CPU": resources["num_cpus"], "GPU": resources["num_gpus"], **resources["resources"]}
    return {name: amount for name, amount in amounts.items() if amount}


def _in_words(amounts: dict[str, float]) -> str:
    return ", ".join(f"{amount:g} {name}" for name, amount in amounts.items())


def _environment(resources: dict[str, Any]) -> dict[str, str]:
    """The variables of workers: those of the search that change what is computed, and as many threads as cores."""
    threads = str(max(1, int(resources["num_cpus"])))
    prefixes = tuple(one for one in _PASSED if not (one == "OMP_" and _JOB in os.environ))
    passed = {name: value for name, value in os.environ.items() if name.startswith(prefixes)}
    shared = {"TF_FORCE_GPU_ALLOW_GROWTH": "true"} if 0 < resources["num_gpus"] < 1 else {}
    return {"TQDM_DISABLE": "1", **dict.fromkeys(THREADS, threads), **shared, **passed}


def _in_short(error: Exception) -> str:
    """What Ray says of the end of an actor, in one line."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and not line.startswith("\t")]
    if not lines:
        return type(error).__name__
    return lines[0 if _is_of_memory(error) else -1][:300]


def _is_of_memory(error: Exception) -> bool:
    return type(error).__name__ == "OutOfMemoryError"
