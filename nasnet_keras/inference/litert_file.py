"""A `.tflite` file as objects that can be changed, and back."""

from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["operator_name", "packed", "producer", "read", "shrink"]

_ALIGNMENT = 16  # bytes, which the format asks of constants
_ZERO_POINT = 8  # bytes of one


def read(data: bytes) -> Any:
    """Read a file as a `ModelT`, with constants that stand behind the flatbuffer in their buffers."""
    from ai_edge_litert import schema_py_generated as schema

    model = schema.ModelT.InitFromPackedBuf(data, 0)
    for buffer in model.buffers:
        if buffer.offset > 1:
            buffer.data = np.frombuffer(data, np.uint8, buffer.size, buffer.offset)
        buffer.offset = buffer.size = 0
    for code in model.operatorCodes:
        code.builtinCode = max(code.builtinCode, code.deprecatedBuiltinCode)
        code.deprecatedBuiltinCode = min(code.builtinCode, 127)  # OpenVINO reads this one, and the quantizer omits it
    return model


def packed(model: Any) -> bytes:
    """Make a file of a `ModelT`, with all constants within the flatbuffer, where every reader finds them.

    Scales and zero points that are equal are written once: the zero points of a quantized network's weights alone are
    an eighth of its file.
    """
    import flatbuffers

    class Builder(flatbuffers.Builder):
        def CreateNumpyVector(self, x: np.ndarray) -> Any:  # noqa: N802 – flatbuffers' name
            if x.dtype.kind == "i" and x.itemsize < _ZERO_POINT:  # of tensors' numbers and shapes, which tools change
                return super().CreateNumpyVector(x)
            key = x.dtype.str, x.tobytes()
            if key not in written:
                written[key] = super().CreateNumpyVector(x)
            return written[key]

    written: dict[tuple[str, bytes], Any] = {}
    builder = Builder(1 << 20)
    for buffer in model.buffers:
        if buffer.data is not None:
            buffer.Pack = _Aligned(buffer.data)
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())


def shrink(path: Path) -> None:
    """Give short names to all tensors of a file but what it reads and writes, and write equal constants once."""
    model = read(path.read_bytes())
    for graph in model.subgraphs:
        kept = {*graph.inputs, *graph.outputs}
        for number, tensor in enumerate(graph.tensors):
            if number not in kept:
                tensor.name = f"t{number}"
        known: dict[bytes, int] = {}
        for tensor in graph.tensors:
            data = model.buffers[tensor.buffer].data
            if data is not None and len(data):
                tensor.buffer = known.setdefault(np.asarray(data, np.uint8).tobytes(), tensor.buffer)
    used = {tensor.buffer for graph in model.subgraphs for tensor in graph.tensors}
    used.update(entry.buffer for entry in model.metadata or ())
    for number, buffer in enumerate(model.buffers):
        if number not in used:
            buffer.data = None
    path.write_bytes(packed(model))


def producer(graph: Any, tensor: int) -> Any:
    """Find the operator of a graph that computes a tensor."""
    (operator,) = (operator for operator in graph.operators if tensor in operator.outputs)
    return operator


def operator_name(model: Any, operator: Any) -> str:
    """The name of an operator, such as `CONV_2D`."""
    from ai_edge_litert import schema_py_generated as schema

    code = model.operatorCodes[operator.opcodeIndex]
    return next(name for name, value in vars(schema.BuiltinOperator).items() if value == code.builtinCode)


class _Aligned:
    """Packs a buffer as the generated code does, but aligned as the format asks."""

    def __init__(self, data: Any) -> None:
        self._data = np.asarray(data, np.uint8).tobytes()

    def __call__(self, builder: Any) -> Any:
        from ai_edge_litert import schema_py_generated as schema

        size = len(self._data)
        builder.StartVector(1, size, _ALIGNMENT)
        builder.head -= size
        builder.Bytes[builder.head : builder.head + size] = self._data
        data = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, data)
        return schema.BufferEnd(builder)
