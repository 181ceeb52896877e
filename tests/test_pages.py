"""The commands of all pages are understood by their programs; `test_package.py` runs the pages' Python."""

import re
from itertools import dropwhile
from pathlib import Path

import pytest
from page_commands import ROOT, commands, configs, parse

from nasnet_keras.__main__ import JOBS

PAGES = [ROOT / "README.md", ROOT / "benchmarks/README.md", *sorted((ROOT / "docs").rglob("*.md"))]
SYSTEM = {"export", "docker", "kubectl", "sbatch", "ray"}  # of the page on clusters, which its own test looks at
NOTEBOOKS = {"jupytext", "jupyter"}  # of tutorials
SHELL = {"adb", "awk", "do", "done", "for", "sed", "set", "source", "tail"}  # of scripts within pages


@pytest.fixture(autouse=True)
def fresh_keras():
    """Instead of the one of `conftest.py`: nothing here uses Keras."""


def everything() -> list[tuple[Path, list[str]]]:
    """The commands of all pages, with a number for the variables of a shell, and without those of the environment."""
    found = [(page, words) for page in PAGES for words in commands(page.read_text())]
    found = [(page, [re.sub(r"\$\w+", "0.1", word) for word in words]) for page, words in found]
    bare = ((page, [*dropwhile(lambda word: re.fullmatch(r"[A-Z_]+=\S*", word), words)]) for page, words in found)
    return [(page, words) for page, words in bare if words]


@pytest.mark.parametrize("job", sorted({words[0] for _, words in everything()} & {*JOBS} - {"nasnet-search"}))
def test_commands_of_a_job(job, tmp_path):
    parse(job, [words[1:] for _, words in everything() if words[0] == job], tmp_path)


def test_searches(tmp_path):
    """Their settings are checked, too, in a folder that has but one of the files they name."""
    (flags,) = re.findall(r"```text\n(.*?)```", (ROOT / "docs/reference/formats/files.md").read_text(), re.DOTALL)
    (tmp_path / "usual.flags").write_text(flags)
    found = [words[1:] for _, words in everything() if words[0] == "nasnet-search"]
    assert len(configs(found, tmp_path)) == len(found) > 30


def check(words: list[str]) -> None:
    """Check what a command names of the checkout, but for a job's flags."""
    match Path(words[0]).name:
        case "python" if words[1].startswith(("benchmarks/", "tools/")):
            text, flags = (ROOT / words[1]).read_text(), re.findall(r"--(\w+)", " ".join(words[2:]))
            assert all(re.search(rf"\b{flag.removeprefix('no')}\b", text) for flag in flags)
        case "pip":
            named = [name for word in words if word.startswith(".") for name in re.findall(r"\w+", word)]
            assert all(f'"{name}": ' in (ROOT / "setup.py").read_text() for name in named)
        case name:
            assert name in {*JOBS, *SYSTEM, *NOTEBOOKS, *SHELL, "pytest", "python"}


def test_scripts_and_extras_of_the_checkout():
    for page, words in everything():
        try:
            check(words)
        except AssertionError as error:
            raise AssertionError(page, words) from error


@pytest.mark.parametrize("line", ['pip install -e ".[tset]" && pytest', "pip install -e . && nasnet-serach --bogus"])
def test_each_command_of_a_line_is_checked(line):
    first, second = commands(f"```bash\n{line} 2>&1  # a comment\n```")
    with pytest.raises(AssertionError):
        [check(words) for words in (first, second)]


def test_what_ends_a_command_is_no_operand(tmp_path):
    for word in ("&&", "workdir=x"):
        with pytest.raises(AssertionError, match="AssertionError"):
            parse("nasnet-report", [["study", word]], tmp_path)
