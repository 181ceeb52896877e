"""Workers that stop, hang, lie or print, with real processes and without TensorFlow."""

import contextlib
import random
import re
import sys
import time

import psutil
import pytest

from nasnet_keras.search import SearchConfig
from nasnet_keras.search.evaluators.tabular import TabularEvaluator
from nasnet_keras.search.executors import clock, handle, pool
from nasnet_keras.search.executors.base import ExecutorError, Task, perform
from nasnet_keras.search.executors.subprocesses import Subprocesses
from nasnet_keras.search.testing import check_executor

CELL = "|none~0|"
SLEEP = "time.sleep(3600)"
SLEEP_AT_0 = f"seed == 0 and {SLEEP}"


@pytest.fixture
def config(tmp_path):
    table = tmp_path / "table.csv"
    table.write_text(f"cell,validation_accuracy_12_epochs,test_accuracy_200_epochs\n{CELL},50.0,60.0\n")

    def made(**changes):
        values = {"space": "nasbench201", "evaluator": "tabular", "executor": "subprocess", "workers": 1}
        return SearchConfig(tmp_path, table=table, **{**values, **changes})

    return made


@pytest.fixture
def started(config, tmp_path, monkeypatch):
    """Makes an executor whose workers judge children, and finalists, by the lines of code given."""
    made = []

    def start(evaluate="return 0.5, {}", finish="return 0.5, {}", children_per_process=1, **changes):
        site = tmp_path / f"site{len(made)}"
        site.mkdir()
        text = "import os, random, sys, time\nfrom nasnet_keras.search.evaluators.tabular import TabularEvaluator\n"
        text += f"def evaluate(self, genotype, seed):\n    {evaluate}\nTabularEvaluator.evaluate = evaluate\n"
        text += f"def finish(self, genotype, seed, folder):\n    {finish}\nTabularEvaluator.finish = finish\n"
        text += f"TabularEvaluator.children_per_process = {children_per_process}\nprint('site settings loaded')\n"
        (site / "sitecustomize.py").write_text(text)
        monkeypatch.setenv("PYTHONPATH", str(site))
        return begin(config(**changes))

    def begin(settings):
        executor = Subprocesses(settings)
        made.append(executor)
        executor.start(TabularEvaluator(settings), tmp_path)
        return executor

    start.begin = begin
    yield start
    for executor in made:
        executor.close()


@pytest.fixture
def scripted(started, config, monkeypatch):
    """Makes an executor whose workers are Python scripts: `say(bytes)` answers, `hear()` reads a line."""

    def start(script):
        head = "import os, sys, time\nchannel = int(sys.argv[1])\nlines = os.fdopen(channel, 'rb', closefd=False)\n"
        head += "def say(data):\n    os.write(channel, data)\nhear = lines.readline\n"
        monkeypatch.setattr(
            handle, "command", lambda channel, *_: [sys.executable, "-ISc", head + script, str(channel)]
        )
        return started.begin(config())

    return start


def task(number=0, **changes):
    return Task(**{"group": "search", "number": number, "genotype": CELL, "seed": number, **changes})


def outcome_of(executor, seconds=600.0):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if outcome := executor.wait(0.2):
            return outcome
    raise AssertionError("no outcome")


def worker_and_child(executor, number=0):
    """Processes of a worker and of the task that it has under way."""
    worker = executor._pool.workers[number]
    while worker._pid is None:
        assert executor.wait(0.05) is None
    return psutil.Process(worker._process.pid), psutil.Process(worker._pid)


def assert_gone(*processes):
    _, alive = psutil.wait_procs(processes, timeout=10)
    assert not [one for one in alive if one.status() != psutil.STATUS_ZOMBIE]


def test_a_workers_import_path_and_options_are_the_searchs(started, tmp_path, monkeypatch):
    """Files of the current folder are not run, modules of the search's own path are found, and words end nothing."""
    for folder, name in (("here", "random.py"), ("mine", "module_of_the_user.py")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / name).write_text("print('a word')\n" if folder == "mine" else "raise SystemExit('run')\n")
    monkeypatch.chdir(tmp_path / "here")
    monkeypatch.syspath_prepend(tmp_path / "mine")
    monkeypatch.setattr(sys, "warnoptions", ["error::BytesWarning", *sys.warnoptions])
    found = "import module_of_the_user; print('{}'); os.write(1, b'2'); "
    found += "return 0.5, {'path': sys.path, 'random': random.__file__, 'warn': sys.warnoptions, 'argv': sys.argv}"
    executor = started(found)
    executor.submit(task())
    metrics = outcome_of(executor).metrics
    assert metrics["path"] == sys.path and metrics["random"] == random.__file__
    assert metrics["warn"] == sys.warnoptions and metrics["argv"] == sys.argv


