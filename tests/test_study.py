"""Studies of benchmarks' tables: killed, damaged, out of space, and long."""

import dataclasses
import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
import pytest
from helpers import mostly_fuzz

from nasnet_keras.genotypes.catalogue import NASNET_A
from nasnet_keras.search import SearchConfig, Study, StudyError, algorithms, load_study, run
from nasnet_keras.search.algorithms.evolution import RegularizedEvolution
from nasnet_keras.search.executors.base import Outcome, Task
from nasnet_keras.search.finals import _with_all_sittings
from nasnet_keras.search.loop import SearchError
from nasnet_keras.search.registry import ALGORITHMS
from nasnet_keras.search.spaces.nasbench201 import NASBench201Space
from nasnet_keras.search.spaces.tables import Entry, read
from nasnet_keras.search.study.checkpoints import Checkpoints
from nasnet_keras.search.study.trial import Trial
from nasnet_keras.training.recipes import Recipe
from nasnet_keras.utils import lines as line_files

OPERATIONS = ("none", "skip_connect", "nor_conv_3x3")
SPACE = NASBench201Space(OPERATIONS)
HEADER = "index,cell,validation_accuracy_12_epochs,test_accuracy_200_epochs"
_FOR_TABLES = [name for name, row in ALGORITHMS.items() if not row.spaces]


def test_accuracy_of(choices):
    return 90.0 + sum(choices) / 10


test_accuracy_of.__test__ = False


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    """All cells of three operations but those that start with two `none`, which a search must survive."""
    lines = [HEADER]
    for index in range(SPACE.size):
        choices = np.unravel_index(index, (3,) * 6)
        if choices[0] or choices[1]:
            figures = f"{50 + sum(choices) + 0.01 * choices[0]:.3f},{test_accuracy_of(choices):.4f}"
            lines.append(f"{index},{SPACE.decode(choices)},{figures}")
    path = tmp_path_factory.mktemp("table") / "table.csv"
    path.write_text("\n".join(lines) + "\n")
    return path


def config(workdir, table, **changes):
    values = {"space": "nasbench201", "operations": OPERATIONS, "evaluator": "tabular", "trials": 150, "window": 1}
    values |= {"random_trials": 8}
    return SearchConfig(workdir, table=table, **{**values, **changes})


def flags_of(settings):
    values = {"workdir": settings.workdir, "table": settings.table, "operations": ",".join(OPERATIONS)}
    names = ("space", "evaluator", "algorithm", "trials", "random_trials", "window", "seed")
    flags = [f"--{name}={value}" for name, value in {**values, **{n: getattr(settings, n) for n in names}}.items()]
    return [*flags, *(f"--limit={limit}" for limit in settings.limit)]


def command(*flags):
    return [sys.executable, "-m", "nasnet_keras.search", *flags]


def plain(trials):
    return [(t.trial, t.genotype, t.status, t.reward, t.seed) for t in trials]


def trial(number, reward=0.5, **changes):
    values = {"status": "ok", "metrics": {}, "seconds": 1.0, "seed": number}
    return Trial(**{"trial": number, "genotype": NASNET_A, "reward": reward, **values, **changes})


# --- searching tables


@pytest.mark.parametrize("algorithm", _FOR_TABLES)
def test_a_table_is_searched_and_the_best_cell_judged(algorithm, table, tmp_path):
    found = run(config(tmp_path / "study", table, algorithm=algorithm))
    best = max((t for t in found.trials if t.reward is not None), key=lambda t: t.reward)
    assert len(found.trials) == 150 and found.best == best
    choices = SPACE.encode(best.genotype)
    assert best.reward == pytest.approx(50 + sum(choices) + 0.01 * choices[0])
    assert found.result["test_accuracy_200_epochs"] == pytest.approx(test_accuracy_of(choices))
    assert json.loads((found.path / "best_genotype.json").read_text()) == best.genotype
    for t in found.trials:
        first, second, *_ = SPACE.encode(t.genotype)
        assert t.status == ("ok" if first or second else "crashed"), "cells that are not in the table fail"
        assert not any("test" in name for name in t.metrics), "test figures are told of finalists only"
    random_search = [t.genotype for t in found.random_trials]
    assert len(random_search) == (0 if algorithm == "random" else 8)
    finalists = found.result["finalists"]
    assert [one["origin"] for one in finalists] == ["search"] * 2 + ["random"] * 2
    assert finalists[0]["genotype"] == best.genotype
    ours, beside = finalists[0]["costs"]["multiply_adds"], finalists[2]["costs"]["multiply_adds"]
    others = [t for t in found.random_trials if t.genotype not in {one["genotype"] for one in finalists[:2]}]
    distances = [abs(np.log(t.costs["multiply_adds"] / ours)) for t in others]
    assert abs(np.log(beside / ours)) <= min(distances, default=np.inf), "random finalists are of about the same cost"


