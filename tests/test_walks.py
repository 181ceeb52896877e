"""Three users type what a newcomer types, in an empty folder, and read what came."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

WALKS = Path(__file__).parent / "walks"


@pytest.mark.slow
@pytest.mark.parametrize("walk", ["keras_developer", "practitioner", "researcher"])
def test_walk(walk, tmp_path):
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    command = ["bash", str(WALKS / f"{walk}.sh")]
    done = subprocess.run(command, cwd=tmp_path, env={**os.environ, "PATH": path}, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout[-6000:] + done.stderr[-3000:]
