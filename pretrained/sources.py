"""Where images to fine-tune on come from: folders, files, named data sets, `tf.data.Dataset`s and arrays."""

import hashlib
import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nasnet_keras.images.fitting import array_of, check_channels, check_levels, resized
from nasnet_keras.pretrained.elements import OF_WEIGHTS, batch_of
from nasnet_keras.pretrained.folders import Folders, too_few
from nasnet_keras.training.datasets import labels, splits
from nasnet_keras.training.datasets.base import SPLITS, Dataset, Loaded, Split, chosen, divided
from nasnet_keras.training.datasets.class_names import class_names, some
from nasnet_keras.training.datasets.labels import Labels
from nasnet_keras.training.datasets.origins import Origins
from nasnet_keras.utils import checks
from nasnet_keras.utils.checks import quoted

__all__ = ["dataset_of"]

_EXPECTED = "a folder of images (FOLDER/CLASS/IMAGE), a tf.data.Dataset of (image, label), arrays (images, labels)"


@dataclass(frozen=True)
class _Came:
    """Images of a size, and their labels as they came."""

    images: np.ndarray
    labels: Labels
    origins: Origins | None = None

    def numbered(self, found: Sequence[str] | None, names: tuple[str, ...], key: str) -> Split:
        """The split, with labels that count the wanted names; as they came, they count the names found with them."""
        found = names if found is None else found
        numbers = labels.numbered(self.labels, found, f"{key} labels")
        labels_of = np.asarray([names.index(name) for name in found], np.int32)
        return Split(self.images, labels_of[numbers], self.origins)


@dataclass(frozen=True)
class _Form:
    """The shape that images are brought to, and how."""

    shape: tuple[int, int, int]
    fit: str

    def array(self, images: Iterable[np.ndarray], source: str, count: int | None = None) -> np.ndarray:
        return resized(images, self.shape, source, count, self.fit)


def dataset_of(
    train: Any,
    validation: Any,
    test: Any,
    image_shape: tuple[int, int, int],
    class_names: Sequence[str] | None = None,
    validation_fraction: float = 0.2,
    *,
    fit: str = "crop",
    follow_links: bool = False,
    skip_unreadable: bool = False,
) -> Dataset:
    """Gather the images that a network is fine-tuned on.

    Args:
        train, validation, test: each a folder of images, a `tf.data.Dataset`, or `(images, labels)`; or `train` is a
            `Dataset` and has all three, or a folder with folders named `train`, `validation` and `test`. Without
            `validation`, a share of each class of the training images is kept for it; without `test` there is none.
            Labels may have any form that `labels.read` takes, and grey arrays may lack their channels.
        image_shape: shape that every image is brought to.
        class_names: names of the classes by label, if none come with the images; else the order that is wanted.
        validation_fraction: share of the training images to validate by, in (0, 1).
        fit: how images are brought to the shape, one of `checks.FITS`. Images of a `Dataset` are by default brought to
            it as before.
        follow_links: whether links in folders may lead out of them.
        skip_unreadable: whether images in folders that cannot be read, and empty folders, are left out.

    Raises:
        ImagesError: something is wrong with the folders; it tells all of it at once.
        ValueError: the images have another form, they or the classes are too few, or the splits have other classes.
    """
    if not isinstance(validation_fraction, int | float) or not 0.0 < validation_fraction < 1.0:
        raise ValueError(f"validation_fraction must be in (0, 1), got {quoted(validation_fraction)}")
    checks.choice("fit", fit, checks.FITS)
    if isinstance(train, Dataset):
        fit = chosen(fit, train.fit)
    form, given = _Form(image_shape, fit), {"train": train, "validation": validation, "test": test}
    paths = {key: _folder(value, key) for key, value in given.items() if isinstance(value, str | os.PathLike)}
    options = {"fit": fit, "follow_links": follow_links, "skip_unreadable": skip_unreadable}
    folders = Folders.read(paths, validation is None, image_shape=image_shape, **options)
    came, found, name, source = _train(train, form, folders.loaded.get("train"))
    if found is None:
        found = came["train"].labels.names
    names = _class_names(found, class_names, came["train"].labels)
    parts = {key: each.numbered(found, names, key) for key, each in came.items()}
    for key, value in (("validation", validation), ("test", test)):
        if value is not None:
            parts[key] = _other(value, form, names, key, folders.loaded.get(key))
    rule = train.split if isinstance(train, Dataset) else splits.DEFAULT
    made = _divided(parts["train"], names, None if "validation" in parts else validation_fraction)
    parts.setdefault("test", parts["train"].take(slice(0, 0)))
    skipped = train.skipped if isinstance(train, Dataset) else {}
    about = {"source": source, "split": rule, "fit": fit, "skipped": {**skipped, **folders.skipped}}
    return Dataset(name, **{**parts, **made}, class_names=names, **about)


