"""Searches with an algorithm, an evaluator, an executor and a space of one's own."""

import dataclasses
import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from own_classes import Alone, Climbing, FromSearch, Judge, Pairs, Plain, Slow, Unmakeable, Weighted
from threadpoolctl import threadpool_info

from nasnet_keras import search
from nasnet_keras.search import SearchConfig, StudyError, load_study, run
from nasnet_keras.search.executors.inline import Inline
from nasnet_keras.search.executors.subprocesses import Subprocesses
from nasnet_keras.search.loop import SearchError
from nasnet_keras.search.report.page import report
from nasnet_keras.search.spaces.nasbench201 import NASBench201Space
from nasnet_keras.search.testing import check_algorithm, check_evaluator, check_executor, check_space

EXAMPLE = Path(__file__).parent.parent / "docs" / "own_search.py"


@pytest.fixture
def config(tmp_path):
    usual = {"workdir": tmp_path / "study", "trials": 6, "random_trials": 2}
    return lambda **changes: SearchConfig(**{**usual, **changes})


def plain(trials):
    return [(t.trial, t.genotype, t.status, t.reward, t.seed) for t in trials]


def record(workdir):
    return json.loads((Path(workdir) / "study.json").read_text())["config"]


class Queue(search.Executor):
    """Tasks in this process."""

    capacity = 1

    def __init__(self):
        self.tasks, self.closed = [], 0

    def start(self, evaluator, folder):
        self.evaluator = evaluator

    def submit(self, task):
        self.tasks.append(task)

    def wait(self, timeout_seconds):
        return search.perform(self.evaluator, self.tasks.pop()) if self.tasks else None

    def close(self):
        self.closed += 1


def test_interfaces_are_public_names_with_rules():
    for name in ("Algorithm", "Evaluator", "Executor", "Space"):
        assert name in search.__all__ and "The rules" in getattr(search, name).__doc__
    assert {"Decision", "Outcome", "Task", "perform"} <= {*search.__all__}


def test_classes_of_ones_own_pass_the_contract_tests():
    check_space(Pairs())
    check_algorithm(Climbing, Pairs())
    check_evaluator(Judge, Pairs())
    check_executor(Queue)


def test_a_search_of_objects_is_recorded_by_their_classes(config):
    executor = Queue()
    study = run(config(), algorithm=Climbing, evaluator=Judge(2.0), executor=executor, space=Pairs())
    assert len(study.trials) == 6 and study.best.reward == max(trial.reward for trial in study.trials)
    assert len(study.random_trials) == 2 and study.result["finalists"] and executor.closed
    found = record(study.path)
    assert [found[name].partition(":")[2] for name in ("algorithm", "evaluator", "space")] == [
        "Climbing",
        "Judge",
        "Pairs",
    ]
    assert found["algorithm"] == "own_classes:Climbing" and found["evaluator_config"] == {"scale": 2.0}
    assert "algorithm_config" not in found and found["children_per_update"] is None and study.updates is None
    assert study.config["algorithm"] == load_study(study.path).config["algorithm"] == "own_classes:Climbing"


def test_a_choice_may_be_named_beside_objects(config):
    settings = config(algorithm="evolution", population_size=3, executor="inline")
    study = run(settings, evaluator=Judge(), space=Pairs())
    assert record(study.path)["algorithm"] == "evolution" and len(study.trials) == 6


def test_workers_import_the_class_and_pickle_nothing(config, tmp_path, monkeypatch):
    import pickle

    monkeypatch.setattr(pickle, "dumps", None)
    for evaluator in (Judge(3.0), FromSearch(config(filters=3))):
        settings = config(workdir=tmp_path / type(evaluator).__name__, filters=3, workers=1, finalists=1)
        study = run(settings, algorithm=Climbing, evaluator=evaluator, space=Pairs())
        assert os.getpid() not in {trial.metrics["pid"] for trial in study.trials}
        assert all(trial.reward % 3 == 0 for trial in study.trials) and study.best.reward > 0


