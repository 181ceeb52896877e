"""The front of costs and rewards and its hypervolume, by their definitions."""

import itertools
import json
import time

import numpy as np
import pytest
from own_classes import Measured, Pairs, Priced

from nasnet_keras.search import SearchConfig, finalists, finals, run
from nasnet_keras.search.loop import SearchError
from nasnet_keras.search.study.errors import StudyError
from nasnet_keras.search.study.folder import load_study
from nasnet_keras.search.study.front import front_record
from nasnet_keras.search.study.pareto import front, front_of, hypervolume, hypervolumes, reference_of, spread_along
from nasnet_keras.search.study.trial import Trial, fingerprint

NAN, INF = float("nan"), float("inf")


def dominates(one, other):
    """Whether a point is at most as costly as another, with at least its reward, and not equal to it."""
    losses = [(*point[:-1], -point[-1]) for point in (one, other)]
    return all(a <= b for a, b in zip(*losses, strict=True)) and losses[0] != losses[1]


def front_by_definition(points):
    """The indices of points that no other one dominates, the first of equal ones."""
    known = [index for index, point in enumerate(points) if np.isfinite(point).all()]
    kept = [index for index in known if not any(dominates(points[other], points[index]) for other in known)]
    return {index for index in kept if not any(points[other] == points[index] for other in kept if other < index)}


def volume_by_cells(points, reference):
    """The share of the cells of a grid of whole numbers that a point dominates, counted."""
    axes = [range(int(reference[k])) for k in range(len(reference) - 1)] + [range(int(reference[-1]), 6)]
    return sum(
        any(all(p <= c for p, c in zip(point, cell[:-1], strict=False)) and point[-1] > cell[-1] for point in points)
        for cell in itertools.product(*axes)
    )


def whole_points(generator, costs, count):
    """Points of few whole numbers, so that many are equal or share a cost."""
    return [tuple(map(float, row)) for row in generator.integers(0, 6, (count, costs + 1))]


@pytest.mark.parametrize("costs", [1, 2, 3])
def test_the_front_has_what_no_other_dominates(costs):
    generator = np.random.default_rng(costs)
    for count in range(40):
        points = whole_points(generator, costs, count)
        found = front(points)
        assert set(found) == front_by_definition(points) and len(set(found)) == len(found)
        assert [points[index][:-1] for index in found] == sorted(points[index][:-1] for index in found)


@pytest.mark.parametrize("costs", [1, 2, 3])
def test_the_hypervolume_is_that_of_counted_cells(costs):
    generator = np.random.default_rng(10 + costs)
    reference = (*(5.0,) * costs, 1.0)
    for count in (0, 1, 2, 3, 5, 8, 13, 30):
        points = whole_points(generator, costs, count)
        assert hypervolume(points, reference) == volume_by_cells(points, reference)


@pytest.mark.parametrize("costs", [1, 2, 3, 4])
def test_the_running_hypervolume_is_that_of_the_first_points(costs):
    generator = np.random.default_rng(20 + costs)
    points = generator.random((60, costs + 1))
    points[::7] = points[3]
    points[5, 0] = NAN
    reference = (*(0.9,) * costs, 0.1)
    running = hypervolumes(points, reference)
    assert np.allclose(running, [hypervolume(points[: n + 1], reference) for n in range(60)])
    assert (np.diff(running) >= 0.0).all() and running[5] == running[4]


@pytest.mark.parametrize("costs", [1, 2, 3])
def test_order_scale_and_dominated_points_change_nothing(costs):
    generator = np.random.default_rng(30 + costs)
    points, reference = generator.random((40, costs + 1)), (*(1.0,) * costs, 0.0)
    volume, order = hypervolume(points, reference), generator.permutation(40)
    assert hypervolume(points[order], reference) == pytest.approx(volume)
    assert hypervolume(points[front(points)], reference) == pytest.approx(volume)
    assert hypervolumes(points[order], reference)[-1] == pytest.approx(volume)
    assert {order[index] for index in front(points[order])} == set(front(points))
    scale = generator.uniform(0.5, 9.0, costs + 1)
    assert hypervolume(points * scale, reference * scale) == pytest.approx(volume * scale.prod())
    assert front(points * scale) == front(points)


