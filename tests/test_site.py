"""The site: its reference has every public name and every command, and it builds without a warning."""

import importlib
import re
import subprocess
import sys
from pathlib import Path

import pytest

from nasnet_keras.__main__ import JOBS

DOCS = Path(__file__).parent.parent / "docs"
REFERENCE = sorted((DOCS / "reference").rglob("*.md"))
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


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    pytest.importorskip("sphinx")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-d", str(folder / "cache"), str(DOCS)]
    built = subprocess.run([*command, str(folder / "html")], capture_output=True, text=True)
    assert built.returncode == 0, built.stderr
    return folder / "html"


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
