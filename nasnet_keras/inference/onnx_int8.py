"""A file for ONNX Runtime → one with weights, or the whole network, in int8."""

import copy
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["MODES", "quantize"]

MODES = ("weights", "int8")
"""What is in int8: the weights only; or all that is computed from the first convolution to the softmax, too, with
fixed scales.

Lab note, `nasnet_a_cifar10` by ONNX Runtime 1.32 on one thread of an AMD EPYC (Zen 5) with AVX512-VNNI, one image a
call in turn, on a machine that was not idle, 2026-11-29. Medians of the ratios of 100 calls in each of two runs, with
factorized reductions as convolutions of 2×2. With average pools as they are, int8 takes 1.27 times as long as float32,
nearly half of it in ten pools; with pools in float32 as long, since ONNX Runtime makes them int8 again. As depthwise
convolutions the pools take a tenth, and the network 0.75 of the time; 0.71 with ReLUs before concatenations. With int8
in convolutions alone it takes 1.07, in full convolutions alone 1.23: maps have blocks of channels in float32 and
channels last in int8, and each change costs a copy. With scales that are found for each image (`quantize_dynamic`) it
takes 4.4 times as long.

With reductions of 1×1, which save float32 more, int8 takes 0.78 (1,500 calls in each of three runs: 0.776 to 0.781).
By operation in µs, of 1,780 in float32 and 1,626 in int8, which the profiler makes longer: full convolutions 1,187 and
536; depthwise ones and average pools 433 and 699, since depthwise code for int8 is slower; sums, which are parts of
convolutions in float32, 19 and 101; factors of averages 74; to float32 and back, for ReLUs of maps that are also read
as they are, 102.
"""

_IN_INT8 = ("Conv", "MatMul", "Gemm", "Add", "Mul", "Concat", "Relu", "Sigmoid", "MaxPool", "GlobalAveragePool", "Pad")
_IN_INT8 += ("Slice", "Transpose", "Reshape", "Squeeze", "Unsqueeze")
_WEIGHTED = ("Conv", "MatMul", "Gemm")
_BATCH = 25


def quantize(path: Path, mode: str, images: np.ndarray | None) -> Callable[[np.ndarray], list[str]]:
    """Replace a file by a quantized one, which reads and writes float32 as before.

    Args:
        path: of a float32 file.
        mode: one of `MODES`.
        images: calibration images; only `"int8"` reads them.

    Returns:
        A function that lists the layers that lose most on given images, the worst first.
    """
    import onnx

    before = onnx.load(path)
    layers = _renamed(before)
    after = _static(before, images) if mode == "int8" else _weights(before)
    _shared(after)
    path.write_bytes(after.SerializeToString())
    return lambda images: _worst(before, after, images, layers)


def _renamed(model: Any) -> dict[str, str]:
    """Give short names to all tensors but input and output, since quantizing repeats each name up to eight times.

    Returns:
        The layer with weights that computes a tensor, perhaps with a ReLU after it, by the tensor's name.
    """
    graph = model.graph
    kept = {value.name for value in (*graph.input, *graph.output)}
    names: dict[str, str] = {"": ""}

    def short(name: str) -> str:
        return names.setdefault(name, name if name in kept else f"t{len(names)}")

    del graph.value_info[:]
    for value in graph.initializer:
        value.name = short(value.name)
    for node in graph.node:
        node.input[:], node.output[:] = map(short, node.input), map(short, node.output)
    layers: dict[str, str] = {}
    for node in graph.node:
        if node.op_type in _WEIGHTED:
            layers[node.output[0]] = _layer(node.name)
        elif node.op_type == "Relu" and node.input[0] in layers:
            layers[node.output[0]] = layers[node.input[0]]
    return layers


def _layer(name: str) -> str:
    """The layer that a node is of, by the node's name: `MODEL_fused/LAYER/…`, both perhaps with a number behind."""
    model, _, rest = name.partition("/")
    return rest.partition("/")[0].removesuffix(model.rpartition("_fused")[2])


def _static(model: Any, images: np.ndarray) -> Any:
    """Quantize all operations that have code for int8, with ranges that calibration images have."""
    import onnx
    from onnxruntime.quantization import QDQQuantizer, QuantType

    quantizer = QDQQuantizer(
        onnx.shape_inference.infer_shapes(model),
        per_channel=True,
        reduce_range=False,
        weight_qType=QuantType.QInt8,
        activation_qType=QuantType.QUInt8,
        tensors_range=_ranges(model, images),
        nodes_to_quantize=[],
        nodes_to_exclude=_reading(model),
        op_types_to_quantize=[*_IN_INT8],
        extra_options={"TensorQuantOverrides": _factors(model)},
    )
    quantizer.quantize_model()
    return quantizer.model.model


def _reading(model: Any) -> list[str]:
    """List the nodes up to the convolutions that read the image.

    They stay in float32, since rounding rescaled pixels would make some of their 256 values equal. With so few
    channels, a convolution in int8 is slower, too.
    """
    pixels, found = {value.name for value in model.graph.input}, []
    for node in model.graph.node:
        if pixels & {*node.input}:
            found.append(node.name)
            if node.op_type not in _WEIGHTED:
                pixels.update(node.output)
    return found


