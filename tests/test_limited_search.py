"""Searches under limits: their spaces, the loop, and the results within the limits."""

import itertools
import shutil
from collections import Counter

import numpy as np
import pytest
from helpers import mostly_fuzz
from own_classes import Climbing, Judge, Measured, Pairs, Priced

from nasnet_keras import Genotype
from nasnet_keras.networks.cost import genotype_cost
from nasnet_keras.search import (
    Decision,
    SearchConfig,
    algorithms,
    display,
    load_study,
    loop,
    pipeline,
    run,
    spaces,
    supernet,
)
from nasnet_keras.search.controllers.enas import controller_for
from nasnet_keras.search.costing import Costing
from nasnet_keras.search.costs.limits import Objective
from nasnet_keras.search.loop import SearchError
from nasnet_keras.search.spaces.enas_macro import MacroSpace
from nasnet_keras.search.spaces.limited import LimitedSpace
from nasnet_keras.search.spaces.partial import PartialSpace
from nasnet_keras.search.study import StudyError
from nasnet_keras.search.testing import check_algorithm, check_evaluator, check_space
from nasnet_keras.search.testing.contract import ContractError

PAIRS = Pairs()
SEARCH = {"trials": 12, "random_trials": 4, "executor": "inline"}
SOFT = {"objective": "soft", "exchange": "mnasnet"}
EVOLUTION = {"algorithm": "evolution", "population_size": 4}


def cost(genotype):
    return genotype_cost(genotype, (16, 16, 3), filters=4, num_repeats=1, classes=10).multiply_adds


def excess_over(most):
    return lambda genotype: max(0.0, cost(genotype) - most)


CELLS = spaces.make("enas_micro", num_blocks=2)
TENTH = sorted(cost(CELLS.decode(CELLS.sample(np.random.default_rng(i)))) for i in range(200))[20]
CHEAP_CELLS = LimitedSpace(CELLS, excess_over(TENTH))


def facts(trials):
    return [(one.trial, one.genotype, one.status, one.reward, one.seed, one.costs) for one in trials]


def searched(path, evaluator, own=None, **settings):
    settings = {**SEARCH, **({} if own else EVOLUTION), **settings}
    return run(SearchConfig(path, **settings), algorithm=own, evaluator=evaluator, space=PAIRS)


# --- spaces


def test_draws_are_uniform_within_the_limit():
    space = LimitedSpace(PAIRS, lambda genotype: max(0.0, Priced().costs(genotype)["parameters"] - 21))
    drawn = Counter(space.sample(generator) for generator in [np.random.default_rng(0)] for _ in range(3000))
    assert set(drawn) == {(0, 0), (0, 1), (1, 0), (1, 1), (0, 2), (2, 0)}
    assert all(count == pytest.approx(500, abs=80) for count in drawn.values())


def test_a_limited_space_keeps_the_contract_of_spaces_and_has_the_class_of_its_space():
    check_space(CHEAP_CELLS, samples=20)
    assert isinstance(CHEAP_CELLS, type(CELLS)) and not isinstance(CHEAP_CELLS, MacroSpace)
    generator = np.random.default_rng(0)
    for _ in range(20):
        drawn = CHEAP_CELLS.sample(generator)
        assert cost(CELLS.decode(drawn)) <= TENTH and CHEAP_CELLS.fits(CHEAP_CELLS.mutate(drawn, generator))


def test_a_rare_genotype_is_walked_to():
    least = cost(CELLS.decode(LimitedSpace(CELLS, cost).sample(np.random.default_rng(0))))
    space = LimitedSpace(CELLS, excess_over(least))
    assert sum(map(space.fits, (CELLS.sample(np.random.default_rng(i)) for i in range(200)))) == 0
    assert all(space.fits(space.sample(np.random.default_rng(i))) for i in range(3))


def test_in_a_small_space_the_one_vector_within_the_limit_is_found():
    """Of 64 vectors, of which no mutation of another leads to it by steps that are less over."""
    best = (2, 1, 3)

    class Lock(Pairs):
        decisions = tuple(Decision(name, ("a", "b", "c", "d")) for name in "xyz")

        def decode(self, choices):
            return tuple(choices)

    several = LimitedSpace(Lock(), lambda choices: float(choices not in (best, (0, 0, 0))))
    lock = LimitedSpace(Lock(), lambda choices: float(choices != best))
    for seed in range(5):
        generator = np.random.default_rng(seed)
        assert lock.sample(generator) == best and several.mutate(best, generator) == (0, 0, 0)
    assert lock.within == (best,)
    assert LimitedSpace(Lock(), lambda choices: 1.0).within == CHEAP_CELLS.within == ()


