"""The page of a study, its charts and figures, and its TensorBoard files: without TensorFlow."""

import dataclasses
import itertools
import json
import math
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from statistics import mean

import numpy as np
import pytest
from pages import FROZEN, NAME, NASTY, Page, checked, curves, finalist, rising, study_of, trial

from nasnet_keras.genotypes.cells import Genotype
from nasnet_keras.pages.axes import Axis, log_ticks, thinned, ticks
from nasnet_keras.pages.charts import Band, Chart, Dots, Line, Rule
from nasnet_keras.pages.markup import duration, figure, integer, percent, short
from nasnet_keras.search.config import child_recipe
from nasnet_keras.search.report import tensorboard
from nasnet_keras.search.report.facts import gather
from nasnet_keras.search.report.page import report, write_report
from nasnet_keras.search.report.rebuild import command
from nasnet_keras.search.report.statistics import (
    expected_best,
    improvements,
    operation_counts,
    operation_shares,
    rank_sum,
    running_mean,
)
from nasnet_keras.search.report.tensorboard import SearchLog
from nasnet_keras.search.spaces.nasbench201 import NASBench201Space
from nasnet_keras.search.spaces.nasnet import CellSpace
from nasnet_keras.search.study.folder import Study, load_study
from nasnet_keras.search.study.trial import Trial, fingerprint


@pytest.mark.parametrize("rewards", [[3.0], [1.0, 1.0], [0.2, 0.9, 0.5, 0.5, 0.7, 0.1, 0.3]])
def test_expected_best_is_that_of_all_draws(rewards):
    found = expected_best(rewards)
    assert found.counts.tolist() == list(range(1, len(rewards) + 1))
    for index, count in enumerate(found.counts):
        draws = sorted(max(draw) for draw in itertools.combinations(rewards, count))
        assert found.mean[index] == pytest.approx(mean(draws))
        for values, share in ((found.low, 0.1), (found.high, 0.9)):
            assert values[index] == draws[math.ceil(share * len(draws) - 1e-9) - 1]


def test_expected_best_of_many():
    rewards = np.random.default_rng(0).random(20_000)
    found = expected_best(rewards)
    assert len(found.counts) <= 200 and found.counts[0] == 1 and found.counts[-1] == 20_000
    assert found.mean[0] == pytest.approx(rewards.mean()) and found.mean[-1] == rewards.max()
    assert (np.diff(found.mean) >= 0).all() and (found.low <= found.high).all()
    tenth = expected_best(rewards, [10])
    assert tenth.mean[0] == pytest.approx(10 / 11, abs=0.005)


def test_running_mean_improvements_and_thinning():
    values = np.random.default_rng(0).random(50)
    for window in (1, 7, 100):
        expected = [values[max(0, end - window) : end].mean() for end in range(1, 51)]
        np.testing.assert_allclose(running_mean(values, window), expected)
    assert running_mean([], 5).size == 0
    assert improvements([None, 0.1, 0.3, 0.2, None, 0.4]) == [1, 2, 5]
    assert improvements([None, -2.0]) == [1]
    for total, limit in ((0, 5), (5, 5), (6, 5), (20_000, 1500)):
        kept = thinned(total, limit)
        assert len(kept) == min(total, limit) and (np.diff(kept) > 0).all()
        assert total == 0 or (kept[0] == 0 and kept[-1] == total - 1)


def test_rank_sum_counts_pairs():
    generator = np.random.default_rng(0)
    first, second = generator.integers(0, 6, 20).astype(float), generator.integers(1, 7, 15).astype(float)
    share, surprise = rank_sum(first, second)
    pairs = [(a > b) + 0.5 * (a == b) for a in first for b in second]
    assert share == pytest.approx(mean(pairs)) and 0.0 < surprise < 1.0
    assert rank_sum(second, first)[0] == pytest.approx(1.0 - share)
    assert rank_sum([1.0, 1.0], [1.0]) == (0.5, 1.0)
    assert rank_sum(list(range(30, 60)), list(range(30)))[1] < 1e-8
    chance = [rank_sum(*generator.random((2, 12)))[1] for _ in range(2000)]
    assert 0.03 < mean(value < 0.05 for value in chance) < 0.07


