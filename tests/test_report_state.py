"""The job `nasnet-report` where pictures or folders are of another state than it expects."""

import json
import os
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from pages import finalist, study_of, trial
from test_report_job import RUNS, history, listed, report

from nasnet_keras import search
from nasnet_keras.search.report.figures import figures
from nasnet_keras.search.report.writing import check_places
from nasnet_keras.search.study.trial import fingerprint
from nasnet_keras.utils.xml_text import legal

SHIPPED = Path(__file__).parent.parent / "docs" / "studies"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def ended(path, trials, winner=None, **config):
    best = max(trials, key=lambda one: one.reward)
    result = {"winner": winner or fingerprint(best.genotype), "finalists": [finalist("search", best, 0.7)]}
    return study_of(path, trials, result=result, **config)


def test_pictures_of_an_earlier_state_go(tmp_path, capsys):
    trials = [trial(0, costs={"parameters": 5})]
    ended(tmp_path / "s", trials)
    report("s")
    assert "winner_genotype.svg" in listed("s/figures")
    for name in ("mine.svg", "pareto_front_my notes.svg", "best_genotype.txt"):
        Path("s/figures", name).write_text("mine")
    with (tmp_path / "s" / "trials.jsonl").open("a") as file:
        file.write(trial(1, 0.9).to_line())
    capsys.readouterr()
    report("s")
    said = capsys.readouterr().out
    assert "(removed s/figures/winner_genotype.svg: an earlier call drew it, and this one did not)" in said
    assert "(no winner_genotype: another genotype is the best now than when the finalists were trained, and" in said
    drawn = ["best_genotype.svg", "optimization_history.svg", "pareto_front_parameters.svg"]
    assert listed("s/figures") == sorted([*drawn, "mine.svg", "pareto_front_my notes.svg", "best_genotype.txt"])


def test_pictures_of_another_folder_go(tmp_path):
    search_of_seeds = tmp_path / "seeds" / "seed_0"
    ended(tmp_path / "s", [trial(0, costs={"latency_ms": 5.0})])
    report("s", output="o")
    search_of_seeds.mkdir(parents=True)
    Path("o/seed_3").mkdir()
    Path("o/seed_3/best_genotype.svg").write_text("old")
    Path("o/seed_4").mkdir()
    for name in ("best_genotype.svg", "mine.svg"):
        Path("o/seed_4", name).write_text("old")
    report(str(RUNS / "trained"), output="o")
    assert listed("o") == ["genotype.svg", "seed_4/mine.svg", "training_curve.svg"] and not Path("o/seed_3").exists()


def test_the_reason_why_there_is_no_winner_is_true(tmp_path):
    one = trial(0)
    study_of(tmp_path / "s", [one])
    (tmp_path / "s" / "final").mkdir()
    assert figures(tmp_path / "s").lacking["winner_genotype"] == "the finalists are not all trained yet"
    ended(tmp_path / "s", [one], winner="0123456789abcdef")
    assert (
        "names '0123456789abcdef', which is none of the children to choose from"
        in figures(tmp_path / "s").lacking["winner_genotype"]
    )


def test_a_supernets_derived_genotypes_are_drawn_and_what_is_not_is_said(tmp_path):
    shutil.copytree(SHIPPED / "enas_micro_cifar10", tmp_path / "s")
    found = figures(Path("s"))
    assert "only 20 genotypes derived from the controller at its end" in found.lacking["optimization_history"]
    assert {*found.pictures} == {"best_genotype", "winner_genotype"}
    with pytest.raises(ValueError, match="only 20 genotypes derived"):
        search.plot_optimization_history(search.load_study("s"), "a.svg")


def test_costs_of_derived_genotypes_are_known(tmp_path):
    study_of(tmp_path / "s")
    (tmp_path / "s" / "derived_trials.jsonl").write_text(trial(0, costs={"multiply_adds": 5}).to_line())
    assert {*figures(Path("s")).pictures} == {"best_genotype", "pareto_front_multiply_adds"}
    with pytest.raises(ValueError, match="cost 'multiply_add': did you mean 'multiply_adds'"):
        figures(Path("s"), ["multiply_add"])


def test_nothing_is_written_unless_all_can_be(tmp_path):
    for name in ("a", "b"):
        study_of(tmp_path / name, [trial(0)])
    Path("o").mkdir()
    Path("o/b").write_text("a file")
    Path("link").symlink_to("nowhere")
    Path("full/best_genotype.svg").mkdir(parents=True)
    for output, message in {
        "o": "'o/b' is a file: expected a folder",
        "o/b": "'o/b' is a file: expected a folder",
        "link": "'link' is a file",
    }.items():
        with pytest.raises(ValueError, match=message):
            report("a", "b", output=output)
    with pytest.raises(ValueError, match="'full/best_genotype.svg' is a folder, and a picture is to be written there"):
        report("a", output="full")
    assert listed("o") == ["b"] and listed("full") == []


