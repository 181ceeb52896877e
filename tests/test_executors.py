"""Executors: where children run, what ends them, and that nothing is left running."""

import dataclasses
import json
import os
import signal
import stat
import subprocess
import sys
import time

import psutil
import pytest

from nasnet_keras import Block, Cell, Edge, Genotype
from nasnet_keras.card import Card
from nasnet_keras.search import SearchConfig, load_study
from nasnet_keras.search import executors as executors_by_name
from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.search.evaluators.child import ChildEvaluator
from nasnet_keras.search.executors import forked, gpus, subprocesses, worker
from nasnet_keras.search.executors.base import ExecutorError, Task, perform
from nasnet_keras.search.executors.gpus import visible_gpus
from nasnet_keras.search.executors.inline import Inline
from nasnet_keras.search.executors.subprocesses import Subprocesses
from nasnet_keras.training.errors import DivergedError, Stopped
from nasnet_keras.training.recipes import Recipe

CELL = Cell([Block(Edge("conv_3x3", "current"), Edge("identity", "previous"))], ["block_0"])
SMALL = Genotype(CELL, CELL)
RECIPE = Recipe(epochs=1, batch_size=64, learning_rate=0.05, pad=1, flip=False)
FOREVER = dataclasses.replace(RECIPE, epochs=100_000)


def config(**changes):
    settings = {"filters": 2, "recipe": RECIPE, "train_images": 128, "final_epochs": 2, "executor": "subprocess"}
    return SearchConfig("unused", **{**settings, **changes})


def task(number, **changes):
    return Task(**{"group": "search", "number": number, "genotype": SMALL, "seed": number, **changes})


def outcomes(executor, tasks, seconds=600):
    """All tasks through an executor, as the search does it; by number."""
    waiting, under_way, found = list(tasks), 0, {}
    deadline = time.monotonic() + seconds
    while waiting or under_way:
        assert time.monotonic() < deadline
        while waiting and under_way < executor.capacity:
            executor.submit(waiting.pop(0))
            under_way += 1
        if outcome := executor.wait(1.0):
            found[outcome.task.number] = outcome
            under_way -= 1
    return found


def child_of(executor, number=0, seconds=600):
    """The process of the task that a worker has under way."""
    deadline = time.monotonic() + seconds
    while executor._pool.workers[number]._pid is None:
        assert time.monotonic() < deadline and executor.wait(0.1) is None
    return psutil.Process(executor._pool.workers[number]._pid)


@pytest.fixture(scope="module")
def two(tmp_path_factory):
    with Subprocesses(config(workers=2)) as executor:
        executor.start(ChildEvaluator(config()), tmp_path_factory.mktemp("study"))
        yield executor


def started(settings, path):
    executor = executors_by_name.make(settings)
    executor.start(ChildEvaluator(settings), path)
    return executor


def test_every_task_has_its_outcome_wherever_it_runs(two, tmp_path):
    tasks = [task(number) for number in range(4)]
    there, again = outcomes(two, tasks), outcomes(two, tasks)
    with started(config(executor="inline"), tmp_path) as inline:
        here = outcomes(inline, tasks)
    for number in range(4):
        assert there[number].task == tasks[number] and there[number].status == here[number].status == "ok"
        assert there[number].reward == again[number].reward and there[number].metrics == again[number].metrics
        assert there[number].seconds > 0 and there[number].trial().trial == number
        # Another number of threads adds up in another order.
        assert there[number].metrics["loss"] == pytest.approx(here[number].metrics["loss"], rel=0.02)
        assert there[number].metrics["parameters"] == here[number].metrics["parameters"]


def test_a_task_whose_evaluator_raises_is_an_outcome(two):
    found = outcomes(two, [task(0, seed=-1), task(1)])
    assert found[0].status == "crashed" and "seed" in found[0].metrics["error"] and found[0].reward is None
    assert found[1].status == "ok"


def test_a_killed_child_is_an_outcome_and_others_go_on(tmp_path):
    with started(config(workers=2, recipe=FOREVER, child_timeout_minutes=30.0), tmp_path) as executor:
        for number in range(2):
            executor.submit(task(number))
        first, second = child_of(executor, 0), child_of(executor, 1)
        assert first.pid != second.pid and first.parent().pid != second.parent().pid
        first.send_signal(signal.SIGKILL)
        outcome = executor.wait(30.0)
        assert (outcome.task.number, outcome.status) == (0, "crashed") and "killed" in outcome.metrics["error"]
        second.send_signal(signal.SIGSEGV)
        outcome = executor.wait(30.0)
        assert (outcome.task.number, outcome.status) == (1, "crashed") and "SIGSEGV" in outcome.metrics["error"]
        # A worker that is killed is replaced.
        executor.submit(task(2))
        killed = child_of(executor).parent()
        killed.send_signal(signal.SIGKILL)
        outcome = executor.wait(30.0)
        assert (outcome.task.number, outcome.status) == (2, "crashed") and "worker" in outcome.metrics["error"]
        executor.submit(task(3))
        assert child_of(executor).parent().pid != killed.pid
        # So is one that has nothing to do, and nobody hears of it.
        idle = executor._pool.workers[1]._process.pid
        psutil.Process(idle).send_signal(signal.SIGKILL)
        assert executor.wait(3.0) is None and executor._pool.workers[1]._process.pid != idle
        processes = [child_of(executor), *(psutil.Process(one._process.pid) for one in executor._pool.workers)]
    assert_gone(processes)


