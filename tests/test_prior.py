"""Priors: what is read, what a search makes of them, and what misleading ones cost."""

import dataclasses
import functools
import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import references
from own_classes import OPERATIONS, Judge

from nasnet_keras.search import SearchConfig, load_study, run
from nasnet_keras.search.algorithms.bayesian import BayesianOptimization
from nasnet_keras.search.evaluators.tabular import TabularEvaluator
from nasnet_keras.search.loop import SearchError
from nasnet_keras.search.own import Own
from nasnet_keras.search.priors import read_prior
from nasnet_keras.search.registry import PRIORS
from nasnet_keras.search.spaces import make
from nasnet_keras.search.spaces.base import Decision, Space
from nasnet_keras.search.spaces.limited import LimitedSpace
from nasnet_keras.search.spaces.nasbench201 import NASBench201Space
from nasnet_keras.search.study import Study, StudyError
from nasnet_keras.search.study.known import known_settings
from nasnet_keras.search.surrogates.features import Features
from nasnet_keras.search.surrogates.gaussian_process import GaussianProcess
from nasnet_keras.search.surrogates.prior import CoregionalizedProcess, Prior
from nasnet_keras.search.tables import located
from nasnet_keras.search.testing import check_algorithm
from nasnet_keras.utils.ranks import normal_scores, spearman

CELLS = NASBench201Space()
TABLE = "nasnet_cells_cifar10"


def value(choices):
    """A figure that paths give: each without a gap is worth the square of its number of 3×3 convolutions."""
    names = CELLS.pick(choices)
    worth = {"none": None, "skip_connect": 0.0, "avg_pool_3x3": -0.3, "nor_conv_1x1": 0.4, "nor_conv_3x3": 1.0}
    routes = [[worth[names[edge]] for edge in route] for route in ((0, 2, 5), (0, 4), (1, 5), (3,))]
    return float(sum(sum(route) ** 2 * (1 if sum(route) > 0 else -1) for route in routes if None not in route))


def known(change=lambda rewards: rewards, count=60, noise=0.5):
    generator = np.random.default_rng(7)
    choices = [CELLS.sample(generator) for _ in range(count)]
    rewards = change(np.array([value(one) for one in choices]) + noise * generator.normal(size=count))
    networks = tuple(CELLS.architecture(CELLS.decode(one)) for one in choices)
    return Prior("known", networks, tuple(rewards.tolist()), "0")


def search(algorithm, trials, reward=value):
    for trial in range(trials):
        choices = algorithm.ask(trial)
        algorithm.tell(choices, reward(choices))
        yield choices


def best(prior, trials, seed=0):
    return np.maximum.accumulate([value(one) for one in search(BayesianOptimization(CELLS, seed, 10, prior), trials)])


# --- the process


def line(count):
    return np.linspace(-1, 1, count)[:, None]


def curve(rows):
    return np.sin(4 * rows[:, 0])


@functools.cache
def learnt():
    return CoregionalizedProcess((1,), line(31), curve(line(31)))


def test_before_any_own_result_it_predicts_as_the_prior_does():
    process, rows = learnt().condition(np.zeros((0, 1)), np.zeros(0)), line(17)
    assert spearman(process.predict(rows).mean, curve(rows)) > 0.95
    assert 0.3 < process.correlation < 0.7, "as a prior may say little"
    far = process.predict([[9.0], [0.5]]).deviation
    assert far[0] > 1.2 * far[1], "where the prior knows nothing, nothing is known"


@pytest.mark.parametrize(
    ("sign", "low", "high"), [(lambda y: y, 0.6, 1), (lambda y: -y, -1, -0.3), (lambda y: y * 0, -0.3, 0.7)]
)
def test_the_correlation_is_learnt(sign, low, high):
    rows = line(9)
    assert low < learnt().fit(rows, 100 + 20 * sign(curve(rows))).correlation < high