def test_operations_are_counted_for_each_cell():
    one = trial(3).genotype
    counts = operation_counts(one)
    for name, cell in (("normal cell", one.normal), ("reduction cell", one.reduction)):
        assert counts[name].total() == 2 * len(cell.blocks)
        assert set(counts[name]) == {edge.operation for block in cell.blocks for edge in block.edges}
    space = NASBench201Space()
    choices = (3, 3, 0, 1, 2, 3)
    names = [decision.choices[choice] for decision, choice in zip(space.decisions, choices, strict=True)]
    assert operation_counts(space.decode(choices)) == {"cell": {name: names.count(name) for name in names}}
    shares = operation_shares([space.decode(choices), space.decode((0,) * 6)])
    assert shares["cell"]["none"] == 7 / 12 and sum(shares["cell"].values()) == pytest.approx(1.0)
    assert operation_shares([]) == {}


def test_ticks_are_round_and_inside():
    for low, high in ((0.0, 1.0), (0.731, 0.8212), (-3.0, 20_000.0), (84.0, 84.001)):
        found = ticks(low, high)
        assert 2 <= len(found) <= 7 and low - 1e-9 <= found[0] and found[-1] <= high + 1e-9
    assert all(value == int(value) for value in ticks(0.0, 3.0, whole=True))
    assert ticks(1.0, 1.0) == [1.0]


def test_ticks_of_equal_factors_are_round_and_inside():
    for low, high in ((0.004, 1.3), (1.0, 10.0), (3.1e6, 9.9e8), (2.0, 17.0), (1e-3, 1e12), (4.0, 4.5)):
        found = log_ticks(low, high)
        assert 2 <= len(found) <= 8 and low * 0.999 <= found[0] and found[-1] <= high * 1.001
        assert all(float(f"{value:.0e}") == value or high < 2 * low for value in found), "one digit each"


def test_a_chart_is_xml_with_all_inside():
    layers = [
        Band("spread", [(1.0, 0.2, 0.4)]),
        Line("best", [(0.0, 0.1), (2.0, 0.9)], step=True),
        Line("mean", []),
        Dots("dot", [(1.0, 0.5, NASTY), (2.0, None, "failed"), (2.0, -7.0, "far below")]),
        Dots("over", [(9.0, None, "beyond the axis")], shape="triangle", lane="over limit"),
        Rule("limit", 1.5, NASTY),
    ]
    root = ElementTree.fromstring(Chart("c", NASTY, NASTY, Axis(NASTY, 0.0, 2.0), NASTY, (0.0, 1.0), layers).svg())
    space = "{http://www.w3.org/2000/svg}"
    assert root.find(f"{space}title").text == root.find(f"{space}desc").text == NASTY
    assert root.get("aria-labelledby").split() == [root.find(f"{space}{tag}").get("id") for tag in ("title", "desc")]
    width, height = map(float, root.get("viewBox").split()[2:])
    circles = list(root.iter(f"{space}circle"))
    assert len(circles) == 1 and 0 < float(circles[0].get("cx")) < width and 0 < float(circles[0].get("cy")) < height
    assert len([path for path in root.iter(f"{space}path") if "cross" in path.get("class")]) == 3
    lanes = {
        rect.get("class"): float(rect.get("y")) for rect in root.iter(f"{space}rect") if "lane" in rect.get("class")
    }
    assert lanes["lane lane-failed"] < lanes["lane lane-over"] < height


@pytest.mark.parametrize("value", [None, True, "1", [1], float("nan"), float("inf"), 10**400, {}])
def test_what_is_no_number_is_a_dash(value):
    for shown in (figure, integer, percent, short, duration):
        assert shown(value) == "–"