def test_a_space_that_grows_is_limited_in_all_its_parts():
    space = spaces.make("nas", num_layers=8, deepen_every=5)
    limited = LimitedSpace(space, lambda genotype: max(0, sum(one.filters for one in genotype.layers) - 30 * 8))
    assert len(limited.at(0).decisions) == len(space.at(0).decisions) < len(space.decisions)
    part = limited.at(0)
    assert part.fits(part.sample(np.random.default_rng(0)))


def test_what_is_made_for_a_class_of_spaces_takes_a_limited_one():
    supernet.check(CHEAP_CELLS)
    assert type(controller_for(CHEAP_CELLS, 0)) is type(controller_for(CELLS, 0))


@pytest.mark.parametrize("name", mostly_fuzz(["evolution", "random", "enas"], ["evolution", "random"]))
def test_every_algorithm_keeps_its_contract_in_a_limited_space(name):
    made = []

    def separable(genotype):
        return sum(edge.operation[:3] == "sep" for one in genotype.normal.blocks for edge in one.edges) - 1

    def make(space, seed):
        made.append(algorithms.make(name, space, seed, population_size=5))
        return made[-1]

    limited = LimitedSpace(CELLS, separable)
    check_algorithm(make, limited, trials=15)
    assert all(limited.fits(made[0].ask(trial)) for trial in range(60, 70))


class Listed(PartialSpace, Pairs):
    """A space that lists its genotypes."""

    known = tuple(itertools.product(range(3), repeat=2))


# --- costs of an evaluator


def test_the_checks_of_evaluators_check_costs():
    check_evaluator(Priced, PAIRS)
    check_evaluator(Measured, PAIRS)
    for costs, message in [
        (lambda self, genotype: {"parameters": np.random.random()}, "costs depend on the genotype only"),
        (lambda self, genotype: {"parameters": -1}, "costs must give finite numbers from 0 by name"),
        (lambda self, genotype: None, "costs must give finite numbers from 0 by name"),
    ]:
        with pytest.raises(ContractError, match=message):
            check_evaluator(type("Wrong", (Judge,), {"costs": costs}), PAIRS)


def test_what_is_known_at_once_measured_and_known_afterwards():
    limits = ["parameters=30", "latency_ms=2"]
    costing = Costing(Objective.of(limits), Measured(), PAIRS, ["parameters"])
    assert costing.measured == ("latency_ms",) and isinstance(costing.limited, LimitedSpace)
    assert Costing(Objective.of(limits[:1]), Measured(), PAIRS).measured == ()
    assert Costing(Objective(), Judge(), PAIRS).limited is PAIRS
    assert Costing(Objective.of(limits[1:]), Measured(), PAIRS).compared == "parameters", "although another is limited"
    assert Costing(Objective(), Judge(), PAIRS).compared is None
    soft = Costing(Objective.of(limits[:1], "soft", ["mnasnet"]), Priced(), PAIRS)
    assert soft.searched is PAIRS and soft.limited is not PAIRS


@pytest.mark.parametrize(
    ("evaluator", "settings", "message"),
    [
        (Priced(), {"limit": "speed=3"}, "limit=speed: the evaluator has no such cost, but parameters$"),
        (Measured(), {"limit": "speed=3"}, "no such cost, but parameters, latency_ms$"),
        (Priced(), {"measure": ["latency_ms"]}, "measure=latency_ms: the evaluator has no such cost, but parameters$"),
        (Judge(), {"measure": ["latency_ms"]}, "measure=latency_ms: the evaluator has no such cost, but none$"),
        (
            Priced(),
            {"limit": "parameters=0.5"},
            r"no genotype of the space is within parameters=0.5: the nearest that was found has {'parameters': 1",
        ),
    ],
)
def test_impossible_limits_are_refused_before_anything_is_made(evaluator, settings, message, tmp_path):
    with pytest.raises(SearchError, match=message):
        searched(tmp_path / "study", evaluator, **settings)
    assert not any(tmp_path.iterdir())


# --- the loop


@pytest.mark.parametrize(
    "name", mostly_fuzz(["random", "evolution", "reinforce", "ppo"], ["random", "evolution", "ppo"])
)
def test_a_limit_of_known_costs_takes_no_trial(name, tmp_path):
    settings = {"algorithm": name, "population_size": 4 if name == "evolution" else None}
    study = searched(tmp_path, Priced(), limit="parameters=25", **settings)
    assert [one.status for one in study.trials] == ["ok"] * 12
    assert all(one.costs["parameters"] <= 25 for one in (*study.trials, *study.random_trials))
    assert study.best.costs == {"parameters": 21} and study.best.reward == 2.0
    assert {one["costs"]["parameters"] <= 25 for one in study.result["finalists"]} == {True}


