"""What errors of missing packages tell to type, which has to work although the package is in no index."""

import builtins
import importlib.util
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from test_house import ROOT, modules

from nasnet_keras.latency.errors import LatencyError
from nasnet_keras.latency.runtimes import RUNTIMES
from nasnet_keras.search.executors import ray_connection
from nasnet_keras.utils import extras

EXTRAS = ["docs", "export", "openvino", "pandas", "ray"]


def pip(command):
    """Whether pip takes a command, in this environment, which has the packages; nothing is installed or asked for."""
    words = shlex.split(command)
    assert words[:2] == ["pip", "install"]
    alone = ["--dry-run", "--no-index", "--no-build-isolation", "--disable-pip-version-check"]
    return subprocess.run([sys.executable, "-m", "pip", "install", *alone, *words[2:]], capture_output=True, text=True)


@pytest.mark.parametrize("extra", EXTRAS)
def test_from_a_checkout_its_path_is_named(extra):
    words = shlex.split(extras.install(extra))
    assert words[:3] == ["pip", "install", "-e"] and words[3] == f"{ROOT}[{extra}]"
    assert re.search(rf'"{extra}": ', (ROOT / "setup.py").read_text())


def test_without_a_checkout_packages_are_named_that_pip_takes(monkeypatch, tmp_path):
    egg_info = [sys.executable, "setup.py", "-q", "egg_info", f"--egg-base={tmp_path}"]
    subprocess.run(egg_info, cwd=ROOT, check=True, capture_output=True)
    monkeypatch.syspath_prepend(tmp_path)  # as if it were installed, and no checkout
    monkeypatch.setattr(extras, "_ROOT", tmp_path)
    for extra in EXTRAS:
        if extra == "pandas" and importlib.util.find_spec("pandas") is None:  # whoever tests need not have it
            continue
        command = extras.install(extra)
        assert "nasnet_keras" not in command and len(shlex.split(command)) > 2
        done = pip(command)
        assert done.returncode == 0 and "Would install" not in done.stdout, done.stderr
    assert "onnxruntime>=" in extras.install("export") and "ray" not in extras.install("export")
    assert "tensorflow" in extras.install("") and "openvino" not in extras.install("")
    monkeypatch.setattr(extras, "_NAME", "no_such_package")
    assert extras.install("export") == "pip install 'no_such_package[export]'"


def test_each_error_of_a_missing_package_says_what_to_type(monkeypatch):
    find, load = importlib.util.find_spec, builtins.__import__
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name, *more: None if name == "openvino" else find(name, *more)
    )
    with pytest.raises(LatencyError, match=re.escape(extras.install("openvino"))):
        RUNTIMES["openvino"].require()

    def without_ray(name, *more):
        if name == "ray":
            raise ImportError("No module named 'ray'")
        return load(name, *more)

    monkeypatch.setattr(builtins, "__import__", without_ray)
    with pytest.raises(ValueError, match=re.escape(extras.install("ray"))):
        ray_connection._imported()


def test_no_other_place_tells_how_to_install():
    files = [*modules().values(), *Path(ROOT / "docs").glob("*.md"), ROOT / "README.md"]
    told = [path.name for path in files if re.search(r"pip install [\"']?nasnet_keras", path.read_text())]
    assert told == ["extras.py"]
