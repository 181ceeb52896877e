"""Searches with several seeds that fail early, are stopped, are moved, or go on with other seeds."""

import json
import subprocess
import sys

import own_objectives
import pytest

from nasnet_keras.search import SearchConfig, compare, load_studies, load_study, run, run_seeds
from nasnet_keras.search.loop import SearchError
from nasnet_keras.search.study.errors import StudyError
from nasnet_keras.search.study.seeds import SeedsFolder, recorded_seeds, settings_of_seeds
from nasnet_keras.search.tables import located

TABLE = {"evaluator": "tabular", "table": "nasnet_cells_cifar10", "algorithm": "random", "trials": 3, "finalists": 0}


def seeds_of(folder):
    return [one.config["seed"] for one in load_studies(folder)]


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"limit": "parameters=1"}, "no genotype"),
        ({"objective": own_objectives.of_loss}, "the objective failed with KeyError"),
    ],
)
def test_a_search_that_failed_before_its_first_study_begins_anew(wrong, said, tmp_path):
    with pytest.raises(SearchError, match=said):
        run_seeds(SearchConfig(tmp_path, **TABLE, **wrong), 2)
    run_seeds(SearchConfig(tmp_path, **TABLE, limit="parameters=1e6"), 2)
    assert seeds_of(tmp_path) == [0, 1]
    with pytest.raises(StudyError, match="limit was"):
        run_seeds(SearchConfig(tmp_path, **TABLE), 2)


def test_seeds_beyond_the_last_one_are_refused_before_a_folder_is_made(tmp_path):
    with pytest.raises(ValueError, match="seed must be"):
        run_seeds(SearchConfig(tmp_path / "s3", seed=2147483647, **TABLE), 3)
    assert not (tmp_path / "s3").exists()


def test_the_command_goes_on_where_no_study_has_begun(tmp_path):
    folder = tmp_path / "s2"
    SeedsFolder(SearchConfig(folder, seed=4, **TABLE), 2).close()  # as a kill leaves it
    known = settings_of_seeds(folder)
    assert known["seed"] == 4 and known["trials"] == 3 and known["table"] == TABLE["table"]
    command = [sys.executable, "-m", "nasnet_keras.search", f"--workdir={folder}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert "--trials=3 --algorithm=random" in done.stderr
    assert [(one.config["seed"], len(one.trials)) for one in load_studies(folder)] == [(4, 3), (5, 3)]


def test_what_an_earlier_version_recorded_of_the_seeds_is_enough(tmp_path):
    SeedsFolder(SearchConfig(tmp_path, **TABLE), 2).close()
    plain = json.loads((tmp_path / "seeds.json").read_text())
    (tmp_path / "seeds.json").write_text(json.dumps({**plain, "sitting": {"seed": 1, "seeds": 2}}))
    known = settings_of_seeds(tmp_path)
    assert known["algorithm"] == "random" and known["seed"] == 1 and "trials" not in known
    assert run_seeds(SearchConfig(tmp_path, **{**known, **TABLE, "recipe": None}), 2).studies


def test_a_relative_path_is_the_same_file_from_another_folder(tmp_path, monkeypatch):
    (tmp_path / "home").mkdir()
    monkeypatch.chdir(tmp_path / "home")
    source = located(TABLE["table"])
    table = f"table{source.suffix}"
    (tmp_path / "home" / table).write_bytes(source.read_bytes())
    run_seeds(SearchConfig("s2", **{**TABLE, "table": table}), 2)
    monkeypatch.chdir(tmp_path)
    again = run_seeds(SearchConfig("home/s2", **{**TABLE, "table": f"home/{table}", "trials": 4}), 2)
    assert [len(one.trials) for one in again.studies] == [4, 4]


def test_no_seed_is_dropped_from_the_report(tmp_path):
    run_seeds(SearchConfig(tmp_path, **TABLE), 2)
    more = run_seeds(SearchConfig(tmp_path, seed=5, **TABLE), 1)
    assert seeds_of(tmp_path) == [0, 1, 5] == [one.config["seed"] for one in more.studies]
    assert "3 studies compared" in (tmp_path / "report.html").read_text()
    assert len(run_seeds(SearchConfig(tmp_path, **TABLE), 1).studies) == 3
    assert recorded_seeds(tmp_path).count == 1


def test_one_seed_is_one_study(tmp_path):
    run_seeds(SearchConfig(tmp_path, **TABLE), 1)
    page = (tmp_path / "report.html").read_text()
    assert "<h1>1 study</h1>" in page and "so far" not in page


def test_a_study_that_is_behind_does_not_cut_the_others(tmp_path):
    run_seeds(SearchConfig(tmp_path, **TABLE), 3)
    log = tmp_path / "seed_2" / "trials.jsonl"
    log.write_text("".join(log.read_text().splitlines(keepends=True)[:1]))
    found = compare(load_studies(tmp_path))
    assert [one.path.name for one in found.studies] == ["seed_0", "seed_1"] and found.found.trials == 3
    assert (
        f"Left out is what has fewer trials so far than others of its kind, or no reward yet: {log.parent} (1 trial)"
        in (str(found))
    )
    assert "(1 trial)" in found.page()
    log.write_text("")
    assert len(compare([tmp_path]).studies) == 2
    for one in range(2):
        (tmp_path / f"seed_{one}" / "trials.jsonl").write_text("")
    with pytest.raises(StudyError, match="has no trial with a reward"):
        compare([tmp_path])


def test_the_report_keeps_all_seeds_while_they_go_on(tmp_path, monkeypatch):
    run_seeds(SearchConfig(tmp_path, **TABLE), 2)
    titles = []

    def written(path, page):
        titles.append(page.partition("<h1>")[2].partition("<")[0])

    monkeypatch.setattr("nasnet_keras.search.report.compared.write_text", written)
    again = run_seeds(SearchConfig(tmp_path, **{**TABLE, "trials": 4}), 2)
    assert titles == ["2 studies compared"] * 2 and again.found.trials == 4


def test_who_takes_a_folder_of_seeds_for_a_study_is_told_what_it_is(tmp_path):
    run_seeds(SearchConfig(tmp_path, **TABLE), 1)
    said = (
        "seeds.json, of a search with several seeds: its studies are in its folders seed_N, search.load_studies reads"
    )
    with pytest.raises(StudyError, match=f"holds no study that can be read: no such file, but {said}"):
        load_study(tmp_path)
    with pytest.raises(StudyError, match=rf"has no study.json, and is not empty \(it has {said}.* search.run_seeds"):
        run(SearchConfig(tmp_path, **TABLE))
    with pytest.raises(SearchError, match=f"prior=.*{said}"):
        run(SearchConfig(tmp_path / "new", **{**TABLE, "algorithm": "bayesian", "prior": tmp_path}))


@pytest.mark.parametrize(
    "text", ["{}", "[]", "3", '{"sitting": []}', '{"sitting": {"seed": 0}}', '{"sitting": {"seed": 0, "seeds": 0}}']
)
def test_a_damaged_file_of_seeds_says_what_was_expected(text, tmp_path):
    (tmp_path / "seeds.json").write_text(text)
    with pytest.raises(StudyError, match=r"seeds\.json is damaged: expected an object with 'sitting', .*, got "):
        recorded_seeds(tmp_path)
