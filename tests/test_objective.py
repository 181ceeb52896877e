"""An objective of one's own: named, recorded, found again, tried early, and obeyed by all of a search."""

import functools
import json
import math
import re
import subprocess
import sys
from pathlib import Path

import own_objectives
import pytest
from helpers import mostly_fuzz
from own_classes import Climbing, Pairs, Priced

from nasnet_keras.search import SearchConfig, load_study, own, run
from nasnet_keras.search.costs.limits import Objective
from nasnet_keras.search.costs.own import load_own, value_of
from nasnet_keras.search.loop import SearchError
from nasnet_keras.search.plausible import check_objective
from nasnet_keras.search.registry import ALGORITHMS
from nasnet_keras.search.report.page import report
from nasnet_keras.search.report.terminal import summary
from nasnet_keras.search.study.errors import StudyError
from nasnet_keras.search.study.known import known_settings
from nasnet_keras.search.study.trial import Trial

TABLE = {"evaluator": "tabular", "table": "nasnet_cells_cifar10", "trials": 8, "random_trials": 3, "finalists": 2}
EVERYWHERE = [name for name, row in ALGORITHMS.items() if not row.spaces]
EXAMPLE = Path(__file__).parent.parent / "docs" / "own_objective.py"


def test_all_of_a_search_obeys_it(tmp_path):
    settings = {**TABLE, "algorithm": "evolution", "population_size": 3}
    study = run(SearchConfig(tmp_path / "s1", **settings), objective=own_objectives.cheap)
    assert json.loads((study.path / "study.json").read_text())["config"]["objective"] == "own_objectives:cheap"
    for one in (*study.trials, *study.random_trials):
        accuracy = one.metrics["validation_accuracy"]
        assert one.reward == pytest.approx(accuracy - 0.01 * math.log2(one.costs["parameters"]))
        assert one.metrics["evaluator_reward"] == accuracy
    assert study.best.reward == max(one.reward for one in study.trials)
    ours = [one for one in study.result["finalists"] if one["origin"] == "search"]
    assert study.result["winner"] == max(ours, key=lambda one: one["reward"])["fingerprint"]
    assert ours[0]["reward"] == pytest.approx(own_objectives.cheap({**ours[0]["costs"], **ours[0]["metrics"]}))
    page = report(study)
    assert "what the function <code>own_objectives:cheap</code> makes of its figures" in page
    assert "It has the best value of the objective own_objectives:cheap of the 2 finalists" in page
    again = run(SearchConfig(study.path, objective="own_objectives:cheap", **{**settings, "trials": 9}))
    assert again.trials[:8] == study.trials and len(again.trials) == 9
    with pytest.raises(StudyError, match="objective was 'own_objectives:cheap' and is now 'hard'"):
        run(SearchConfig(study.path, **settings))


@pytest.mark.parametrize("algorithm", mostly_fuzz(EVERYWHERE, ["evolution", "bayesian"]))
def test_every_algorithm_searches_under_it_with_limits(algorithm, tmp_path):
    config = SearchConfig(
        tmp_path, algorithm=algorithm, objective=own_objectives.negative, limit="parameters=120000", **TABLE
    )
    study = run(config)
    assert len(study.trials) == 8 and all(one.reward < 0 for one in study.trials)
    assert all(one.costs["parameters"] <= 120_000 for one in (*study.trials, *study.random_trials))


def test_under_limits_what_an_algorithm_is_told_keeps_the_order_whatever_the_sign():
    objective = Objective.of(["parameters=10"], "own_objectives:negative")

    def told(reward, parameters=5, status="ok"):
        return objective.told(Trial(0, "a", status, reward, {}, 1.0, 0, {"parameters": parameters}))

    order = [told(None, 20, "over_limit"), told(-800.0), told(-2.0), told(-0.5), told(0.0), told(0.5), told(3.0)]
    assert order == sorted(order) and order[0] < 0 <= order[1] and len(set(order)) == 7
    assert told(None, status="crashed") is None and objective.form == "hard"
    free = Objective.of((), "own_objectives:negative")
    assert free.told(Trial(0, "a", "ok", -0.5, {}, 1.0, 0)) == -0.5