def test_a_child_whose_process_cannot_be_started_is_an_outcome(monkeypatch):
    def refused():
        tries.append(1)
        raise BlockingIOError(11, "Resource temporarily")

    tries = []
    monkeypatch.setattr(os, "fork", refused)
    monkeypatch.setattr(forked, "_PAUSE", 0.0)
    open_before = psutil.Process().num_fds()
    answer = worker._Tasks(Wild(1.0), config(), 0, 0).do(worker.task_line(task(3)))
    assert psutil.Process().num_fds() == open_before
    outcome = worker.read_outcome(task(3), json.loads(json.dumps(answer)))
    assert (outcome.status, outcome.reward) == ("crashed", None) and len(tries) == forked._FORKS
    assert "could not be started: [Errno 11] Resource temporarily" in outcome.metrics["error"]


def assert_gone(processes, seconds=15):
    _, alive = psutil.wait_procs(processes, timeout=seconds)
    assert not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]


def test_a_child_that_hangs_is_given_up(tmp_path):
    with started(config(workers=1, child_timeout_minutes=0.02), tmp_path) as executor:
        executor.submit(task(0))
        child_of(executor).suspend()  # as hung as can be
        outcome = executor.wait(30.0)
        assert outcome.status == "timeout" and "more than 0.02 minutes" in outcome.metrics["error"]
        assert 1.2 <= outcome.seconds < 10 and outcome.trial().status == "timeout"


def test_a_child_that_takes_too_much_memory_is_given_up(tmp_path):
    with started(config(workers=1, child_memory_gib=0.05), tmp_path) as executor:
        outcome = outcomes(executor, [task(0)])[0]
        assert outcome.status == "out_of_memory" and "more than 0.05 GiB" in outcome.metrics["error"]


@pytest.mark.slow
def test_a_finalist_that_is_stopped_goes_on(tmp_path):
    folder = tmp_path / "final"
    folder.mkdir()
    settings = config(workers=1, final_epochs=40)
    with started(settings, tmp_path) as executor:
        executor.submit(task(0, folder=folder))
        child_of(executor)
        deadline = time.monotonic() + 600
        while not (folder / "history.json").exists() and time.monotonic() < deadline:
            assert executor.wait(0.1) is None
        child_of(executor).send_signal(signal.SIGTERM)  # to all processes; the search's own comes at once
    assert (folder / "checkpoint.npz").exists() and not list(folder.glob("*.weights.h5"))
    with started(settings, tmp_path) as executor:
        outcome = outcomes(executor, [task(0, folder=folder)])[0]
    assert outcome.status == "ok" and outcome.reward == outcome.metrics["validation_accuracy"]
    assert outcome.metrics["training_seconds"] == 3600 * Card.read(folder / "searched_digits.json").training["hours"]
    assert (folder / "searched_digits.json").exists() and not (folder / "checkpoint.npz").exists()


