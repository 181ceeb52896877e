"""A trained model → a file for another runtime, fused for it and compared with the model."""

import importlib.util
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from nasnet_keras.inference.comparing import checked_images, compare
from nasnet_keras.inference.errors import ExportError
from nasnet_keras.inference.formats import FORMATS, Format
from nasnet_keras.inference.fusing import fused
from nasnet_keras.inference.logits import split
from nasnet_keras.utils.files import replacing, scratch

__all__ = ["ExportReport", "export"]


@dataclass(frozen=True)
class ExportReport:
    """The result of an export: the file, and how the exported model compares with the source model.

    Attributes:
        path: of the file, or of the folder of a SavedModel.
        format: `"saved_model"`, `"litert"` or `"onnx"`.
        size: in bytes.
        images: the number of images that the exported model was run on.
        difference: the largest difference of a logit, as a share of the largest range of an image's logits; of an
            output, if the model ends in neither a softmax nor a sigmoid.
        agreement: share of the images, from 0 to 1, for which both models have the same largest logit.
    """

    path: Path
    format: str
    size: int
    images: int
    difference: float
    agreement: float

    def __str__(self) -> str:
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
) -> ExportReport:
    """Write a model for another runtime: fused for it, and checked by running it there.

    Args:
        model: one that `fuse_for_inference` takes, or one that it returned.
        path: a folder for a SavedModel, else a file: `NAME.tflite` or `NAME.onnx`. An earlier export is replaced.
        format: `"saved_model"`, `"litert"` or `"onnx"`; the last two need `pip install "nasnet_keras[export]"`.
        images: to compare the models with, `(count, height, width, channels)` as the model reads them; by default
            random ones.
        tolerance: the largest difference of a logit that is accepted, as a share of the largest range of an image's
            logits. Logits are compared, which a softmax or sigmoid at the end reads, since saturated probabilities hide
            errors; of a model without one, outputs.

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
    kind = _checked(format, path)
    fast = fused(model, kind.target)
    images = checked_images(images, fast)
    fast(images[:1])  # Keras exports models that have been called
    logits, last = split(model)
    expected = keras.ops.convert_to_numpy(logits(images, training=False))
    if kind.suffix:
        with replacing(path) as temporary:
            _write(fast, temporary, kind, path)
            return _compared(last, path, temporary, kind, images, expected, tolerance)
    with scratch(path) as folder:
        temporary = folder / "new"
        _write(fast, temporary, kind, path)
        report = _compared(last, path, temporary, kind, images, expected, tolerance)
        if path.exists():
            path.rename(folder / "old")
        temporary.rename(path)
    return report


def _checked(name: str, path: Path) -> Format:
    """Find the format of a name, and check that it can be written to a path."""
    if keras.backend.backend() != "tensorflow":
        raise ExportError(
            f"exporting needs the TensorFlow backend, this is {keras.backend.backend()!r}: set KERAS_BACKEND=tensorflow"
        )
    if name not in FORMATS:
        raise ExportError(f"format must be one of {', '.join(FORMATS)}, got {name!r}")
    kind = FORMATS[name]
    missing = [package for package in kind.needs if importlib.util.find_spec(package) is None]
    if missing:
        raise ExportError(f'format {name!r} needs {", ".join(missing)}: pip install "nasnet_keras[export]"')
    if not path.parent.is_dir():
        raise ExportError(f"there is no folder {str(path.parent)!r} to write {path.name!r} into")
    if kind.suffix:
        if path.suffix != kind.suffix or path.is_dir():
            raise ExportError(f"expected the path of a file, NAME{kind.suffix}, for format {name!r}, got {str(path)!r}")
    elif path.exists() and not Path(path, "saved_model.pb").is_file():
        raise ExportError(f"{str(path)!r} is there and is no SavedModel: expected a new folder, or one to replace")
    return kind


def _write(model: keras.Model, temporary: Path, kind: Format, path: Path) -> None:
    import tensorflow as tf

    try:
        kind.write(model, temporary)
    except tf.errors.OpError as error:  # a full disk, for example
        raise OSError(f"{path} cannot be written: {error.message}") from error


def _compared(
    last: keras.Layer,
    path: Path,
    written: Path,
    kind: Format,
    images: np.ndarray,
    expected: np.ndarray,
    tolerance: float,
) -> ExportReport:
    """Compare what was written with the logits of its source, which a last layer turns into outputs."""
    got, outputs = kind.logits(written, images), kind.run(written, images)
    difference, agreement = compare(got, expected, outputs, last, tolerance, f"what was exported for {kind.name}")
    files = [written] if written.is_file() else [file for file in written.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    return ExportReport(path, kind.name, size, len(images), difference, agreement)
