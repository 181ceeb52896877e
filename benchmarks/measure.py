"""Paired measurements: both sides in fresh processes, in turn, and their ratio with its spread."""

import collections
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from nasnet_keras.utils import environment

__all__ = ["kernels", "paired", "processor", "report", "restart", "settings"]


def processor() -> str:
    """Describe the processor of this machine."""
    flags = Path("/proc/cpuinfo").read_text().split()
    width = next((name for name in ("avx512f", "avx2", "avx") if name in flags), "no AVX")
    return f"{environment.processor()} ({width})"


def kernels(folder: str) -> tuple[collections.Counter[str], collections.Counter[str]]:
    """Read a profile of TensorFlow in `folder`: the milliseconds and the number of calls of each operation."""
    from tensorflow.tsl.profiler.protobuf import xplane_pb2

    (path,) = Path(folder).rglob("*.xplane.pb")
    space = xplane_pb2.XSpace.FromString(path.read_bytes())
    milliseconds, calls = collections.Counter(), collections.Counter()
    for plane in space.planes:
        for line in plane.lines:
            for event in line.events:
                _, colon, operation = plane.event_metadata[event.metadata_id].name.rpartition(":")
                if colon and operation.isidentifier() and operation not in ("Process", "Run"):  # events of the executor
                    milliseconds[operation] += event.duration_ps / 1e9
                    calls[operation] += 1
    return milliseconds, calls


def settings(one_dnn: str | None) -> dict[str, str]:
    """Make the environment of a process: oneDNN on ("1"), off ("0"), or by TensorFlow's default (None)."""
    environment = {name: value for name, value in os.environ.items() if name != "TF_ENABLE_ONEDNN_OPTS"}
    environment["TF_CPP_MIN_LOG_LEVEL"] = "3"
    return environment if one_dnn is None else {**environment, "TF_ENABLE_ONEDNN_OPTS": one_dnn}


def paired(
    script: str, sides: dict[str, dict[str, str]], runs: int, flags: Sequence[str] = ()
) -> dict[str, list[dict[str, Any]]]:
    """Run `script SIDE` in a fresh process, `runs` times for each side, in turn.

    Args:
        script: a script whose last line of output is a JSON object of figures.
        sides: the environment of each side.
        runs: the number of runs of each side.
        flags: further flags of the script.

    Returns:
        The figures of each run, by side.
    """
    found: dict[str, list[dict[str, Any]]] = {side: [] for side in sides}
    for run in range(runs):
        for side, variables in sides.items():
            done = subprocess.run(
                [sys.executable, script, side, *flags], env=variables, capture_output=True, text=True, check=False
            )
            if done.returncode:
                sys.exit(done.stderr)
            found[side].append(json.loads(done.stdout.strip().splitlines()[-1]))
            print(f"  run {run + 1} of {runs}, {side}: {found[side][-1]}", flush=True)
    return found


def report(name: str, ours: list[float], theirs: list[float], unit: str) -> None:
    """Print the median and range of both sides, and of the ratios of each pair of runs."""
    ratios = [a / b for a, b in zip(ours, theirs, strict=True)]

    def shown(values):
        return f"{statistics.median(values):.3g} {unit} ({min(values):.3g} to {max(values):.3g})"

    print(
        f"{name}: ours {shown(ours)}, peer {shown(theirs)}; ratio {statistics.median(ratios):.2f} "
        f"({min(ratios):.2f} to {max(ratios):.2f}), {len(ratios)} runs"
    )


def restart(algorithm: Any, new: Any) -> None:
    """Give a search algorithm the state of a new one; it keeps its compiled functions, most of a short run's cost."""
    algorithm.seed = new.seed
    algorithm.restore(new.state())
