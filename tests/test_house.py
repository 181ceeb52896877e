"""The layout of the package: which folder may import which, by reading the code and without running it."""

import ast
import re
import statistics
import subprocess
import sys
from functools import cache
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
FOLDERS = {
    "nasnet_keras": "nasnet_keras",
    "search": "nasnet_keras.search",
    "pretrained": "nasnet_keras.pretrained",
}
FLOORS = (  # from the ground up: a folder or a file imports from floors below its own
    "utils",
    "genotypes images pages weights",
    "layers plotting",
    "networks inference",
    "applications card latency",
    "training",
    "search pretrained",
    "__main__",
)
FLOORS_OF_SEARCH = (
    "costs equality objects rungs tables",
    "rows",
    "registry proxies",
    "spaces combinations finishing place proposing",
    "config controllers supernet surrogates",
    "algorithms latency plausible study",
    "evaluators judged priors report",
    "executors costing",
    "pipeline remaining testing",
    "own remeasuring display",
    "finalists",
    "finals",
    "loop",
    "seeds",
    "__main__",
)


@cache
def modules() -> dict[str, Path]:
    """The files of the package by the names of their modules; links are not followed."""
    found = {}
    for folder, package in FOLDERS.items():
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = path.relative_to(ROOT / folder).with_suffix("").parts
            if not any((ROOT / folder).joinpath(*parts[:count]).is_symlink() for count in range(1, len(parts))):
                found[".".join((package, *(part for part in parts if part != "__init__")))] = path
    return found


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(modules()[module].read_text())


def named(module: str) -> set[str]:
    """The modules of the package that the imports of a module name, wherever in it an import stands."""
    found = set()
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found.update(inside & modules().keys() or {node.module})
            found.update({node.module} if inside - modules().keys() else ())
    return found & modules().keys()


def outside(module: str) -> list[str]:
    """The other packages that a module imports."""
    found = []
    for node in ast.walk(tree(module)):
        if isinstance(node, ast.Import):
            found += [alias.name.partition(".")[0] for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found.append(node.module.partition(".")[0])
    return [name for name in found if name != "nasnet_keras"]


def packages(module: str) -> set[str]:
    """The packages that a module is in, which Python imports before it."""
    parts = module.split(".")
    return {".".join(parts[:count]) for count in range(1, len(parts))}


@cache
def imported(module: str) -> set[str]:
    """All modules that are imported for a module, the packages around them too, but not those around itself."""
    found = named(module)
    return found.union(*map(packages, found)) - packages(module) - {module}


def room(module: str, depth: int = 1) -> str:
    """The folder of a module, or its own name in none; with depth 2 within `search`."""
    return ".".join(module.split(".")[1 : 1 + depth][-1:])


def upwards(floors: tuple[str, ...], inside: str, depth: int) -> list[str]:
    """The imports among the rooms of a package that lead to the same floor or further up."""
    level = {name: number for number, names in enumerate(floors) for name in names.split()}
    found = []
    for module in modules():
        if module.startswith(f"{inside}."):
            own = room(module, depth)
            assert own in level, f"which floor does {own} stand on?"
            others = {other for other in imported(module) if other.startswith(f"{inside}.")}
            rooms = {other: room(other, depth) for other in others}
            wrong = [other for other, its in rooms.items() if its != own and level.get(its, len(floors)) >= level[own]]
            found += [f"{module} imports {other}" for other in sorted(wrong)]
    return found


def test_no_import_runs_upwards():
    assert not upwards(FLOORS, "nasnet_keras", 1)


def test_no_import_within_search_runs_upwards():
    assert not upwards(FLOORS_OF_SEARCH, "nasnet_keras.search", 2)


@pytest.mark.parametrize(("title", "floors"), [("Floors", FLOORS), ("Inside the search", FLOORS_OF_SEARCH)])
def test_the_page_on_the_architecture_shows_these_floors(title, floors):
    page = (ROOT / "docs" / "architecture.md").read_text()
    (section,) = re.findall(rf"^## {title}\n(.*?)(?=^## )", page, re.DOTALL | re.MULTILINE)
    shown: dict[int, set[str]] = {}
    number = 0
    for first, rooms in re.findall(r"^\| (\d*) ?\| (`.*?) \|", section, re.MULTILINE):
        number = int(first or number)
        shown.setdefault(number, set()).update(re.findall(r"`(\w+)(?:/|\.py)`", rooms))
    assert [shown[number] for number in sorted(shown)] == [set(names.split()) for names in floors]


def test_genotypes_need_the_standard_library_alone():
    needed = {module for module in modules() if room(module) == "genotypes"}
    while more := set().union(*map(imported, needed)) - needed:
        needed |= more
    assert {room(module) for module in needed} == {"genotypes", "utils"}
    for module in needed - {"nasnet_keras.utils.lazy"}:  # which every package needs, and which needs `wrapt`
        assert set(outside(module)) <= sys.stdlib_module_names, module


def test_importing_genotypes_loads_the_standard_library_alone():
    code = "import sys; before = set(sys.modules); import nasnet_keras.genotypes; print(*set(sys.modules) - before)"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True, cwd=ROOT)
    assert {name.partition(".")[0] for name in done.stdout.split()} - sys.stdlib_module_names <= {
        "nasnet_keras",
        "wrapt",
    }


