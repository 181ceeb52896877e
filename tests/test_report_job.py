"""The job `nasnet-report`, and the pictures that it draws of trainings and studies."""

import json
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from pages import FROZEN, finalist, study_of, trial
from test_comparing import EVOLUTION

import nasnet_keras as nk
from nasnet_keras import search
from nasnet_keras.plotting.cells import genotype_svg
from nasnet_keras.search.report.__main__ import main
from nasnet_keras.search.report.figures import figures
from nasnet_keras.search.report.settings import ReportSettings
from nasnet_keras.search.spaces.nasbench_macro import NASBenchMacroSpace
from nasnet_keras.search.study.trial import fingerprint
from nasnet_keras.training.picture import training_curve_svg
from nasnet_keras.utils.workdir import WorkdirError

RUNS = FROZEN.parent
SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def report(*folders, workdir=(), output=None, cost=()):
    main({"workdir": [*workdir], "output": output, "cost": [*cost], "folders": [*folders]})


def history(*rows):
    names = ("accuracy", "validation_accuracy")
    return [{"epoch": epoch, **dict(zip(names, row, strict=False))} for epoch, row in enumerate(rows, start=1)]


def words(svg):
    """The texts of a picture, and the tooltips of its dots."""
    root = ElementTree.fromstring(svg)
    texts = [one.text for one in root.iter(f"{SVG}text")]
    return texts, [one.find(f"{SVG}title").text for one in root.iter(f"{SVG}circle") if len(one)]


def listed(folder):
    return sorted(path.relative_to(folder).as_posix() for path in Path(folder).rglob("*") if path.is_file())


def test_a_curve_has_each_epoch_at_its_place():
    svg = training_curve_svg(history((0.2, 0.1), (0.4, 0.5), (0.6, 0.3)), "mine")
    texts, dots = words(svg)
    assert {"mine", "epoch", "accuracy", "training images, as augmented", "1", "2", "3"} <= {*texts}
    assert dots == [
        f"epoch {n}: {value:.4f}" for values in ((0.2, 0.4, 0.6), (0.1, 0.5, 0.3)) for n, value in enumerate(values, 1)
    ]
    circles = [one for one in ElementTree.fromstring(svg).iter(f"{SVG}circle") if len(one)]
    xs, ys = ([float(one.get(name)) for one in circles] for name in ("cx", "cy"))
    assert xs[:3] == xs[3:] and xs[1] - xs[0] == pytest.approx(xs[2] - xs[1], abs=0.2) and xs[0] < xs[1]
    rates = [(ys[0] - y) / (float(dot[-6:]) - 0.2) for y, dot in zip(ys[1:], dots[1:], strict=True)]
    assert rates == pytest.approx([rates[0]] * 5, rel=0.01) and rates[0] > 0, "heights go by accuracies"
    assert "at best 0.5000 at epoch 2, 0.3000 in the end" in svg and "var(--" not in svg


def test_a_curve_has_what_a_run_has():
    texts, dots = words(training_curve_svg(history((0.25,))))
    assert dots == ["epoch 1: 0.2500"] and not [text for text in texts if text.startswith("validation")]
    weighted = [{"epoch": 0, "validation_accuracy": 0.9, "validation_weighted_accuracy": 0.5}]
    texts, dots = words(training_curve_svg(weighted))
    assert dots == ["epoch 0: 0.5000"], "the accuracy that epochs are judged by"
    assert "validation images, every class counting the same, averaged weights" in texts
    many = [(epoch / 200,) for epoch in range(200)]
    svg = training_curve_svg(history(*many))
    assert words(svg)[1] == [] and svg.count("L") > 150, "of many epochs there are no dots"


