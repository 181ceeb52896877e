"""A search that goes on the next day, a search alone, and what a person sees of both."""

import json
import re
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from helpers import SMALL_GENOTYPE

from nasnet_keras.search import SearchConfig, load_study, run
from nasnet_keras.search.__main__ import _steps
from nasnet_keras.search.display import part_shown
from nasnet_keras.search.evaluators.child import ChildEvaluator
from nasnet_keras.search.remaining import Remaining
from nasnet_keras.search.report.finalists import why_winner
from nasnet_keras.search.report.page import report
from nasnet_keras.search.report.terminal import summary
from nasnet_keras.search.study.errors import StudyError
from nasnet_keras.search.study.known import check_continues, check_objects, known_settings, told
from nasnet_keras.search.study.trial import fingerprint
from nasnet_keras.search.tables import located

TABLE = {"evaluator": "tabular", "table": "nasnet_cells_cifar10", "finalists": 0, "random_trials": 2}
WATCHED = """
import sys
from nasnet_keras.search.__main__ import console
try:
    console()
finally:
    print(sorted({"keras", "tensorflow"} & {*sys.modules}), file=sys.stderr)
"""


def typed(folder, *flags):
    command = [sys.executable, "-c", WATCHED, f"--workdir={folder}", *flags]
    return subprocess.run(command, capture_output=True, text=True, timeout=600)


@pytest.fixture
def begun(tmp_path):
    study = run(SearchConfig(tmp_path / "s1", algorithm="evolution", population_size=3, trials=4, seed=2, **TABLE))
    return study.path


def test_the_next_day_only_what_differs_is_typed(begun):
    before = load_study(begun).trials
    done = typed(begun, "--trials=6")
    assert done.returncode == 0, done.stderr
    study = load_study(begun)
    assert study.trials[:4] == before and len(study.trials) == 6 and len(study.random_trials) == 2
    assert known_settings(begun)["trials"] == 6 and known_settings(begun)["finalists"] == 0
    assert f"nasnet-search --workdir={begun} --trials=12" in done.stdout, "what to type next"
    assert f"Find a winner:  nasnet-search --workdir={begun} --finalists=2" in done.stdout
    taken = (
        "--random_trials=2 --algorithm=evolution --population_size=3 --evaluator=tabular --table=nasnet_cells_cifar10"
    )
    assert f"from {begun}: {taken} --finalists=0 --seed=2\n" in done.stderr
    assert "search (1 of 2; then random 2)" in done.stderr and "random (2 of 2)" not in done.stdout
    assert typed(begun).returncode == 0 and len(load_study(begun).trials) == 6, "not the usual number"


def test_a_wrong_flag_is_told_before_anything_slow_begins(begun):
    files = {path.name: path.read_bytes() for path in begun.iterdir() if path.is_file()}
    done = typed(begun, "--seed=3", "--trials=9")
    assert done.returncode == 1 and "another configuration: seed was 2 and is now 3" in done.stderr
    assert "[]\n" in done.stderr, "neither Keras nor TensorFlow was imported"
    assert files == {path.name: path.read_bytes() for path in begun.iterdir() if path.is_file()}


def test_settings_of_a_folder_of_an_earlier_version_are_known(begun):
    plain = json.loads((begun / "study.json").read_text())
    del plain["sitting"]
    (begun / "study.json").write_text(json.dumps(plain))
    known = known_settings(begun)
    assert known["algorithm"] == "evolution" and known["seed"] == 2 and "trials" not in known
    check_continues(SearchConfig(begun, **{**known, "recipe": None}))
    with pytest.raises(StudyError, match="population_size was 3 and is now 4"):
        check_continues(SearchConfig(begun, **{**known, "recipe": None, "population_size": 4}))
    for damage in ("", "{}", '{"config": 3}', '{"config": {"limit": 7}}'):
        (begun / "study.json").write_text(damage)
        assert isinstance(known_settings(begun), dict)
        check_continues(SearchConfig(begun))


def with_sitting(folder, change):
    plain = json.loads((folder / "study.json").read_text())
    plain["sitting"] = change(plain["sitting"])
    (folder / "study.json").write_text(json.dumps(plain))


