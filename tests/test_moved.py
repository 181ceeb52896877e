"""The old names of modules: those of version 0.1.0, before the layout changed, still import, with a warning."""

import importlib
import json
import re
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from nasnet_keras import GenotypeError, conventions, genotypes
from nasnet_keras.utils.moved import MOVED, RENAMED

ROOT = Path(__file__).parent.parent
NAMES = json.loads((Path(__file__).parent / "frozen" / "names.json").read_text())
"""The public names of each module at commit f9c6bcb, before anything moved."""
FOLDERS = ("genotypes", "layers", "plotting", "search.report", "search.study", "training.datasets", "weights")
"""Modules that are folders now."""
FACES = ("nasnet_keras", "nasnet_keras.pretrained", "nasnet_keras.search")
REWRITTEN = {  # names that only the package itself used
    "nasnet_keras.search.settings": {"checked", "checked_json"},  # checks of configurations
    "nasnet_keras.search.evaluators.mirrored": {"all_devices"},  # `training.devices` decides
}


@pytest.mark.parametrize("module", [*FACES, *(f"nasnet_keras.{old}" for old in (*FOLDERS, *MOVED))])
def test_a_module_has_the_names_that_it_had(module):
    with warnings.catch_warnings(action="ignore", category=DeprecationWarning):
        found = importlib.import_module(module)
        missing = {name for name in NAMES.get(module, ()) if not hasattr(found, name)}
    assert missing <= REWRITTEN.get(module, set())


@pytest.mark.parametrize("old", MOVED)
def test_a_moved_module_warns_and_names_the_new_place(old):
    with warnings.catch_warnings(record=True, action="always") as caught:
        sys.modules.pop(f"nasnet_keras.{old}", None)
        exec(compile(f"import nasnet_keras.{old}", "users.py", "exec"), {})
    (warning,) = [each for each in caught if str(each.message).startswith(f"nasnet_keras.{old} is now ")]
    assert warning.category is DeprecationWarning and warning.filename == "users.py" and warning.lineno == 1
    assert all(f"nasnet_keras.{place}" in str(warning.message) for place in MOVED[old])


@pytest.mark.parametrize("old", [old for old in RENAMED if old.rpartition(".")[0] not in MOVED])
def test_a_name_of_a_module_that_is_a_folder_now_warns(old):
    module, _, name = f"nasnet_keras.{old}".rpartition(".")
    with pytest.warns(DeprecationWarning, match=re.escape(f"is now nasnet_keras.{RENAMED[old]}")) as caught:
        exec(compile(f"from {module} import {name}", "users.py", "exec"), {})
    assert {each.filename for each in caught} == {"users.py"}


def test_the_error_of_genotypes_is_where_it_was():
    assert conventions.GenotypeError is genotypes.GenotypeError is GenotypeError


def test_old_names_do_not_hide_new_modules():
    for old in MOVED:
        *folders, name = old.split(".")
        root = ROOT / "nasnet_keras" / Path(*folders)
        assert not (root / f"{name}.py").exists() and not (root / name / "__init__.py").exists(), old


def test_nothing_here_uses_an_old_name():
    old = "|".join(sorted(map(re.escape, MOVED), reverse=True))
    pattern = re.compile(
        rf"(?:from|import) nasnet_keras\.(?:{old})(?!\.?\w)|from nasnet_keras import (?!conventions)(?:{old})\b"
    )
    gone = "|".join(
        ".".join(map(re.escape, one.split(".")[-2:])) for one in RENAMED if one.rpartition(".")[0] in FOLDERS
    )
    attribute = re.compile(rf"(?<![\w.])(?:{gone})\b")
    listed = subprocess.run(["git", "ls-files", "*.py", "*.md"], cwd=ROOT, capture_output=True, text=True, check=True)
    for name in listed.stdout.splitlines():
        if not name.startswith("tests/frozen/") and name != "CHANGELOG.md":
            text = (ROOT / name).read_text()
            assert not pattern.findall(text), name
            assert name.endswith(("test_moved.py", "moved.py")) or not attribute.findall(text), name