@pytest.mark.parametrize(("algorithm", "steps"), [("evolution", (1, 60, 101, 150)), ("reinforce", (101, 150))])
def test_a_finished_study_grows_as_if_it_had_never_ended(algorithm, steps, table, tmp_path):
    whole = run(config(tmp_path / "whole", table, algorithm=algorithm))
    for trials in steps:
        grown = run(config(tmp_path / "grown", table, algorithm=algorithm, trials=trials))
    assert plain(grown.trials) == plain(whole.trials)
    assert plain(load_study(tmp_path / "grown").trials) == plain(whole.trials)


def test_a_study_does_not_go_on_with_another_table(table, tmp_path):
    mine = tmp_path / "table.csv"
    mine.write_text(table.read_text())
    run(config(tmp_path / "study", mine, trials=5))
    *lines, last = mine.read_text().splitlines()
    mine.write_text("\n".join([*lines, last.rpartition(",")[0] + ",1.0"]) + "\n")
    with pytest.raises(StudyError, match="has another configuration: table_crc32 was"):
        run(config(tmp_path / "study", mine, trials=10))


def test_the_seeds_of_children_are_legal_whatever_the_searchs_is(table, tmp_path):
    found = run(config(tmp_path, table, trials=4, seed=2**31 - 1))
    assert [trial.seed for trial in found.trials] == [2**31 - 1, 0, 1, 2]


def test_a_finalists_time_is_that_of_all_its_sittings():
    outcome = Outcome(Task("search", 0, NASNET_A, 0), "ok", 0.5, {"training_seconds": 7200.0}, 3.0)
    assert _with_all_sittings(outcome).seconds == 7200.0
    assert _with_all_sittings(dataclasses.replace(outcome, metrics={})).seconds == 3.0


def test_the_population_of_evolution(table, tmp_path):
    found = run(config(tmp_path, table, algorithm="evolution", trials=40, population_size=5))
    algorithm = RegularizedEvolution(SPACE, 0, population_size=5, sample_size=1)
    for number, t in enumerate(found.trials):
        assert t.genotype == SPACE.decode(algorithm.ask(number))
        algorithm.tell(SPACE.encode(t.genotype), t.reward)
    assert found.config["population_size"] == 5
    assert [config(tmp_path, table, algorithm=name).population_size for name in ("evolution", "random")] == [50, None]
    assert SearchConfig(tmp_path, algorithm="evolution").population_size == 10


@pytest.mark.parametrize("window", [1, 4, 30])
def test_a_window_delays_what_is_told_by_its_length(window, table, tmp_path):
    found = run(config(tmp_path, table, algorithm="evolution", window=window))
    algorithm, told = algorithms.make("evolution", SPACE, 0), 0
    for number, t in enumerate(found.trials):
        while told <= number - window:
            algorithm.tell(SPACE.encode(found.trials[told].genotype), found.trials[told].reward)
            told += 1
        assert t.genotype == SPACE.decode(algorithm.ask(number))


_LIMITED = ("evolution", ("multiply_adds=9e7",))


