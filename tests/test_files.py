"""Files are written whole or not at all, and nothing is left beside them."""

import collections
import contextlib
import errno
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from nasnet_keras.utils import files

WRITER = """
import sys, time
from pathlib import Path
from nasnet_keras.utils.files import replacing, scratch
with {writer}(Path(sys.argv[1])) as temporary:
    (temporary / "x" if temporary.is_dir() else temporary).write_bytes(b"new" * 1000)
    print("writing", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def writing():
    """A function that starts a process which is in the middle of writing a file."""
    running = []

    def start(path, writer="replacing"):
        command = [sys.executable, "-c", WRITER.format(writer=writer), str(path)]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        running.append(process)
        assert process.stdout.readline() == "writing\n"
        return process

    yield start
    for process in running:
        process.kill()
        process.wait()
        process.stdout.close()


def kill(process):
    process.send_signal(signal.SIGKILL)
    process.wait()


def names(folder):
    return sorted(path.name for path in folder.iterdir())


@pytest.mark.parametrize("writer", ["replacing", "scratch"])
def test_what_killed_writers_left_goes_with_the_next_write_and_nothing_else(writing, writer, tmp_path):
    path = tmp_path / "a.npz"
    path.write_bytes(b"old")
    (tmp_path / ".hidden").mkdir()
    for _ in range(2):
        kill(writing(path, writer))
    assert len(names(tmp_path)) == 3  # each removes what the one before left
    alive = writing(path, writer)
    files.write_text(tmp_path / "another.txt", "of the same folder")
    left = set(names(tmp_path)) - {"a.npz", "another.txt", ".hidden"}
    assert len(left) == 1 and path.read_bytes() == b"old"
    kill(alive)
    files.write_bytes(path, b"whole")
    assert names(tmp_path) == [".hidden", "a.npz", "another.txt"] and path.read_bytes() == b"whole"


def test_what_another_machine_writes_is_left_for_a_day(writing, tmp_path):
    """Its locks may not be seen here."""
    path = tmp_path / "a.npz"
    kill(writing(path))
    (left,) = names(tmp_path)
    elsewhere = tmp_path / f".{'0' * 8}{left[9:]}"
    (tmp_path / left).rename(elsewhere)
    files.write_text(path, "1")
    assert elsewhere.exists()
    yesterday = time.time() - 25 * 3600
    os.utime(elsewhere, (yesterday, yesterday))
    files.write_text(path, "2")
    assert names(tmp_path) == ["a.npz"]


def test_a_link_in_the_place_of_what_was_left_is_not_followed(writing, tmp_path):
    folder, elsewhere = tmp_path / "folder", tmp_path / "elsewhere"
    folder.mkdir()
    elsewhere.mkdir()
    (elsewhere / "precious").write_text("kept")
    kill(writing(folder / "a"))
    (left,) = names(folder)
    (folder / left / "a").unlink()
    (folder / left).rmdir()
    (folder / left).symlink_to(elsewhere)
    files.write_text(folder / "a", "1")
    assert (elsewhere / "precious").exists()


def test_writers_never_meet(tmp_path):
    """Threads of a process, and processes that have the same number in containers of their own, have one folder."""
    problems = collections.Counter()

    def write(letter):
        for _ in range(100):
            try:
                files.write_bytes(tmp_path / "a", letter * 10_000)
                data = (tmp_path / "a").read_bytes()
                if len(data) != 10_000 or len(set(data)) != 1:
                    problems["mixed"] += 1
            except OSError as error:
                problems[repr(error)] += 1

    threads = [threading.Thread(target=write, args=(bytes([65 + index]),)) for index in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not problems and names(tmp_path) == ["a"]


def test_without_locks_files_are_written_all_the_same(tmp_path, monkeypatch):
    def none(descriptor, blocking):
        raise OSError(errno.ENOTSUP, "no locks here")

    monkeypatch.setattr(files, "lock_descriptor", none)
    files.write_text(tmp_path / "a", "1")
    monkeypatch.delattr(os, "O_DIRECTORY")
    files.write_text(tmp_path / "a", "2")
    assert names(tmp_path) == ["a"] and (tmp_path / "a").read_text() == "2"


@pytest.mark.parametrize("name", ["ü" * 120, "a" * 251 + ".npz", "\udcff.json"])
def test_any_name_that_a_file_can_have(name, tmp_path):
    files.write_npz(tmp_path / name, {"x": np.arange(3)})
    assert names(tmp_path) == [name]


def test_an_npz_is_what_numpy_writes(tmp_path):
    arrays = {"numbers": np.arange(6.0).reshape(2, 3), "text": np.asarray(["a", "ü"]), "scalar": 3, "none": np.zeros(0)}
    files.write_npz(tmp_path / "a.npz", arrays)
    with np.load(tmp_path / "a.npz", allow_pickle=False) as found:
        assert set(found.files) == set(arrays)
        for name, array in arrays.items():
            np.testing.assert_array_equal(found[name], array)
    with pytest.raises(ValueError, match="Object arrays cannot be saved"):
        files.write_npz(tmp_path / "a.npz", {"x": np.asarray([object()])})
    with np.load(tmp_path / "a.npz", allow_pickle=False) as found:
        assert set(found.files) == set(arrays)
    assert names(tmp_path) == ["a.npz"]


def writers():
    import keras

    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(512)])
    return {
        "a.txt": lambda path: files.write_text(path, "x" * 100_000),
        "a.npz": lambda path: files.write_npz(path, {"small": np.zeros(3), "large": np.zeros(20_000)}),
        "a.keras": lambda path: files.write_saved(path, model.save),
        "a.weights.h5": lambda path: files.write_saved(path, model.save_weights),
    }


@pytest.mark.parametrize("name", writers())
@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_a_full_disk_is_an_error_that_names_the_file_and_leaves_the_old_one(name, tmp_path, small_files):
    path, write = tmp_path / name, writers()[name]
    path.write_bytes(b"old")
    small_files(50_000)
    with pytest.raises(OSError, match=name) as caught:
        write(path)
    assert caught.value.errno == errno.EFBIG and caught.value.filename == str(path)
    assert names(tmp_path) == [name] and path.read_bytes() == b"old"
    small_files(resource.RLIM_INFINITY)
    write(path)
    assert names(tmp_path) == [name] and path.stat().st_size > 50_000


def test_a_folder_that_is_gone_or_closed_is_an_error_that_names_the_file(tmp_path):
    path = tmp_path / "gone" / "a.txt"
    with pytest.raises(FileNotFoundError) as caught:
        files.write_text(path, "x")
    assert caught.value.filename == str(path)
    path = tmp_path / "a.txt"
    path.mkdir()
    with pytest.raises(OSError, match=r"a\.txt"):
        files.write_text(path, "x")
    assert names(tmp_path) == ["a.txt"]


def test_errors_of_other_files_keep_their_names(tmp_path):
    with pytest.raises(FileNotFoundError, match="elsewhere"), files.replacing(tmp_path / "a"):
        Path(tmp_path, "elsewhere").read_bytes()
    assert not names(tmp_path)


@pytest.mark.parametrize("there", [("a.xml", "a.bin"), ("a.xml",), ("a.bin",), ()])
@pytest.mark.parametrize("failing", ["old a.xml", "old a.bin", "new a.bin", "new a.xml", None])
def test_two_files_change_together_or_not_at_all(there, failing, tmp_path, monkeypatch):
    paths = tmp_path / "a.xml", tmp_path / "a.bin"
    for name in there:
        (tmp_path / name).write_text(f"old {name}")
    rename, seen = Path.rename, []

    def watched(source, target):
        seen.append(source.read_text())
        if seen[-1] == failing:
            raise OSError(errno.EIO, "no", str(target))
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", watched)
    step = failing is None or (failing.startswith("old") and failing.split()[1] not in there)
    with (
        contextlib.nullcontext() if step else pytest.raises(OSError, match="no"),
        files.exchanging(*paths) as temporary,
    ):
        for path in paths:
            temporary.with_name(path.name).write_text(f"new {path.name}")
    expected = {path.name: f"new {path.name}" for path in paths} if step else {name: f"old {name}" for name in there}
    assert {path.name: path.read_text() for path in tmp_path.iterdir()} == expected
    assert step or seen[-1] == failing


def test_what_nobody_writes_goes_with_the_change_or_stays(tmp_path):
    path, left, gone = (tmp_path / name for name in ("a.x", "a.x.json", "gone"))
    path.write_text("old")
    left.write_text("old")
    with pytest.raises(OSError, match="no"), files.exchanging(path, removed=(left, gone)):
        raise OSError("no")
    assert names(tmp_path) == ["a.x", "a.x.json"]
    with files.exchanging(path, removed=(left, gone)) as temporary:
        temporary.write_text("new")
    assert names(tmp_path) == ["a.x"] and path.read_text() == "new"


@pytest.mark.parametrize("there", [True, False])
def test_a_folder_changes_as_a_whole_or_not_at_all(there, tmp_path, monkeypatch):
    path, rename = tmp_path / "model", Path.rename
    if there:
        path.mkdir()
        (path / "x").write_text("old")

    def exchange():
        with files.exchanging(path) as temporary:
            temporary.mkdir()
            (temporary / "y").write_text("new")

    def failing(source, target):
        if target == path:
            raise OSError(errno.EIO, "no", str(target))
        return rename(source, target)

    monkeypatch.setattr(Path, "rename", failing)
    with pytest.raises(OSError, match="no"):
        exchange()
    assert names(tmp_path) == (["model"] if there else [])
    assert not there or ((path / "x").read_text() == "old" and names(path) == ["x"])
    monkeypatch.undo()
    exchange()
    assert names(tmp_path) == ["model"] and names(path) == ["y"]


def test_what_is_missing_or_no_file_is_found_before_anything_changes(tmp_path):
    paths = tmp_path / "a.xml", tmp_path / "a.bin"
    for path in paths:
        path.write_text("old")
    with pytest.raises(FileNotFoundError), files.exchanging(*paths) as temporary:
        temporary.write_text("new")
    assert [path.read_text() for path in paths] == ["old", "old"]
    paths[1].unlink()
    paths[1].mkdir()
    (paths[1] / "mine").write_text("mine")
    error = pytest.raises(FileExistsError, match=r"is no file, and would be replaced.*a\.bin")
    with error, files.exchanging(*paths) as temporary:
        for path in paths:
            temporary.with_name(path.name).write_text("new")
    assert paths[0].read_text() == "old" and names(paths[1]) == ["mine"]
