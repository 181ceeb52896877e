"""Rungs: which children are stopped, what their rewards are, and what becomes of them in a study."""

import dataclasses
import math

import numpy as np
import own_classes
import pytest
from pages import checked, study_of, trial

from nasnet_keras import Block, Cell, Edge, Genotype
from nasnet_keras.search import SearchConfig, run
from nasnet_keras.search.evaluators import child
from nasnet_keras.search.evaluators.child import ChildEvaluator
from nasnet_keras.search.executors.base import Task, perform
from nasnet_keras.search.executors.worker import read_task, task_line
from nasnet_keras.search.judged import Judged
from nasnet_keras.search.loop import SearchError
from nasnet_keras.search.report.terminal import summary
from nasnet_keras.search.rungs import Floor, Rung, StoppedAtRung, accuracy_name, rungs_of
from nasnet_keras.search.study.folder import load_study
from nasnet_keras.search.study.ladder import FEWEST, floors
from nasnet_keras.search.study.trial import EQUAL, Trial, fingerprint
from nasnet_keras.training.recipes import Recipe

SMALL = Genotype(*2 * [Cell([Block(Edge("conv_3x3", "current"), Edge("identity", "previous"))], ["block_0"])])
RECIPE = Recipe(epochs=3, batch_size=64, learning_rate=0.1, flip=False)
GOES_ON, STOPS = Floor(1, 0.0, 0.5, 0.5, 0.0), Floor(1, 1.1, accuracy=0.9, reward=0.8, slope=1.0)


def came(number, accuracy, reward, status="ok", **metrics):
    return Trial(number, f"cell {number}", status, reward, {"train_accuracy_1": accuracy, **metrics}, 1.0, seed=0)


@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 0.999])
def test_a_floor_lets_its_share_go_on(share, generator):
    for count in (FEWEST, 7, 20):
        trials = [came(n, *generator.random(2), status="stopped" if n % 4 == 3 else "ok") for n in range(count)]
        (floor,) = floors([Rung(1, share)], trials)
        better = sum(one.metrics["train_accuracy_1"] >= floor.least for one in trials)
        assert better == math.ceil(share * count)


def test_an_expected_reward_is_on_the_line_of_those_that_ended(generator):
    accuracies = generator.random(12)
    line = [came(n, accuracy, 0.2 + 0.5 * accuracy) for n, accuracy in enumerate(accuracies)]
    lost = [came(20 + n, 0.0, 0.9, status="stopped") for n in range(5)]  # their rewards are no news
    (floor,) = floors([Rung(1, 0.5)], line + lost)
    assert floor.expected(0.1) == pytest.approx(0.25)
    mean = np.mean([one.reward for one in line])
    assert floor.expected(1.0) == pytest.approx(mean), "at most the mean of those that ended"
    (falling,) = floors([Rung(1, 0.5)], [came(n, n / 10, 1 - n / 10) for n in range(8)])
    assert falling.expected(0.0) == pytest.approx(0.65), "a worse start is never worth more"
    (alike,) = floors([Rung(1, 0.5)], [came(n, 0.5, n / 10) for n in range(8)])
    assert alike.expected(0.1) == pytest.approx(0.35)
    assert Floor(1, 0.5, accuracy=0.5, reward=0.1, slope=2.0).expected(0.0) == 0.0


def test_nobody_is_stopped_before_enough_have_come():
    trials = [came(n, 0.5, 0.5) for n in range(FEWEST - 1)]
    failed = [Trial(9, "cell", "crashed", None, {}, 1.0, seed=0), came(10, 0.5, 0.5, **{EQUAL: 0})]
    rung = [Rung(1, 0.5)]
    assert floors(rung, trials) == floors(rung, trials + failed) == ()
    assert floors(rung, [came(n, 0.5, 0.5, status="stopped" if n else "ok") for n in range(20)]) == ()
    assert floors(rung, [*trials, came(8, 0.5, 0.5)]) and not floors([Rung(2, 0.5)], [*trials, came(8, 0.5, 0.5)])