def test_a_childs_limit_holds_when_its_worker_is_stopped(started, monkeypatch):
    monkeypatch.setattr(handle, "_ANSWER_SECONDS", 0.5)
    executor = started(f"{SLEEP_AT_0}; return 0.5, {{}}", child_timeout_minutes=0.02)
    executor.submit(task(0))
    worker, child = worker_and_child(executor)
    worker.suspend()
    outcome = outcome_of(executor)
    assert outcome.status == "timeout" and "more than 0.02 minutes" in outcome.metrics["error"]
    assert_gone(worker, child)
    executor.submit(task(1))
    assert outcome_of(executor).status == "ok"


def test_what_a_child_started_ends_with_it(started, tmp_path):
    mark = tmp_path / "started"
    start = f"import subprocess; open({str(mark)!r}, 'w').write(str(subprocess.Popen(['sleep', '600']).pid))"
    executor = started(f"{start}; {SLEEP_AT_0}; return 0.5, {{}}", child_timeout_minutes=0.1)
    for number, status in ((0, "timeout"), (1, "ok")):
        executor.submit(task(number))
        assert outcome_of(executor).status == status
        with contextlib.suppress(psutil.NoSuchProcess):
            assert_gone(psutil.Process(int(mark.read_text())))


def test_children_share_a_process_as_the_evaluator_allows(started, tmp_path):
    """As many as it says; a failure, a finalist and the death of an idle process end the sharing, unnoticed."""
    tell = "return 0.5, {'pid': os.getpid()}"
    executor = started(f"0 < seed < 4 and random.seed(1 / (seed - 3)); {tell}", tell, children_per_process=3)
    (tmp_path / "final").mkdir()

    def pid(number, **changes):
        executor.submit(task(number, **changes))
        return outcome_of(executor).metrics.get("pid")

    first = [pid(number) for number in (1, 2, 4, 5)]
    assert first[0] == first[1] == first[2] != first[3]
    assert pid(3) is None and not psutil.pid_exists(first[3])
    again = pid(4)
    assert pid(5) == again != pid(6, folder=tmp_path / "final") and not psutil.pid_exists(again)
    idle = pid(4)
    psutil.Process(idle).kill()
    assert pid(5) not in (idle, None)


def test_children_with_a_limit_of_memory_share_nothing(started):
    executor = started("return 0.5, {'pid': os.getpid()}", children_per_process=3, child_memory_gib=8.0)
    found = set()
    for number in range(2):
        executor.submit(task(number))
        found.add(outcome_of(executor).metrics["pid"])
    assert len(found) == 2


def test_a_worker_that_does_not_say_how_a_child_ended_is_replaced(started, monkeypatch):
    monkeypatch.setattr(handle, "_ANSWER_SECONDS", 0.5)
    executor = started(f"{SLEEP_AT_0}; return 0.5, {{}}")
    executor.submit(task(0))
    worker, child = worker_and_child(executor)
    worker.suspend()
    child.kill()
    outcome = outcome_of(executor)
    assert outcome.status == "crashed" and "did not say how its process ended" in outcome.metrics["error"]
    assert_gone(worker)
    executor.submit(task(1))
    assert outcome_of(executor).status == "ok"


def test_a_task_of_a_worker_that_was_stopped_before_is_done_by_another(started, monkeypatch):
    monkeypatch.setattr(handle, "_BEGIN_SECONDS", 0.5)
    executor = started()
    executor.submit(task(0))
    assert outcome_of(executor).status == "ok"
    stopped = psutil.Process(executor._pool.workers[0]._process.pid)
    stopped.suspend()
    executor.submit(task(1))
    outcome = outcome_of(executor)
    assert (outcome.task.number, outcome.status) == (1, "ok")
    assert_gone(stopped)


def test_a_finalist_without_a_sign_of_progress_is_given_up(started, tmp_path):
    """One that hangs, beside one that takes as long and shows it."""
    slow = "[(time.sleep(0.3), os.utime(folder)) for _ in range(10)]"
    executor = started(finish=f"{SLEEP_AT_0} or {slow}; return 0.5, {{}}", finalist_stall_minutes=0.02, workers=2)
    for number in range(2):
        (tmp_path / f"{number}").mkdir()
        executor.submit(task(number, folder=tmp_path / f"{number}"))
    first, second = outcome_of(executor), outcome_of(executor)
    assert (first.task.number, first.status) == (0, "timeout")
    assert first.metrics["error"] == "it showed no sign of progress for 0.02 minutes" and 1.2 <= first.seconds < 10
    assert (second.task.number, second.status) == (1, "ok") and second.seconds > 3.0


