"""What a user asks of a quantized export, checked."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from nasnet_keras.inference.calibration import calibration_images, input_range
from nasnet_keras.inference.comparing import checked_images, compare_answers
from nasnet_keras.inference.errors import ExportError
from nasnet_keras.inference.formats import Format
from nasnet_keras.inference.given import array_of, check_range
from nasnet_keras.inference.tensor_type import TYPES
from nasnet_keras.utils.checks import quoted, real

__all__ = ["Quantization", "quantization_of"]


@dataclass(frozen=True, eq=False)
class Quantization:
    """How to quantize a model, and how good it must be.

    Attributes:
        mode: one of the format's.
        calibration: images to find ranges with, or None.
        images: to compare answers on.
        labels: of `images`, or None.
        min_agreement: the least share of equal answers, among those that are right if there are labels.
        types: in which the file reads and writes.
        input_range: of the values that it reads.
    """

    mode: str
    calibration: np.ndarray | None
    images: np.ndarray
    labels: np.ndarray | None
    min_agreement: float
    types: tuple[str, str]
    input_range: tuple[float, float]

    def finite(self, values: np.ndarray) -> np.ndarray:
        """Return logits or outputs of the quantized model, if they are finite.

        Raises:
            ExportError: some are not.
        """
        if not np.isfinite(values).all():
            raise ExportError(
                f"quantized as {self.mode!r}, the model computes values that are not finite. Nothing was written"
            )
        return values

    def compared(
        self, got: np.ndarray, expected: np.ndarray, outputs: np.ndarray, middle: float, worst: Any
    ) -> tuple[float, float, Any]:
        """Compare logits, and answers: those of logits, or of outputs that are integers; see `compare_answers`.

        Args:
            got, expected: logits of `(count, classes)`.
            outputs: that the file writes, as what its integers stand for.
            middle: of an output that stands for two classes.
            worst: lists the layers that lose most on given images.

        Raises:
            ExportError: too few answers are equal; the error names those layers.
        """
        written = None if self.types[1] == "float32" else outputs
        difference, agreement, kept, accuracies = compare_answers(got, expected, self.labels, written, middle)
        if kept < self.min_agreement:
            of, known = f"{len(got)} images", ""
            if accuracies is not None:
                of, known = (
                    "the images that it answered right",
                    "; accuracy {1:.2%} instead of {0:.2%}".format(*accuracies),
                )
            if compare_answers(got, expected, self.labels)[2] >= self.min_agreement:
                where = f"Its logits do, and are lost in outputs of {self.types[1]}"
            else:
                where = f"Most is lost in {', '.join(worst(self.images[:4]))}"
            raise ExportError(
                f"quantized as {self.mode!r}, the model answers {kept:.1%} of {of} as before{known}: expected at least "
                f"{self.min_agreement:.1%}. {where}. Nothing was written"
            )
        return difference, agreement, accuracies


def quantization_of(
    kind: Format,
    mode: str,
    model: keras.Model,
    calibration: Any,
    images: Any,
    labels: Any,
    min_agreement: float,
    types: tuple[str, str],
    has_range: bool = True,
) -> Quantization:
    """Check what is asked for; see `export` for the arguments.

    Args:
        model: that will be quantized.
        has_range: whether it is known which values it reads, so that images of other ones are refused.

    Raises:
        ExportError: images, labels or the share are missing or wrong.
    """
    for name, asked in zip(("inference_input_type", "inference_output_type"), types, strict=True):
        legal = TYPES if kind.retype is not None else TYPES[:1]
        if asked not in legal:
            raise ExportError(f"{name} for format {kind.name!r} must be {' or '.join(legal)}, got {asked!r}")
    reads = keras.backend.standardize_dtype(model.inputs[0].dtype)
    if reads != "float32" and types[0] != "float32":
        raise ExportError(f"the model reads {reads} by itself, and so does the file: leave inference_input_type out")
    if len(model.output_shape) != 2:
        raise ExportError(f"only classifiers are quantized, and the model has outputs of {model.output_shape[1:]}")
    least = real(min_agreement)
    if least is None or not 0 <= least <= 1:
        raise ExportError(f"min_agreement must be a share from 0 to 1, got {quoted(min_agreement)}")
    if mode == "int8" and calibration is None:
        raise ExportError("quantization 'int8' needs images that are like those to come: pass calibration")
    if calibration is None and images is None:
        raise ExportError(f"quantization {mode!r} needs images to compare answers on: pass images, or calibration")
    if labels is not None and images is None:
        raise ExportError("labels are those of the images that answers are compared on: pass images, too")
    found = None if calibration is None else calibration_images(calibration, model, has_range)
    if images is None:
        images = found
    else:
        images = checked_images(images, model)
        if has_range:
            check_range(images, model, "images to check with")
    known = input_range(images if found is None else found, model)
    return Quantization(mode, found, images, _labels(labels, len(images), model.output_shape[1]), least, types, known)


def _labels(labels: Any, images: int, outputs: int) -> np.ndarray | None:
    """Check the numbers of the classes of images; one output stands for two classes."""
    if labels is None:
        return None
    found = array_of(labels, "labels")
    if found.shape != (images,) or found.dtype.kind not in "iu":
        raise ExportError(
            f"expected a whole number for each of {images} images as labels, got {found.dtype} of {found.shape}"
        )
    last = max(outputs, 2) - 1
    if not 0 <= found.min() <= found.max() <= last:
        raise ExportError(f"expected labels from 0 to {last}, got some from {found.min()} to {found.max()}")
    return found