def test_nothing_outlives_a_search_that_is_killed(tmp_path):
    flags = ["--trials=4", "--epochs=100000", "--workers=2", "--num_blocks=1", f"--workdir={tmp_path / 'study'}"]
    search = subprocess.Popen([sys.executable, "-m", "nasnet_keras.search", *flags], stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 600
    descendants = []
    while len(descendants) < 4 and time.monotonic() < deadline:  # two workers, and a child of each
        descendants = psutil.Process(search.pid).children(recursive=True)
        time.sleep(0.2)
    assert len(descendants) == 4
    search.send_signal(signal.SIGKILL)
    search.wait()
    assert_gone(descendants)
    assert load_study(tmp_path / "study").trials == []


class Wild(Evaluator):
    """Raises what it is told to."""

    def __init__(self, what):
        self.what = what

    def evaluate(self, genotype, seed):
        if isinstance(self.what, BaseException):
            raise self.what
        return self.what, {}

    finish = evaluate


@pytest.mark.parametrize(
    ("what", "status", "error"),
    [
        (DivergedError("nan"), "diverged", "DivergedError: nan"),
        (MemoryError("full"), "out_of_memory", "MemoryError: full"),
        (RuntimeError("x" * 5000), "crashed", "RuntimeError: " + "x" * 986),
        (float("nan"), "diverged", "DivergedError: the reward is nan"),
        (float("-inf"), "diverged", "DivergedError: the reward is -inf"),
    ],
)
def test_whatever_ends_a_child_is_its_outcome(what, status, error, tmp_path):
    inline = Inline(config(executor="inline"))
    inline.start(Wild(what), tmp_path)
    inline.submit(task(7))
    outcome = inline.wait(1.0)
    assert (outcome.status, outcome.reward, outcome.metrics) == (status, None, {"error": error})
    assert inline.wait(0.0) is None


@pytest.mark.parametrize("signal_of_the_user", [KeyboardInterrupt(), Stopped()])
def test_a_stop_is_no_outcome(signal_of_the_user):
    with pytest.raises(type(signal_of_the_user)):
        perform(Wild(signal_of_the_user), task(0))


# --- shares of the machine


def test_each_worker_has_its_own_gpus_and_all_share_the_cores(monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3,1,GPU-7,0,5")
    for name in ("TF_NUM_INTRAOP_THREADS", "OMP_NUM_THREADS"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(subprocesses, "cores", lambda: 12)
    shares = subprocesses._environments(config(gpus_per_child=2, window=8))
    assert [share["CUDA_VISIBLE_DEVICES"] for share in shares] == ["3,1", "GPU-7,0"]
    assert {share["TF_NUM_INTRAOP_THREADS"] for share in shares} == {"6"}
    shares = subprocesses._environments(config(window=8))
    assert [share["CUDA_VISIBLE_DEVICES"] for share in shares] == ["3", "1", "GPU-7", "0", "5"]
    assert len(subprocesses._environments(config(window=3))) == 3
    with pytest.raises(ValueError, match="3 workers of 2 GPUs each need 6, and 5 are visible"):
        subprocesses._environments(config(gpus_per_child=2, workers=3))
    with pytest.raises(ValueError, match="1 workers of 8 GPUs each need 8"):
        subprocesses._environments(config(gpus_per_child=8))
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    shares = subprocesses._environments(config(window=4))
    assert len(shares) == 4 and {share["TF_NUM_INTRAOP_THREADS"] for share in shares} == {"3"}
    monkeypatch.setenv("TF_NUM_INTRAOP_THREADS", "7")
    assert {share["TF_NUM_INTRAOP_THREADS"] for share in subprocesses._environments(config())} == {"7"}


@pytest.mark.parametrize("executor", ["inline", "subprocess"])
def test_a_batch_that_does_not_divide_is_refused_before_the_search(executor, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1,2")
    with pytest.raises(ValueError, match="batch_size 64 does not divide by the 3 GPUs of a child"):
        executors_by_name.make(config(executor=executor, gpus_per_child=3))


def test_gpus_are_found_without_a_framework(monkeypatch, tmp_path):
    for text, expected in (("0,1", ("0", "1")), ("", ()), ("-1", ()), ("2,-1,3", ("2",))):
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", text)
        assert visible_gpus() == expected
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert visible_gpus() == ()
    program = tmp_path / "nvidia-smi"
    monkeypatch.setattr(gpus, "_SECONDS", 1.0)
    for text, expected in (("echo 0; echo 1; echo 2", ("0", "1", "2")), ("exit 9", ()), ("exec /bin/sleep 60", ())):
        program.write_text(f"#!/bin/sh\n{text}\n")
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        began = time.monotonic()
        assert visible_gpus() == expected and time.monotonic() - began < 30


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"executor": "cloud"}, "executor must be one of inline, subprocess, ray, got 'cloud'"),
        ({"executor": "inline", "workers": 2}, "'inline' has one worker, got 2"),
        ({"executor": "inline", "child_memory_gib": 1.0}, "cannot limit memory"),
        ({"max_concurrent": 0}, "max_concurrent must be a positive integer"),
        ({"workers": 0}, "workers must be a positive integer"),
        ({"child_timeout_minutes": 0.0}, "child_timeout_minutes must be positive"),
        ({"child_timeout_minutes": float("nan")}, "child_timeout_minutes must be positive"),
        ({"child_memory_gib": -1.0}, "child_memory_gib must be positive"),
        ({"gpus_per_child": 0}, "gpus_per_child must be a whole number from 1, got 0"),
    ],
)
def test_bad_settings(changes, message):
    with pytest.raises(ValueError, match=message):
        config(**changes)


def test_a_worker_that_cannot_start_is_one_clear_error(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_BACKEND", "no_such_backend")
    executor = Subprocesses(config(workers=1))
    monkeypatch.undo()
    with executor, pytest.raises(ExecutorError, match="it ended with exit code 1: .*no_such_backend$"):
        executor.start(ChildEvaluator(config()), tmp_path)
        executor.submit(task(0))
        executor.wait(120.0)
