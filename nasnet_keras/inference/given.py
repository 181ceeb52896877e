"""Arrays that a user gives, checked."""

from typing import Any

import keras
import numpy as np

from nasnet_keras.inference.errors import ExportError
from nasnet_keras.inference.preprocessing import LARGEST_SCALED, reads_pixels

__all__ = ["array_of", "check_finite", "check_range", "converted"]


def array_of(values: Any, what: str) -> np.ndarray:
    """Convert lists, arrays or tensors to an array.

    Raises:
        ExportError: they are of different shapes.
    """
    try:
        return np.asarray(values)
    except (TypeError, ValueError) as error:
        raise ExportError(f"expected {what} of one shape, got a {type(values).__name__} of several: {error}") from error


def converted(images: np.ndarray, model: keras.Model) -> np.ndarray:
    """Convert images to the type that a model reads; numbers that are too large for it become infinite."""
    with np.errstate(over="ignore"):
        return images.astype(model.inputs[0].dtype)


def check_finite(images: np.ndarray, what: str) -> None:
    """Raise an ExportError if an image has a value that is no finite number."""
    if not np.isfinite(images).all():
        raise ExportError(f"{what} have values that are not finite")


def check_range(images: np.ndarray, model: keras.Model, what: str) -> None:
    """Check that images, at least one, are in the range that a model reads, by layers that tell it.

    Raises:
        ExportError: they are pixels where scaled values are read, or the other way round.
    """
    low, high = float(images.min()), float(images.max())
    pixels = reads_pixels(model)
    if pixels and (low < 0 or high <= 2 or high > 255):
        raise ExportError(f"the model reads values from 0 to 255, got {what} from {low:g} to {high:g}")
    if not pixels and max(-low, high) > LARGEST_SCALED:
        raise ExportError(f"the model reads scaled values, got {what} from {low:g} to {high:g}")
