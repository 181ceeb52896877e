"""The origins of images, by which people find them again: files in a folder, or places in an array."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

__all__ = ["Origins"]


@dataclass(frozen=True)
class Origins:
    """The names of images.

    Attributes:
        names: of each image, `(count,)`, texts: the path of its file relative to the folder, its place in an array such
            as `train[17]`, or nothing if it has no place that stays the same.
        folder: the folder of the files, absolute; None if the images are from no files.

    Example:
        >>> Origins.of_array("train", 5).take([4, 0]).names.tolist()
        ['train[4]', 'train[0]']
    """

    names: np.ndarray
    folder: Path | None = None

    @classmethod
    def of_files(cls, folder: Path, paths: Sequence[Path]) -> "Origins":
        """Return the origins of images from files in a folder."""
        return cls(_texts([path.relative_to(folder).as_posix() for path in paths]), folder.absolute())

    @classmethod
    def of_array(cls, name: str, count: int) -> "Origins":
        """Return the origins of images from an array of this name."""
        return cls(_texts([f"{name}[{index}]" for index in range(count)]))

    @classmethod
    def unknown(cls, count: int) -> "Origins":
        """Return the origins of images that come in another order each time."""
        return cls(_texts([""] * count))

    def take(self, indices: Any) -> "Origins":
        """Return the origins of the images at `indices`."""
        return Origins(self.names[indices], self.folder)

    def path(self, index: int) -> Path | None:
        """Return the path of an image's file; None if it is from no file."""
        return None if self.folder is None else self.folder / self.names[index]

    def shown(self, index: int) -> str:
        """Return the path of an image's file, or its name if it is from no file."""
        return str(self.path(index) or self.names[index])


def _texts(names: list[str]) -> np.ndarray:
    found = np.empty(len(names), object)  # of one length, as arrays of texts are, the longest would decide for all
    found[:] = names
    return found
