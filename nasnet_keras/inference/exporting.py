"""A trained model → a file for another runtime, fused for it and compared with the model."""

import importlib.util
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from nasnet_keras.inference.batches import in_batches
from nasnet_keras.inference.comparing import checked_images, compare
from nasnet_keras.inference.errors import ExportError
from nasnet_keras.inference.formats import FORMATS, Format
from nasnet_keras.inference.fusing import fused
from nasnet_keras.inference.logits import split
from nasnet_keras.inference.quantization import Quantization, quantization_of
from nasnet_keras.inference.targets import TENSORFLOW
from nasnet_keras.inference.tensor_type import TensorType
from nasnet_keras.utils.checks import quoted, real
from nasnet_keras.utils.extras import install
from nasnet_keras.utils.files import exchanging, replacing

__all__ = ["ExportReport", "check_target", "export"]

_AGREEMENT = 0.9


@dataclass(frozen=True)
class ExportReport:
    """The result of an export: the file, and how the exported model compares with the source model.

    Attributes:
        path: of the file, or of the folder of a SavedModel.
        format: `"saved_model"`, `"litert"`, `"onnx"` or `"openvino"`.
        size: in bytes; of both files that OpenVINO reads.
        images: the number of images that the exported model was run on.
        difference: the largest difference of a logit, as a share of the largest range of an image's logits; of an
            output, if the model ends in neither a softmax nor a sigmoid.
        agreement: share of the images, from 0 to 1, for which both models have the same largest logit; if the file
            writes integers, for which one of them is the largest, and is that of the same class.
        quantization: how the file was quantized, or None.
        accuracies: of the source model and of the quantized one on images with labels, from 0 to 1; or None.
        input, output: the types in which the file reads and writes, with scale and zero point of integers that stand
            for other values.
    """

    path: Path
    format: str
    size: int
    images: int
    difference: float
    agreement: float
    quantization: str | None = None
    accuracies: tuple[float, float] | None = None
    input: TensorType = field(default_factory=TensorType)
    output: TensorType = field(default_factory=TensorType)

    def __str__(self) -> str:
        if self.quantization is not None:
            known = "" if self.accuracies is None else ", accuracy {:.2%} before, {:.2%} now".format(*self.accuracies)
            return (
                f"{self.path}: {self.format}, quantized as {self.quantization!r}, {self.size / 2**20:.1f} MiB, reads "
                f"{self.input}, writes {self.output}; on {self.images} images {self.agreement:.1%} have the same "
                f"prediction as before{known}"
            )
        return (
            f"{self.path}: {self.format}, {self.size / 2**20:.1f} MiB; on {self.images} images its logits differ from "
            f"the model's by at most {self.difference:.1e} of their range, and {self.agreement:.0%} have the same "
            f"prediction"
        )