def test_workers_make_a_class_without_arguments_and_serve_one_search(config, tmp_path):
    settings = config(workers=1, finalists=1, trials=2, random_trials=0)
    executor = Subprocesses(settings, Alone())
    study = run(config(finalists=1, trials=2, random_trials=0), Climbing, Alone(), executor, Pairs())
    assert os.getpid() not in {trial.metrics["pid"] for trial in study.trials}
    with pytest.raises(StudyError, match="the executor was closed: it serves one search"):
        run(config(workdir=tmp_path / "other"), Climbing, Alone(), executor, Pairs())


def test_a_class_that_cannot_be_imported_runs_inline(config, caplog):
    class Local(Judge):
        pass

    with pytest.raises(SearchError, match="judges in other processes, but .*Local cannot be imported .* into a module"):
        run(config(executor="subprocess"), algorithm=Climbing, evaluator=Local(), space=Pairs())
    assert not config().workdir.exists()
    with caplog.at_level("INFO", "absl"):
        study = run(config(), algorithm=Climbing, evaluator=Local(), space=Pairs())
    assert {trial.metrics["pid"] for trial in study.trials} == {os.getpid()}
    assert "are judged in this process, as by executor='inline'" in caplog.text and "Local" in caplog.text
    with pytest.raises(SearchError, match="executor 'inline' has one worker, got 2"):
        run(config(workers=2), algorithm=Climbing, evaluator=Local(), space=Pairs())


class Learning(Judge):
    def prepare(self, number, draw):
        self.scale = number


@pytest.mark.parametrize(
    ("evaluator", "message"),
    [
        (Unmakeable(1, 2), "cannot be made again by another process, .* its scale, offset: define get_config"),
        (Plain(), "does not know its scale: define get_config"),
        (Weighted(), "does not know its scale: define get_config"),
        (Learning(), "learns in prepare, in this process"),
    ],
)
def test_an_evaluator_that_no_worker_could_make(evaluator, message, config):
    with pytest.raises(SearchError, match=message):
        run(config(executor="subprocess"), algorithm=Climbing, evaluator=evaluator, space=Pairs())
    assert not config().workdir.exists()


