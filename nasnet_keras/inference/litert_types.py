"""A file for LiteRT that reads images, and writes results, in integers."""

from pathlib import Path
from typing import Any

import numpy as np

from nasnet_keras.inference.litert import run
from nasnet_keras.inference.litert_file import operator_name, packed, producer, read
from nasnet_keras.inference.tensor_type import TensorType

__all__ = ["retype"]

_PROBABILITIES = ("SOFTMAX", "LOGISTIC")


def retype(
    path: Path, types: tuple[str, str], input_range: tuple[float, float], images: np.ndarray
) -> tuple[TensorType, TensorType]:
    """Change the types of what a float32 file reads and writes.

    Args:
        path: of the file, which is replaced.
        types: of input and output.
        input_range: of the values that it reads.
        images: to find the range of its results on, if they are no probabilities.
    """
    reads, writes = types
    model = read(path.read_bytes())
    (graph,) = model.subgraphs
    (image,), (result,) = graph.inputs, graph.outputs
    if writes == "float32":
        written = TensorType()
    elif operator_name(model, producer(graph, result)) in _PROBABILITIES:
        written = TensorType.of_probabilities(writes)
    else:
        results = run(path, images)
        written = TensorType.of_range(writes, float(results.min()), float(results.max()))
    given = TensorType() if reads == "float32" else TensorType.of_range(reads, *input_range)
    (signature,) = model.signatureDefs
    if given.scale is not None:
        image = signature.inputs[0].tensorIndex = _converted(model, image, given, "DEQUANTIZE")
    if written.scale is not None:
        result = signature.outputs[0].tensorIndex = _converted(model, result, written, "QUANTIZE")
    graph.inputs, graph.outputs = [image], [result]
    path.write_bytes(packed(model))
    return given, written


def _converted(model: Any, number: int, kind: TensorType, operation: str) -> int:
    """Add a tensor of another type to a graph, and the operation that converts one into the other.

    Returns:
        The number of the new tensor, which has the name of the old one.
    """
    from ai_edge_litert import schema_py_generated as schema

    (graph,) = model.subgraphs
    old, new = graph.tensors[number], schema.TensorT()
    new.name, new.shape, new.shapeSignature, new.buffer = old.name, old.shape, old.shapeSignature, 0
    new.type = getattr(schema.TensorType, kind.dtype.upper())
    new.quantization = schema.QuantizationParametersT()
    new.quantization.scale, new.quantization.zeroPoint = [kind.scale], [kind.zero_point]
    old.name = old.name + b"_float32"
    graph.tensors.append(new)
    added = len(graph.tensors) - 1
    code, operator = schema.OperatorCodeT(), schema.OperatorT()
    code.builtinCode = code.deprecatedBuiltinCode = getattr(schema.BuiltinOperator, operation)
    code.version = 2 if kind.dtype == "int8" and operation == "DEQUANTIZE" else 1
    model.operatorCodes.append(code)
    operator.opcodeIndex = len(model.operatorCodes) - 1
    if operation == "DEQUANTIZE":
        operator.inputs, operator.outputs = [added], [number]
        graph.operators.insert(0, operator)
    else:
        operator.inputs, operator.outputs = [number], [added]
        graph.operators.append(operator)
    return added