def test_a_prior_that_says_nothing_is_believed_less_and_less():
    generator = np.random.default_rng(0)
    process, rows = CoregionalizedProcess((1,), line(31), generator.permutation(curve(line(31)))), line(24)
    chances = [process.fit(rows[::step], curve(rows[::step])).unrelated for step in (6, 1)]
    assert chances[1] > max(0.5, chances[0])
    alone = GaussianProcess((1,)).fit(rows, curve(rows)).predict(line(47)).mean
    assert np.abs(process.predict(line(47)).mean - alone).max() < 0.1


def test_few_own_results_are_enough_with_a_prior():
    def waves(rows):
        return np.sin(9 * rows[:, 0])

    process, own = CoregionalizedProcess((1,), line(41), waves(line(41))), line(41)[[2, 9, 16, 23, 30, 37]]
    errors = [
        np.abs(one.fit(own, 7 + waves(own)).predict(line(15)).mean - 7 - waves(line(15))).mean()
        for one in (process, GaussianProcess((1,)))
    ]
    assert errors[0] < 0.5 * errors[1] and process.correlation > 0.6


def test_rules_of_surrogates():
    rows = line(12)
    process = learnt().fit(rows, curve(rows))
    before, row = process.predict(line(5)), process.predict(line(5)[2:3])
    assert np.allclose(row.mean, before.mean[2]) and np.allclose(row.deviation, before.deviation[2])
    scaled = learnt().fit(rows, 10 + 3 * curve(rows)).predict(line(5))
    assert np.allclose(scaled.mean, 10 + 3 * before.mean) and np.allclose(scaled.deviation, 3 * before.deviation)
    assert np.isfinite(learnt().fit(rows[:1], [5.0]).predict(line(5)).mean).all()
    assert np.isfinite(learnt().fit(rows, np.full(12, 5.0)).predict(line(5)).deviation).all()
    assert learnt().predict(np.zeros((0, 1))).mean.shape == (0,)
    with pytest.raises(ValueError, match="shape"):
        learnt().condition(rows, [1.0])


def test_gains_are_over_the_best_expected_network():
    rows = line(12)
    process = learnt().fit(rows, curve(rows))
    gains, predicted = process.gains(rows), process.predict(rows)
    top = int(np.argmax(predicted.mean))
    assert np.allclose(gains.mean, predicted.mean - predicted.mean[top])
    assert gains.deviation[top] < 1e-6 and (gains.deviation >= 0).all()
    near, far = process.gains([rows[top] + 0.01, [5.0]]).deviation
    assert near < far


# --- features of both


def test_networks_of_the_space_are_as_far_apart_with_a_prior_as_without():
    space, prior = make("pnas"), read_prior("nasnet_cifar10")
    alone, both = Features(space), Features(space, prior.networks)
    generator = np.random.default_rng(0)
    choices = [space.sample(generator) for _ in range(6)]
    rows = []
    for features in (alone, both):
        weights = 1 / np.sqrt(np.repeat(features.groups, features.groups))
        rows.append(features.rows(choices) * weights)
    distances = [np.square(one[:, None] - one).sum(axis=2) for one in rows]
    assert np.allclose(*distances) and {*alone.names} < {*both.names}
    assert both.other_rows.shape == (len(prior.networks), len(both.names)) and np.isfinite(both.other_rows).all()


# --- searches


def test_with_a_prior_a_search_begins_where_it_leads():
    helped, alone = best(known(), 8), best(None, 8)
    assert helped[0] > np.quantile([value(CELLS.sample(np.random.default_rng(seed))) for seed in range(200)], 0.9)
    assert helped[-1] > max(helped[0], alone[-1])


@pytest.mark.parametrize("seed", range(3))
def test_one_or_two_results_do_not_lead_it_away(seed):
    """They tell the level and the scale of rewards, and nothing of how far the prior holds."""
    algorithm, random = BayesianOptimization(CELLS, seed, prior=known()), np.random.default_rng(seed)
    usual = np.quantile([value(CELLS.sample(random)) for _ in range(200)], 0.8)
    asked = [algorithm.ask(trial) for trial in range(4)]
    for choices in asked[:2]:
        algorithm.tell(choices, value(choices))
        asked.append(algorithm.ask(len(asked)))
    assert value(asked[4]) > usual, "the sixth child is random"
    assert algorithm.ask(6) not in asked and value(algorithm.ask(6)) > usual


