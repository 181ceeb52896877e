"""The job `nasnet-latency`: one measurement, and a predictor of networks that are drawn, exported and measured."""

import functools
import json
import subprocess
import sys
import time

import numpy as np
import pytest

from nasnet_keras.latency.attempts import when_calm
from nasnet_keras.latency.command import LatencyCommand
from nasnet_keras.latency.errors import LatencyError, MachineBusy
from nasnet_keras.latency.predictor_file import read_predictor
from nasnet_keras.latency.protocol import Protocol
from nasnet_keras.search import spaces
from nasnet_keras.search.costs.meter import Meter
from nasnet_keras.search.latency import fitting
from nasnet_keras.search.latency.__main__ import main
from nasnet_keras.search.latency.config import LatencyConfig
from nasnet_keras.search.latency.drawn import DrawnNetworks
from nasnet_keras.search.spaces.nasnet import CellSpace

SMALL = DrawnNetworks(spaces.make("nasnet", num_blocks=1), (8, 8, 1), {"num_repeats": 1, "filters": 1})


class Counting:
    """A meter that says how long a network takes by its size, and is busy at first."""

    device = Meter.of("litert", 1, "echo 1 {model}", ".").device

    def __init__(self, busy=0):
        self.busy, self.asked = busy, []

    def costs(self, network):
        if self.busy:
            self.busy -= 1
            raise MachineBusy("busy")
        self.asked.append(network.genotype)
        return {"latency_ms": 1.0 + len(self.asked) / 10}


def test_drawn_networks_are_the_same_every_time():
    again = DrawnNetworks(spaces.make("nasnet", num_blocks=1), (8, 8, 1), {"num_repeats": 1, "filters": 1})
    assert [again.genotype(number) for number in range(20)] == [SMALL.genotype(number) for number in range(20)]
    assert len({SMALL.genotype(number) for number in range(20)}) > 10
    assert SMALL.described(0).fingerprint != SMALL.described(1).fingerprint
    mnasnet = DrawnNetworks(spaces.make("mnasnet"), (32, 32, 3), {"num_repeats": 1})
    assert mnasnet.network == {"stem_stride": 1, "classes": 10}


def test_networks_to_measure_differ():
    class Few(CellSpace):
        """Half of the draws are the same."""

        def sample(self, generator):
            found = super().sample(generator)
            return found if generator.random() < 0.5 else [0] * len(found)

    networks = DrawnNetworks(Few(num_blocks=1), (8, 8, 1), {"num_repeats": 1, "filters": 1})
    numbers = networks.different(15)
    assert len({networks.genotype(number).fingerprint for number in numbers}) == 15 < max(numbers)
    few = DrawnNetworks(CellSpace(num_blocks=1), (8, 8, 1), {"num_repeats": 1, "filters": 1})
    object.__setattr__(few, "genotype", lambda number, first=few.genotype: first(number % 7))
    with pytest.raises(LatencyError, match="of 200 draws of the space [1-7] are different: expected 10"):
        few.different(10)


def test_networks_that_cannot_be_drawn_are_one_error():
    with pytest.raises(ValueError, match="must be a positive integer"):
        DrawnNetworks(spaces.make("nasnet"), (8, 8, 1), {"num_repeats": 1, "filters": 0})
    with pytest.raises(ValueError, match="at least 8"):
        DrawnNetworks(spaces.make("nasnet"), (4, 4, 1), {"num_repeats": 1, "filters": 1})


def test_a_predictor_is_made_of_as_many_networks_as_asked_for(tmp_path, monkeypatch):
    monkeypatch.setattr(fitting, "when_calm", functools.partial(when_calm, pause_seconds=0.0))
    meter = Counting(busy=3)
    made = fitting.make_predictor(SMALL, "nasnet", 12, meter, tmp_path / "a.json")
    assert len(meter.asked) == made.networks == 12
    assert read_predictor(tmp_path / "a.json").held_out == made.held_out
    with pytest.raises(MachineBusy):
        fitting.make_predictor(SMALL, "nasnet", 12, Counting(busy=30), tmp_path / "b.json")
    assert not (tmp_path / "b.json").exists()


def test_a_measurement_waits_for_a_calm_machine():
    busy = [MachineBusy("others"), MachineBusy("others"), 3.0]
    started = time.monotonic()
    assert when_calm(lambda: answered(busy), attempts=3, pause_seconds=0.05) == 3.0 and not busy
    assert time.monotonic() - started >= 0.1
    busy = [MachineBusy("first"), MachineBusy("last"), 3.0]
    with pytest.raises(MachineBusy, match="last"):
        when_calm(lambda: answered(busy), attempts=2, pause_seconds=0.0)
    with pytest.raises(LatencyError, match="broken"):
        when_calm(lambda: answered([LatencyError("broken"), 3.0]), pause_seconds=60.0)


def answered(answers):
    """The next answer, which is raised if it is an error."""
    answer = answers.pop(0)
    if isinstance(answer, Exception):
        raise answer
    return answer


