"""Files of a study, damaged in any way: read as what is whole, or one `StudyError`, and left as they were."""

import io
import json
import os
import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from fuzz import VALUES, damaged_bytes, damaged_json, rounds

from nasnet_keras.search import SearchConfig, Study, StudyError, load_study, run
from nasnet_keras.search.algorithms.evolution import RegularizedEvolution
from nasnet_keras.search.finals import is_finished
from nasnet_keras.search.report.page import report
from nasnet_keras.search.report.terminal import summary
from nasnet_keras.search.spaces.nasbench201 import NASBench201Space
from nasnet_keras.search.study.checkpoints import Checkpoints
from nasnet_keras.search.study.trial import Trial
from nasnet_keras.training.recipes import Recipe

FROZEN = Path(__file__).parent / "frozen"
STUDIES = sorted(path.parent for path in FROZEN.glob("study*/study.json"))


def used(folder):
    """All that reads a study's files, and what is left of them."""
    study = load_study(folder)
    report(study).encode()
    try:
        result = study.result
    except StudyError:
        return
    if result is not None:
        summary(study)
    is_finished(SearchConfig(folder), study)


def files_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file() and path.name != ".lock"}


@pytest.mark.parametrize("folder", STUDIES, ids=lambda path: path.name)
def test_frozen_studies_are_whole(folder, tmp_path):
    used(shutil.copytree(folder, tmp_path / "study"))


@rounds(60, 4000)
@pytest.mark.parametrize("name", ["study.json", "result.json", "trials.jsonl"])
def test_a_damaged_file_is_its_error_or_read(name, seeds, tmp_path):
    folders = [folder for folder in STUDIES if (folder / name).exists()]
    copies = [shutil.copytree(folder, tmp_path / folder.name) for folder in folders]
    texts = [(folder / name).read_text() for folder in copies]
    for seed in seeds:
        folder, text = copies[seed % len(copies)], texts[seed % len(copies)]
        if name == "trials.jsonl":
            first, *others = text.splitlines()
            damaged = "\n".join([damaged_json(json.loads(first), seed).replace("\n", " "), *others, ""])
        else:
            damaged = damaged_json(json.loads(text), seed)
        (folder / name).write_bytes(damaged.encode(errors="surrogateescape" if seed % 2 else "replace"))
        before = files_of(folder)
        for use in (lambda folder=folder: used(folder), lambda folder=folder: Study.open(SearchConfig(folder)).close()):
            try:
                use()
            except StudyError as error:
                assert len(str(error)) < 5000, seed
            except Exception as error:
                raise AssertionError(f"seed {seed} of {folder.name}: {damaged[:300]!r}") from error
        assert files_of(folder) == before, seed


@pytest.mark.parametrize("name", [*SearchConfig.__dataclass_fields__, "epochs"])
def test_a_field_of_any_type_is_one_clear_error_or_legal(name, tmp_path):
    """In a configuration, and in a file, from which it may be missing too."""
    plain = {**SearchConfig(tmp_path).to_json(), "workdir": "study"}
    described = {"format": "nasnet_keras.study", "version": 1, "config": plain}
    for value in (*VALUES, [0.5] * 3, {"epochs": 1}, 1e-320):
        try:
            SearchConfig(**{"workdir": "study", **({name: value} if name != "epochs" else {"seed": value})})
        except ValueError as error:
            assert len(str(error)) < 2000
        (tmp_path / "study.json").write_text(json.dumps({**described, "config": {**plain, name: value}}))
        try:
            used(tmp_path)
        except StudyError as error:
            assert "damaged" in str(error) or "can be read" in str(error)
    plain.pop(name, None)
    (tmp_path / "study.json").write_text(json.dumps(described))
    used(tmp_path)


@pytest.mark.parametrize("name", Recipe.__dataclass_fields__)
def test_a_recipe_of_any_type_is_one_clear_error_or_shown(name, tmp_path):
    plain = SearchConfig(tmp_path).to_json()
    for value in (*VALUES, [[0.0, 10**400]], [[0.0, 1.0], [0.5, None]]):
        changed = {**plain, "recipe": {**plain["recipe"], name: value, "of a later version": NotImplemented.__doc__}}
        described = {"format": "nasnet_keras.study", "version": 1, "config": changed}
        (tmp_path / "study.json").write_text(json.dumps(described))
        try:
            used(tmp_path)
        except StudyError as error:
            assert "damaged" in str(error) or "can be read" in str(error)


@pytest.mark.parametrize("version", [2, None, "1", 10**300, [[[]]], {}])
def test_a_study_of_another_version_is_one_clear_error(version, tmp_path):
    described = {"format": "nasnet_keras.study", "version": version, "config": SearchConfig(tmp_path).to_json()}
    (tmp_path / "study.json").write_text(json.dumps(described))
    with pytest.raises(StudyError, match=r"format version .*, this nasnet_keras reads version 1"):
        load_study(tmp_path)


