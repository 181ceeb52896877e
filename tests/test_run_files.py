"""Damaged files of runs: the documented error, or what is whole, and the folder as it was."""

import json
import shutil
import struct
import zipfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from frozen.settings import FINE_TUNING, TRAINING, TRAINING_DATA, TRAINING_RECIPE
from fuzz import damaged_bytes, damaged_json, rounds
from helpers import SMALL_GENOTYPE

from nasnet_keras import pretrained
from nasnet_keras.training import checkpoint, datasets, records
from nasnet_keras.training.checkpoint import CheckpointError
from nasnet_keras.training.config import TrainingConfig
from nasnet_keras.training.job import train
from nasnet_keras.training.recipes import Recipe
from nasnet_keras.training.run import Run
from nasnet_keras.training.trainer import Trainer
from nasnet_keras.utils.files import write_npz
from nasnet_keras.utils.workdir import WorkdirError

FROZEN = Path(__file__).parent / "frozen"
ARRAYS = {"parameters": np.arange(6, dtype=np.float32), "generator_0": np.array([1, 2], np.uint32)}
FIGURES = {"loss": 0.5, "accuracy": 0.75, "learning_rate": 0.1, "seconds": 2.5, "validation_accuracy": 0.5}
HISTORY = [{"epoch": epoch, **FIGURES} for epoch in range(3)]
POSITION = {"step": 11, "epoch_sums": [2.5, 1.5, 3.0], "seconds": 4.5, "history": HISTORY}


def anything(position):
    return position


@pytest.fixture
def run():
    """A run of 5 epochs of 4 steps, without its network."""
    trainer = SimpleNamespace(total=20, steps_per_epoch=4, _sums=np.zeros(3), epoch=2, step=11)
    trainer.dataset = SimpleNamespace(validation=range(40))
    trainer.check = lambda position: Trainer.check(trainer, position)
    made = object.__new__(Run)
    made.trainer, made._patience = trainer, 3
    return made


# --- checkpoints


@rounds(200, 10_000)
def test_a_checkpoint_of_damaged_bytes(seeds, tmp_path):
    path = tmp_path / "checkpoint.npz"
    checkpoint.write(path, ARRAYS, POSITION)
    data = path.read_bytes()
    read = 0
    for seed in seeds:
        path.write_bytes(damaged_bytes(data, seed))
        try:
            arrays, position = checkpoint.read(path, ARRAYS, anything)
        except CheckpointError as error:
            assert len(str(error)) < 1000
        else:
            read += 1
            assert position == POSITION and arrays.keys() == ARRAYS.keys()
            assert all(np.array_equal(arrays[name], ARRAYS[name]) for name in ARRAYS)
    assert read < len(seeds) / 2


@rounds(300, 10_000)
def test_a_checkpoint_of_a_damaged_position(seeds, tmp_path, run):
    path = tmp_path / "checkpoint.npz"
    read = 0
    for seed in seeds:
        write_npz(path, {"position": np.asarray(damaged_json(POSITION, seed)), **ARRAYS})
        try:
            _, position = checkpoint.read(path, ARRAYS, run._check)
        except CheckpointError as error:
            assert len(str(error)) < 1000
        else:
            read += 1
            run.history = position["history"]
            run.trainer.step = position["step"]
            assert 0 <= position["step"] <= 20 and position["seconds"] >= 0 and run.kept_epoch is not None
            assert not run.ended or position["step"] == 20
    assert read < len(seeds) / 4


def test_positions_where_no_run_stood(run):
    run._check(POSITION)
    entry = HISTORY[-1]
    wrong = [{"step": step} for step in (-1, 21, 11.0, True, "11", None, 10**400, float("nan"), 8, 12)]
    wrong += [{"epoch_sums": sums} for sums in ([], [0.0] * 3, ["0"] * 3, [float("inf"), 0.0, 3.0], 3, [[0.0] * 3])]
    wrong += [{"seconds": seconds} for seconds in (-1, "4", None, float("nan"), float("inf"), 10**400, [4.5], True)]
    wrong += [{"history": history} for history in (None, {}, "", [], HISTORY[:2], HISTORY[1:], [*HISTORY, entry], [0])]
    for name, value in (("epoch", 3), ("epoch", "2"), ("epoch", 2.0), ("loss", "x"), ("loss", float("nan"))):
        wrong.append({"history": [*HISTORY[:2], {**entry, name: value}]})
    for name, value in (("validation_accuracy", 1.5), ("accuracy", -0.1), ("x", None), ("x", True), ("x", 10**400)):
        wrong.append({"history": [*HISTORY[:2], {**entry, name: value}]})
    for change in wrong:
        with pytest.raises(ValueError, match="expected"):
            run._check({**POSITION, **change})
    for name in POSITION:
        with pytest.raises(ValueError, match="expected"):
            run._check({key: value for key, value in POSITION.items() if key != name})
    run._patience = None  # such a run has no epoch 0
    run._check({**POSITION, "history": HISTORY[1:]})
    with pytest.raises(ValueError, match="expected epoch 1 in the history, got 0"):
        run._check(POSITION)


def with_header(path, text, data=b"", version=b"\x01\x00"):
    """A checkpoint whose parameters have a header of one's own."""
    checkpoint.write(path, ARRAYS, {})
    with zipfile.ZipFile(path) as whole:
        members = {name: whole.read(name) for name in whole.namelist()}
    header = text.encode() + b"\n"
    members["parameters.npy"] = b"\x93NUMPY" + version + struct.pack("<H", len(header)) + header + data
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)


