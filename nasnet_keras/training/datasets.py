"""Data sets as arrays: what is trained on, what is chosen by, and what is judged by."""

from dataclasses import dataclass
from importlib import resources

import numpy as np

__all__ = ["Dataset", "Split", "load", "names"]


@dataclass(frozen=True)
class Split:
    """Images `(count, height, width, channels)`, uint8 from 0 to 255, and their labels `(count,)`, int32."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class Dataset:
    """Three splits without a common image, and the names of the classes by label.

    Attributes:
        train: for the weights.
        validation: for choosing among networks.
        test: for the final figure only.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...]

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """`(height, width, channels)`."""
        return self.train.images.shape[1:]


def _digits() -> Dataset:
    """The UCI handwritten digits (Alpaydin and Kaynak 1998, CC BY 4.0): 1,797 images of 8×8 grey pixels.

    1,197 for training, 300 for validation, 300 for testing. `tools/make_digits.py` made the file.
    """
    with (resources.files(__package__) / "digits.npz").open("rb") as file, np.load(file, allow_pickle=False) as stored:
        grey, labels = stored["images"], stored["labels"].astype(np.int32)
    images = np.rint(grey[..., None] * (255 / 16)).astype(np.uint8)  # 17 levels of grey
    splits = (Split(images[part], labels[part]) for part in (slice(1197), slice(1197, 1497), slice(1497, None)))
    return Dataset("digits", *splits, class_names=tuple("0123456789"))


_LOADERS = {"digits": _digits}


def names() -> tuple[str, ...]:
    """The names that `load` knows."""
    return tuple(_LOADERS)


def load(name: str) -> Dataset:
    """Load a data set by name.

    Raises:
        ValueError: no such data set.

    Example:
        >>> load("digits").image_shape
        (8, 8, 1)
    """
    if name not in _LOADERS:
        raise ValueError(f"unknown data set {name!r}; known are {', '.join(_LOADERS)}")
    return _LOADERS[name]()
