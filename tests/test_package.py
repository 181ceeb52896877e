"""The package as a whole: what it imports, how it is laid out and written."""

import ast
import doctest
import importlib
import importlib.metadata
import inspect
import pathlib
import re
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from types import ModuleType

import keras
import numpy as np
import pytest
from test_house import FOLDERS, ROOT, modules, tree

import nasnet_keras as nk
from nasnet_keras import pretrained as nk_pretrained
from nasnet_keras.latency.device import Device
from nasnet_keras.latency.predictor import LatencyPredictor, Measured
from nasnet_keras.latency.predictor_file import write_predictor
from nasnet_keras.networks.named import MODELS
from nasnet_keras.search.spaces.nasnet import CellSpace

FACES = ("", "applications", "genotypes", "genotypes.conventions", "inference", "layers", "networks", "plotting")
FACES += ("pretrained", "search", "weights")
FACES += ("search.report", "search.study", "search.testing", "training.datasets")
NOT_RUN = {*MODELS, "decode_predictions"}  # named models, which test_catalogue.py builds; names that are downloaded
HEAVY = ("keras", "tensorflow", "jax", "torch")


IMPORTED = """
import sys
sys.path.insert(0, {root!r})
import nasnet_keras.search.config, nasnet_keras.pretrained.__main__
for module in (nasnet_keras, nasnet_keras.search.config, nasnet_keras.pretrained.__main__):
    assert module.__file__.startswith({root!r}), module.__file__
"""


def run_python(code):
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, timeout=600).stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """A folder with the source distribution and the wheel, and the wheel installed in its folder `target`."""
    folder = tmp_path_factory.mktemp("built")
    own = ["egg_info", f"--egg-base={folder}", "build", f"--build-base={folder / 'build'}"]
    made = ["sdist", f"--dist-dir={folder}", "bdist_wheel", f"--dist-dir={folder}", f"--bdist-dir={folder / 'wheel'}"]
    subprocess.run([sys.executable, "setup.py", "-q", *own, *made], cwd=ROOT, check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-index", f"--target={folder / 'target'}"]
    subprocess.run([*pip, str(wheel)], check=True, capture_output=True)
    return folder


def test_what_is_installed_has_every_file(built):
    """Modules, cards, weights: what a user gets is not what lies here, where two folders are links."""
    for folder, package in FOLDERS.items():
        here = {path.relative_to(ROOT / folder) for path in (ROOT / folder).rglob("*") if path.is_file()}
        installed = built.joinpath("target", *package.split("."))
        missing = [path for path in here if "__pycache__" not in path.parts and not (installed / path).is_file()]
        assert not missing and len(here) > 10, missing
    assert not [path for path in (built / "target").rglob("*") if path.is_symlink()]
    (dist_info,) = (built / "target").glob("*.dist-info")
    assert {path.name for path in (built / "target").iterdir()} - {"bin"} == {"nasnet_keras", dist_info.name}


def test_the_source_distribution_has_what_the_wheel_has(built):
    (archive,) = built.glob("*.tar.gz")
    with tarfile.open(archive) as file:
        members = {name.partition("/")[2]: member for name, member in zip(file.getnames(), file, strict=True)}
    assert not any(member.issym() for member in members.values())
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        modules = {name for name in file.namelist() if ".dist-info/" not in name}
    assert modules <= members.keys() and {"setup.py", "LICENSE", "NOTICE", "README.md"} <= members.keys()


def test_a_package_index_shows_nothing_that_leads_nowhere(built):
    (wheel,) = built.glob("*.whl")
    with zipfile.ZipFile(wheel) as file:
        (name,) = [name for name in file.namelist() if name.endswith(".dist-info/METADATA")]
        shown = file.read(name).decode().partition("\n\n")[2]
    readme = (ROOT / "README.md").read_text()
    first, last = readme.split("\n\n")[1], readme.rstrip().rpartition("\n\n")[2]
    assert shown.startswith("# nasnet_keras\n") and first in shown and last in shown
    assert "nk.model_cost(" in shown and "nasnet-search --dataset" in shown
    assert not re.search(r"\]\((?!https:)", shown) and re.search(r"\]\((?!https:)", readme)


def test_the_readme_is_a_screen_with_a_picture_and_its_links_lead_somewhere():
    readme = (ROOT / "README.md").read_text()
    assert len(readme.splitlines()) < 70 and re.search(r"!\[[^]]+\]\([^)]+\.svg\)", readme)
    assert "nk.model_cost(" in readme.partition("nasnet-finetune")[0], "what many come for stands above"
    links = re.findall(r"\]\(([^)]+)\)", readme)
    assert len(links) > 20 and not [link for link in links if not (ROOT / link).is_file()]


def test_what_is_installed_imports(built):
    run_python(IMPORTED.format(root=str(built / "target")))


def test_a_checkout_imports_without_installation(tmp_path):
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, tmp_path / folder, symlinks=True, ignore=shutil.ignore_patterns("*.weights.h5"))
    run_python(IMPORTED.format(root=str(tmp_path)))


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


