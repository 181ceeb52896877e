"""Where images to fine-tune on come from: folders, files, named data sets, `tf.data.Dataset`s and arrays."""

import hashlib
import os
import reprlib
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from nasnet_keras.training import image_folder
from nasnet_keras.training.datasets import Dataset, Split

__all__ = ["dataset_of"]

_EXPECTED = "a folder of images (FOLDER/CLASS/IMAGE), a tf.data.Dataset of (image, label), arrays (images, labels)"


def dataset_of(
    train: Any,
    validation: Any,
    test: Any,
    image_shape: tuple[int, int, int],
    class_names: Sequence[str] | None = None,
    validation_fraction: float = 0.2,
) -> Dataset:
    """Gather what a network is fine-tuned on.

    Args:
        train, validation, test: each a folder of images, a `tf.data.Dataset`, or `(images, labels)`; or `train` is a
            `Dataset` and has all three, or a folder with folders named `train`, `validation` and `test`. Without
            `validation`, a share of each class of the training images is kept for it; without `test` there is none.
        image_shape: what every image is brought to.
        class_names: by label, where they do not come with the images; where they do, the order that is wanted.
        validation_fraction: that share, in (0, 1).

    Raises:
        ValueError: something else was given, there are too few images or classes, or the splits have other classes.
    """
    if not isinstance(validation_fraction, int | float) or not 0.0 < validation_fraction < 1.0:
        raise ValueError(f"validation_fraction must be in (0, 1), got {validation_fraction!r}")
    splits, found, name, source = _train(train, image_shape)
    names = _class_names(found, class_names, splits["train"].labels)
    if found is not None:
        splits = {key: _relabelled(split, found, names) for key, split in splits.items()}
    for key, value in (("validation", validation), ("test", test)):
        if value is not None:
            splits[key] = _in_range(_other(value, image_shape, names, key), names)
    if missing := [names[label] for label in range(len(names)) if not np.any(splits["train"].labels == label)]:
        raise ValueError(f"there are no training images of {', '.join(missing[:5])}: every class needs some")
    if "validation" not in splits:
        splits["train"], splits["validation"] = _stratified(splits["train"], validation_fraction, names)
    splits.setdefault("test", splits["train"].take(slice(0, 0)))
    return Dataset(name, splits["train"], splits["validation"], splits["test"], names, source)


def _train(value: Any, image_shape: tuple[int, int, int]) -> tuple[dict[str, Split], Any, str, str]:
    """Splits, class names (or None), a name and a source."""
    if isinstance(value, Dataset):
        splits = {key: getattr(value, key) for key in ("train", "validation", "test")}
        splits = {key: _brought(split, image_shape) for key, split in splits.items() if len(split)}
        return splits, value.class_names, value.name, value.source
    if isinstance(value, str | os.PathLike):
        loaded = image_folder.load(_folder(value, "train"), image_shape=image_shape, follow_links=False)
        return dict(loaded.splits), loaded.class_names, loaded.name, loaded.source
    names = getattr(value, "class_names", None)  # of Keras' image_dataset_from_directory
    return {"train": _arrays(value, image_shape, "train")}, names, "images", f"{type(value).__name__} in memory"


def _other(value: Any, image_shape: tuple[int, int, int], names: tuple[str, ...], key: str) -> Split:
    """The validation or test split."""
    if not isinstance(value, str | os.PathLike):
        return _arrays(value, image_shape, key)
    loaded = image_folder.load(_folder(value, key), image_shape=image_shape, follow_links=False)
    split = loaded.splits.get(key) if len(loaded.splits) > 1 else loaded.splits["train"]
    if split is None:
        raise ValueError(f"{value} has folders {', '.join(loaded.splits)} and none for {key}: name the one to use")
    if unknown := sorted(set(loaded.class_names) - set(names)):
        raise ValueError(f"{value} has classes that the training images have not: {', '.join(unknown)}")
    return _relabelled(split, loaded.class_names, names)


def _folder(value: str | os.PathLike, key: str) -> Path:
    if not os.fspath(value):
        raise ValueError(f"expected as {key} {_EXPECTED}, got an empty path")
    return Path(value)


def _relabelled(split: Split, names: Sequence[str], wanted: Sequence[str]) -> Split:
    """The split of classes `names` with the labels that `wanted` gives them."""
    numbers = np.asarray([wanted.index(name) for name in names], np.int32)
    return Split(split.images, numbers[_in_range(split, names).labels])


def _in_range(split: Split, names: Sequence[str]) -> Split:
    if (largest := int(split.labels.max())) >= len(names):
        raise ValueError(f"there is a label {largest}, and the training images have {len(names)} classes, from 0")
    return split


