"""What is said of `keras` and `keras-nightly` in one folder, and of a Keras whose files went with the other's."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nasnet_keras.utils.keras_package import BrokenKerasError, check_keras

NAMES = {"keras": "keras", "keras_nightly": "keras-nightly"}
SHARED = "keras 3.15.0 and keras-nightly 3.16.0.dev1 share a folder: removing either breaks the other"
AGAIN = "pip install --force-reinstall --no-deps"
MENDED = {
    "keras": f"{AGAIN} keras",
    "keras_nightly": f"{AGAIN} keras-nightly==3.16.0.dev1",
}
ALONE = """\
import nasnet_keras, os, sys, absl.flags, absl.logging
sys.path[:] = [os.environ["PYTHONPATH"], *(place for place in sys.path if "site-packages" not in place)]
"""  # what the environment has beside them is out of sight
LOADED = f"{ALONE}import keras"
JOB = f"""
from absl import flags
from nasnet_keras.utils.jobs import run_job
def define():
    exec({ALONE!r})
    return [flags.DEFINE_string("workdir", "run", "The folder.")]
def main(values):
    import keras
    print("runs")
run_job("nasnet-search", main, define, "nothing")
"""
REPORT, SEARCH = (f"from nasnet_keras.{job}.__main__ import console; console()" for job in ("search.report", "search"))
HIDDEN = """
from importlib.machinery import PathFinder
real = PathFinder.find_spec
PathFinder.find_spec = lambda name, path=None, target=None: None if name == "keras" else real(name, path, target)
"""  # the distribution of the environment is there, and its files are not
EDITABLE = """
import importlib.util, pathlib, sys
class Editable:
    def find_spec(name, path=None, target=None):
        file = pathlib.Path({place!r}, "__init__.py")
        if name == "keras" and file.exists():
            return importlib.util.spec_from_file_location(name, file)
sys.meta_path.append(Editable)
"""  # as the finder that setuptools makes for `pip install --editable`


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """Makes a folder of packages with distributions of Keras, by their versions, and perhaps with Keras' files."""
    monkeypatch.delenv("NASNET_KERAS_SAID_NIGHTLY", raising=False)

    def install(files=True, rest=False, **versions):
        for name, version in versions.items():
            (tmp_path / f"{name}-{version}.dist-info").mkdir()
            metadata = f"Metadata-Version: 2.1\nName: {NAMES[name]}\nVersion: {version}\n"
            (tmp_path / f"{name}-{version}.dist-info" / "METADATA").write_text(metadata)
        if files or rest:
            (tmp_path / "keras" / "src").mkdir(parents=True)
        if files:
            (tmp_path / "keras" / "__init__.py").write_text("")
        return [str(tmp_path)]

    return install


def run(code, folder):
    return subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "PYTHONPATH": folder[0]},
    )


def test_two_distributions_are_said_once(installed, caplog):
    path = installed(keras="3.15.0", keras_nightly="3.16.0.dev1")
    for _ in range(2):
        check_keras(path)
    assert [record.message for record in caplog.records] == [
        f"{SHARED}; it is mended by: {MENDED['keras']}, or, for the nightly, by: {MENDED['keras_nightly']}"
    ]


@pytest.mark.parametrize("versions", [{"keras": "3.15.0"}, {"keras_nightly": "3.16.0.dev1"}, {}])
def test_one_distribution_or_a_keras_from_elsewhere_is_fine(versions, installed, caplog):
    check_keras(installed(**versions))
    assert not caplog.records


def test_a_keras_that_was_never_installed_is_left_to_python(installed):
    check_keras(installed(files=False))


@pytest.mark.parametrize("rest", [True, False])
@pytest.mark.parametrize(
    ("versions", "expected"),
    [
        ({"keras": "3.15.0"}, "keras 3.15.0 is installed without files"),
        ({"keras_nightly": "3.16.0.dev1"}, "keras-nightly 3.16.0.dev1 is installed without files"),
        ({"keras": "3.15.0", "keras_nightly": "3.16.0.dev1"}, "dev1 are installed without files"),
    ],
)
def test_a_keras_whose_files_are_gone_is_refused(rest, versions, expected, installed):
    mended = ", or, for the nightly, by: ".join(MENDED[name] for name in versions)
    with pytest.raises(BrokenKerasError, match=f"{expected}.*: {mended}$"):
        check_keras(installed(files=False, rest=rest, **versions))


@pytest.mark.parametrize("code", [LOADED, f"import keras\n{LOADED}", JOB])
def test_a_process_says_it_when_it_starts_or_imports_keras(code, installed):
    done = run(code, installed(keras="3.15.0", keras_nightly="3.16.0.dev1"))
    assert done.returncode == 0 and done.stderr.count(SHARED) == 1 == len(done.stderr.splitlines()), done.stderr


def test_a_broken_keras_is_refused_where_it_is_imported(installed):
    done = run(LOADED, installed(files=False, rest=True, keras="3.15.0"))
    assert done.returncode == 1 and "BrokenKerasError: keras 3.15.0 is installed without files" in done.stderr


def test_a_job_refuses_a_broken_keras_in_one_line(installed):
    done = run(JOB, installed(files=False, rest=True, keras="3.15.0"))
    assert (done.returncode, done.stdout) == (1, "") and len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("nasnet-search: keras 3.15.0 is installed without files")


def test_an_editable_installation_is_found_where_python_finds_it(installed, tmp_path):
    place = tmp_path / "elsewhere"
    place.mkdir()
    (place / "__init__.py").write_text("print('imported')")
    done = run(EDITABLE.format(place=str(place)) + LOADED, installed(files=False, keras="3.15.0"))
    assert (done.returncode, done.stdout, done.stderr) == (0, "imported\n", "")


def test_an_editable_installation_without_its_folder_is_refused(installed, tmp_path):
    done = run(EDITABLE.format(place=str(tmp_path / "gone")) + LOADED, installed(files=False, keras="3.15.0"))
    assert "BrokenKerasError: keras 3.15.0 is installed without files" in done.stderr


def test_a_job_that_needs_no_keras_runs_without_it(tmp_path):
    argv = ["nasnet-report", str(Path(__file__).parent / "frozen/study"), f"--output={tmp_path}"]
    done = run(f"{HIDDEN}\nimport sys\nsys.argv = {argv!r}\n{REPORT}", [str(tmp_path)])
    assert (done.returncode, done.stderr) == (0, "") and [*tmp_path.glob("*.svg")]


def test_a_job_that_needs_keras_refuses_it_before_it_begins(tmp_path):
    argv = ["nasnet-search", f"--workdir={tmp_path / 'study'}"]
    done = run(f"{HIDDEN}\nimport sys\nsys.argv = {argv!r}\n{SEARCH}", [str(tmp_path)])
    assert done.returncode == 1 and "installed without files" in done.stderr and not [*tmp_path.iterdir()]