def test_a_curve_of_a_folder(tmp_path):
    path = nk.plot_training_curve(RUNS / "trained", tmp_path / "curve.svg")
    rows = json.loads((RUNS / "trained" / "history.json").read_text())
    assert "trained: accuracy over epochs" in words(path.read_text())[0]
    assert words(path.read_text())[1] == [
        f"epoch {row['epoch']}: {row[name]:.4f}" for name in ("accuracy", "validation_accuracy") for row in rows
    ]
    assert training_curve_svg(rows, "a") == training_curve_svg(RUNS / "trained", "a")
    assert words(training_curve_svg(RUNS / "fine_tuned"))[1][-5].startswith("epoch 0: ")


def test_a_run_that_was_trained_on_is_one_curve(tmp_path):
    """Of three cycles, of which the last has begun, and of which the first was deleted then."""
    for place, before, rows in ((".", 5, [(0.8,)]), ("until_epoch_5", 2, [(0.5,), (0.6,), (0.7,)])):
        folder = tmp_path / "run" / place
        folder.mkdir(parents=True)
        (folder / "training.json").write_text(json.dumps({"config": {"epochs_before": before}}))
        (folder / "history.json").write_text(json.dumps(history(*rows)))
    epochs = [re.findall(r"\d+", text)[0] for text in words(training_curve_svg(tmp_path / "run"))[1]]
    assert epochs == ["3", "4", "5", "6"]
    assert training_curve_svg(tmp_path / "run").count('<path class="training" d="M') == 3, "two cycles, and the key"
    (tmp_path / "run" / "history.json").unlink()
    assert len(words(training_curve_svg(tmp_path / "run"))[1]) == 3, "as long as no epoch of the last cycle has ended"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[", r"history\.json is damaged \(.*\); only a training writes it"),
        ("{}", "expected a list of an epoch's figures"),
        ('[{"epoch": 1, "accuracy": 2}]', "expected a share from 0 to 1 as 'accuracy' of epoch 1, got 2"),
        ('[{"epoch": 1, "accuracy": NaN}]', "expected a share"),
        ('[{"epoch": 2}]', "expected epoch 1 in the history, got 2"),
        ("[3]", "expected a list"),
        ("[]", "run: no epoch has ended yet, so that there is no curve to draw"),
        ('[{"epoch": 1, "loss": 0.5}]', "run: no epoch has an accuracy"),
    ],
)
def test_a_damaged_history_is_one_error(tmp_path, text, message):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "history.json").write_text(text)
    with pytest.raises(ValueError, match=message):
        nk.plot_training_curve("run", "curve.svg")
    assert listed(tmp_path) == ["run/history.json"]


def test_what_is_no_training_is_one_error(tmp_path):
    (tmp_path / "empty").mkdir()
    for folder, message in {
        "nowhere": "nowhere is missing: expected the folder of a run of nasnet-train or nasnet-finetune",
        __file__: "is a file: expected",
        "empty": "empty has none of training.json, fine_tuning.json, history.json: expected the folder",
        FROZEN: "has none of training.json, fine_tuning.json, history.json, but study.json: expected",
    }.items():
        with pytest.raises(WorkdirError, match=message):
            nk.plot_training_curve(folder, "curve.svg")
    for value in (3, None, [3], "[]", [{"epoch": "a"}]):
        with pytest.raises(ValueError, match=r"expected|missing"):
            nk.plot_training_curve(value, "curve.svg")
    with pytest.raises(ValueError, match=r"a path that ends in \.svg, got 'curve.png'"):
        nk.plot_training_curve(RUNS / "trained", "curve.png")
    assert listed(tmp_path) == []


@pytest.fixture
def ended(tmp_path):
    """A study whose winner is not its best child, with the training of it."""
    trials = other, best = [trial(number, 0.5 + 0.1 * number, costs={"parameters": 9 + number}) for number in range(2)]
    entries = [finalist("search", best, 0.7), finalist("search", other, 0.8)]
    result = {"winner": fingerprint(other.genotype), "settings": {"epochs": 2, "filters": 8}, "finalists": entries}
    made = study_of(tmp_path / "study", trials, result=result)
    shutil.copytree(RUNS / "trained", made.path / f"final/epochs_2_filters_8/search_{result['winner']}")
    return made