def test_what_is_missing_or_infinite_is_on_no_front_and_adds_nothing():
    points = [(NAN, 0.9), (1.0, NAN), (-INF, 0.9), (1.0, INF), (2.0, 0.5), (INF, 0.99)]
    assert front(points) == [4]
    assert hypervolumes(points, (3.0, 0.0)).tolist() == [0.0, 0.0, 0.0, 0.0, 0.5, 0.5]
    assert front([]) == [] and hypervolume([], (1.0, 0.0)) == 0.0 and hypervolumes([], (1.0, 0.0)).tolist() == []
    assert hypervolume([(3.0, 0.5), (1.0, 0.0)], (3.0, 0.0)) == 0.0  # on the border of what counts


@pytest.mark.parametrize(
    ("points", "reference", "message"),
    [
        ([(1.0,)], (1.0, 0.0), "rows of costs and a reward"),
        ([1.0, 2.0], (1.0, 0.0), "rows of costs and a reward"),
        ([(1.0, 0.5)], (1.0, 1.0, 0.0), "must have 2 numbers"),
        ([(1.0, 0.5)], (NAN, 0.0), "must be finite"),
        ([], (INF, 0.0), "must be finite"),
    ],
)
def test_bad_points_and_references(points, reference, message):
    for measure in (hypervolume, hypervolumes):
        with pytest.raises(ValueError, match=message):
            measure(points, reference)


@pytest.mark.parametrize(("costs", "count"), [(1, 20_000), (2, 5_000), (3, 2_000)])
def test_thousands_of_points_take_moments(costs, count):
    points = np.random.default_rng(0).random((count, costs + 1))
    began = time.process_time()
    running, found = hypervolumes(points, (*(1.0,) * costs, 0.0)), front(points)
    assert time.process_time() - began < 5.0
    assert running[-1] == pytest.approx(hypervolume(points[found], (*(1.0,) * costs, 0.0)))


def child(number, reward, **costs):
    return Trial(number, f"|none~{number}|", "crashed" if reward is None else "ok", reward, {}, 1.0, number, costs)


def study_of(path, trials, derived=(), **config):
    path.mkdir()
    plain = {"algorithm": "random", "evaluator": "child", "space": "nasnet", **config}
    (path / "study.json").write_text(json.dumps({"format": "nasnet_keras.study", "version": 1, "config": plain}))
    for name, some in (("trials", trials), ("derived_trials", derived)):
        (path / f"{name}.jsonl").write_text("".join(one.to_line() for one in some))
    return load_study(path)


def test_the_front_of_a_study(tmp_path):
    trials = [
        child(0, 0.5, multiply_adds=10, parameters=3),
        child(1, 0.4, multiply_adds=20, parameters=2),
        child(2, None, multiply_adds=1, parameters=1),
        child(3, 0.9),
        child(4, 0.8, multiply_adds=40, parameters=4),
        child(5, 0.8, multiply_adds=40, parameters=4),
    ]
    study = study_of(tmp_path / "study", trials)
    assert [one.trial for one in study.pareto()] == [0, 4]
    assert [one.trial for one in study.pareto(["parameters"])] == [1, 0, 4]
    assert [one.trial for one in study.pareto(("multiply_adds", "parameters"))] == [0, 1, 4]
    derived = study_of(tmp_path / "derived", trials, [child(0, 0.3, multiply_adds=5)])
    assert [(one.trial, one.reward) for one in derived.pareto()] == [(0, 0.3)]
    assert study_of(tmp_path / "plain", trials[3:4]).pareto() == []
    assert study_of(tmp_path / "empty", []).pareto(("latency_ms",)) == []


