"""Children on a Ray cluster: on this machine, on several nodes, and what is left when something ends."""

import contextlib
import json
import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import psutil
import pytest
from sleeping import Finisher, Reader, Sleeper, Words

from nasnet_keras import Block, Cell, Edge, Genotype
from nasnet_keras.search import SearchConfig, executors, load_study, run
from nasnet_keras.search.evaluators.child import ChildEvaluator
from nasnet_keras.search.executors import ray_cluster, ray_connection, ray_slot
from nasnet_keras.search.executors.base import ExecutorError, Task
from nasnet_keras.search.executors.cluster import Answered, Cluster, Lost, Ready
from nasnet_keras.search.executors.distributed import Distributed
from nasnet_keras.search.executors.ray_cluster import RayCluster
from nasnet_keras.search.executors.ray_connection import connected
from nasnet_keras.search.place import resources_of
from nasnet_keras.search.testing import check_executor
from nasnet_keras.search.testing.executors import Probe
from nasnet_keras.training.recipes import Recipe

OK = {"status": "ok", "reward": 0.5, "metrics": {}, "seconds": 1.0}
CELL = Cell([Block(Edge("conv_3x3", "current"), Edge("identity", "previous"))], ["block_0"])
SMALL = Genotype(CELL, CELL)
RECIPE = Recipe(epochs=1, batch_size=64, learning_rate=0.05, pad=1, flip=False)
DRIVER = """
import sys
from nasnet_keras.search import SearchConfig, run
from sleeping import Sleeper, Words
study, notes, settings, seconds = sys.argv[1], sys.argv[2], eval(sys.argv[3]), float(sys.argv[4])
settings = dict(algorithm="evolution", population_size=5, random_trials=4, finalists=1, window=6, seed=1) | settings
run(SearchConfig(study, child_memory_gib=0.4, **settings), evaluator=Sleeper(notes, seconds, greedy=8), space=Words())
"""


def config(**changes):
    return SearchConfig("unused", **{"executor": "ray", **changes})


def task(number=0, **changes):
    return Task(**{"group": "search", "number": number, "genotype": "abcd", "seed": number, **changes})


def outcome_of(executor, seconds=600.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if outcome := executor.wait(0.2):
            return outcome
    raise AssertionError("no outcome")


def wait_until(condition, seconds=600.0):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.1)


def is_gone(pid):
    return name_of(pid) is None


