"""Searches whose children are measured by the package's own evaluator, through a command and a runtime."""

import json
import sys

import pytest
from helpers import mostly_fuzz

from nasnet_keras.latency.device import Device
from nasnet_keras.search import SearchConfig, load_study, pipeline, run
from nasnet_keras.search.costs.measured import FILE, read
from nasnet_keras.search.loop import SearchError
from nasnet_keras.search.study import StudyError
from nasnet_keras.training.recipes import Recipe

SMALL = {"trials": 2, "random_trials": 0, "finalists": 1, "final_epochs": 1, "num_repeats": 1, "filters": 2}
TABLE = {"evaluator": "tabular", "space": "nasbench201", "table": "a.csv"}
SMALL |= {"num_blocks": 1, "train_images": 50, "workers": 1, "recipe": Recipe(1, 50, 0.01)}


@pytest.fixture
def command(tmp_path):
    """A command whose latency is the file's size in KiB, and which notes each of its runs."""
    script = tmp_path / "phone.py"
    script.write_text(
        "import pathlib, sys\n"
        f"with open({str(tmp_path / 'runs')!r}, 'a') as file:\n    file.write('run\\n')\n"
        "print('pushed')\nprint(pathlib.Path(sys.argv[1]).stat().st_size / 1024)\n"
    )
    return f"{sys.executable} {script} {{model}}"


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"threads": 10**6}, "threads must be at most"),
        ({"latency_command": "adb shell run"}, "needs {model}"),
        ({"latency_command": "true {model}"}, "the last line of the command 'true {model}' must be a positive number"),
        ({"latency_command": "/no/adb {model}"}, "cannot be started"),
        ({"latency_command": "true {model}", "limit": ("peak_memory_mib=5",)}, "peak_memory_mib: the evaluator has no"),
    ],
)
def test_what_cannot_be_measured_is_one_error_before_the_search(settings, words, tmp_path):
    with pytest.raises(SearchError, match=words):
        run(SearchConfig(tmp_path / "study", **{"limit": ("latency_ms=5",), **SMALL, "executor": "inline", **settings}))
    assert not (tmp_path / "study").exists()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"runtime": "tvm"}, "runtime must be one of litert, onnx, openvino, tensorflow, got 'tvm'"),
        ({"runtime": "onnx", **TABLE}, "runtime is for networks that are trained"),
        ({"threads": 2, **TABLE}, "threads is for networks that are trained"),
    ],
)
def test_how_to_measure_is_checked_with_the_other_settings(settings, words, tmp_path):
    with pytest.raises(ValueError, match=words):
        SearchConfig(tmp_path, **settings)


@pytest.mark.slow
@pytest.mark.parametrize("executor", mostly_fuzz(["inline", "subprocess"], ["subprocess"]))
def test_children_are_measured_by_a_command(executor, command, tmp_path):
    settings = {**SMALL, "executor": executor, "latency_command": command, "limit": ("latency_ms=100000",)}
    study = run(SearchConfig(tmp_path / "study", **settings))
    assert study.device == Device("litert", command=command)
    assert [one.status for one in study.trials] == ["ok"] * 2
    lines = read(tmp_path / "study")
    costs = {line.genotype: line.costs["latency_ms"] for line in lines}  # of the random finalist, too
    assert len(costs) == 3 and all(costs[one.genotype.fingerprint] == one.costs["latency_ms"] for one in study.trials)
    runs = (tmp_path / "runs").read_text().count("run")
    assert runs == 1 + len(lines) and min(line.costs["latency_ms"] for line in lines) > 5
    assert load_study(tmp_path / "study").best == study.best
    assert json.loads((tmp_path / "study" / FILE).read_text().splitlines()[0])["device"]["command"] == command


@pytest.mark.slow
def test_children_are_measured_by_a_runtime_on_whatever_machine(tmp_path, monkeypatch):
    """A machine that is busy from the start ends the search before a trial, or makes trials with that reason."""
    monkeypatch.setattr(pipeline, "ATTEMPTS", 2)
    problems = []
    try:
        run(SearchConfig(tmp_path / "study", **SMALL, measure=("latency_ms", "peak_memory_mib")))
    except StudyError as error:
        problems.append(str(error))
    study = load_study(tmp_path / "study")
    none = bool(problems) and "no child can be measured, and none was recorded: MachineBusy" in problems[0]
    assert len(study.trials) == (0 if none else 2)
    assert study.device.runtime == "litert" and study.device.threads == 1 and study.device.processor
    for trial in study.trials:
        if trial.status == "ok":
            assert 0 < trial.costs["latency_ms"] < 1000 and 0 < trial.costs["peak_memory_mib"] < 500
        else:
            assert "MachineBusy" in trial.metrics["error"]
