"""The search: its space, its study and whole runs as a user starts them."""

import dataclasses
import json
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf

from nasnet_keras import Genotype
from nasnet_keras.genotypes import NASNET_A
from nasnet_keras.search import CellSpace, SearchConfig, Study, StudyError, load_study, run
from nasnet_keras.search.algorithms.random import RandomSearch
from nasnet_keras.search.evaluators import child
from nasnet_keras.search.evaluators.base import DivergedError
from nasnet_keras.search.evaluators.child import TrainingPlan, accuracy, train
from nasnet_keras.search.study import Trial
from nasnet_keras.training import datasets

TINY = {"trials": 2, "num_blocks": 1, "filters": 2, "epochs": 1, "final_epochs": 2}
PLAN = TrainingPlan(num_repeats=1, filters=4, epochs=2, batch_size=64, learning_rate=0.1, seed=3)


def trial(number, reward=0.5, **changes):
    values = {"status": "ok", "metrics": {}, "seconds": 1.0, "seed": number}
    return Trial(**{"trial": number, "genotype": NASNET_A, "reward": reward, **values, **changes})


# --- data and children


def test_digits_are_real_and_split_without_overlap():
    digits = datasets.load("digits")
    parts = (digits.train, digits.validation, digits.test)
    assert [len(part) for part in parts] == [1197, 300, 300] and digits.image_shape == (8, 8, 1)
    images = np.concatenate([part.images for part in parts])
    assert images.dtype == np.uint8 and images.min() == 0 and images.max() == 255
    assert len(np.unique(images.reshape(1797, -1), axis=0)) == 1797
    for part in parts:
        assert (np.bincount(part.labels, minlength=10) >= 15).all()


def test_children_learn():
    digits = datasets.load("digits")
    losses = []
    model, loss = train(NASNET_A, digits, PLAN, on_epoch=losses.append)
    assert len(losses) == 2 and losses[-1] == loss < losses[0]
    assert accuracy(model, digits.validation) > 0.8


def test_children_are_reproducible():
    digits = datasets.load("digits")
    few = datasets.Split(digits.train.images[:256], digits.train.labels[:256])  # four steps
    data = datasets.Dataset("few", few, digits.validation, digits.test, digits.class_names)
    plan = dataclasses.replace(PLAN, epochs=1)
    model, _ = train(NASNET_A, data, plan)
    keras.backend.clear_session()
    again, _ = train(NASNET_A, data, plan)
    other, _ = train(NASNET_A, data, dataclasses.replace(plan, seed=4))
    assert not np.allclose(model.get_weights()[0], other.get_weights()[0], atol=1e-2)
    for weight, other in zip(model.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_allclose(weight, other, rtol=1e-3, atol=1e-4)


def test_a_diverged_child_says_so():
    with pytest.raises(DivergedError):
        train(NASNET_A, datasets.load("digits"), TrainingPlan(1, 4, 2, 64, 1e20, seed=0))


def test_two_replicas_make_the_updates_of_one_device():
    """In its own process, since the devices must be split before TensorFlow starts."""
    subprocess.run([sys.executable, __file__], check=True, timeout=240)


def compare_replicas():
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, [tf.config.LogicalDeviceConfiguration()] * 2)
    digits = datasets.load("digits")
    # One step on images of which both halves are the same, so that each replica's batch statistics are the whole's.
    order = np.random.default_rng(3).permutation(32)  # as `train` with seed 3 will draw it
    images, labels = np.empty((32, 8, 8, 1), np.uint8), np.empty(32, np.int32)
    images[order], labels[order] = np.tile(digits.train.images[:16], (2, 1, 1, 1)), np.tile(digits.train.labels[:16], 2)
    data = datasets.Dataset("halves", datasets.Split(images, labels), *[digits.test] * 2, digits.class_names)
    plan = TrainingPlan(num_repeats=1, filters=4, epochs=1, batch_size=32, learning_rate=0.1, seed=3)
    models = []
    for devices in (["/cpu:0"], ["/cpu:0", "/cpu:1"]):
        keras.backend.clear_session()
        strategy = tf.distribute.MirroredStrategy(devices, tf.distribute.ReductionToOneDevice())
        assert strategy.num_replicas_in_sync == len(devices)
        models.append(train(NASNET_A, data, plan, strategy)[0])
    for one, two in zip(models[0].weights, models[1].weights, strict=True):
        np.testing.assert_allclose(one.numpy(), two.numpy(), rtol=1e-3, atol=2e-4, err_msg=one.path)


# --- study