def export(
    model: keras.Model,
    path: str | Path,
    format: str = "saved_model",  # noqa: A002 – Keras' own name for it
    *,
    images: np.ndarray | None = None,
    tolerance: float = 1e-4,
    quantization: str | None = None,
    calibration: Any = None,
    labels: Any = None,
    min_agreement: float = _AGREEMENT,
    inference_input_type: str = "float32",
    inference_output_type: str = "float32",
    preprocessing: bool = True,
) -> ExportReport:
    """Write a model for another runtime: fused for it, and checked by running it there.

    Args:
        model: one that `fuse_for_inference` takes, or one that it returned.
        path: a folder for a SavedModel, else a file: `NAME.tflite`, `NAME.onnx`, or `NAME.xml` with the weights in
            `NAME.bin` beside it. An earlier export is replaced.
        format: `"saved_model"`, `"litert"`, `"onnx"` or `"openvino"`; `"litert"` and `"onnx"` need the extra
            `export` of this package, and `"openvino"` needs the extra `openvino`.
        images: to compare the models with, `(count, height, width, channels)` as the model reads them; by default
            random ones.
        tolerance: the largest difference of a logit that is accepted, as a share of the largest range of an image's
            logits. Logits are compared, which a softmax or sigmoid at the end reads, since saturated probabilities hide
            errors; of a model without one, outputs.
        quantization: None, or what to store in int8, but for `"saved_model"`: `"weights"`, which makes the file a third
            to a half as large; `"int8"`, with which the network also computes in int8, with scales found by
            calibration, and is the fastest; or for `"litert"` `"dynamic"`, with scales found for each image.
        calibration: images like those to come, at least 32 different ones, of which up to 100 are used: an array, a
            `tf.data.Dataset` or a folder of image files. `"int8"` needs them.
        labels: the number of the right class of each of `images`, from 0, to report accuracies.
        min_agreement: the least share of `images`, by default those of calibration, that a quantized classifier must
            answer as the model does, from 0 to 1; with labels, of the images that the model answers right.
        inference_input_type, inference_output_type: in which a quantized file for `"litert"` reads images and writes
            results: `"float32"`, `"uint8"` or `"int8"`. The report says what integers stand for. If the model rescales
            images, `"uint8"` are pixels as they come, and `"int8"` are pixels less 128.
        preprocessing: False leaves out the layers at the start of the model that rescale or normalize images. Who runs
            the file does what they do, and `images` and `calibration` are images of which that is done.

    Returns:
        The file, and how the exported model compares with `model` on these images.

    Raises:
        ExportError: the format, the path or the images are wrong, a package is missing, or the logits differ by
            more than the tolerance. Nothing is written then.
        ValueError: the model cannot be fused; the error names the layer.
        OSError: the file cannot be written, for example to a full disk. An earlier export stays.

    Example:
        >>> from nasnet_keras import NASNetFromGenotype
        >>> model = NASNetFromGenotype("nasnet_a", (16, 16, 3), num_repeats=1, filters=4)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     report = export(model, f"{folder}/model.tflite", "litert")
        >>> report.agreement
        1.0
    """
    path = Path(path)
    kind = check_target(format, path, quantization)
    if not isinstance(preprocessing, bool):
        raise ExportError(f"preprocessing must be one of True, False, got {quoted(preprocessing)}")
    fast = fused(model, kind.target_of(quantization), preprocessing)
    asked, types = None, (inference_input_type, inference_output_type)
    if quantization is not None:
        asked = quantization_of(kind, quantization, fast, calibration, images, labels, min_agreement, types)
    elif types != ("float32", "float32"):
        raise ExportError("inference_input_type and inference_output_type are for a quantized model: pass quantization")
    elif real(min_agreement) != _AGREEMENT:
        raise ExportError("min_agreement is for a quantized model: pass quantization, or tolerance")
    elif calibration is not None or labels is not None:
        raise ExportError("calibration and labels are for a quantized model: pass quantization, too")
    images = checked_images(images, fast) if asked is None else asked.images
    fast(images[:1])  # Keras exports models that have been called
    source = model if preprocessing else fused(model, TENSORFLOW, preprocessing=False)
    check = _Check(split(source), kind, images, tolerance, asked)
    with _replacing(kind, path) as temporary:
        return check.written(fast, temporary, path)


def _replacing(kind: Format, path: Path) -> AbstractContextManager[Path]:
    """Give a temporary path to write to, whose files replace those of a format when the block ends without an error."""
    if kind.second:
        return exchanging(path, kind.beside(path))
    return replacing(path) if kind.suffix else exchanging(path)