@pytest.mark.parametrize(
    ("costs", "message"),
    [(("latency_ms",), "known are multiply_adds"), ((), "names of costs"), (("a", "a"), "each once"), ("a", "got 'a'")],
)
def test_costs_that_no_trial_has_are_one_clear_error(costs, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        study_of(tmp_path / "study", [child(0, 0.5, multiply_adds=1)]).pareto(costs)


@pytest.mark.parametrize("count", [1, 2, 3, 5, 8])
def test_trials_along_the_front_are_spread_evenly_in_the_logarithm(count):
    trials = [child(n, 0.1 * (n % 10) / 10 + n / 1000, latency_ms=1.1**n) for n in range(100)]
    found = spread_along(trials, "latency_ms", count)
    best = front_of(trials, ["latency_ms"])
    costs = [one.costs["latency_ms"] for one in found]
    assert len(found) == count and costs == sorted(costs) and all(one in best for one in found)
    assert found[-1] == best[-1] and (found[0] == best[0] or count == 1)
    if count > 2:
        steps, gaps = np.diff(np.log(costs)), np.diff([np.log(one.costs["latency_ms"]) for one in best])
        assert steps.max() - steps.min() <= 2 * gaps.max()


def test_few_on_the_front_are_all_taken_and_the_limit_is_where_it_ends():
    trials = [child(n, n / 10, latency_ms=float(n)) for n in range(5)]
    assert spread_along(trials, "latency_ms", 9) == trials and spread_along([], "latency_ms", 3) == []
    assert [one.trial for one in spread_along(trials, "latency_ms", 2, most=1000.0)] == [0, 4]
    assert [one.trial for one in spread_along(trials, "latency_ms", 1, most=2.0)] == [2]


def test_the_front_in_the_result_is_read_back(tmp_path):
    trials = [
        child(n, reward, latency_ms=cost) for n, (reward, cost) in enumerate([(0.5, 1.0), (0.4, 2.0), (0.9, 4.0)])
    ]
    study = study_of(tmp_path / "study", trials, limit=["latency_ms=8"])
    scores = [{"origin": "search", "fingerprint": fingerprint(trials[2].genotype), "reward": 0.95}]
    record = front_record(study, scores)["front"]
    assert record["costs"] == ["latency_ms"] and record["random_hypervolume"] is None
    assert record["reference"] == {"costs": {"latency_ms": 8.0}, "reward": 0.0}
    assert record["hypervolume"] == pytest.approx(3 * 0.5 + 4 * 0.9)
    assert [(one["trial"], one["score"]) for one in record["trials"]] == [(0, None), (2, 0.95)]
    result = {"fingerprint": fingerprint(trials[2].genotype), "front": record}
    path = study.path / "result.json"
    path.write_text(json.dumps(result))
    assert load_study(study.path).result == result
    for damage in (
        [],
        {**record, "costs": "latency_ms"},
        {**record, "hypervolume": "much"},
        {**record, "reference": {"costs": [8.0], "reward": 0.0}},
        {**record, "trials": [{**record["trials"][0], "costs": {"latency_ms": None}}]},
        {**record, "trials": [{"trial": 0}]},
        {name: value for name, value in record.items() if name != "reference"},
    ):
        path.write_text(json.dumps({**result, "front": damage}))
        with pytest.raises(StudyError, match="front cannot be"):
            _ = load_study(study.path).result
    assert front_record(study_of(tmp_path / "plain", [child(0, 0.5)]), []) == {}


def test_the_reference_is_of_limits_or_of_the_costliest_and_of_no_reward(tmp_path):
    trials = [child(0, 0.5, a=1.0, b=3.0), child(1, -0.25, a=2.0, b=1.0), child(2, 0.5), child(3, None, a=9.0, b=9.0)]
    assert reference_of(trials, ["a", "b"], {"b": 7.0}) == [2.0, 7.0, -0.25]
    assert reference_of(trials[:1], ["a"], {}) == [1.0, 0.0] and reference_of(trials[2:], ["a"], {}) is None


def test_finalists_along_the_front_are_chosen_and_agree_with_the_result(tmp_path):
    trials = [child(n, n / 100 if n < 49 else None, latency_ms=1.1**n, parameters=5) for n in range(60)]
    limited = study_of(tmp_path / "limited", trials, limit=["latency_ms=100"])
    config = SearchConfig(limited.path, finalists=3, finalists_along="latency_ms")
    assert [one.trial for one in finalists.best_trials(config, limited)] == [0, 24, 48]
    for settings, chosen in (({}, [48, 47, 46]), ({"finalists_along": "parameters"}, [48])):
        other = SearchConfig(limited.path, finalists=3, **settings)
        assert [one.trial for one in finalists.best_trials(other, limited)] == chosen
    entries = [
        {"origin": "search", "fingerprint": fingerprint(trials[n].genotype), "status": "ok", "trial": n, "metrics": {}}
        for n in (0, 24, 48)
    ]
    result = {"fingerprint": fingerprint(limited.best.genotype), "settings": config.final_settings()}
    result["finalists"] = [{**one, "reward": 0.5, "seconds": 1.0} for one in entries]
    (limited.path / "result.json").write_text(json.dumps(result))
    assert finals.is_finished(config, limited)
    assert not finals.is_finished(SearchConfig(limited.path, finalists=3), limited)
    finals.keep_front(limited)
    written = json.loads((limited.path / "result.json").read_text())
    assert written == {**result, **front_record(limited, result["finalists"])} and len(written["front"]["trials"]) == 49
    with pytest.raises(StudyError, match="finalists_along=watts: no child has this cost, but latency_ms, parameters"):
        finals.is_finished(SearchConfig(limited.path, finalists_along="watts"), limited)


def searched(path, evaluator=None, **settings):
    settings = {"trials": 16, "random_trials": 4, "executor": "inline", "algorithm": "random", **settings}
    return run(SearchConfig(path, finalists=3, **settings), evaluator=evaluator or Priced(), space=Pairs())


def test_a_search_along_the_front_ends_and_grows_with_it(tmp_path, monkeypatch):
    study = searched(tmp_path, limit="parameters=60", finalists_along="parameters")
    result = load_study(tmp_path).result
    ours = [one for one in result["finalists"] if one["origin"] == "search"]
    costs = [one["costs"]["parameters"] for one in ours]
    front = [one.costs["parameters"] for one in study.pareto()]
    assert costs == sorted(costs) and set(costs) <= set(front) and len(costs) == min(3, len(front))
    assert costs[0] == front[0] and costs[-1] == front[-1], "the cheapest and the best"
    assert result["winner"] == fingerprint(study.best.genotype) and max(front) <= 60
    assert result["front"] == front_record(study, result["finalists"])["front"]
    assert (tmp_path / "tensorboard" / "front").is_dir()
    made = []
    monkeypatch.setattr(Priced, "finish", lambda *given: made.append(given))
    searched(tmp_path, limit="parameters=60", finalists_along="parameters")
    assert not made and load_study(tmp_path).result == result, "all was done"


def test_the_front_of_a_finished_study_is_kept_up_to_date(tmp_path):
    searched(tmp_path, limit="parameters=60")
    path = tmp_path / "result.json"
    result = json.loads(path.read_text())
    path.write_text(json.dumps({name: value for name, value in result.items() if name != "front"}))  # an older one
    searched(tmp_path, limit="parameters=60", trials=24)
    again = load_study(tmp_path)
    assert again.result["front"] == front_record(again, again.result["finalists"])["front"]


@pytest.mark.parametrize(
    ("evaluator", "cost", "message"),
    [
        (Priced(), "watts", "finalists_along=watts: the evaluator has no such cost, but parameters$"),
        (Measured(), "latency_ms", "finalists_along=latency_ms needs measure=latency_ms, or a limit of it"),
    ],
)
def test_finalists_along_an_unknown_cost_are_refused_before_anything_is_made(evaluator, cost, message, tmp_path):
    with pytest.raises(SearchError, match=message):
        searched(tmp_path / "study", evaluator, finalists_along=cost)
    assert not any(tmp_path.iterdir())
