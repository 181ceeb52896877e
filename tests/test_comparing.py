"""Several studies side by side, and searches with several seeds."""

import dataclasses
import json
import re
import subprocess
import sys

import pytest

from nasnet_keras.search import SearchConfig, compare, load_studies, load_study, run, run_seeds
from nasnet_keras.search.study.errors import StudyError
from nasnet_keras.search.study.folder import Study
from nasnet_keras.search.study.seeds import recorded_seeds
from nasnet_keras.search.study.trial import Trial
from nasnet_keras.utils.workdir import is_workdir

TABLE = {"evaluator": "tabular", "table": "nasnet_cells_cifar10", "finalists": 1, "random_trials": 2}
EVOLUTION = {"algorithm": "evolution", "population_size": 3, "trials": 5, **TABLE}


@pytest.fixture(scope="module")
def seeds(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seeds") / "s3"
    return folder, run_seeds(SearchConfig(folder, **EVOLUTION), 3)


def without_times(study):
    return [dataclasses.replace(one, seconds=0.0) for one in (*study.trials, *study.random_trials)]


def test_each_seed_is_a_study_like_any_other(seeds, tmp_path):
    folder, found = seeds
    assert [one.path for one in found.studies] == [folder / f"seed_{seed}" for seed in range(3)]
    assert all(len(one.trials) == 5 and len(one.random_trials) == 2 and one.result for one in found.studies)
    alone = run(SearchConfig(tmp_path / "alone", seed=2, **EVOLUTION))
    assert without_times(alone) == without_times(load_study(folder / "seed_2")), "nothing is shared but settings"
    assert len({one.trials[0].genotype for one in found.studies}) > 1
    assert is_workdir(folder)


def test_the_report_has_their_mean_and_spread(seeds):
    folder, found = seeds
    (row,) = found.rows()
    best = [one.best.reward for one in found.studies]
    assert row["search"] == "evolution" and row["studies"] == 3 and row["trials"] == 5
    assert row["best_reward"] == pytest.approx(sum(best) / 3) and row["best_reward_highest"] == max(best)
    assert row["best_reward_deviation"] > 0
    page = (folder / "report.html").read_text()
    assert "3 studies compared" in page and '<a href="seed_1/report.html">seed_1</a>' in page
    assert f"{row['best_reward']:.4f}&nbsp;±&nbsp;{row['best_reward_deviation']:.4f}" in page
    assert "over 3 studies (highest" in page and "the mean is known to about ±" in page
    assert "series-0" in page and "bands reach from the lowest to the highest" in page
    said = str(found)
    assert re.search(
        r"evolution: best after 5 trials: 0\.\d{4} ± 0\.\d{4} over 3 studies \(highest 0\.\d{4}; the mean", said
    )
    assert "<" not in said and "&" not in said and repr(found) == "<Comparison of 3 studies: evolution (3)>"


def test_more_seeds_and_more_trials_go_on(seeds):
    folder, found = seeds
    before = found.studies[0].trials
    more = run_seeds(SearchConfig(folder, **{**EVOLUTION, "trials": 6}), 4)
    assert [len(one.trials) for one in more.studies] == [6] * 4 and more.studies[0].trials[:5] == before
    assert [one.config["seed"] for one in load_studies(folder)] == [0, 1, 2, 3]
    assert recorded_seeds(folder).count == 4
    with pytest.raises(StudyError, match="population_size was 3 and is now 4"):
        run_seeds(SearchConfig(folder, **{**EVOLUTION, "population_size": 4}), 3)
    with pytest.raises(StudyError, match="holds no study that can be read: no such file, but seeds.json"):
        load_study(folder)
    with pytest.raises(StudyError, match="has no study.json, and is not empty"):
        run(SearchConfig(folder, **EVOLUTION))
    with pytest.raises(StudyError, match="holds a single study: name a new folder for several seeds"):
        run_seeds(SearchConfig(folder / "seed_0", **EVOLUTION), 2)
    with pytest.raises(ValueError, match="seeds must be a positive integer"):
        run_seeds(SearchConfig(folder, **EVOLUTION), 0)
    with pytest.raises(StudyError, match="seed_0 holds no search with several seeds"):
        load_studies(folder / "seed_0")


def test_the_command_searches_with_several_seeds_and_goes_on(tmp_path):
    folder = tmp_path / "s2"
    typed = [f"--{name}={value}" for name, value in EVOLUTION.items()]
    command = [sys.executable, "-m", "nasnet_keras.search", f"--workdir={folder}"]
    done = subprocess.run([*command, *typed, "--seeds=2", "--seed=7"], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "seed 8, in" in done.stderr and "(2 of 2)" in done.stderr and "over 2 studies" in done.stdout
    assert f"nasnet-search --workdir={folder} --seeds=4" in done.stdout
    assert re.search(rf"Search on: +nasnet-search --workdir={folder} --trials=10\n", done.stdout)
    done = subprocess.run([*command, "--trials=6"], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert [(one.config["seed"], len(one.trials)) for one in load_studies(folder)] == [(7, 6), (8, 6)]
    (folder / "seeds.json").write_text(json.dumps({"sitting": {"seed": 0, "seeds": -1}}))
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 1 and "seeds.json is damaged: expected an object with 'sitting'" in done.stderr
    assert "Traceback" not in done.stderr


def test_kinds_of_search_are_compared(seeds, tmp_path):
    folder, _ = seeds
    config = SearchConfig(tmp_path / "r2", algorithm="random", trials=4, **TABLE)
    found = compare([*load_studies(folder)[:3], *run_seeds(config, 2).studies])
    assert [row["search"] for row in found.rows()] == ["evolution", "random"] and found.rows()[0]["trials"] == 4
    said = str(found)
    assert re.search(r"After 4 trials the best of \w+ is on average 0\.\d{4} above that of \w+, which is known", said)
    assert "chance alone" in said and re.search(r"They found \d+ networks, \d+ of them in more than one study", said)
    page = found.write(tmp_path / "comparison.html").read_text()
    assert "series-1" in page and str(folder / "seed_0") in page, "studies elsewhere are named by their paths"
    assert compare([folder, tmp_path / "r2"]).studies[-1].path == tmp_path / "r2" / "seed_1"
    single = compare([folder / "seed_0", tmp_path / "r2" / "seed_0"])
    assert "One study of each says nothing of chance" in str(single)


def test_rows_are_a_data_frame(seeds):
    pytest.importorskip("pandas")
    frame = seeds[1].to_dataframe()
    assert frame.search.tolist() == ["evolution"] and frame.studies.tolist() == [3]


def fake(path, reward=0.5, **config):
    config = {"algorithm": "ppo", "evaluator": "child", "dataset": "digits", "num_repeats": 1, "filters": 8, **config}
    one = Trial(0, "|none~0|", "ok" if reward is not None else "crashed", reward, {}, 1.0, 0)
    return Study(path, config, search=[one])


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"dataset": "cifar10"}, "dataset is 'digits' in the first and 'cifar10' in the second"),
        ({"filters": 16}, "filters is 8 in the first and 16 in the second"),
        ({"evaluator": "zero_cost", "proxy": "naswot"}, "evaluator is 'child' in the first and 'zero_cost' in the"),
        ({"recipe": {"epochs": 9}}, "recipe is None in the first"),
        ({"objective": "mine:score"}, "objective is None in the first and 'mine:score' in the second"),
        ({"reward": None}, "there is no study"),
    ],
)
def test_studies_whose_rewards_are_of_different_kinds_are_refused(changes, said, tmp_path):
    if "reward" in changes:
        with pytest.raises(StudyError, match="there is no study to compare"):
            compare([])
        return
    first, second = fake(tmp_path / "a"), fake(tmp_path / "b", **changes)
    with pytest.raises(StudyError, match=rf"a and .*b cannot be compared, since their rewards are of .*: .*{said}"):
        compare([first, second])


