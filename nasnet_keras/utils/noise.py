"""A filter of the messages that TensorFlow's libraries write when they start; errors pass.

The libraries write to the descriptor of stderr, and in part before they read which messages are wanted.
"""

import os
import re
import signal

__all__ = ["Noise", "is_noise", "leave_out", "level_wanted"]

_SEVERITIES = b"IWEF"
_LOGGED = re.compile(
    rb"([IWEF])\d{4} \d\d:\d\d:\d+\.\d+ +\d+ \S+\.(?:cc|cu|h):\d+\] |\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+: ([IWEF]) "
)
_ABOUT_LOGGING = (
    b"WARNING: All log messages before absl::InitializeLog()",
    b"To enable the following instructions: ",  # the second line of a message about the processor
)
_UNDATED = b"INFO: Created TensorFlow Lite "  # LiteRT begins its messages with the severity
_HARMLESS = (  # messages that call themselves errors
    b"failed call to cuInit: INTERNAL: CUDA error: Failed call to cuInit: UNKNOWN ERROR (303)",  # there is no driver
    b"when one has already been registered",  # cuFFT, cuDNN and cuBLAS, by each of two libraries
    b"Falling back to the default Eigen-based implementation",  # oneDNN lacks a kernel on this processor
    b"NodeDef mentions attribute use_unbounded_threadpool which is not in the op definition",  # tf.data's own pass
)
_TRACE = (
    b"=== Source Location Trace: ==="  # since TensorFlow 2.22, after some messages: lines of places, and an empty one
)
_PLACE = re.compile(rb"\S+\.(?:cc|cu|h):\d+")
_HELD = (signal.SIGINT, signal.SIGTERM)


def level_wanted() -> int:
    """Read `TF_CPP_MIN_LOG_LEVEL`: the number of severities, of 4, that are not wanted; by default 2: errors stay."""
    text = os.environ.get("TF_CPP_MIN_LOG_LEVEL", "2")
    return int(text) if text.isdecimal() else 2


def is_noise(line: bytes, level: int) -> bool:
    """Tell whether a line is a message of TensorFlow's libraries below a level.

    Example:
        >>> is_noise(b"I0000 00:00:1795896800.529940    9387 port.cc:153] oneDNN custom operations are on.", 2)
        True
    """
    if level and line.startswith((*_ABOUT_LOGGING, _UNDATED)):
        return True
    found = _LOGGED.match(line)
    if found is None:
        return False
    return _SEVERITIES.index(found[1] or found[2]) < level or (level >= 2 and any(text in line for text in _HARMLESS))


class Noise:
    """Tells, one line of an output after the other, which ones are noise; where a message came from goes with it.

    Args:
        level: the number of severities that are not wanted, as of `level_wanted`.

    Example:
        >>> noise = Noise(2)
        >>> [noise(line) for line in (b"INFO: Created TensorFlow Lite delegate", b"=== Source Location Trace: ===")]
        [True, True]
    """

    def __init__(self, level: int) -> None:
        self._level = level
        self._noise = self._tracing = False

    def __call__(self, line: bytes) -> bool:
        inside = self._tracing and (not line or _PLACE.fullmatch(line) is not None)
        self._tracing = line.startswith(_TRACE) or (inside and bool(line))
        if not (inside or self._tracing):
            self._noise = is_noise(line, self._level)
        return self._noise


def leave_out(level: int) -> int:
    """Leave noise out of the output of this process and its children to descriptor 2, from now on.

    Another process reads the descriptor, so that the last words of a process that crashes are shown too. It ends when
    no process is left that could write. Call this before any thread is started.

    Returns:
        A descriptor of the former stderr, for messages that should not pass through the other process.
    """
    shown = os.dup(2)
    if not level or not hasattr(os, "fork"):
        return shown
    reading, writing = os.pipe()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _HELD)  # the reader must not be stopped with the others
    try:
        child = os.fork()
        if child == 0:
            _read_in_a_grandchild(reading, writing, level)
        os.waitpid(child, 0)
        os.dup2(writing, 2)
    except OSError:  # too many processes
        pass
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(reading)
        os.close(writing)
    return shown


def _read_in_a_grandchild(reading: int, writing: int, level: int) -> None:
    """Read in a grandchild: this process need not wait for it, and its session is not the one that a terminal stops."""
    try:
        os.setsid()
        if os.fork() == 0:
            for descriptor in (0, 1, writing):
                os.close(descriptor)
            _pass_on(reading, 2, level)
    finally:
        os._exit(0)


def _pass_on(reading: int, writing: int, level: int) -> None:
    """Copy the lines that are no noise."""
    rest, noise = b"", Noise(level)
    while data := os.read(reading, 1 << 16):
        *lines, rest = (rest + data).split(b"\n")
        _write(writing, b"".join(line + b"\n" for line in lines if not noise(line)))
    _write(writing, rest)


def _write(descriptor: int, data: bytes) -> None:
    try:
        while data:
            data = data[os.write(descriptor, data) :]
    except OSError:  # the reader has ended
        pass
