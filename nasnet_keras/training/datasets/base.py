"""Data sets as values: images and their classes, for training, for choosing and for the final figure."""

import hashlib
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from absl import logging

from nasnet_keras.images.fitting import is_dark, pixels
from nasnet_keras.training.datasets import labels, splits
from nasnet_keras.training.datasets.class_names import class_names, some
from nasnet_keras.training.datasets.origins import Origins
from nasnet_keras.utils import checks

__all__ = ["SPLITS", "Dataset", "Division", "Loaded", "Split", "chosen", "divided", "slug"]

SPLITS = ("train", "validation", "test")
_BLOCK = 1024  # images that may be copied at a time


@dataclass(frozen=True)
class Split:
    """A part of a data set.

    Attributes:
        images: `(count, height, width, channels)`, uint8 from 0 to 255.
        labels: the classes of the images, `(count,)`, int32 from 0.
        origins: where they came from; None if nobody has said.

    Example:
        >>> len(Split(np.zeros((4, 8, 8, 1), "uint8"), np.zeros(4, "int32")).take([0, 2]))
        2
    """

    images: np.ndarray
    labels: np.ndarray
    origins: Origins | None = field(default=None, repr=False)

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, indices: Any) -> "Split":
        """Return the images at `indices`, with their labels."""
        origins = None if self.origins is None else self.origins.take(indices)
        return Split(self.images[indices], self.labels[indices], origins)

    def from_array(self, name: str) -> "Split":
        """Return the same images, those of an array of this name unless it is known where they came from."""
        return self if self.origins is not None else replace(self, origins=Origins.of_array(name, len(self)))

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
    """The division of a data set's training images into splits.

    Attributes:
        shares: by name of a split that was made, as `splits.divided` takes them.
        places: by name of a split, `train` among them: the indices of its images among the training images.
    """

    shares: Mapping[str, float]
    places: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Dataset:
    """Three splits without a common image, and the names of the classes by label.

    Images and labels may be given in any form with a certain meaning, and class names as a mapping: see
    `labels.read`, `class_names.class_names` and `pixels`.

    Attributes:
        name: short, of letters, digits and underscores.
        train: images to train weights on.
        validation: images to choose among networks by; may be empty.
        test: images for the final figure only; may be empty.
        class_names: by label.
        source: the origin of the images and the format that they were stored in, in words.
        split: the rule by which a job makes the splits that are not given, one of `splits.RULES`.
        division: the result of that rule; None if all splits were given.
        fit: the way in which images were brought to their size, and new ones will be; one of `checks.FITS`.
        skipped: files that were left out because they cannot be read, and empty folders: by path within the folder that
            was read, what is wrong with each.

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
    skipped: Mapping[str, str] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        checks.choice("fit", self.fit, checks.FITS)
        checks.choice("split", self.split, splits.RULES)
        set_value, source = object.__setattr__, self.source or self.name
        names = class_names(self.class_names)
        if len(names) < 2:
            raise ValueError(f"{source} has only one class ({some(names)}): at least two are needed")
        set_value(self, "class_names", names)
        for key in SPLITS:
            if getattr(self, key) is not None:
                set_value(self, key, _in_form(getattr(self, key), names, f"{key} %s of {source}"))
        if not len(self.train):
            raise ValueError(f"{source} has no images to train on")
        if is_dark(self.train.images):
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
        """SHA-256 of class names, shapes, images and labels, hexadecimal, by which the data set is identified.

        It is computed at each access, in about a second for a gigabyte of images.
        """
        content = [[list(split.images.shape), split.digest] for split in (self.train, self.validation, self.test)]
        return hashlib.sha256(json.dumps([self.class_names, content]).encode()).hexdigest()

    def split_by(self, rule: str) -> "Dataset":
        """Divide the same images by another rule, if they were divided by one.

        Args:
            rule: one of `splits.RULES`.
        """
        division = self.division
        if rule == self.split:
            return self
        if division is None:
            return replace(self, split=rule)
        parts = {key: getattr(self, key) for key in division.places}
        if any(len(parts[key]) != len(places) for key, places in division.places.items()):  # changed since
            return replace(self, split=rule, division=None)
        whole = _joined(parts, division.places)
        return replace(self, split=rule, **divided(whole, len(self.class_names), division.shares, rule))


def chosen(fit: str, of_images: str) -> str:
    """Choose the way in which new images are brought to their size: the caller's, or else that of the images.

    Args:
        fit: the caller's choice, or the default, which is the first of `checks.FITS`.
        of_images: the way of the images that are there, as far as their source knows.
    """
    return of_images if fit == checks.FITS[0] else fit


def divided(whole: Split, classes: int, shares: Mapping[str, float], rule: str) -> dict[str, Any]:
    """Divide images into the splits of a `Dataset`; returns its fields."""
    whole, places = whole.from_array("train"), splits.divided(whole.labels, classes, shares, rule)
    return {**{key: whole.take(where) for key, where in places.items()}, "division": Division(shares, places)}


def _in_form(split: Split, names: tuple[str, ...], what: str) -> Split:
    """Convert images and labels to the types of a split; a split of these types is returned itself."""
    images, numbers = pixels(split.images, what % "images"), labels.numbered(split.labels, names, what % "labels")
    if len(images) != len(numbers):
        raise ValueError(f"expected as many {what % 'images'} as labels, got {len(images)} and {len(numbers)}")
    same = isinstance(split.labels, np.ndarray) and split.labels.dtype == np.int32 and split.labels.ndim == 1
    return split if same and images is split.images else replace(split, images=images, labels=numbers)


def _joined(parts: Mapping[str, Split], places: Mapping[str, np.ndarray]) -> Split:
    """Join splits, each image at its former index."""

    def whole(of: Callable[[Split], np.ndarray]) -> np.ndarray:
        arrays = {key: of(part) for key, part in parts.items()}
        joined = np.empty((sum(map(len, arrays.values())), *arrays["train"].shape[1:]), arrays["train"].dtype)
        for key, array in arrays.items():
            joined[places[key]] = array
        return joined

    known = all(part.origins is not None for part in parts.values())
    origins = replace(parts["train"].origins, names=whole(lambda part: part.origins.names)) if known else None
    return Split(whole(lambda part: part.images), whole(lambda part: part.labels), origins)


@dataclass(frozen=True)
class Loaded:
    """Splits from a source, at least a training split. Missing splits are taken from it.

    Attributes:
        name, class_names, source, split, fit, skipped: as of `Dataset`.
        splits: by name.
    """

    name: str
    splits: dict[str, Split]
    class_names: tuple[str, ...]
    source: str
    split: str = splits.DEFAULT
    fit: str = "crop"
    skipped: Mapping[str, str] = field(default_factory=dict)


def slug(text: str) -> str:
    """Write a text with letters, digits and underscores only, such as a name of a file."""
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in text).strip("_").lower() or "images"