def test_a_study_is_written_read_and_continued(tmp_path):
    config = SearchConfig(tmp_path / "study", **TINY)
    study = Study.open(config)
    with pytest.raises(StudyError, match="another process"):
        Study.open(config)
    study.append(trial(0, 0.5))
    study.append(trial(1, None, status="diverged"))
    study.append(trial(2, 0.7, genotype=CellSpace().decode(CellSpace().sample(np.random.default_rng(0)))))
    study.append(trial(3, 0.7))
    with pytest.raises(StudyError, match="does not follow"):
        study.append(trial(7))
    study.close()
    assert load_study(study.path).trials == study.trials
    assert study.best.trial == 2
    assert Genotype.from_json(study.path / "best_genotype.json") == study.best.genotype
    line = json.loads((study.path / "trials.jsonl").read_text().splitlines()[0])
    assert set(line) == {"trial", "genotype", "fingerprint", "status", "reward", "metrics", "seconds", "seed"}
    again = Study.open(config)
    assert again.trials == study.trials
    again.close()


def test_the_best_genotype_is_mended_after_a_kill(tmp_path):
    config = SearchConfig(tmp_path)
    better = CellSpace().decode(CellSpace().sample(np.random.default_rng(0)))
    study = Study.open(config)
    study.append(trial(0, 0.5))
    study.close()
    with (tmp_path / "trials.jsonl").open("a") as file:  # as a kill leaves it, before the other file is written
        file.write(trial(1, 0.9, genotype=better).to_line())
    Study.open(config).close()
    assert Genotype.from_json(tmp_path / "best_genotype.json") == better


def test_a_changed_configuration_is_refused_and_shown(tmp_path):
    Study.open(SearchConfig(tmp_path, seed=1)).close()
    before = (tmp_path / "study.json").read_bytes()
    with pytest.raises(StudyError, match="filters was 8 and is now 4; seed was 1 and is now 2"):
        Study.open(SearchConfig(tmp_path, seed=2, filters=4))
    assert (tmp_path / "study.json").read_bytes() == before
    Study.open(SearchConfig(tmp_path, seed=1, trials=500)).close()  # more of the same


def test_a_torn_last_line_is_dropped_and_a_damaged_one_reported(tmp_path):
    config = SearchConfig(tmp_path)
    study = Study.open(config)
    study.append(trial(0))
    study.append(trial(1))
    study.close()
    path = tmp_path / "trials.jsonl"
    whole = path.read_bytes()
    for cut in (1, 40, len(whole) // 2 - 1):
        path.write_bytes(whole[:-cut])
        assert load_study(tmp_path).trials == study.trials[:1]
        study_again = Study.open(config)
        study_again.append(trial(1))
        study_again.close()
        assert path.read_bytes() == whole
    path.write_bytes(whole.replace(b'"status": "ok"', b'"status": "good"', 1))
    damaged = path.read_bytes()
    with pytest.raises(StudyError, match=r"trials\.jsonl, line 1 is damaged"):
        Study.open(config)
    assert path.read_bytes() == damaged


def test_folders_that_are_no_studies(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(StudyError, match=r"not empty \(it has thesis\.txt\)"):
        Study.open(SearchConfig(tmp_path))
    with pytest.raises(StudyError, match="holds no study"):
        load_study(tmp_path)
    with pytest.raises(StudyError, match="cannot write"):
        Study.open(SearchConfig(tmp_path / "thesis.txt" / "study"))
    (tmp_path / "study.json").write_text('{"format": "nasnet_keras.study", "version": 9, "config": {}}')
    with pytest.raises(StudyError, match="version 9"):
        load_study(tmp_path)
    (tmp_path / "study.json").write_text("[]")
    with pytest.raises(StudyError, match="does not describe a study"):
        load_study(tmp_path)


def test_a_frozen_study_loads(tmp_path):
    """`tests/frozen/study` was written by version 0.1.0 and must load for ever."""
    study = load_study(shutil.copytree(Path(__file__).parent / "frozen" / "study", tmp_path / "study"))
    assert [t.trial for t in study.trials] == [0, 1]
    assert study.best.trial == 1 and study.best.reward == 0.21666666666666667
    assert study.best.genotype.fingerprint == "bb0673e20d450016"
    assert study.result["test_images"] == 300


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"trials": 0}, "trials must be a positive integer, got 0"),
        ({"epochs": 1.5}, "epochs must be a positive integer"),
        ({"learning_rate": 0.0}, "learning_rate must be positive"),
        ({"learning_rate": float("nan")}, "learning_rate must be positive"),
        ({"seed": -1}, "seed must be an integer from 0"),
        ({"dataset": "cifar"}, "dataset must be one of digits"),
    ],
)
def test_bad_configurations(arguments, message, tmp_path):
    with pytest.raises(ValueError, match=".") as caught:
        SearchConfig(tmp_path, **arguments)
    assert message in str(caught.value)


