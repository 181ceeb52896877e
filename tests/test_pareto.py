"""The front of costs and rewards and its hypervolume, by their definitions."""

import itertools
import json
import time

import numpy as np
import pytest

from nasnet_keras.search.study.folder import load_study
from nasnet_keras.search.study.pareto import front, hypervolume, hypervolumes
from nasnet_keras.search.study.trial import Trial

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
