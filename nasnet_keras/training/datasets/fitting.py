"""Images of any size as one array: each cut, padded or squashed to the size that is wanted."""

import math
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
import psutil
from absl import logging
from PIL import Image

from nasnet_keras.utils import checks
from nasnet_keras.utils.checks import FITS

__all__ = ["FITS", "GREY", "array_of", "check_memory", "resized", "stacked"]

GREY = 128
"""Nothing, once images are scaled to [-1, 1]."""

_FIRST = 64  # images there is room for, where nobody knows how many will come
_MANY = 100_000  # where that may be because they never end


def resized(
    images: Iterable[np.ndarray],
    shape: tuple[int | None, int | None, int],
    source: str,
    count: int | None = None,
    fit: str = "crop",
) -> np.ndarray:
    """Images of values from 0 to 255 as one uint8 array of `(count, *shape)`.

    Args:
        images: each `(height, width, channels)`; of bools, True is white. Grey ones are given three channels if three
            are wanted, and colours are made grey if one is.
        shape: height and width to bring each image to; None for images of one size that keep it. And the channels.
        source: of the images, for errors.
        count: how many there are at most, where they come one by one.
        fit: how, one of `FITS`.

    Raises:
        ValueError: images of other channels or values, of different sizes and no size to bring them to, or more than
            fit in memory.
    """
    checks.choice("fit", fit, FITS)
    if hasattr(images, "__len__"):
        count = len(images)
    if count == 0:
        raise ValueError(f"no images in {source}")
    if isinstance(images, np.ndarray) and images.dtype == np.uint8 and images.shape == (count, *shape):
        return images
    rows: list[np.ndarray] = []
    array = None
    if None not in shape:  # so that they are in memory once
        check_memory(count or _FIRST, shape, source)
        array = np.empty((count or _FIRST, *shape), np.uint8)
    seen, largest, fractions = 0, 0.0, False
    for image in map(array_of, images):
        if image.dtype == bool:
            image = image * np.uint8(255)
        if image.dtype != np.uint8:
            if image.dtype.kind not in "biuf" or not np.all((image >= 0) & (image <= 255)):
                numbers = image.dtype.kind in "biuf" and image.size
                found = f"values from {image.min()} to {image.max()}" if numbers else str(image.dtype)
                raise ValueError(f"expected images of values from 0 to 255, got {found}")
            largest = max(largest, float(image.max(initial=0)))
            fractions = fractions or bool(np.any(image % 1))
            image = np.rint(image).astype(np.uint8)
        if array is None:
            rows.append(_brought(image, shape, fit))
        else:
            if seen == len(array):
                array = _grown(array, source)
            array[seen] = _brought(image, shape, fit)
        seen += 1
    if fractions and largest <= 1.0:
        raise ValueError(f"expected images of values from 0 to 255, got fractions up to {largest:.3g}: times 255?")
    if not seen:
        raise ValueError(f"no images in {source}")
    return stacked(rows, source) if array is None else array[:seen]


def array_of(image: Any) -> np.ndarray:
    """One image as an array.

    Raises:
        ValueError: it is one of Pillow's, of a kind whose values are no greys and no colours, but numbers of a palette.
    """
    if getattr(image, "mode", None) in ("P", "PA"):
        raise ValueError(f"expected images of greys or colours, got one of a palette, mode {image.mode}: convert it")
    return np.asarray(image)


def _grown(array: np.ndarray, source: str) -> np.ndarray:
    """An array with room for twice as many images, the first half of them these."""
    count = len(array)
    if count > _MANY:
        logging.warning("%s: %d images so far; if it has no end, take a part of it", source, count)
    check_memory(count, array.shape[1:], source)  # the other half is in memory when it is written to
    larger = np.empty((2 * count, *array.shape[1:]), np.uint8)
    larger[:count] = array
    return larger


def _brought(image: np.ndarray, shape: tuple[int | None, int | None, int], fit: str) -> np.ndarray:
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
    return np.asarray(_fitted(picture, (width, height), fit)).reshape(height, width, channels)


def _fitted(picture: Image.Image, size: tuple[int, int], fit: str) -> Image.Image:
    """A picture of that width and height."""
    if fit == "pad":
        scale = min(want / have for have, want in zip(picture.size, size, strict=True))
        inner = tuple(max(1, min(want, round(have * scale))) for have, want in zip(picture.size, size, strict=True))
        whole = Image.new(picture.mode, size, (GREY,) * len(picture.getbands()))
        corner = tuple((want - have) // 2 for have, want in zip(inner, size, strict=True))
        whole.paste(picture.resize(inner, Image.Resampling.BILINEAR), corner)
        return whole
    box = None
    if fit == "crop":  # the part of the picture that is left over, so that a long one is not made large first
        sides = tuple(zip(picture.size, size, strict=True))
        scale = min(have / want for have, want in sides)
        rests = [max(0.0, (have - want * scale) / 2) for have, want in sides]  # not -1e-14
        box = (*rests, *(have - rest for (have, _), rest in zip(sides, rests, strict=True)))
    return picture.resize(size, Image.Resampling.BILINEAR, box)


def check_memory(count: int, image_shape: Sequence[int], source: str) -> None:
    """Raise a ValueError where so many images of `(height, width, channels)` do not fit in memory."""
    needed, free = count * math.prod(image_shape), psutil.virtual_memory().available
    if needed > 0.8 * free:
        raise ValueError(
            f"{source}: {count:,} images of {image_shape[0]}x{image_shape[1]} need {needed / 2**30:.1f} GiB of memory, "
            f"where {free / 2**30:.1f} GiB are free: give a smaller image_size, or a part of the images"
        )


def stacked(images: Sequence[np.ndarray], source: str) -> np.ndarray:
    """Images of one shape as one array.

    Raises:
        ValueError: they have different shapes.
    """
    shapes = sorted({image.shape for image in images})
    if len(shapes) > 1:
        some = ", ".join("x".join(map(str, shape)) for shape in shapes[:3])
        raise ValueError(
            f"the images of {source} have {len(shapes)} different sizes ({some}, …): give image_size, the side to "
            f"bring them to"
        )
    return np.stack(images)