@pytest.mark.parametrize(
    ("algorithm", "limit"), mostly_fuzz([("random", ()), ("evolution", ()), _LIMITED, ("ppo", ())], [_LIMITED])
)
def test_killed_at_random_moments_it_ends_with_the_same_trials(algorithm, limit, table, tmp_path):
    learns = algorithm == "ppo"  # which imports TensorFlow first
    changes = {"algorithm": algorithm, "trials": 250 if learns else 1200, "window": 3, "limit": limit}
    settings = config(tmp_path / "killed", table, **changes)
    whole = run(config(tmp_path / "whole", table, **changes))
    assert all(trial.costs["multiply_adds"] <= 9e7 for trial in whole.trials) or not limit
    log = tmp_path / "killed" / "trials.jsonl"
    moments = random.Random(1)
    lengths = [0]
    for _ in range(1 if learns else 3):
        process = subprocess.Popen(command(*flags_of(settings)), stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        size = log.stat().st_size if log.exists() else 0
        deadline = time.monotonic() + 600
        while process.poll() is None and (not log.exists() or log.stat().st_size <= size):
            assert time.monotonic() < deadline
            time.sleep(0.001)
        time.sleep(moments.uniform(0.0, 0.3 if learns else 0.05))
        process.send_signal(signal.SIGKILL)
        process.wait()
        lengths.append(len(load_study(tmp_path / "killed").trials))
    assert 0 < lengths[1] < settings.trials and lengths == sorted(lengths), "it was killed in the middle"
    done = subprocess.run(command(*flags_of(settings)), capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    assert plain(load_study(tmp_path / "killed").trials) == plain(whole.trials)
    assert "Best genotypes, test accuracy:   9" in done.stdout


def test_a_study_goes_on_with_the_algorithm_that_it_has(table, tmp_path):
    assert config(tmp_path / "study", table, algorithm=None).algorithm == "bayesian", "of a new study"
    begun = run(config(tmp_path / "study", table, algorithm="ppo", trials=8))
    again = config(tmp_path / "study", table, algorithm=None, trials=12)
    assert again.algorithm == "ppo", "which was the default once"
    assert plain(run(again).trials[:8]) == plain(begun.trials)
    description = tmp_path / "study" / "study.json"
    text = description.read_text()
    description.write_text(text.replace('"algorithm": "ppo",', ""))
    assert config(tmp_path / "study", table, algorithm=None).algorithm == "random", "the first that there was"
    description.write_text(text.replace('"ppo"', '["ppo"]'))
    assert config(tmp_path / "study", table, algorithm=None).algorithm == "bayesian"


@pytest.fixture(scope="module")
def stopped(table, tmp_path_factory):
    """A study that stopped after 350 trials, and the trials that 450 come to without a stop."""
    folder = tmp_path_factory.mktemp("stopped")
    whole = run(config(folder / "whole", table, algorithm="evolution", trials=450))
    run(config(folder / "study", table, algorithm="evolution", trials=350))
    return folder / "study", plain(whole.trials)


@pytest.mark.parametrize("damage", ["none", "last", "all", "missing", "future"])
def test_checkpoints_only_save_time(damage, table, stopped, tmp_path):
    study, whole = stopped
    shutil.copytree(study, tmp_path / "study", ignore=shutil.ignore_patterns("tensorboard"))
    folder = tmp_path / "study" / "checkpoints"
    files = sorted(folder.iterdir())
    assert [path.name for path in files] == ["00000200.npz", "00000300.npz"]
    if damage == "last":
        files[1].write_bytes(files[1].read_bytes()[:-100])
    elif damage == "all":
        files[0].write_bytes(b"")
        files[1].write_bytes(b"junk")
    elif damage == "missing":
        shutil.rmtree(folder)
    elif damage == "future":  # as after a machine that lost its last lines
        lines = (tmp_path / "study" / "trials.jsonl").read_text().splitlines(keepends=True)
        (tmp_path / "study" / "trials.jsonl").write_text("".join(lines[:250]))
    found = run(config(tmp_path / "study", table, algorithm="evolution", trials=450))
    assert plain(found.trials) == whole


def test_a_checkpoint_is_used(table, stopped, tmp_path, monkeypatch):
    shutil.copytree(stopped[0], tmp_path, ignore=shutil.ignore_patterns("tensorboard"), dirs_exist_ok=True)
    told = []
    tell = RegularizedEvolution.tell
    monkeypatch.setattr(RegularizedEvolution, "tell", lambda *arguments: (told.append(0), tell(*arguments)))
    run(config(tmp_path, table, algorithm="evolution", trials=360))
    assert len(told) == 59, "trials 300 to 358"


def test_a_checkpoint_of_the_future_is_not_used_and_not_lost(table, tmp_path):
    """With a window, trials may be missing before one that was told; what is asked again must know no more."""
    settings = {"algorithm": "evolution", "window": 8}
    whole = run(config(tmp_path / "whole", table, trials=330, **settings))
    run(config(tmp_path / "study", table, trials=308, **settings))
    assert (tmp_path / "study" / "checkpoints" / "00000300.npz").exists()
    log = tmp_path / "study" / "trials.jsonl"
    lines = log.read_text().splitlines(keepends=True)
    log.write_text("".join(line for number, line in enumerate(lines) if number not in (300, 303)))
    assert [one.trial for one in load_study(tmp_path / "study").trials][299:303] == [299, 301, 302, 304]
    found = run(config(tmp_path / "study", table, trials=330, **settings))
    assert plain(found.trials) == plain(whole.trials)
    assert sorted(json.loads(line)["trial"] for line in log.read_text().splitlines()) == list(range(330))


@pytest.mark.slow
def test_the_last_of_thousands_of_trials_take_as_long_as_the_first(table, tmp_path):
    """Twenty thousand take a minute or two."""
    seconds = []
    for trials in (1500, 3000, 4500, 6000):
        started = time.process_time()
        run(config(tmp_path, table, algorithm="evolution", trials=trials))
        seconds.append(time.process_time() - started)
    assert len(load_study(tmp_path).trials) == 6000
    assert min(seconds[2:]) < 3 * max(seconds[:2]), seconds  # were it quadratic: 5 to 7


# --- damage


@pytest.mark.parametrize(
    "line",
    ["5", "null", '"text"', "[" * 100000, "[1, 2]", "{}", "", "NaN", '{"trial": 0}', "\\", "9" * 5000, "\udcff"],
    ids=lambda line: line[:12] or "empty",
)
def test_lines_of_other_kinds_are_one_clear_error(line, tmp_path):
    Study.open(SearchConfig(tmp_path)).close()
    path = tmp_path / "trials.jsonl"
    path.write_bytes((line + "\n").encode(errors="surrogateescape"))
    before = path.read_bytes()
    for use in (lambda: load_study(tmp_path), lambda: Study.open(SearchConfig(tmp_path))):
        with pytest.raises(StudyError, match=r"trials\.jsonl, line 1 is damaged"):
            use()
    assert path.read_bytes() == before


@pytest.mark.parametrize(
    "changes",
    [
        {"reward": None},
        {"reward": float("nan")},
        {"reward": float("inf")},
        {"reward": "0.5"},
        {"reward": True},
        {"status": "diverged"},
        {"status": ["ok"]},
        {"metrics": None},
        {"seconds": "1"},
        {"trial": 0.0},
        {"seed": None},
        {"genotype": 5},
        {"genotype": {"format": "nasnet_keras.genotype"}},
        {"fingerprint": 0},
    ],
    ids=str,
)
def test_fields_of_other_kinds_are_damage(changes, tmp_path):
    Study.open(SearchConfig(tmp_path)).close()
    line = {**json.loads(trial(0).to_line()), **changes}
    (tmp_path / "trials.jsonl").write_text(json.dumps(line) + "\n")
    with pytest.raises(StudyError, match=r"trials\.jsonl, line 1 is damaged"):
        load_study(tmp_path)


def test_fields_that_a_later_version_adds_are_left_alone(tmp_path):
    Study.open(SearchConfig(tmp_path)).close()
    (tmp_path / "trials.jsonl").write_text(json.dumps({**json.loads(trial(0).to_line()), "worker": 3}) + "\n")
    assert load_study(tmp_path).trials == [trial(0)]


def test_a_folder_where_a_file_should_be_is_one_clear_error(tmp_path):
    Study.open(SearchConfig(tmp_path)).close()
    (tmp_path / "trials.jsonl").mkdir()
    for use in (lambda: load_study(tmp_path), lambda: Study.open(SearchConfig(tmp_path))):
        with pytest.raises(StudyError, match="cannot read the study's trials"):
            use()


@pytest.mark.parametrize("call", ["write", "fsync"])
def test_a_full_disk_is_a_clear_error_and_loses_nothing(call, tmp_path, monkeypatch):
    opened = Study.open(SearchConfig(tmp_path))
    opened.append(trial(0))
    real = getattr(os, call)

    def full(file, *data):
        if call == "write" and len(data[0]) > 10:
            return real(file, data[0][:10])  # a part still fits
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(line_files, "_SYNC_SECONDS", 0.0)
    monkeypatch.setattr(line_files.os, call, full)
    with pytest.raises(StudyError, match="cannot write the study .*No space left"):
        for number in range(1, 3):
            opened.append(trial(number))
    with pytest.raises(StudyError, match="not open to be written"):
        opened.append(trial(len(opened.trials)))
    monkeypatch.undo()
    again = Study.open(SearchConfig(tmp_path))  # the lock was let go
    assert again.trials[0] == trial(0) and len(again.trials) == (1 if call == "write" else 2)
    again.append(trial(len(again.trials)))
    again.close()
    assert load_study(tmp_path).trials == again.trials


def test_a_torn_line_that_could_not_be_taken_back_is_dropped_later(tmp_path, monkeypatch):
    opened = Study.open(SearchConfig(tmp_path))
    opened.append(trial(0))

    def fail(file, *data):
        raise OSError(errno.ENOSPC, "No space left on device")

    real = os.write
    monkeypatch.setattr(
        line_files.os, "write", lambda file, data: real(file, data[:10]) if len(data) > 500 else fail(file)
    )
    monkeypatch.setattr(line_files.os, "ftruncate", fail)
    with pytest.raises(StudyError, match="No space left"):
        opened.append(trial(1))
    monkeypatch.undo()
    assert not (tmp_path / "trials.jsonl").read_bytes().endswith(b"\n")
    again = Study.open(SearchConfig(tmp_path))
    again.append(trial(1))
    again.close()
    assert load_study(tmp_path).trials == [trial(0), trial(1)]


def test_a_read_only_folder_is_a_clear_error(tmp_path, monkeypatch):
    opened = Study.open(SearchConfig(tmp_path))
    opened.append(trial(0))
    opened.close()
    files = {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()}
    real = os.open

    def read_only(path, flags, *mode):
        if flags & (os.O_WRONLY | os.O_RDWR):
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        return real(path, flags, *mode)

    monkeypatch.setattr(os, "open", read_only)
    with pytest.raises(StudyError, match="cannot write the folder .*Read-only"):
        Study.open(SearchConfig(tmp_path))
    assert load_study(tmp_path).trials == [trial(0)], "it can be read"
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == files


def test_metrics_that_are_no_json_are_refused_before_anything_is_written(tmp_path):
    opened = Study.open(SearchConfig(tmp_path))
    for metrics in ({"loss": float("nan")}, {"loss": object()}):
        with pytest.raises(StudyError, match="metrics of trial 0 are no JSON"):
            opened.append(trial(0, metrics=metrics))
    opened.append(trial(0))
    opened.close()
    assert load_study(tmp_path).trials == [trial(0)]


def test_two_processes_on_one_folder(table, tmp_path):
    settings = config(tmp_path, table, algorithm="random")
    held = Study.open(settings)
    done = subprocess.run(command(*flags_of(settings)), capture_output=True, text=True, timeout=600)
    held.close()
    assert done.returncode != 0 and "another process is writing" in done.stderr and "Traceback" not in done.stderr
    assert load_study(tmp_path).trials == []


def test_studies_of_earlier_versions_are_read_and_understood(tmp_path):
    """`tests/frozen/study` is from before there were algorithms, recipes and other data sets."""
    frozen = shutil.copytree(Path(__file__).parent / "frozen" / "study", tmp_path / "study")
    loaded = load_study(frozen)
    assert loaded.config["algorithm"] == "random" and loaded.config["recipe"]["epochs"] == 1
    recipe = Recipe(epochs=1, batch_size=64, learning_rate=0.1, clip_norm=0.0, pad=0, flip=False)  # what it did
    values = {"num_blocks": 1, "filters": 2, "algorithm": "random", "window": 1}
    values |= {"recipe": recipe, "deterministic": False}
    opened = Study.open(SearchConfig(frozen, trials=9, **values), {"image_shape": [8, 8, 1]})
    assert opened.trials == loaded.trials and opened.result == loaded.result
    opened.close()
    with pytest.raises(StudyError, match="algorithm was 'random' and is now 'ppo'"):
        Study.open(SearchConfig(frozen, **{**values, "algorithm": "ppo"}))
    with pytest.raises(StudyError, match=r"recipe.clip_norm was 0.0 and is now 5.0; .*recipe.pad was 0 and is now 1"):
        Study.open(SearchConfig(frozen))


def test_checkpoints_keep_two_and_drop_those_of_lost_trials(tmp_path):
    checkpoints = Checkpoints(tmp_path / "checkpoints")
    for told in (100, 200, 300):
        checkpoints.save(told, {"value": np.arange(told)})
    assert [told for told, _ in checkpoints.load(300)] == [300, 200]
    ((told, state),) = checkpoints.load(299)
    assert told == 200 and np.array_equal(state["value"], np.arange(200))
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["00000200.npz"]


# --- the table, and what is refused before a folder is made


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "it has no column cell, validation_accuracy_12_epochs, test_accuracy_200_epochs"),
        ("cell,validation_accuracy_12_epochs\n", "it has no column test_accuracy_200_epochs"),
        (HEADER + "\n", "it has no networks"),
        (HEADER + "\n0,|a|,1,2\n1,|a|,1,2\n", "line 3: the network .a. stands twice"),
        (HEADER + "\n0,|a|,1\n", "line 2: it has 3 of 4 columns"),
        (HEADER + "\n0,|a|,x,2\n", "line 2: validation_accuracy_12_epochs must be a finite number, got 'x'"),
        (HEADER + "\n0,|a|,1,nan\n", "line 2: test_accuracy_200_epochs must be a finite number, got 'nan'"),
        (HEADER + ",cell\n", "it has two columns of one name"),
    ],
)
def test_bad_tables(text, message, tmp_path):
    path = tmp_path / "table.csv"
    path.write_text(text)
    with pytest.raises(ValueError, match=f"cannot read the table .*{message}"):
        read(path, SPACE.benchmark)


