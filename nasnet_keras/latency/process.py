"""A process of its own times a file, and ends in time."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from nasnet_keras.latency.errors import LatencyError, MachineBusy
from nasnet_keras.utils.checks import quoted

__all__ = ["answered"]

_PROGRAM = ("-P", "-m", "nasnet_keras.latency.timing")


def answered(request: dict[str, Any], seconds: float, program: tuple[str, ...] = _PROGRAM) -> dict[str, Any]:
    """Send a request to the process that times, and receive its answer.

    Args:
        request: JSON values; see `timing`.
        seconds: that the process has.
        program: the arguments of Python.

    Raises:
        LatencyError: the process cannot measure, hangs or crashes.
        MachineBusy: it found the machine too busy.
    """
    try:
        done = subprocess.run(
            [sys.executable, *program],
            input=json.dumps({**request, "seconds": seconds}),
            capture_output=True,
            text=True,
            errors="replace",
            timeout=seconds,
            env=_variables(),
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise LatencyError(
            f"measuring did not end within {seconds:g} seconds: the process hung and was ended"
        ) from None
    except OSError as error:
        raise LatencyError(f"no process can be started to measure in ({error})") from None
    try:
        answer = dict(json.loads(done.stdout))
    except (TypeError, ValueError):
        raise LatencyError(_crashed(done)) from None
    if "busy" in answer:
        raise MachineBusy(answer["busy"])
    if "problem" in answer:
        raise LatencyError(answer["problem"])
    return answer


def _variables() -> dict[str, str]:
    """Make the environment of the process: this one's import path, no GPU, and no numbers of threads of a user."""
    own = str(Path(__file__).parents[2])
    modules = [*(entry for entry in sys.path if os.path.isabs(entry)), own]  # noqa: PTH117
    kept = {name: value for name, value in os.environ.items() if not name.endswith("_THREADS")}
    settings = {"PYTHONPATH": os.pathsep.join(modules), "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
    return {**kept, **settings}


def _crashed(done: subprocess.CompletedProcess) -> str:
    """Describe how a process ended that gave no answer."""
    if done.returncode < 0:
        return f"the process that measures crashed ({signal.Signals(-done.returncode).name})"
    words = done.stderr.strip().splitlines()
    said = quoted(words[-1], 300) if words else "nothing"
    return f"the process that measures ended with exit code {done.returncode}, and said {said}"
