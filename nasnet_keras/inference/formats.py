"""The formats that models are exported to, one row each."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import keras
import numpy as np

from nasnet_keras.inference import (
    litert,
    litert_file,
    litert_int8,
    litert_metadata,
    litert_types,
    onnx,
    onnx_int8,
    openvino,
    openvino_int8,
    saved_model,
)
from nasnet_keras.inference.beside import About
from nasnet_keras.inference.targets import ONNX_RUNTIME, ONNX_RUNTIME_INT8, OPENVINO, TENSORFLOW, XNNPACK, Target
from nasnet_keras.inference.tensor_type import TensorType

__all__ = ["FORMATS", "Format"]


@dataclass(frozen=True)
class Format:
    """A format, and the runtime for it.

    Attributes:
        name: the name for `export`.
        suffix: of its files; "" for a folder.
        target: the runtime.
        write: `(fused model, path)`.
        run: `(path, images) -> outputs`, by the format's own runtime.
        logits: the same up to a softmax or sigmoid at the end of the network.
        needs: packages that it needs, beyond the requirements of this package.
        quantizing_needs: further packages that quantizing needs.
        modes: the ways to quantize, which are arguments of `export`.
        quantize: `(path, mode, calibration images)` quantizes a file, and returns a function of images that lists the
            layers that lose most.
        other_targets: the runtime as a target of those modes that want the network in another form.
        retype: `(path, types of input and output, range of the input, images)` changes the types of a quantized file.
        extra: of this package, which installs what the format needs.
        shrink: `(path)` leaves out of a file what nothing computes with: the names of what is within it.
        describe: `(path, About)` puts what is said of a classifier into a file, if the format has a place for it.
        second: suffix of a second file, without which the first is of no use; "" for formats of one file.
    """

    name: str
    suffix: str
    target: Target
    write: Callable[[keras.Model, Path], None]
    run: Callable[[Path, np.ndarray], np.ndarray]
    logits: Callable[[Path, np.ndarray], np.ndarray]
    needs: tuple[str, ...] = ()
    quantizing_needs: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    quantize: Callable[[Path, str, np.ndarray | None], Callable[[np.ndarray], list[str]]] | None = None
    other_targets: Mapping[str, Target] = field(default_factory=dict)
    retype: Callable[..., tuple[TensorType, TensorType]] | None = None
    shrink: Callable[[Path], None] | None = None
    describe: Callable[[Path, About], None] | None = None
    extra: str = "export"
    second: str = ""

    def target_of(self, mode: str | None, small: bool = False) -> Target:
        """The runtime for networks that are quantized in a mode, or not, and are to be small rather than fast."""
        target = self.other_targets.get(mode, self.target)
        return target.smallest() if small else target

    def beside(self, path: Path) -> Path:
        """The path of the second file."""
        return path.with_suffix(self.second)


FORMATS = {
    kind.name: kind
    for kind in (
        Format("saved_model", "", TENSORFLOW, saved_model.write, saved_model.run, saved_model.logits),
        Format(
            "litert",
            ".tflite",
            XNNPACK,
            litert.write,
            litert.run,
            litert.logits,
            ("ai_edge_litert",),
            ("litert_quantizer",),
            litert_int8.MODES,
            litert_int8.quantize,
            retype=litert_types.retype,
            shrink=litert_file.shrink,
            describe=litert_metadata.describe,
        ),
        Format(
            "onnx",
            ".onnx",
            ONNX_RUNTIME,
            onnx.write,
            onnx.run,
            onnx.logits,
            ("tf2onnx", "onnxruntime"),
            modes=onnx_int8.MODES,
            quantize=onnx_int8.quantize,
            other_targets={"int8": ONNX_RUNTIME_INT8},
            shrink=onnx.shrink,
        ),
        Format(
            "openvino",
            ".xml",
            OPENVINO,
            openvino.write,
            openvino.run,
            openvino.logits,
            ("tf2onnx", "openvino"),
            ("nncf",),
            openvino_int8.MODES,
            openvino_int8.quantize,
            extra="openvino",
            second=".bin",
        ),
    )
}