def test_numbers_and_durations():
    assert (figure(0.93125), figure(84.892), figure(-1.0)) == ("0.9313", "84.89", "-1.0000")
    assert (integer(1234567), short(4_269_716), short(999), percent(94.3733)) == (
        "1,234,567",
        "4.27 M",
        "999",
        "94.37&nbsp;%",
    )
    found = [duration(seconds).replace("&nbsp;", " ") for seconds in (0, 59.99, 60, 3599.7, 3600, 90_000)]
    assert found == ["0.0 s", "60.0 s", "1 min 0 s", "60 min 0 s", "1 h 0 min", "25 h 0 min"]


def test_no_trial_yet(tmp_path):
    page = checked(study_of(tmp_path))
    assert "No trial has finished yet" in page.words and "svg" not in page.tags
    assert "best_genotype.json" not in page.words


def test_one_trial(tmp_path):
    page = checked(study_of(tmp_path, [trial(0, 0.25, parameters=1160)]))
    assert "1 of 60 trials are done" in page.words and "0.2500" in page.words
    assert page.tags.count("img") == 1 and "1,160" in page.words


def test_all_failed(tmp_path):
    page = checked(study_of(tmp_path, [trial(n, status="crashed", error="ValueError: no") for n in range(3)]))
    assert "No trial has a reward yet" in page.words and "3 of 3 trials (100.0 %) failed" in page.words
    assert "ValueError: no" in page.words and page.tags.count("img") == 0


def test_every_text_is_escaped(tmp_path):
    path = tmp_path / "<b>&study"
    trials = [
        trial(0, 0.5, parameters=NASTY),
        trial(1, status="timeout", error=NASTY),
        trial(2, 0.4, space=NastySpace()),
    ]
    result = {"test_accuracy": 0.5, "card": NAME, "model": NAME}
    result["finalists"] = [finalist("search", trials[0], 0.5, fingerprint=NAME, status=NASTY)]
    texts = dict.fromkeys(("dataset", "space", "algorithm", "evaluator", "table", NASTY), NASTY)
    study = study_of(path, trials, result=result, **texts)
    assert "script" not in checked(study).tags
    assert "alert" in report(study) and "<script" not in report(study) and "<b>&study" not in report(study)
    study.config["evaluator"] = "tabular"
    assert "<script" not in report(study)
    (path / "result.json").write_text(json.dumps({**json.loads((path / "result.json").read_text()), "card": [NASTY]}))
    assert "is damaged (card cannot be" in " ".join(checked(study).text) and "<script" not in report(study)


class NastySpace:
    def sample(self, generator):
        return ()

    def decode(self, choices):
        return NASTY


def test_a_search_that_learns(tmp_path):
    generator = np.random.default_rng(0)
    trials, drawn = rising(60, generator), rising(15, generator, gain=0.0)
    failed = [trial(15, status="crashed", error="x")]
    page = checked(study_of(tmp_path, trials, [*drawn, *failed], children_per_update=20))
    rewards, theirs = [one.reward for one in trials], [one.reward for one in drawn]
    above = sum(reward > max(theirs) for reward in rewards)
    assert "The search proposes better children than chance" in page.words
    assert f"{above} of 60 ({100 * above / 60:.1f} %) beat the best random one" in page.words
    for value in (mean(rewards), np.median(rewards), max(rewards), mean(theirs), np.median(theirs), max(theirs)):
        assert f"{value:.4f}" in page.words
    assert "15 uniformly random children" in page.words and "1 more random children failed" in page.words
    assert "only 15 were drawn, and nothing is extrapolated" in page.words
    assert "Controller updates 2" in page.words and "Random (15)" in page.words


def test_a_search_that_does_not_learn_is_told_so(tmp_path):
    generator = np.random.default_rng(1)
    page = checked(study_of(tmp_path / "same", rising(40, generator, gain=0.0), rising(40, generator, gain=0.0)))
    assert "cannot be told from random ones" in page.words
    page = checked(study_of(tmp_path / "worse", rising(40, generator, gain=-0.2), rising(40, generator, gain=0.0)))
    assert "worse children than chance" in page.words


def test_random_search_is_compared_with_itself_only(tmp_path):
    page = checked(study_of(tmp_path, rising(20, np.random.default_rng(0)), algorithm="random"))
    assert "This is random search itself" in page.words and "Controller updates" not in page.words
    assert "Random (" not in page.words


