"""A fused model ↔ a file for ONNX Runtime."""

import itertools
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import keras
import numpy as np

from nasnet_keras.inference.batches import in_batches

__all__ = ["logits", "run", "shrink", "write"]

_LEVEL = "TF_CPP_MIN_LOG_LEVEL"


def write(model: keras.Model, path: Path) -> None:
    """Write an `.onnx` file."""
    with _same_messages():
        model.export(path, format="onnx", verbose=False)


def run(path: Path, images: np.ndarray) -> np.ndarray:
    """Compute the outputs of a file."""
    return _run(str(path), images)


def logits(path: Path, images: np.ndarray) -> np.ndarray:
    """Compute what the outputs are the softmax or sigmoid of; the outputs themselves if there is none.

    It runs the same graph with another name as that of its output.
    """
    import onnx

    model = onnx.load(path)
    (output,) = model.graph.output
    (last,) = (node for node in model.graph.node if output.name in node.output)
    if last.op_type in ("Softmax", "Sigmoid"):
        output.name = last.input[0]
        output.type.tensor_type.ClearField("shape")
    return _run(model.SerializeToString(), images)


def shrink(path: Path) -> None:
    """Give short names to all that is within a file, but to what it reads and writes."""
    import onnx

    model = onnx.load(path)
    graph = model.graph
    kept = {value.name for value in (*graph.input, *graph.output)}
    names = {"": "", **{name: name for name in kept}}
    free = (name for number in itertools.count() if (name := f"t{number}") not in kept)

    def short(name: str) -> str:
        if name not in names:
            names[name] = next(free)
        return names[name]

    del graph.value_info[:]  # shapes that the operations say as well
    for value in graph.initializer:
        value.name = short(value.name)
    for node in graph.node:
        node.name, node.doc_string = "", ""
        node.input[:], node.output[:] = map(short, node.input), map(short, node.output)
    path.write_bytes(model.SerializeToString())


def _run(model: str | bytes, images: np.ndarray) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(model, providers=["CPUExecutionProvider"])
    name = session.get_inputs()[0].name
    return in_batches(lambda images: session.run(None, {name: images})[0], images)


@contextmanager
def _same_messages() -> Iterator[None]:
    """Keep the level of TensorFlow's messages, which tf2onnx sets for all later processes when it is imported.

    And drop a warning about NumPy, of which Keras' own module for it is the cause.
    """
    before = os.environ.get(_LEVEL)
    try:
        with warnings.catch_warnings(action="ignore", category=FutureWarning):
            yield
    finally:
        os.environ.pop(_LEVEL, None)
        os.environ.update({} if before is None else {_LEVEL: before})
