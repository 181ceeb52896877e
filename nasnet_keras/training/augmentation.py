"""Augmentation of a batch of images, on the host: the same on every backend, and decided by a seed and a step."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from nasnet_keras.utils.checks import integer, number, quoted

__all__ = ["Augmentation", "mirrors", "pixels"]

_MOST = 2**16 - 1  # pixels
_GREY = 128  # about 0, once images are scaled to [-1, 1]


def pixels(name: str, value: Any) -> int:
    """A number of pixels as an int.

    Raises:
        ValueError: it is not a whole number from 0 to 65,535.
    """
    found = integer(value)
    if found is None or not 0 <= found <= _MOST:
        most = f" to {_MOST}" if found is not None and found > _MOST else ""
        raise ValueError(f"{name} must be a whole number of pixels from 0{most}, got {quoted(value)}")
    return found


def mirrors(name: str, value: Any) -> bool:
    """A switch as a bool.

    Raises:
        ValueError: it is neither true nor false.
    """
    if value not in (True, False):
        raise ValueError(f"{name} must be True or False, got {quoted(value)}")
    return bool(value)


@dataclass(frozen=True)
class Augmentation:
    """Augmentation of training images.

    Attributes:
        pad: pixels of grey border that a random crop of the image's size is taken from; 0 for none.
        flip: whether images are mirrored.
        cutout: side in pixels of the grey square that is laid over each image at a random place, partly outside too; 0
            for none.
        cutmix: share of the images, in [0, 1], that get a rectangle of another image of the batch, and its label in
            proportion to the area, in place of the grey square.

    Raises:
        ValueError: a number is out of its range or not whole.

    Source: He et al. 2016 for pad and flip; DeVries and Taylor 2017 (arXiv 1708.04552) for cutout; Yun et al. 2019
    (arXiv 1905.04899) for cutmix, with areas drawn evenly, as they do for CIFAR.

    Example:
        >>> images, targets = np.zeros((2, 8, 8, 3), np.uint8), np.eye(2, dtype=np.float32)
        >>> augmentation = Augmentation(pad=1, cutmix=1.0)
        >>> images, targets = augmentation(images, targets, np.array([True, False]), np.random.default_rng(0))
        >>> images.shape, targets.sum(axis=1).tolist()
        ((2, 8, 8, 3), [1.0, 1.0])
    """

    pad: int = 4
    flip: bool = True
    cutout: int = 0
    cutmix: float = 0.0

    def __post_init__(self) -> None:
        for name, checked in (("pad", pixels), ("cutout", pixels), ("flip", mirrors)):
            object.__setattr__(self, name, checked(name, getattr(self, name)))
        number("cutmix", self.cutmix, "in [0, 1]", lambda share: 0.0 <= share <= 1.0)

    def __call__(
        self, images: np.ndarray, targets: np.ndarray, mirrored: np.ndarray, generator: np.random.Generator
    ) -> tuple[np.ndarray, np.ndarray]:
        """New images and targets of the same shapes and types.

        Args:
            images: `(batch, height, width, channels)` uint8.
            targets: the share of each class in each image, `(batch, classes)`; without `cutmix`, labels will do.
            mirrored: `(batch,)`, whether each image is mirrored, if `flip` is on.
            generator: draws everything else.
        """
        count, height, width = images.shape[:3]
        # All numbers are drawn even if they are not used, so that one switch changes one thing.
        offsets = generator.integers(0, 2 * self.pad + 1, (2, count))
        centres = generator.random((2, count))
        mixed, areas = generator.random((2, count))
        if self.pad:
            images = _cropped(images, self.pad, offsets)
        if self.flip:
            images = np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)
        mixed = (mixed < self.cutmix)[:, None, None]
        if self.cutmix:
            sides = np.floor(np.sqrt(areas) * np.asarray([[height], [width]])).astype(int)
            images, targets = _pasted(images, targets, _rectangles(centres, sides, (height, width)) & mixed)
        if self.cutout:
            square = _rectangles(centres, np.full((2, count), self.cutout), (height, width)) & ~mixed
            images = np.where(square[..., None], np.uint8(_GREY), images)
        return np.ascontiguousarray(images), targets


def _cropped(images: np.ndarray, pad: int, offsets: np.ndarray) -> np.ndarray:
    """Crops of the images' size, at offsets `(2, batch)` in pixels, of images with a grey border."""
    padded = np.pad(images, ((0, 0), (pad, pad), (pad, pad), (0, 0)), constant_values=_GREY)
    windows = np.lib.stride_tricks.sliding_window_view(padded, images.shape[1:3], axis=(1, 2))
    return np.moveaxis(windows[np.arange(len(images)), offsets[0], offsets[1]], 1, -1)


def _pasted(images: np.ndarray, targets: np.ndarray, pasted: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Images with the pixels of the next one of the batch wherever `pasted`, and targets in proportion.

    The order of images is random, so the next one is any one.
    """
    images = np.where(pasted[..., None], np.roll(images, -1, axis=0), images)
    shares = pasted.mean(axis=(1, 2), dtype=targets.dtype)[:, None]
    return images, targets * (1 - shares) + np.roll(targets, -1, axis=0) * shares


def _rectangles(centres: np.ndarray, sides: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Which pixels lie in each image's rectangle: `(batch, height, width)`.

    Args:
        centres: `(2, batch)`, from 0 to 1.
        sides: `(2, batch)` pixels.
        shape: height and width of the images.
    """
    starts = np.floor(centres * np.asarray(shape)[:, None]).astype(int) - sides // 2
    rows, columns = (
        (np.arange(size) >= start[:, None]) & (np.arange(size) < (start + side)[:, None])
        for size, start, side in zip(shape, starts, sides, strict=True)
    )
    return rows[:, :, None] & columns[:, None, :]
