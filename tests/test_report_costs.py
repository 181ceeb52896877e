"""The page of a study whose children have costs: the front, limits, and comparisons at equal cost."""

import dataclasses
import itertools
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from pages import checked, curves, finalist, study_of, trial

from nasnet_keras.search.report.front_events import write_front
from nasnet_keras.search.report.matching import RATIO, cost_classes, equal_cost, nearest_pairs
from nasnet_keras.search.report.page import report
from nasnet_keras.search.report.statistics import mean_ranks, rank_sum
from nasnet_keras.search.report.tensorboard import SearchLog
from nasnet_keras.search.report.terminal import summary
from nasnet_keras.search.spaces.nasnet import CellSpace
from nasnet_keras.search.study.folder import load_study
from nasnet_keras.search.study.pareto import hypervolumes
from nasnet_keras.search.study.trial import Trial, fingerprint

SVG = "{http://www.w3.org/2000/svg}"


def children(count, generator, gain=0.0, span=1.0, most=None, kind="latency_ms"):
    """Children whose reward grows with their cost, and by `gain`; those over `most` are not trained."""
    found = []
    for number in range(count):
        cost = float(2.0 * np.exp(generator.normal(0.0, span)))
        reward = 0.5 + 0.1 * np.log2(1.0 + cost) + gain + float(generator.normal(0.0, 0.01))
        over = most is not None and cost > most
        costs = {kind: cost, "parameters": int(1e5 * cost)}
        status = "over_limit" if over else "ok"
        found.append(trial(number, min(0.99, reward), generator, CellSpace(num_blocks=2), status, costs))
    return found


def chart(page_text, name):
    """The drawing of a name."""
    found = re.search(rf'<svg[^>]*aria-labelledby="{name}_title.*?</svg>', page_text, re.DOTALL)
    return ElementTree.fromstring(found.group(0)) if found else None


def marks(drawing, tag, style):
    return [one for one in drawing.iter(f"{SVG}{tag}") if (one.get("class") or "").split()[:1] == [style]]


def test_classes_hold_costs_up_to_the_ratio_and_pairs_are_of_one_class():
    generator = np.random.default_rng(0)
    costs = np.exp(generator.normal(0.0, 1.0, 300))
    classes = cost_classes(costs)
    for one in np.unique(classes):
        mine = costs[classes == one]
        assert mine.max() <= RATIO * mine.min() * (1 + 1e-9)
    order = np.argsort(costs)
    assert (np.diff(classes[order]) >= 0).all() and set(classes) == set(range(classes.max() + 1))
    assert cost_classes([0.0, 0.0, 1e-9]).tolist() == [0, 0, 1] and len(cost_classes([])) == 0


def test_the_share_at_equal_cost_counts_pairs_of_a_class():
    generator = np.random.default_rng(1)
    first, second = (list(zip(*generator.integers(1, 9, (2, count)).astype(float), strict=True)) for count in (40, 25))
    classes = cost_classes([cost for cost, _ in first + second])
    pairs = [
        (one[1], other[1])
        for (i, one), (j, other) in itertools.product(enumerate(first), enumerate(second, len(first)))
        if classes[i] == classes[j]
    ]
    found = equal_cost(first, second)
    wins = sum(ours > theirs for ours, theirs in pairs) + sum(ours == theirs for ours, theirs in pairs) / 2
    assert found.pairs == len(pairs) and found.share == pytest.approx(wins / len(pairs))
    assert equal_cost(second, first).share == pytest.approx(1 - found.share)
    assert equal_cost(first, second) == found, "the same at every call"


def test_one_class_gives_the_p_value_of_the_rank_sum_test():
    generator = np.random.default_rng(2)
    for shift in (0.0, 0.4, 0.8):
        ours, theirs = generator.normal(shift, 1.0, 40), generator.normal(0.0, 1.0, 30)
        found = equal_cost([(1.0, value) for value in ours], [(1.0, value) for value in theirs])
        share, p_value = rank_sum(ours, theirs)
        assert found.share == pytest.approx(share) and found.p_value == pytest.approx(p_value, abs=0.03)


def test_chance_is_as_rare_as_it_says():
    """Children of equal kinds, of which one is larger: without classes of cost they would seem better."""
    generator, surprising = np.random.default_rng(3), 0
    for _ in range(100):
        small, large = np.exp(generator.normal(0.0, 0.5, 30)), np.exp(generator.normal(0.3, 0.5, 30))
        points = [[(cost, cost + generator.normal(0.0, 0.2)) for cost in costs] for costs in (large, small)]
        surprising += equal_cost(*points).p_value < 0.05
    assert 0 <= surprising <= 12