@pytest.mark.parametrize("text", ["1", "0:0.5", "1:0", "1:0.0", "1:1", "1:-0.5", "1:nan", "a:0.5", "1:0.5:2", "", 1])
def test_what_is_no_rung_is_refused(text):
    with pytest.raises(ValueError, match=r"rung"):
        Rung.parse(text)
    with pytest.raises(ValueError, match=r"rungs must be a list of rungs, .* such as 1:0.5"):
        SearchConfig("unused", rungs=[text])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"rungs": ["1:0.5", "1:0.25"]}, "rungs must be of different epochs, got those after 1, 1"),
        ({"rungs": ["3:0.5"]}, "which has 3 epochs, got one after epoch 3"),
        (
            {"objective": "own_objectives:cheap"},
            "is an accuracy, and the objective is own_objectives:cheap",
        ),
        ({"evaluator": "supernet"}, "is for the evaluator 'child', got 'supernet'"),
    ],
)
def test_rungs_that_contradict_a_search_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        SearchConfig("unused", **{"rungs": ["1:0.5"], "recipe": RECIPE, **changes})


def test_rungs_are_in_the_order_of_epochs():
    assert rungs_of(["2:.5", "1:0.25"]) == (Rung(1, 0.25), Rung(2, 0.5))


def test_a_child_below_the_floor_stops_with_the_reward_to_expect():
    config = SearchConfig("unused", filters=4, train_images=256, recipe=RECIPE, rungs=["1:0.5"])
    plain = dataclasses.replace(config, rungs=())
    ended = ChildEvaluator(plain).evaluate(SMALL, 0)

    def outcome(*floors):
        task = Task("search", 0, SMALL, 0, floors=floors)
        assert read_task(task_line(task)) == task
        return perform(ChildEvaluator(config), read_task(task_line(task)))

    free, on, stopped = outcome(), outcome(GOES_ON), outcome(STOPS)
    assert free.status == on.status == "ok" and (free.reward, free.metrics) == (on.reward, on.metrics)
    accuracy = free.metrics.pop("train_accuracy_1")
    assert (free.reward, free.metrics) == ended, "a rung that lets a child go on changes nothing"
    assert stopped.status == "stopped" and stopped.reward == STOPS.expected(accuracy) < 0.8
    assert stopped.metrics["epochs"] == 1 and stopped.metrics["train_accuracy_1"] == accuracy
    assert stopped.metrics["parameters"] == free.metrics["parameters"]
    assert stopped.trial().status == "stopped"
    other = perform(ChildEvaluator(config), dataclasses.replace(read_task(task_line(stopped.task)), group="random"))
    assert other.status == "ok", "random children are never stopped"


class Quick:
    """A trainer whose accuracies follow from the genotype."""

    def __init__(self, genotype, network, dataset, recipe, **settings):
        del network, dataset, settings
        self.step, self.epoch, self.total = 0, 0, recipe.epochs
        generator = np.random.default_rng(int(fingerprint(genotype), 16))
        self.talent, self.luck = generator.random(), generator.random(recipe.epochs)

    def advance(self):
        self.step += 1
        self.epoch += 1
        return True

    def end_epoch(self):
        accuracy = 0.8 * self.talent + 0.2 * float(self.luck[self.epoch - 1])
        return {"loss": 1.0, "accuracy": accuracy}

    def validate(self):
        return {"validation_accuracy": self.talent}


@pytest.fixture
def searched(monkeypatch, tmp_path):
    """A function that searches with quick children."""
    monkeypatch.setattr(child, "Trainer", Quick)
    monkeypatch.setattr(child.keras.backend, "clear_session", lambda: None)  # there are no graphs, and it takes long

    def search(name="study", **changes):
        settings = {"rungs": ["1:0.5", "2:0.5"], "trials": 36, "random_trials": 4, "finalists": 0, "num_blocks": 2}
        settings |= {"executor": "inline", "filters": 4, "recipe": RECIPE, "algorithm": "evolution", **changes}
        return run(SearchConfig(tmp_path / name, **settings))

    return search