def test_a_class_of_main_runs_in_a_script(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(
        "from own_classes import Climbing, Judge, Pairs\n"
        "from nasnet_keras.search import SearchConfig, run\n"
        "class Mine(Judge):\n    pass\n"
        "if __name__ == '__main__':\n"
        f"    config = SearchConfig({str(tmp_path / 'study')!r}, trials=3, random_trials=0)\n"
        "    run(config, algorithm=Climbing, evaluator=Mine(), space=Pairs())\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parent)}
    subprocess.run([sys.executable, script], check=True, capture_output=True, env=environment, timeout=300)
    assert record(tmp_path / "study")["evaluator"] == "__main__:Mine"
    assert len(load_study(tmp_path / "study").trials) == 3


# --- going on


def test_a_study_goes_on_with_the_same_classes_only(config):
    objects = {"algorithm": Climbing, "evaluator": Judge(), "space": Pairs()}
    run(config(trials=3), **objects)
    for name, other, shown in (
        ("algorithm", Slow, "algorithm was 'own_classes:Climbing' and is now 'own_classes:Slow'"),
        (
            "space",
            NASBench201Space(),
            "space was 'own_classes:Pairs' and is now 'nasnet_keras.search.spaces.nasbench201:",
        ),
        ("evaluator", Judge(2.0), "evaluator_config.scale was 1.0 and is now 2.0"),
    ):
        changed = {**objects, name: other}
        if name == "space":
            changed["evaluator"] = Lengths()
        with pytest.raises(StudyError, match=re.escape(shown)):
            run(config(trials=6), **changed)
    for name in objects:
        given = {**objects, name: None}
        with pytest.raises(
            StudyError, match=rf"was begun with the {name} own_classes:\w+, .*search.run\(config, {name}=\.\.\.\)"
        ):
            run(config(trials=6), **given)
    assert len(run(config(trials=6), **objects, executor=Queue()).trials) == 6, "an executor is no part of the search"


class Lengths(search.Evaluator):
    def evaluate(self, genotype, seed):
        return len(genotype), {}

    def finish(self, genotype, seed, folder):
        return self.evaluate(genotype, seed)


def test_a_study_of_names_does_not_go_on_with_an_object(config):
    run(config(algorithm="evolution", executor="inline"), evaluator=Judge(), space=Pairs())
    with pytest.raises(StudyError, match="algorithm was 'evolution' and is now 'own_classes:Climbing'"):
        run(config(executor="inline"), algorithm=Climbing, evaluator=Judge(), space=Pairs())


def test_a_study_is_read_and_reported_without_its_classes(tmp_path, monkeypatch):
    module = tmp_path / "gone_module.py"
    module.write_text(
        "from own_classes import *\nclass A(Climbing): pass\nclass E(Judge): pass\nclass S(Pairs): pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    import gone_module as mine

    run(SearchConfig(tmp_path / "study", trials=4), algorithm=mine.A, evaluator=mine.E(), space=mine.S())
    module.unlink()
    del sys.modules["gone_module"]
    study = load_study(tmp_path / "study")
    page = report(study)
    assert "gone_module" not in sys.modules and len(study.trials) == 4
    for name in ("gone_module:A", "gone_module:E", "gone_module:S"):
        assert name in page
    assert "search.run(" in page and "nasnet-search" not in page


# --- bad input: one error, before there is a folder


def broken(kind, **methods):
    return type("Broken", (kind,), methods)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"algorithm": "evolution"}, "algorithm must be a search.Algorithm, got 'evolution'"),
        ({"algorithm": dict}, "algorithm must be a search.Algorithm, got <class 'dict'>"),
        ({"algorithm": lambda space, seed: 3}, "algorithm must be a search.Algorithm, got 3"),
        ({"algorithm": lambda space, seed: None}, "algorithm must be a search.Algorithm, got None"),
        ({"evaluator": Judge}, "must be a search.Evaluator, got the class own_classes:Judge: make an object of it"),
        ({"space": Pairs}, "space must be a search.Space, got the class own_classes:Pairs: make an object of it"),
        ({"executor": Inline}, "executor must be a search.Executor, got the class .*Inline: make an object of it"),
        ({"evaluator": object()}, "evaluator must be a search.Evaluator, got <object"),
        ({"algorithm": Climbing(NASBench201Space(), 0)}, "the algorithm is for another space than the search"),
        ({"algorithm": Climbing(Pairs(), 0)}, "the algorithm is for another space than the search"),
        ({"algorithm": broken(Climbing, __init__=lambda self, space, seed: None)}, "Broken has no space: call super"),
        ({"algorithm": lambda space, seed: Climbing(space, 5)}, "the algorithm has the seed 5, and the search 0"),
        ({"algorithm": broken(Climbing, ask=lambda self, trial: (7, 7))}, "breaks a rule: ask.0. must be legal"),
        ({"algorithm": broken(Climbing, ask=lambda self, trial: None)}, "breaks a rule: ask must return a tuple"),
        ({"algorithm": broken(Climbing, get_config=lambda self: self)}, "get_config of .* must return JSON values"),
        ({"space": broken(Pairs, decisions=())()}, "breaks a rule: decisions must be a tuple of Decision"),
        (
            {"space": broken(Pairs, decode=lambda self, choices: 3)()},
            "breaks a rule: a genotype must be one of the pack",
        ),
        ({"space": broken(Pairs, encode=lambda self, genotype: ())()}, "breaks a rule: encode must undo decode"),
        (
            {"evaluator": broken(Judge, facts=lambda self: 5)()},
            "facts of .* must return JSON values by names .*, got 5",
        ),
        ({"evaluator": broken(Judge, facts=lambda self: {"seed": 5})()}, "by names that no setting has"),
        ({"evaluator": broken(Judge, facts=lambda self: {"distinct_by": 5})()}, "by names that no setting has"),
        (
            {"algorithm": broken(Climbing, facts=lambda self: {"a": 1})}
            | {"evaluator": broken(Judge, facts=lambda self: {"a": 1})()},
            "the evaluator and the algorithm both have a fact 'a'",
        ),
    ],
)
def test_bad_objects(given, message, config):
    objects = {"algorithm": Climbing, "evaluator": Judge(), "space": Pairs(), **given}
    with pytest.raises(SearchError, match=message):
        run(config(), **objects)
    assert not config().workdir.exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"algorithm": "random"}, "algorithm='random' says nothing of the algorithm that is given as an object"),
        ({"prior": "nasnet_cells_cifar10"}, "prior='nasnet_cells_cifar10' says nothing of the algorithm"),
        ({"space": "enas_micro"}, "space='enas_micro' says nothing of the space that is given as an object"),
        ({"num_blocks": 2}, "num_blocks=2 says nothing of the space"),
        ({"evaluator": "tabular", "space": "nasbench201", "table": "t.csv"}, "evaluator='tabular' says nothing of the"),
        ({"executor": "subprocess"}, "executor='subprocess' says nothing of the executor"),
    ],
)
def test_a_name_beside_an_object(changes, message, config):
    with pytest.raises(SearchError, match=message):
        run(config(**changes), algorithm=Climbing, evaluator=Judge(), executor=Queue(), space=Pairs())
    assert not config().workdir.exists()


