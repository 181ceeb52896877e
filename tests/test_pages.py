"""The commands of all pages are understood by their programs; `test_package.py` runs the pages' Python."""

import re
from pathlib import Path

import pytest
from page_commands import ROOT, commands, configs, parse

from nasnet_keras.__main__ import JOBS

PAGES = [ROOT / "README.md", ROOT / "benchmarks/README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SYSTEM = {"export", "docker", "kubectl", "sbatch", "ray"}  # of the page on clusters, which its own test looks at
NOTEBOOKS = {"jupytext", "jupyter"}  # of tutorials
SHELL = {"adb", "set", "sed", "for", "done"}  # of scripts within pages


@pytest.fixture(autouse=True)
def fresh_keras():
    """Instead of the one of `conftest.py`: nothing here uses Keras."""


def everything() -> list[tuple[Path, list[str]]]:
    """The commands of all pages, with a number for the variables of a shell."""
    found = [(page, words) for page in PAGES for words in commands(page.read_text())]
    return [(page, [re.sub(r"\$\w+", "0.1", word) for word in words]) for page, words in found]


@pytest.mark.parametrize("job", sorted({words[0] for _, words in everything()} & {*JOBS} - {"nasnet-search"}))
def test_commands_of_a_job(job, tmp_path):
    parse(job, [words[1:] for _, words in everything() if words[0] == job], tmp_path)


def test_searches(tmp_path):
    """Their settings are checked, too, in a folder that has but one of the files they name."""
    (flags,) = re.findall(r"```text\n(.*?)```", (ROOT / "docs/reference/formats/files.md").read_text(), re.DOTALL)
    (tmp_path / "usual.flags").write_text(flags)
    found = [words[1:] for _, words in everything() if words[0] == "nasnet-search"]
    assert len(configs(found, tmp_path)) == len(found) > 30


def test_scripts_and_extras_of_the_checkout():
    extras = (ROOT / "setup.py").read_text()
    for page, words in everything():
        words = [word for word in words if not re.fullmatch(r"[A-Z_]+=\S*", word)]
        match Path(words[0]).name:
            case "python" if words[1].startswith(("benchmarks/", "tools/")):
                text, flags = (ROOT / words[1]).read_text(), re.findall(r"--(\w+)", " ".join(words[2:]))
                assert all(re.search(rf"\b{flag.removeprefix('no')}\b", text) for flag in flags), (page, words)
            case "pip":
                named = re.findall(r"\[(\w+)\]", words[-1])
                assert all(f'"{name}": ' in extras for name in named if words[-1].startswith(".")), (page, words)
            case name:
                assert name in {*JOBS, *SYSTEM, *NOTEBOOKS, *SHELL, "python"}, (page, words)
