"""Folders of jobs: one writer, on any file system and any platform."""

import json
import os
import shutil
import signal
import subprocess
import sys

import pytest
from locked import no_locks

from nasnet_keras.search import SearchConfig
from nasnet_keras.search.study.errors import StudyError
from nasnet_keras.search.study.folder import Study
from nasnet_keras.search.study.trial import Trial
from nasnet_keras.training import checkpoint
from nasnet_keras.training.events import EventFile
from nasnet_keras.utils import environment, files, locks
from nasnet_keras.utils.files import write_text
from nasnet_keras.utils.workdir import Workdir, WorkdirError

CELL = "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"


@pytest.fixture(autouse=True)
def fresh_keras():
    """Instead of the one of `conftest.py`: nothing here uses Keras."""


def opened(path, **config):
    return Workdir(path, "job.json", "nasnet_keras.job", 1, config)


def study(path):
    return Study.open(SearchConfig(str(path), space="nasbench201", evaluator="tabular", executor="inline", table="t"))


def begin_again(path):
    """In another process."""
    code = "from nasnet_keras.utils.workdir import Workdir; "
    code += f"Workdir({str(path)!r}, 'job.json', 'nasnet_keras.job', 1, {{}})"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=600)


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_folder_has_one_writer_at_a_time(tmp_path):
    first = opened(tmp_path)
    with pytest.raises(WorkdirError, match="another process is writing to"):
        opened(tmp_path)
    first.close()
    first.close()
    opened(tmp_path).close()


def test_neither_a_kill_nor_a_forked_child_leaves_a_lock(tmp_path):
    code = f"""
import os, time
from nasnet_keras.utils.workdir import Workdir
folder = Workdir({str(tmp_path)!r}, "job.json", "nasnet_keras.job", 1, {{}})
if os.fork() == 0:
    print("held", flush=True)
    time.sleep(60)
time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, start_new_session=True)
    try:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(WorkdirError, match="another process is writing to"):
            opened(tmp_path)
        process.kill()
        process.wait()
        opened(tmp_path).close()  # while the child lives
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()


@pytest.mark.parametrize("again", [False, True], ids=["removed", "begun again"])
def test_nothing_is_written_into_a_folder_that_is_another_ones(again, tmp_path):
    path = tmp_path / "run"
    first = opened(path)
    events = EventFile(path / "tensorboard")
    write_text(path / "history.json", "[]")
    shutil.rmtree(path)
    if again:
        begin_again(path)
    before = contents(tmp_path)
    for write in (
        lambda: write_text(path / "history.json", "[1]"),
        lambda: checkpoint.write(path / "checkpoint.npz", {}, {}),
        lambda: EventFile(path / "tensorboard" / "more"),
        lambda: files.check(path / "deep" / "er"),
        first.check,
    ):
        with pytest.raises(WorkdirError, match="was removed, or begun again by another process, while this one"):
            write()
    events.scalars({"loss": 1.0}, 1)  # into the file that is gone
    events.close()
    assert contents(tmp_path) == before and path.exists() == again
    first.close()
    if again:
        with_this_one = opened(path)
        write_text(path / "history.json", "[2]")
        with_this_one.close()


def test_a_write_that_takes_long_does_not_end_in_another_ones_folder(tmp_path):
    path = tmp_path / "run"
    first = opened(path)
    with (
        pytest.raises(WorkdirError, match="was removed, or begun again"),
        files.replacing(path / "a.txt") as temporary,
    ):
        temporary.write_text("old")
        path.rename(tmp_path / "moved")
        begin_again(path)
        temporary.parent.mkdir()
        temporary.write_text("in the same place")
    assert not (path / "a.txt").exists()
    first.close()


@pytest.mark.parametrize("again", [False, True], ids=["removed", "begun again"])
def test_a_study_that_is_removed_gets_no_more_trials(again, tmp_path):
    path = tmp_path / "study"
    first = study(path)
    first.append(Trial(0, CELL, "ok", 0.5, {}, 1.0, 0))
    shutil.rmtree(path)
    if again:
        begin_again(path)
    before = contents(tmp_path)
    with pytest.raises(StudyError, match="was removed, or begun again"):
        first.append(Trial(1, CELL, "ok", 0.6, {}, 1.0, 0))
    with pytest.raises(StudyError, match="was removed, or begun again"):
        first.save_checkpoint(100, {})
    first.close()
    assert contents(tmp_path) == before and path.exists() == again


def test_a_file_system_without_locks_is_told_and_the_last_writer_has_the_folder(tmp_path, monkeypatch, caplog):
    monkeypatch.setattr(locks, "lock_descriptor", no_locks)
    first = opened(tmp_path)
    assert "has no locks, so that nothing keeps a second job out" in caplog.text
    write_text(tmp_path / "a", "first")
    second = opened(tmp_path)
    with pytest.raises(WorkdirError, match="was removed, or begun again by another process"):
        first.check()
    first.close()
    write_text(tmp_path / "a", "second")
    second.close()


def test_other_errors_of_a_lock_are_not_taken_for_its_absence(tmp_path, monkeypatch):
    def broken(descriptor, blocking=True):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(locks, "lock_descriptor", broken)
    with pytest.raises(WorkdirError, match=r"cannot write the folder .*Input/output error"):
        opened(tmp_path)


PLATFORM = """
import os, sys
for name in ("sched_getaffinity", "sched_setaffinity", "prctl", "O_DIRECT", "fdatasync", "posix_fallocate", "pipe2"):
    if hasattr(os, name):
        delattr(os, name)
for name in {missing}:
    sys.modules[name] = None
import psutil
sys.modules["resource"] = None
del psutil.Process.cpu_affinity
import warnings
warnings.simplefilter("ignore")
"""


def test_what_only_linux_has_is_not_needed(tmp_path):
    """Without TensorFlow: see `test_jobs.py` for whole runs."""
    code = (
        PLATFORM.format(missing=["fcntl"])
        + f"""
from nasnet_keras.utils import environment; from nasnet_keras.weights import download
from nasnet_keras.utils.workdir import Workdir
from nasnet_keras.search.executors import subprocesses
from nasnet_keras.search import SearchConfig
folder = Workdir({str(tmp_path)!r}, "job.json", "nasnet_keras.job", 1, {{}})
folder.check()
print(environment.cores(), environment.processor(), len(subprocesses._environments(SearchConfig("x"))))
folder.close()
"""
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0 and int(done.stdout.split()[0]) >= 1, done.stderr
    assert json.loads((tmp_path / "job.json").read_text())["format"] == "nasnet_keras.job"


def test_cores_are_those_that_this_process_may_use():
    code = (
        "import os; os.sched_setaffinity(0, [min(os.sched_getaffinity(0))]); import nasnet_keras.utils.environment as e"
    )
    done = subprocess.run([sys.executable, "-c", f"{code}; print(e.processor())"], capture_output=True, text=True)
    assert done.stdout.startswith("1 cores of "), done.stderr
    assert environment.cores() >= 1


@pytest.mark.parametrize("version", [True, 1.0, "1", None, [1], 2])
def test_a_version_is_a_whole_number(tmp_path, version):
    plain = {"format": "nasnet_keras.job", "version": version, "config": {}}
    (tmp_path / "job.json").write_text(json.dumps(plain))
    with pytest.raises(WorkdirError, match="has format version .*, this nasnet_keras reads version 1"):
        opened(tmp_path)
    assert json.loads((tmp_path / "job.json").read_text()) == plain
