"""Images that a network is quantized with: from an array, a data set or a folder, and checked."""

import hashlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import keras
import numpy as np

from nasnet_keras.images.reading import read_folder, spread
from nasnet_keras.inference.errors import ExportError
from nasnet_keras.inference.given import array_of, check_finite, check_range, converted
from nasnet_keras.inference.preprocessing import LARGEST_SCALED, reads_pixels, tells_range

__all__ = ["LEAST_IMAGES", "MOST_IMAGES", "calibration_images", "input_range"]

LEAST_IMAGES = 32
MOST_IMAGES = 100
_WHAT = "calibration images"


def calibration_images(data: Any, model: keras.Model, has_range: bool | None = None) -> np.ndarray:
    """Take up to `MOST_IMAGES` images of data.

    Args:
        data: images of `(count, height, width, channels)` as the model reads them, from all over which the images are
            taken; a `tf.data.Dataset` of images, pairs of images and labels, or dictionaries with the key `"image"`, in
            batches or not, which the first images are taken of; or the path of a folder of image files.
        model: that is quantized, of a known image size.
        has_range: whether it is known which values the model reads, so that other images are refused; None tells it by
            the model's first layers.

    Raises:
        ExportError: these are no images for the model: too few different ones, of other shapes or of another range.
    """
    (image,) = model.inputs
    shape = tuple(image.shape[1:])
    if None in shape:
        raise ExportError(f"quantization needs a model of a known image size, got one of {shape}")
    if isinstance(data, str | Path):
        data = _folder(Path(data), shape)
    if hasattr(data, "element_spec"):
        data = _stacked(data, shape)
    images = array_of(data, _WHAT)
    if images.dtype == object:
        raise ExportError(
            f"expected {_WHAT} as an array, a tf.data.Dataset or the path of a folder, got {type(data).__name__}"
        )
    if images.shape[1:] != shape or images.dtype.kind not in "biuf":
        expected = ", ".join(map(str, shape))
        raise ExportError(f"expected calibration images of (count, {expected}), got {images.dtype} of {images.shape}")
    images = converted(images[spread(len(images), MOST_IMAGES)], model)
    _check_different(images)
    if tells_range(model) if has_range is None else has_range:
        check_range(images, model, _WHAT)
    return images


def input_range(images: np.ndarray, model: keras.Model) -> tuple[float, float]:
    """Tell the range of the values that a model reads: from 0 to 255 if it rescales them, else that of some images.

    Images that can only be pixels are from 0 to 255, also if those at hand have not both: so a file reads bytes as they
    come.
    """
    low, high = float(images.min()), float(images.max())
    pixels = reads_pixels(model) or (low >= 0 and LARGEST_SCALED < high <= 255)
    return (0.0, 255.0) if pixels else (low, high)


def _folder(path: Path, shape: tuple[int, ...]) -> Any:
    """Read image files of a folder and of the folders in it, as uint8 of the shape; what is too long is cut off."""
    if not path.is_dir():
        raise ExportError(f"there is no folder of calibration images {str(path)!r}")
    if shape[-1] not in (1, 3):
        raise ExportError(f"image files have 1 or 3 channels, and the model reads {shape[-1]}: pass an array")
    try:
        return read_folder(path, shape, MOST_IMAGES)
    except ValueError as error:
        raise ExportError(f"no calibration images: {error}") from error


def _stacked(data: Any, shape: tuple[int, ...]) -> np.ndarray:
    """The first images of a data set as one array."""
    import tensorflow as tf

    try:
        found = list(islice(_of_dataset(data, shape), MOST_IMAGES))
    except tf.errors.OpError as error:  # such as a damaged file
        raise ExportError(f"the calibration images cannot be read: {error.message}") from error
    shapes = sorted({one.shape for one in found})
    if len(shapes) > 1:
        raise ExportError(f"expected calibration images of one shape, got {shapes[0]} and {shapes[1]}")
    return np.stack(found) if found else np.zeros(0)


def _of_dataset(data: Any, shape: tuple[int, ...]) -> Iterator[np.ndarray]:
    for element in data:
        if isinstance(element, dict):
            element = element.get("image", next(iter(element.values()), None))
        elif isinstance(element, tuple | list):
            element = element[0]
        images = keras.ops.convert_to_numpy(element)
        yield from images if images.ndim == len(shape) + 1 else [images]


def _check_different(images: np.ndarray) -> None:
    """Check that there are enough different images."""
    flat = images.reshape(len(images), int(np.prod(images.shape[1:])))
    check_finite(flat, _WHAT)
    varied = flat[np.ptp(flat, axis=1) > 0]
    different = len({hashlib.sha256(one.tobytes()).digest() for one in varied})
    if different < LEAST_IMAGES:
        raise ExportError(
            f"calibration needs at least {LEAST_IMAGES} different images that are not of one color, got {different} "
            f"among {len(images)}"
        )