def test_finalists(tmp_path):
    trials = rising(10, np.random.default_rng(0))
    ours, theirs = (0.94, 0.93), (0.91, 0.92)
    found = [finalist("random", trials[n], test) for n, test in enumerate(theirs)]
    found += [finalist("search", trials[-n - 1], test) for n, test in enumerate(ours)]
    page = checked(study_of(tmp_path, trials, result={"test_accuracy": 0.94, "finalists": found}, planned=10))
    assert "The search has ended after 10 trials" in page.words and "94.00 %" in page.words
    assert "The search is worth 2.00 points" in page.words
    interval = 4.30 * 100 * math.sqrt(0.00005 * (1 / 2 + 1 / 2))
    assert f"±{interval:.2f} points" in page.words and "chance alone may well give" in page.words
    assert "1,234,567" in page.words and "1 h 30 min" in page.words
    found[0] |= {"status": "diverged", "metrics": {}, "seconds": None, "reward": None}
    page = checked(study_of(tmp_path, trials, result={"finalists": found}))
    assert "diverged" in page.words and "difference may be chance" in page.words
    page = checked(study_of(tmp_path, trials, result={"finalists": found[2:]}))
    assert "nothing to compare it with" in page.words


def test_genotypes_derived_from_shared_weights_are_not_taken_for_trials_of_their_numbers(tmp_path):
    trials = [trial(number, reward) for number, reward in enumerate((0.2, 0.4, 0.6, 0.3))]
    study_of(tmp_path, trials, evaluator="supernet")
    derived = [trial(number, reward, np.random.default_rng(9 + number)) for number, reward in enumerate((0.5, 0.7))]
    (tmp_path / "derived_trials.jsonl").write_text("".join(one.to_line() for one in derived))
    page = report(load_study(tmp_path))
    (marked,) = re.findall(r'<tr class="marked">(.*?)</tr>', page, re.DOTALL)
    assert fingerprint(trials[2].genotype) in marked, "the best trial of the search"
    assert "1. Derived genotype 1: reward" in page and "1. Trial" not in page


def test_a_benchmark_s_table(tmp_path):
    space, generator = NASBench201Space(), np.random.default_rng(0)
    rewards = generator.uniform(50, 85, 30)
    trials = [
        trial(n, float(rewards[n]), generator, space, validation_accuracy_12_epochs=rewards[n]) for n in range(30)
    ]
    result = {"validation_accuracy_12_epochs": 84.0, "test_accuracy_200_epochs": 94.25}
    config = {"space": "nasbench201", "evaluator": "tabular", "table": "t.csv", "algorithm": "evolution"}
    page = checked(study_of(tmp_path, trials, trials[:5], result, 30, **config))
    assert "looked up in t.csv" in page.words and "94.25 %" in page.words and f"{max(rewards):.2f}" in page.words
    assert page.tags.count("img") == 0 and "nor_conv_3x3" in page.words and "Shares in the cell" in page.words
    assert "Parameters" not in page.words and "NASNetFromGenotype" not in page.words
    assert "nk.NASBench201FromGenotype(" in page.words


@pytest.mark.parametrize("algorithm", ["random", "evolution"])
def test_twenty_thousand_trials(tmp_path, algorithm):
    generator, space = np.random.default_rng(0), CellSpace()
    genotypes = [space.decode(space.sample(generator)) for _ in range(100)]
    trials = [
        Trial(n, genotypes[n % 100], "ok", float(generator.random()), {"parameters": n}, 1.0, n)
        if n % 50
        else Trial(n, genotypes[n % 100], "crashed", None, {"error": f"failure {n}"}, 1.0, n)
        for n in range(20_000)
    ]
    described = study_of(tmp_path, algorithm=algorithm)
    study = Study(described.path, described.config, search=trials)
    text = report(study)
    assert len(text) < 3_000_000
    page = Page(text)
    assert "The best 1,000 and the last 1,000 of 20,000 trials" in page.words and "more failed" in page.words
    assert page.tags.count("circle") < 1600 and 1000 < page.tags.count("tr") < 2200


