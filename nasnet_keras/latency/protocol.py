"""How a latency is measured, as one checked value."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasnet_keras.latency.errors import LatencyError
from nasnet_keras.latency.runtimes import Runtime, fitting, runtime, runtime_named
from nasnet_keras.utils import environment
from nasnet_keras.utils.checks import choice, number, positive_integer, quoted

__all__ = ["PRECISIONS", "Protocol", "checked_seconds", "existing"]

PRECISIONS = ("float32", "runtime")
"""That of the file, or the runtime's own choice."""
_LONGEST = 1e6  # seconds: more is a mistake, and timers of systems have bounds


@dataclass(frozen=True)
class Protocol:
    """How a latency is measured; see `measure_latency` for each value.

    Raises:
        LatencyError: a value is none of those that are legal.
    """

    runtime: str = "litert"
    threads: int = 1
    input_shape: tuple[int, ...] | None = None
    batch_size: int = 1
    accuracy: float | None = 0.02
    precision: str = "float32"
    timeout_seconds: float = 120.0

    def __post_init__(self) -> None:
        try:
            self._check()
        except LatencyError:
            raise
        except ValueError as error:
            raise LatencyError(str(error)) from None

    @property
    def chosen(self) -> Runtime:
        """The runtime of that name."""
        return runtime(self.runtime)

    def checked_file(self, path: Path) -> Path:
        """Return the path of a file if the runtime reads such files.

        Raises:
            LatencyError: it does not, or there is no such file; the error says what to do.
        """
        if path.suffix in (".keras", ".h5"):
            raise LatencyError(f"{path} is a file of Keras: load it by keras.models.load_model, and measure the model")
        fit = fitting(existing(path))
        if self.runtime not in fit:
            kind = (
                "a folder" if path.is_dir() else f"a file {path.suffix!r}" if path.suffix else "a file without suffix"
            )
            readers = f"name runtime={' or '.join(map(repr, fit))}" if fit else "no runtime does"
            raise LatencyError(f"runtime {self.runtime!r} does not read {kind}, as {path} is: {readers}")
        return path

    def _check(self) -> None:
        choice("precision", self.precision, PRECISIONS)
        plain = {
            "runtime": runtime_named(self.runtime),
            "threads": positive_integer("threads", self.threads, environment.cores()),
            "batch_size": positive_integer("batch_size", self.batch_size, 2**20),
            "input_shape": _checked_shape(self.input_shape),
        }
        for name, value in plain.items():  # NumPy's integers are no JSON values
            object.__setattr__(self, name, value)
        checked_seconds(self.timeout_seconds)
        if self.accuracy is not None:
            number("accuracy", self.accuracy, "a share from 0.001 to 0.5, or None", lambda value: 1e-3 <= value <= 0.5)


def existing(path: Path) -> Path:
    """Return the path of a file or folder that is there.

    Raises:
        LatencyError: it is not.
    """
    if not path.exists():
        raise LatencyError(f"there is no file {quoted(str(path))}: expected the path of an exported model")
    return path


def checked_seconds(value: Any) -> None:
    """Check a time limit.

    Raises:
        ValueError: it is no number of seconds above 0, or more than a million.
    """
    expected = f"a number of seconds above 0, up to {_LONGEST:g}"
    number("timeout_seconds", value, expected, lambda seconds: 0 < seconds <= _LONGEST)


def _checked_shape(value: Any) -> tuple[int, ...] | None:
    if value is None:
        return None
    if not isinstance(value, Sequence) or isinstance(value, str):
        raise ValueError(f"input_shape must be (height, width, channels), got {quoted(value)}")
    return tuple(positive_integer("each size of input_shape", size, 2**20) for size in value)