def test_closing_ends_what_is_stopped(started, tmp_path, monkeypatch):
    monkeypatch.setattr(pool, "GRACE_SECONDS", 0.5)
    executor = started(finish=SLEEP, workers=2, window=2)
    processes = []
    for number in range(2):
        executor.submit(task(number, folder=tmp_path))
        processes += worker_and_child(executor, number)
    for process in processes:
        process.suspend()
    began = time.monotonic()
    executor.close()
    assert time.monotonic() - began < 10
    assert_gone(*processes)


def test_a_worker_that_hangs_while_starting_is_started_again(scripted, monkeypatch, tmp_path):
    monkeypatch.setattr(handle, "_READY_SECONDS", 0.6)
    mark = tmp_path / "hung"
    executor = scripted(f"""
if not os.path.exists({str(mark)!r}):
    open({str(mark)!r}, "w")
    time.sleep(3600)
hear()
say(b'{{"ready": true}}\\n')
hear()
say(b'{{"status": "ok", "reward": 0.5, "metrics": {{}}, "seconds": 1.0}}\\n')
hear()
""")
    executor.submit(task())
    assert outcome_of(executor).reward == 0.5


@pytest.mark.parametrize(
    ("script", "fault"),
    [
        ("time.sleep(3600)", "was not ready after 0.01 minutes"),
        ("print('no such library'); sys.exit(3)", "ended with exit code 3: no such library"),
        ("say(b'hello')", "ended with exit code 0"),
        ("say(b'\\xff\\n'); hear(); hear()", "gave an answer that means nothing"),
        ("say(b'[' * 100000 + b'\\n'); hear(); hear()", "gave an answer that means nothing"),
        ("say(b'5\\n'); hear(); hear()", "it is no JSON object"),
        ("[say(b' ' * 10000) for _ in range(10000)]", "a line without end"),
        ("""say(b'{"ready": true}\\n'); time.sleep(3600)""", "did not begin in 0.6 seconds"),
        ("""hear(); hear(); say(b'{"pid": %d}\\n' % os.getppid()); hear()""", "is not the worker's"),
        ("""hear(); hear(); say(b'{"pid": -1}\\n'); hear()""", "no process -1"),
        ("""hear(); hear(); say(b'{"pid": "1"}\\n'); hear()""", "no process '1'"),
        ("""hear(); hear(); say(b'{"status": "ok"}\\n'); hear()""", "it has no reward, metrics, seconds"),
        (
            """hear(); hear(); say(b'{"status": "ok", "reward": "x", "metrics": {}, "seconds": 1}\\n'); hear()""",
            "cannot have the reward 'x'",
        ),
    ],
)
def test_a_worker_that_is_of_no_use_three_times_is_one_clear_error(script, fault, scripted, monkeypatch):
    monkeypatch.setattr(handle, "_READY_SECONDS", 0.6)
    monkeypatch.setattr(handle, "_BEGIN_SECONDS", 0.6)
    monkeypatch.setattr(handle, "_LONGEST_ANSWER", 2**20)
    executor = scripted(script)
    executor.submit(task())
    with pytest.raises(ExecutorError, match=f"a worker could not be started, it .*{re.escape(fault)}"):
        outcome_of(executor)


def test_a_worker_that_breaks_off_within_a_task_is_the_tasks_outcome(scripted):
    executor = scripted("""
hear()
say(b'{"ready": true}\\n')
while hear():
    child = os.fork()
    if not child:
        time.sleep(3600)
    say(b'{"pid": %d}\\n{"died": ' % child)
    time.sleep(0.5)
    say(b'x}\\n')
""")
    executor.submit(task())
    _, child = worker_and_child(executor)
    outcome = outcome_of(executor)
    assert outcome.status == "crashed" and "gave an answer that means nothing" in outcome.metrics["error"]
    assert_gone(child)


def test_a_search_that_was_stopped_itself_takes_no_time_from_others(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(clock.time, "monotonic", lambda: now[0])
    running = clock.Clock()
    for seconds, expected in ((0.2, 0.2), (20.0, 20.2), (7200.0, 50.2)):
        now[0] += seconds
        assert running.look() == pytest.approx(expected)


def test_workers_keep_the_contract_of_executors(config):
    check_executor(lambda: Subprocesses(config(workers=2)))


def test_metrics_that_are_no_json_are_an_outcome():
    class Odd(TabularEvaluator):
        def __init__(self):
            pass

        def evaluate(self, genotype, seed):
            return 0.5, {"loss": float("nan")} if seed else {"loss": object()}

    for number in range(2):
        outcome = perform(Odd(), task(number))
        assert outcome.status == "crashed" and "JSON" in outcome.metrics["error"]
