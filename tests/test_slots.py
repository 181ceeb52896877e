"""How far proposals run ahead, and how many children run at once: two numbers, of which the second changes nothing."""

import dataclasses
import shutil

import numpy as np
import pytest
from simulated import Separable, Simulated

from nasnet_keras.search import CellSpace, SearchConfig, StudyError, load_study, run
from nasnet_keras.search.algorithms.random import RandomSearch
from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.search.executors import base, distributed, make
from nasnet_keras.search.executors.base import Executor, Task, as_completed, perform
from nasnet_keras.search.executors.distributed import Distributed
from nasnet_keras.search.executors.inline import Inline
from nasnet_keras.search.report import report
from nasnet_keras.search.report.places import UnderWay

SPACE = CellSpace(("identity", "sep_conv_3x3", "max_pool_3x3"), num_blocks=2)
ALGORITHMS = ("random", "evolution", "local", pytest.param("bayesian", marks=pytest.mark.slow))


class Worth(Evaluator):
    """Rewards by operations and by seed; some children fail."""

    def __init__(self, fails=0.1):
        self.fails = fails

    def evaluate(self, genotype, seed):
        random = np.random.default_rng((seed, 1))
        if random.random() < self.fails:
            raise RuntimeError("no luck")
        edges = [
            edge for cell in (genotype.normal, genotype.reduction) for block in cell.blocks for edge in block.edges
        ]
        return sum(edge.operation == "sep_conv_3x3" for edge in edges) / 10 + 0.1 * random.random(), {}

    def finish(self, genotype, seed, folder):
        return self.evaluate(genotype, -seed % 2**31)


