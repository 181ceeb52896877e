"""A trained model → a file for another runtime, fused for it and compared with the model."""

import importlib.util
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from nasnet_keras.inference.fusing import fused
from nasnet_keras.inference.targets import ONNX_RUNTIME, TENSORFLOW, XNNPACK, Target
from nasnet_keras.utils.files import replacing, scratch

__all__ = ["ExportError", "ExportReport", "export"]

_IMAGES = 4
_LEVEL = "TF_CPP_MIN_LOG_LEVEL"
_SIZE = 64  # of the images that a model of images of any size is checked with


class ExportError(ValueError):
    """A model cannot be exported, or the exported model computes something else."""


@dataclass(frozen=True)
class ExportReport:
    """The result of an export: the file, and how the exported model compares with the source model.

    Attributes:
        path: of the file, or of the folder of a SavedModel.
        format: `"saved_model"`, `"litert"` or `"onnx"`.
        size: in bytes.
        images: the number of images that the exported model was run on.
        difference: the largest difference of an output, as a share of the source model's largest output.
        agreement: share of the images, from 0 to 1, for which both models have the same largest output.
    """

    path: Path
    format: str
    size: int
    images: int
    difference: float
    agreement: float

    def __str__(self) -> str:
        return (
            f"{self.path}: {self.format}, {self.size / 2**20:.1f} MiB; on {self.images} images its outputs differ from "
            f"the model's by at most {self.difference:.1e} of the largest, and {self.agreement:.0%} have the same "
            f"prediction"
        )


@dataclass(frozen=True)
class _Format:
    """A format, and the runtime for it.

    Attributes:
        name: the name for `export`.
        keras_name: the name for Keras' exporter.
        suffix: of its files; "" for a folder.
        run: `(path, images) -> outputs`, by the format's own runtime.
        target: the runtime.
        needs: packages that it needs, beyond the requirements of this package.
    """

    name: str
    keras_name: str
    suffix: str
    run: Callable[[Path, np.ndarray], np.ndarray]
    target: Target
    needs: tuple[str, ...] = ()


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
        tolerance: the largest difference of an output that is accepted, as a share of the largest output.

    Returns:
        The file, and how the exported model compares with `model` on these images.

    Raises:
        ExportError: the format, the path or the images are wrong, a package is missing, or the outputs differ by
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
    images = _images(fast) if images is None else _given(images, fast)
    fast(images[:1])  # Keras exports models that have been called
    expected = _logits(model(images, training=False))
    if kind.suffix:
        with replacing(path) as temporary:
            _write(fast, temporary, kind, path)
            return _compared(path, temporary, kind, images, expected, tolerance)
    with scratch(path) as folder:
        temporary = folder / "new"
        _write(fast, temporary, kind, path)
        report = _compared(path, temporary, kind, images, expected, tolerance)
        if path.exists():
            path.rename(folder / "old")
        temporary.rename(path)
    return report


def _checked(name: str, path: Path) -> _Format:
    """Find the format of a name, and check that it can be written to a path."""
    if keras.backend.backend() != "tensorflow":
        raise ExportError(
            f"exporting needs the TensorFlow backend, this is {keras.backend.backend()!r}: set KERAS_BACKEND=tensorflow"
        )
    if name not in _FORMATS:
        raise ExportError(f"format must be one of {', '.join(_FORMATS)}, got {name!r}")
    kind = _FORMATS[name]
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


def _write(model: keras.Model, temporary: Path, kind: _Format, path: Path) -> None:
    import tensorflow as tf

    try:
        with _same_messages():
            model.export(temporary, format=kind.keras_name, verbose=False)
    except tf.errors.OpError as error:  # a full disk, for example
        raise OSError(f"{path} cannot be written: {error.message}") from error


@contextmanager
def _same_messages() -> Iterator[None]:
    """Keep the level of TensorFlow's messages, which tf2onnx sets for all later processes when it is imported."""
    before = os.environ.get(_LEVEL)
    try:
        yield
    finally:
        os.environ.pop(_LEVEL, None)
        os.environ.update({} if before is None else {_LEVEL: before})


def _compared(
    path: Path,
    written: Path,
    kind: _Format,
    images: np.ndarray,
    expected: np.ndarray,
    tolerance: float,
) -> ExportReport:
    got = kind.run(written, images)
    difference = float(np.abs(got - expected).max() / max(np.abs(expected).max(), 1e-30))
    if not difference <= tolerance:
        raise ExportError(
            f"what was exported for {kind.name} differs from the model by {difference:.1e} of the largest output, on "
            f"{len(images)} images: expected at most {tolerance:.1e}. Nothing was written"
        )
    files = [written] if written.is_file() else [file for file in written.rglob("*") if file.is_file()]
    same = got.reshape(len(images), -1).argmax(-1) == expected.reshape(len(images), -1).argmax(-1)
    size = sum(file.stat().st_size for file in files)
    return ExportReport(path, kind.name, size, len(images), difference, float(same.mean()))


def _images(model: keras.Model) -> np.ndarray:
    """Make random images in the range that a model expects."""
    (image,) = model.inputs
    shape = (_IMAGES, *(size or _SIZE for size in image.shape[1:]))
    values = np.random.default_rng(0).random(shape)
    scaled = any(isinstance(layer, keras.layers.Rescaling) for layer in model.layers)
    return (values * 255 if scaled else values * 2 - 1).astype(image.dtype)


def _given(images: Any, model: keras.Model) -> np.ndarray:
    """Convert the images that a user gave to the type that a model reads."""
    (image,) = model.inputs
    given = np.asarray(images)
    same = len(given.shape) == len(image.shape) and all(
        size in (None, found) for size, found in zip(image.shape, given.shape, strict=True)
    )
    if not same or not given.size or given.dtype.kind not in "biuf":
        expected = ", ".join(str(size or "any") for size in image.shape[1:])
        raise ExportError(
            f"expected images to check with of (count, {expected}), and some, got {given.dtype} of {given.shape}"
        )
    return given.astype(image.dtype)


def _logits(outputs: Any) -> np.ndarray:
    return keras.ops.convert_to_numpy(outputs["logits"] if isinstance(outputs, dict) else outputs)


def _run_saved_model(path: Path, images: np.ndarray) -> np.ndarray:
    import tensorflow as tf

    module = tf.saved_model.load(str(path))  # the module keeps its variables alive
    return module.serve(images).numpy()


def _run_litert(path: Path, images: np.ndarray) -> np.ndarray:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path))
    (read,), (written,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(read["index"], images.shape)
    interpreter.allocate_tensors()
    interpreter.set_tensor(read["index"], images)
    interpreter.invoke()
    return interpreter.get_tensor(written["index"])


def _run_onnx(path: Path, images: np.ndarray) -> np.ndarray:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (outputs,) = session.run(None, {session.get_inputs()[0].name: images})
    return outputs


_FORMATS = {
    kind.name: kind
    for kind in (
        _Format("saved_model", "tf_saved_model", "", _run_saved_model, TENSORFLOW),
        _Format("litert", "litert", ".tflite", _run_litert, XNNPACK, ("ai_edge_litert",)),
        _Format("onnx", "onnx", ".onnx", _run_onnx, ONNX_RUNTIME, ("tf2onnx", "onnxruntime")),
    )
}