def test_settings_of_a_place_and_those_that_may_not_change_are_not_taken_from_the_latest_sitting(begun):
    place = {"workers": 64, "max_concurrent": 9, "gpus_per_child": 2, "ray_address": "10.0.0.5:6379", "executor": "ray"}
    place |= {"cpus_per_child": 3.0, "ray_resources": ["a100=1"], "child_memory_gib": 5.0, "child_retries": 7}
    with_sitting(begun, lambda sitting: {**sitting, **place, "seed": 77, "trials": 5})
    known = known_settings(begun)
    assert not place.keys() & known.keys() and (known["seed"], known["trials"]) == (2, 5)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda sitting: {"recipe": None}, "recipe must be an object, got None"),
        (lambda sitting: {**sitting, "trails": 3}, "no setting 'trails': did you mean 'trials'"),
        (lambda sitting: {**sitting, "window": "x"}, "window must be .*, got 'x'"),
        (lambda sitting: [3], r"an object was expected, got \[3\]"),
        (lambda sitting: None, "an object was expected, got None"),
    ],
)
def test_a_damaged_sitting_is_one_error_that_names_the_file(begun, change, said):
    with_sitting(begun, change)
    with pytest.raises(StudyError, match=rf"s1/study.json is damaged, in what it has under 'sitting': .*{said}"):
        known_settings(begun)


def test_a_damaged_sitting_is_told_in_one_line(begun):
    with_sitting(begun, lambda sitting: {**sitting, "window": "x"})
    done = typed(begun)
    assert done.returncode == 1 and "Traceback" not in done.stderr
    assert f"nasnet-search: {begun}/study.json is damaged" in done.stderr


def test_what_was_taken_from_a_folder_is_told_as_flags():
    config = SearchConfig("my study", limit=("parameters=1e6", "multiply_adds=1e8"), seed=0, trials=24, recipe="short")
    assert told(config, ["limit", "seed", "trials", "workers"]) == (
        "from my study: --limit=parameters=1000000 --limit=multiply_adds=100000000"
    )
    said = told(config, ["recipe"], ["batch_size"])
    assert "--muon_rate=0.03" in said and "--batch_size" not in said and "--epochs" not in said
    assert told(SearchConfig("s1", evaluator="supernet"), ["evaluator", "algorithm", "trials"]) == (
        "from s1: --evaluator=supernet"
    )


def test_a_study_of_objects_is_not_for_the_command_line(begun):
    plain = json.loads((begun / "study.json").read_text())
    plain["config"]["algorithm"] = "__main__:Mine"
    (begun / "study.json").write_text(json.dumps(plain))
    done = typed(begun, "--trials=9")
    assert done.returncode == 1 and "was begun with the algorithm __main__:Mine" in done.stderr
    assert "search.run(config, algorithm=...)" in done.stderr
    check_objects(begun, ["algorithm"])


def test_what_to_type_after_a_search(begun):
    """Trials of a supernet are no setting that may change; whose genotype is trained longer is said."""
    best = load_study(begun).best

    def steps(winner, **changes):
        config = {"trials": 10, "finalists": 2, "evaluator": "child", "dataset": "digits", **changes}
        study = SimpleNamespace(path=Path("s1"), config=config, result=winner and {"winner": winner}, best=best)
        return {*_steps(study)}

    assert steps(fingerprint(best.genotype)) == {"Search on", "Train the winner longer"}
    assert steps("another") == {"Search on", "Train the best child longer"}
    assert steps(None, evaluator="supernet", finalists=0) == {"Find a winner", "Train the best child longer"}


def test_a_search_alone_has_a_summary_and_no_winner(begun):
    study = load_study(begun)
    assert study.result is None and not (begun / "final").exists()
    text = summary(study)
    assert text.startswith("Best of 4 children") and "Winner" not in text and "report.html" in text


def test_the_bar_says_which_part_is_running_and_what_is_left():
    config = SearchConfig("s1", trials=24, random_trials=8, finalists=2, final_epochs=20)
    assert part_shown(config, "search") == "search (1 of 3; then random 8, finalists of 20 epochs)"
    assert part_shown(config, "finalists") == "finalists (3 of 3)"
    alone = SearchConfig("s1", algorithm="random", finalists=0)
    assert part_shown(alone, "search") == "search (1 of 1)"


def entry(origin, reward, test):
    return {"origin": origin, "reward": reward, "metrics": {"test_accuracy": test}}


def test_a_sentence_says_why_the_winner_is_the_winner():
    ours = [entry("search", 0.51, 0.4971), entry("search", 0.49, 0.52)]
    said = why_winner([*ours, entry("random", 0.55, 0.5069)])
    assert said.startswith("It has the best validation accuracy of the 2 finalists of the search, 0.5100; test images")
    assert said.endswith("nor have random genotypes, which the search is compared with: one of them has 0.5069.")
    assert why_winner([*ours, entry("random", 0.55, 0.4)]).endswith("test images have no part in the choice.")
    assert "the one finalist" in why_winner(ours[:1]) and why_winner([]).endswith("of the search's finalists.")


