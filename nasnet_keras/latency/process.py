"""A process of its own times a file, and ends in time."""

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
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
    done = _done({**request, "seconds": seconds}, seconds, program)
    try:
        answer = dict(json.loads(done.stdout))
    except (TypeError, ValueError):
        raise LatencyError(_crashed(done)) from None
    if "busy" in answer:
        raise MachineBusy(answer["busy"])
    if "problem" in answer:
        raise LatencyError(answer["problem"])
    return answer


def _done(request: dict[str, Any], seconds: float, program: tuple[str, ...]) -> subprocess.CompletedProcess:
    """Run the process with a request, until it ends or its time is over."""
    try:
        process = subprocess.Popen(
            [sys.executable, *program],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            env=_variables(),
        )
    except OSError as error:
        raise LatencyError(f"no process can be started to measure in ({error})") from None
    lifeline, process.stdin = process.stdin, None  # stays open: the process ends when this one is gone, and it closes
    try:
        with suppress(BrokenPipeError):  # it has ended: its words say why
            lifeline.write(json.dumps(request) + "\n")
            lifeline.flush()
        said = process.communicate(timeout=seconds)
    except subprocess.TimeoutExpired:
        raise LatencyError(
            f"measuring did not end within {seconds:g} seconds: the process hung, or a run needs a longer "
            f"timeout_seconds"
        ) from None
    finally:
        process.kill()
        process.wait()
        with suppress(BrokenPipeError):
            lifeline.close()
    return subprocess.CompletedProcess(process.args, process.returncode, *said)


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
