"""The process that times a file: `python -m nasnet_keras.latency.timing`, a line of JSON in and one out.

It imports the runtime alone, neither Keras nor what else a job needs, so that nothing else runs and the memory is the
model's.
"""

import importlib
import json
import os
import signal
import statistics
import sys
import threading
import time
from typing import Any

import numpy as np

from nasnet_keras.latency import load, memory
from nasnet_keras.latency.blocks import Block, Clocks, half_width, repeated, warmed
from nasnet_keras.latency.errors import LatencyError, MachineBusy
from nasnet_keras.latency.runtimes import Request, runtime
from nasnet_keras.utils import environment

__all__ = ["main"]

_SHARE = 0.8  # of the time for all, after which it is told what was seen instead of going on
_AFTER = 5.0  # seconds after which the process ends itself, if it hangs and the one that began it was killed
_LOOKS = 3  # at the load of the machine, of which one must be calm


def main() -> None:
    """Read a request from the standard input, and write an answer to the standard output."""
    begun = time.perf_counter()
    request = json.loads(sys.stdin.readline())
    _end_with_its_parent(request["seconds"])
    output = os.fdopen(os.dup(sys.stdout.fileno()), "w")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # prints of runtimes must not mix with the answer
    try:
        answer = _measured(request, begun + _SHARE * request["seconds"])
    except MachineBusy as error:
        answer = {"busy": str(error)}
    except LatencyError as error:
        answer = {"problem": str(error)}
    output.write(json.dumps(answer) + "\n")
    output.close()


def _end_with_its_parent(seconds: float) -> None:
    """End this process when the one that began it closes the standard input, or else some time after its time is over.

    A runtime that hangs may keep Python from noticing the first; the signal of the second needs no Python.
    """
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])  # the parent may have blocked it
    signal.setitimer(signal.ITIMER_REAL, _AFTER + seconds)
    threading.Thread(target=_wait_for_the_end, daemon=True).start()


def _wait_for_the_end() -> None:
    while os.read(sys.stdin.fileno(), 1):
        pass
    os._exit(1)


def _measured(request: dict[str, Any], deadline: float) -> dict[str, Any]:
    environment.prepare()
    chosen, clocks, accuracy = runtime(request["runtime"]), Clocks(), request["accuracy"]
    asked = Request(**request["file"])
    busy = _looked(asked.threads, accuracy)  # before seconds are spent
    importlib.import_module(chosen.module)
    before = memory.begin()
    try:
        loaded = chosen.load(asked)
    except LatencyError:
        raise
    except Exception as error:  # of the runtime, which may raise anything for a damaged file
        words = " ".join(str(error).split())
        raise LatencyError(f"{chosen.name} cannot load {asked.path}: {words[:300]}") from None
    memory.trim()
    memory.begin()
    warm_up = warmed(loaded.run, clocks, deadline)
    most = memory.peak() - before
    blocks = repeated(loaded.run, accuracy, asked.threads, deadline, clocks)
    found = {"warm_up_runs": warm_up, "peak_memory_mib": max(0, most) / 2**20, "input_shape": loaded.input_shape}
    return {**found, **_summary(blocks), "runtime_version": chosen.version(), "others": busy}


def _looked(threads: int, accuracy: float | None) -> float:
    """Wait for a calm moment; returns the number of cores that others used in it."""
    least = min(_looks(threads))
    if accuracy is not None and least > load.allowed(threads):
        raise MachineBusy(
            f"the machine is too busy to measure on: other processes use {least:.1f} of the {environment.cores()} "
            f"cores (expected at most {load.allowed(threads):.1f})"
        )
    return least


def _looks(threads: int) -> list[float]:
    found: list[float] = []
    while len(found) < _LOOKS and (not found or found[-1] > load.allowed(threads)):
        found.append(load.others())
    return found


def _summary(blocks: list[Block]) -> dict[str, Any]:
    """Condense blocks to figures."""
    milliseconds = [value for block in blocks for value in block.milliseconds]
    quartiles = np.quantile(milliseconds, (0.25, 0.75)).tolist()
    known = half_width(blocks)
    return {
        "median_ms": statistics.median(block.median for block in blocks),
        "quartiles_ms": quartiles,
        "runs": len(milliseconds),
        "blocks": len(blocks),
        "known_to": known if known < float("inf") else None,
        "own_share": statistics.median(block.own for block in blocks),
    }


if __name__ == "__main__":
    main()
