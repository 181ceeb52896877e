"""A trained model → a file for another runtime, fused for it and compared with the model."""

import importlib.util
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np

from nasnet_keras.inference.batches import in_batches
from nasnet_keras.inference.beside import About, check_beside, files_beside, left_beside, lines_of
from nasnet_keras.inference.comparing import checked_images, compare
from nasnet_keras.inference.described import Description, description_of, without_preprocessing
from nasnet_keras.inference.errors import ExportError
from nasnet_keras.inference.form import Form, form_of
from nasnet_keras.inference.formats import FORMATS, Format
from nasnet_keras.inference.fusing import fused
from nasnet_keras.inference.logits import split
from nasnet_keras.inference.naming import check_free, format_for
from nasnet_keras.inference.preprocessing import tells_range
from nasnet_keras.inference.quantization import Quantization, quantization_of
from nasnet_keras.inference.report import ExportReport
from nasnet_keras.inference.targets import TENSORFLOW
from nasnet_keras.inference.tensor_type import TensorType
from nasnet_keras.utils.checks import quoted, real
from nasnet_keras.utils.extras import install
from nasnet_keras.utils.files import exchanging, replacing

__all__ = ["check_target", "export"]

_AGREEMENT = 0.9
_AIMS = ("speed", "size")


def export(
    model: keras.Model,
    path: str | Path,
    format: str | None = None,  # noqa: A002 – Keras' own name for it
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
    class_names: Sequence[str] | None = None,
    optimize: str = "speed",
) -> ExportReport:
    """Write a model for another runtime: fused for it, and checked by running it there.

    Args:
        model: functional or sequential, of one input and one output. One that `fuse_for_inference` takes is fused;
            any other, such as a MobileNet, is written as it is, of which a warning and the report say why.
        path: its ending says the format: a file `NAME.tflite` is for LiteRT, `NAME.onnx` for ONNX Runtime, and
            `NAME.xml`, with the weights in `NAME.bin` beside it, for OpenVINO; a path without an ending is the folder
            of a SavedModel. An earlier export is replaced.
        format: None, or the format of the path's ending: `"litert"`, `"onnx"`, `"openvino"`, or `"saved_model"`, for
            which any other path will do. `"litert"` and `"onnx"` need the extra `export` of this package, and
            `"openvino"` needs the extra `openvino`. Other usual names, such as `"tflite"` and `"tf"`, are understood.
        images: to compare the models with, `(count, height, width, channels)` as the model reads them; by default
            random ones.
        tolerance: the largest difference of a logit that is accepted, as a share of the largest range of an image's
            logits. Logits are compared, which a softmax or sigmoid at the end reads, since saturated probabilities hide
            errors; of a model without one, outputs.
        quantization: None, or what to store in int8, but for `"saved_model"`: `"weights"`, which makes the file a third
            to a half as large; `"int8"`, with which the network also computes in int8, with scales found by
            calibration, and is the fastest; or for `"litert"` `"dynamic"`, with scales found for each image.
        calibration: images like those to come, at least 32 different ones, of which up to 100 are used: an array, a
            `tf.data.Dataset` or a folder of image files. `"int8"` needs them. Those of another range than the model
            reads are refused if that is known: of a model that is fused and begins with layers that tell it.
        labels: the number of the right class of each of `images`, from 0, to report accuracies.
        min_agreement: the least share of `images`, by default those of calibration, that a quantized classifier must
            answer as the model does, from 0 to 1; with labels, of the images that the model answers right.
        inference_input_type, inference_output_type: in which a quantized file for `"litert"` reads images and writes
            results: `"float32"`, `"uint8"` or `"int8"`. The report says what integers stand for. If the model rescales
            images, `"uint8"` are pixels as they come, and `"int8"` are pixels less 128.
        preprocessing: False leaves out the layers at the start of the model that rescale or normalize images. Who runs
            the file does what they do, and `images` and `calibration` are images of which that is done.
        class_names: the names of the classes by number, which are known of what `pretrained.load` made. With them, two
            files are written beside the other: `NAME.tflite.labels.txt`, UTF-8 with a name in each line, and
            `NAME.tflite.json` with shape, type and range of what is read and answered; or, within the folder of a
            SavedModel, `assets.extra/labels.txt` and `assets.extra/model.json`. A `.tflite` file has them within it,
            too, as MediaPipe reads them. Files of these names that are of no earlier export are an error.
        optimize: `"speed"`, or `"size"` for a smaller file (by 0.5 to 2.3 percent, of the models of the package) that
            answers the same: without names of what is within it, large kernels in parts, and channels of zeros.

    Returns:
        The file, and how the exported model compares with `model` on these images.

    Raises:
        ExportError: the format, the path or the images are wrong, a package is missing, the format has no form for
            the model, or the logits differ by more than the tolerance. Nothing is written then.
        ValueError: the model is neither functional nor sequential, or has several inputs or outputs.
        OSError: the file cannot be written, for example to a full disk. An earlier export stays.

    Example:
        >>> from nasnet_keras import NASNetFromGenotype
        >>> model = NASNetFromGenotype("nasnet_a", (16, 16, 3), num_repeats=1, filters=4)
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     report = export(model, f"{folder}/model.tflite")
        >>> report.agreement
        1.0
    """
    kind = check_target(format, path, quantization)
    path = Path(path)
    if not isinstance(preprocessing, bool):
        raise ExportError(f"preprocessing must be one of True, False, got {quoted(preprocessing)}")
    if optimize not in _AIMS:
        raise ExportError(f"optimize must be {' or '.join(map(repr, _AIMS))}, got {quoted(optimize)}")
    form = form_of(model, kind.target_of(quantization, optimize == "size"), preprocessing)
    fast, known = form.model, description_of(model, class_names)
    if not preprocessing:
        known = without_preprocessing(known, model)
    lines_of(known.class_names)
    if known.class_names and kind.suffix:
        check_beside(path)
    asked, types = None, (inference_input_type, inference_output_type)
    if quantization is not None:
        has_range = form.unfused is None and tells_range(model)
        asked = quantization_of(kind, quantization, fast, calibration, images, labels, min_agreement, types, has_range)
    elif types != ("float32", "float32"):
        raise ExportError("inference_input_type and inference_output_type are for a quantized model: pass quantization")
    elif real(min_agreement) != _AGREEMENT:
        raise ExportError("min_agreement is for a quantized model: pass quantization, or tolerance")
    elif calibration is not None or labels is not None:
        raise ExportError("calibration and labels are for a quantized model: pass quantization, too")
    images = checked_images(images, fast) if asked is None else asked.images
    fast(images[:1])  # Keras exports models that have been called
    source = model if preprocessing else fused(model, TENSORFLOW, preprocessing=False)
    kind = kind if optimize == "size" else replace(kind, shrink=None)
    check = _Check(split(source), kind, images, tolerance, asked, known)
    with _replacing(kind, path, bool(known.class_names)) as temporary:
        return check.written(form, temporary, path)