def test_images_are_the_same_by_what_is_known_of_them(tmp_path):
    facts = {"digest": "ab", "split": "stratified"}
    moved = fake(tmp_path / "a", dataset="photos", **facts), fake(tmp_path / "b", dataset="/mnt/photos", **facts)
    assert len(compare(moved).found.kinds) == 1
    with pytest.raises(StudyError, match="digest is 'ab' in the first and 'cd' in the second"):
        compare([moved[0], fake(tmp_path / "c", **{**facts, "digest": "cd"})])


def test_what_has_nothing_to_compare_is_one_error(tmp_path):
    with pytest.raises(StudyError, match="b has no trial with a reward"):
        compare([fake(tmp_path / "a"), fake(tmp_path / "b", None)])
    with pytest.raises(StudyError, match="a is given twice"):
        compare([fake(tmp_path / "a"), fake(tmp_path / "a")])
    with pytest.raises(StudyError, match="nowhere holds no study"):
        compare(["nowhere"])


def test_spaces_and_limits_that_differ_are_told(tmp_path):
    wide = fake(tmp_path / "b", space="pnas", num_blocks=3, limit=["parameters=1000"])
    found = compare([fake(tmp_path / "a", num_blocks=2), wide])
    page = found.page()
    assert "Limits differ (none; parameters=1000)" in page and "Spaces differ" in page
    assert found.rows()[1]["search"] == "ppo, space=pnas, num_blocks=3, limit=parameters=1000"
    assert found.rows()[1]["best_reward"] is None, "none is within its limit"