def lines(study):
    return [dataclasses.replace(one, seconds=0.0) for one in study.trials]


def test_a_search_stops_children_and_never_takes_one_for_the_best(searched):
    study = searched()
    stopped = [one for one in study.trials if one.status == "stopped"]
    assert {one.metrics["epochs"] for one in stopped} == {1, 2} and 8 < len(stopped) < 30
    assert all(one.status == "ok" for one in study.trials[:FEWEST]) and study.best.status == "ok"
    assert all(one.status == "ok" and accuracy_name(2) in one.metrics for one in study.random_trials)
    ended = [one for one in study.trials if one.status == "ok"]
    assert study.best.reward == max(one.reward for one in ended)
    assert max(one.reward for one in stopped) < study.best.reward
    early = [one for one in stopped if one.metrics["epochs"] == 1]
    assert all(accuracy_name(2) not in one.metrics and "validation_accuracy" not in one.metrics for one in early)
    for number, one in enumerate(study.trials):  # what the search knew when it proposed the child
        known = study.trials[: max(0, number - 3)]
        below = [f for f in floors(rungs_of(["1:0.5", "2:0.5"]), known) if _is_below(one, f)]
        if EQUAL not in one.metrics:
            assert bool(below) == (one.status == "stopped")
            assert not below or one.reward == below[0].expected(one.metrics[accuracy_name(below[0].epoch)])
    assert all(one.status == "ok" for one in study.pareto())
    assert lines(load_study(study.path)) == lines(study)


def _is_below(one, floor):
    accuracy = one.metrics.get(accuracy_name(floor.epoch))
    return accuracy is not None and accuracy < floor.least


def test_a_search_in_several_sittings_is_the_same(searched):
    whole = searched()
    for trials in (7, 23, 36):
        study = searched("parts", trials=trials)
    assert lines(study) == lines(whole)


def test_an_equal_network_has_the_result_of_one_that_was_stopped():
    first = came(3, 0.1, 0.2, status="stopped")
    judged = Judged(str, [first])
    assert judged.known(4, "cell 3").reward == 0.2 and judged.known(4, "cell 3").status == "stopped"
    fresh = Judged(str)
    assert fresh.claim(3, "cell 3") and not fresh.claim(5, "cell 3")
    (shared,), again = fresh.end(first)
    assert (shared.trial, shared.status, shared.metrics[EQUAL], again) == (5, "stopped", 3, [])


def test_pages_and_the_terminal_tell_of_stopped_children(searched, tmp_path):
    study = searched()
    stopped = [one for one in study.trials if one.status == "stopped"]
    assert f"; {len(stopped)} children were stopped early" in summary(study)
    page = checked(study)
    told = f"{len(stopped)} of the search were stopped early, and count with the reward that their accuracy let expect"
    assert told in page.words
    assert "stopped early ( rungs=1:0.5,2:0.5 )" in page.words
    assert "Stopped early" in page.words and "stopped early, at the reward to expect" in page.words
    assert f"stopped, expected reward {stopped[0].reward:.4f}" in repr(stopped[0])
    frame = study.to_dataframe()
    assert (frame["state"] == "stopped").sum() == len(stopped)
    plain = checked(study_of(tmp_path / "plain", [trial(n, n / 10) for n in range(8)]))
    assert "topped early" not in plain.words


def test_an_evaluator_of_ones_own_has_no_rungs(tmp_path):
    with pytest.raises(
        SearchError, match=r"rungs=\('1:0.5',\) says nothing of the evaluator that is given as an object"
    ):
        run(SearchConfig(tmp_path / "study", rungs=["1:0.5"], trials=2), evaluator=own_classes.Judge())


def test_an_evaluator_that_stops_without_a_reward_costs_its_child_alone():
    class Odd(own_classes.Judge):
        def evaluate(self, genotype, seed):
            raise StoppedAtRung(math.nan, {})

    outcome = perform(Odd(), Task("search", 0, SMALL, 0))
    assert outcome.status == "diverged" and "the reward is nan" in outcome.metrics["error"]
