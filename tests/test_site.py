"""The site: its reference has every public name and every command, it builds, and its notebooks run."""

import importlib
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest
from filelock import FileLock

from nasnet_keras.__main__ import JOBS

DOCS = Path(__file__).parent.parent / "docs"
REFERENCE = sorted((DOCS / "reference").rglob("*.md"))
TUTORIALS = {  # plots of each
    "your_own_images": 3,
    "an_algorithm_of_your_own": 3,
    "a_row_of_a_papers_table": 1,
}
VALUES = {  # described by their page, where names of modules and constants need no entry
    "nasnet_keras": {"applications", "conventions", "genotypes", "pretrained", "search"},
    "nasnet_keras.genotypes.conventions": {"DARTS_FIELDS", "ENAS_OPERATIONS", "GenotypeError"},
}


def documented():
    """The names that the reference has an entry of, by the full names of their modules."""
    found = set()
    for page in REFERENCE:
        module = ""
        for line in page.read_text().splitlines():
            if match := re.match(r"\.\. currentmodule:: (\S+)", line):
                module = match[1]
            elif match := re.match(r"\.\. auto(?:class|exception|function):: (\S+)", line):
                found.add(match[1] if match[1].startswith("nasnet_keras.") else f"{module}.{match[1]}")
    return found


@pytest.mark.parametrize(
    "name",
    [
        "nasnet_keras",
        "nasnet_keras.applications",
        "nasnet_keras.genotypes",
        "nasnet_keras.genotypes.conventions",
        "nasnet_keras.pretrained",
        "nasnet_keras.search",
        "nasnet_keras.search.testing",
        "nasnet_keras.training.datasets",
    ],
)
def test_every_public_name_has_an_entry(name):
    module = importlib.import_module(name)
    public = {one for one in module.__all__ if not re.fullmatch("[A-Z0-9_]+", one)} - VALUES.get(name, set())
    missing = {one for one in public if f"{name}.{one}" not in documented()}
    assert not missing


def test_every_command_has_a_page():
    assert {page.stem for page in (DOCS / "reference/jobs").glob("*.md")} == set(JOBS)


def test_every_tutorial_is_tested_and_begins_with_its_installation():
    assert {page.stem for page in (DOCS / "tutorials").glob("*.md")} == set(TUTORIALS)
    for name in TUTORIALS:
        first = (DOCS / f"tutorials/{name}.md").read_text().partition("```{code-cell} ipython3\n")[2]
        assert first.startswith(":tags: [skip-execution]\n\n%pip install --quiet --editable"), name


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """The site; processes that share the tests share it, since its notebooks take minutes."""
    pytest.importorskip("sphinx")
    folder = tmp_path_factory.getbasetemp()
    folder = (folder.parent if "PYTEST_XDIST_WORKER" in os.environ else folder) / "site"
    errors = folder / "errors.txt"
    with FileLock(folder.with_suffix(".lock")):
        if not errors.exists():
            before = changes()
            command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", str(folder / "cache")]
            built = subprocess.run([*command, str(DOCS), str(folder / "html")], capture_output=True, text=True)
            left = f"left beside the pages: {changes() - before}\n" if changes() - before else ""
            errors.write_text(left + (built.stderr if built.returncode else ""))
    assert not errors.read_text(), errors.read_text()
    return folder / "html"


def changes():
    """The files beside the pages that git knows nothing of, also ignored ones."""
    command = ["git", "status", "--porcelain", "--ignored", "--untracked-files=all", "--", "."]
    listed = subprocess.run(command, cwd=DOCS, capture_output=True, text=True).stdout.splitlines()
    return {line for line in listed if "__pycache__" not in line}


@pytest.mark.slow
@pytest.mark.parametrize("name", TUTORIALS)
def test_a_tutorial_ran_and_its_plots_are_in_the_page(site, name):
    (path,) = (site / "_downloads").glob(f"*/{name}.ipynb")
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    skipped = [cell for cell in cells if "skip-execution" in cell["metadata"].get("tags", ())]
    assert skipped == cells[:1] and "%pip install" in "".join(skipped[0]["source"])
    assert all(cell["execution_count"] for cell in cells[1:]) and len(cells) > 8
    page = (site / f"tutorials/{name}.html").read_text()
    made = re.findall(r'<img alt="([^"]+)" src="([^"]+/[0-9a-f]{64}\.svg)"', page)
    assert len(made) == TUTORIALS[name]
    for said, source in made:
        assert not said.endswith(".svg"), "a plot says in words what it shows"
        ElementTree.parse(site / "tutorials" / source)


@pytest.mark.slow
def test_it_builds_without_a_warning_and_fetches_nothing(site):
    pages = {path.relative_to(site).as_posix(): path.read_text() for path in site.rglob("*.html")}
    assert {"index.html", "start.html", "searching.html", "reference/jobs/nasnet-search.html"} <= set(pages)
    for name, text in pages.items():
        for link in re.findall(r"""<(?:script|link|img)[^>]*(?:src|href)=["']([^"']+)""", text):
            assert not link.startswith(("http:", "https:", "//")), (name, link)
    links = (site / "links.txt").read_text().split()
    assert "https://pypi.org/project/litert-quantizer/" in links and all(link.startswith("http") for link in links)
    flags = pages["reference/jobs/nasnet-train.html"]
    assert 'id="nasnet-train-epochs"' in flags and "--epochs=N" in flags
    assert "benchmarks.html" in pages["inference.html"], "a link out of docs/ to what is a page of the site"


@pytest.mark.slow
def test_links_within_the_site_lead_somewhere(site):
    ids = {}
    for path in site.rglob("*.html"):
        ids[path] = set(re.findall(r"""\sid=["']([^"']+)""", path.read_text()))
    for path in ids:
        for link in re.findall(r"""<a[^>]*href=["']([^"']+)""", path.read_text()):
            target, _, anchor = link.partition("#")
            if "://" in link or link.startswith("mailto:"):
                continue
            found = (path.parent / target).resolve() if target else path
            assert found.exists(), (path, link)
            if anchor and found in ids:
                assert anchor in ids[found], (path, link)