def test_too_few_pairs_say_nothing():
    assert equal_cost([], []).p_value is None and equal_cost([(1.0, 0.5)], [(9.0, 0.4)]).share is None
    few = equal_cost([(1.0, 0.9), (1.0, 0.8)], [(1.0, 0.1), (1.0, 0.2)])  # 6 ways to give the kinds
    assert (few.share, few.p_value) == (1.0, None)
    assert equal_cost([(1.0, 0.5)] * 20, [(1.0, 0.5)] * 20).p_value == 1.0
    assert mean_ranks([]).tolist() == []


def test_each_finalist_has_the_random_one_of_the_nearest_cost():
    assert nearest_pairs([1.0, 10.0, 100.0], [90.0, 11.0, 1.1]) == [(0, 2), (1, 1), (2, 0)]
    assert nearest_pairs([1.0, 2.0], [2.1]) == [(1, 0)] and nearest_pairs([], [1.0]) == []


@pytest.mark.parametrize("count", [2, 60])
def test_the_front_is_drawn_and_tabulated(count, tmp_path):
    generator = np.random.default_rng(count)
    study = study_of(tmp_path, children(count, generator, kind="multiply_adds"), children(8, generator), planned=count)
    page = checked(study)
    found = study.pareto()
    drawing = chart(report(study), "front_multiply_adds")
    assert len(marks(drawing, "circle", "front")) == len(found)
    assert len(marks(drawing, "circle", "dot")) == count and not marks(drawing, "rect", "beyond")
    assert "Accuracy against cost" in page.words and "Hypervolume" in page.words
    for one in found:
        assert fingerprint(one.genotype) in page.words and f"{one.costs['multiply_adds']:,.0f}" in page.words


def test_costs_over_decades_have_an_axis_of_equal_factors(tmp_path):
    for span, shown in ((0.05, False), (2.0, True)):
        study = study_of(tmp_path / str(span), children(80, np.random.default_rng(0), span=span, kind="multiply_adds"))
        drawing = chart(report(study), "front_multiply_adds")
        costs = sorted(one.costs["multiply_adds"] for one in study.trials)
        places = sorted(float(dot.get("cx")) for dot in marks(drawing, "circle", "dot"))
        logs = np.corrcoef(np.log(costs), places)[0, 1]
        assert (logs > 0.99999) == shown and (np.corrcoef(costs, places)[0, 1] > 0.99999) != shown


def test_children_over_a_limit_have_not_failed(tmp_path):
    generator = np.random.default_rng(0)
    trials, drawn = (children(count, generator, most=3.0) for count in (40, 20))
    trials[7] = dataclasses.replace(trials[7], status="crashed", reward=None, metrics={"error": "no room"}, costs={})
    over = sum(one.status == "over_limit" for one in trials)
    study = study_of(tmp_path, trials, drawn, planned=40, limit=["latency_ms=3"])
    page, text = checked(study), report(study)
    assert 5 < over < 35 and f"Over the limit {over}" in page.words and "Failed 1 2.5 %" in page.words
    assert f"1 of 40 trials (2.5 %) failed; the search went on. {over} more were over a limit" in page.words
    assert f"{sum(one.status == 'over_limit' for one in drawn)} more are over the limit and are left out" in page.words
    assert text.count("over limit</span>") == over and text.count('<span class="status">crashed</span>') == 2
    drawing = chart(text, "front_latency_ms")
    assert len(marks(drawing, "path", "cross")) == over and len(marks(drawing, "path", "rule")) == 1
    assert len(marks(chart(text, "reward_chart"), "path", "cross")) == over + 1
    assert "Limit 3 ms" in page.words and "at most 3 ms" in page.words
    random_over = sum(one.status == "over_limit" for one in drawn)
    assert f"{over} of the 40 children are over the limit, and {random_over} of the 20 random ones." in page.words


def test_what_is_over_the_limit_is_never_the_best_although_it_has_a_reward(tmp_path):
    """As in the soft form, in which such children are trained."""
    trials = [trial(n, reward, costs={"latency_ms": cost}) for n, (reward, cost) in enumerate([(0.5, 1), (0.9, 9)])]
    drawn = [trial(n, reward, costs={"latency_ms": cost}) for n, (reward, cost) in enumerate([(0.4, 1), (0.8, 8)])]
    config = {"limit": ["latency_ms=3"], "objective": "soft", "exchange": ["latency_ms=0.02"]}
    study = study_of(tmp_path, trials, drawn, **config)
    page = checked(study)
    assert (
        "1 of them is within the limit" in page.words and "The best child of the search (0.5000) has 1 ms" in page.words
    )
    assert "1 uniformly random children were trained" in page.words and "1 more are over the limit" in page.words
    assert [one.trial for one in study.pareto()] == [0, 1]
    (marked,) = {fingerprint(trials[0].genotype)} & set(
        re.findall(r"[0-9a-f]{16}", report(study).split('class="marked"')[1][:900])
    )
    assert marked


