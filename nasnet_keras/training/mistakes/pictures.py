"""Small pictures of images, embedded in a page."""

import base64
import io

import numpy as np
from PIL import Image

from nasnet_keras.images.files import read_image
from nasnet_keras.images.tree import leads_out
from nasnet_keras.training.datasets.base import Split

__all__ = ["SIDE", "embedded", "small_picture"]

SIDE = 144
"""The longer side of a small picture in pixels, at most."""
_TINY = 64  # images up to this side stay as they are


def small_picture(split: Split, index: int) -> tuple[str, bool]:
    """Make a small picture of an image: the address of an `<img>`, and whether it is so small that it will be enlarged.

    It is made of the whole image if that is a file which can be read and does not lead out of its folder; else of the
    pixels that the network saw.
    """
    image = _whole(split, index)
    if image is None:
        image = _of_pixels(split.images[index])
    if max(image.size) <= _TINY:
        return embedded(image, "PNG", optimize=True), True
    image.thumbnail((SIDE, SIDE))
    return embedded(image, "JPEG", quality=80, optimize=True), False


def embedded(image: Image.Image, kind: str, **options: int | bool) -> str:
    """Write an image as an address that holds the file itself."""
    file = io.BytesIO()
    image.save(file, kind, **options)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(file.getvalue()).decode()}"


def _whole(split: Split, index: int) -> Image.Image | None:
    path = None if split.origins is None else split.origins.path(index)
    if path is None or leads_out(path, split.origins.folder):
        return None
    try:
        return Image.fromarray(read_image(path))
    except ValueError:  # it was removed or changed since
        return None


def _of_pixels(pixels: np.ndarray) -> Image.Image:
    """Make an image of uint8 `(height, width, channels)`; of other than three channels, the first is shown."""
    return Image.fromarray(pixels if pixels.shape[-1] == 3 else np.ascontiguousarray(pixels[..., 0]))
