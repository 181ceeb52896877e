"""Image files: opened safely, bounded before any work is done, and read as 8 bits of red, green and blue."""

import os
import stat
import struct
import warnings
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import numpy as np
from PIL import Image, UnidentifiedImageError

from nasnet_keras.images.pixels import rgb

__all__ = ["MAX_BYTES", "MAX_PIXELS", "SUFFIXES", "ImageError", "is_image", "read_image"]

SUFFIXES = frozenset({".bmp", ".gif", ".jfif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
MAX_PIXELS = 2**27
"""The pixels that an image may have, 134 million: more than cameras make, and as many as fit beside a network."""
MAX_BYTES = 2**30
"""The bytes that an image's file may have: eight for each of these pixels."""

_FORMATS = ("BMP", "GIF", "JPEG", "PNG", "TIFF", "WEBP")  # Pillow has some fifty other readers, which are not used
_TILE = 2**24  # pixels that a TIFF's tile may have, even if the image has fewer
_TIFF_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8}  # by type
_ORIENTATION = 0x0112  # a tag in the EXIF data of a photo
_SHOWN = 200  # letters of a reader's error
_UPRIGHT: dict[int, Callable[[np.ndarray], np.ndarray]] = {
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels),
}


class ImageError(ValueError):
    """An image file cannot be read.

    Attributes:
        path: of the file.
        reason: the reason, in a line.
    """

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(path, reason)
        self.path, self.reason = path, reason

    def __str__(self) -> str:
        return f"cannot read the image {self.path}: {self.reason}"


def is_image(path: Path) -> bool:
    """Tell whether a file is named like an image."""
    return path.suffix.lower() in SUFFIXES


def read_image(path: Path) -> np.ndarray:
    """Read an image as uint8 RGB, `(height, width, 3)`, upright as its camera says, with transparent pixels white.

    BMP, GIF, JPEG, PNG, TIFF and WebP are read, with any file name; of several pictures in a file, the first. No file
    says how many of more than 8 bits a channel are used: 12 are assumed if they hold the largest value of all channels,
    else 16.

    Raises:
        ImageError: the file is no such image, is damaged, or of a kind that would be read wrong; it is no regular file;
            or it is larger than `MAX_BYTES`, or has more pixels than `MAX_PIXELS`.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new("L", (4, 3), 7).save(f"{folder}/grey.png")
        ...     read_image(pathlib.Path(folder, "grey.png")).shape
        (3, 4, 3)
    """
    try:
        with _opened(path) as stream:
            return _pixels(stream)
    except Exception as error:  # a damaged file makes its reader raise anything
        raise ImageError(path, _reason(error, path)) from None


def _opened(path: Path) -> BinaryIO:
    """Open a regular file. Files of other kinds are not opened, since that may block, or have an effect."""
    _check_regular(path.stat())
    # Pillow maps a file that it opens itself into memory, and then takes turned pixels for upright ones.
    stream = open(path, "rb", opener=lambda name, flags: os.open(name, flags | getattr(os, "O_NONBLOCK", 0)))  # noqa: SIM115
    try:
        found = os.fstat(stream.fileno())  # another file may have taken its place in between
        _check_regular(found)
        if found.st_size > MAX_BYTES:
            raise ValueError(f"it has {found.st_size:,} bytes, and {MAX_BYTES:,} at most are read")
    except BaseException:
        stream.close()
        raise
    return stream


def _check_regular(found: os.stat_result) -> None:
    for kind, name in ((stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a FIFO"), (stat.S_ISSOCK, "a socket")):
        if kind(found.st_mode):
            raise ValueError(f"it is {name}, no file")
    if not stat.S_ISREG(found.st_mode):
        raise ValueError("it is a device, no file")


def _pixels(stream: BinaryIO) -> np.ndarray:
    _check_tags(stream)
    with _image(stream) as file:
        _check_size(file)
        pixels = rgb(file, lambda: _image(stream))
        # Damaged pixels are an error of the lines above, not of the description's reader; and TIFFs are turned by now.
        turn = _UPRIGHT.get(_orientation(file))
        return pixels if turn is None else np.ascontiguousarray(turn(pixels))


def _image(stream: BinaryIO) -> Image.Image:
    """Open the image; its pixels are not read yet."""
    stream.seek(0)
    with warnings.catch_warnings(action="ignore", category=Image.DecompressionBombWarning):  # `_check_size` has a bound
        return Image.open(stream, formats=_FORMATS)


def _check_tags(stream: BinaryIO) -> None:
    """Raise a ValueError if the tags of a TIFF, or of EXIF data, name more bytes than it has.

    All of them may name the same bytes, which a reader then holds thousands of times.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(0)
    head = stream.read(16)
    if head[:4] not in (b"II*\0", b"MM\0*", b"MM*\0", b"II\0*", b"II+\0", b"MM\0+"):
        return
    order, big = "<" if head[:2] == b"II" else ">", head[2] == ord("+")
    (start,) = struct.unpack(f"{order}{'Q' if big else 'L'}", head[8:16] if big else head[4:8])
    entry = struct.Struct(f"{order}{'HHQ8x' if big else 'HHL4x'}")
    stream.seek(min(start, size))
    (count,) = struct.unpack(f"{order}{'Q' if big else 'H'}", stream.read(8 if big else 2))
    table = stream.read(min(count, 0xFFFF) * entry.size)
    entries = entry.iter_unpack(table[: len(table) // entry.size * entry.size])
    if sum(_TIFF_SIZES.get(kind, 0) * values for _, kind, values in entries) > max(size, 64):
        raise ValueError("its tags name more bytes than the file has: it is damaged")


def _check_size(file: Image.Image) -> None:
    """Raise a ValueError if an image is too large to decode, by the sizes that its file states."""
    width, height = file.size
    if width * height > MAX_PIXELS:
        raise ValueError(f"it has {width}x{height} pixels, and {MAX_PIXELS:,} at most are read: make it smaller")
    tags = getattr(file, "tag_v2", {})
    tile = [tags.get(tag) for tag in (322, 323)]
    if None not in tile and tile[0] * tile[1] > max(_TILE, 2 * width * height):
        raise ValueError(f"it has {width}x{height} pixels in tiles of {tile[0]}x{tile[1]}")


def _orientation(file: Image.Image) -> int | None:
    """Read the orientation that a camera noted. Pillow's own function fails if other parts of EXIF data are damaged."""
    try:
        if exif := file.info.get("exif"):
            _check_tags(BytesIO(exif.removeprefix(b"Exif\0\0")))
        return file.getexif().get(_ORIENTATION)
    except Exception:  # a damaged description makes its reader raise anything, and the pixels are all right
        return None


def _reason(error: Exception, path: Path) -> str:
    """Tell in a line why an image cannot be read."""
    if isinstance(error, FileNotFoundError) and path.is_symlink():
        return "it is a link that leads nowhere"
    if isinstance(error, UnidentifiedImageError):
        return "it is no BMP, GIF, JPEG, PNG, TIFF or WebP, or a damaged or rare one: save it as a PNG of 8 or 16 bits"
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    said = " ".join(said.split())[:_SHOWN] or type(error).__name__
    return said if isinstance(error, ValueError | OSError) else f"it is damaged ({said})"