def shuffled(rewards):
    return np.random.default_rng(0).permutation(rewards)


@pytest.mark.parametrize("change", [np.negative, pytest.param(shuffled, marks=pytest.mark.slow)])
def test_a_misleading_prior_costs_little(change):
    random = np.sort([value(CELLS.sample(np.random.default_rng(seed))) for seed in range(1000)])
    algorithm = BayesianOptimization(CELLS, 0, prior=known(change))
    found = [value(one) for one in search(algorithm, 24)]
    assert max(found) >= random[-12], "at least as good as the best of 80 random ones"
    ((row,),) = algorithm.notes().values()
    assert row["Correlation that was learnt"] < 0.5 and row["Networks it knows"] == 60


@pytest.mark.slow
def test_it_keeps_the_contract_with_a_prior():
    check_algorithm(functools.partial(BayesianOptimization, prior=known(count=20)), CELLS, trials=10)


def test_children_within_a_limit_follow_from_a_prior_too():
    space = LimitedSpace(CELLS, lambda cell: cell.count("nor_conv_3x3") - 3.0)
    found = list(search(BayesianOptimization(space, 0, prior=known()), 4))
    assert all(space.fits(one) for one in found) and len({*found}) == 4
    others = [value(space.sample(np.random.default_rng(seed))) for seed in range(100)]
    assert value(found[0]) > np.quantile(others, 0.8)


def test_several_children_before_any_result_are_different():
    algorithm = BayesianOptimization(CELLS, 0, prior=known())
    asked = [algorithm.ask(trial) for trial in range(4)]
    assert len({*asked}) == 4 and asked == [algorithm.ask(trial) for trial in range(4)]


def test_a_prior_of_another_space_helps_where_features_are_shared():
    """Cells of NASNet's space say that larger networks are better, which holds for those of PNAS as well."""
    prior, space = read_prior("nasnet_cifar10"), make("pnas", num_blocks=2)
    rewards = tuple(float(number) for number in range(len(prior.networks)))
    algorithm = BayesianOptimization(space, 0, prior=Prior("cells", prior.networks, rewards, "0"))
    found = list(search(algorithm, 4, lambda choices: float(sum(choices))))
    assert len({*found}) == 4 and algorithm.notes()["What the prior was worth"][0]["Prior"] == "cells"


class Letters(Space):
    """Words, of which the package knows no network."""

    decisions = tuple(Decision(f"letter_{number}", tuple("abcd")) for number in range(4))

    def decode(self, choices):
        return "".join(self.pick(choices))

    def encode(self, genotype):
        return self.find(list(genotype))


def test_words_are_a_prior_for_words_alone():
    words = tuple(Letters().decode((first, second, 0, 0)) for first in range(4) for second in range(4))
    prior = Prior("words", words, tuple(float(word.count("d")) for word in words), "0")
    algorithm = BayesianOptimization(Letters(), 0, prior=prior)
    assert Letters().decode(algorithm.ask(0))[:2].count("d") >= 1
    with pytest.raises(ValueError, match="prior='known' cannot tell anything of this space: no feature"):
        BayesianOptimization(Letters(), 0, prior=known())
    with pytest.raises(ValueError, match="prior='words' cannot tell anything of this space: "):
        BayesianOptimization(CELLS, 0, prior=prior)


def test_of_many_networks_some_are_learnt_that_are_spread_over_the_rewards():
    rewards = np.random.default_rng(0).normal(size=3000)
    prior = Prior("many", tuple(range(3000)), tuple(rewards.tolist()), "7")
    part = prior.most()
    assert len(part.networks) == len(part.rewards) == 1024 and part.digest == "7"
    assert {max(part.rewards), min(part.rewards)} == {rewards.max(), rewards.min()}
    assert all(rewards[network] == reward for network, reward in zip(part.networks, part.rewards, strict=True))
    assert known().most() == known()


# --- files


