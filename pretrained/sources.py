"""Where images to fine-tune on come from: folders, files, named data sets, `tf.data.Dataset`s and arrays."""

import os
from collections.abc import Sequence
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
        class_names: by label, where they do not come with the images.
        validation_fraction: that share, in (0, 1).

    Raises:
        ValueError: something else was given, there are too few images or classes, or the splits have other classes.
    """
    if not isinstance(validation_fraction, int | float) or not 0.0 < validation_fraction < 1.0:
        raise ValueError(f"validation_fraction must be in (0, 1), got {validation_fraction!r}")
    if isinstance(train, Dataset):
        whole, names, name = train, train.class_names, train.name
        splits = {key: getattr(whole, key) for key in ("train", "validation", "test")}
        splits = {key: _brought(split, image_shape) for key, split in splits.items() if len(split)}
        source = whole.source
    else:
        splits, names, name, source = _train(train, image_shape)
    for key, value in (("validation", validation), ("test", test)):
        if value is not None:
            splits[key] = _other(value, image_shape, names, key)
    labels = np.concatenate([split.labels for split in splits.values()])
    names = _class_names(names, class_names, labels)
    if missing := [names[label] for label in range(len(names)) if not np.any(splits["train"].labels == label)]:
        raise ValueError(f"there are no training images of {', '.join(missing[:5])}: every class needs some")
    if "validation" not in splits:
        splits["train"], splits["validation"] = _stratified(splits["train"], validation_fraction, names)
    splits.setdefault("test", splits["train"].take(slice(0, 0)))
    return Dataset(name, splits["train"], splits["validation"], splits["test"], names, source)


def _train(value: Any, image_shape: tuple[int, int, int]) -> tuple[dict[str, Split], Any, str, str]:
    """Splits, class names (or None), a name and a source."""
    if isinstance(value, str | os.PathLike):
        loaded = image_folder.load(Path(value), image_shape=image_shape)
        return dict(loaded.splits), loaded.class_names, loaded.name, loaded.source
    return {"train": _arrays(value, image_shape, "train")}, None, "images", f"{type(value).__name__} in memory"


def _other(value: Any, image_shape: tuple[int, int, int], names: Any, key: str) -> Split:
    if not isinstance(value, str | os.PathLike):
        return _arrays(value, image_shape, key)
    loaded = image_folder.load(Path(value), image_shape=image_shape)
    if names is None or set(loaded.class_names) - set(names):
        raise ValueError(f"the classes of {value}, {loaded.class_names}, are not those of the training images, {names}")
    split = loaded.splits["train"]
    numbers = np.asarray([names.index(name) for name in loaded.class_names], np.int32)
    return Split(split.images, numbers[split.labels])


def _arrays(value: Any, image_shape: tuple[int, int, int], key: str) -> Split:
    """A split from a `tf.data.Dataset`, batched or not, or from `(images, labels)`."""
    if isinstance(value, Split):
        return _brought(value, image_shape)
    if hasattr(value, "as_numpy_iterator"):
        images, labels = [], []
        for element in value.as_numpy_iterator():
            if not isinstance(element, tuple) or len(element) != 2:
                raise ValueError(f"expected elements (image, label) in the {key} tf.data.Dataset, got {type(element)}")
            image, label = element
            batched = np.ndim(label) == 1 and np.ndim(image) == 4
            images += list(image) if batched else [image]
            labels += list(label) if batched else [label]
    elif isinstance(value, tuple | list) and len(value) == 2:
        images, labels = value
    else:
        raise ValueError(f"expected as {key} {_EXPECTED}, got {value!r}")
    if len(images) != len(labels) or not len(images):
        raise ValueError(f"expected as many {key} images as labels, and some, got {len(images)} and {len(labels)}")
    labels = np.asarray(labels)
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or labels.min() < 0:
        raise ValueError(
            f"expected whole numbers from 0 as {key} labels, got {labels.dtype} of shape {labels.shape}; of one-hot "
            f"labels take the argmax"
        )
    return Split(image_folder.resized(images, image_shape), labels.astype(np.int32))


def _brought(split: Split, image_shape: tuple[int, int, int]) -> Split:
    return Split(image_folder.resized(split.images, image_shape), split.labels)


def _class_names(found: Any, given: Sequence[str] | None, labels: np.ndarray) -> tuple[str, ...]:
    count = int(labels.max()) + 1
    names = tuple(given if given is not None else found if found is not None else map(str, range(count)))
    if found is not None and len(names) != len(found):
        raise ValueError(f"class_names has {len(names)} names, the images have {len(found)} classes")
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