def test_larger_networks_are_not_taken_for_better_ones(tmp_path):
    generator = np.random.default_rng(4)
    large = [one for one in children(300, generator) if one.costs["latency_ms"] > 2.0]
    small = [one for one in children(300, generator) if one.costs["latency_ms"] < 3.0]
    page = checked(study_of(tmp_path / "size", large, small, limit=["latency_ms=1000"]))
    assert "At equal cost the children of the search cannot be told from random ones" in page.words
    assert re.search(r"In all pairs, of large networks with small ones too, .* in 9\d % \(p below 0.001", page.words)
    better = children(60, generator, gain=0.05)
    page = checked(study_of(tmp_path / "better", better, small[:60], limit=["latency_ms=1000"]))
    assert "At equal cost the search proposes better children than chance" in page.words
    page = checked(study_of(tmp_path / "few", large[:4], small[:2], limit=["latency_ms=1000"]))
    assert "At equal cost nothing can be said" in page.words


def test_finalists_are_paired_by_cost(tmp_path):
    trials, drawn = children(30, np.random.default_rng(5)), []
    ours = [dataclasses.replace(trials[n], costs={"latency_ms": 4.0**n}) for n in range(3)]
    for number, one in enumerate(ours):
        costs = {"latency_ms": one.costs["latency_ms"] * (1.1 if number else 0.3)}
        drawn.append(trial(number, 0.5, np.random.default_rng(99 + number), costs=costs))
    found = [finalist("search", one, 0.93) for one in ours]
    found += [finalist("random", one, 0.92 - 0.001 * number) for number, one in enumerate(drawn)]
    for one, child in zip(found, [*ours, *drawn], strict=True):
        one["costs"] = child.costs
    config = {"limit": ["latency_ms=100"]}
    page = checked(study_of(tmp_path / "a", trials, drawn, {"finalists": found}, **config))
    pairs = "At equal cost, in the 2 pairs with latency within a factor of 1.25,"
    assert f"{pairs} the search is worth 1.15 points, better in 2" in page.words
    assert "Whatever the cost: test accuracy, mean of the 3 finalists of the search" in page.words
    assert "Latency (ms)" in page.words and "those of a pair cost about the same" in page.words
    for one in found:
        one["costs"] = {"latency_ms": 1.0, "multiply_adds": 5} if one["origin"] == "search" else {"multiply_adds": 5}
    page = checked(study_of(tmp_path / "c", trials, trials[5:7], {"finalists": found}, **config))
    assert "in the 3 pairs with multiply-adds within a factor of 1.25" in page.words, "no random one was measured"
    for one in found[3:]:
        one["costs"] = {"latency_ms": 80.0}
    page = checked(study_of(tmp_path / "b", trials, drawn, {"finalists": found}, **config))
    assert "no finalist of the search and no random one have latency within a factor of 1.25" in page.words


def test_several_limits_have_a_plot_each_and_costs_without_one_none(tmp_path):
    trials = children(20, np.random.default_rng(6))
    text = report(study_of(tmp_path / "a", trials, limit=["latency_ms=3", "parameters=2e5", "gone_ms=1"]))
    assert all(chart(text, f"front_{name}") for name in ("latency_ms", "parameters")) and not chart(
        text, "front_gone_ms"
    )
    assert chart(report(study_of(tmp_path / "b", trials)), "front_latency_ms") is None
    assert "Accuracy against cost" not in checked(study_of(tmp_path / "c", trials)).words, "as of earlier versions"


def test_two_thousand_children_and_random_search_itself(tmp_path):
    generator = np.random.default_rng(7)
    genotypes = [one.genotype for one in children(50, generator)]
    many = [
        dataclasses.replace(one, genotype=genotypes[one.trial % 50]) for one in children(50, generator) for _ in [0]
    ]
    trials = [
        Trial(n, genotypes[n % 50], "ok", float(generator.random()), {}, 1.0, n, {"multiply_adds": 10 ** (3 * n % 7)})
        for n in range(2000)
    ]
    described = study_of(tmp_path, many[:1], algorithm="random")
    study = type(described)(described.path, described.config, search=trials)
    text = report(study)
    assert len(text) < 1_500_000 and "1,500 children of 2,000 are drawn" in text
    drawing = chart(text, "front_multiply_adds")
    assert len(marks(drawing, "circle", "dot")) == 1500 and not marks(drawing, "circle", "drawn")
    assert "This is random search itself" in text


