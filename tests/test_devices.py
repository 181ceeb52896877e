"""A study that goes on on another device: what the algorithm is told, and what is compared."""

import json
import logging

import pytest
from own_classes import Climbing, Measured, Pairs

from nasnet_keras.latency.device import Device
from nasnet_keras.latency.errors import MachineBusy
from nasnet_keras.search import SearchConfig, load_study, pipeline, run
from nasnet_keras.search.costs.measured import FILE, read
from nasnet_keras.search.report.terminal import summary
from nasnet_keras.search.study import StudyError
from nasnet_keras.search.study.trial import fingerprint, genotype_of


class OnDevice(Measured):
    """Measures on a processor that takes so many times as long; its parameters are known without it."""

    def __init__(self, scale=1.0, processor="slow", factor=1.0, busy=0):
        super().__init__(scale, busy=busy)
        self.processor, self.factor = processor, factor

    def device(self):
        return Device("litert", "2.3.0", 1, self.processor)

    def measure(self, genotype, seed):
        (cost,) = super().measure(genotype, seed).values()
        return {"latency_ms": self.factor * cost}


def searched(path, evaluator, trials=12, **settings):
    settings = {"limit": "latency_ms=3.5", "executor": "inline", "random_trials": 4, "finalists": 1, **settings}
    return run(SearchConfig(path, trials=trials, **settings), algorithm=Climbing, evaluator=evaluator, space=Pairs())


def measured(evaluator):
    return [fingerprint(genotype) for what, genotype in evaluator.calls if what == "measure"]


def test_the_device_stands_in_the_study(tmp_path):
    study = searched(tmp_path, OnDevice())
    assert study.device == Device("litert", "2.3.0", 1, "slow") == load_study(tmp_path).device
    plain = json.loads((tmp_path / "study.json").read_text())
    assert plain["measured"] == {"costs": ["latency_ms"], "devices": [study.device.to_json()]}
    assert "Latencies are measured on litert 2.3.0, 1 thread, slow." in (tmp_path / "report.html").read_text()
    assert "Measured on litert 2.3.0, 1 thread, slow\n" in summary(study)
    again = OnDevice()
    assert searched(tmp_path, again).best == study.best and not again.calls, "a finished study measures nothing"
    unlimited = run(SearchConfig(tmp_path / "other", trials=2, executor="inline"), evaluator=OnDevice(), space=Pairs())
    assert unlimited.device is None


def test_what_could_be_best_is_measured_on_the_new_device_and_the_old_costs_are_not_compared(tmp_path, caplog):
    before = searched(tmp_path, OnDevice())
    lines = (tmp_path / "trials.jsonl").read_text()
    assert before.best.reward == 3 and before.best.costs["latency_ms"] == 3.1
    slower = OnDevice(processor="slower", factor=2.0)
    with caplog.at_level(logging.WARNING):
        after = searched(tmp_path, slower)
    assert "was measured on litert 2.3.0, 1 thread, slow, and goes on on litert 2.3.0, 1 thread, slower" in caplog.text
    good = {fingerprint(one.genotype) for one in (*before.trials, *before.random_trials) if one.status == "ok"}
    assert set(measured(slower)) == good and len(measured(slower)) == len(good), "each once"
    assert (tmp_path / "trials.jsonl").read_text() == lines, "what an algorithm was told stays"
    for study in (after, load_study(tmp_path)):
        assert study.device.processor == "slower"
        assert study.best.reward == 1 and study.best.costs == {"parameters": 11, "latency_ms": 2.2}
        shown = [one for one in study.trials if "latency_ms" in one.costs]
        assert {one.status for one in shown} == {"ok"} and len(shown) < len(study.trials)
        assert all(one.costs["latency_ms"] == 2 * Measured.latency(one.genotype) for one in shown)
        assert study.get(before.best.trial).costs["latency_ms"] == 3.1
        assert {one.reward for one in study.pareto(("latency_ms",))} == {one.reward for one in shown}
    assert json.loads((tmp_path / "best_genotype.json").read_text()) == json.loads(after.best.genotype.to_json())


