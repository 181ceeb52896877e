"""Unknown files of weights are read in a separate process, which ends in time.

HDF5 crashes on some damaged files and never returns on others.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from nasnet_keras.weights import reading
from nasnet_keras.weights.hdf5 import WeightsError, brief

__all__ = ["read_apart"]

_SECONDS = 30.0  # seconds to read a file of any size
_BYTES_A_SECOND = 1 << 20  # speed of a slow network drive, which adds seconds for the file's size
_MEMORY = 2 << 30  # bytes, in addition to four times those of the arrays
_PROGRAM = """
import signal, sys
signal.signal(signal.SIGALRM, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_UNBLOCK, [signal.SIGALRM])
signal.setitimer(signal.ITIMER_REAL, float(sys.argv[1]))
sys.path[:] = sys.argv[2:]
from nasnet_keras.weights.isolated import answer
answer()
"""


def read_apart(path: Path, expected: reading.Expected, *, classifier: bool = True) -> dict[str, list[np.ndarray]]:
    """Do as `reading.read` in a separate process that has 30 seconds, and one more for each MiB of the file.

    Raises:
        WeightsError: as there; also if the process crashes, needs more time, or more memory than such weights take.
    """
    if not sys.executable:  # Python is embedded in another program, and cannot be started
        return reading.read(path, expected, classifier=classifier)
    seconds = _SECONDS + path.stat().st_size / _BYTES_A_SECOND
    request = {"path": str(path.absolute()), "shown": str(path), "expected": expected, "classifier": classifier}
    with _started(path, seconds) as process:
        try:
            with contextlib.suppress(BrokenPipeError):  # the process has ended: see below
                process.stdin.write(json.dumps(request).encode())
                process.stdin.close()
            with contextlib.suppress(EOFError, json.JSONDecodeError):  # its answer is not whole
                return _received(process.stdout, expected)
            words = process.stderr.read().decode(errors="replace").strip()
            raise WeightsError(f"{path} cannot be read: {_how(process.wait(), words, seconds)}")
        finally:
            process.kill()


def _started(path: Path, seconds: float) -> subprocess.Popen:
    """Start the process that reads a file, with the import path of this process, but for the current folder."""
    own = str(Path(__file__).parents[2])
    modules = [*(entry for entry in sys.path if os.path.isabs(entry)), own]  # noqa: PTH117
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-c", _PROGRAM, str(seconds), *modules],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**os.environ, "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
            start_new_session=True,  # this process handles an interrupt at the terminal
        )
    except OSError as error:  # there are too many processes, or Python was moved
        raise WeightsError(f"{path} cannot be read: no process can be started to read it in ({error})") from None


def _received(stream: BinaryIO, expected: reading.Expected) -> dict[str, list[np.ndarray]]:
    """Read the arrays that `answer` wrote.

    Raises:
        EOFError, json.JSONDecodeError: `answer` did not write all of them.
        WeightsError: the error that `answer` wrote instead.
    """
    answered = json.loads(stream.readline())
    if "problem" in answered:
        raise WeightsError(answered["problem"])
    values: dict[str, list[np.ndarray]] = {}
    for owner, dtypes in answered["arrays"].items():
        values[owner] = []
        for (shape, _), dtype in zip(expected[owner], dtypes, strict=True):
            array = np.empty(shape, dtype)
            if stream.readinto(array.reshape(-1).view(np.uint8)) != array.nbytes:
                raise EOFError
            values[owner].append(array)
    return values


def _how(code: int, words: str, seconds: float) -> str:
    """Describe how a process without an answer ended."""
    if code == -signal.SIGALRM:
        return f"reading it did not end within {seconds:.0f} seconds; it is damaged, or lies on a very slow drive"
    if code < 0:
        return f"reading it crashed ({signal.Signals(-code).name}); it is damaged"
    return f"reading it ended with exit code {code}: {brief(words.splitlines()[-1] if words else 'it said nothing')}"


def answer() -> None:
    """Read the file that the standard input names, and write its arrays to the standard output."""
    request = json.load(sys.stdin)
    output = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # prints of libraries must not mix with the arrays
    expected = request["expected"]
    _limit_memory(sum(8 * int(np.prod(shape)) for variables in expected.values() for shape, _ in variables))
    head: dict[str, Any]
    try:
        values = reading.read(Path(request["path"]), expected, classifier=request["classifier"])
        head = {"arrays": {owner: [array.dtype.str for array in arrays] for owner, arrays in values.items()}}
    except WeightsError as error:
        values, head = {}, {"problem": str(error).replace(request["path"], request["shown"])}
    output.write(json.dumps(head).encode() + b"\n")
    for arrays in values.values():
        for array in arrays:
            output.write(np.ascontiguousarray(array).reshape(-1).view(np.uint8))
    output.close()


def _limit_memory(expected: int) -> None:
    import resource

    limit = _MEMORY + 4 * expected
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    with contextlib.suppress(OSError, ValueError):  # the system has a lower limit, or none at all
        resource.setrlimit(resource.RLIMIT_AS, (limit, hard))
