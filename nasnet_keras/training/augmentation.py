"""Augmentation of a batch of images, on the host: the same on every backend, and decided by a seed and a step."""

from dataclasses import dataclass

import numpy as np

from nasnet_keras.checks import integer

__all__ = ["Augmentation"]

_GREY = 128  # nothing, once images are scaled to [-1, 1]


@dataclass(frozen=True)
class Augmentation:
    """What is done to training images.

    Attributes:
        pad: pixels of grey border that a random crop of the image's size is taken from; 0 for none.
        flip: whether images are mirrored.
        cutout: side of the grey square that is laid over each image at a random place, partly outside too; 0 for none.

    Raises:
        ValueError: a number is negative or no whole number.

    Source: He et al. 2016 for pad and flip; DeVries and Taylor 2017 (arXiv 1708.04552) for cutout.

    Example:
        >>> images = np.zeros((2, 8, 8, 3), np.uint8)
        >>> Augmentation(pad=1, cutout=2)(images, np.array([True, False]), np.random.default_rng(0)).shape
        (2, 8, 8, 3)
    """

    pad: int = 4
    flip: bool = True
    cutout: int = 0

    def __post_init__(self) -> None:
        for name in ("pad", "cutout"):
            number = integer(getattr(self, name))
            if number is None or number < 0:
                raise ValueError(f"{name} must be a whole number of pixels from 0, got {getattr(self, name)!r}")

    def __call__(self, images: np.ndarray, mirrored: np.ndarray, generator: np.random.Generator) -> np.ndarray:
        """New images of the shape and type of `images`, `(batch, height, width, channels)` uint8.

        Args:
            mirrored: `(batch,)`, which ones are, with `flip`.
            generator: of all else.
        """
        count, height, width = images.shape[:3]
        # All numbers are drawn whatever is switched on, so that one switch changes one thing.
        offsets = generator.integers(0, 2 * self.pad + 1, (2, count))
        centres = generator.random((2, count))
        if self.pad:
            border = ((0, 0), (self.pad, self.pad), (self.pad, self.pad), (0, 0))
            padded = np.pad(images, border, constant_values=_GREY)
            windows = np.lib.stride_tricks.sliding_window_view(padded, (height, width), axis=(1, 2))
            images = np.moveaxis(windows[np.arange(count), offsets[0], offsets[1]], 1, -1)
        if self.flip:
            images = np.where(mirrored[:, None, None, None], images[:, :, ::-1], images)
        if self.cutout:
            starts = np.floor(centres * np.asarray([[height], [width]])).astype(int) - self.cutout // 2
            rows, columns = (
                (np.arange(size) >= start[:, None]) & (np.arange(size) < start[:, None] + self.cutout)
                for size, start in zip((height, width), starts, strict=True)
            )
            images = np.where((rows[:, :, None] & columns[:, None, :])[..., None], np.uint8(_GREY), images)
        return np.ascontiguousarray(images)