def test_children_that_share_weights_stay_in_this_process(config):
    settings = config(evaluator="supernet", space="nasnet", trials=None, random_trials=None)
    with pytest.raises(SearchError, match="judged where these are, by executor 'inline', got .*:Queue"):
        run(settings, executor=Queue())
    with pytest.raises(SearchError, match="a supernet is for spaces of cells"):  # which is the next check
        run(settings, executor=Inline(settings), space=Pairs())


def test_an_evaluator_of_this_process_is_not_given_to_other_processes(config):
    executor = Subprocesses(config(workers=1), Judge())
    with pytest.raises(SearchError, match=":Subprocesses' judges in other processes, but .* learns in prepare"):
        run(config(), Climbing, Learning(), executor, Pairs())
    executor.close()
    assert len(run(config(), Climbing, Learning(), Queue(), Pairs()).trials) == 6


@pytest.mark.parametrize(
    ("space", "message"),
    [
        (Pairs(), "a supernet is for spaces of cells, or of ENAS' layers, got Pairs"),
        (search.CellSpace(num_blocks=1), "a supernet's cells only add, got a space with add, concat"),
    ],
)
def test_a_supernet_is_for_some_spaces(space, message, config):
    with pytest.raises(SearchError, match=message):
        run(config(evaluator="supernet", trials=None, random_trials=None), algorithm=Climbing, space=space)
    assert not config().workdir.exists()


def test_children_of_an_own_space_are_checked_by_its_own_genotypes(config):
    settings = config(final_num_repeats=2000)
    with pytest.raises(SearchError, match="a finalist of this search cannot be trained"):
        run(settings, algorithm=Climbing, space=Pairs())
    with pytest.raises(SearchError, match="a table has strings, and the genotypes of this space are others"):
        table = config().workdir.parent / "table.csv"
        table.write_text("cell,validation_accuracy_12_epochs,test_accuracy_200_epochs\na,1,2\n")
        run(config(space="nasbench201", evaluator="tabular", table=table), algorithm=Climbing, space=Pairs())


def test_proposals_take_one_thread_beside_children(config):
    def threads():
        return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}

    class Counting(Climbing):
        def ask(self, trial):
            counted.append(threads())
            return super().ask(trial)

    counted, before = [], threads()
    run(config(), algorithm=Counting, evaluator=Judge(), executor=Queue(), space=Pairs())
    assert counted[-6:] == [{1}] * 6 and threads() == before