def _ranges(model: Any, images: np.ndarray) -> Any:
    """Find the least and largest value of each tensor; those of a concatenation and of its parts are made the same."""
    from onnxruntime.quantization import TensorData, create_calibrator

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "float32.onnx")
        path.write_bytes(model.SerializeToString())
        augmented = str(Path(folder, "augmented.onnx"))
        calibrator = create_calibrator(path, [*_IN_INT8], augmented_model_path=augmented)
        calibrator.collect_data(_Fed(model, images))
        ranges = calibrator.compute_data()
    for names in _joined(model):
        low, high = zip(*(ranges[name].range_value for name in names), strict=True)
        for name in names:
            ranges[name] = TensorData(lowest=np.float32(min(low)), highest=np.float32(max(high)))
    return ranges


def _joined(model: Any) -> list[set[str]]:
    """List the sets of tensors that concatenations join, directly or not."""
    sets: list[set[str]] = []
    for node in model.graph.node:
        if node.op_type == "Concat":
            names = {*node.input, *node.output}
            others = [one for one in sets if one & names]
            sets = [one for one in sets if not one & names] + [names.union(*others)]
    return sets


def _factors(model: Any) -> dict[str, list[dict[str, Any]]]:
    """Choose scales with which the factors of products are as exact as can be, such as 4/9, 2/3 and 1 with 1/252."""
    from onnx import numpy_helper

    constants = {value.name: value for value in model.graph.initializer}
    found = {}
    for node in model.graph.node:
        for name in node.input if node.op_type == "Mul" else ():
            values = numpy_helper.to_array(constants[name]) if name in constants else np.zeros(0)
            if values.size and values.min() >= 0 and values.max() > 0:
                scales = values.max() / np.arange(255, 127, -1, dtype=np.float32)
                wrong = [np.abs(np.rint(values / scale) * scale - values).max() for scale in scales]
                found[name] = [{"scale": scales[np.argmin(wrong)], "zero_point": np.uint8(0)}]
    return found


class _Fed:
    """Reads images, some at a time, as a model names its input; the quantizer wants such a reader."""

    def __init__(self, model: Any, images: np.ndarray) -> None:
        (image,) = model.graph.input
        self._parts = ({image.name: images[at : at + _BATCH]} for at in range(0, len(images), _BATCH))

    def __iter__(self) -> Iterator[dict[str, np.ndarray]]:
        return self._parts

    def get_next(self) -> dict[str, np.ndarray] | None:
        return next(self._parts, None)


def _weights(model: Any) -> Any:
    """Store the weights in int8, with a scale for each output, and compute with them in float32.

    ONNX Runtime computes a cast and a product of constants once, when it loads the file. `DequantizeLinear` it leaves
    to each call, and a convolution with weights that are no constants then takes four times as long.
    """
    import onnx
    from onnx import helper, numpy_helper

    model = copy.deepcopy(model)
    graph = model.graph
    constants = {value.name: value for value in graph.initializer}
    made, known = [], set()
    for node in graph.node:
        constant = constants.get(node.input[1]) if node.op_type in _WEIGHTED else None
        if constant is None:
            continue
        by_columns = node.op_type != "Conv" and not any(one.name == "transB" and one.i for one in node.attribute)
        name = f"{constant.name}_{int(by_columns)}"
        node.input[1] = name
        if name in known:  # equal constants are one, and so are those of a layer that is called twice
            continue
        known.add(name)
        values = numpy_helper.to_array(constant)
        others = tuple(axis for axis in range(values.ndim) if axis != int(by_columns))
        scale = np.maximum(np.abs(values).max(others, keepdims=True) / 127, np.finfo(np.float32).tiny)
        graph.initializer.append(numpy_helper.from_array(np.rint(values / scale).astype(np.int8), f"{name}_int8"))
        graph.initializer.append(numpy_helper.from_array(scale, f"{name}_scale"))
        made.append(helper.make_node("Cast", [f"{name}_int8"], [f"{name}_cast"], to=onnx.TensorProto.FLOAT))
        made.append(helper.make_node("Mul", [f"{name}_cast", f"{name}_scale"], [name]))
    read = {name for node in graph.node for name in node.input}
    for name, constant in constants.items():
        if name not in read:
            graph.initializer.remove(constant)
    nodes = [*made, *graph.node]
    del graph.node[:]
    graph.node.extend(nodes)
    return model


def _shared(model: Any) -> None:
    """Store equal constants once, such as the zero points of all channels."""
    graph, names, known = model.graph, {}, {}
    for value in [*graph.initializer]:
        key = value.data_type, (*value.dims,), value.raw_data or value.SerializeToString()
        names[value.name] = known.setdefault(key, value.name)
        if names[value.name] != value.name:
            graph.initializer.remove(value)
    for node in graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]


def _worst(before: Any, after: Any, images: np.ndarray, layers: dict[str, str], number: int = 3) -> list[str]:
    """List the layers whose results have the least signal for the noise that quantizing adds."""
    from onnxruntime.quantization import qdq_loss_debug as debug

    values = []
    with tempfile.TemporaryDirectory() as folder:
        for model in (before, after):
            path, seen = Path(folder, "a.onnx"), Path(folder, "b.onnx")
            path.write_bytes(model.SerializeToString())
            debug.modify_model_output_intermediate_tensors(path, seen)
            values.append(debug.collect_activations(str(seen), _Fed(model, images)))
    expected, got = values
    ratio = debug.compute_signal_to_quantization_noice_ratio
    signal = {name: ratio(expected[name], got[name]) for name in layers if name in expected and name in got}
    return list(dict.fromkeys(layers[name] for name in sorted(signal, key=signal.get)))[:number]