def test_no_modules_import_each_other():
    """Also none in a function, or for a type checker alone."""
    try:
        TopologicalSorter({module: imported(module) for module in modules()}).prepare()
    except CycleError as error:
        pytest.fail(" imports ".join(reversed(error.args[1])))


def test_imports_are_absolute_and_of_nothing_that_is_not_installed():
    for module in modules():
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{module} imports relatively"
                assert node.module.partition(".")[0] not in ("tests", "benchmarks", "tools"), module


def test_nothing_is_imported_for_type_checkers_alone():
    """Such an import would hide a circle, or be missing where annotations are read."""
    for module in modules():
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test):
                names = {name for part in ast.walk(node) if isinstance(part, ast.ImportFrom) for name in [part.module]}
                assert not any(name.startswith("nasnet_keras") for name in names), module


def test_names_are_imported_from_where_they_are():
    """Not from a package that looks them up when they are used, which would hide what is imported."""
    for module in modules():
        for node in ast.walk(tree(module)):
            if isinstance(node, ast.ImportFrom) and node.module in modules():
                bound = {name for top in tree(node.module).body for name in _bound(top)}
                lazy = [
                    a.name for a in node.names if f"{node.module}.{a.name}" not in modules() and a.name not in bound
                ]
                assert not lazy or lazy == ["*"], f"{module} imports {lazy} from {node.module}"


def _bound(node: ast.stmt) -> set[str]:
    """The names that a statement defines."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        return {node.name}
    return {part.id for part in ast.walk(node) if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}


def test_files_and_functions_are_small():
    files = sorted(len(path.read_text().splitlines()) for path in modules().values())
    functions = [
        node.end_lineno - node.lineno + 1
        for module in modules()
        for node in ast.walk(tree(module))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    assert statistics.median(files) <= 110 and files[-1] <= 350
    assert sum(length <= 260 for length in files) >= 0.9 * len(files)
    assert sum(length <= 20 for length in functions) >= 0.9 * len(functions)


def test_the_tests_that_try_versions_are_there():
    (listed,) = re.findall(
        r"^TESTS = \((.*?)^\)", (ROOT / "tools/try_versions.py").read_text(), re.DOTALL | re.MULTILINE
    )
    names = re.findall(r'"([\w.:{}]+)",', listed)
    assert len(names) == len(listed.splitlines()) - 1
    for name in names:
        file, _, test = name.partition("::")
        assert test.startswith("{") or f"def {test}" in (ROOT / "tests" / file).read_text(), name
