"""What a user asks of a quantized export, checked."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np

from nasnet_keras.inference.calibration import calibration_images, input_range
from nasnet_keras.inference.comparing import checked_images, compare_answers
from nasnet_keras.inference.errors import ExportError
from nasnet_keras.inference.formats import Format
from nasnet_keras.inference.tensor_type import TYPES

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

    def compared(self, got: np.ndarray, expected: np.ndarray, worst: Any) -> tuple[float, float, Any]:
        """Compare logits; see `compare_answers`.

        Args:
            got, expected: `(count, classes)`.
            worst: lists the layers that lose most on given images.

        Raises:
            ExportError: too few answers are equal; the error names those layers.
        """
        difference, agreement, kept, accuracies = compare_answers(got, expected, self.labels)
        if kept < self.min_agreement:
            of, known = f"{len(got)} images", ""
            if accuracies is not None:
                of, known = (
                    "the images that it answered right",
                    "; accuracy {1:.2%} instead of {0:.2%}".format(*accuracies),
                )
            raise ExportError(
                f"quantized as {self.mode!r}, the model answers {kept:.1%} of {of} as before{known}: expected at least "
                f"{self.min_agreement:.1%}. Most is lost in {', '.join(worst(self.images[:4]))}. Nothing was written"
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
) -> Quantization:
    """Check what is asked for; see `export` for the arguments.

    Args:
        model: that will be quantized.

    Raises:
        ExportError: images, labels or the share are missing or wrong.
    """
    for name, asked in zip(("inference_input_type", "inference_output_type"), types, strict=True):
        legal = TYPES if kind.retype is not None else TYPES[:1]
        if asked not in legal:
            raise ExportError(f"{name} for format {kind.name!r} must be {' or '.join(legal)}, got {asked!r}")
    if len(model.output_shape) != 2:
        raise ExportError(f"only classifiers are quantized, and the model has outputs of {model.output_shape[1:]}")
    if isinstance(min_agreement, bool) or not isinstance(min_agreement, int | float) or not 0 <= min_agreement <= 1:
        raise ExportError(f"min_agreement must be a share from 0 to 1, got {min_agreement!r}")
    if mode == "int8" and calibration is None:
        raise ExportError("quantization 'int8' needs images that are like those to come: pass calibration")
    if calibration is None and images is None:
        raise ExportError(f"quantization {mode!r} needs images to compare answers on: pass images, or calibration")
    if labels is not None and images is None:
        raise ExportError("labels are those of the images that answers are compared on: pass images, too")
    found = None if calibration is None else calibration_images(calibration, model)
    images = found if images is None else checked_images(images, model)
    known = input_range(images if found is None else found, model)
    return Quantization(mode, found, images, _labels(labels, images), min_agreement, types, known)


def _labels(labels: Any, images: np.ndarray) -> np.ndarray | None:
    if labels is None:
        return None
    found = np.asarray(labels)
    if found.shape != (len(images),) or found.dtype.kind not in "iu":
        raise ExportError(
            f"expected a whole number for each of {len(images)} images as labels, got {found.dtype} of {found.shape}"
        )
    return found
