"""A fused model ↔ files for OpenVINO: a graph, `NAME.xml`, and its weights, `NAME.bin`."""

import tempfile
from pathlib import Path
from typing import Any

import keras
import numpy as np

from nasnet_keras.inference import onnx
from nasnet_keras.inference.batches import in_batches

__all__ = ["logits", "read", "run", "runner", "save", "write"]

_SQUASHING = ("Softmax", "Sigmoid")


def write(model: keras.Model, path: Path) -> None:
    """Write both files, by way of ONNX.

    From a SavedModel, which is read faster, OpenVINO makes an equally fast graph in which no layer has its name.
    """
    import openvino
    from openvino import passes

    with tempfile.TemporaryDirectory(dir=path.parent) as folder:
        source = Path(folder, "model.onnx")
        onnx.write(model, source)
        # `openvino.convert_model` would do the same, and report to Intel that it was called.
        graph = openvino.Core().read_model(source, config={"ENABLE_MMAP": False})
    manager = passes.Manager()
    manager.register_pass(passes.ConstantFolding())  # of the shapes of kernels
    manager.run_passes(graph)
    save(graph, path)


def save(graph: Any, path: Path) -> None:
    """Write a graph of OpenVINO's to both files.

    Raises:
        OSError: they cannot be written.
    """
    import openvino

    try:
        openvino.save_model(graph, path, compress_to_fp16=False)
    except RuntimeError as error:
        raise OSError(f"{path} cannot be written: {error}") from error


def read(path: Path) -> Any:
    """Read both files as a graph of OpenVINO's, which needs them no longer."""
    import openvino

    return openvino.Core().read_model(path, config={"ENABLE_MMAP": False})


def run(path: Path, images: np.ndarray) -> np.ndarray:
    """Compute the outputs of a file."""
    return _first(read(path), images)


def logits(path: Path, images: np.ndarray) -> np.ndarray:
    """Compute what the outputs are the softmax or sigmoid of; the outputs themselves if there is none."""
    import openvino

    graph = read(path)
    value = graph.output(0).get_node().input_value(0)
    last = value.get_node()
    if last.get_type_name() in _SQUASHING:
        value = last.input_value(0)
    return _first(openvino.Model([value], graph.get_parameters()), images)


def _first(graph: Any, images: np.ndarray) -> np.ndarray:
    compute = runner(graph)
    return in_batches(lambda images: compute(images)[0], images)


def runner(graph: Any) -> Any:
    """Make a function of images to the list of a graph's outputs, computed in float32 on any processor."""
    import openvino

    compiled = openvino.compile_model(graph, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    return lambda images: [values.copy() for values in compiled(images).to_tuple()]