def test_a_search_has_all_of_its_pictures(ended, tmp_path, capsys):
    report("study", output="paper")
    names = ["best_genotype", "optimization_history", "pareto_front_parameters", "winner_genotype", "winner_training"]
    assert listed("paper") == [f"{name}.svg" for name in names]
    assert sorted(capsys.readouterr().out.split()) == [f"paper/{name}.svg" for name in names]
    drawn = {name: Path("paper", f"{name}.svg").read_text() for name in names}
    best, other = ended.best.genotype, ended.result["winner"]
    winner = next(one.genotype for one in ended.trials if fingerprint(one.genotype) == other)
    assert drawn["best_genotype"] == genotype_svg(best) and drawn["winner_genotype"] == genotype_svg(winner)
    search.plot_optimization_history(ended, "history.svg")
    assert drawn["optimization_history"] == Path("history.svg").read_text()
    search.plot_pareto_front(ended, "front.svg", "parameters")
    assert drawn["pareto_front_parameters"] == Path("front.svg").read_text()
    assert "study: accuracy of the winner over epochs" in words(drawn["winner_training"])[0]
    assert len(words(drawn["winner_training"])[1]) == len(words(training_curve_svg(RUNS / "trained"))[1])


def test_a_search_that_goes_on_has_those_that_there_are(tmp_path, capsys):
    study_of(tmp_path / "s", [trial(0, costs={"parameters": 5}), trial(1, status="crashed")])
    with (tmp_path / "s" / "trials.jsonl").open("a") as file:
        file.write('{"trial": 2, "geno')  # which is being written
    report("s")
    assert listed("s/figures") == ["best_genotype.svg", "optimization_history.svg", "pareto_front_parameters.svg"]
    assert capsys.readouterr().out.splitlines()[-1] == "(no winner_training: no finalist has been trained yet)"
    Path("s/figures/best_genotype.svg").write_text("old")
    report("s")
    assert Path("s/figures/best_genotype.svg").read_text().startswith("<svg"), "pictures are drawn anew"
    study_of(tmp_path / "s", [trial(0, status="crashed")])
    with pytest.raises(ValueError, match="no trial of s has a reward yet, so that there is nothing to draw"):
        report("s", output="other")
    assert not Path("other").exists()


def test_a_benchmarks_name_is_drawn_as_its_network(tmp_path):
    space = NASBenchMacroSpace()
    (best,) = (trial(0, space=space),)
    study_of(tmp_path / "s", [best], space="nasbench_macro")
    found = figures(tmp_path / "s")
    assert found.pictures["best_genotype"] == genotype_svg(space.architecture(best.genotype))
    assert found.lacking["pareto_front"] == "no child has a cost"
    study_of(tmp_path / "own", [best], space="Own")
    assert f"it is {best.genotype!r}, of which no network" in figures(tmp_path / "own").lacking["best_genotype"]


def test_costs_may_be_chosen(tmp_path):
    study_of(tmp_path / "s", [trial(0, costs={"latency_ms": 2.0, "parameters": 7}), trial(1)])
    report("s", cost=["latency_ms"], output="a")
    assert [name for name in listed("a") if "pareto" in name] == ["pareto_front_latency_ms.svg"]
    with pytest.raises(
        ValueError, match="no trial of s with a reward has the cost 'latency': did you mean 'latency_ms'"
    ):
        report("s", cost=["latency"])
    with pytest.raises(ValueError, match="cost must be the name of a cost, such as latency_ms, got '../a'"):
        report("s", cost=["../a"])
    with pytest.raises(ValueError, match="holds a training, and --cost is for the folder of a search"):
        report(str(RUNS / "trained"), cost=["latency_ms"], output="b")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a", "s"]


