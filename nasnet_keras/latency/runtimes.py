"""The runtimes that a latency is measured with, one row each."""

import importlib
import importlib.util
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from nasnet_keras.inference.naming import ENDINGS, NAMES, known_name
from nasnet_keras.latency.errors import LatencyError
from nasnet_keras.latency.shapes import resolved
from nasnet_keras.utils.checks import choice
from nasnet_keras.utils.extras import install

__all__ = ["RUNTIMES", "Loaded", "Request", "Runtime", "fitting", "runtime", "runtime_named", "usual"]


@dataclass(frozen=True)
class Request:
    """What is to be timed: a file, and how it is to be run; see `measure_latency` for each."""

    path: str
    threads: int = 1
    input_shape: tuple[int, ...] | None = None
    batch_size: int = 1
    precision: str = "float32"


@dataclass(frozen=True)
class Loaded:
    """A model that is ready to run: `run()` is one inference of a random input of `input_shape`."""

    run: Callable[[], object]
    input_shape: tuple[int, ...]


@dataclass(frozen=True)
class Runtime:
    """A runtime.

    Attributes:
        name: for `measure_latency`.
        format: that `export` writes for it.
        suffix: of these files; "" for a folder.
        module: that is imported for it.
        packages: that may hold the module; the version of the runtime is that of the first one that is there.
        extra: the extra of this package that installs it; empty if the package always needs it.
        load: `(Request) -> Loaded`.
        more: suffixes of other files that it reads.
    """

    name: str
    format: str
    suffix: str
    module: str
    packages: tuple[str, ...]
    extra: str
    load: Callable[[Request], Loaded]
    more: tuple[str, ...] = ()

    def require(self) -> None:
        """Check that the runtime is installed.

        Raises:
            LatencyError: it is not; the error names what to install.
        """
        package, _, _ = self.module.partition(".")
        if importlib.util.find_spec(package) is None:
            raise LatencyError(f"runtime {self.name!r} needs {self.packages[0]}: {install(self.extra)}")

    def version(self) -> str:
        """Tell the version of the runtime that is installed."""
        for package in self.packages:
            try:
                return metadata.version(package)
            except metadata.PackageNotFoundError:
                continue
        return str(getattr(importlib.import_module(self.module), "__version__", "unknown"))


def runtime(name: Any) -> Runtime:
    """Find a runtime by its name, or another usual one, as that of its files.

    Raises:
        LatencyError: there is none of that name.
    """
    known = known_name(name, NAMES)
    found = known_name(name, {each: each for each in RUNTIMES}) or _BY_FORMAT.get(known, known)
    try:
        choice("runtime", found or name, tuple(RUNTIMES))
    except ValueError as error:
        raise LatencyError(str(error)) from None
    return RUNTIMES[found]


def runtime_named(name: Any) -> str:
    """Find the usual name of a runtime; see `runtime`.

    Example:
        >>> runtime_named("tflite"), runtime_named("SavedModel"), runtime_named("ort")
        ('litert', 'tensorflow', 'onnx')
    """
    return runtime(name).name


def _random(shape: Sequence[int], dtype: Any) -> np.ndarray:
    """Make a random input: as latency goes, every input is like another, but zeros and denormal numbers."""
    generator = np.random.default_rng(0)
    if np.dtype(dtype).kind in "iu":
        bounds = np.iinfo(dtype)
        return generator.integers(max(bounds.min, -128), min(bounds.max, 255), shape, dtype, endpoint=True)
    return generator.random(shape).astype(dtype)


def _one(inputs: Sequence[Any]) -> Any:
    if len(inputs) != 1:
        raise LatencyError(f"expected a model of one input, got {len(inputs)}")
    return inputs[0]