def test_arrays_that_a_checkpoint_may_not_hold(tmp_path):
    """Nothing is read that is larger than what is expected, or is no array of numbers."""
    path = tmp_path / "checkpoint.npz"

    def refused(match):
        with pytest.raises(CheckpointError, match=match):
            checkpoint.read(path, ARRAYS, anything)

    good = "{'descr': '<f4', 'fortran_order': False, 'shape': (6,), }"
    with_header(path, good, ARRAYS["parameters"].tobytes())
    assert np.array_equal(checkpoint.read(path, ARRAYS, anything)[0]["parameters"], ARRAYS["parameters"])
    for shape, data in (("(1099511627776,)", b""), ("(1048576, 1048576)", bytes(10**7)), ("(6,)", bytes(10**7))):
        with_header(path, good.replace("(6,)", shape), data)
        refused("bytes is one of")
    with_header(path, good.replace("(6,)", "(-6,)"))
    refused("expected arrays of numbers")
    with_header(path, good.replace("<f4", "|O"), b"cos\nsystem\n(S'true'\ntR." * 2)
    refused("expected arrays of numbers")
    with_header(path, good.replace("<f4", "<f8"), bytes(48))
    refused(r"of another network: parameters is float64 of \(6,\), expected float32 of \(6,\)")
    with_header(path, good.replace("(6,)", "(3, 2)"), bytes(24))
    refused(r"float32 of \(3, 2\)")
    with_header(path, "{" * 900)
    refused("cannot be read")
    with_header(path, good, bytes(24), version=b"\x07\x00")
    refused("cannot be read")
    for name, value in (("position", np.arange(3)), ("position", np.asarray("[1]")), ("x" * 5000, np.zeros(2))):
        write_npz(path, {"position": np.asarray("{}"), **ARRAYS, name: value})
        refused("cannot be read|of another network")
    write_npz(path, ARRAYS)
    refused("expected a text as its position, got absent")
    write_npz(path, {"position": np.asarray("[" * 5000 + "]" * 5000), **ARRAYS})
    refused("nested")
    checkpoint.write(path, ARRAYS, {})
    with zipfile.ZipFile(path, "a") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("parameters.npy", b"")
    refused("two arrays of one name")
    path.unlink()
    path.mkdir()
    refused("it is no file")


# --- whole folders


@pytest.fixture
def frozen(tmp_path, monkeypatch):
    shutil.copytree(FROZEN, tmp_path / "frozen")
    monkeypatch.chdir(tmp_path / "frozen")
    return tmp_path / "frozen"


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


def trained(folder):
    config = TrainingConfig(folder, SMALL_GENOTYPE, recipe=Recipe(**TRAINING_RECIPE), **TRAINING)
    return lambda: train(config, datasets.load(**TRAINING_DATA)).history


def fine_tuned(folder):
    return lambda: pretrained.fine_tune("trained/frozen.json", workdir=folder, **FINE_TUNING).history


@rounds(30, 1500)
@pytest.mark.parametrize(
    ("folder", "begin", "names"),
    [
        ("trained", trained, ("training.json", "history.json")),
        ("fine_tuned", fine_tuned, ("fine_tuning.json", "result.json")),
    ],
)
def test_a_finished_run_of_damaged_files(folder, begin, names, seeds, frozen):
    go_on = begin(folder)
    go_on()
    before, errors = content(frozen / folder), 0
    for name in names:
        path = frozen / folder / name
        plain = json.loads(path.read_text())
        for seed in seeds:
            text = damaged_json(plain, seed)
            path.write_bytes(text.encode(errors="surrogateescape"))
            damaged = content(frozen / folder)
            try:
                history = go_on()
            except WorkdirError as error:
                errors += 1
                assert len(str(error)) < 6000
            else:
                assert records.history(history, first=history[0]["epoch"]) == history
            assert content(frozen / folder) == damaged
        path.write_bytes(before[path])
    assert errors > len(seeds)


@pytest.mark.parametrize(
    ("folder", "begin", "names"),
    [("training", trained, ("checkpoint.npz",)), ("fine_tuning", fine_tuned, ("start.npz", "checkpoint.npz"))],
)
def test_an_unfinished_run_of_damaged_files(folder, begin, names, frozen):
    go_on = begin(folder)
    for name in names:
        path = frozen / folder / name
        whole = path.read_bytes()
        for damaged in (whole[:-30], whole.replace(b"s\0\0\0e\0\0\0c\0\0\0o", b"S\0\0\0e\0\0\0c\0\0\0o"), b""):
            path.write_bytes(damaged)
            before = content(frozen / folder)
            with pytest.raises(CheckpointError, match=f"{name} cannot be read"):
                go_on()
            after = content(frozen / folder)
            assert {file for file in {*before, *after} if before.get(file) != after.get(file)} <= {
                frozen / folder / f"{folder}.json"  # which this version adds to
            }
        path.write_bytes(whole)


def test_a_fine_tuning_that_lost_its_start_does_not_train_the_head_again(frozen, monkeypatch):
    go_on = fine_tuned("fine_tuning")
    (frozen / "fine_tuning" / "start.npz").unlink()
    path = frozen / "fine_tuning" / "checkpoint.npz"
    path.write_bytes(path.read_bytes()[:-30])
    monkeypatch.setattr("nasnet_keras.pretrained.start.train_head", None)
    with pytest.raises(CheckpointError, match=r"checkpoint.npz cannot be read"):
        go_on()
    assert not (frozen / "fine_tuning" / "start.npz").exists()
