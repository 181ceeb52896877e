"""Images and their classes, as a value: what is trained on, what is chosen by, and what is judged by."""

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from absl import logging

from nasnet_keras.training.datasets import labels, splits
from nasnet_keras.training.datasets.fitting import resized
from nasnet_keras.utils import checks

__all__ = ["SPLITS", "Dataset", "Division", "Loaded", "Split", "check_channels", "check_levels", "chosen", "divided"]
__all__ += ["pixels", "slug"]

SPLITS = ("train", "validation", "test")
_BLOCK = 1024  # images, of which a copy may be made at a time
_FEW = (1, 3)  # channels


@dataclass(frozen=True)
class Split:
    """Images `(count, height, width, channels)`, uint8 from 0 to 255, and their labels `(count,)`, int32."""

    images: np.ndarray
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: Any) -> "Split":
        """The images at `indices`."""
        return Split(self.images[indices], self.labels[indices])

    @property
    def digest(self) -> str:
        """SHA-256 of the bytes of its images and labels, hexadecimal."""
        found = hashlib.sha256()
        for start in range(0, len(self), _BLOCK):
            found.update(np.ascontiguousarray(self.images[start : start + _BLOCK]))
        found.update(np.asarray(self.labels).astype("<i4").tobytes())
        return found.hexdigest()


@dataclass(frozen=True)
class Division:
    """How a data set's splits were made, where they were made of its training images.

    Attributes:
        shares: by name of a split that was made, as `splits.divided` takes them.
        places: by name of a split, `train` among them: where its images were among the training images.
    """

    shares: Mapping[str, float]
    places: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Dataset:
    """Three splits without a common image, and the names of the classes by label.

    Images and labels may be given in any form whose meaning is certain, and class names as a mapping: see
    `labels.read`, `labels.class_names` and `pixels`.

    Attributes:
        name: short, of letters, digits and underscores.
        train: for the weights.
        validation: for choosing among networks; may be empty.
        test: for the final figure only; may be empty.
        class_names: by label.
        source: where the images come from and how they were stored, for people.
        split: the rule by which a job makes the splits that are not given, one of `splits.RULES`.
        division: how splits were made by it; None where all were given.
        fit: how images were brought to their size, and new ones will be; one of `checks.FITS`.

    Raises:
        ValueError: there are no training images or fewer than two classes, class names are given twice, splits have
            images of different shapes, or images or labels are not of the kind that is expected.

    Example:
        >>> some = Split(np.zeros((4, 8, 8), "uint8"), ["cat", "dog", "cat", "cat"])
        >>> pets = Dataset("pets", some, some.take(slice(0)), some.take(slice(0)), ["cat", "dog"])
        >>> pets.image_shape, pets.train.labels.tolist()
        ((8, 8, 1), [0, 1, 0, 0])
    """

    name: str
    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...]
    source: str = ""
    split: str = splits.DEFAULT
    division: Division | None = field(default=None, repr=False)
    fit: str = "crop"

    def __post_init__(self) -> None:
        checks.choice("fit", self.fit, checks.FITS)
        checks.choice("split", self.split, splits.RULES)
        set_value, source = object.__setattr__, self.source or self.name
        names = labels.class_names(self.class_names)
        if len(names) < 2:
            raise ValueError(f"{source} has only one class ({labels.some(names)}): at least two are needed")
        set_value(self, "class_names", names)
        for key in SPLITS:
            if getattr(self, key) is not None:
                set_value(self, key, _in_form(getattr(self, key), names, f"{key} %s of {source}"))
        if not len(self.train):
            raise ValueError(f"{source} has no images to train on")
        if _is_dark(self.train.images):
            logging.warning("%s: the values of its train images are 0 and 1 alone, all but black: times 255?", source)
        shapes = {split.images.shape[1:] for split in (self.train, self.validation, self.test) if split is not None}
        if len(shapes) > 1:
            raise ValueError(f"the splits of {source} have images of different shapes: {sorted(shapes)}")

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """`(height, width, channels)`."""
        return self.train.images.shape[1:]

    @property
    def digest(self) -> str:
        """What the data set is known by: SHA-256 of class names, shapes, images and labels, hexadecimal.

        It is computed anew each time, at about a second for a gigabyte of images.
        """
        content = [[list(split.images.shape), split.digest] for split in (self.train, self.validation, self.test)]
        return hashlib.sha256(json.dumps([self.class_names, content]).encode()).hexdigest()

    def split_by(self, rule: str) -> "Dataset":
        """The same images, divided by another rule where they were divided.

        Args:
            rule: one of `splits.RULES`.
        """
        division = self.division
        if rule == self.split:
            return self
        if division is None:
            return dataclasses.replace(self, split=rule)
        parts = {key: getattr(self, key) for key in division.places}
        if any(len(parts[key]) != len(places) for key, places in division.places.items()):  # changed since
            return dataclasses.replace(self, split=rule, division=None)
        whole = Split(*(_joined(parts, division.places, name) for name in ("images", "labels")))
        return dataclasses.replace(self, split=rule, **divided(whole, len(self.class_names), division.shares, rule))