def name_of(pid):
    """The name of a process; None if it has ended."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.name()
    except psutil.NoSuchProcess:
        return None


def slots_of(process):
    """The processes of Ray that have our workers."""
    return [one for one in process.children(recursive=True) if one.cmdline()[:1] and "ray::Slot" in one.cmdline()[0]]


# --- settings


def test_settings_of_the_place_of_children():
    found = config(ray_resources=["a100=1", " disk =0.50"], gpus_per_child=0.25, cpus_per_child=2.0, child_retries=0)
    assert found.ray_resources == ("a100=1", "disk=0.5") and found.gpus_per_child == 0.25
    assert resources_of(found.ray_resources) == {"a100": 1.0, "disk": 0.5}
    assert config(ray_resources="disk=1234567.5").ray_resources == ("disk=1234567.5",)
    assert type(config(gpus_per_child=2.0).gpus_per_child) is int
    assert SearchConfig.from_json(found.to_json()) == found and found.identity() == SearchConfig("unused").identity()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ray_resources": "a100"}, "ray_resources must be names of custom resources .* got 'a100'"),
        ({"ray_resources": ["GPU=1"]}, "ray_resources must be names of custom resources .* got 'GPU=1'"),
        ({"ray_resources": ["object_store_memory=1"]}, "names of custom resources .* got 'object_store_memory=1'"),
        ({"ray_resources": ["a100=-1"]}, "with positive amounts, such as a100=1, got 'a100=-1'"),
        ({"gpus_per_child": 1.5}, "gpus_per_child must be a whole number or a fraction below 1, got 1.5"),
        ({"gpus_per_child": -1}, "gpus_per_child must be a whole number or a fraction below 1, got -1"),
        ({"cpus_per_child": 0}, "cpus_per_child must be positive, got 0"),
        ({"child_retries": -1}, "child_retries must be a whole number from 0, got -1"),
        ({"executor": "subprocess", "ray_address": "auto"}, "ray_address='auto' is for the executor 'ray', got 'subpr"),
        ({"executor": None, "cpus_per_child": 2}, "cpus_per_child=2 is for the executor 'ray', got 'subprocess'"),
        ({"executor": "subprocess", "gpus_per_child": 0.5}, "whole number from 1, got 0.5; less is for the .*'ray'"),
        ({"evaluator": "supernet"}, "where these are, by executor 'inline', got 'ray'"),
    ],
)
def test_bad_settings(changes, message):
    with pytest.raises(ValueError, match=message):
        config(**changes)


def test_what_a_child_takes_of_a_machine(monkeypatch):
    for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS", "TF_FORCE_GPU_ALLOW_GROWTH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    monkeypatch.setattr("nasnet_keras.search.executors.subprocesses.cores", lambda: 12)
    usual = ray_cluster._resources(config(), {"CPU": 64.0})
    assert usual == {"num_cpus": 3, "num_gpus": 0, "resources": {}}  # as subprocess would: 12 cores, a window of 4
    assert ray_cluster._environment(usual)["OMP_NUM_THREADS"] == "3"
    assert ray_cluster._resources(config(), {"GPU": 8.0})["num_gpus"] == 1
    assert ray_cluster._resources(config(gpus_per_child=2), {})["num_gpus"] == 2  # the cluster may grow
    part = ray_cluster._resources(config(gpus_per_child=0.5, cpus_per_child=0.5, ray_resources="a=1"), {"GPU": 8.0})
    assert part == {"num_cpus": 0.5, "num_gpus": 0.5, "resources": {"a": 1.0}}
    there = ray_cluster._environment(part)
    assert there["TF_NUM_INTRAOP_THREADS"] == "1" and there["TF_FORCE_GPU_ALLOW_GROWTH"] == "true"
    monkeypatch.setenv("OMP_NUM_THREADS", "7")
    assert ray_cluster._environment(usual)["OMP_NUM_THREADS"] == "7"


# --- which slot gets which task, on a cluster that does what a test says


class Scripted(Cluster):
    """Notes what it is asked for; a test says what happens."""

    def __init__(self):
        self.asked, self.under_way, self.news, self.closed = {}, {}, [], None

    def start(self, evaluator, folder):
        pass

    def room(self):
        return 2

    def request(self, slot, home=False):
        self.asked[slot] = home

    def submit(self, slot, task):
        assert slot not in self.under_way
        self.under_way[slot] = task.number

    def release(self, slot):
        del self.asked[slot]

    def events(self, timeout_seconds):
        news, self.news = self.news, []
        for event in news:
            if not isinstance(event, Ready):
                self.under_way.pop(event.slot, None)
            if isinstance(event, Lost):
                del self.asked[event.slot]
        return news

    def close(self, finishing=()):
        self.closed = finishing


@pytest.fixture
def scripted(tmp_path):
    """Makes an executor on such a cluster, which has the given tasks, and a function that lets events happen."""

    def made(*tasks, **changes):
        executor = Distributed(config(**changes), cluster=(cluster := Scripted()))
        executor.start(Probe(), tmp_path)
        for one in tasks:
            executor.submit(one)

        def happen(*events):
            cluster.news = [*events]
            return executor.wait(0.0)

        return executor, cluster, happen

    return made


def test_a_task_of_a_lost_slot_is_done_by_another_so_many_times(scripted):
    executor, cluster, happen = scripted(task(5), child_retries=2)
    for slot in (1, 2):
        assert happen(Ready(slot, "a")) is None and cluster.under_way == {slot: 5}
        assert happen(Lost(slot, "its machine is gone")) is None and not cluster.under_way
        assert [*cluster.asked] == [slot + 1]
    assert happen(Ready(3, "b")) is None and executor.places() == {"b": 1}
    outcome = happen(Lost(3, "its machine is gone"))
    assert (outcome.status, outcome.metrics) == ("crashed", {"error": "its machine is gone (3 times)"})
    assert not cluster.asked and executor.wait(0.0) is None


def test_a_child_that_had_no_memory_is_not_run_again(scripted):
    _, cluster, happen = scripted(task(5), child_retries=2)
    happen(Ready(1, "a"))
    outcome = happen(Lost(1, "the machine had no memory left", out_of_memory=True))
    assert outcome.status == "out_of_memory" and not cluster.asked


def test_a_cluster_on_which_no_worker_starts_ends_the_search(scripted):
    *_, happen = scripted(task(5), child_retries=0)
    happen(Lost(1, "no such module"))
    happen(Ready(2, "a"))
    happen(Lost(2, "no such module", unusable=True))  # which is no fault of the child
    with pytest.raises(ExecutorError, match="no child can be run: no such module"):
        happen(Lost(3, "no such module"))


def test_starts_that_fail_together_count_once(scripted):
    *_, happen = scripted(*map(task, range(5)))
    assert happen(Ready(1, "a"), Ready(2, "a")) is None
    assert happen(Lost(3, "its machine is gone"), Lost(4, "…"), Lost(5, "…"), Answered(1, OK)).status == "ok"
    for slot in (6, 7):
        assert happen(Lost(slot, "no such module")) is None
    assert happen(Lost(8, "no such module")) is None


def test_outcomes_that_come_with_an_error_are_read_first(scripted):
    executor, _, happen = scripted(*map(task, range(3)))
    happen(Ready(1, "a"))
    happen(Lost(2, "no such module"))
    happen(Lost(4, "no such module"))
    assert happen(Lost(5, "no such module"), Answered(1, OK)).task == task(0)
    with pytest.raises(ExecutorError, match="no such module"):
        executor.wait(0.0)


def test_slots_are_requested_as_tasks_wait_and_given_back(scripted, monkeypatch):
    executor, cluster, happen = scripted(*map(task, range(3)), window=2)
    assert executor.capacity == 2 and len(cluster.asked) == 3
    happen(Ready(2, "a"))
    assert happen(Answered(2, OK)).task == task(0)
    executor.wait(0.0)
    assert cluster.under_way == {2: 1} and len(cluster.asked) == 2  # two were wanted once, and one waits now
    assert happen(Answered(2, OK)).reward == 0.5
    executor.wait(0.0)
    assert happen(Answered(2, OK)).task == task(2) and [*cluster.asked] == [2]
    executor.submit(task(3))
    assert cluster.under_way == {2: 3}
    happen(Answered(2, OK))
    monkeypatch.setattr("nasnet_keras.search.executors.distributed._IDLE_SECONDS", 0.0)
    executor.wait(0.0)
    assert not cluster.asked


def test_finalists_and_measurements_are_where_the_search_is(scripted, tmp_path):
    final, measured = task(0, folder=tmp_path), task(1, stage="measure")
    executor, cluster, happen = scripted(final)
    assert cluster.asked == {1: False}
    assert happen(Ready(1, "shares the folder", sees_study=True)) is None and cluster.under_way == {1: 0}
    happen(Answered(1, OK))
    executor, cluster, happen = scripted(final, measured, task(2))
    assert cluster.asked == {1: False, 2: True, 3: False}
    happen(Ready(3, "far"))
    executor.wait(0.0)
    assert cluster.under_way == {3: 2} and sorted(cluster.asked.values()) == [False, True, True]
    happen(*(Ready(slot, "here", home=True, sees_study=True) for slot, home in cluster.asked.items() if home))
    assert sorted(cluster.under_way.values()) == [0, 1, 2]
    executor.close()
    assert cluster.closed == tuple(slot for slot, number in cluster.under_way.items() if number == 0)


# --- on Ray


@pytest.fixture(scope="module")
def here():
    """A connection to a cluster of this machine, as the executor starts it, which executors of this process use."""
    with connected(None) as ray:
        yield ray


def test_all_ports_are_on_the_loopback_device(here):
    (node,) = here.nodes()
    assert node["NodeManagerAddress"] == "127.0.0.1"
    session = psutil.Process().children(recursive=True)
    raylet = next(one for one in session if one.name() == "raylet")
    everyone = [psutil.Process(), *session]
    listening = [one for process in everyone for one in process.net_connections("inet") if one.status == "LISTEN"]
    assert raylet in session and len(listening) >= 4
    assert {one.laddr.ip for one in listening} <= {"127.0.0.1", "::ffff:127.0.0.1", "::1"}


def test_it_keeps_the_contract_of_executors(here):
    check_executor(lambda: Distributed(config(window=2), Probe()))


def test_an_address_for_clients_is_refused(monkeypatch):
    monkeypatch.setenv("RAY_ADDRESS", "ray://head:10001")
    with pytest.raises(ValueError, match="is for clients outside of a cluster, and a search runs on one of its mach"):
        Distributed(config())


@pytest.mark.slow
def test_rewards_are_those_of_subprocess_to_the_bit(here, tmp_path):
    found = []
    for executor in ("subprocess", "ray"):
        settings = config(executor=executor, filters=2, recipe=RECIPE, train_images=128, window=2)
        with executors.make(settings) as running:
            running.start(ChildEvaluator(settings), tmp_path)
            for number in range(2):
                running.submit(task(number, genotype=SMALL))
            ended = sorted((outcome_of(running) for _ in range(2)), key=lambda one: one.task.number)
            found.append([(one.status, one.reward, one.metrics) for one in ended])
    assert found[0] == found[1] and {status for status, _, _ in found[0]} == {"ok"}


@pytest.mark.slow
def test_a_study_goes_on_with_another_executor_and_back(here, tmp_path):
    def searched(folder, trials, executor):
        settings = {"algorithm": "evolution", "population_size": 3, "finalists": 1, "random_trials": 2, "window": 2}
        settings = SearchConfig(tmp_path / folder, trials=trials, executor=executor, **settings)
        return run(settings, evaluator=Sleeper(str(tmp_path / "notes"), 0.0), space=Words())

    whole = searched("whole", 12, "subprocess")
    for trials, executor in ((4, "subprocess"), (8, "ray"), (12, "subprocess")):
        mixed = searched("mixed", trials, executor)
    assert as_told(mixed) == as_told(whole)


@pytest.mark.slow
def test_workers_that_cannot_read_the_studys_folder_are_given_its_files(here, tmp_path, monkeypatch):
    """Nothing is left of the copies."""
    (tmp_path / "study.json").write_text("{}")
    start = RayCluster.start

    def start_far(self, evaluator, folder):
        start(self, evaluator, folder)
        self._mark = json.dumps({"path": str(tmp_path / "missing"), "text": ""})

    for far in (False, True):
        if far:
            monkeypatch.setattr(RayCluster, "start", start_far)
        settings = SearchConfig(tmp_path, executor="ray")
        with Distributed(settings, Reader(settings)) as executor:
            executor.start(Reader(settings), tmp_path)
            executor.submit(task())
            found = outcome_of(executor).metrics
        assert (found["study"], found["images"]) == ("{}", "images")
        assert (Path(found["folder"]) != tmp_path) == far
    wait_until(lambda: not Path(found["folder"]).exists())


@pytest.mark.slow
def test_machines_need_the_same_python(here, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_cluster, "versions", lambda: {**ray_slot.versions(), "Python": "3.11.99"})
    with Distributed(config(), Probe()) as executor:
        executor.start(Probe(), tmp_path)
        executor.submit(task())
        with pytest.raises(ExecutorError, match="all machines need the same versions: .* the search Python 3.11.99"):
            outcome_of(executor)


@pytest.mark.slow
def test_a_slot_that_gives_no_sign_is_lost(here, tmp_path, monkeypatch):
    monkeypatch.setattr(ray_cluster, "_BEAT_SECONDS", 0.5)
    monkeypatch.setattr(ray_cluster, "_SILENT_SECONDS", 20.0)
    evaluator = Sleeper(str(tmp_path / "study.notes"), 8.0)
    with Distributed(config(), evaluator) as executor:
        executor.start(evaluator, tmp_path)
        executor.submit(task(3))
        wait_until(lambda: executor.wait(0.1) or begun(tmp_path / "study"))
        pid, grandchild = begun(tmp_path / "study")[0]
        stopped = psutil.Process(pid).parent().parent()
        assert stopped in slots_of(psutil.Process())
        stopped.suspend()
        outcome = outcome_of(executor)
        assert (outcome.status, outcome.task.number) == ("ok", 3)
        for one in (stopped.pid, pid, grandchild):
            wait_until(lambda one=one: is_gone(one), 30.0)


@pytest.mark.slow
def test_a_finalist_writes_its_checkpoint_when_the_search_is_stopped(here, tmp_path):
    with Distributed(config(), Finisher()) as executor:
        executor.start(Finisher(), tmp_path)
        executor.submit(task(0, folder=tmp_path))
        wait_until(lambda: executor.wait(0.1) or (tmp_path / "begun").exists())
    assert (tmp_path / "checkpoint").exists()


# --- whole searches


def searching(folder, executor, seconds, **settings):
    """The process of a search whose children sleep."""
    given = [str(folder), f"{folder}.notes", repr({"executor": executor, **settings}), str(seconds)]
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    return subprocess.Popen([sys.executable, "-c", DRIVER, *given], env=environment, stderr=subprocess.DEVNULL)


def begun(folder):
    """The processes of the children that have begun, and of those that they started."""
    path = Path(f"{folder}.notes")
    lines = path.read_text().splitlines(keepends=True) if path.exists() else []
    notes = [line.split() for line in lines if line.endswith("\n")]
    return [(int(note[2]), int(note[3])) for note in notes if note[0] == "begun"]


def slot_with_a_child(folder):
    """The process of Ray that has the worker of a child which is under way."""
    with contextlib.suppress(psutil.NoSuchProcess, StopIteration, AttributeError):
        return psutil.Process(next(pid for pid, _ in begun(folder)[::-1] if not is_gone(pid))).parent().parent()
    return None


def recorded(folder):
    path = folder / "trials.jsonl"
    return path.read_text().count("\n") if path.exists() else 0


def as_told(study):
    return [(one.trial, one.genotype, one.status, one.reward, one.seed) for one in study.trials]


@pytest.mark.slow
def test_nothing_outlives_a_search_whose_driver_is_killed(tmp_path):
    """Neither its children nor theirs, nor the cluster that it started; two agents of Ray's take a minute longer."""
    search = searching(tmp_path / "study", "ray", 600.0, trials=4)
    wait_until(lambda: len(begun(tmp_path / "study")) >= 1 and search.poll() is None)
    everyone = psutil.Process(search.pid).children(recursive=True)
    names = Counter(one.name() for one in everyone)
    assert names["raylet"] == names["gcs_server"] == 1
    search.kill()
    search.wait()
    _, left = psutil.wait_procs(everyone, timeout=600)
    assert {name_of(one.pid) for one in left} <= {"ray::RuntimeEnvAgent", "ray::DashboardAgent", None}
    wait_until(lambda: all(is_gone(one.pid) for one in left))
    assert all(is_gone(pid) for pids in begun(tmp_path / "study") for pid in pids)
    assert not load_study(tmp_path / "study").trials


