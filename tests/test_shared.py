"""Searches whose children share weights: what they do, and that they go on after a kill."""

import dataclasses
import json
import os
import signal

import numpy as np
import pytest
from helpers import mostly_slow

from nasnet_keras import MacroGenotype
from nasnet_keras.search import SearchConfig, StudyError, load_study, run
from nasnet_keras.search.evaluators.supernet import SupernetEvaluator
from nasnet_keras.search.report.statistics import kendall_tau
from nasnet_keras.search.supernet.trainer import SupernetTrainer
from nasnet_keras.search.testing import check_evaluator
from nasnet_keras.training.errors import Stopped
from nasnet_keras.training.recipes import Recipe

RECIPE = Recipe(epochs=2, batch_size=64, learning_rate=0.1, pad=1, flip=False)
TINY = {"evaluator": "supernet", "space": "enas_micro", "operations": ("sep_conv_3x3", "max_pool_3x3"), "num_blocks": 1}
TINY |= {"recipe": RECIPE, "train_images": 256, "filters": 2, "trials": 8, "children_per_update": 2, "window": 1}
MOMENTS = ("interrupted in an epoch", "killed in an epoch", "killed in a trial")
TINY |= {"derived_trials": 3, "random_trials": 3, "finalists": 1, "final_epochs": 1}


def search(path, **changes):
    return run(SearchConfig(path, **{**TINY, **changes}))


def groups(study):
    return [
        [(one.trial, one.genotype, one.reward, one.metrics) for one in trials]
        for trials in (study.trials, study.derived_trials, study.random_trials)
    ]


class Killed(BaseException):
    """Ends a search without a chance to write anything."""


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    return search(tmp_path_factory.mktemp("unbroken") / "study")


def test_shared_weights_keep_the_contract_of_evaluators(tmp_path):
    settings = SearchConfig(tmp_path, **TINY)
    check_evaluator(lambda: SupernetEvaluator(settings), settings.search_space())


def test_a_search_with_shared_weights(unbroken):
    study, result = unbroken, unbroken.result
    assert [len(trials) for trials in groups(study)] == [8, 3, 3]
    assert [one.metrics["supernet_epoch"] for one in study.trials] == [1] * 4 + [2] * 4
    assert study.config["algorithm"] == "enas" and study.updates == 3
    best = max(study.derived_trials, key=lambda one: one.reward)
    assert study.best == best, "the best of what was judged by all images, whatever a lucky batch said"
    judged = {one.genotype.fingerprint for one in (*study.derived_trials, *study.random_trials, *study.trials)}
    known = [one["fingerprint"] in judged for one in result["finalists"]]
    assert len(known) == 2 and known[0] and result["kendall_tau_pairs"] == sum(known)
    for name in ("searched_digits.json", "searched_digits.keras", "report.html", "best_genotype.json"):
        assert (study.path / name).is_file(), name
    assert groups(load_study(study.path)) == groups(study)
    assert load_study(study.path).best == best


def test_rewards_are_of_a_batch_and_scores_of_all_validation_images(unbroken):
    evaluator = SupernetEvaluator(SearchConfig(unbroken.path, **TINY))
    one = unbroken.derived_trials[0]
    assert evaluator.score(one.genotype, 1) == evaluator.score(one.genotype, 2) == (one.reward, one.metrics)
    last = unbroken.trials[-1]
    assert evaluator.evaluate(last.genotype, last.seed)[0] == last.reward


@pytest.mark.parametrize(
    "moment",
    [pytest.param(MOMENTS[0], marks=pytest.mark.slow), MOMENTS[1], pytest.param(MOMENTS[2], marks=pytest.mark.fuzz)],
)
def test_it_goes_on_as_if_nothing_had_happened(moment, unbroken, tmp_path, monkeypatch):
    calls = {"step": 0, "trial": 0}
    advance, evaluate = SupernetTrainer.advance, SupernetEvaluator.evaluate

    def advancing(self):
        calls["step"] += 1
        if calls["step"] == 6 and "in an epoch" in moment:
            if moment.startswith("killed"):
                raise Killed
            os.kill(os.getpid(), signal.SIGTERM)
        return advance(self)

    def evaluating(self, genotype, seed):
        calls["trial"] += 1
        if calls["trial"] == 6 and moment == "killed in a trial":
            raise Killed
        return evaluate(self, genotype, seed)

    with monkeypatch.context() as patch:
        patch.setattr(SupernetTrainer, "advance", advancing)
        patch.setattr(SupernetEvaluator, "evaluate", evaluating)
        with pytest.raises((Killed, Stopped)):
            search(tmp_path / "study")
    done = calls["step"]
    with monkeypatch.context() as patch:
        patch.setattr(SupernetTrainer, "advance", advancing)
        again = search(tmp_path / "study")
    assert groups(again) == groups(unbroken)
    for kind in ("weights.h5", "keras"):
        assert (again.path / f"searched_digits.{kind}").is_file()
    repeated = calls["step"] - done - (8 - done)
    assert repeated <= (2 if moment == "killed in an epoch" else 0), "steps that were done are not done again"