def test_gaps_in_the_numbers(tmp_path):
    study = study_of(tmp_path, [trial(2, 0.6), trial(0, 0.5), trial(9, 0.55), trial(5, status="diverged")])
    assert [one.trial for one in study.trials] == [0, 2, 5, 9]
    assert "4 of 60 trials are done" in checked(study).words


def test_old_studies_and_damaged_results(tmp_path):
    path = shutil.copytree(FROZEN, tmp_path / "study")
    page = checked(load_study(path))
    assert "The search has ended after 2 trials" in page.words and "47.67 %" in page.words
    assert 'load_model(folder / "best_model.keras")' in page.words and "tensorflow 2.21.0" in page.words
    (path / "result.json").write_text("{")
    assert "result.json is damaged" in checked(load_study(path)).words


def test_the_file_is_written_at_once(tmp_path):
    study = study_of(tmp_path, [trial(0)])
    assert write_report(study) == tmp_path / "report.html"
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == report(study)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["report.html", "study.json", "trials.jsonl"]


def test_the_snippet_builds_the_best_genotype(tmp_path):
    study = study_of(tmp_path, [trial(0)], result={"card": "best_model.json"}, num_repeats=1, filters=4)
    text = "".join(Page(report(study)).text)
    snippet = text[text.index("from pathlib") : text.index("Continuing")]
    compile(snippet, "snippet", "exec")
    assert 'Card.read(folder / "best_model.json")' in snippet
    assert all(words in snippet for words in ("num_repeats=1", "filters=4", str(tmp_path)))


def test_the_command_names_what_differs_from_the_defaults(tmp_path):
    path = tmp_path / "a b"
    recipe = {**child_recipe("digits", "child").to_json(), "epochs": 7, "sizes": [[0.0, 0.5], [0.5, 1.0]], "flip": True}
    config = {"operations": ["identity", "conv_3x3"], "num_blocks": 5, "seed": 3, "table": None, "recipe": recipe}
    study = study_of(path, [trial(0)], **config, algorithm="evolution", reward_exponent=3, images={"train": 5})
    flags = command(gather(study)).replace("\\\n", " ").split()
    assert flags[0] == "nasnet-search" and f"'--workdir={path}'" in command(gather(study))
    expected = {"--trials=60", "--algorithm=evolution", "--seed=3", "--operations=identity,conv_3x3"}
    expected |= {"--epochs=7", "--sizes=0.0:0.5,0.5:1.0", "--flip=true", "--reward_exponent=3"}
    # of a study from before they were written
    assumed = {"--window=1", "--deterministic=false", "--population_size=50"}
    assert {flag for flag in flags if flag.startswith("--")} == expected | assumed