def _divided(train: Split, names: tuple[str, ...], validation_fraction: float | None) -> dict[str, Split]:
    """The training images, from which a share may be taken to validate by.

    Raises:
        ValueError: a class has too few images.
    """
    counts = np.bincount(train.labels, minlength=len(names))
    if missing := [names[label] for label in np.flatnonzero(counts == 0)]:
        raise ValueError(f"there are no training images of {some(missing)}: every class needs some")
    if validation_fraction is None:
        return {}
    if single := [names[label] for label in np.flatnonzero(counts == 1)]:
        raise ValueError(too_few(single))
    return divided(train, len(names), {"validation": validation_fraction}, splits.DEFAULT)


def _train(value: Any, form: _Form, loaded: Loaded | None) -> tuple[dict[str, _Came], Any, str, str]:
    """Splits, class names (or None), a name and a source."""
    if isinstance(value, Dataset):
        came = {key: getattr(value, key) for key in SPLITS}
        came = {key: _arrays(split, form, key) for key, split in came.items() if len(split)}
        return came, value.class_names, value.name, value.source
    if loaded is not None:
        came = {key: _arrays(split, form, key) for key, split in loaded.splits.items()}
        return came, loaded.class_names, loaded.name, loaded.source
    came = {"train": _arrays(value, form, "train")}
    return came, _names_of(value), "images", f"{type(value).__name__} in memory"


def _other(value: Any, form: _Form, names: tuple[str, ...], key: str, loaded: Loaded | None) -> Split:
    """The validation or test split."""
    if loaded is None:
        came, found = _arrays(value, form, key), _names_of(value)
    else:
        split = loaded.splits.get(key) if len(loaded.splits) > 1 else loaded.splits["train"]
        if split is None:
            raise ValueError(f"{value} has folders {', '.join(loaded.splits)} and none for {key}: name the one to use")
        came, found = _arrays(split, form, key), loaded.class_names
    if unknown := sorted(set(found or ()) - set(names)):
        raise ValueError(f"{quoted(value)} has classes that the training images have not: {some(unknown)}")
    return came.numbered(found, names, key)


def _names_of(value: Any) -> tuple[str, ...] | None:
    """The class names that Keras' `image_dataset_from_directory` gives with its images."""
    found = getattr(value, "class_names", None)
    return None if found is None else class_names(found)


def _folder(value: str | os.PathLike, key: str) -> Path:
    if not os.fspath(value):
        raise ValueError(f"expected as {key} {_EXPECTED}, got an empty path")
    try:
        Path(value).is_dir()
    except OSError as error:  # such as a name that is too long
        raise ValueError(f"expected as {key} {_EXPECTED}, got {quoted(value)}: {error.strerror}") from None
    return Path(value)


