"""Slots on a Ray cluster that does what a test says, where no process is started."""

import contextlib
import json
from types import SimpleNamespace

import pytest
from imported_ray import ray

from nasnet_keras.search import SearchConfig
from nasnet_keras.search.executors import ray_cluster
from nasnet_keras.search.executors.base import Task
from nasnet_keras.search.executors.cluster import Answered, Lost, Ready
from nasnet_keras.search.executors.ray_cluster import RayCluster
from nasnet_keras.search.executors.ray_slot import versions
from nasnet_keras.search.testing.executors import Probe

OK = {"status": "ok", "reward": 0.5, "metrics": {}, "seconds": 1.0}


class StandIn:
    """Stands in for the module `ray`: calls are answered when a test says so, the oldest of a method first."""

    exceptions = ray.exceptions

    def __init__(self):
        self.calls, self.answers, self.killed = [], {}, []
        self.machines = [{"NodeID": "n1", "Alive": True, "Resources": {"CPU": 2.0}}]
        self.options = {}

    def cluster_resources(self):
        return {"CPU": 2.0}

    def nodes(self):
        return self.machines

    def get_runtime_context(self):
        return SimpleNamespace(get_node_id=lambda: "n1")

    def remote(self, made):
        return Actors(self)

    def wait(self, calls, num_returns=1, timeout=0.0):
        done = [call for call in calls if call in self.answers]
        return done, [call for call in calls if call not in done]

    def get(self, call):
        answer = self.answers.pop(call)
        if isinstance(answer, Exception):
            raise answer
        return answer

    def kill(self, actor):
        self.killed.append(actor)

    def answer(self, actor, method, value):
        """Let the last call of a method be answered, by a value or an error."""
        call = next(call for call in self.calls[::-1] if (call.actor, call.method) == (actor, method))
        self.answers[call] = value


class Actors:
    """Stands in for a class of actors with options."""

    def __init__(self, module, **options):
        self._module, self._options = module, options

    def options(self, **options):
        return Actors(self._module, **{**self._options, **options})

    def remote(self, plan):
        self._module.options = self._options
        return Actor(self._module)


class Actor:
    def __init__(self, module):
        self._module = module

    def __getattr__(self, method):
        def remote(*arguments):
            call = Call()
            call.actor, call.method, call.arguments = self, method, arguments
            self._module.calls.append(call)
            return call

        return SimpleNamespace(remote=remote)


class Call:
    """A reference to an answer; each is its own."""


@pytest.fixture
def module(monkeypatch):
    made = StandIn()
    monkeypatch.setattr(ray_cluster, "connected", lambda address: contextlib.nullcontext(made))
    return made


@pytest.fixture
def cluster(module, tmp_path):
    made = RayCluster(SearchConfig("unused", executor="ray", cpus_per_child=1))
    made.start(Probe(), tmp_path)
    yield made
    made.close()


def ready(cluster, module, slot, sees_study=True):
    cluster.request(slot)
    actor = cluster._places[slot].actor
    found = {"node": "n1", "host": "here", "sees_study": sees_study, "versions": versions()}
    module.answer(actor, "look", json.dumps(found))
    assert cluster.events(0.0) == []
    module.answer(actor, "set_up", None)
    assert cluster.events(0.0) == [Ready(slot, "here", True, sees_study)]
    return actor


def running(cluster, module, slot):
    actor = ready(cluster, module, slot)
    cluster.submit(slot, Task("search", slot, "abcd", slot))
    return actor


def test_a_child_that_rays_monitor_ended_is_out_of_memory(cluster, module):
    for slot, error, out_of_memory in (
        (1, ray.exceptions.OutOfMemoryError("Task was killed due to the node running low on memory.\nMore."), True),
        (2, ray.exceptions.ActorDiedError(), False),
    ):
        actor = running(cluster, module, slot)
        module.answer(actor, "run", error)
        (event,) = cluster.events(0.0)
        assert isinstance(event, Lost) and (event.slot, event.out_of_memory) == (slot, out_of_memory)
        assert event.reason.startswith("its place on here was lost: ") and module.killed[-1] is actor
        assert str(error).splitlines()[0].strip() in event.reason


def test_a_slot_is_given_up_only_when_it_was_asked(cluster, module, monkeypatch):
    """After a stop of the search itself, say, however long it was not heard."""
    now = [0.0]
    monkeypatch.setattr(cluster._clock, "look", lambda: now[0])
    actor = running(cluster, module, 1)
    now[0] = 1000.0
    assert cluster.events(0.0) == [] and module.calls[-1].method == "beat"
    now[0] += 80.0
    assert cluster.events(0.0) == []
    module.answer(actor, "beat", None)
    now[0] += 80.0
    assert cluster.events(0.0) == []
    now[0] += 40.0
    assert cluster.events(0.0) == [] and [call.method for call in module.calls].count("beat") == 2
    now[0] += 100.0
    assert cluster.events(0.0) == [Lost(1, "its place on here was lost: it gave no sign for 120 seconds")]


def test_an_answer_of_a_child_is_its_outcome(cluster, module):
    actor = running(cluster, module, 1)
    module.answer(actor, "run", json.dumps({**OK, "output": "words"}))
    assert cluster.events(0.0) == [Answered(1, OK, b"words")]