def test_an_algorithm_serves_one_search(config, tmp_path):
    space = Pairs()
    algorithm = Climbing(space, 0)
    run(config(), algorithm=algorithm, evaluator=Judge(), space=space)
    with pytest.raises(SearchError, match="was given to a search before: make another, or give its class"):
        run(config(workdir=tmp_path / "other"), algorithm=algorithm, evaluator=Judge(), space=space)


def test_results_of_wrong_types_are_told_of_each_child(config):
    evaluator = broken(Judge, evaluate=lambda self, genotype, seed: {"accuracy": 1.0})()
    with pytest.raises(StudyError, match="none of 6 children could be trained"):
        run(config(), algorithm=Climbing, evaluator=evaluator, space=Pairs())
    (error,) = {trial.metrics["error"] for trial in load_study(config().workdir).trials}
    assert error == "TypeError: an evaluator returns a number and a dictionary of metrics, got {'accuracy': 1.0}"


def test_rewards_of_numpy_are_numbers(config):
    evaluator = broken(Judge, evaluate=lambda self, genotype, seed: (np.float32(0.5), {}))()
    study = run(config(), algorithm=Climbing, evaluator=evaluator, space=Pairs())
    assert [trial.reward for trial in study.trials] == [0.5] * 6


def test_proposals_that_become_illegal_are_one_error(config):
    algorithm = broken(Climbing, ask=lambda self, trial: (trial, 0))
    with pytest.raises(StudyError, match="trial 3 .*left must be from 0 to 2, got 3"):
        run(config(), algorithm=algorithm, evaluator=Judge(), space=Pairs())


# --- the documented example


@pytest.fixture(scope="module")
def table():
    space = NASBench201Space()
    lines = ["cell,validation_accuracy_12_epochs,test_accuracy_200_epochs"]
    for index in range(space.size):
        choices = np.unravel_index(index, (5,) * 6)
        lines.append(f"{space.decode(choices)},{50 + sum(choices) / 10:.2f},{90 + sum(choices) / 10:.2f}")
    return "\n".join(lines) + "\n"


def example(folder, table, before=""):
    folder.mkdir(exist_ok=True)
    (folder / "nasbench201_cifar10.csv").write_text(table)
    code = f"import runpy, time\n{before}\nrunpy.run_path({str(EXAMPLE)!r}, run_name='__main__')"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    return subprocess.Popen([sys.executable, "-c", code], cwd=folder, **pipes)


SLOWLY = """
from nasnet_keras.search.evaluators.tabular import TabularEvaluator
quick = TabularEvaluator.evaluate
TabularEvaluator.evaluate = lambda *arguments: time.sleep(0.2) or quick(*arguments)
"""


def test_the_example_is_killed_goes_on_and_gets_its_report(table, tmp_path):
    assert len(EXAMPLE.read_text().splitlines()) <= 40
    assert EXAMPLE.read_text() in (EXAMPLE.parent / "searching.md").read_text()
    whole = example(tmp_path / "whole", table)
    killed = example(tmp_path / "killed", table, SLOWLY)
    log = tmp_path / "killed" / "own" / "trials.jsonl"
    deadline = time.monotonic() + 600
    while not (log.exists() and log.read_text().count("\n") >= 5) and time.monotonic() < deadline:
        time.sleep(0.05)
    killed.send_signal(signal.SIGKILL)
    killed.communicate()
    done = len(load_study(log.parent).trials)
    assert 5 <= done < 24
    again = example(tmp_path / "killed", table)
    for process in (whole, again):
        said, errors = process.communicate(timeout=300)
        assert process.returncode == 0, errors.decode()[-2000:]
        assert b", reward " in said
    one, other = (load_study(tmp_path / name / "own") for name in ("whole", "killed"))
    assert len(one.trials) == 24 and plain(one.trials) == plain(other.trials)
    assert plain(one.random_trials) == plain(other.random_trials)
    assert one.result["winner"] == other.result["winner"]
    page = (log.parent / "report.html").read_text()
    assert "__main__:HillClimbing" in page and "__main__:OneOperationPerNode" in page
    assert dataclasses.asdict(one.best)["reward"] == max(trial.reward for trial in one.trials)