def test_the_page_says_why_the_winner_is_the_winner(begun):
    study = run(SearchConfig(begun, **{**TABLE, **known_settings(begun), "finalists": 1, "recipe": None}))
    said = re.search(r"<p><code>(\w+)</code> is the winner. (.*?)</p>", report(study))
    assert said[1] == study.result["winner"] and said[2].startswith("It has the best validation accuracy of the one")


class Counted:
    """A study with so many trials in each group."""

    def __init__(self):
        self.config = {"images": {"train": 256}}
        self.counts = {"search": 3, "derived": 0, "random": 0}

    def count(self, group):
        return self.counts[group]


def test_the_rest_of_a_search_is_estimated_from_the_children_of_this_sitting(monkeypatch, tmp_path):
    now = [100.0]
    monkeypatch.setattr("nasnet_keras.search.remaining.time.monotonic", lambda: now[0])
    settings = {"trials": 13, "random_trials": 5, "final_epochs": 20}
    study, config = (
        Counted(),
        SearchConfig("s1", **settings, train_images=256, final_train_images=512, final_filters=16),
    )
    remaining = Remaining(config, study)
    assert remaining.shown() == {}, "nothing is known yet"
    study.counts["search"] += 1
    assert remaining.shown() == {}
    study.counts["search"] += 4
    now[0] += 10.0  # two seconds a child: 5 of the search, 5 random ones, 4 finalists of 4 * 2 * 4 times a child
    assert remaining.seconds() == 2.0 * (5 + 5 + 4 * 32) and remaining.shown() == {"left_in_all": "about 5 min"}
    (tmp_path / "seed_3").mkdir()
    (tmp_path / "seeds.json").touch()
    one_of_several = Remaining(SearchConfig(tmp_path / "seed_3", seed=3, **settings), Counted())
    monkeypatch.setattr(one_of_several, "seconds", lambda: 20.0)
    assert one_of_several.shown() == {"left_of_seed_3": "about 20 s"}, "the further seeds are not in it"
    study.counts |= {"search": 13, "random": 5}
    alone = Remaining(SearchConfig("s1", **settings, finalists=0), study)
    assert alone.seconds() is None
    study.counts["search"] += 2
    assert alone.seconds() == 0 and alone.shown() == {}, "nothing is left"


def test_finalists_may_see_a_part_of_the_training_images(tmp_path):
    settings = {"filters": 2, "executor": "inline", "train_images": 100, "final_train_images": 128, "final_epochs": 1}
    config = SearchConfig(tmp_path / "study", **settings)
    assert config.final_settings()["train_images"] == 128
    assert "train_images" not in SearchConfig(tmp_path).final_settings(), (
        "folders of earlier versions have no such part"
    )
    evaluator = ChildEvaluator(config)
    assert evaluator.facts()["images"]["train"] == 100
    evaluator.finish(SMALL_GENOTYPE, 0, tmp_path / "final")
    written = json.loads((tmp_path / "final" / "training.json").read_text())
    assert written["config"]["images"]["train"] == 128
    with pytest.raises(ValueError, match="final_train_images=5000: .* has 1197 training images"):
        ChildEvaluator(SearchConfig(tmp_path, final_train_images=5000))


def test_files_are_found_again_from_another_folder(tmp_path, monkeypatch):
    table = tmp_path / "a" / "cells.jsonl"
    table.parent.mkdir()
    table.write_bytes(located("nasnet_cells_cifar10").read_bytes())
    monkeypatch.chdir(table.parent)
    given = {**TABLE, "algorithm": "random", "trials": 3, "table": "cells.jsonl"}
    study = run(SearchConfig("s1", **given)).path.absolute()
    assert known_settings("s1")["table"] == "cells.jsonl", "as it was typed, from the same folder"
    monkeypatch.chdir(tmp_path)
    known = known_settings(study)
    assert known["table"] == str(table)
    again = SearchConfig(study, **{**known, "trials": 4, "recipe": None})
    check_continues(again)
    assert len(run(again).trials) == 4 and known_settings(study)["table"] == str(table)
    assert len(run(SearchConfig(study, **{**given, "table": "a/cells.jsonl", "trials": 5})).trials) == 5
    other = tmp_path / "cells.jsonl"
    other.write_bytes(table.read_bytes())
    with pytest.raises(StudyError, match="table was 'cells.jsonl' and is now"):
        check_continues(SearchConfig(study, **{**given, "table": str(other)}))
