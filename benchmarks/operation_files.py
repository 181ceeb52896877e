"""Files of one operation each, for LiteRT and for ONNX Runtime, as it stands in the exported file of a network."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nasnet_keras.latency.operations import Operation

__all__ = ["load_operation", "write_operation"]


def write_operation(operation: Operation, path: Path) -> None:
    """Write the file of an operation, in the format of the path's suffix."""
    (_write_litert if path.suffix == ".tflite" else _write_onnx)(operation, path)


def load_operation(path: Path, runtime: str, threads: int) -> Callable[[], object]:
    """Load the file of an operation, which may read several maps; returns the call that runs it."""
    generator = np.random.default_rng(0)
    if runtime == "onnx":
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        feeds = {one.name: generator.random(one.shape, "float32") for one in session.get_inputs()}
        return lambda: session.run(None, feeds)
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=threads)
    interpreter.allocate_tensors()
    for one in interpreter.get_input_details():
        interpreter.set_tensor(one["index"], generator.random(one["shape"], "float32"))
    return interpreter.invoke


def _write_litert(operation: Operation, path: Path) -> None:
    """Write a LiteRT file of an operation: the layer of a fused model, converted."""
    import keras
    import tensorflow as tf

    inputs = [keras.Input(shape) for shape in operation.inputs]
    model = keras.Model(inputs, _layer(operation, inputs))
    function = tf.function(lambda *xs: model(list(xs)), autograph=False)
    signature = [tf.TensorSpec((1, *shape), "float32") for shape in operation.inputs]
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function.get_concrete_function(*signature)], model)
    path.write_bytes(converter.convert())


