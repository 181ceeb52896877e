"""What a file of weights may reach, what it may cost, and what is read of it."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import h5py
import numpy as np
import pytest
import weight_files
from fuzz import rounds
from weight_files import EXPECTED, SHAPES, made, values

from nasnet_keras.utils import checks
from nasnet_keras.weights import isolated, reading
from nasnet_keras.weights.hdf5 import WeightsError

STEM = "layers/stem_layer/vars"


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "a.weights.h5"
    path.write_bytes(made())
    return path


@pytest.fixture
def secret(tmp_path):
    """Another file of weights, of other values."""
    path = tmp_path / "secret.h5"
    path.write_bytes(made())
    with h5py.File(path, "a") as file:
        file["x"] = np.full(SHAPES["stem"][1], 42.0, "float32")
    return str(path)


def replace(file, name, value):
    del file[name]
    file[name] = value


def check(found):
    assert {owner: len(arrays) for owner, arrays in found.items()} == {owner: len(s) for owner, s in SHAPES.items()}
    for owner, arrays in found.items():
        for index, array in enumerate(arrays):
            np.testing.assert_array_equal(array, values(owner, index))


@pytest.mark.parametrize("style", weight_files.STYLES)
def test_both_ways_of_reading_give_the_same(style, tmp_path):
    path = tmp_path / "ünïcode \udcff.h5"
    path.write_bytes(made(style))
    check(reading.read(path, EXPECTED))
    check(isolated.read_apart(path, EXPECTED))


LINKS = {
    "root": lambda file, link: replace(file, "layers", link("/layers")),
    "layer": lambda file, link: replace(file, "layers/stem_layer", link("/layers/stem_layer")),
    "one layer more": lambda file, link: file.__setitem__("layers/more", link("/layers/stem_layer")),
    "vars": lambda file, link: replace(file, STEM, link(f"/{STEM}")),
    "data set": lambda file, link: replace(file, f"{STEM}/1", link(f"/{STEM}/1")),
    "within a layer": lambda file, link: replace(file, "layers/cell_layer/inner_layer", link("/layers/stem_layer")),
}


@pytest.mark.parametrize("place", LINKS)
def test_links_to_elsewhere_are_refused_and_never_opened(place, path, secret, tmp_path):
    pipe = str(tmp_path / "pipe")
    os.mkfifo(pipe)  # who opens it waits for ever
    kinds = (
        lambda target: h5py.ExternalLink(secret, target),
        lambda target: h5py.ExternalLink(pipe, target),
        lambda target: h5py.ExternalLink("missing.h5", target),
        lambda target: h5py.SoftLink(target),
        lambda target: h5py.SoftLink(f"/layers/../{target}"),
    )
    whole = path.read_bytes()
    for link in kinds:
        path.write_bytes(whole)
        with h5py.File(path, "a") as file:
            LINKS[place](file, link)
        with pytest.raises(WeightsError, match=r"a\.weights\.h5 has a link to elsewhere at /layers"):
            reading.read(path, EXPECTED)


def test_links_where_no_weights_are_read_are_never_opened(path, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    with h5py.File(path, "a") as file:
        file["optimizer"] = h5py.ExternalLink(str(tmp_path / "pipe"), "/x")
        file[f"{STEM}"].attrs["more"] = file.ref
        file["layers/cell_layer"]["notes"] = np.zeros(3)
    check(reading.read(path, EXPECTED))


def outside(file, secret):
    """Data sets whose values lie in another file."""
    shape = SHAPES["stem"][1]
    layout = h5py.VirtualLayout(shape, "f4")
    layout[:] = h5py.VirtualSource(secret, "x", shape)
    yield lambda group, name: group.create_dataset(name, shape, "f4", external=[(secret, 0, 32)])
    yield lambda group, name: group.create_virtual_dataset(name, layout)


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("style", ["plain", "legacy"])
def test_values_outside_the_file_are_refused(number, style, path, secret):
    path.write_bytes(made(style))
    parent, name = ("stem/stem", "1:0") if style == "legacy" else (STEM, "1")
    with h5py.File(path, "a") as file:
        make = list(outside(file, secret))[number]
        del file[parent][name]
        make(file[parent], name)
    with pytest.raises(WeightsError, match="has weights outside the file"):
        reading.read(path, EXPECTED)


@pytest.mark.parametrize("name", ["stem", "stem/stem", "stem/stem/1:0"])
def test_links_of_the_legacy_format_are_refused(name, path, secret):
    for link in (h5py.ExternalLink(secret, "/x"), h5py.SoftLink("/logits")):
        path.write_bytes(made("legacy"))
        with h5py.File(path, "a") as file:
            replace(file, name, link)
        with pytest.raises(WeightsError, match="has a link to elsewhere at /stem"):
            reading.read(path, EXPECTED)


OTHER_KINDS = {
    "complex": np.zeros(8, "c8"),
    "text": np.zeros(8, "S3"),
    "booleans": np.zeros(8, bool),
    "whole numbers": np.zeros(8, "i4"),
    "compound": np.zeros(8, [("x", "f4")]),
    "opaque": np.zeros(8, "V2"),
    "text of any length": np.array(["x"] * 8, h5py.string_dtype()),
    "times": np.zeros(8, "i8").astype(h5py.opaque_dtype(np.dtype("M8[s]"))),
}


@pytest.mark.parametrize("kind", OTHER_KINDS)
def test_other_kinds_than_floating_point_are_refused(kind, path):
    with h5py.File(path, "a") as file:
        replace(file, f"{STEM}/1", OTHER_KINDS[kind])
    with pytest.raises(WeightsError, match=r"(?s)does not fit the model; nothing was loaded.*stem: file \[.* of "):
        reading.read(path, EXPECTED)


def of_references(file):
    replace(file, f"{STEM}/1", np.array([file.ref] * 8, h5py.ref_dtype))


def of_arrays(file):
    del file[f"{STEM}/1"]
    file.create_dataset(f"{STEM}/1", (8,), np.dtype(("f4", (3,))))


def named_type(file):
    replace(file, f"{STEM}/1", np.dtype("f4"))


def without_shape(file):
    replace(file, f"{STEM}/1", h5py.Empty("f4"))


def group_for_dataset(file):
    del file[f"{STEM}/1"]
    file.create_group(f"{STEM}/1")


def dataset_for_group(file):
    replace(file, "layers/stem_layer/vars", np.zeros(8))


def same_name_twice(file):
    file.copy("layers/stem_layer", "layers/another")


def long_name(file):
    file[STEM].attrs["name"] = "x" * 50_000


def name_is_a_number(file):
    file[STEM].attrs["name"] = 3


def many_names(file):
    file[STEM].attrs["name"] = np.array(["x"] * 1000, h5py.string_dtype())


def long_names(file):
    file.attrs["layer_names"] = np.array(["x" * 50_000] * 3, h5py.string_dtype())


def wrong_numbers(file):
    file.move(f"{STEM}/1", f"{STEM}/7")


def nothing(file):
    del file["layers"]


def huge(file):
    del file[f"{STEM}/1"]
    file.create_dataset(f"{STEM}/1", (2**40,), "f4", chunks=(2**20,), compression="gzip")


def many_axes(file):
    replace(file, f"{STEM}/1", np.zeros((1,) * 32, "f4"))


def large_chunks(file):
    del file[f"{STEM}/1"]
    file.create_dataset(f"{STEM}/1", (8,), "f4", maxshape=(None,), chunks=(2**28,), compression="gzip")


def unknown_filter(file):
    plan = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
    plan.set_chunk((8,))
    plan.set_filter(305, h5py.h5z.FLAG_OPTIONAL)
    del file[f"{STEM}/1"]
    space = h5py.h5s.create_simple((8,))
    h5py.h5d.create(file[STEM].id, b"1", h5py.h5t.IEEE_F32LE, space, plan)


@pytest.mark.parametrize(
    "damage",
    [
        *(of_references, of_arrays, named_type, without_shape, group_for_dataset, dataset_for_group, same_name_twice),
        *(long_name, long_names, name_is_a_number, many_names, wrong_numbers, nothing, huge, many_axes, large_chunks),
        unknown_filter,
    ],
)
def test_what_is_no_file_of_weights_is_refused_at_once(damage, path):
    with h5py.File(path, "a") as file:
        damage(file)
    start = time.monotonic()
    with pytest.raises(WeightsError) as caught:
        reading.read(path, EXPECTED)
    assert time.monotonic() - start < 5 and len(str(caught.value)) < 2000


def test_numbers_of_any_precision_and_byte_order(path):
    for dtype in ("f2", ">f4", "f8", ">f8", np.longdouble):
        with h5py.File(path, "a") as file:
            replace(file, f"{STEM}/1", np.asarray([0.5, -2.0, np.nan, np.inf, 0, 1, 2, 3], dtype))
        for read in (reading.read, isolated.read_apart):
            found = read(path, EXPECTED)["stem"][1]
            np.testing.assert_array_equal(found, [0.5, -2.0, np.nan, np.inf, 0, 1, 2, 3])
            assert found.dtype.isnative and found.dtype.itemsize <= 8


def test_hard_links_are_followed_once(path):
    """A group that is linked many times over would be met 2**50 times."""
    with h5py.File(path, "a") as file:
        file["layers/again"] = file["layers/stem_layer"]
        replace(file, f"{STEM}/2", file[f"{STEM}/1"])
        group = file.create_group("layers/many")
        for _ in range(50):
            group.create_group("vars")
            group["a"] = group.create_group("b")
            group = group["a"]
        group["ring"] = file["layers"]
        group.create_group("vars")
    start = time.monotonic()
    found = reading.read(path, EXPECTED)
    assert time.monotonic() - start < 5
    np.testing.assert_array_equal(found["stem"][2], values("stem", 1))


def test_there_are_only_so_many_objects(path, monkeypatch):
    monkeypatch.setattr("nasnet_keras.weights.hdf5._MOST", 1000)
    with h5py.File(path, "a") as file:
        for index in range(1000):
            file[f"layers/more_{index}"] = file["layers/stem_layer"]
    with pytest.raises(WeightsError, match="more than 1,000 objects"):
        reading.read(path, EXPECTED)
    path.write_bytes(made("legacy"))
    with h5py.File(path, "a") as file:
        file["stem"].attrs["weight_names"] = np.array([b"stem/1:0"] * 600)
    with pytest.raises(WeightsError, match="more than 1,000 objects"):
        reading.read(path, EXPECTED)


def test_a_deep_file_is_refused(path):
    with h5py.File(path, "a") as file:
        group = file["layers"]
        for _ in range(3000):
            group = group.create_group("x")
            group.create_group("vars")
    with pytest.raises(WeightsError, match="cannot be read"):
        reading.read(path, EXPECTED)


def test_a_file_whose_reading_does_not_end_is_given_up(path, monkeypatch):
    path.write_bytes(weight_files.unending())
    assert weight_files.outcome(path) == "SIGALRM"
    monkeypatch.setattr(isolated, "_SECONDS", 3.0)
    start = time.monotonic()
    with pytest.raises(WeightsError, match=r"a\.weights\.h5 cannot be read: .* did not end within 3 seconds"):
        isolated.read_apart(path, EXPECTED)
    assert time.monotonic() - start < 20


@pytest.mark.parametrize(
    ("program", "message"),
    [
        ("import os; os.kill(os.getpid(), 11)", r"reading it crashed \(SIGSEGV\)"),
        ("raise MemoryError('too much')", "ended with exit code 1: MemoryError: too much"),
        ("import sys; sys.stdin.read(); print('{')", "ended with exit code 0: it said nothing"),
        ('import sys; sys.stdin.read(); print(\'{"arrays": {"stem": ["<f4", "<f4", "<f4"]}}\')', "cannot be read"),
    ],
)
def test_a_crash_is_an_error_of_the_file(program, message, path, monkeypatch):
    monkeypatch.setattr(isolated, "_PROGRAM", program)
    with pytest.raises(WeightsError, match=message):
        isolated.read_apart(path, EXPECTED)


@pytest.mark.parametrize("wrong", ["a" * 5000, None, 5, b"a.weights.h5", "a\0b", ".", ""])
def test_what_is_no_path_of_a_file_is_one_error(wrong):
    with pytest.raises(ValueError, match="no weights file .*: expected the path of a .weights.h5 file"):
        checks.weights_file(wrong)


def test_a_process_that_cannot_be_started_is_an_error_of_the_file(path, monkeypatch):
    monkeypatch.setattr(sys, "executable", str(path.with_name("python")))
    with pytest.raises(WeightsError, match="no process can be started to read it in .*No such file"):
        isolated.read_apart(path, EXPECTED)


def test_memory_is_limited(path, monkeypatch):
    monkeypatch.setattr(
        isolated,
        "_PROGRAM",
        "from nasnet_keras.weights import isolated\nisolated._limit_memory(0)\nbytes(3 << 30)",
    )
    with pytest.raises(WeightsError, match="MemoryError"):
        isolated.read_apart(path, EXPECTED)


def test_the_reader_imports_nothing_of_the_current_folder_and_no_keras(path, tmp_path, monkeypatch):
    for name in ("numpy", "h5py", "json", "nasnet_keras"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('of the current folder')")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", ".", *sys.path])
    check(isolated.read_apart(Path("a.weights.h5"), EXPECTED))
    code = (
        "import sys, nasnet_keras.weights.isolated; print({'keras', 'tensorflow', 'jax', 'torch'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path.parent)
    assert done.stdout == "set()\n"


def test_names_that_cannot_be_printed_are_shown_all_the_same(path):
    with h5py.File(path, "a") as file:
        file.copy("layers/stem_layer", "layers/more")
        file["layers/more/vars"].attrs["name"] = np.bytes_(b"st\xff")
    with pytest.raises(WeightsError, match="does not fit") as caught:
        reading.read(path, EXPECTED)
    str(caught.value).encode()


@rounds(40, 4000)
def test_damaged_files_are_read_or_refused(seeds, tmp_path):
    command = [sys.executable, weight_files.__file__, str(tmp_path), str(seeds.start), str(seeds.stop)]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    outcomes = json.loads(done.stdout)
    of_hdf5 = {"SIGALRM", "SIGSEGV", "SIGBUS", "SIGABRT", "SIGFPE"}  # which is why it has a process of its own
    assert {"read", "refused"} <= set(outcomes) <= {"read", "refused", *of_hdf5}, outcomes
    assert sum(outcomes.get(name, 0) for name in of_hdf5) <= sum(outcomes.values()) / 100, outcomes