def test_the_terminal_says_the_limit_the_costs_and_the_front(tmp_path):
    trials = children(30, np.random.default_rng(8), most=3.0)
    study = study_of(tmp_path / "a", trials, result={"finalists": []}, limit=["latency_ms=3"])
    said = summary(study)
    over = sum(one.reward is None for one in trials)
    assert f"{over} children were over the limit" in said and "failed" not in said
    assert f"Limit: latency_ms=3; the best child has {study.best.costs['latency_ms']:.3g} ms\n" in said
    second = sorted((one for one in trials if one.reward), key=lambda one: -one.reward)[1]
    result = {"finalists": [], "winner": fingerprint(second.genotype)}
    said = summary(study_of(tmp_path / "c", trials, result=result, limit=["latency_ms=3"]))
    assert f" ms, the winner {second.costs['latency_ms']:.3g} ms\n" in said
    assert f"Front of reward against latency: {len(study.pareto())} children, from" in said
    counted = [trial(n, 0.5 + n / 10, costs={"multiply_adds": 5_000_000 * (n + 1)}) for n in range(2)]
    said = summary(study_of(tmp_path / "d", counted, result={"finalists": []}))
    assert (
        "\nThe best child has 10 M multiply-adds\nFront of reward against multiply-adds: 2 children, from 5 M" in said
    )
    plain = summary(study_of(tmp_path / "b", [trial(0, 0.5)], result={}))
    assert "Front" not in plain and "Limit" not in plain


def test_tensorboard_has_costs_and_the_hypervolume_through_a_kill(tmp_path):
    trials = children(12, np.random.default_rng(10), most=3.0)
    trials[3] = dataclasses.replace(trials[3], status="crashed", reward=None)
    drawn = children(5, np.random.default_rng(11), most=3.0)
    study = study_of(tmp_path, trials, drawn, limit=["latency_ms=3"])
    log = SearchLog(tmp_path, limits=study.limits)
    for one in trials[:7]:
        log.trial(one, 0.5)
    log = SearchLog(tmp_path, trials[:7], limits=study.limits)  # the first was killed
    for one in trials[7:]:
        log.trial(one, 0.5)
    log.close()
    log.front(study)
    found = curves(tmp_path / "tensorboard")
    volumes = hypervolumes([(one.costs["latency_ms"], one.reward or np.nan) for one in trials], (3.0, 0.0))
    assert [value for _, value in found["hypervolume"]] == pytest.approx(volumes.tolist(), rel=1e-5)
    assert found["over_limit"][-1] == (11, sum(one.status == "over_limit" for one in trials))
    assert found["failed"][-1] == (11, 1)
    assert [value for _, value in found["cost/latency_ms"]] == pytest.approx(
        [one.costs["latency_ms"] for one in trials]
    )
    front = curves(tmp_path / "tensorboard" / "front")
    expected = [(int(1000 * one.costs["latency_ms"]), one.reward) for one in study.pareto()]
    assert [step for step, _ in front["front/reward_by_latency_ms_thousandths"]] == [step for step, _ in expected]
    assert front["hypervolume"][-1][1] == pytest.approx(volumes[-1], rel=1e-5) and len(front["random_hypervolume"]) == 5
    one = study.pareto()[0]
    costs = curves(tmp_path / "tensorboard" / f"trial_{one.trial:05}")
    assert costs["hparams/latency_ms"] == [(0, pytest.approx(one.costs["latency_ms"], rel=1e-5))]


def test_the_front_in_tensorboard_is_by_whole_costs_and_replaces_the_one_before(tmp_path):
    trials = [trial(n, 0.1 * n, costs={"multiply_adds": 10 * n + 5}) for n in range(4)]
    assert write_front(study_of(tmp_path / "a", trials[:2])) == write_front(study_of(tmp_path / "a", trials))
    found = curves(tmp_path / "a" / "tensorboard" / "front")["front/reward_by_multiply_adds"]
    assert [step for step, _ in found] == [5, 15, 25, 35]
    assert write_front(study_of(tmp_path / "b", [trial(0, 0.5)])) is None


def test_frozen_studies_have_their_front(tmp_path):
    """Whose lines have no costs, but parameters and multiply-adds among their metrics."""
    study = study_of(tmp_path, children(3, np.random.default_rng(9)))
    lines = (tmp_path / "trials.jsonl").read_text().splitlines()
    old = [re.sub(r'"metrics": \{\}', f'"metrics": {{"multiply_adds": {n + 5}}}', line) for n, line in enumerate(lines)]
    (tmp_path / "trials.jsonl").write_text("".join(re.sub(r', "costs": \{[^}]*\}', "", line) + "\n" for line in old))
    study = load_study(tmp_path)
    assert [one.costs for one in study.trials] == [{"multiply_adds": 5}, {"multiply_adds": 6}, {"multiply_adds": 7}]
    assert "Accuracy against cost" in checked(study).words