def test_an_error_costs_the_trial_alone(tmp_path, monkeypatch):
    monkeypatch.setattr(own, "_try_in_table", lambda *given: None)  # which may meet one of the large cells by chance
    study = run(SearchConfig(tmp_path, algorithm="random", objective="own_objectives:small", **{**TABLE, "trials": 20}))
    status = {one.status: one for one in study.trials}
    assert {*status} == {"ok", "crashed"} and all(
        (one.costs["parameters"] > 120_000) == (one.status == "crashed") for one in study.trials
    )
    assert status["crashed"].metrics["error"] == "the objective failed with ZeroDivisionError: division by zero"
    assert "validation_accuracy" in status["crashed"].metrics and study.result["winner"]


def test_the_objective_of_an_own_evaluator(tmp_path):
    config = SearchConfig(tmp_path, trials=6, random_trials=2, executor="inline", finalists=1, window=1)
    study = run(config, algorithm=Climbing, evaluator=Priced(), space=Pairs(), objective=own_objectives.of_pairs)
    for one in study.trials:
        assert one.reward == one.metrics["evaluator_reward"] - one.costs["parameters"] / 10


def test_test_images_have_no_part_in_the_choice_of_the_winner(tmp_path):
    class WithTest(Priced):
        def finish(self, genotype, seed, folder):
            return self.evaluate(genotype, seed)[0], {"test_accuracy": 0.5}

    config = SearchConfig(tmp_path, trials=4, random_trials=1, executor="inline", finalists=1)
    study = run(config, evaluator=WithTest(), space=Pairs(), objective=own_objectives.by_test)
    assert all(one["reward"] < 50 for one in study.result["finalists"])
    assert "best value of the objective own_objectives:by_test" in report(study)


def nested():
    def within(figures):
        return 1.0

    return within


@pytest.mark.parametrize(
    ("objective", "said"),
    [
        (lambda figures: 1.0, "a lambda cannot be imported again: define it at the top of a module"),
        (nested(), "a function within another cannot be imported again"),
        (functools.partial(own_objectives.cheap), "objective must be a function, or the name of a module"),
        ("soff", "objective must be hard or soft, or the name of a function.* did you mean 'soft'"),
        ("a:b:c", "objective must be hard or soft"),
        (3, "objective must be hard or soft"),
    ],
)
def test_what_has_no_importable_name_is_refused(objective, said):
    with pytest.raises(ValueError, match=said):
        SearchConfig("s1", objective=objective)


def test_a_function_of_another_name_is_refused(monkeypatch):
    function = own_objectives.cheap
    monkeypatch.setattr(own_objectives, "cheap", own_objectives.small)
    with pytest.raises(ValueError, match="the module has another function of that name"):
        SearchConfig("s1", objective=function)
    assert SearchConfig("s1", objective=own_objectives.Scores.best).objective == "own_objectives:Scores.best"


@pytest.mark.parametrize(
    ("objective", "said"),
    [
        ("no_such_module:score", r"cannot be imported \(ModuleNotFoundError: .*in the current folder or on Python's"),
        ("own_objectives:chaep", r"cannot be imported \(ImportError: the module own_objectives has no chaep\)"),
        ("own_objectives:NUMBER", "must be a function of the figures of a child, got 3.0"),
        ("__main__:score", "a function of a script cannot be imported again: move it into a module"),
        ("own_objectives:unfinished", "cannot judge a child, .*: the objective must return a finite number, got None"),
        ("own_objectives:endless", "the objective must return a finite number, got inf"),
        (
            "own_objectives:of_loss",
            "cannot judge a finalist, whose figures are such as .*KeyError: 'loss'; with finalists",
        ),
    ],
)
def test_what_cannot_be_used_is_told_before_a_folder_is_made(objective, said, tmp_path):
    with pytest.raises(SearchError, match=said):
        run(SearchConfig(tmp_path / "s1", objective=objective))
    assert not (tmp_path / "s1").exists()


def test_it_is_tried_on_what_the_evaluator_gives(tmp_path):
    check_objective(SearchConfig("s1", objective=own_objectives.of_loss, finalists=0))
    proxy = {"evaluator": "zero_cost", "proxy": "naswot"}
    check_objective(SearchConfig("s1", objective=own_objectives.of_proxy, **proxy))
    with pytest.raises(ValueError, match="cannot judge a child, whose figures are such as reward=0.9, naswot=20"):
        check_objective(SearchConfig("s1", objective=own_objectives.cheap, **proxy))
    with pytest.raises(SearchError, match="cannot judge a child, .* such as reward=.*validation_accuracy=.*'loss'"):
        run(SearchConfig(tmp_path / "s1", objective=own_objectives.of_loss, **TABLE))
    assert not (tmp_path / "s1").exists()
    with pytest.raises(
        ValueError, match="exchange=.* is for objective=soft, and the objective is own_objectives:cheap"
    ):
        SearchConfig("s1", objective="own_objectives:cheap", limit="parameters=9", exchange="mnasnet")