@pytest.mark.parametrize("algorithm", [Climbing, Climbing(PAIRS, 0)])
def test_own_algorithms_search_within_the_limit(algorithm, tmp_path):
    study = searched(tmp_path, Priced(), algorithm, limit="parameters=25")
    assert [one.status for one in study.trials] == ["ok"] * 12 and study.best.reward == 2.0


class Stubborn(Climbing):
    """Proposes the largest network, whatever it is told."""

    def ask(self, trial):
        return (2, 2) if trial % 2 else (0, 0)

    def tell(self, choices, reward):
        assert reward == (0.0 if choices == (0, 0) else pytest.approx(-(np.log2(41 / 25)) / (1 + np.log2(41 / 25))))


def test_what_is_proposed_over_the_limit_is_a_trial_that_nobody_trains(tmp_path):
    evaluator = Priced()
    study = searched(tmp_path, evaluator, Stubborn, limit="parameters=25", random_trials=0)
    assert [one.status for one in study.trials] == ["ok", "over_limit"] * 6
    lost = study.trials[1]
    assert (lost.reward, lost.metrics, lost.seconds, lost.costs) == (None, {}, 0.0, {"parameters": 41})
    assert facts(load_study(tmp_path).trials) == facts(study.trials)


def test_the_soft_form_trains_what_is_over_the_limit_and_ends_within(tmp_path):
    settings = {"objective": "soft", "exchange": "parameters=0.02"}
    study = searched(tmp_path, Priced(), limit="parameters=15", **settings)
    assert max(one.reward for one in study.trials) > 1.0 and study.best.reward == 1.0
    assert all(one.costs["parameters"] <= 15 for one in study.random_trials)
    assert Genotype.from_json((tmp_path / "best_genotype.json").read_text()) == study.best.genotype
    assert {one["costs"]["parameters"] <= 15 for one in study.result["finalists"]} == {True}
    assert load_study(tmp_path).best == study.best


class Largest(Climbing):
    """Proposes the largest network only."""

    def ask(self, trial):
        return (2, 2)


@pytest.mark.parametrize("settings", [{"limit": "parameters=15"}, {"limit": "latency_ms=1.5"}])
def test_the_soft_form_has_a_result_within_the_limit_whatever_is_proposed(settings, tmp_path):
    study = searched(tmp_path, Measured(), Largest, **settings, **SOFT)
    assert [one.costs["parameters"] > 15 for one in study.trials] == [False] + [True] * 11
    assert study.best.trial == 0
    assert facts(searched(tmp_path, Measured(), Largest, **settings, **SOFT).trials) == facts(study.trials)


def test_an_algorithm_that_needs_several_genotypes_says_which_limit_leaves_one(tmp_path):
    words = "evolution needs a space of more than one genotype, and parameters=1 leaves one of 9"
    with pytest.raises(SearchError, match=words):
        run(SearchConfig(tmp_path, limit="parameters=1", **SEARCH, **EVOLUTION), evaluator=Priced(), space=Listed())


def test_costs_that_are_known_afterwards_are_limited_too(tmp_path):
    study = searched(tmp_path, Judge(), Climbing, limit="sum=2")
    assert {one.status for one in study.trials} == {"ok", "over_limit"}
    assert all(one.metrics["sum"] == one.costs["sum"] for one in study.trials)
    assert study.best.reward == 2.0 and all((one.costs["sum"] > 2) == (one.reward is None) for one in study.trials)


def test_a_cost_that_nothing_gives_ends_the_search_at_the_first_child(tmp_path):
    with pytest.raises(StudyError, match="Judge gives no cost joules: neither its costs and measures nor"):
        searched(tmp_path, Judge(), limit="joules=3")
    assert not load_study(tmp_path).trials


def test_rewards_below_zero_are_refused_under_a_limit(tmp_path):
    with pytest.raises(StudyError, match=r"under a limit rewards must be 0 or more, got -\d"):
        searched(tmp_path, Priced(scale=-1.0), limit="parameters=25")