def test_a_folder_that_may_not_be_written_to_is_named(tmp_path, monkeypatch):
    study_of(tmp_path / "a", [trial(0)])
    monkeypatch.setattr(os, "access", lambda path, mode: False)  # as of another user, whom root is not
    with pytest.raises(ValueError, match=r"the folder '\.' may not be written to"):
        check_places({Path("o"): figures(Path("a"))})


def test_a_cost_that_one_seed_lacks_is_drawn_of_the_others(tmp_path):
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "seeds.json").write_text(json.dumps({"sitting": {"seed": 0, "seeds": 2}}))
    study_of(tmp_path / "s" / "seed_0", [trial(0, costs={"latency_ms": 2.0})])
    study_of(tmp_path / "s" / "seed_1", [trial(1)])
    found = figures(Path("s"), ["latency_ms"])
    assert "seed_0/pareto_front_latency_ms" in found.pictures
    reason = "no trial of s/seed_1 with a reward has the cost 'latency_ms': there are none"
    assert found.lacking["seed_1/pareto_front_latency_ms"] == reason
    with pytest.raises(
        ValueError, match="no trial of s/seed_0 with a reward has the cost 'size': Legal are: latency_ms"
    ):
        figures(Path("s"), ["size"])


def test_a_result_that_cannot_be_read_is_not_called_damaged(tmp_path, monkeypatch):
    made = ended(tmp_path / "s", [trial(0)])
    before = Path.open

    def refuse(path, *args, **kwargs):
        if path.name in ("result.json", "history.json"):
            raise PermissionError(13, "Permission denied", str(path))
        return before(path, *args, **kwargs)

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(search.StudyError, match=r"^cannot read .*result\.json: Permission denied$"):
        made.result  # noqa: B018
    assert figures(Path("s")).lacking["winner"] == "cannot read s/result.json: Permission denied"
    with pytest.raises(ValueError, match=r"^cannot read .*history\.json: Permission denied$"):
        figures(RUNS / "trained")


@pytest.mark.parametrize("text", ["", "[]", '{"config": {"name": "a/b"}}', '{"config": {"name": 3}}'])
def test_a_run_that_does_not_say_its_name_has_its_curve(tmp_path, text):
    shutil.copytree(RUNS / "trained", tmp_path / "run")
    (tmp_path / "run" / "training.json").write_text(text)
    found = figures(Path("run"))
    assert [*found.pictures] == ["training_curve"]
    assert found.lacking["genotype"].startswith("run/training.json is damaged or cannot be read: it does not say")


def test_a_name_of_any_length_costs_no_curve(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "training.json").write_text(json.dumps({"config": {"name": "a" * 400}}))
    (tmp_path / "run" / "history.json").write_text(json.dumps(history((0.5,))))
    found = figures(Path("run"))
    assert [*found.pictures] == ["training_curve"] and [*found.lacking] == ["genotype"]


def test_a_picture_is_xml_whatever_its_texts_are(tmp_path):
    folder = tmp_path / "a\x08b\x1b\ufffe\udcff<&\"'"
    study_of(folder, [trial(0, costs={"parameters": 3})])
    (title,) = (
        one.text
        for one in ElementTree.fromstring(figures(folder).pictures["optimization_history"]).iter()
        if one.get("class") == "title"
    )
    assert title == "a\\x08b\\x1b\\ufffe\\udcff<&\"': reward over trials"
    assert legal("tab\t\n é \U0001f600") == "tab\t\n é \U0001f600" and legal("\0\uffff") == "\\x00\\uffff"


STOPPED = """
import os, signal, sys
from nasnet_keras.utils import files
before, count = files.replacing, []
class Slow:
    def __init__(self, path): self.made = before(path)
    def __enter__(self):
        temporary = self.made.__enter__()
        count.append(1)
        if len(count) == 2:
            os.kill(os.getpid(), signal.SIGTERM)
        return temporary
    def __exit__(self, *error): return self.made.__exit__(*error)
files.replacing = Slow
from nasnet_keras.search.report.__main__ import console
sys.argv = ["nasnet-report", sys.argv[1], "--output=o"]
console()
"""


def test_a_signal_while_pictures_are_written_leaves_whole_ones_and_says_so(tmp_path):
    shipped = SHIPPED / "cifar10"
    done = subprocess.run([sys.executable, "-c", STOPPED, shipped], capture_output=True, text=True, timeout=600)
    assert done.returncode == 1 and done.stderr.startswith("\nStopped. Each file is whole"), done.stderr
    assert done.stdout == "o/optimization_history.svg\n"
    assert os.listdir("o") == ["optimization_history.svg"], "no scratch folder is left"  # noqa: PTH208