@pytest.mark.parametrize(
    ("ours", "theirs", "title"),
    [
        ({"algorithm_config": {"size": 3}}, {"algorithm_config": {"size": 4}}, "algorithm.size=4"),
        ({"space_config": {"wide": False}}, {"space_config": {"wide": True}}, "space.wide=True"),
        ({"latency_predictor": {"crc32": "aa"}}, {"latency_predictor": {"crc32": "bb"}}, "latency_predictor=bb"),
    ],
)
def test_objects_of_other_arguments_and_other_predictors_are_other_kinds(ours, theirs, title, tmp_path):
    found = compare([fake(tmp_path / "a", **ours), fake(tmp_path / "b", **ours), fake(tmp_path / "c", **theirs)])
    assert [len(kind.studies) for kind in found.found.kinds] == [2, 1]
    assert found.rows()[1]["search"] == f"ppo, {title}"
    assert ("Spaces differ" in found.page()) == ("space_config" in ours)


def test_equal_figures_are_not_taken_for_certain_ones(tmp_path):
    best = [fake(tmp_path / f"a{seed}", 0.75, seed=seed) for seed in range(2)]
    others = [fake(tmp_path / f"b{seed}", 0.5, seed=seed, algorithm="random") for seed in range(2)]
    said = str(compare([*best, *others]))
    assert "±" not in said and "0.7500 in all of 2 studies (equal figures do not tell how well" in said
    assert "is on average 0.2500 above that of random. The figures of each search are equal, which does not" in said


def test_a_choice_among_several_kinds_is_told(tmp_path):
    names = ("ppo", "random", "evolution")
    found = [
        fake(tmp_path / f"{name}{seed}", 0.5 + place / 10 + seed / 50, seed=seed, algorithm=name)
        for place, name in enumerate(names)
        for seed in range(2)
    ]
    said = "The best of 3 searches was chosen by these figures, so that it looks better than it is"
    assert said in str(compare(found)) and said in compare(found).page()
    assert "was chosen by these figures" not in str(compare(found[:4]))


@pytest.mark.slow
def test_seeds_run_in_processes(tmp_path):
    flags = {"trials": 2, "random_trials": 0, "num_blocks": 1, "filters": 2, "epochs": 1, "finalists": 0, "seeds": 2}
    flags |= {"train_images": 256, "executor": "subprocess", "workdir": tmp_path / "s2"}
    command = [sys.executable, "-m", "nasnet_keras.search", *(f"--{name}={value}" for name, value in flags.items())]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    assert [len(one.trials) for one in load_studies(tmp_path / "s2")] == [2, 2]
