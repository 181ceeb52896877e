"""Slots on a Ray cluster that does what a test says, where no process is started."""

import contextlib
import json
from types import SimpleNamespace

import pytest
from imported_ray import ray

from nasnet_keras.search import SearchConfig
from nasnet_keras.search.executors import ray_cluster, ray_connection
from nasnet_keras.search.executors.base import ExecutorError, Task
from nasnet_keras.search.executors.cluster import Answered, Lost, Ready
from nasnet_keras.search.executors.ray_cluster import RayCluster
from nasnet_keras.search.executors.ray_slot import versions
from nasnet_keras.search.testing.executors import Probe

HOME = "a1" * 28
OK = {"status": "ok", "reward": 0.5, "metrics": {}, "seconds": 1.0}


class StandIn:
    """Stands in for the module `ray`: calls are answered when a test says so, the oldest of a method first."""

    exceptions = ray.exceptions

    def __init__(self):
        self.calls, self.answers, self.killed = [], {}, []
        self.machines = [{"NodeID": HOME, "Alive": True, "Resources": {"CPU": 2.0}}]
        self.options, self.refused, self.classes, self.waited = {}, None, 0, []

    def cluster_resources(self):
        return {"CPU": 2.0}

    def nodes(self):
        return self.machines

    def get_runtime_context(self):
        return SimpleNamespace(get_node_id=lambda: HOME)

    def remote(self, **options):
        self.classes += 1
        return lambda made: Actors(self, **options)

    def wait(self, calls, num_returns=1, timeout=0.0):
        self.waited.append({call.method for call in calls})
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
        if self._module.refused:
            raise self._module.refused
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
    found = {"node": HOME, "host": "here", "sees_study": sees_study, "versions": versions()}
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


def test_one_class_of_actors_serves_all_slots(cluster, module):
    for slot in (1, 2):
        ready(cluster, module, slot)
    cluster.request(3, home=True)
    assert module.classes == 1 and module.options.pop("scheduling_strategy").node_id == HOME
    fixed = {"max_restarts": 0, "max_task_retries": 0, "max_concurrency": 2}
    assert module.options == {**fixed, "num_cpus": 1, "num_gpus": 0, "resources": {}}


@pytest.mark.parametrize("address", [None, "10.0.0.5:6379"])
def test_a_child_that_no_machine_has_room_for(address, module, tmp_path, caplog, monkeypatch):
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    settings = {"cpus_per_child": 4, "ray_resources": "a100=0.5", "ray_address": address}
    cluster = RayCluster(SearchConfig("unused", executor="ray", **settings))
    if address is None:
        with pytest.raises(ExecutorError, match=r"takes 4 CPU, 0.5 a100, and this machine has 2 CPU, 0 a100"):
            cluster.start(Probe(), tmp_path)
    else:
        cluster.start(Probe(), tmp_path)
        assert "no machine of the cluster has 4 CPU, 0.5 a100: children wait for one" in caplog.text


def test_shares_of_a_machine_that_are_no_binary_fractions_are_counted(module):
    module.machines[0]["Resources"]["CPU"] = 0.3
    assert RayCluster(SearchConfig("unused", executor="ray", cpus_per_child=0.1)).room() == 3


def test_what_ray_refuses_is_one_clear_error(cluster, module):
    module.refused = ValueError("TPU resource quantities >1 must be whole numbers.")
    with pytest.raises(ExecutorError, match="Ray gives no place with 1 CPU: TPU resource quantities"):
        cluster.request(1)


def test_a_cluster_that_refuses_the_token_is_one_clear_error():
    def init(**_):
        raise ray.exceptions.AuthenticationError("no token")

    refusing = SimpleNamespace(init=init, shutdown=lambda: None, exceptions=ray.exceptions)
    with pytest.raises(ExecutorError, match="no connection to a Ray cluster at '10.0.0.5:6379': no token"):
        ray_connection._init(refusing, address="10.0.0.5:6379")


def test_what_ray_prints_is_in_the_log_as_long_as_the_connection_lasts():
    printed = []
    module = SimpleNamespace(_private=SimpleNamespace(worker=SimpleNamespace(print_to_stdstream=printed.append)))
    with ray_connection._in_log(module):
        module._private.worker.print_to_stdstream({"lines": ["a machine is lost"]}, ignore_prefix=True)
    module._private.worker.print_to_stdstream("words")
    assert printed == ["words"]


def test_answers_that_come_with_an_error_are_taken_first(cluster, module):
    first = running(cluster, module, 1)
    cluster.request(2)
    found = {"node": "n2", "host": "there", "sees_study": True, "versions": {**versions(), "TensorFlow": "2.0"}}
    module.answer(cluster._places[2].actor, "look", json.dumps(found))
    module.answer(first, "run", json.dumps({**OK, "output": ""}))
    assert cluster.events(0.0) == [Answered(1, OK)]
    with pytest.raises(
        ExecutorError,
        match="all machines need the same versions: there has TensorFlow 2.0, and the search TensorFlow 2",
    ):
        cluster.events(0.0)


def test_copies_are_removed_by_slots_that_are_given_back(cluster, module):
    far = [ready(cluster, module, slot, sees_study=False) for slot in range(1, 5)]
    cluster.submit(1, Task("search", 1, "abcd", 1))
    module.answer(far[0], "run", ray.exceptions.ActorDiedError())
    module.waited.clear()
    assert [event.slot for event in cluster.events(0.0)] == [1] and {"remove_copies"} not in module.waited
    cluster.release(2)
    assert module.waited[-1] == {"remove_copies"} and module.killed == far[:2]
    module.waited.clear()
    cluster.close((1, 3))  # 1 is lost
    assert module.waited == [{"remove_copies"}] and module.killed == far
    asked = [call.actor for call in module.calls if call.method == "remove_copies"]
    assert asked == far[1:] and [call.actor for call in module.calls if call.method == "stop"] == [far[2]]


def test_threads_that_ray_chose_for_a_job_are_not_those_of_children(monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    resources = {"num_cpus": 4, "num_gpus": 0, "resources": {}}
    assert ray_cluster._environment(resources)["OMP_NUM_THREADS"] == "1"
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    assert ray_cluster._environment(resources)["OMP_NUM_THREADS"] == "4"