def _replacing(kind: Format, path: Path, named: bool) -> AbstractContextManager[Path]:
    """Give a temporary path to write to, whose files replace those of a format when the block ends without an error.

    Args:
        kind: the format.
        path: of the file or folder.
        named: whether files with the names of classes come beside it. If not, those of an earlier export go.
    """
    if not kind.suffix:
        return exchanging(path)
    others = files_beside(path, is_folder=False) if named else ()
    if kind.second:
        others = (kind.beside(path), *others)
    left = () if named else left_beside(path)
    return exchanging(path, *others, removed=left) if others or left else replacing(path)


def check_target(format: str | None, path: str | Path, quantization: str | None) -> Format:  # noqa: A002 – as above
    """Find a format, and check that it can be written to a path before anything is computed; see `export`.

    Raises:
        ExportError: it cannot.
    """
    name = format_for(path, format)
    if keras.backend.backend() != "tensorflow":
        raise ExportError(
            f"exporting needs the TensorFlow backend, this is {keras.backend.backend()!r}: set KERAS_BACKEND=tensorflow"
        )
    kind, path = FORMATS[name], Path(path)
    if quantization is not None and quantization not in kind.modes:
        expected = f"one of {', '.join(kind.modes)}" if kind.modes else "none"
        raise ExportError(f"quantization for format {name!r} must be {expected}, got {quantization!r}")
    needed = (*kind.needs, *(kind.quantizing_needs if quantization is not None else ()))
    missing = [package for package in needed if importlib.util.find_spec(package) is None]
    if missing:
        raise ExportError(f"format {name!r} needs {', '.join(missing)}: {install(kind.extra)}")
    check_free(path, name)
    if kind.second and kind.beside(path).exists():
        _check_second(path, kind.beside(path))
    return kind


