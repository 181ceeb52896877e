"""Searches whose rewards are zero-cost proxies: no child is trained, and nothing calls a proxy an accuracy."""

import dataclasses

import numpy as np
import pytest
from helpers import mostly_fuzz
from pages import checked

from nasnet_keras.search import SearchConfig, algorithms, registry, run
from nasnet_keras.search.evaluators.zero_cost import ZeroCostEvaluator
from nasnet_keras.search.executors.base import Task, perform
from nasnet_keras.search.proxies import PROXIES, scores
from nasnet_keras.search.spaces.nasbench201 import NASBench201Space
from nasnet_keras.search.study.pareto import cost_of
from nasnet_keras.search.testing import check_evaluator
from nasnet_keras.training.recipes import Recipe

RECIPE = Recipe(epochs=1, batch_size=64, learning_rate=0.1, pad=1, flip=False)
SMALL = {
    "executor": "inline",
    "recipe": RECIPE,
    "filters": 4,
    "train_images": 128,
    "final_epochs": 1,
    "proxy_images": 16,
}
CELLS = NASBench201Space()


def config(workdir="unused", **changes):
    values = {"evaluator": "zero_cost", "proxy": "synflow", "space": "nasbench201", **SMALL, **changes}
    return SearchConfig(workdir, **values)


@pytest.mark.slow
@pytest.mark.parametrize("space", mostly_fuzz(["nasbench201", "mnasnet"], ["mnasnet"]))
def test_zero_cost_children_keep_the_contract_of_evaluators(space):
    sizes = {"filters": 8} if space == "mnasnet" else {}  # as if not given
    one = config(space=space, **sizes)
    check_evaluator(lambda: ZeroCostEvaluator(one), one.search_space(), genotypes=1)


def test_rewards_are_scores_on_one_batch_for_all_children(generator):
    evaluator, again = (ZeroCostEvaluator(config(proxy="naswot", seed=3)) for _ in range(2))
    drawn = [CELLS.decode(CELLS.sample(generator)) for _ in range(3)]
    found = [perform(evaluator, Task("search", number, one, seed=number)) for number, one in enumerate(drawn)]
    batch = evaluator._batch
    assert batch.shape == (16, 8, 8, 1) and (batch == again._batch).all()
    assert len(np.unique(batch.reshape(16, -1), axis=0)) == 16
    assert not np.array_equal(batch, ZeroCostEvaluator(config(proxy="naswot", seed=4))._batch)
    for number, (one, outcome) in enumerate(zip(drawn, found, strict=True)):
        expected = scores(one, batch, ["naswot"], seed=number, num_repeats=1, filters=4, classes=10)
        assert outcome.status == "ok" and outcome.reward == outcome.metrics["naswot"] == expected["naswot"]
        assert outcome.metrics["parameters"] == evaluator.costs(one)["parameters"]
        assert not [name for name in outcome.metrics if "accuracy" in name]
    repeated = perform(again, Task("random", 0, drawn[2], seed=2))  # after no other child, in another evaluator
    assert (repeated.reward, repeated.metrics) == (found[2].reward, found[2].metrics)


@pytest.mark.parametrize(("proxy", "reason"), [("naswot", "some images look alike"), ("jacov", "do not depend on")])
def test_a_child_without_a_score_is_a_failed_trial_with_a_reason(proxy, reason):
    task = Task("search", 0, CELLS.decode((0,) * 6), 0)
    outcome = perform(ZeroCostEvaluator(config(proxy=proxy)), task)
    assert (outcome.status, outcome.reward) == ("diverged", None) and reason in outcome.metrics["error"]


def test_a_search_goes_on_and_its_page_tells_proxies_from_accuracies(tmp_path, without_finals):
    settings = {"algorithm": "evolution", "population_size": 3, "limit": ("multiply_adds=60000",), "random_trials": 3}
    whole = run(config(tmp_path / "whole", trials=8, **settings))
    run(config(tmp_path / "parts", trials=5, **settings))
    parts = run(config(tmp_path / "parts", trials=8, **settings))
    assert [(one.genotype, one.reward) for one in parts.trials] == [(one.genotype, one.reward) for one in whole.trials]
    assert all(cost_of(one, "multiply_adds") <= 60_000 for one in whole.trials)
    assert max(one.reward for one in whole.trials) > 1.0
    words = checked(whole).words
    assert "No child" in words and "the zero-cost proxy synflow of 16 images, which is no accuracy" in words
    assert "Reward against cost" in words and "Accuracy" not in words and "scored exactly as" in words
    assert words.count("accuracy") == 1 and "Parameters" in words


@pytest.mark.slow
@pytest.mark.parametrize("executor", mostly_fuzz(["inline", "subprocess"], ["subprocess"]))
def test_finalists_are_trained(executor, tmp_path):
    sizes = {"trials": 3, "random_trials": 3, "finalists": 2, "executor": executor, "child_timeout_minutes": 5}
    study = run(config(tmp_path / executor, **sizes))
    assert all(one.reward == one.metrics["synflow"] > 1.0 for one in study.trials)
    assert 0.0 < study.result["test_accuracy"] <= 1.0 and study.result["kendall_tau_pairs"] >= 3
    assert (study.path / study.result["model"]).is_file()
    words = checked(study).words
    assert "Numbers of parameters agree with them with τ =" in words
    assert "their scores are accuracies, and rewards are the proxy synflow" in words


@pytest.mark.parametrize("name", ["evolution", "reinforce"])
def test_algorithms_take_rewards_of_any_scale_and_constant_ones(name):
    algorithm = algorithms.make(name, CELLS, 0, **dict.fromkeys(registry.algorithm(name).parameters, 3))
    new = algorithm.state()
    for least, step in ((0.0, 0.0), (1e9, 1.0), (0.0, 1e-12)):
        algorithm.restore(new)
        for trial in range(8):
            choices = algorithm.ask(trial)
            CELLS.decode(choices)
            algorithm.tell(choices, least + step * (trial % 3))
        numbers = [one for one in algorithm.state().values() if np.issubdtype(one.dtype, np.floating)]
        assert all(np.isfinite(one).all() for one in numbers)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"proxy": None}, "the evaluator 'zero_cost' needs a proxy: expected proxy, or --proxy, of which --help lists"),
        ({"proxy": "accuracy"}, f"proxy must be one of {', '.join(PROXIES)}, got 'accuracy'"),
        ({"evaluator": "child"}, "a proxy is for the evaluator 'zero_cost' and no other, got 'child'"),
        ({"evaluator": "child", "proxy": None}, "proxy_images=16 is for the evaluator 'zero_cost', got 'child'"),
        ({"proxy_images": 1}, "proxy_images must be a whole number from 2, got 1"),
        (
            {"space": "nasbench_macro"},
            "evaluator 'zero_cost' judges genotypes of nasnet, .* only, got 'nasbench_macro'",
        ),
        ({"space": "accel_nasbench"}, "evaluator 'zero_cost' judges genotypes of nasnet, .* got 'accel_nasbench'"),
        ({"costs": "costs.csv"}, "costs='costs.csv' is for the evaluator 'tabular', got 'zero_cost'"),
        ({"proxy_images": 129}, "proxy_images=129: .* has 128 training images for children"),
    ],
)
def test_bad_settings_are_one_clear_error_and_make_no_folder(changes, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        run(config(tmp_path / "study", **changes))
    assert not list(tmp_path.iterdir())


def test_a_study_goes_on_with_its_own_proxy_only():
    one = config()
    for changes in ({"proxy": "naswot"}, {"proxy_images": 17}, {"filters": 5}):
        assert dataclasses.replace(one, **changes).identity() != one.identity()
