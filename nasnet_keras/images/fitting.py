"""Images of any size become one array: each is cut, padded or squashed to the size."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import psutil
from absl import logging
from PIL import Image

from nasnet_keras.utils import checks
from nasnet_keras.utils.checks import FITS

__all__ = ["FITS", "GREY", "array_of", "check_channels", "check_levels", "check_memory", "is_dark", "pixels", "resized"]
__all__ += ["stacked"]

GREY = 128
"""The colour of padding: it is zero in images that are scaled to [-1, 1]."""

_FIRST = 64  # images to make room for if their number is unknown
_FEW = (1, 3)  # channels of images
_MANY = 100_000  # images after which a source of unknown length may be endless


def resized(
    images: Iterable[np.ndarray],
    shape: tuple[int | None, int | None, int],
    source: str,
    count: int | None = None,
    fit: str = "crop",
) -> np.ndarray:
    """Bring images of values from 0 to 255 to one size, as a uint8 array of `(count, *shape)`.

    Args:
        images: each `(height, width, channels)`; of bools, True is white. If `shape` has three channels, grey images
            get three; if it has one, colours become grey.
        shape: height, width and channels of the array. Height and width are None for images of one size that keep it.
        source: of the images, for errors.
        count: the largest number of images that may come, if they come one by one.
        fit: the way to bring them to the size, one of `FITS`.

    Raises:
        ValueError: images have other channels or values, or different sizes and no size to bring them to, or do not
            fit in memory.
    """
    checks.choice("fit", fit, FITS)
    if hasattr(images, "__len__"):
        count = len(images)
    if count == 0:
        raise ValueError(f"no images in {source}")
    if isinstance(images, np.ndarray) and images.dtype == np.uint8 and images.shape == (count, *shape):
        return images
    values = _Values()
    rows = (_fit(values.in_bytes(image), shape, fit) for image in map(array_of, images))
    found = list(rows) if None in shape else _filled(rows, shape, count or _FIRST, source)
    values.check()
    if not len(found):
        raise ValueError(f"no images in {source}")
    return stacked(found, source) if isinstance(found, list) else found


class _Values:
    """The conversion of images to 8 bits, which remembers the values that it has seen."""

    def __init__(self) -> None:
        self._largest, self._fractions = 0.0, False

    def in_bytes(self, image: np.ndarray) -> np.ndarray:
        """Convert an image to uint8.

        Raises:
            ValueError: its values are not from 0 to 255.
        """
        if image.dtype == bool:
            return image * np.uint8(255)
        if image.dtype == np.uint8:
            return image
        if image.dtype.kind not in "biuf" or not np.all((image >= 0) & (image <= 255)):
            numbers = image.dtype.kind in "biuf" and image.size
            found = f"values from {image.min()} to {image.max()}" if numbers else str(image.dtype)
            raise ValueError(f"expected images of values from 0 to 255, got {found}")
        self._largest = max(self._largest, float(image.max(initial=0)))
        self._fractions = self._fractions or bool(np.any(image % 1))
        return np.rint(image).astype(np.uint8)

    def check(self) -> None:
        """Raise a ValueError if all values were fractions from 0 to 1."""
        if self._fractions and self._largest <= 1.0:
            raise ValueError(
                f"expected images of values from 0 to 255, got fractions up to {self._largest:.3g}: times 255?"
            )


def _filled(rows: Iterable[np.ndarray], shape: tuple[int, ...], count: int, source: str) -> np.ndarray:
    """Write images to an array as they come, so that each is in memory once. It has room for `count` at first."""
    check_memory(count, shape, source)
    array, seen = np.empty((count, *shape), np.uint8), 0
    for row in rows:
        if seen == len(array):
            array = _doubled(array, source)
        array[seen] = row
        seen += 1
    return array[:seen]


def pixels(images: Any, what: str) -> np.ndarray:
    """Convert images to uint8 `(count, height, width, channels)` from 0 to 255.

    Args:
        images: numbers of any type with these values, or bools, of which True is white. Grey images may lack the axis
            of channels.
        what: for errors, such as `"train images"`.

    Raises:
        ValueError: the images have other values, their channels come first, or they are no images.

    Example:
        >>> found = pixels(np.ones((2, 8, 8), bool), "images")
        >>> found.shape, int(found.max())
        ((2, 8, 8, 1), 255)
    """
    images = np.asarray(images)
    if images.ndim == 3:
        images = images[..., None]
    if images.ndim != 4 or not images.shape[-1]:
        raise ValueError(
            f"{what} must be uint8 of (count, height, width, channels), or grey of (count, height, width), got "
            f"{images.dtype} of {images.shape}"
        )
    check_channels(images.shape, what)
    if images.dtype == np.uint8:
        return images
    shape = images.shape[1:]
    try:
        return resized(images, shape, what) if len(images) else np.zeros((0, *shape), np.uint8)
    except ValueError as error:
        raise ValueError(f"{what} must be uint8, or have such values: {error}") from None


def check_channels(shape: tuple[int, ...], what: str) -> None:
    """Raise a ValueError if images of `(count, height, width, channels)` seem to have their channels first."""
    if len(shape) == 4 and shape[1] in _FEW and shape[-1] > 4:
        raise ValueError(f"expected {what} with their channels last, got {shape}: np.moveaxis(images, 1, -1)?")


def check_levels(images: np.ndarray, what: str) -> None:
    """Raise a ValueError if the values of `images` are 0 and 1, as some tools write black and white."""
    if is_dark(images):
        raise ValueError(f"expected {what} of values from 0 to 255, got 0 and 1 alone, all but black: times 255?")


def is_dark(images: np.ndarray) -> bool:
    """Tell whether the values of images are 0 and 1 alone."""
    return images.max(initial=0) == 1


def array_of(image: Any) -> np.ndarray:
    """Convert an image to an array.

    Raises:
        ValueError: the image is one of Pillow's with a palette, whose values are numbers of colours.
    """
    if getattr(image, "mode", None) in ("P", "PA"):
        raise ValueError(f"expected images of greys or colours, got one of a palette, mode {image.mode}: convert it")
    return np.asarray(image)


def _doubled(array: np.ndarray, source: str) -> np.ndarray:
    """Copy images to the first half of an array for twice as many."""
    count = len(array)
    if count > _MANY:
        logging.warning("%s: %d images so far; if it has no end, take a part of it", source, count)
    check_memory(count, array.shape[1:], source)  # the other half takes memory when it is written to
    larger = np.empty((2 * count, *array.shape[1:]), np.uint8)
    larger[:count] = array
    return larger


def _fit(image: np.ndarray, shape: tuple[int | None, int | None, int], fit: str) -> np.ndarray:
    height, width, channels = shape
    if image.ndim == 3 and image.shape[-1] == 1 and channels == 3:
        image = np.repeat(image, 3, axis=-1)
    elif image.ndim == 3 and image.shape[-1] == 3 and channels == 1:
        image = np.asarray(Image.fromarray(image).convert("L"))[..., None]
    if image.ndim != 3 or image.shape[-1] != channels or not image.size:
        raise ValueError(f"expected images of (height, width, {channels}), got one of {image.shape}")
    if None in (height, width) or image.shape[:2] == (height, width):
        return image
    picture = Image.fromarray(image[..., 0] if channels == 1 else image)
    return np.asarray(_resize(picture, (width, height), fit)).reshape(height, width, channels)


def _resize(picture: Image.Image, size: tuple[int, int], fit: str) -> Image.Image:
    """Bring a picture to a width and height."""
    if fit == "pad":
        scale = min(want / have for have, want in zip(picture.size, size, strict=True))
        inner = tuple(max(1, min(want, round(have * scale))) for have, want in zip(picture.size, size, strict=True))
        whole = Image.new(picture.mode, size, (GREY,) * len(picture.getbands()))
        corner = tuple((want - have) // 2 for have, want in zip(inner, size, strict=True))
        whole.paste(picture.resize(inner, Image.Resampling.BILINEAR), corner)
        return whole
    box = None
    if fit == "crop":  # the part of the picture to keep, so that a long picture is not made large first
        sides = tuple(zip(picture.size, size, strict=True))
        scale = min(have / want for have, want in sides)
        rests = [max(0.0, (have - want * scale) / 2) for have, want in sides]  # not -1e-14
        box = (*rests, *(have - rest for (have, _), rest in zip(sides, rests, strict=True)))
    return picture.resize(size, Image.Resampling.BILINEAR, box)


def check_memory(count: int, image_shape: Sequence[int], source: str) -> None:
    """Raise a ValueError if a number of images of `(height, width, channels)` does not fit in memory."""
    needed, free = count * math.prod(image_shape), psutil.virtual_memory().available
    if needed > 0.8 * free:
        raise ValueError(
            f"{source}: {count:,} images of {image_shape[0]}x{image_shape[1]} need {needed / 2**30:.1f} GiB of memory, "
            f"where {free / 2**30:.1f} GiB are free: give a smaller image_size, or a part of the images"
        )


def stacked(images: Sequence[np.ndarray], source: str) -> np.ndarray:
    """Stack images of one shape to an array.

    Raises:
        ValueError: the images have different shapes.
    """
    shapes = sorted({image.shape for image in images})
    if len(shapes) > 1:
        some = ", ".join("x".join(map(str, shape)) for shape in shapes[:3])
        raise ValueError(
            f"the images of {source} have {len(shapes)} different sizes ({some}, …): give image_size, the side to "
            f"bring them to"
        )
    return np.stack(images)
