"""The finalists of a search: which are chosen, within which limits, and with which costs they are written."""

import json
import re
from pathlib import Path
from statistics import mean

import pytest
from own_classes import Climbing, Measured, Pairs, Priced

from nasnet_keras.search import SearchConfig, finals, run
from nasnet_keras.search.costing import Costing
from nasnet_keras.search.executors.inline import Inline
from nasnet_keras.search.finalists import random_finalists
from nasnet_keras.search.report.facts import gather
from nasnet_keras.search.report.page import report
from nasnet_keras.search.report.terminal import summary
from nasnet_keras.search.study import Study, Trial
from nasnet_keras.search.study.trial import fingerprint, genotype_of

PAIRS = Pairs()


class Sided(Measured):
    """Is slow unless the first operation is the last one, which costs most; all other costs are equal."""

    def costs(self, genotype):
        return {"multiply_adds": 100}

    @staticmethod
    def latency(genotype):
        return 1.0 if PAIRS.encode(genotype)[0] == 2 else 9.0


def searched(path, evaluator, **settings):
    settings = {"trials": 12, "random_trials": 6, "executor": "inline", "window": 2, "finalists": 2, **settings}
    return run(SearchConfig(path, **settings), algorithm=Climbing, evaluator=evaluator, space=PAIRS)


def beside(study):
    return [one for one in study.result["finalists"] if one["origin"] == "random"]


@pytest.mark.parametrize("random_trials", [6, 0])
def test_random_finalists_are_within_a_measured_limit(random_trials, tmp_path):
    evaluator = Sided()
    study = searched(tmp_path, evaluator, limit="latency_ms=5", random_trials=random_trials)
    found = [genotype_of(one["genotype"]) for one in beside(study)]
    assert found and all(Sided.latency(genotype) <= 5 for genotype in found)
    assert all(one["costs"] == {"multiply_adds": 100, "latency_ms": 1.0} for one in beside(study))
    ours = [one["fingerprint"] for one in study.result["finalists"] if one["origin"] == "search"]
    assert len(ours) == 2 and not {fingerprint(genotype) for genotype in found}.intersection(ours)


def opened(path, trials, evaluator, **settings):
    """A study with recorded trials, its configuration, costs and executor."""
    config = SearchConfig(path, trials=2, random_trials=2, executor="inline", finalists=2, **settings)
    study = Study.open(config)
    for group, one in trials:
        study.append(one, group)
    executor = Inline(config)
    executor.start(evaluator, Path(path))
    return config, study, Costing(config.search_objective(), evaluator, PAIRS), executor


def test_what_was_drawn_over_a_known_limit_is_no_finalist(tmp_path):
    ours = Trial(0, PAIRS.decode((1, 1)), "ok", 2.0, {}, 1.0, 0, {"parameters": 21})
    config, study, costing, executor = opened(tmp_path, [("search", ours)], Priced(), limit="parameters=25")
    every = [(left, right) for left in range(3) for right in range(3)][::-1]  # a tight limit is found in no draw
    chosen = random_finalists(config, study, costing, executor, lambda number: PAIRS.decode(every[number % 9]))
    assert len(chosen) == 2 and all(costs["parameters"] <= 25 for _, costs in chosen.values())
    assert not random_finalists(config, study, costing, executor, lambda number: PAIRS.decode((2, 2)))
    study.close()


@pytest.mark.parametrize("status", ["over_limit", "crashed"])
def test_derived_genotypes_that_are_of_no_use_leave_the_choice_to_the_children(status, tmp_path):
    costs = {"parameters": 11, "latency_ms": 1.0}
    lost = {"latency_ms": 9.0 if status == "over_limit" else 1.0, "parameters": 41}
    trials = [
        ("search", Trial(0, PAIRS.decode((0, 1)), "ok", 0.5, {}, 1.0, 0, costs)),
        ("derived", Trial(0, PAIRS.decode((2, 2)), status, None, {"error": "no"}, 1.0, 0, lost)),
    ]
    evaluator = Measured()
    config, study, costing, executor = opened(tmp_path, trials, evaluator, limit="latency_ms=5")
    finals.finish(config, study, evaluator, costing, executor, lambda number: PAIRS.decode((0, number % 3)))
    assert study.best == study.trials[0] and study.candidates == study.trials == study.pareto()
    ours = [one for one in study.result["finalists"] if one["origin"] == "search"]
    assert [one["costs"] for one in ours] == [costs] and study.result["winner"] == fingerprint(study.best.genotype)
    assert [one["trial"] for one in study.result["front"]["trials"]] == [0]
    assert finals.is_finished(config, study)
    written = json.loads((tmp_path / "result.json").read_text())
    finals.keep_front(study)
    assert json.loads((tmp_path / "result.json").read_text()) == written
    study.close()


class WithTest(Priced):
    """Has a test accuracy."""

    def finish(self, genotype, seed, folder):
        return self.evaluate(genotype, seed)[0], {"test_accuracy": 0.5}


def test_the_terminal_compares_children_within_the_limit_in_the_soft_form_too(tmp_path):
    soft = {"limit": "parameters=15", "objective": "soft", "exchange": "parameters=0.02", "executor": "inline"}
    config = SearchConfig(tmp_path, trials=12, random_trials=4, algorithm="evolution", population_size=4, **soft)
    study = run(config, evaluator=WithTest(), space=PAIRS)
    good = [one.reward for one in study.trials if one.costs["parameters"] <= 15]
    assert 0 < len(good) < 12 and max(good) == 1.0
    shown = summary(study)
    assert f"Rewards of the search:     mean {mean(good):.4f}, best 1.0000 of {len(good)} within the limit" in shown
    within = [one.costs["parameters"] <= 15 for one in study.pareto()]
    said = f"Front of reward against parameters: {len(within)} children, from .*; {sum(within)} within the limit\n"
    assert not all(within) and re.search(said, shown)


class Grown(Priced):
    """Has finalists of twice the parameters."""

    def finish(self, genotype, seed, folder):
        reward, metrics = self.evaluate(genotype, seed)
        return reward, {**metrics, "parameters": 2 * self.costs(genotype)["parameters"]}


def test_what_is_larger_than_children_is_said_to_be_over_the_limit(tmp_path):
    study = searched(tmp_path, Grown(), limit="parameters=25")
    assert {one["metrics"]["parameters"] - 2 * one["costs"]["parameters"] for one in study.result["finalists"]} == {0}
    said = "Limits are of children: as it was trained, larger, the winner has 42 parameters"
    assert said in summary(study)
    over = sum(one["metrics"]["parameters"] > 25 for one in study.result["finalists"])
    assert 0 < over < 4 and f"larger, {over} of the 4 finalists are over: one has 42&nbsp;" in report(study)
    assert "Limits are of children" not in summary(searched(tmp_path / "equal", Priced(), limit="parameters=25"))


def test_a_report_of_derived_genotypes_that_are_over_the_limit_is_of_the_children(tmp_path):
    trials = [("search", Trial(n, PAIRS.decode((0, n)), "ok", 0.5, {}, 1.0, 0, {"parameters": n})) for n in range(2)]
    lost = Trial(0, PAIRS.decode((2, 2)), "ok", 0.9, {}, 1.0, 0, {"parameters": 99})
    soft = {"objective": "soft", "exchange": "mnasnet"}
    _, study, *_ = opened(tmp_path, [*trials, ("derived", lost)], Priced(), limit="parameters=25", **soft)
    facts = gather(study)
    assert facts.candidates == study.candidates == study.trials and not facts.derived
    assert "derived genotype" not in report(study)
    study.close()