def test_public_names_resolve_and_unknown_ones_do_not():
    for package in (nk, *map(importlib.import_module, ("nasnet_keras.search", "nasnet_keras.pretrained"))):
        for name in package.__all__:
            assert getattr(package, name) is not None and name in dir(package)
        with pytest.raises(AttributeError, match="no attribute 'nothing'"):
            package.nothing  # noqa: B018
    for name, path in modules().items():
        if any(isinstance(n, (ast.FunctionDef, ast.ClassDef)) for n in tree(name).body):
            module = importlib.import_module(name)
            assert path.name == "__main__.py" or all(hasattr(module, public) for public in module.__all__), name
    for name in ("fine_tune", "predict"):
        assert not isinstance(getattr(nk_pretrained, name), ModuleType), "the module of a job hides the function"


@pytest.mark.parametrize("face", FACES)
def test_public_names_are_documented(face):
    """What it is, each argument, and an example of each function; the examples are run below."""
    package = importlib.import_module(f"nasnet_keras.{face}".rstrip("."))
    for name in getattr(package, "__all__", ()):
        value = getattr(package, name)
        text = inspect.getdoc(value) or ""
        assert text, name
        own = value if inspect.isfunction(value) else vars(value).get("__init__") if inspect.isclass(value) else None
        if own is None or (inspect.isclass(value) and issubclass(value, Exception)):
            continue
        arguments = [each for each in inspect.signature(own).parameters if each not in ("self", "args", "kwargs")]
        unnamed = [each for each in arguments if not re.search(rf"\b{each}\b", text)]
        assert not unnamed, f"{name} does not say what {unnamed} are"
        assert not arguments or "Args:" in text or "Attributes:" in text, name
        assert "Example:" in text or name in NOT_RUN or not inspect.isfunction(value), name


@pytest.mark.parametrize("name", [name for name, path in modules().items() if ">>> " in path.read_text()])
def test_examples_in_docstrings(name):
    module = importlib.import_module(name)
    names = {**vars(module), "np": np, "keras": keras, "nk": nk, "pathlib": pathlib, "tempfile": tempfile}
    flags = doctest.NORMALIZE_WHITESPACE
    result = doctest.testmod(module, extraglobs=names, optionflags=flags)
    assert result.attempted and not result.failed


PAGES = ["README.md"]
PAGES += sorted(
    path.relative_to(ROOT).as_posix() for path in (ROOT / "docs").rglob("*.md") if "```python" in path.read_text()
)
PAGES.remove("docs/devices.md")  # test_labels_beside.py runs it, with the files that it reads
# The site runs tutorials. Pages of models have one template: one stands for all, test_bundled.py verifies each model.
PAGES = [page for page in PAGES if not re.fullmatch(r"docs/(tutorials/.*|models/(?!mnasnet_cifar10|README).*)", page)]


def test_examples_of_public_functions_are_run():
    """Either that in the docstring, as a doctest, or one on a page."""
    pages = "".join((ROOT / page).read_text() for page in PAGES)
    called = set(re.findall(r"\b(\w+)\(", "".join(re.findall(r"```python\n(.*?)```", pages, re.DOTALL))))
    for face in FACES:
        package = importlib.import_module(f"nasnet_keras.{face}".rstrip("."))
        for name in getattr(package, "__all__", ()):
            value = getattr(package, name)
            if inspect.isfunction(value) and name not in NOT_RUN | called:
                assert ">>> " in inspect.getdoc(value), name


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES)
def test_code_of_pages_runs(page, tmp_path, monkeypatch, capsys):
    """Each page for itself. Where a block of text follows a block of Python, that is what it prints."""
    monkeypatch.chdir(tmp_path)
    write_predictor(_predictor(), "laptop.json")  # as a command of the page on latency does
    names, text = {}, (ROOT / page).read_text()
    for block, shown in re.findall(r"```python\n(.*?)```(?:\n+```text\n(.*?)```)?", text, re.DOTALL):
        exec(compile(block, page, "exec"), names)
        printed = capsys.readouterr().out
        assert not shown or printed == shown, page


def _predictor():
    space, device = CellSpace(), Device("litert", "2.0", 1, "a processor")
    cells = [space.decode(space.sample(np.random.default_rng(seed))) for seed in range(12)]
    measured = [Measured(cell, 1.0 + 0.1 * number) for number, cell in enumerate(cells)]
    return LatencyPredictor.fit(measured, device, "nasnet", (32, 32, 3), num_repeats=1, filters=8)


def test_readme_commands_are_those_of_ci():
    readme = (ROOT / "README.md").read_text()
    assert "pip install -e . && nasnet-search" in readme
    assert 'pip install -e ".[test]" && pytest' in readme
    run = (ROOT / ".ci" / "run").read_text()
    assert '".[test]" && pytest' in run and '-m "slow and not fuzz"' in run, "which that command leaves out"


def test_no_assert_outside_tests():
    for name in modules():
        assert not any(isinstance(node, ast.Assert) for node in ast.walk(tree(name))), name


def test_version_is_one():
    assert importlib.metadata.version("nasnet_keras") == nk.__version__
    assert nk.__version__ in (ROOT / "CHANGELOG.md").read_text()
