"""A file for LiteRT → one with weights, or convolutions, in int8."""

import functools
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nasnet_keras.inference.equalizing import equalized
from nasnet_keras.inference.errors import ExportError
from nasnet_keras.inference.litert_file import operator_name, packed, read
from nasnet_keras.inference.silence import silence

__all__ = ["MODES", "quantize"]

MODES = ("weights", "dynamic", "int8")
"""What is in int8: the weights only; the inputs of convolutions too, with a scale for each image; or with fixed
scales.

Lab note, `nasnet_a_cifar10` by LiteRT 2.3 on one thread of an Intel Xeon with AVX512-VNNI, 2026-11-29; medians of
171 calls of each in turn, on a machine that was not quite idle. With everything in int8 that the quantizer can, the
file takes 2.3 times as long as in float32: XNNPACK leaves average pools and ReLUs of their own in int8 to LiteRT,
which has slow code for them and runs between 14 parts of the network. With these two in float32 it takes 0.67 of
the time. Depthwise convolutions are no faster in int8 than in float32: with int8 in full convolutions alone, most
of them 1×1, it takes 0.58, and 0.80 with scales that are found for each image. Sums, concatenations and pools of
maxima in int8, too, change little: 0.55 to 0.57.

On one thread of an AMD EPYC (Zen 5, AVX512-VNNI), in the present form and against the float32 file of it, medians of 25
blocks in turn, the same day: 1.18 ms and 1.80, a share of 0.65 (NASNet-A mobile at 224: 6.6 ms and 9.8, 0.68). The
quantizer's own recipe for everything in int8, from Keras' export of the same network: 7.13 ms. The convolution that
reads the image takes 22 µs in int8 and 25 in float32. Sizes are 0.33 and 0.28 of those of the float32 files.
"""

# But for the one that reads the image: pixels have 256 values, and after rescaling and rounding fewer.
_IN_INT8 = ("CONV_2D",)
_OF_INT8_WEIGHTS = ("DEPTHWISE_CONV_2D", "FULLY_CONNECTED")
_DEAD = 1e-9  # range of a map that no image brings to life
_OF_PIXELS = ("ADD", "SUB", "MUL", "DIV", "PAD", "PADV2", "STRIDED_SLICE", "RESIZE_BILINEAR")


def quantize(path: Path, mode: str, images: np.ndarray | None) -> Callable[[np.ndarray], list[str]]:
    """Replace a file by a quantized one, which reads and writes float32 as before.

    Args:
        path: of a float32 file.
        mode: one of `MODES`.
        images: calibration images; only `"int8"` reads them.

    Returns:
        A function that lists the layers that lose most on given images, the worst first.

    Raises:
        ExportError: there is nothing to compute in int8.
    """
    from litert_quantizer import quantizer

    original = path.read_bytes()
    if mode == "int8":
        with silence():
            original = equalized(original, images)
    made = quantizer.Quantizer(original)
    _configure(made, mode, original)
    with silence():
        ranges = made.calibrate(_fed(path, images)) if mode == "int8" else None
        if ranges is not None and not ranges:
            raise ExportError(
                "the network has no full convolution to compute in int8 beside the one that reads images: pass "
                "quantization='weights'"
            )
        result = made.quantize(_widened(ranges))
    # The quantizer writes constants behind the flatbuffer, where OpenVINO does not find them.
    path.write_bytes(packed(read(result.quantized_model)))
    return lambda images: _worst(original, bytes(result.quantized_model), _fed(path, images))


def _configure(made: Any, mode: str, original: bytes) -> None:
    """Say what becomes int8. What is not named stays float32."""
    from litert_quantizer.algorithm_manager import AlgorithmName
    from litert_quantizer.qtyping import TFLOperationName

    add = {
        "weights": functools.partial(made.add_weight_only_config, num_bits=8),
        "dynamic": functools.partial(made.add_dynamic_config, num_bits=8),
        "int8": functools.partial(made.add_static_config, activation_num_bits=8, weight_num_bits=8),
    }
    for names, how in ((_OF_INT8_WEIGHTS, "weights"), (_IN_INT8, mode)):
        for name in names:
            add[how](regex=".*", operation_name=TFLOperationName(name))
    if mode == "int8":
        for name in _readers_of_pixels(original):
            plain = {"operation_name": TFLOperationName.CONV_2D, "algorithm_key": AlgorithmName.NO_QUANTIZE}
            made.update_quantization_recipe(regex=f"(^|;){re.escape(name)}(;|$)", **plain)


def _readers_of_pixels(original: bytes) -> list[str]:
    """Name the results of convolutions that read the image, rescaled or not."""
    model = read(original)
    (graph,) = model.subgraphs
    pixels, names = set(graph.inputs), []
    for operator in graph.operators:
        if operator.inputs[0] not in pixels:
            continue
        name = operator_name(model, operator)
        if name == "CONV_2D":
            names.append(graph.tensors[operator.outputs[0]].name.decode())
        elif name in _OF_PIXELS:
            pixels.update(operator.outputs)
    return names


def _widened(ranges: dict[str, Any] | None) -> dict[str, Any] | None:
    """Ranges of which those of maps that are always zero, such as dead units have, are from 0 to 1.

    The quantizer gives such a map a scale near zero, and XNNPACK then refuses the convolutions beside it.
    """
    for found in (ranges or {}).values():
        low, high = found.get("min"), found.get("max")
        if low is not None and np.size(low) and np.max(high) - np.min(low) < _DEAD:
            found["max"] = np.ones_like(high)
    return ranges


def _fed(path: Path, images: np.ndarray) -> dict[str, list[dict[str, np.ndarray]]]:
    """Name images, one by one, as a file names its input."""
    from ai_edge_litert.interpreter import Interpreter

    ((signature, names),) = Interpreter(str(path)).get_signature_list().items()
    return {signature: [{names["inputs"][0]: image[None]} for image in images]}


def _worst(original: bytes, quantized: bytes, fed: Any, number: int = 3) -> list[str]:
    """List the layers whose results have the least signal for the noise that quantizing adds."""
    from litert_quantizer import model_validator
    from litert_quantizer.utils.validation_utils import ValidationErrorMetric

    metric = ValidationErrorMetric.SNR
    with silence():
        compared = model_validator.compare_model(original, quantized, fed, [metric], None, False, 1, False)
    signal = {name: values[metric.value] for name, values in compared.get_all_tensor_results().items() if "/" in name}
    layers = (name.split("/")[1] for name in sorted(signal, key=signal.get))
    return list(dict.fromkeys(layers))[:number]