def test_the_names_of_priors_are_tables_that_ship():
    for name, table in PRIORS.items():
        prior, space = read_prior(name), make("nasnet", table=table)
        assert prior.name == name and len(prior.networks) == space.size
        same = read_prior(located(table))
        assert (same.networks, same.rewards, same.digest) == (prior.networks, prior.rewards, prior.digest)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A study of cells in a table, random children too."""
    path = tmp_path_factory.mktemp("prior") / "study"
    run(SearchConfig(path, evaluator="tabular", table=TABLE, algorithm="random", trials=6, random_trials=3))
    return path


def test_an_earlier_study_is_a_prior(study):
    prior, earlier = read_prior(study), load_study(study)
    trials = [one for one in (*earlier.trials, *earlier.random_trials) if "equal_trial" not in one.metrics]
    assert len(trials) > 4 and len({trial.genotype for trial in earlier.trials}) <= len(trials)
    assert prior.networks == tuple(trial.genotype for trial in trials)
    assert prior.rewards == tuple(trial.reward for trial in trials)


def test_tables_of_benchmarks_are_priors(tmp_path):
    cells = [CELLS.decode(np.unravel_index(number, (5,) * 6)) for number in range(100, 106)]
    lines = [f"{number},{cell},{50 + number},{60}" for number, cell in enumerate(cells)]
    path = tmp_path / "table.csv"
    path.write_text("\n".join(["index,cell,validation_accuracy_12_epochs,test_accuracy_200_epochs", *lines]))
    prior = read_prior(path)
    assert list(map(str, prior.networks)) == cells and prior.rewards == (50, 51, 52, 53, 54, 55)


def test_bad_priors(study, tmp_path):
    with pytest.raises(ValueError, match=f"prior='nasnet' is no file, no folder, and none of nasnet_cifar10, {TABLE}"):
        read_prior("nasnet")
    with pytest.raises(ValueError, match="prior='.*': .* holds no study that can be read"):
        read_prior(tmp_path)
    (tmp_path / "text.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ValueError, match="prior='.*text.csv': it is no table of a benchmark; its first line is 'a,b'"):
        read_prior(tmp_path / "text.csv")
    lines = located(TABLE).read_text().splitlines(keepends=True)
    few = tmp_path / "few.jsonl"
    few.write_text("".join(lines[:3]))
    with pytest.raises(ValueError, match=r"prior='.*few.jsonl' knows 3 networks: 4 at least are needed"):
        read_prior(few)
    few.write_text("".join(lines[:4])[:-9])
    with pytest.raises(ValueError, match=r"prior='.*few.jsonl': cannot read the table .*: line 4: "):
        read_prior(few)
    copy = shutil.copytree(study, tmp_path / "copy")
    (copy / "trials.jsonl").write_text("{}\n")
    with pytest.raises(ValueError, match="prior='.*copy': .* line 1 is damaged"):
        read_prior(copy)


def test_a_prior_that_grows_meanwhile_is_read_once(study, tmp_path, monkeypatch):
    """What a study keeps is what its algorithm has learnt."""
    earlier = shutil.copytree(study, tmp_path / "earlier")
    lines = (earlier / "trials.jsonl").read_text().splitlines(keepends=True)
    (earlier / "trials.jsonl").write_text("".join(lines[:-1]))
    begin = Study.open

    def late(*given):
        (earlier / "trials.jsonl").write_text("".join(lines))
        return begin(*given)

    monkeypatch.setattr(Study, "open", late)
    settings = {"evaluator": "tabular", "table": TABLE, "algorithm": "bayesian", "random_trials": 0, "prior": earlier}
    run(SearchConfig(tmp_path / "study", trials=2, **settings))
    assert len(run(SearchConfig(tmp_path / "study", trials=3, **settings)).trials) == 3


def test_a_study_with_a_prior(study, tmp_path):
    """It says what the prior was worth, and goes on with what that knew, whatever becomes of the place it came from."""
    earlier = shutil.copytree(study, tmp_path / "earlier")
    settings = {"evaluator": "tabular", "table": TABLE, "algorithm": "bayesian", "random_trials": 2, "prior": earlier}
    found = run(SearchConfig(tmp_path / "study", trials=5, **settings))
    description = json.loads((tmp_path / "study" / "study.json").read_text())["config"]
    assert description["prior"] == str(earlier) and description["prior_crc32"] == read_prior(earlier).digest
    assert found.result["notes"]["What the prior was worth"][0]["Networks it knows"] == len(
        read_prior(earlier).networks
    )
    assert "What the prior was worth" in (tmp_path / "study" / "report.html").read_text()
    more = run(SearchConfig(tmp_path / "study", trials=8, **settings))
    whole = run(SearchConfig(tmp_path / "whole", trials=8, **settings))
    assert [one.genotype for one in more.trials] == [one.genotype for one in whole.trials]
    assert SearchConfig(tmp_path / "study", **{**settings, "prior": None}).prior == str(earlier)
    with pytest.raises(StudyError, match="prior was '.*' and is now 'none'"):
        run(SearchConfig(tmp_path / "study", trials=8, **{**settings, "prior": "none"}))
    lines = (earlier / "trials.jsonl").read_text().splitlines(keepends=True)
    (earlier / "trials.jsonl").write_text("".join(lines[:-1]))
    assert len(run(SearchConfig(tmp_path / "study", trials=9, **settings)).trials) == 9

    # An evaluator of one's own; the prior need not be typed again.
    own = {"trials": 5, "random_trials": 0, "finalists": 0, "num_blocks": 1, "operations": OPERATIONS}
    folder = tmp_path / "own"
    run(SearchConfig(folder, **own, prior=earlier), evaluator=Judge())
    assert len(run(SearchConfig(folder, **{**own, "trials": 6}), evaluator=Judge()).trials) == 6
    assert len(run(SearchConfig(folder, **{**own, "trials": 7}, prior=earlier), evaluator=Judge()).trials) == 7
    assert load_study(folder).config["prior"] == str(earlier)

    kept = tmp_path / "study" / "prior.jsonl"
    with pytest.raises(SearchError, match=r"prior.jsonl is damaged: expected a network and its reward in each line"):
        damaged = kept.read_text().replace('"reward":', '"reward":1e999,"other":')
        kept.write_text(damaged)
        run(SearchConfig(tmp_path / "study", trials=9, **settings))
    assert kept.read_text() == damaged
    kept.unlink()
    with pytest.raises(StudyError, match="prior_crc32 was '.*' and is now '"):
        run(SearchConfig(tmp_path / "study", trials=9, **settings))


def test_children_of_the_space_of_the_table_have_a_prior_by_default(tmp_path):
    def prior(**settings):
        return SearchConfig(tmp_path / "new", **settings).prior

    assert prior() == prior(operations=("conv_3x3", "identity")) == "nasnet_cifar10"
    table = {"evaluator": "tabular", "table": TABLE}
    for others in (table, {"space": "pnas"}, {"evaluator": "zero_cost", "proxy": "parameters"}, {"prior": "none"}):
        assert prior(**others) == "none"
    for others in ({"algorithm": "evolution"}, {"evaluator": "supernet"}, {"space": "nas"}):
        assert prior(**others) is None
    config = SearchConfig(tmp_path / "own")
    assert Own().checked(config).prior == "nasnet_cifar10"
    own = Own(evaluator=TabularEvaluator(SearchConfig("unused", **table)))
    assert own.checked(config).prior == "none"
    asked = SearchConfig(tmp_path / "own", prior="nasnet_cifar10")
    assert own.checked(asked).prior == "nasnet_cifar10", "it was asked for"
    for others in ({"space": "pnas"}, {"evaluator": "zero_cost", "proxy": "parameters"}):
        assert dataclasses.replace(config, **others).prior == "none"
    assert dataclasses.replace(config, algorithm="evolution").prior is None
    with pytest.raises(ValueError, match="prior is for 'bayesian', not for 'evolution'"):
        dataclasses.replace(asked, algorithm="evolution")
    assert dataclasses.replace(config, trials=9, workdir=tmp_path / "other").prior == "nasnet_cifar10"


def test_a_study_that_was_begun_without_a_prior_goes_on_without(tmp_path):
    """Earlier versions had none by default, and recorded nothing."""
    settings = {"evaluator": "tabular", "table": TABLE, "random_trials": 2, "finalists": 0}
    run(SearchConfig(tmp_path, trials=5, **settings))
    path = tmp_path / "study.json"
    study = json.loads(path.read_text())
    assert study["config"]["prior"] == study["sitting"]["prior"] == "none" and not (tmp_path / "prior.jsonl").exists()
    study["config"]["prior"] = study["sitting"]["prior"] = None
    study["config"]["evaluator"] = "child"  # of which there is a prior by default
    path.write_text(json.dumps(study))
    assert SearchConfig(tmp_path).prior == known_settings(tmp_path)["prior"] == "none"
    study["config"]["evaluator"] = "tabular"
    path.write_text(json.dumps(study))
    assert len(run(SearchConfig(tmp_path, trials=7, **settings)).trials) == 7


def test_priors_are_for_algorithms_with_a_surrogate(tmp_path):
    with pytest.raises(ValueError, match="prior is for 'bayesian', not for 'ppo'"):
        SearchConfig(tmp_path, algorithm="ppo", prior="nasnet_cifar10")
    with pytest.raises(ValueError, match="prior='nowhere' is no file, no folder"):
        run(SearchConfig(tmp_path / "a", algorithm="bayesian", prior="nowhere", evaluator="tabular", table=TABLE))
    assert not list(tmp_path.iterdir())


def test_scores_of_no_rewards():
    assert normal_scores([]).shape == (0,)


# --- the measurements


def test_what_multiply_adds_explain_never_falls():
    costs, rewards = np.array([3.0, 1.0, 2.0, 4.0, 2.0]), np.array([5.0, 1.0, 4.0, 4.0, 2.0])
    fitted = references.isotonic(costs, rewards)
    assert fitted.tolist() == [4.5, 1.0, 3.0, 4.5, 3.0], "equal costs explain the same"
    assert references.isotonic(costs, -costs).tolist() == [-2.4] * 5
    assert references.isotonic(costs, costs).tolist() == costs.tolist()


def test_a_ridge_regression_finds_a_linear_figure():
    generator = np.random.default_rng(0)
    rows = generator.normal(size=(80, 6))
    figure = 2 + rows @ [3.0, 0, 0, -1, 0, 0]
    noisy = references.ridge(rows[:40], figure[:40] + 0.1 * generator.normal(size=40))(rows[40:])
    assert np.abs(noisy - figure[40:]).max() < 0.3
    nothing = references.ridge(rows[:40], generator.normal(size=40))(rows[40:])
    assert nothing.std() < 0.3, "the penalty is large where there is nothing to learn"
    assert references.ridge(rows[:5], np.ones(5))(rows[5:7]).tolist() == [1.0, 1.0]


@pytest.mark.parametrize("count", [1, 3, 10])
def test_the_expected_best_of_random_children(count):
    generator = np.random.default_rng(0)
    rewards = generator.normal(size=10)
    drawn = np.mean([generator.permutation(rewards)[:count].max() for _ in range(4000)])
    assert references.expected_best(rewards, count) == pytest.approx(drawn, abs=0.06)


@pytest.mark.slow
def test_the_benchmark_goes_on_where_it_stopped(tmp_path):
    def measured(splits):
        script = Path(references.__file__).with_name("prior.py")
        flags = [f"--splits={splits}", "--children=3", "--methods=ridge,prior", f"--results={tmp_path / 'runs.jsonl'}"]
        done = subprocess.run([sys.executable, script, *flags], check=True, capture_output=True, text=True)
        return done.stdout.splitlines()[:-1], (tmp_path / "runs.jsonl").read_text().splitlines()

    (shown, lines), (again, same) = measured(1), measured(1)
    assert shown == again and lines == same
    assert f"{make('nasnet', table=TABLE).size:,} networks of {TABLE}" in shown[0]
    assert any(line.startswith("| prior | ") for line in shown)
    more = measured(2)[1]
    assert more[: len(lines)] == lines and len(more) > len(lines)
