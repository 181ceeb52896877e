"""The package as a whole: what it imports, how it is laid out and written."""

import ast
import doctest
import importlib
import pathlib
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from types import ModuleType

import keras
import numpy as np
import pytest

import nasnet_keras as nk
from nasnet_keras import pretrained as nk_pretrained

ROOT = Path(__file__).parent.parent
FOLDERS = {
    "nasnet_keras": "nasnet_keras",
    "search": "nasnet_keras.search",
    "pretrained": "nasnet_keras.pretrained",
}
HEAVY = ("keras", "tensorflow", "jax", "torch")


def modules():
    for folder, package in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            name = ".".join((package, *(part for part in parts if part != "__init__")))
            yield name, path


def imports(path):
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=60).stdout


def test_what_is_installed_has_every_file(tmp_path):
    """Modules, cards, weights: what a user gets is not what lies here."""
    built = [f"--build-base={tmp_path / 'base'}", f"--build-lib={tmp_path / 'lib'}"]
    subprocess.run([sys.executable, "setup.py", "-q", "build", *built], cwd=ROOT, check=True, capture_output=True)
    for folder, package in FOLDERS.items():
        here = {path.relative_to(ROOT / folder) for path in (ROOT / folder).rglob("*") if path.is_file()}
        installed = tmp_path.joinpath("lib", *package.split("."))
        missing = [path for path in here if "__pycache__" not in path.parts and not (installed / path).is_file()]
        assert not missing and len(here) > 10, missing


@pytest.mark.parametrize("job", ["search.__main__", "training.__main__", "pretrained.__main__"])
def test_values_catalogue_costs_cards_and_flags_need_no_keras(job):
    run_python(f"""
import sys
import nasnet_keras as nk
from nasnet_keras import pretrained as nk_pretrained
import nasnet_keras.card
import nasnet_keras.{job}
from nasnet_keras.search import SearchConfig, CellSpace, load_study
from nasnet_keras.training import datasets
datasets.load("digits")
genotype = nk.Genotype.from_json(nk.genotypes.NASNET_A.to_json())
assert nk.genotype_cost(genotype).trainable_parameters == 3346538
loaded = [name for name in {HEAVY} if name in sys.modules]
assert not loaded, loaded
""")


def test_import_is_instant():
    code = """
import sys
before = set(sys.modules)
import nasnet_keras
print(*{name.partition(".")[0] for name in set(sys.modules) - before} - sys.stdlib_module_names)
"""
    assert set(run_python(code).split()) <= {"nasnet_keras", "wrapt"}, "what takes time to import comes when it is used"


def test_imports_point_one_way():
    for name, path in modules():
        for imported in imports(path):
            for part in ("nasnet_keras.search", "nasnet_keras.pretrained"):
                assert name.startswith(part) or not imported.startswith(part), f"{path} imports {part}"
            assert not imported.startswith(("tests", "benchmarks")), path


def test_public_names_resolve_and_unknown_ones_do_not():
    for package in (nk, *map(importlib.import_module, ("nasnet_keras.search", "nasnet_keras.pretrained"))):
        for name in package.__all__:
            assert getattr(package, name) is not None and name in dir(package)
        with pytest.raises(AttributeError, match="no attribute 'nothing'"):
            package.nothing  # noqa: B018
    for name, path in modules():
        tree = ast.parse(path.read_text())
        if any(isinstance(n, (ast.FunctionDef, ast.ClassDef)) for n in tree.body):
            module = importlib.import_module(name)
            assert path.name == "__main__.py" or all(hasattr(module, public) for public in module.__all__), name
    assert not isinstance(nk_pretrained.fine_tune, ModuleType), "the job's module hides the function"


@pytest.mark.parametrize("name", [name for name, path in modules() if ">>> " in path.read_text()])
def test_examples_in_docstrings(name):
    module = importlib.import_module(name)
    names = {**vars(module), "np": np, "keras": keras, "nk": nk, "pathlib": pathlib, "tempfile": tempfile}
    flags = doctest.NORMALIZE_WHITESPACE
    result = doctest.testmod(module, extraglobs=names, optionflags=flags)
    assert result.attempted and not result.failed


def test_readme_code_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for page in (
        "README.md",
        "docs/search.md",
        "docs/fine_tuning.md",
        "docs/inference.md",
    ):  # the second looks at the study that the first made
        blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(), re.DOTALL)
        assert blocks
        names = {}
        for block in blocks:
            exec(compile(block, page, "exec"), names)


def test_readme_commands_are_those_of_ci():
    readme = (ROOT / "README.md").read_text()
    assert "pip install -e . && nasnet-search" in readme
    assert 'pip install -e ".[test]" && pytest' in readme
    assert '".[test]" && pytest' in (ROOT / ".ci" / "run").read_text()


@pytest.mark.parametrize("arguments", [["check"], ["format", "--check"]])
def test_style(arguments):
    done = subprocess.run([sys.executable, "-m", "ruff", *arguments, str(ROOT)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_no_assert_outside_tests():
    for _, path in modules():
        assert not any(isinstance(node, ast.Assert) for node in ast.walk(ast.parse(path.read_text()))), path


def test_version_is_one():
    from importlib import metadata

    assert metadata.version("nasnet_keras") == nk.__version__
    assert nk.__version__ in (ROOT / "CHANGELOG.md").read_text()