def check_target(format: str, path: str | Path, quantization: str | None) -> Format:  # noqa: A002 – as for `export`
    """Find a format, and check that it can be written to a path before anything is computed; see `export`.

    Raises:
        ExportError: it cannot.
    """
    name, path = format, Path(path)
    if keras.backend.backend() != "tensorflow":
        raise ExportError(
            f"exporting needs the TensorFlow backend, this is {keras.backend.backend()!r}: set KERAS_BACKEND=tensorflow"
        )
    if name not in FORMATS:
        raise ExportError(f"format must be one of {', '.join(FORMATS)}, got {name!r}")
    kind = FORMATS[name]
    if quantization is not None and quantization not in kind.modes:
        expected = f"one of {', '.join(kind.modes)}" if kind.modes else "none"
        raise ExportError(f"quantization for format {name!r} must be {expected}, got {quantization!r}")
    needed = (*kind.needs, *(kind.quantizing_needs if quantization is not None else ()))
    missing = [package for package in needed if importlib.util.find_spec(package) is None]
    if missing:
        raise ExportError(f"format {name!r} needs {', '.join(missing)}: {install(kind.extra)}")
    if not path.parent.is_dir():
        raise ExportError(f"there is no folder {str(path.parent)!r} to write {path.name!r} into")
    if kind.suffix:
        if path.suffix != kind.suffix or path.is_dir():
            raise ExportError(f"expected the path of a file, NAME{kind.suffix}, for format {name!r}, got {str(path)!r}")
        if kind.second and kind.beside(path).exists() and not kind.beside(path).is_file():
            raise ExportError(f"{str(kind.beside(path))!r} is there and is no file: expected one to replace, or none")
        if kind.second and kind.beside(path).exists() and not path.exists():
            raise ExportError(
                f"{str(kind.beside(path))!r} is there without {path.name!r}, and would be replaced: remove it, or "
                f"choose another name"
            )
    elif path.exists() and not Path(path, "saved_model.pb").is_file():
        raise ExportError(f"{str(path)!r} is there and is no SavedModel: expected a new folder, or one to replace")
    return kind


class _Check:
    """Writes a model, and compares what was written with its source."""

    def __init__(
        self,
        source: tuple[keras.Model, keras.Layer],
        kind: Format,
        images: np.ndarray,
        tolerance: float,
        quantization: Quantization | None,
    ) -> None:
        logits, self._last = source
        self._expected = in_batches(lambda x: keras.ops.convert_to_numpy(logits(x, training=False)), images)
        self._kind = kind
        self._images = images
        self._tolerance = tolerance
        self._quantization = quantization

    def written(self, model: keras.Model, temporary: Path, path: Path) -> ExportReport:
        """Write a fused model to a temporary path, and report on it under its own path."""
        import tensorflow as tf

        try:
            self._kind.write(model, temporary)
        except tf.errors.OpError as error:  # a full disk, for example
            raise OSError(f"{path} cannot be written: {error.message}") from error
        found = self._compared(temporary) if self._quantization is None else self._quantized(temporary)
        size = sum(file.stat().st_size for file in temporary.parent.rglob("*") if file.is_file())
        report = ExportReport(path, self._kind.name, size, len(self._images), *found)
        reads = keras.backend.standardize_dtype(model.inputs[0].dtype)
        return report if reads == "float32" else replace(report, input=TensorType(reads))

    def _compared(self, file: Path) -> tuple[float, float]:
        got, outputs = self._kind.logits(file, self._images), self._kind.run(file, self._images)
        what = f"what was exported for {self._kind.name}"
        return compare(got, self._expected, outputs, self._last, self._tolerance, what)

    def _quantized(self, file: Path) -> tuple[Any, ...]:
        asked = self._quantization
        worst = self._kind.quantize(file, asked.mode, asked.calibration)
        outputs, types = asked.finite(self._kind.run(file, self._images)), ()
        if asked.types != ("float32", "float32"):
            types = self._kind.retype(file, asked.types, asked.input_range, self._images)
            outputs = self._kind.run(file, self._images)
        got = asked.finite(self._kind.logits(file, self._images))
        middle = keras.ops.convert_to_numpy(self._last(np.zeros_like(got[:1]))).flat[0]
        difference, agreement, accuracies = asked.compared(got, self._expected, outputs, middle, worst)
        return difference, agreement, asked.mode, accuracies, *types