@pytest.mark.parametrize("name", ["study.json", "trials.jsonl", "random_trials.jsonl"])
def test_a_pipe_in_the_place_of_a_file_is_not_waited_for(name, tmp_path):
    folder = shutil.copytree(STUDIES[0], tmp_path / "study")
    (folder / name).unlink(missing_ok=True)
    os.mkfifo(folder / name)
    with pytest.raises(StudyError, match="is no file"):
        load_study(folder)


@pytest.mark.parametrize("reward", [1e308, -1e308, 5e-324, 1e18, 2**63, -0.0])
def test_rewards_of_any_size_are_shown(reward, tmp_path):
    study = Study.open(SearchConfig(tmp_path, space="nasbench201", evaluator="tabular", table="t", random_trials=2))
    for number in range(4):
        for group in ("search", "random"):
            rewards = (reward, 0.5, -reward, 0.25)
            study.append(Trial(number, f"|none~0|{number}", "ok", rewards[number], {}, 1e308, 0), group)
    study.close()
    text = report(load_study(tmp_path))
    assert "nan" not in text and len(text) < 200_000


# --- checkpoints of algorithms


def saved(folder):
    algorithm = RegularizedEvolution(NASBench201Space(), 0, population_size=20, sample_size=5)
    for number in range(100):
        algorithm.tell(algorithm.ask(number), float(number % 7))
    checkpoints = Checkpoints(folder)
    checkpoints.save(100, algorithm.state())
    return checkpoints, folder / "00000100.npz"


@rounds(100, 10_000)
def test_a_damaged_checkpoint_is_left_out_or_read(seeds, tmp_path):
    checkpoints, path = saved(tmp_path / "checkpoints")
    whole = path.read_bytes()
    expected = dict(checkpoints.load(100))[100]
    for seed in seeds:
        path.write_bytes(damaged_bytes(whole, seed))
        for told, state in checkpoints.load(100):
            assert told == 100, seed
            assert all(np.array_equal(state[name], expected[name]) for name in state.keys() & expected.keys()), seed
        assert path.exists()


def test_what_is_no_checkpoint_is_left_alone(tmp_path):
    checkpoints, path = saved(tmp_path / "checkpoints")
    whole = path.read_bytes()
    for name in (
        "\u00b2.npz",
        "\u0661\u0662\u0663\u0664\u0665\u0666\u0667\u0668.npz",
        "7.npz",
        f"{'9' * 200}.npz",
        "a.npz",
    ):
        (path.parent / name).touch()
    (path.parent / "00000300.npz").mkdir()
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("population.npy", b"\0" * 10**8)
    (path.parent / "00000099.npz").write_bytes(buffer.getvalue())
    before = {entry.name for entry in path.parent.iterdir()}
    assert [told for told, _ in checkpoints.load(200)] == [100], "a compressed one is not read"
    assert {entry.name for entry in path.parent.iterdir()} == before and path.read_bytes() == whole


def test_a_state_that_cannot_be_restored_changes_nothing(tmp_path, monkeypatch):
    """Part of it may have been taken over when the rest is refused."""
    table = tmp_path / "table.csv"
    space = NASBench201Space(("none", "nor_conv_1x1"))
    cells = [space.decode(np.unravel_index(index, (2,) * 6)) for index in range(space.size)]
    lines = [f"{cell},{50 + index % 17},90" for index, cell in enumerate(cells)]
    table.write_text("\n".join(["cell,validation_accuracy_12_epochs,test_accuracy_200_epochs", *lines, ""]))
    settings = {"space": "nasbench201", "evaluator": "tabular", "table": table, "algorithm": "evolution"}
    settings |= {"operations": ("none", "nor_conv_1x1"), "population_size": 10, "window": 1}

    whole = run(SearchConfig(tmp_path / "whole", trials=130, **settings))
    run(SearchConfig(tmp_path / "study", trials=120, **settings))
    (path,) = (tmp_path / "study" / "checkpoints").iterdir()
    with np.load(path) as file:
        state = dict(file)
    for damaged in (
        {**state, "rewards": state["rewards"].astype(str), "seen": state["seen"][:, :0]},
        {**state, "population": state["population"].astype(complex)},
        {**state, "seen": np.zeros((), np.uint16)},
    ):
        np.savez(path, **damaged)
        shutil.rmtree(tmp_path / "again", ignore_errors=True)
        again = run(SearchConfig(shutil.copytree(tmp_path / "study", tmp_path / "again"), trials=130, **settings))
        assert [one.genotype for one in again.trials] == [one.genotype for one in whole.trials]