# --- whole runs


def test_run_saves_a_model_that_was_judged_after_reloading(tmp_path):
    study = run(SearchConfig(tmp_path, **TINY))
    assert len(study.trials) == 2 and study.best.status == "ok"
    model = keras.models.load_model(tmp_path / "best_model.keras")
    digits = datasets.load("digits")
    assert accuracy(model, digits.test) == study.result["test_accuracy"]
    assert study.result["fingerprint"] == study.best.genotype.fingerprint
    stamp = (tmp_path / "best_model.keras").stat().st_mtime_ns
    assert run(SearchConfig(tmp_path, **TINY)).result == study.result
    assert (tmp_path / "best_model.keras").stat().st_mtime_ns == stamp, "a finished search trains nothing"


def test_children_that_fail_are_trials_and_the_search_goes_on(tmp_path, monkeypatch):
    failures = [tf.errors.ResourceExhaustedError(None, None, "no memory"), RuntimeError("broken"), DivergedError("nan")]
    expected = ["out_of_memory", "crashed", "diverged", "ok"]
    real = child.train

    def fail(*arguments, **options):
        if failures:
            raise failures.pop(0)
        return real(*arguments, **options)

    monkeypatch.setattr(child, "train", fail)
    study = run(SearchConfig(tmp_path, **{**TINY, "trials": 4}))
    assert [t.status for t in load_study(tmp_path).trials] == expected and study.best.trial == 3
    assert study.trials[1].metrics == {"error": "RuntimeError: broken"} and study.trials[1].reward is None


def test_a_final_training_that_diverges_is_one_clear_error(tmp_path, monkeypatch):
    study = run(SearchConfig(tmp_path, **TINY))
    (tmp_path / "result.json").unlink()

    def diverge(*arguments, **options):
        raise DivergedError("the loss became nan")

    monkeypatch.setattr(child, "train", diverge)
    with pytest.raises(StudyError, match="diverged in its longer training"):
        run(SearchConfig(tmp_path, **TINY))
    assert load_study(tmp_path).trials == study.trials


def command(*flags):
    return [sys.executable, "-m", "nasnet_keras.search", *flags]


def flags_for(workdir, **changes):
    return [f"--{name}={value}" for name, value in {**TINY, "workdir": workdir, **changes}.items()]


def test_a_killed_search_goes_on_with_the_same_trials(tmp_path):
    config = {**TINY, "trials": 6}
    space = CellSpace(num_blocks=1)
    expected = [space.decode(RandomSearch(space, 0).ask(number)).fingerprint for number in range(6)]
    process = subprocess.Popen(command(*flags_for(tmp_path / "killed", **config)), stderr=subprocess.DEVNULL)
    log = tmp_path / "killed" / "trials.jsonl"
    deadline = time.monotonic() + 120
    while not log.exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(signal.SIGKILL)
    process.wait()
    first = load_study(tmp_path / "killed").trials
    assert 1 <= len(first) < 6
    done = subprocess.run(
        command(*flags_for(tmp_path / "killed", **config)), check=True, capture_output=True, text=True, timeout=240
    )
    trials = load_study(tmp_path / "killed").trials
    assert [t.genotype.fingerprint for t in trials] == expected and trials[: len(first)] == first
    assert "test accuracy 0." in done.stdout and "best_model.keras" in done.stdout
    assert "search:" in done.stderr, "progress is shown"


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--trials=0"], "--trials"),
        (["--dataset=imagenet"], "--dataset"),
        (["--learning_rate=-1"], "learning_rate must be positive, got -1.0"),
        (["--no_such_flag=1"], "no_such_flag"),
        (["digits"], "unexpected arguments ['digits']"),
    ],
)
def test_bad_flags_are_one_clear_error_and_make_no_folder(flags, message, tmp_path):
    done = subprocess.run(command(*flags), capture_output=True, text=True, cwd=tmp_path, timeout=60)
    assert done.returncode != 0
    assert message in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


def test_help_lists_the_flags():
    done = subprocess.run(command("--help"), capture_output=True, text=True, timeout=60)
    for name in ("--workdir", "--trials", "--num_blocks", "--seed"):
        assert name in done.stdout


if __name__ == "__main__":
    compare_replicas()
