"""The GPUs of this machine, found without starting a framework on them."""

import os
import shutil
import subprocess

from absl import logging

__all__ = ["visible_gpus"]

_SECONDS = 30.0  # the longest wait for an answer


def visible_gpus() -> tuple[str, ...]:
    """List the names of the GPUs that this process may use, in the form of `CUDA_VISIBLE_DEVICES`."""
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    if visible is not None:
        names = [name.strip() for name in visible.split(",")]
        return tuple(names[: names.index("-1")] if "-1" in names else filter(None, names))
    program = shutil.which("nvidia-smi")
    if program is None:
        return ()
    command = [program, "--query-gpu=index", "--format=csv,noheader"]
    streams = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    try:
        process = subprocess.Popen(command, **streams, text=True, errors="replace")
        listed, _ = process.communicate(timeout=_SECONDS)
    except OSError:
        return ()
    except subprocess.TimeoutExpired:
        process.kill()  # without a wait, since a process that hangs in its driver cannot even be killed
        logging.warning("%s did not answer in %g seconds: it is as if there were no GPU", program, _SECONDS)
        return ()
    return tuple(listed.split()) if process.returncode == 0 else ()