def test_trials_after_the_change_are_of_the_new_device_and_the_way_back_costs_nothing(tmp_path):
    first = searched(tmp_path, OnDevice(), trials=8)
    second = searched(tmp_path, OnDevice(processor="fast", factor=0.5), trials=20)
    new = second.trials[8:]
    assert all(one.costs["latency_ms"] == Measured.latency(one.genotype) / 2 for one in new)
    assert second.best.reward > first.best.reward
    assert {one.device.processor for one in read(tmp_path)} == {"fast"}
    third = OnDevice(processor="slow")
    back = searched(tmp_path, third, trials=20)
    assert all(one.costs.get("latency_ms", 9) in (9, Measured.latency(one.genotype)) for one in back.trials)
    fourth = OnDevice(processor="fast", factor=0.5)
    assert searched(tmp_path, fourth, trials=20).best == second.best and not measured(fourth)


def test_the_trials_of_a_study_are_those_of_one_that_never_moved(tmp_path):
    """As far as limits let the same children through."""

    def facts(study, count):
        return [(one.genotype, one.status) for one in study.trials[:count]]

    whole = searched(tmp_path / "whole", OnDevice(), trials=16)
    searched(tmp_path / "moved", OnDevice(), trials=8)
    moved = searched(tmp_path / "moved", OnDevice(processor="equal"), trials=16)
    assert facts(moved, 16) == facts(whole, 16)


def failing(monkeypatch, error):
    def measure(self, genotype, seed):
        raise error

    monkeypatch.setattr(OnDevice, "measure", measure)


def test_a_child_that_cannot_be_measured_anew_is_left_out_and_tried_again(tmp_path, monkeypatch, caplog):
    before = searched(tmp_path, OnDevice())
    failing(monkeypatch, OSError("no device"))
    with pytest.raises(StudyError, match="none of 12 children is within latency_ms=3.5"):
        searched(tmp_path, OnDevice(processor="other"))
    assert "cannot be measured anew: OSError: no device" in caplog.text and "lacks its trials" not in caplog.text
    assert load_study(tmp_path).best is None and not (tmp_path / "best_genotype.json").exists(), "it is of the old one"
    monkeypatch.undo()
    assert searched(tmp_path, OnDevice(processor="other")).best.reward == before.best.reward
    assert json.loads((tmp_path / "best_genotype.json").read_text()) == json.loads(before.best.genotype.to_json())


def test_a_machine_that_is_too_busy_to_measure_anew_is_one_error(tmp_path, monkeypatch):
    pauses = []
    monkeypatch.setattr(pipeline.time, "sleep", pauses.append)
    before = searched(tmp_path, OnDevice())
    failing(monkeypatch, MachineBusy("another job runs"))
    with pytest.raises(StudyError, match="cannot be measured anew, and are when .* again: MachineBusy: another job"):
        searched(tmp_path, OnDevice(processor="other"))
    assert sum(pauses) == 2 + 4 + 8 + 16, "at one child"
    monkeypatch.undo()
    assert searched(tmp_path, OnDevice(processor="other")).best.reward == before.best.reward


def test_a_finished_study_has_the_costs_of_the_latest_device_everywhere(tmp_path):
    settings = {"limit": "latency_ms=9", "finalists": 2, "random_trials": 8}
    before = searched(tmp_path, OnDevice(), **settings).result
    after = searched(tmp_path, OnDevice(processor="slower", factor=2.0), **settings).result
    assert after["fingerprint"] == before["fingerprint"] and len(after["finalists"]) == 4
    for result, factor in ((before, 1.0), (after, 2.0)):
        for one in result["finalists"]:
            assert one["costs"]["latency_ms"] == factor * Measured.latency(genotype_of(one["genotype"]))


@pytest.mark.parametrize("value", [3, {"costs": 1, "devices": []}, {"costs": [], "devices": [{"threads": 1}]}, {}])
def test_damaged_devices_are_one_error(value, tmp_path):
    searched(tmp_path, OnDevice(), trials=2, random_trials=0)
    plain = json.loads((tmp_path / "study.json").read_text())
    (tmp_path / "study.json").write_text(json.dumps({**plain, "measured": value}))
    with pytest.raises(StudyError, match="study.json is damaged: measured cannot be"):
        load_study(tmp_path)


def test_damaged_measurements_are_one_error(tmp_path):
    searched(tmp_path, OnDevice(), trials=2, random_trials=0)
    (tmp_path / FILE).write_text("nonsense\n")
    with pytest.raises(StudyError, match=rf"{FILE}, line 1 is damaged"):
        load_study(tmp_path)