def _check_second(path: Path, second: Path) -> None:
    """Check that the second file of a format is one of an earlier export, which has both."""
    if not second.is_file():
        raise ExportError(f"{str(second)!r} is there and is no file: expected one to replace, or none")
    if not path.exists():
        raise ExportError(
            f"{str(second)!r} is there without {path.name!r}, and would be replaced: remove it, or choose another name"
        )


class _Check:
    """Writes a model, and compares what was written with its source."""

    def __init__(
        self,
        source: tuple[keras.Model, keras.Layer],
        kind: Format,
        images: np.ndarray,
        tolerance: float,
        quantization: Quantization | None,
        known: Description,
    ) -> None:
        logits, self._last = source
        self._expected = in_batches(lambda x: keras.ops.convert_to_numpy(logits(x, training=False)), images)
        self._parameters_size = 4 * logits.count_params()
        self._kind = kind
        self._images = images
        self._tolerance = tolerance
        self._quantization = quantization
        self._known = known

    def written(self, form: Form, temporary: Path, path: Path) -> ExportReport:
        """Write a model to a temporary path, and report on it under its own path."""
        import tensorflow as tf

        try:
            self._kind.write(form.model, temporary)
            found = self._compared(temporary) if self._quantization is None else self._quantized(temporary)
        except tf.errors.OpError as error:  # a full disk, for example
            raise OSError(f"{path} cannot be written: {error.message}") from error
        except (ExportError, OSError):
            raise
        except Exception as error:  # converters and runtimes raise anything for layers that they lack
            if form.unfused is None:
                raise
            raise ExportError(self._refusal(error)) from error
        report = ExportReport(
            path, self._kind.name, 0, self._parameters_size, len(self._images), *found, unfused=form.unfused
        )
        reads = keras.backend.standardize_dtype(form.model.inputs[0].dtype)
        if reads != "float32":
            report = replace(report, input=TensorType(reads))
        about = About(form.model, self._known, report.input, report.output) if self._known.class_names else None
        if about is not None and self._kind.describe is not None:
            self._kind.describe(temporary, about)
        size = sum(file.stat().st_size for file in temporary.parent.rglob("*") if file.is_file())
        if about is None:
            return replace(report, size=size)
        about.write(temporary, is_folder=not self._kind.suffix)
        return replace(report, size=size, beside=files_beside(path, is_folder=not self._kind.suffix))

    def _shrink(self, file: Path) -> None:
        """Leave out names, which quantizers tell layers by, if the file is to be small."""
        if self._kind.shrink is not None:
            self._kind.shrink(file)

    def _refusal(self, error: Exception) -> str:
        """The error of a model that was not fused, and that a format, or its quantizer, has no form for."""
        what = self._kind.name if self._quantization is None else f"{self._kind.name} as {self._quantization.mode!r}"
        said = " ".join(str(error).split())[:300]
        return f"the model cannot be written for {what} as it is, without being fused: {said}. Nothing was written"

    def _compared(self, file: Path) -> tuple[float, float]:
        self._shrink(file)
        got, outputs = self._kind.logits(file, self._images), self._kind.run(file, self._images)
        what = f"what was exported for {self._kind.name}"
        return compare(got, self._expected, outputs, self._last, self._tolerance, what)

    def _quantized(self, file: Path) -> tuple[Any, ...]:
        asked = self._quantization
        worst = self._kind.quantize(file, asked.mode, asked.calibration)
        self._shrink(file)
        outputs, types = asked.finite(self._kind.run(file, self._images)), ()
        if asked.types != ("float32", "float32"):
            types = self._kind.retype(file, asked.types, asked.input_range, self._images)
            outputs = self._kind.run(file, self._images)
        got = asked.finite(self._kind.logits(file, self._images))
        middle = keras.ops.convert_to_numpy(self._last(np.zeros_like(got[:1]))).flat[0]
        difference, agreement, accuracies = asked.compared(got, self._expected, outputs, middle, worst)
        return difference, agreement, asked.mode, accuracies, *types