def test_nothing_heavy_is_imported():
    code = (
        "import sys, pathlib, tempfile\n"
        "import nasnet_keras.search.report.page as r, nasnet_keras.search.report.tensorboard as t\n"
        "from nasnet_keras.search.study import load_study\n"
        f"r.report(load_study({str(FROZEN)!r}))\n"
        "log = t.SearchLog(tempfile.mkdtemp())\n"
        f"[log.trial(one, 0.5) for one in load_study({str(FROZEN)!r}).trials]; log.close()\n"
        "print([name for name in ('tensorflow', 'keras', 'jax', 'torch') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600)
    assert done.stdout.strip() == "[]", done.stderr


def test_tensorboard_reads_the_curves_through_a_kill(tmp_path):
    trials = [trial(0, 0.25), trial(1, status="crashed"), trial(2, 0.5), trial(3, status="timeout"), trial(4, 0.375)]
    best = [0.25, 0.25, 0.5, 0.5, 0.5]
    log = SearchLog(tmp_path)
    for one, highest in zip(trials[:3], best[:3], strict=True):
        log.trial(one, highest)
    again = SearchLog(tmp_path, trials[:3])  # the first was killed: never closed
    for one, highest in zip(trials[3:], best[3:], strict=True):
        again.trial(one, highest)
    again.close()
    again.close()
    found = curves(tmp_path / "tensorboard")
    assert found["reward"] == [(0, 0.25), (2, 0.5), (4, 0.375)]
    assert found["best_reward"] == list(enumerate(best))
    assert found["failed"] == [(0, 0), (1, 1), (2, 1), (3, 2), (4, 2)]
    assert found["seconds"] == [(one.trial, one.seconds) for one in trials]
    assert curves(tmp_path / "tensorboard" / "trial_00002") == {"hparams/reward": [(0, 0.5)]}
    assert not (tmp_path / "tensorboard" / "trial_00001").exists()


def test_tensorboard_reads_the_hyperparameters(tmp_path):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
    from tensorboard.plugins.hparams.metadata import parse_session_start_info_plugin_data

    log = SearchLog(tmp_path, operations=("identity", "max_pool_7x7"))
    one = trial(12, 0.5, parameters=1160)
    log.trial(one, 0.5)
    log.trial(trial(13, 70.0, space=NASBench201Space()), 70.0)
    log.close()
    folder = tmp_path / "tensorboard" / "trial_00012"
    events = EventAccumulator(str(folder))
    events.Reload()
    start = parse_session_start_info_plugin_data(events.PluginTagToContent("hparams")["_hparams_/session_start_info"])
    values = {name: value.number_value for name, value in start.hparams.items()}
    counts = operation_counts(one.genotype)
    for cell in ("normal", "reduction"):
        for operation in {"identity", "max_pool_7x7", *counts[f"{cell} cell"]}:
            assert values[f"{cell}/{operation}"] == counts[f"{cell} cell"][operation]
        assert values[f"{cell}_outputs"] == len(getattr(one.genotype, cell).outputs)
        assert 1 <= values[f"{cell}_depth"] <= 2
    assert curves(folder) == {"hparams/reward": [(0, 0.5)], "hparams/parameters": [(0, 1160)]}
    assert [entry.name for entry in (tmp_path / "tensorboard").iterdir() if entry.is_dir()] == ["trial_00012"]
    assert isinstance(one.genotype, Genotype) and start.group_name == "trial_00012"


def test_the_last_and_the_best_trials_have_a_folder_through_kills(tmp_path, monkeypatch):
    """Not all of them: TensorBoard would read twenty thousand for minutes."""
    monkeypatch.setattr(tensorboard, "_FOLDER_SECONDS", 0.0)
    genotype, rewards = trial(0).genotype, np.random.default_rng(0).permutation(2000) / 2000
    trials = [Trial(number, genotype, "ok", float(reward), {}, 1.0, number) for number, reward in enumerate(rewards)]
    trials[1999] = dataclasses.replace(trials[1999], status="crashed", reward=None)
    folder = tmp_path / "tensorboard"

    def folders():
        return {int(path.name[6:]) for path in folder.iterdir() if path.is_dir()}

    def expected(count):
        done = [one for one in trials[:count] if one.reward is not None]
        best = sorted(done, key=lambda one: -one.reward)[:50]
        return {one.trial for one in (*done[-200:], *best)}

    log = SearchLog(tmp_path)
    for one in trials:
        log.trial(one, 0.5)
        if one.trial % 250 == 100:
            assert folders() == expected(one.trial + 1)
        if one.trial == 900:  # a kill comes before a folder is written, and while one is removed
            shutil.rmtree(folder / "trial_00900")
            (folder / "trial_00005").mkdir()
            log = SearchLog(tmp_path, trials[:901])
            assert folders() == expected(901)
    log.close()
    assert folders() == expected(2000) and all(any(path.iterdir()) for path in folder.iterdir() if path.is_dir())
    assert [step for step, _ in curves(folder)["reward"]] == list(range(1999)), "curves know all"
    for number in range(500):  # an earlier version kept all
        (folder / f"trial_{number:05}").mkdir(exist_ok=True)
    (folder / "trial_notes").mkdir()
    SearchLog(tmp_path, trials).close()
    shutil.rmtree(folder / "trial_notes")
    assert folders() == expected(2000)