def test_random_finalists_have_about_the_costs_of_those_of_the_search(tmp_path):
    study = searched(tmp_path, Priced(), limit="parameters=45", finalists=3, trials=30)
    ours, beside = (
        [one for one in study.result["finalists"] if one["origin"] == name] for name in ("search", "random")
    )
    names = [one["fingerprint"] for one in (*ours, *beside)]
    assert len(set(names)) == 6, "none is compared with itself"
    drawn = {one.genotype for one in study.random_trials} - {one.genotype for one in study.trials}
    assert [one["costs"]["parameters"] for one in ours] == [41, 31, 31] and len(drawn) <= 4
    assert sorted(one["costs"]["parameters"] for one in beside) == [21, 21, 21], "the largest of the others"


# --- the measuring stage


def test_children_are_measured_before_they_are_trained(tmp_path):
    evaluator = Measured()
    study = searched(tmp_path, evaluator, Climbing, limit="latency_ms=2", window=3)
    assert {one.status for one in study.trials} == {"ok", "over_limit"}
    assert all((one.costs["latency_ms"] > 2) == (one.status == "over_limit") for one in study.trials)
    measured = [number for number, (what, _) in enumerate(evaluator.calls) if what == "measure"]
    trained = {Measured.latency(genotype) for what, genotype in evaluator.calls[: measured[-1]] if what == "evaluate"}
    networks = [len({one.genotype for one in group}) for group in (study.trials, study.random_trials)]
    assert len(measured) == sum(networks) + 1 and trained == {0.1, 1.1}, "each once, and one random finalist"
    assert [what for what, _ in evaluator.calls[:3]] == ["measure"] * 3, "as many as may be proposed"
    assert study.best.reward == 1.0


def test_further_costs_are_measured_when_asked(tmp_path):
    study = searched(tmp_path, Measured(), measure=["latency_ms"])
    assert [one.status for one in study.trials] == ["ok"] * 12
    assert all(set(one.costs) == {"parameters", "latency_ms"} for one in (*study.trials, *study.random_trials))


def test_a_measurement_that_fails_is_a_trial_with_its_reason(tmp_path):
    study = searched(tmp_path, Measured(broken=(2, 2)), own=Climbing, limit="latency_ms=3.5", trials=30)
    failed = [one for one in study.trials if one.status == "crashed"]
    assert failed and {one.metrics["error"] for one in failed} == {"OSError: no device"}
    assert all("parameters" in one.costs for one in failed)


@pytest.fixture
def pauses(monkeypatch):
    found = []
    monkeypatch.setattr(pipeline.time, "sleep", found.append)
    return found


class BusyAt(Measured):
    """Measures on a machine that is always busy at some seeds."""

    def __init__(self, seeds):
        super().__init__()
        self.seeds = seeds

    def measure(self, genotype, seed):
        self.busy = 1 if seed in self.seeds else 0
        return super().measure(genotype, seed if seed not in self.seeds else 0)


def test_a_machine_that_is_too_busy_is_asked_again(pauses, tmp_path, caplog):
    settings = {"limit": "latency_ms=5", "trials": 2, "random_trials": 0}
    study = searched(tmp_path / "short", Measured(busy=2), Climbing, **settings)
    assert [one.status for one in study.trials] == ["ok", "ok"] and sum(pauses) == 2 + 4
    assert caplog.text.count("MachineBusy: another job runs; attempt") == 2
    pauses.clear()
    study = searched(tmp_path / "later", BusyAt([1]), Climbing, **settings)
    assert [one.status for one in study.trials] == ["ok", "crashed"] and sum(pauses) == 2 + 4 + 8 + 16
    assert study.trials[1].metrics["error"] == "MachineBusy: another job runs"


def test_a_machine_that_is_busy_from_the_start_spends_no_trial(pauses, tmp_path):
    settings = {"limit": "latency_ms=5", "trials": 6, "random_trials": 0}
    with pytest.raises(StudyError, match="no child can be measured, and none was recorded: MachineBusy: another job"):
        searched(tmp_path, Measured(busy=99), Climbing, **settings)
    assert sum(pauses) == 2 + 4 + 8 + 16 and not load_study(tmp_path).trials
    assert [one.status for one in searched(tmp_path, Measured(), Climbing, **settings).trials] == ["ok"] * 6


def test_the_display_says_what_is_measured(pauses, tmp_path, monkeypatch):
    shown = []
    monkeypatch.setattr(display, "_BEAT_SECONDS", 0.0)
    monkeypatch.setattr(loop.Progress, "beat", lambda self, **figures: shown.append(figures.get("stage")))
    settings = {"limit": "latency_ms=5", "trials": 4, "window": 4, "random_trials": 0}
    searched(tmp_path, BusyAt([3]), Climbing, **settings, seed=2)  # the four proposals differ
    measuring = [stage for stage in dict.fromkeys(shown) if stage]
    assert measuring == ["measuring 2 of 4"] and shown.count("measuring 2 of 4") == len(pauses) == 30
    assert shown[-1] is None, "training"


