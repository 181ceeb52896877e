"""A fused model ↔ a file for LiteRT."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from nasnet_keras.inference.batches import in_batches

__all__ = ["logits", "run", "write"]


def write(model: keras.Model, path: Path) -> None:
    """Write a `.tflite` file."""
    model.export(path, format="litert", verbose=False)


def run(path: Path, images: np.ndarray) -> np.ndarray:
    """Compute the outputs of a file."""
    return _run(path.read_bytes(), images)


def logits(path: Path, images: np.ndarray) -> np.ndarray:
    """Compute what the outputs are the softmax or sigmoid of; the outputs themselves if there is none.

    It runs the file with one number changed, that of the tensor that is its output.
    """
    from ai_edge_litert import schema_py_generated as schema

    data = bytearray(path.read_bytes())
    model = schema.Model.GetRootAs(data, 0)
    graph = model.Subgraphs(0)
    outputs = graph.OutputsAsNumpy()  # a view of the data
    operators = [graph.Operators(number) for number in range(graph.OperatorsLength())]
    makers = {tensor: operator for operator in operators for tensor in operator.OutputsAsNumpy().tolist()}

    def code(tensor: int) -> int:
        return model.OperatorCodes(makers[tensor].OpcodeIndex()).BuiltinCode()

    last = outputs[0].item()
    if code(last) == schema.BuiltinOperator.QUANTIZE:
        last = makers[last].Inputs(0)
    if code(last) in (schema.BuiltinOperator.SOFTMAX, schema.BuiltinOperator.LOGISTIC):
        outputs[0] = makers[last].Inputs(0)
    return _run(bytes(data), images)


def _run(data: bytes, images: np.ndarray) -> np.ndarray:
    """Run a file on images in float32, whatever it reads and writes."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_content=data)
    (read,), (written,) = interpreter.get_input_details(), interpreter.get_output_details()
    shapes: list[tuple[int, ...]] = [()]

    def run(images: np.ndarray) -> np.ndarray:
        if images.shape != shapes[-1]:  # allocating prepares all weights anew
            interpreter.resize_tensor_input(read["index"], images.shape)
            interpreter.allocate_tensors()
            shapes.append(images.shape)
        interpreter.set_tensor(read["index"], _quantized(images, read))
        interpreter.invoke()
        values = interpreter.get_tensor(written["index"])
        scale, zero_point = written["quantization"]
        return np.float32(scale) * (values.astype(np.float32) - zero_point) if scale else values

    return in_batches(run, images)


def _quantized(images: np.ndarray, read: dict[str, Any]) -> np.ndarray:
    scale, zero_point = read["quantization"]
    if not scale:
        return images
    bounds = np.iinfo(read["dtype"])
    return np.clip(np.round(images / scale) + zero_point, bounds.min, bounds.max).astype(read["dtype"])