def test_a_study_whose_objective_is_gone_can_be_read(tmp_path):
    study = run(SearchConfig(tmp_path / "s1", objective=own_objectives.cheap, algorithm="random", **TABLE))
    path = study.path / "study.json"
    path.write_text(path.read_text().replace("own_objectives:cheap", "gone:cheap"))
    read = load_study(study.path)
    assert read.best.reward == study.best.reward and "gone:cheap" in report(read) and summary(read)
    before = {one: one.read_bytes() for one in study.path.iterdir() if one.is_file()}
    with pytest.raises(SearchError, match="objective=gone:cheap cannot be imported"):
        run(SearchConfig(study.path, **{**known_settings(study.path), "trials": 9, "recipe": None}))
    assert before == {one: one.read_bytes() for one in study.path.iterdir() if one.is_file()}


def test_a_study_does_not_go_on_with_a_function_that_was_edited(tmp_path, monkeypatch):
    settings = {**TABLE, "algorithm": "random", "objective": "own_objectives:cheap"}
    study = run(SearchConfig(tmp_path / "s1", **settings))
    before = {one: one.read_bytes() for one in study.path.iterdir() if one.is_file()}
    monkeypatch.setattr(own_objectives, "cheap", own_objectives.negative)
    with pytest.raises(StudyError, match="another function than the one that .*s1 was begun with: trial 0 has the rew"):
        run(SearchConfig(study.path, **{**settings, "trials": 9}))
    monkeypatch.setattr(own_objectives, "cheap", own_objectives.small)
    with pytest.raises(StudyError, match="now (gives|cannot judge: the objective failed)"):
        run(SearchConfig(study.path, **{**settings, "trials": 9}))
    assert before == {one: one.read_bytes() for one in study.path.iterdir() if one.is_file()}
    monkeypatch.undo()
    assert len(run(SearchConfig(study.path, **{**settings, "trials": 9})).trials) == 9


def test_the_example_runs_from_its_folder(tmp_path):
    assert EXAMPLE.read_text() in (EXAMPLE.parent / "searching.md").read_text()
    (tmp_path / "own_objective.py").write_text(EXAMPLE.read_text())
    flags = ["--objective=own_objective:score", "--evaluator=tabular", "--table=nasnet_cells_cifar10", "--trials=4"]
    program = "from nasnet_keras.search.__main__ import console; console()"
    command = [sys.executable, "-c", f"import sys; sys.path.remove(''); {program}", "--workdir=s1", *flags]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    study = load_study(tmp_path / "s1")
    assert study.config["objective"] == "own_objective:score" and len(study.random_trials) == 4
    assert study.best.reward == value_of(load_own_from(tmp_path), {**study.best.metrics, **study.best.costs})
    command += ["--objective=own_objective:scoer", "--workdir=s2"]
    wrong = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=600)
    assert wrong.returncode == 1 and re.search("nasnet-search: objective=own_objective:scoer cannot be", wrong.stderr)


def load_own_from(folder):
    sys.path.insert(0, str(folder))
    try:
        return load_own("own_objective:score")
    finally:
        sys.path.remove(str(folder))


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        ({"evaluator": "tabular", "table": "nasnet_cells_cifar10", "trials": 40}, 40),
        ({"evaluator": "tabular", "table": "nasnet_cells_cifar10"}, 24),
        ({"evaluator": "zero_cost", "proxy": "naswot", "trials": 100}, 100),
        ({"evaluator": "zero_cost", "proxy": "naswot", "trials": 100, "random_trials": 5}, 5),
        ({"trials": 100}, 8),
        ({"evaluator": "supernet"}, 20),
    ],
)
def test_as_many_random_children_as_of_the_search_where_they_are_cheap(settings, expected):
    assert SearchConfig("s1", **settings).random_trials == expected


def test_they_stay_as_many_when_a_search_goes_on(tmp_path):
    table = {"evaluator": "tabular", "table": "nasnet_cells_cifar10", "finalists": 0, "algorithm": "evolution"}
    study = run(SearchConfig(tmp_path / "s1", trials=3, **table))
    assert len(study.random_trials) == 3
    known = {**known_settings(study.path), "trials": 5, "recipe": None}
    assert "random_trials" not in known and len(run(SearchConfig(study.path, **known)).random_trials) == 5