class Phone(Judge):
    """Predicts the latency of a phone, and measures more than is asked."""

    measures = ("latency_ms", "peak_memory_mib")

    def costs(self, genotype):
        return {"parameters": 7, "latency_ms": 4.0}

    def measure(self, genotype, seed):
        return {"latency_ms": 30.0, "peak_memory_mib": 9.0}


def test_what_is_known_at_once_is_not_measured_beside(tmp_path):
    study = searched(tmp_path, Phone(), Climbing, limit=["latency_ms=5", "peak_memory_mib=10"], trials=3)
    known = {"parameters": 7, "latency_ms": 4.0, "peak_memory_mib": 9.0}
    assert [one.costs for one in (*study.trials, *study.random_trials)] == [known] * 7


def test_a_measured_limit_that_not_even_the_smallest_keeps_ends_the_search(tmp_path):
    with pytest.raises(StudyError, match=r"none of 16 children is within latency_ms=0.01, and neither is the smallest"):
        searched(tmp_path, Measured(), limit="latency_ms=0.01", trials=100)
    assert len(load_study(tmp_path).trials) == 16


class Loose(Measured):
    """Its device is not there at the third child."""

    def measure(self, genotype, seed):
        if seed == 2:
            raise OSError("no device")
        return super().measure(genotype, seed)


@pytest.mark.parametrize(
    ("evaluator", "settings", "words"),
    [
        (Loose(), {}, r"within latency_ms=0.01 \(15 are over, and 1 failed\), and neither is the smallest network"),
        (
            Measured(),
            SOFT,
            "within latency_ms=0.01, and neither is the smallest network, which has {'latency_ms': 0.1}",
        ),
    ],
)
def test_neither_a_failure_nor_the_soft_form_hides_an_impossible_limit(evaluator, settings, words, tmp_path):
    with pytest.raises(StudyError, match=words):
        searched(tmp_path, evaluator, Climbing, limit="latency_ms=0.01", trials=40, **settings)
    assert len(load_study(tmp_path).trials) == 16


def test_a_device_that_measures_no_child_ends_the_search(tmp_path):
    class Gone(Measured):
        def measure(self, genotype, seed):
            raise OSError("no device")

    with pytest.raises(
        StudyError, match=r"\(0 are over, and 16 failed\), and the smallest network cannot be measured: OS"
    ):
        searched(tmp_path, Gone(), Climbing, limit="latency_ms=5", trials=40)


@pytest.mark.parametrize("settings", [{"limit": "parameters=25"}, {"limit": "latency_ms=2", "window": 3}])
def test_a_search_that_was_killed_goes_on_with_the_same_trials(settings, tmp_path):
    whole = searched(tmp_path / "whole", Measured(), **settings)
    lines = (tmp_path / "whole" / "trials.jsonl").read_text().splitlines(keepends=True)
    for kept in (3, 8):
        path = tmp_path / str(kept)
        shutil.copytree(tmp_path / "whole", path)
        (path / "result.json").unlink()
        (path / "trials.jsonl").write_text("".join(lines[:kept]) + lines[kept][:40])
        assert facts(searched(path, Measured(), **settings).trials) == facts(whole.trials)


def test_everything_in_the_study_says_the_same_limit(tmp_path):
    searched(tmp_path, Priced(), limit="parameters=25")
    with pytest.raises(StudyError, match="limit"):
        searched(tmp_path, Priced(), limit="parameters=30")
    assert load_study(tmp_path).config["limit"] == ["parameters=25"]


def test_the_same_limits_in_other_words_are_the_same_search(tmp_path):
    soft = {"objective": "soft", "random_trials": 0}
    limits, rates = ["parameters=41", "latency_ms=3.5"], ["parameters=0.02", "latency_ms=0.050"]
    before = searched(tmp_path, Measured(), limit=limits, exchange=rates, **soft)
    again = {"limit": ["latency_ms=3.50", "parameters=4.1e1"], "exchange": ["latency_ms=0.05", "parameters=0.020"]}
    after = searched(tmp_path, Measured(), **again, **soft)
    assert facts(after.trials) == facts(before.trials) and after.best == before.best
    with pytest.raises(StudyError, match="exchange was"):
        searched(tmp_path, Measured(), **{**again, "exchange": ["latency_ms=0.06", "parameters=0.02"]}, **soft)