def test_settings_that_make_no_predictor_are_one_error_before_anything_is_measured(tmp_path):
    with pytest.raises(LatencyError, match="at least 10 networks, got 9"):
        fitting.check(9, tmp_path / "a.json")
    for path in (tmp_path / "missing" / "a.json", tmp_path):
        with pytest.raises(LatencyError, match="expected the path of a file in a folder that exists"):
            fitting.check(10, path)
    with pytest.raises(ValueError, match="runtime must be one of litert"):
        LatencyConfig(runtime="tvm")
    with pytest.raises(LatencyError, match="needs {model} among its arguments"):
        LatencyConfig(latency_command="true").meter()


def test_the_runtime_of_a_file_follows_from_its_name(tmp_path):
    config = LatencyConfig(output=str(tmp_path / "a.json"))
    assert config.meter(tmp_path / "model.onnx").protocol.runtime == "onnx"
    assert config.meter(tmp_path / "model.tflite").protocol.runtime == "litert"
    assert config.meter().protocol == Protocol("litert", 1, accuracy=0.02)
    assert LatencyConfig(runtime="tflite").runtime == "litert"
    assert LatencyConfig(latency_command="echo 1 {model}").meter().command == LatencyCommand("echo 1 {model}")


def test_the_sizes_of_images_are_those_of_the_file_unless_they_are_given(tmp_path):
    path = tmp_path / "model.onnx"
    assert LatencyConfig().meter(path).protocol.input_shape is None
    assert LatencyConfig(image_size=64).meter(path).protocol.input_shape == (64, 64, 3)
    assert LatencyConfig(channels=1).meter(path).protocol.input_shape == (32, 32, 1)
    assert LatencyConfig(image_size=64).meter().protocol.input_shape is None, "networks have their own"
    assert LatencyConfig().drawn().input_shape == (32, 32, 3)


def test_the_width_of_stages_is_a_setting():
    networks = LatencyConfig(space="mnasnet", alpha=0.5).drawn()
    assert networks.network == {"alpha": 0.5, "stem_stride": 1, "classes": 10}
    assert "alpha" not in LatencyConfig(num_blocks=1).drawn().network


def measured(model, capsys, **settings):
    main({"models": [str(model)], **settings})
    return capsys.readouterr().out


def test_a_measurement_has_the_size_that_was_given_and_a_command_any_file(tmp_path, monkeypatch, capsys):
    for name in ("model.tflite", "model.dlc"):
        (tmp_path / name).write_bytes(b"")
    given = {}
    monkeypatch.setattr("nasnet_keras.latency.measuring.measure_latency", lambda *_, **options: given.update(options))
    measured(tmp_path / "model.tflite", capsys, image_size=64)
    assert given["input_shape"] == (64, 64, 3)
    by_command = {"latency_command": "echo 12.5 {model}"}
    with pytest.raises(LatencyError, match="there is no file"):
        measured(tmp_path / "missing.dlc", capsys, **by_command)
    code = f"{sys.executable} -c 'print(12.5)' {{model}}"
    assert measured(tmp_path / "model.dlc", capsys, latency_command=code) == f"12.5 ms; {code}\n"


def job(*flags, **options):
    command = [sys.executable, "-m", "nasnet_keras.search.latency", *flags]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600, **options)


@pytest.mark.slow
def test_the_job_measures_a_file_and_says_what_is_wrong(tmp_path):
    SMALL.export(0, {"litert": tmp_path / "a.tflite"})
    command = f"{sys.executable} -c 'print(12.5)' {{model}}"
    by_command = job(str(tmp_path / "a.tflite"), f"--latency_command={command}")
    assert by_command.stdout.startswith("12.5 ms; "), by_command.stderr
    for flags, said in (([], "give the path of one"), (["missing.tflite"], "there is no file")):
        found = job(*flags)
        assert (found.returncode, found.stdout) == (1, "") and said in found.stderr, found.stderr
        assert found.stderr.count("\n") == 1


@pytest.mark.slow
def test_the_job_makes_a_predictor_and_goes_on_where_it_was_stopped(tmp_path):
    """By a command that calls the size of a file its latency."""
    flags = ["--fit", "--num_blocks=1", "--filters=1", "--image_size=8", "--channels=1", "--networks=10"]
    program = "import os, sys; print(os.path.getsize(sys.argv[1]) / 1e5)"
    flags += [f"--latency_command={sys.executable} -c '{program}' {{model}}", f"--output={tmp_path / 'a.json'}"]
    first = job(*flags)
    assert first.returncode == 0 and "Held out: median error" in first.stdout, first.stderr
    lines = (tmp_path / "latencies.jsonl").read_text().splitlines()
    made = read_predictor(tmp_path / "a.json")
    assert made.networks == 10 and made.device.command is not None
    assert len({json.loads(line)["network"] for line in lines}) == 10
    again = job(*flags)
    assert again.stdout == first.stdout
    assert (tmp_path / "latencies.jsonl").read_text().splitlines() == lines
    latency, deviation = made.predict(SMALL.genotype(3))
    assert np.isfinite([latency, deviation]).all() and latency > 0