def _arrays(value: Any, image_shape: tuple[int, int, int], key: str) -> Split:
    """A split from a `tf.data.Dataset`, batched or not, or from `(images, labels)`."""
    if isinstance(value, Split):
        return _brought(value, image_shape)
    if hasattr(value, "as_numpy_iterator"):
        return _in_order(_collected(value, image_shape, key))
    if not isinstance(value, tuple | list) or len(value) != 2 or not all(hasattr(part, "__len__") for part in value):
        raise ValueError(f"expected as {key} {_EXPECTED}, got {reprlib.repr(value)}")
    images, labels = value
    if len(images) != len(labels) or not len(images):
        raise ValueError(f"expected as many {key} images as labels, and some, got {len(images)} and {len(labels)}")
    return Split(image_folder.resized(images, image_shape, f"the {key} arrays"), _labels(np.asarray(labels), key))


def _collected(data: Any, image_shape: tuple[int, int, int], key: str) -> Split:
    """Everything that a `tf.data.Dataset` has."""
    if int(data.cardinality()) == -1:
        raise ValueError(f"the {key} tf.data.Dataset has no end: leave out its repeat(), or take() a part of it")
    labels: list[np.ndarray] = []

    def images() -> Iterator[np.ndarray]:
        for element in data.as_numpy_iterator():
            if not isinstance(element, tuple) or len(element) != 2:
                parts = f" of {len(element)}" if isinstance(element, tuple | dict) else ""
                raise ValueError(
                    f"expected elements (image, label) in the {key} tf.data.Dataset, got a "
                    f"{type(element).__name__}{parts}"
                )
            image, label = element
            if np.ndim(image) not in (3, 4):
                raise ValueError(
                    f"expected images (height, width, channels), or batches of them, in the {key} tf.data.Dataset, got "
                    f"an array of {np.shape(image)}"
                )
            if np.ndim(image) == 4:
                labels.append(_labels(np.asarray(label), key))
                yield from image
            else:
                labels.append(_labels(np.asarray(label)[None], key))
                yield image

    array = image_folder.resized(images(), image_shape, f"the {key} tf.data.Dataset")
    return Split(array, np.concatenate(labels))


def _labels(labels: np.ndarray, key: str) -> np.ndarray:
    if labels.ndim == 2 and labels.shape[1] == 1:
        labels = labels[:, 0]
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or labels.min() < 0:
        raise ValueError(
            f"expected whole numbers from 0 as {key} labels, got {labels.dtype} of shape {labels.shape}; of one-hot "
            f"labels take the argmax"
        )
    return labels.astype(np.int32)


def _in_order(split: Split) -> Split:
    """The same images in an order of their own, since a `tf.data.Dataset` is mostly shuffled anew each time."""
    digests = [hashlib.sha256(image.tobytes()).digest() for image in split.images]
    return split.take(sorted(range(len(split)), key=lambda index: (digests[index], split.labels[index])))


def _brought(split: Split, image_shape: tuple[int, int, int]) -> Split:
    return Split(image_folder.resized(split.images, image_shape, "the images given"), split.labels)


def _class_names(found: Any, given: Any, labels: np.ndarray) -> tuple[str, ...]:
    """The class names by label: those given, in their order, or those found with the images, or the labels."""
    count = int(labels.max()) + 1
    if given is not None and (isinstance(given, str) or not isinstance(given, Iterable)):
        raise ValueError(f"class_names must be a list of texts, got {given!r}")
    if given is None and found is None and len(np.unique(labels)) < count:
        missing = np.setdiff1d(np.arange(min(count, len(labels) + 1)), labels)
        raise ValueError(f"there are no training images of {missing[0]}, and some of {count - 1}: labels count from 0")
    names = tuple(given if given is not None else found if found is not None else map(str, range(count)))
    if not all(isinstance(name, str) for name in names):
        raise ValueError(f"class_names must be texts, got {names}")
    if found is not None and sorted(names) != sorted(found):
        raise ValueError(
            f"the images are of the classes {', '.join(found)}: class_names may have them in another order, got "
            f"{', '.join(names)}"
        )
    if len(names) < count or len(set(names)) != len(names):
        raise ValueError(f"class_names must be {count} or more different names, got {names}")
    if len(names) < 2:
        raise ValueError(f"there is only one class ({names[0]}): at least two are needed")
    return names


def _stratified(split: Split, fraction: float, names: tuple[str, ...]) -> tuple[Split, Split]:
    """The same share of every class every time, at least one image, and what is left of the split."""
    generator = np.random.default_rng(0)
    taken = np.zeros(len(split), bool)
    for label, name in enumerate(names):
        of_class = np.flatnonzero(split.labels == label)
        if len(of_class) < 2:
            raise ValueError(f"there is one image of {name}: at least two are needed, one to validate by")
        count = min(len(of_class) - 1, max(1, round(len(of_class) * fraction)))
        taken[generator.permutation(of_class)[:count]] = True
    return split.take(~taken), split.take(taken)