def test_columns_may_stand_in_any_order(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("test_accuracy_200_epochs,more,cell,validation_accuracy_12_epochs\n2.5,?,|a|,1.5\n")
    assert read(path, SPACE.benchmark) == {"|a|": Entry(1.5, {"test_accuracy_200_epochs": 2.5}, {})}


def test_the_benchmark_itself():
    folder = os.environ.get("TFDS_DATA_DIR")
    path = Path(folder).parent / "nasbench201_cifar10.csv" if folder else None
    if path is None or not path.is_file():
        pytest.skip("nasbench201_cifar10.csv is not beside the folder that TFDS_DATA_DIR names")
    table = {cell: (one.reward, *one.tests.values()) for cell, one in read(path, SPACE.benchmark).items()}
    space = NASBench201Space()
    assert len(table) == space.size and len({space.encode(cell) for cell in table}) == space.size
    best = max(table.values())
    assert best == (84.892, 94.3733) and best[1] == max(test for _, test in table.values())


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--space=nasbench_macro"],
            "'child' judges genotypes of nasnet, pnas, nasbench201, enas_micro, enas_macro, nas, mnasnet only",
        ),
        (["--space=nasbench201", "--evaluator=tabular"], "the evaluator 'tabular' needs a table"),
        (
            ["--space=pnas", "--evaluator=tabular", "--table=x.csv"],
            "evaluator 'tabular' judges genotypes of nasnet, nasbench201, nasbench_macro, accel_nasbench only",
        ),
        (["--table=x.csv"], "a table is for the evaluator 'tabular' and no other"),
        (["--space=nasbench201", "--evaluator=tabular", "--table=no.csv"], "cannot read the table no.csv"),
        (["--space=nasbench201", "--evaluator=tabular", "--table=/dev/null"], "it is no file"),
        (["--operations=identity,sep"], "operations must be some of"),
        (["--algorithm=bohb"], "--algorithm"),
        (["--window=0"], "--window"),
    ],
)
def test_bad_combinations_are_one_clear_error_and_make_no_folder(flags, message, tmp_path):
    done = subprocess.run(command(*flags), capture_output=True, text=True, cwd=tmp_path, timeout=600)
    assert done.returncode != 0 and "Traceback" not in done.stderr
    assert message in done.stderr + done.stdout
    assert list(tmp_path.iterdir()) == []


def test_another_backend_is_one_clear_error_and_makes_no_folder(table, tmp_path, monkeypatch):
    """`test_backends.py` has JAX's."""
    monkeypatch.setattr(keras.backend, "backend", lambda: "jax")
    settings = [config(tmp_path / "study", table, algorithm=name) for name in ("ppo", "reinforce")]
    for each in (SearchConfig(tmp_path / "study", executor="inline"), *settings):  # controllers need TensorFlow too
        with pytest.raises(SearchError, match="set KERAS_BACKEND=tensorflow"):
            run(each)
    assert list(tmp_path.iterdir()) == []