def chosen(fit: str, of_images: str) -> str:
    """How new images are brought to their size: as a caller says, or as the images that there are, if they say more.

    Args:
        fit: that the caller gave, or the default, which is the first of `checks.FITS`.
        of_images: how the images were, as far as their source knows.
    """
    return of_images if fit == checks.FITS[0] else fit


def divided(whole: Split, classes: int, shares: Mapping[str, float], rule: str) -> dict[str, Any]:
    """Fields of a `Dataset` whose training images are divided: the splits that this gives, and how."""
    places = splits.divided(whole.labels, classes, shares, rule)
    return {**{key: whole.take(where) for key, where in places.items()}, "division": Division(shares, places)}


def pixels(images: Any, what: str) -> np.ndarray:
    """Images as uint8 `(count, height, width, channels)` from 0 to 255.

    Args:
        images: of any type of numbers, of these values; grey ones may lack the channels. Where they are bools, True is
            white.
        what: for errors, such as `"train images"`.

    Raises:
        ValueError: they have other values, channels come first, or it is something else.

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
    """Raise a ValueError if the values of `images` are 0 and 1, of which some tools make black and white."""
    if _is_dark(images):
        raise ValueError(f"expected {what} of values from 0 to 255, got 0 and 1 alone, all but black: times 255?")


def _is_dark(images: np.ndarray) -> bool:
    return images.max(initial=0) == 1


def _in_form(split: Split, names: tuple[str, ...], what: str) -> Split:
    """A split with images and labels as they must be; itself where they are."""
    images, numbers = pixels(split.images, what % "images"), labels.numbered(split.labels, names, what % "labels")
    if len(images) != len(numbers):
        raise ValueError(f"expected as many {what % 'images'} as labels, got {len(images)} and {len(numbers)}")
    same = isinstance(split.labels, np.ndarray) and split.labels.dtype == np.int32 and split.labels.ndim == 1
    return split if same and images is split.images else Split(images, numbers)


def _joined(parts: Mapping[str, Split], places: Mapping[str, np.ndarray], name: str) -> np.ndarray:
    """The images or labels of splits, each where it was."""
    arrays = {key: getattr(part, name) for key, part in parts.items()}
    whole = np.empty((sum(map(len, arrays.values())), *arrays["train"].shape[1:]), arrays["train"].dtype)
    for key, array in arrays.items():
        whole[places[key]] = array
    return whole


@dataclass(frozen=True)
class Loaded:
    """What a source gives: at least a training split; what is missing is taken from it.

    Attributes:
        name, class_names, source, split, fit: as of `Dataset`.
        splits: by name.
    """

    name: str
    splits: dict[str, Split]
    class_names: tuple[str, ...]
    source: str
    split: str = splits.DEFAULT
    fit: str = "crop"


def slug(text: str) -> str:
    """A text as letters, digits and underscores."""
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in text).strip("_").lower() or "images"
