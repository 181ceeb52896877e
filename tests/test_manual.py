"""`--help`, `--version` and wrong words: what the jobs say before they begin."""

import importlib
import os
import re
import subprocess
import sys

import pytest
from test_house import ROOT

import nasnet_keras as nk
from nasnet_keras.__main__ import JOBS
from nasnet_keras.utils.settings import settings


@pytest.fixture(autouse=True)
def fresh_keras():
    """Instead of the one of `conftest.py`: what is run here is in processes of its own."""


def typed(module, *arguments, **environment):
    return subprocess.run(
        [sys.executable, "-m", module.removesuffix(".__main__"), *arguments],
        capture_output=True,
        text=True,
        timeout=600,
        env={**os.environ, "COLUMNS": "80", **environment},
    )


def entries(text):
    """The flags of a manual by name, in order: what it says of each."""
    parts = re.split(r"^  --(?:\[no\])?(\w+)", text, flags=re.MULTILINE)
    names, said = parts[1::2], (" ".join(part.partition("\n\n")[0].split()) for part in parts[2::2])
    assert len({*names}) == len(names), "each flag has one place"
    return dict(zip(names, said, strict=True))


@pytest.mark.parametrize("job", JOBS)
def test_help_has_an_example_on_top_then_what_one_needs_first(job):
    done = typed(JOBS[job], "--help")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line for line in done.stdout.splitlines() if not line.startswith(f"  {job} ")]
    assert max(map(len, lines)) <= 80 and lines[0].startswith(f"{job}: ")
    manual = importlib.import_module(JOBS[job])._MANUAL
    found = entries(done.stdout)
    assert tuple(found)[: len(manual.first)] == manual.first
    assert f"  {job} " in done.stdout.partition("What one needs first:")[0], "a command to begin with"
    titles = re.findall(r"^(\S.*):\n  --", done.stdout, re.MULTILINE)
    assert len(titles) > 1 + (len(found) > 4) and titles[0] == "What one needs first"
    for cls in manual.settings():
        assert not [name for name, one in settings(cls).items() if one.group is None]


def test_help_says_the_defaults_those_of_recipes_too():
    jobs = (JOBS[f"nasnet-{name}"] for name in ("search", "train", "finetune"))
    search, train, tune = (entries(typed(job, "-h").stdout) for job in jobs)
    assert train["epochs"].endswith("Default: paper 600, short 30, digits 30.")
    assert train["clip_norm"].endswith("Default: 5.")
    assert train["sizes"].endswith("Default: paper 0:1, short 0:0.5,0.3:0.75,0.6:1, digits 0:1.")
    assert search["epochs"].endswith("Default: 5 of a child, 150 of the supernet.")
    assert search["filters"].endswith("Default: 8.") and "Default" not in search["data_dir"]
    assert tune["learning_rate"].endswith("Default: 0.005.") and tune["validation_fraction"].endswith("Default: 0.2.")
    assert tune["epochs"].endswith("from 5 to 60.") and "Default" not in tune["dataset"]
    assert search["limit"].startswith("=TEXT") and "repeat this option" not in search["limit"]
    assert train["seed"].endswith("Default: 0."), "which equals False, and is said all the same"
    assert "Default" not in train["initial_weights"] and "Default" not in tune["head_only"]
    assert tune["fit"].startswith("=crop|pad|squash Way to bring")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["digits"], "unexpected argument 'digits'; flags start with --"),
        (["workdir=mine"], "unexpected argument 'workdir=mine'; did you mean --workdir=mine?"),
        (["\u2013workdir=mine"], "unexpected argument '\u2013workdir=mine'; did you mean --workdir=mine?"),
        (["--wrokdir=mine"], "Unknown command line flag 'wrokdir'. Did you mean: workdir"),
        (["--epochs=0"], "flag --epochs=0: 0 is not a positive integer"),
        (["--epochs"], "Missing value for flag --epochs"),
    ],
)
def test_a_wrong_word_gets_one_line(words, said):
    done = typed("nasnet_keras.training", *words, PYTHONUTF8="1")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr.startswith(f"nasnet-train: {said}") and done.stderr.endswith("(--help lists the flags)\n")
    assert done.stderr.count("\n") == 1


def test_the_version_and_all_flags():
    done = typed("nasnet_keras.search.latency", "--version")
    assert (done.returncode, done.stdout) == (0, f"nasnet-latency {nk.__version__}\n")
    done = typed("nasnet_keras.training", "--helpfull")
    assert done.returncode == 0 and "--verbosity" in done.stdout and "--genotype" in done.stdout
    done = typed("nasnet_keras.search.latency", "--helpxml")
    assert done.returncode == 0 and done.stdout.startswith("<?xml") and "<name>runtime</name>" in done.stdout


def test_a_wrong_choice_is_told_with_the_one_that_was_meant():
    done = typed("nasnet_keras.search", "--algorithm=bayesain")
    assert done.returncode == 1 and "; did you mean 'bayesian'? (--help lists the flags)" in done.stderr
    done = typed("nasnet_keras.search", "--algorithm=xyz")
    assert done.returncode == 1 and "did you mean" not in done.stderr and "value should be one of" in done.stderr


def test_the_package_says_what_there_is():
    done = typed("nasnet_keras")
    assert done.returncode == 0 and all(f"  {job} " in done.stdout for job in JOBS)
    assert "Search for cells, chains of layers or stages" in done.stdout
    assert typed("nasnet_keras", "--version").stdout == f"nasnet_keras {nk.__version__}\n"
    done = typed("nasnet_keras", "serach")
    assert (done.returncode, done.stdout) == (1, "") and done.stderr.count("\n") == 1
    assert "unexpected argument 'serach'; the commands are nasnet-finetune" in done.stderr


def test_what_there_is_may_be_cut_short():
    read, write = os.pipe()
    os.close(read)  # as `| head` leaves it
    done = subprocess.run([sys.executable, "-m", "nasnet_keras"], stdout=write, stderr=subprocess.PIPE, timeout=600)
    os.close(write)
    assert (done.returncode, done.stderr) == (0, b"")


def test_what_there_is_has_every_console_script():
    scripts = re.findall(r'"(nasnet-\w+) = ([\w.]+):console"', (ROOT / "setup.py").read_text())
    assert dict(scripts) == JOBS


def test_the_packages_snippet_runs():
    code = importlib.import_module("nasnet_keras.__main__")._PYTHON
    lines = [line for line in code.splitlines() if "load(" not in line and "FromGenotype" not in line]
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
