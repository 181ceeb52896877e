"""Files for OpenVINO → ones with weights, or the whole network, in int8."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from nasnet_keras.inference.openvino import read, runner, save
from nasnet_keras.inference.silence import silence

__all__ = ["MODES", "quantize"]

MODES = ("weights", "int8")
"""What is in int8: the weights only, or the inputs of convolutions, too."""

_UNREPORTED = {"NNCF_CI": "1", "CI": "true"}
"""Variables that nncf, and the library that it reports with, look for when they are imported."""

_COMPUTING = ("Convolution", "GroupConvolution", "MatMul")


def quantize(path: Path, mode: str, images: np.ndarray | None) -> Callable[[np.ndarray], list[str]]:
    """Replace the files of a float32 network by quantized ones, which read and write float32 as before.

    Args:
        path: of `NAME.xml`.
        mode: one of `MODES`.
        images: calibration images; only `"int8"` reads them.

    Returns:
        A function that lists the layers that lose most on given images, the worst first.
    """
    nncf, before = _nncf(), read(path)
    with silence():
        if mode == "weights":
            after = nncf.compress_weights(read(path))
        else:
            data = nncf.Dataset([image[None] for image in images])
            after = nncf.quantize(before, data, subset_size=len(images))
    save(after, path)
    return lambda images: _worst(before, after, images)


def _nncf() -> Any:
    """Import nncf such that it does not report to Intel what it is used for, and leaves no files for that."""
    before = {name: os.environ.get(name) for name in _UNREPORTED}
    os.environ.update(_UNREPORTED)
    try:
        with silence():
            import nncf
    finally:
        for name, value in before.items():
            del os.environ[name]
            os.environ.update({} if value is None else {name: value})
    return nncf


def _worst(before: Any, after: Any, images: np.ndarray, number: int = 3) -> list[str]:
    """List the layers whose results have the least signal for the noise that quantizing adds."""
    expected, got = _results(before, images), _results(after, images)
    signal = {
        name: np.sum(values**2) / max(np.sum((got[name] - values) ** 2), 1e-30)
        for name, values in expected.items()
        if name in got
    }
    layers = ((name.split("/")[1:] or [name])[0] for name in sorted(signal, key=signal.get))
    return list(dict.fromkeys(layers))[:number]


def _results(graph: Any, images: np.ndarray) -> dict[str, np.ndarray]:
    """Compute the results of all layers with weights, with their biases, by the names of their operations."""
    import openvino

    nodes = [_biased(node) for node in graph.get_ops() if node.get_type_name() in _COMPUTING]
    values = runner(openvino.Model([node.output(0) for node in nodes], graph.get_parameters()))(images)
    return {node.get_friendly_name(): value for node, value in zip(nodes, values, strict=True)}


def _biased(node: Any) -> Any:
    """The addition of a bias that follows a node, if there is one, or the node."""
    readers = [reader.get_node() for reader in node.output(0).get_target_inputs()]
    biased = len(readers) == 1 and readers[0].get_type_name() == "Add"
    return readers[0] if biased else node