def _litert(request: Request) -> Loaded:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(request.path, num_threads=request.threads)
    image = _one(interpreter.get_input_details())
    shape = resolved(image["shape_signature"].tolist(), request.input_shape, request.batch_size)
    interpreter.resize_tensor_input(image["index"], shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(image["index"], _random(shape, image["dtype"]))
    return Loaded(interpreter.invoke, shape)


def _onnx(request: Request) -> Loaded:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = request.threads
    options.inter_op_num_threads = 1
    session = onnxruntime.InferenceSession(request.path, options, providers=["CPUExecutionProvider"])
    image = _one(session.get_inputs())
    shape = resolved(image.shape, request.input_shape, request.batch_size)
    feeds = {image.name: _random(shape, _DTYPES.get(image.type, "float32"))}
    return Loaded(lambda: session.run(None, feeds), shape)


_DTYPES = {
    "tensor(float16)": "float16",
    "tensor(uint8)": "uint8",
    "tensor(int8)": "int8",
    "tensor(int32)": "int32",
    "tensor(int64)": "int64",
}


def _openvino(request: Request) -> Loaded:
    import openvino

    core = openvino.Core()
    model = core.read_model(request.path)
    image = _one(model.inputs)
    declared = [size.get_length() if size.is_static else None for size in image.partial_shape]
    shape = resolved(declared, request.input_shape, request.batch_size)
    model.reshape(list(shape))
    settings = {"PERFORMANCE_HINT": "LATENCY", "INFERENCE_NUM_THREADS": request.threads, "NUM_STREAMS": 1}
    if request.precision == "float32":  # by itself it computes in bfloat16 where the processor has instructions for it
        settings["INFERENCE_PRECISION_HINT"] = "f32"
    compiled = core.compile_model(model, "CPU", settings)
    _check_threads(compiled.get_property("INFERENCE_NUM_THREADS"), request.threads)
    infer = compiled.create_infer_request()
    infer.set_input_tensor(openvino.Tensor(_random(shape, image.element_type.to_dtype())))
    return Loaded(infer.infer, shape)


def _check_threads(found: int, wanted: int) -> None:
    """Check the number of threads: OpenVINO takes fewer where some of the processor's cores are parts of others."""
    if found != wanted:
        raise LatencyError(
            f"OpenVINO computes in {found} threads on this processor: expected {wanted}, as threads says"
        )


def _tensorflow(request: Request) -> Loaded:
    import tensorflow as tf

    # So many operations at once, of one thread each: small operations that are divided wait for each other (a small
    # NASNet-A at 64 pixels took 4.7 ms in one thread, 4.2 in two in this way, and 15 with operations divided in two).
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(request.threads)
    module = tf.saved_model.load(request.path)
    signature = module.signatures.get("serving_default")
    if signature is None:
        raise LatencyError(f"{request.path} has no signature 'serving_default': expected a model that was exported")
    name, image = _one(list(signature.structured_input_signature[1].items()))
    shape = resolved(image.shape.as_list(), request.input_shape, request.batch_size)
    feeds = {name: tf.constant(_random(shape, image.dtype.as_numpy_dtype))}

    def run(owner: Any = module) -> list[Any]:
        """Run the signature; its module must live as long."""
        del owner
        return [value.numpy() for value in signature(**feeds).values()]

    return Loaded(run, shape)


_BY_FORMAT = {"saved_model": "tensorflow"}
_EXTRA = "export"
RUNTIMES = {
    row.name: row
    for row in (
        Runtime("litert", "litert", ".tflite", "ai_edge_litert.interpreter", ("ai-edge-litert",), _EXTRA, _litert),
        Runtime("onnx", "onnx", ".onnx", "onnxruntime", ("onnxruntime", "onnxruntime-gpu"), _EXTRA, _onnx),
        Runtime("openvino", "openvino", ".xml", "openvino", ("openvino",), "openvino", _openvino, (".onnx",)),
        Runtime("tensorflow", "saved_model", "", "tensorflow", ("tensorflow",), "", _tensorflow),
    )
}


def fitting(path: Path) -> list[str]:
    """List the runtimes that read the file or folder at a path."""
    suffix = "" if path.is_dir() else path.suffix.lower() or "none"
    return [row.name for row in RUNTIMES.values() if suffix in (row.suffix, *row.more)]


def usual(path: Path | None) -> str:
    """Name the runtime that a file is for, by the ending of its path; LiteRT if there is none, or no file.

    Example:
        >>> usual(pathlib.Path("a.onnx")), usual(pathlib.Path("a.xml")), usual(None)
        ('onnx', 'openvino', 'litert')
    """
    if path is None:
        return "litert"
    if path.suffix.lower() in filter(None, ENDINGS.values()):  # also of a folder, which then is no file for it
        return next(row.name for row in RUNTIMES.values() if path.suffix.lower() in (row.suffix, *row.more))
    return next(iter(fitting(path)), "litert")
