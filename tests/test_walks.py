"""Three users type what a newcomer types, in an empty folder, and read what came."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from helpers import mostly_fuzz

WALKS = Path(__file__).parent / "walks"


@pytest.mark.parametrize(
    ("line", "passes"),
    [
        ("said a echo a", True),
        ("said a echo b", False),
        ("said a bash -c 'echo a; exit 2'", False),
        ("said a bash -c 'echo a; $PYTHON -c 1/0 || true'", False),
        ("refused a bash -c 'echo a; exit 2'", True),
        ("refused a echo a", False),
        ("refused ZeroDivision $PYTHON -c 1/0", False),
        ("raised ZeroDivision $PYTHON -c 1/0", True),
        ("raised line $PYTHON -c 1/0", False),
    ],
)
def test_what_a_walk_expects(line, passes, tmp_path):
    """Success, a message, or an error of Python, whose traceback is a failure anywhere else."""
    command = ["bash", "-c", f"source {WALKS / 'said.sh'}; {line}"]
    environment = {**os.environ, "PYTHON": sys.executable}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert (done.returncode == 0) is passes, done.stdout + done.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    "walk", mostly_fuzz(["keras_developer", "practitioner", "researcher"], ["keras_developer", "researcher"])
)
def test_walk(walk, tmp_path):
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = ["bash", str(WALKS / f"{walk}.sh")]
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