class Restless(Executor):
    """Judges in this process. Tasks end in any order, and the number of slots changes all the time."""

    capacity = 1

    def __init__(self, seed, sizes=(1, 30)):
        self.random, self.sizes = np.random.default_rng(seed), sizes
        self.tasks, self.seen, self.order = [], [], []

    def start(self, evaluator, folder):
        self.evaluator = evaluator

    def submit(self, task):
        self.tasks.append(task)
        self.seen.append(len(self.tasks))

    def wait(self, timeout_seconds):
        self.capacity = int(self.random.integers(*self.sizes))
        if not self.tasks or self.random.random() < 0.2:  # nothing has ended in time
            return None
        outcome = perform(self.evaluator, self.tasks.pop(int(self.random.integers(len(self.tasks)))))
        self.order.append(outcome.task.number)
        return outcome

    def close(self):
        self.tasks.clear()

    def places(self):
        ours = len(self.tasks) // 2
        return {"node-a": ours, "node-b": (len(self.tasks) - ours) // 2}


def settings(path, algorithm, **changes):
    usual = {"trials": 60, "window": 12, "random_trials": 5, "finalists": 1, "seed": 3}
    return SearchConfig(path, algorithm=algorithm, **{**usual, **changes})


def searched(path, algorithm, executor=None, evaluator=None, **changes):
    executor = executor or Inline(SearchConfig("unused", executor="inline"))
    return run(settings(path, algorithm, **changes), evaluator=evaluator or Worth(), executor=executor, space=SPACE)


def plain(study):
    return [dataclasses.replace(one, seconds=0.0) for one in (*study.trials, *study.random_trials)]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_neither_order_nor_number_at_once_changes_a_proposal(algorithm, tmp_path):
    trials = 24 if algorithm == "bayesian" else 40
    expected = plain(searched(tmp_path / "one_by_one", algorithm, trials=trials))
    assert len({one.genotype for one in expected}) > trials / 2
    assert {one.status for one in expected} == {"ok", "crashed"}
    for seed, at_once in enumerate((None, 5)):
        executor = Restless(seed)
        study = searched(tmp_path / str(seed), algorithm, executor, max_concurrent=at_once, trials=trials)
        assert plain(study) == expected == plain(load_study(tmp_path / str(seed)))
        assert executor.order != sorted(executor.order) and max(executor.seen) == (at_once or 12)


def test_the_number_at_once_may_change_in_a_study_and_the_window_may_not(tmp_path):
    expected = plain(searched(tmp_path / "whole", "evolution"))
    for trials, at_once, seed in ((13, 1, 0), (37, 9, 1), (60, 3, 2)):
        executor = Restless(seed)
        study = searched(tmp_path / "parts", "evolution", executor, trials=trials, max_concurrent=at_once)
        assert max(executor.seen) == at_once and len(study.trials) == trials
    assert plain(study) == expected
    with pytest.raises(StudyError, match="window was 12 and is now 11"):
        searched(tmp_path / "parts", "evolution", window=11)


def test_the_next_child_is_proposed_while_others_are_trained(tmp_path):
    class Slow(Restless):
        capacity, idle = 2, False

        def wait(self, timeout_seconds):
            self.idle = not self.idle  # a second passes before each outcome
            if len(self.order) < 50:
                proposed.append(asked[-1] + 1 - len(self.order) - len(self.tasks))
            return None if self.idle else super().wait(timeout_seconds)

    class Noted(RandomSearch):
        def ask(self, trial):
            asked.append(trial)
            return super().ask(trial)

    asked, proposed = [], []
    executor = Slow(0, sizes=(2, 3))
    study = run(
        settings(tmp_path, None, window=4, random_trials=0),
        evaluator=Worth(),
        executor=executor,
        space=SPACE,
        algorithm=Noted(SPACE, seed=3),
    )
    assert asked[-60:] == list(range(60)) and len(study.trials) == 60
    assert set(proposed) == {0, 1}, "one more than are under way, once there was time for it"


def test_a_straggler_is_waited_for_when_proposals_would_run_too_far_ahead(tmp_path):
    class Straggling(Restless):
        capacity = 50

        def wait(self, timeout_seconds):
            if [task.number for task in self.tasks] == [0]:
                ahead.append(len(self.seen))
            return perform(self.evaluator, self.tasks.pop())  # the last one ends first

    ahead = []
    searched(tmp_path, "random", Straggling(0), trials=40, random_trials=0, window=7)
    assert ahead == [7]  # trials 0 to 6, since trial 7 is proposed from the result of trial 0


@pytest.mark.parametrize("at_most", [None, 1, 3])
def test_tasks_under_way_are_as_many_as_there_is_room_for(at_most):
    executor = Restless(0, sizes=(1, 6))
    executor.start(Worth(), None)
    genotype = SPACE.decode([0] * len(SPACE.decisions))
    waiting = [Task("search", number, genotype, number) for number in range(50)]
    found = [one for one in as_completed(executor, lambda: waiting.pop() if waiting else None, at_most) if one]
    assert sorted(one.task.number for one in found) == [*range(50)]
    assert max(executor.seen) == (at_most or 5)


def test_no_room_for_a_while_loses_no_task():
    executor = Restless(0, sizes=(0, 1))  # against the rules, as of a cluster whose nodes are all gone
    executor.start(Worth(), None)
    waiting = [Task("search", number, SPACE.decode([0] * len(SPACE.decisions)), number) for number in range(5)]
    assert len([*filter(None, as_completed(executor, lambda: waiting.pop() if waiting else None))]) == 5


def test_room_that_the_window_leaves_empty_is_told(tmp_path, caplog):
    roomy = [Restless(0), Restless(0)]
    for executor in roomy:
        executor.capacity = 100
    searched(tmp_path / "a", "random", roomy[0], trials=2, random_trials=0)
    assert "room for 100 children at once" in caplog.text and "window=800 keeps most of them busy" in caplog.text
    caplog.clear()
    searched(tmp_path / "b", "random", roomy[1], trials=2, random_trials=0, max_concurrent=12)
    assert "room for" not in caplog.text


@pytest.mark.parametrize("name", ["inline", "subprocess"])
def test_an_executor_of_one_machine_has_one_place(name):
    with make(SearchConfig("unused", evaluator="child", executor=name, workers=1)) as executor:
        assert [*executor.places().values()] == [0]


# --- a cluster of many slots


def busy(path, algorithm, window, **changes):
    """The share of the slots' time in which they have a child, and the executor, which has ended."""
    config = settings(path, algorithm, window=window, trials=400, random_trials=0, **changes)
    cluster = Simulated(slots=40)
    executor = Distributed(config, cluster=cluster)
    study = run(config, evaluator=Separable(), executor=executor, space=SPACE)
    assert len(study.trials) == 400
    return cluster.share, study


def test_a_window_of_several_times_the_slots_keeps_a_cluster_busy(tmp_path):
    narrow, _ = busy(tmp_path / "a", "random", window=40)
    wide, study = busy(tmp_path / "b", "random", window=320)
    assert narrow < 0.65 and wide > 0.95
    others, _ = busy(tmp_path / "c", "evolution", window=320)
    assert others == pytest.approx(wide, abs=0.03), "only children whose networks were judged make a difference"
    fewer, again = busy(tmp_path / "d", "random", window=320, max_concurrent=10)
    assert fewer < 0.3 and [one.genotype for one in again.trials] == [one.genotype for one in study.trials]


def test_slots_that_take_long_to_fill_are_filled_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(base, "_WAIT_SECONDS", 0.02)  # in which some of forty children are proposed
    assert busy(tmp_path, "random", window=320)[0] > 0.95


def test_requests_for_slots_are_few_whatever_waits(monkeypatch, tmp_path):
    monkeypatch.setattr(distributed, "_REQUESTS", 7)
    cluster = Simulated(slots=20)
    executor, opened = Distributed(settings("unused", "random", window=500), cluster=cluster), []
    request = cluster.request
    monkeypatch.setattr(cluster, "request", lambda *a: (request(*a), opened.append(len(cluster.asked)))[0])
    executor.start(Separable(), tmp_path)
    assert executor.capacity == 500
    for number in range(300):
        executor.submit(Task("search", number, SPACE.decode([0] * len(SPACE.decisions)), number))
    found = [executor.wait(1.0) for _ in range(300)]
    assert sorted(one.task.number for one in found) == [*range(300)] and max(opened) == 7
    assert sum(executor.places().values()) == 0 and {*executor.places()} == {"node-000", "node-001", "node-002"}
    executor.close()


def test_requests_that_wait_are_kept_while_tasks_come_and_go(monkeypatch, tmp_path):
    """A request starts a process of the cluster once it is granted, or withdrawn while it is."""
    cluster, requested = Simulated(slots=8), []
    request = cluster.request
    monkeypatch.setattr(cluster, "request", lambda *a: (request(*a), requested.append(a))[0])
    executor = Distributed(settings("unused", "random", window=32), cluster=cluster)
    executor.start(Separable(), tmp_path)
    waiting = [Task("search", number, SPACE.decode([0] * len(SPACE.decisions)), number) for number in range(200)]
    found = [one for one in as_completed(executor, lambda: waiting.pop() if waiting else None) if one]
    assert len(found) == 200 and len(requested) <= 32 and not cluster.asked
    executor.close()


def test_outcomes_do_not_wait_for_slow_proposals(monkeypatch):
    now, waits = [0.0], []
    monkeypatch.setattr("nasnet_keras.search.executors.base.time.monotonic", lambda: now[0])

    class Waited(Restless):
        capacity = 100

        def wait(self, timeout_seconds):
            waits.append((now[0], timeout_seconds))
            return perform(self.evaluator, self.tasks.pop()) if self.tasks else None

    def following():
        now[0] += 0.4
        return waiting.pop() if waiting else None

    executor = Waited(0)
    executor.start(Worth(), None)
    waiting = [Task("search", number, SPACE.decode([0] * len(SPACE.decisions)), number) for number in range(50)]
    found = [one for one in as_completed(executor, following) if one]
    assert sorted(one.task.number for one in found) == [*range(50)]
    assert max(np.diff([moment for moment, _ in waits])) <= 1.2 + 1e-9 and waits[0][1] == 0.0


# --- what people see


def test_where_children_run_in_a_few_words():
    assert UnderWay(0, {"a": 0}).brief() == {} and UnderWay(0).sentence() == ""
    assert UnderWay(3).brief() == {"running": "3"}
    assert UnderWay(3, {"here": 2}).brief() == {"running": "2", "waiting": "1"}
    assert UnderWay(1, {"a<b": 1, "c": 0}).sentence() == (
        "When this page was written, 1 child ran (1 on a&lt;b, 0 on c)."
    )
    many = {f"node-{number}": 3 + (number == 7) for number in range(100)}
    assert UnderWay(310, many).brief() == {"running": "301 (3 to 4 on each of 100 machines)", "waiting": "9"}
    assert "301 children ran (3 to 4 on each of 100 machines), and 9 waited for room." in UnderWay(310, many).sentence()


def test_a_page_says_where_children_run_before_one_has_ended(tmp_path):
    searched(tmp_path / "a", "random", trials=1, random_trials=0)
    (tmp_path / "b").mkdir()
    shutil.copy(tmp_path / "a" / "study.json", tmp_path / "b")
    page = report(load_study(tmp_path / "b"), UnderWay(3, {"here": 2}))
    assert "No trial has finished yet. When this page was written, 2 children ran, and 1 waited for room." in page


def test_a_search_shows_where_its_children_run(tmp_path, monkeypatch):
    def draw(study, now=None):
        shown.append((report(study, now), now))

    shown = []
    monkeypatch.setattr("nasnet_keras.search.display._REPORT_SECONDS", -1.0)
    monkeypatch.setattr("nasnet_keras.search.display._REPORT_PAUSES", 0.0)
    monkeypatch.setattr("nasnet_keras.search.display._BEAT_SECONDS", 0.0)
    monkeypatch.setattr("nasnet_keras.search.display.write_report", draw)
    searched(tmp_path, "random", Restless(1))
    going = [now for _, now in shown if now is not None and now.tasks > 2]
    assert going and all({*now.places} == {"node-a", "node-b"} and now.waiting > 0 for now in going)
    assert shown[-1][1] is None
    pages = [page for page, now in shown if now in going]
    assert len(pages) > 10 and all("When this page was written, " in page for page in pages)
    assert "When this page was written" not in shown[-1][0]


def test_an_executor_that_cannot_say_where_does_not_end_the_search(tmp_path):
    class Lost(Restless):
        def places(self):
            raise ConnectionError("no answer")

    assert len(searched(tmp_path, "random", Lost(0), trials=5, random_trials=0).trials) == 5


def test_a_page_is_not_drawn_for_most_of_the_time(tmp_path, monkeypatch):
    """A report that takes long is written rarely."""
    now, written = [0.0], []
    monkeypatch.setattr("nasnet_keras.search.display.time.monotonic", lambda: now[0])

    def write(study, under_way=None):
        written.append(now[0])
        now[0] += 10.0

    monkeypatch.setattr("nasnet_keras.search.display.write_report", write)

    class Ticking(Restless):
        def wait(self, timeout_seconds):
            now[0] += 10.0
            return super().wait(timeout_seconds)

    searched(tmp_path, "random", Ticking(0), trials=80, random_trials=0, window=12)
    gaps = np.diff(written[:-1])
    assert len(gaps) >= 2 and min(gaps) >= 20 * 10.0 and written[0] < 120
