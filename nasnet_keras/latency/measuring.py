"""The latency of a model or file on this machine, by one of several runtimes."""

import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.latency.errors import LatencyError
from nasnet_keras.latency.process import answered
from nasnet_keras.latency.protocol import Protocol
from nasnet_keras.latency.runtimes import Request, usual
from nasnet_keras.latency.shapes import resolved
from nasnet_keras.utils import environment
from nasnet_keras.utils.checks import quoted

__all__ = ["Latency", "exported", "measure_latency"]

_TOLERANCE = 1.0
"""Of the export. Networks of random weights amplify rounding errors, and their latency is that of trained ones."""


@dataclass(frozen=True)
class Latency:
    """A measured latency, with what it was measured by.

    Attributes:
        median_ms: the median time of one inference, in milliseconds: of the medians of all blocks of runs.
        quartiles_ms: a quarter of the runs was faster than the first, and a quarter slower than the second.
        runs: the number of runs that were timed.
        blocks: the number of blocks of about 0.1 seconds that they make.
        known_to: half the width of the median's 95% interval, as a share of it; None where blocks are too few.
        warm_up_runs: the number of runs before them, until runs no longer became faster.
        runtime: its name.
        runtime_version: its version.
        threads: the number of threads that it computed in.
        processor: the processor, and the number of cores that the process could use.
        input_shape: of the input, with the batch.
        peak_memory_mib: the most memory during an inference beyond that before the model was loaded, in MiB.
        others: the number of cores that other processes used just before.
        own_share: the processor time as a share of the time; below 1 the process had to wait for a core.
    """

    median_ms: float
    quartiles_ms: tuple[float, float]
    runs: int
    blocks: int
    known_to: float | None
    warm_up_runs: int
    runtime: str
    runtime_version: str
    threads: int
    processor: str
    input_shape: tuple[int, ...]
    peak_memory_mib: float
    others: float
    own_share: float

    def __str__(self) -> str:
        low, high = self.quartiles_ms
        known = "" if self.known_to is None else f", known to {self.known_to:.1%}"
        return (
            f"{self.median_ms:.3g} ms (quartiles {low:.3g} to {high:.3g}{known}; {self.runs} runs), "
            f"{self.peak_memory_mib:.0f} MiB; {self.runtime} {self.runtime_version}, {self.threads} "
            f"thread{'s' * (self.threads > 1)}, input {' x '.join(map(str, self.input_shape))}, {self.processor}"
        )


def measure_latency(
    model_or_file: Any,
    runtime: str | None = None,
    threads: int = 1,
    *,
    input_shape: tuple[int, ...] | None = None,
    batch_size: int = 1,
    accuracy: float | None = 0.02,
    precision: str = "float32",
    timeout_seconds: float = 120.0,
) -> Latency:
    """Measure how long one inference takes on this machine's processor.

    A model is exported first, fused for the runtime. The file is timed in a process of its own, which imports the
    runtime alone: warm, with a random input, in blocks of runs until the median of the blocks is known to a share.
    Blocks in which the process waited for a core, or other processes used much of the machine, are left out.

    Args:
        model_or_file: a Keras model that `export` takes, or the path of a file of the runtime: `.tflite` for LiteRT,
            `.onnx` for ONNX Runtime and OpenVINO, which also reads its own `.xml` with the `.bin` beside it, the folder
            of a SavedModel for TensorFlow.
        runtime: `"litert"`, `"onnx"`, `"openvino"` or `"tensorflow"`; by default that of the file's ending, or LiteRT
            for a model. Other usual names, such as `"tflite"`, are understood.
        threads: the number of threads to compute in. TensorFlow runs as many operations at once, one thread each: a
            network without branches, such as MnasNet, then computes in one. Other runtimes divide operations.
        input_shape: `(height, width, channels)`, for a model that reads images of any size.
        batch_size: the number of images of one inference.
        accuracy: the share of the median to which it must be known, by its 95% interval. None measures for about a
            second and takes what comes, also on a busy machine: `known_to` and `own_share` tell what it is worth.
        precision: `"float32"`, or `"runtime"` for the runtime's own choice: OpenVINO computes in bfloat16 on
            processors with instructions for it.
        timeout_seconds: the time for all, without the export; after four fifths of it, runs end.

    Returns:
        The latency, the peak memory, and what they were measured by.

    Raises:
        MachineBusy: the machine is too busy, or too unsteady, to tell; the error says what was seen.
        LatencyError: an argument is wrong, the runtime is missing, or the process that measures hangs or crashes.
        ExportError: the model cannot be exported.
        ValueError: the model cannot be fused; the error names the layer.

    Source: the interval of the median is that of the sign test, which assumes no distribution.

    Example:
        >>> from nasnet_keras import NASNetFromGenotype
        >>> model = NASNetFromGenotype("nasnet_a", (16, 16, 3), num_repeats=1, filters=4)
        >>> latency = measure_latency(model, accuracy=None)
        >>> latency.runtime, latency.input_shape, 0 < latency.median_ms < 1000
        ('litert', (1, 16, 16, 3), True)
    """
    file = Path(model_or_file) if isinstance(model_or_file, (str, Path)) else None
    chosen = usual(file) if runtime is None else runtime
    protocol = Protocol(chosen, threads, input_shape, batch_size, accuracy, precision, timeout_seconds)
    if file is not None:
        return _timed(protocol.checked_file(file), protocol)
    with tempfile.TemporaryDirectory() as folder:
        return _timed(exported(model_or_file, Path(folder), protocol), protocol)


def _timed(path: Path, protocol: Protocol) -> Latency:
    """Time a file."""
    protocol.chosen.require()
    asked = Request(
        str(path.absolute()), protocol.threads, protocol.input_shape, protocol.batch_size, protocol.precision
    )
    question = {"runtime": protocol.runtime, "accuracy": protocol.accuracy, "file": asdict(asked)}
    found = answered(question, protocol.timeout_seconds)
    for name in ("quartiles_ms", "input_shape"):
        found[name] = tuple(found[name])
    return Latency(runtime=protocol.runtime, threads=protocol.threads, processor=environment.processor(), **found)


def exported(model: Any, folder: Path, protocol: Protocol) -> Path:
    """Export a model into a folder, fused for the runtime."""
    if isinstance(model, BaseGenotype):
        raise LatencyError(
            f"expected a model or a file, got a {type(model).__name__}: build its network first, for example by "
            f"NASNetFromGenotype"
        )
    if not all(hasattr(model, name) for name in ("inputs", "layers", "export")):
        raise LatencyError(f"expected a Keras model or the path of a file, got {quoted(model)}")
    protocol.chosen.require()
    resolved((None, *model.inputs[0].shape[1:]), protocol.input_shape, protocol.batch_size)
    from nasnet_keras.inference.exporting import export

    path = folder / f"model{protocol.chosen.suffix}"
    return export(model, path, protocol.chosen.format, tolerance=_TOLERANCE).path