def _layer(operation: Operation, inputs: list[Any]) -> Any:
    """The output of the layer that a fused model has for an operation."""
    import keras

    from nasnet_keras.inference import layers as ours
    from nasnet_keras.layers.padded_concatenate import PaddedConcatenate
    from nasnet_keras.layers.pooling import AveragePooling2D

    layers, output = keras.layers, operation.output
    window = {"padding": "same", "dilation_rate": operation.dilation}
    (x, *_), kernel, strides = inputs, operation.kernel, operation.stride
    same_sizes = len({shape[:-1] for shape in operation.inputs}) == 1
    makers = {
        "conv": lambda: ours.FixedConv2D(output[-1], kernel, strides, **window)(x),
        "depthwise": lambda: ours.FixedDepthwiseConv2D(kernel, strides, **window)(x),
        "banded_depthwise": lambda: ours.BandedDepthwiseConv2D(kernel, strides)(x),
        "dense": lambda: layers.Dense(output[-1], "softmax")(x),
        "relu": lambda: layers.ReLU()(x),
        "add": lambda: layers.Add()(inputs),
        "concat": lambda: (layers.Concatenate() if same_sizes else PaddedConcatenate())(inputs),
        "subsample": lambda: ours.EveryOtherPixel()(x),
        "slice": lambda: ours.Channels(0, output[-1])(x),
        "scale": lambda: layers.Rescaling(0.0)(x),
        "max_pool": lambda: layers.MaxPooling2D(kernel, strides, "same")(x),
        "avg_pool": lambda: AveragePooling2D(kernel, strides, "same")(x),
        "global_avg_pool": lambda: layers.GlobalAveragePooling2D()(x),
        "squeeze_excite": lambda: ours.FixedSqueezeExcite(operation.reduced)(x),
        "border": lambda: layers.ZeroPadding2D((output[0] - operation.inputs[0][0]) // 2)(x),
    }
    return makers[operation.kind]()


def _write_onnx(operation: Operation, path: Path) -> None:
    """Write an ONNX file of an operation, with channels first, as ONNX Runtime computes within a network."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    weights = _onnx_weights(operation)
    names = [f"x{number}" for number in range(len(operation.inputs))]
    nodes = [
        helper.make_node(kind, [*used], [made], **settings)
        for kind, used, made, settings in _onnx_nodes(operation, names)
    ]
    inputs = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, _first(shape))
        for name, shape in zip(names, operation.inputs, strict=True)
    ]
    output = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    tensors = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "operation", inputs, [output], tensors)
    onnx.save(helper.make_model(graph, opset_imports=[helper.make_opsetid("", 15)], ir_version=8), path)


def _first(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape with a batch of one and channels first."""
    return (1, shape[-1], *shape[:-1])


def _onnx_weights(operation: Operation) -> dict[str, np.ndarray]:
    generator, channels, filters = np.random.default_rng(0), operation.inputs[0][-1], operation.output[-1]
    shapes = {
        "conv": {"w": (filters, channels, *operation.kernel), "b": (filters,)},
        "depthwise": {"w": (channels, 1, *operation.kernel)},
        "dense": {"w": (channels, filters), "b": (filters,)},
        "squeeze_excite": {
            "w1": (operation.reduced, channels, 1, 1),
            "b1": (operation.reduced,),
            "w2": (channels, operation.reduced, 1, 1),
            "b2": (channels,),
        },
    }.get(operation.kind, {})
    weights = {name: generator.normal(size=shape).astype("float32") for name, shape in shapes.items()}
    if operation.kind == "scale":
        weights["w"] = np.zeros((), "float32")
    return {**weights, **_bounds(operation)}


def _bounds(operation: Operation) -> dict[str, np.ndarray]:
    """The starts, ends, axes and steps of slices."""
    if operation.kind == "slice":
        return {"start": np.array([0]), "end": np.array([operation.output[-1]]), "axes": np.array([1])}
    if operation.kind == "border":
        size = (operation.output[0] - operation.inputs[0][0]) // 2
        return {"pads": np.array([0, 0, size, size, 0, 0, size, size])}
    if operation.kind == "subsample":
        starts = [(size + 1) % 2 for size in operation.inputs[0][:2]]
        return {
            "start": np.array(starts),
            "end": np.array([2**31, 2**31]),
            "axes": np.array([2, 3]),
            "steps": np.array([2, 2]),
        }
    return {}


def _borders(operation: Operation) -> list[int]:
    """The rows and columns of zeros before and after a map, as "same" padding places them."""
    sizes = zip(operation.inputs[0], operation.output, operation.kernel, operation.stride, strict=False)
    window = [(after - 1) * stride + (size - 1) * operation.dilation + 1 - n for n, after, size, stride in sizes]
    before = [max(0, missing) // 2 for missing in window]
    return [*before, *(max(0, missing) - first for missing, first in zip(window, before, strict=True))]


def _onnx_nodes(operation: Operation, names: list[str]) -> list[tuple[str, list[str], str, dict[str, Any]]]:
    """The nodes of an operation: kind, inputs, output, settings."""
    x, kind = names[0], operation.kind
    window = {"strides": operation.stride, "kernel_shape": operation.kernel, "pads": _borders(operation)}
    convolved = {**window, "dilations": (operation.dilation,) * 2}
    known = {
        "conv": [("Conv", [x, "w", "b"], "y", convolved)],
        "depthwise": [("Conv", [x, "w"], "y", {**convolved, "group": operation.inputs[0][-1]})],
        "dense": [("Gemm", [x, "w", "b"], "z", {}), ("Softmax", ["z"], "y", {})],
        "max_pool": [("MaxPool", [x], "y", window)],
        "avg_pool": [("AveragePool", [x], "y", window)],
        "global_avg_pool": [("GlobalAveragePool", [x], "y", {})],
        "relu": [("Relu", [x], "y", {})],
        "add": [("Add", names, "y", {})] if len(names) == 2 else [("Sum", names, "y", {})],
        "concat": [("Concat", names, "y", {"axis": 1})],
        "scale": [("Mul", [x, "w"], "y", {})],
        "border": [("Pad", [x, "pads"], "y", {})],
        "slice": [("Slice", [x, "start", "end", "axes"], "y", {})],
        "subsample": [("Slice", [x, "start", "end", "axes", "steps"], "y", {})],
        "squeeze_excite": [
            ("GlobalAveragePool", [x], "mean", {}),
            ("Conv", ["mean", "w1", "b1"], "narrow", {}),
            ("Relu", ["narrow"], "active", {}),
            ("Conv", ["active", "w2", "b2"], "wide", {}),
            ("Sigmoid", ["wide"], "factors", {}),
            ("Mul", [x, "factors"], "y", {}),
        ],
    }
    return known[kind]