def _arrays(value: Any, form: _Form, key: str) -> _Came:
    """A split from a `tf.data.Dataset`, batched or not, or from `(images, labels)`."""
    if isinstance(value, Split):
        images = form.array(value.images, "the images given")
        return _Came(images, labels.read(value.labels, f"{key} labels"), value.origins)
    if hasattr(value, "as_numpy_iterator"):
        came = _in_order(_collected(value, form, key))
    else:
        came = _in_memory(value, form, key)
    check_levels(came.images, f"{key} images")
    return came


def _in_memory(value: Any, form: _Form, key: str) -> _Came:
    if isinstance(value, tuple | list) and len(value) == 3:
        raise ValueError(f"expected as {key} arrays (images, labels), got three parts: {OF_WEIGHTS}")
    if not isinstance(value, tuple | list) or len(value) != 2 or not all(hasattr(part, "__len__") for part in value):
        raise ValueError(f"expected as {key} {_EXPECTED}, got {quoted(value)}")
    images, given = value
    if len(images) != len(given) or not len(images):
        raise ValueError(f"expected as many {key} images as labels, and some, got {len(images)} and {len(given)}")
    if hasattr(images, "shape"):
        images = np.asarray(images)
        check_channels(images.shape, f"{key} images")
    with_channels = images if np.ndim(images[0]) == 3 else _with_channels(images)
    array = form.array(with_channels, f"the {key} arrays", len(images))
    return _Came(array, labels.read(given, f"{key} labels"))


def _with_channels(images: Iterable[Any]) -> Iterator[np.ndarray]:
    """Images that have channels, grey ones too."""
    for image in map(array_of, images):
        yield image[..., None] if image.ndim == 2 else image


def _collected(data: Any, form: _Form, key: str) -> _Came:
    """All images and labels of a `tf.data.Dataset`."""
    if int(data.cardinality()) == -1:
        raise ValueError(f"the {key} tf.data.Dataset has no end: leave out its repeat(), or take() a part of it")
    given: list[np.ndarray] = []

    def images() -> Iterator[np.ndarray]:
        for element in data.as_numpy_iterator():
            batch, of_batch = batch_of(element, key)
            given.append(of_batch)
            yield from batch

    array = form.array(_with_channels(images()), f"the {key} tf.data.Dataset")
    if len({part.shape[1:] for part in given}) > 1 or sum(map(len, given)) != len(array):
        shapes = some(sorted({str(part.shape) for part in given}))
        raise ValueError(f"expected one class an image as {key} labels, got labels of {shapes} for {len(array)} images")
    return _Came(array, labels.read(np.concatenate(given), f"{key} labels"))


def _in_order(came: _Came) -> _Came:
    """The same images sorted by their pixels, since a `tf.data.Dataset` is mostly shuffled anew each time."""
    digests = [hashlib.sha256(image.tobytes()).digest() for image in came.images]
    numbers = came.labels.numbers
    order = sorted(range(len(numbers)), key=lambda index: (digests[index], numbers[index]))
    in_order = Labels(numbers[order], came.labels.classes, came.labels.names)
    return _Came(came.images[order], in_order, Origins.unknown(len(order)))


def _class_names(found: Any, given: Any, of_train: Labels) -> tuple[str, ...]:
    """The class names by label: those given, in their order, or those found with the images, or the labels."""
    count, numbers = of_train.classes, of_train.numbers
    if given is None and found is None and len(np.unique(numbers)) < count:
        missing = np.setdiff1d(np.arange(min(count, len(numbers) + 1)), numbers)
        raise ValueError(
            f"there are no training images of {missing[0]}, and some of {numbers.max()}: labels count from 0"
        )
    names = class_names(given if given is not None else found if found is not None else range(count))
    if found is not None and sorted(names) != sorted(found):
        raise ValueError(
            f"the images are of the classes {some(found)}: class_names may have them in another order, got "
            f"{some(names)}"
        )
    if len(names) < count:
        raise ValueError(f"class_names must be {count} or more different names, got {some(names)}")
    if len(names) < 2:
        raise ValueError(f"there is only one class ({some(names)}): at least two are needed")
    return names