def test_layer_wise_networks_are_searched_trained_and_saved(tmp_path):
    study = search(tmp_path / "study", space="enas_macro", operations=("conv_3x3", "avg_pool_3x3"), num_layers=3)
    assert isinstance(study.best.genotype, MacroGenotype) and len(study.best.genotype.layers) == 3
    assert study.result["parameters"] > 0 and (study.path / "searched_digits.keras").is_file()
    assert MacroGenotype.from_json(study.path / "best_genotype.json") == study.best.genotype
    page = (study.path / "report.html").read_text(encoding="utf-8")
    assert "nk.MacroGenotype.from_json" in page and "nk.applications.ENASMacro(" in page and "layer_2 = " in page


@pytest.mark.parametrize("space", mostly_slow(("enas_micro", "enas_macro"), ("enas_micro",)))
def test_its_spaces_are_for_children_that_are_trained_too(space, tmp_path):
    changes = {"evaluator": "child", "executor": "inline", "derived_trials": 0, "trials": 1, "random_trials": 1}
    study = search(tmp_path / "study", space=space, num_layers=2, algorithm="enas", **changes)
    assert study.best.metrics["parameters"] > 0 and study.result["winner"] == study.best.genotype.fingerprint


@pytest.mark.slow
def test_children_that_share_weights_are_within_limits_too(tmp_path, unbroken):
    most = sorted(one.costs["multiply_adds"] for one in unbroken.trials)[2]
    study = search(tmp_path / "study", limit=f"multiply_adds={most}")
    assert [len(trials) for trials in groups(study)] == [8, 3, 3]
    for trial in (*study.trials, *study.random_trials, *study.derived_trials):
        assert trial.status == "ok" and trial.costs["multiply_adds"] <= most
    assert {one["costs"]["multiply_adds"] <= most for one in study.result["finalists"]} == {True}


@pytest.mark.slow
def test_other_algorithms_share_weights_too(tmp_path, without_finals):
    for algorithm in ("random", "evolution"):
        study = search(tmp_path / algorithm, algorithm=algorithm, children_per_update=None)
        assert len(study.derived_trials) == len(study.random_trials) == 3


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"space": "nasbench201", "operations": None}, "judges genotypes of nasnet, enas_micro, enas_macro only"),
        ({"executor": "subprocess"}, "judged where these are, by executor 'inline', got 'subprocess'"),
        ({"synchronized_batch_norm": True}, "cannot be synchronized"),
        ({"trials": 1}, "trials=1 leave none for some of the 2 epochs"),
        ({"evaluator": "child"}, "derived_trials is for children that share weights, got 3"),
        ({"evaluator": "child", "derived_trials": 0, "space": "nasnet", "children_per_update": None}, None),
        (
            {"evaluator": "child", "derived_trials": 0, "space": "nasnet", "algorithm": "enas"},
            "'enas' is for",
        ),
    ],
)
def test_bad_configurations(changes, message, tmp_path):
    values = {**TINY, **changes}
    if message is None:
        assert SearchConfig(tmp_path, **values).algorithm == "bayesian"
        return
    with pytest.raises(ValueError, match=message):
        SearchConfig(tmp_path, **values)


def test_an_auxiliary_head_that_does_not_fit_is_one_clear_error(tmp_path):
    recipe = dataclasses.replace(RECIPE, auxiliary_weight=0.4)
    with pytest.raises(ValueError, match="auxiliary head needs a map of known size"):
        search(tmp_path / "study", recipe=recipe)
    assert not (tmp_path / "study").exists()


def test_a_damaged_checkpoint_is_one_clear_error(unbroken, tmp_path, monkeypatch):
    def killing(self, genotype, seed):
        raise Killed

    with monkeypatch.context() as patch, pytest.raises(Killed):
        patch.setattr(SupernetEvaluator, "evaluate", killing)
        search(tmp_path / "study")
    checkpoint = tmp_path / "study" / "supernet" / "checkpoint.npz"
    with np.load(checkpoint) as file:
        arrays = dict(file)
    np.savez(checkpoint, **{**arrays, "architectures": arrays["architectures"] + 100})
    with pytest.raises(StudyError, match="has architectures that are none; remove it"):
        search(tmp_path / "study")
    checkpoint.write_bytes(checkpoint.read_bytes()[:100])
    with pytest.raises(StudyError, match="checkpoint.npz cannot be read"):
        search(tmp_path / "study")


def test_the_number_of_trials_is_part_of_such_a_search(unbroken):
    assert "trials" in json.loads((unbroken.path / "study.json").read_text())["config"]
    with pytest.raises(StudyError, match="trials"):
        search(unbroken.path, trials=10)


def test_kendalls_tau():
    rng = np.random.default_rng(0)
    assert kendall_tau([1, 2, 3, 4], [2, 4, 6, 8]) == 1.0 and kendall_tau([1, 2, 3], [3, 2, 1]) == -1.0
    assert kendall_tau([1, 1, 1], [1, 2, 3]) is None
    assert abs(kendall_tau(rng.random(2000), rng.random(2000))) < 0.05
    assert kendall_tau([1, 2, 2, 3], [1, 2, 3, 4]) == pytest.approx(5 / np.sqrt(5 * 6))