def test_trainings_have_their_curve_and_their_genotype(tmp_path, capsys):
    for name in ("trained", "fine_tuned", "training"):
        shutil.copytree(RUNS / name, tmp_path / name)
    report("trained", "fine_tuned", workdir=["training"], output="paper")
    assert listed("paper") == [
        "fine_tuned/genotype.svg",
        "fine_tuned/training_curve.svg",
        "trained/genotype.svg",
        "trained/training_curve.svg",
        "training/training_curve.svg",
    ]
    card = nk.Card.read(tmp_path / "trained" / "frozen.json")
    assert Path("paper/trained/genotype.svg").read_text() == genotype_svg(card.genotype)
    assert "(no genotype: it is in the card that a training writes in the end" in capsys.readouterr().out


def test_several_seeds_have_a_curve_of_all_and_pictures_of_each(tmp_path, capsys):
    search.run_seeds(search.SearchConfig("s2", **{**EVOLUTION, "finalists": 0}), 2)
    capsys.readouterr()
    report("s2", output="paper")
    assert {"best_reward.svg", "seed_0/best_genotype.svg", "seed_1/optimization_history.svg"} <= {*listed("paper")}
    whole = Path("paper/best_reward.svg").read_text()
    assert "2 studies compared: best reward over trials" in words(whole)[0] and "evolution" in words(whole)[0]
    assert '<path class="band series-0"' in whole and "stroke:#1f6feb" in whole
    search.compare(search.load_studies("s2")).plot("both.svg")
    assert Path("both.svg").read_text() == whole


def test_a_damaged_study_is_one_error(tmp_path):
    shutil.copytree(FROZEN, tmp_path / "s")
    path = tmp_path / "s" / "study.json"
    path.write_text(path.read_text().replace('"config": {', '"config": {"limit": 7, ', 1))
    with pytest.raises(ValueError, match="the configuration in s/study.json is damaged: limit must be"):
        report("s")
    (tmp_path / "s" / "trials.jsonl").write_text("{}\n{}\n")
    with pytest.raises(ValueError, match=r"s/trials\.jsonl, line 1 is damaged"):
        report("s")
    assert not (tmp_path / "s" / "figures").exists()


def test_nothing_is_written_unless_all_is_drawn(tmp_path):
    shutil.copytree(RUNS / "trained", tmp_path / "a" / "run")
    shutil.copytree(RUNS / "trained", tmp_path / "b" / "run")
    before = listed(tmp_path)
    Path("empty").mkdir()
    Path("file").write_text("a file")
    for folders, message in {
        (
            "a/run",
            "empty",
        ): "empty has none of study.json, seeds.json, training.json, fine_tuning.json, history.json: expected",
        (
            "a/run",
            "nowhere",
        ): "nowhere is missing: expected the folder of a run of nasnet-search, nasnet-train or nasnet-finetune",
        ("a/run", "file"): "file is a file: expected the folder of a run of nasnet-search",
        ("a/run", "b/run"): "two of the folders have one name",
        (): "name a folder to draw",
        ("",): "need the name of a folder, got an empty one",
    }.items():
        with pytest.raises(ValueError, match=message):
            report(*folders, output="paper")
    with pytest.raises(ValueError, match="'file' is a file: expected a folder for the pictures"):
        report("a/run", output="file")
    Path("file").unlink()
    assert listed(tmp_path) == before
    assert ReportSettings(("a/run/..", "b"), output="paper").places() == {
        Path("a/run/.."): Path("paper/a"),
        Path("b"): Path("paper/b"),
    }
    assert ReportSettings(("a/run", "a/run"), output="paper").places() == {Path("a/run"): Path("paper")}, "one folder"


def test_the_command_says_what_is_wrong_in_a_line(tmp_path):
    command = [sys.executable, "-m", "nasnet_keras.search.report"]
    done = subprocess.run([*command, "nowhere"], capture_output=True, text=True, timeout=600)
    assert (done.returncode, done.stdout) == (1, "") and done.stderr.startswith("nasnet-report: nowhere is missing")
    assert done.stderr.count("\n") == 1
    words = [f"--workdir={RUNS / 'trained'}", "--output=paper"]
    done = subprocess.run([*command, *words], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0 and done.stdout == "paper/training_curve.svg\npaper/genotype.svg\n", done.stderr