@pytest.fixture
def cluster(monkeypatch):
    """Three nodes on this machine, of which the first is the driver's."""
    for name, value in ray_connection._SETTINGS.items():
        monkeypatch.setenv(name, value)
    from ray.cluster_utils import Cluster as Nodes

    sizes = {"object_store_memory": 80 * 2**20}
    made = Nodes(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False, **sizes})
    made.more = lambda: made.add_node(num_cpus=1, **sizes)
    made.nodes = [made.more(), made.more()]
    yield made
    made.shutdown()


def raylet_of(node):
    return psutil.Process(node.all_processes["raylet"][0].process.pid)


@pytest.mark.slow
def test_machines_come_and_go_and_the_trials_are_those_of_an_unbroken_run(cluster, tmp_path):
    settings = {"trials": 24}
    whole = searching(tmp_path / "whole", "subprocess", 0.05, workers=2, **settings)
    assert whole.wait() == 0
    study = tmp_path / "study"
    settings |= {"ray_address": cluster.address, "cpus_per_child": 1}
    driver = searching(study, "ray", 2.0, **settings)

    def reach(count):
        wait_until(lambda: recorded(study) >= count and driver.poll() is None, 240.0)

    reach(4)
    raylet_of(cluster.nodes[0]).kill()
    reach(8)
    cluster.nodes.append(cluster.more())
    reach(12)
    wait_until(lambda: slot_with_a_child(study))
    slot_with_a_child(study).kill()
    reach(16)
    driver.kill()
    driver.wait()
    wait_until(lambda: all(is_gone(pid) for pids in begun(study) for pid in pids), 30.0)
    assert searching(study, "ray", 2.0, **settings).wait() == 0
    found = load_study(study)
    assert as_told(found) == as_told(load_study(tmp_path / "whole"))
    assert [one.status for one in found.trials].count("out_of_memory") == 1 and found.result is not None
    counts = Counter(json.loads(line)["trial"] for line in (study / "trials.jsonl").open())
    assert counts == dict.fromkeys(range(24), 1)
