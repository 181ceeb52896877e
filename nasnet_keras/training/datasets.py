"""Data sets as arrays in memory: what is trained on, what is chosen by, and what is judged by."""

import math
import os
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import psutil

from nasnet_keras.files import write_npz
from nasnet_keras.workdir import is_workdir

__all__ = [
    "Dataset",
    "Loaded",
    "Split",
    "check_memory",
    "is_folder",
    "load",
    "names",
    "save",
    "short_name",
    "stacked",
]

_SPLITS = ("train", "validation", "test")


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


@dataclass(frozen=True)
class Dataset:
    """Three splits without a common image, and the names of the classes by label.

    Attributes:
        name: short, of letters, digits and underscores.
        train: for the weights.
        validation: for choosing among networks; may be empty.
        test: for the final figure only.
        class_names: by label.
        source: where the images come from and how they were stored, for people.
    """

    name: str
    train: Split
    validation: Split
    test: Split
    class_names: tuple[str, ...]
    source: str = ""

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """`(height, width, channels)`."""
        return self.train.images.shape[1:]


def names() -> tuple[str, ...]:
    """The data sets that are in the package."""
    return ("digits",)


def load(
    dataset: str | Path,
    data_dir: str | Path | None = None,
    *,
    image_size: int | None = None,
    validation_fraction: float = 0.1,
) -> Dataset:
    """Load a data set.

    Args:
        dataset: one of
            - `"digits"`: handwritten digits, 8×8 grey pixels, in the package;
            - the path of an `.npz` file with `train_images`, `train_labels`, `test_images`, `test_labels` (uint8
              images, whole-number labels from 0) and, if you like, `validation_images`, `validation_labels`,
              `class_names` and `source`, as `save` writes it;
            - the path of a folder of images, `FOLDER/CLASS/IMAGE`, or of a folder with such folders named `train`,
              `test` and, if you like, `validation`;
            - a name of TensorFlow Datasets, such as `"cifar10"`, which is downloaded where it is missing.
        data_dir: of TensorFlow Datasets; by default the environment variable `TFDS_DATA_DIR`, or their own default.
        image_size: side to bring all images to; needed where they differ in size.
        validation_fraction: share of the training images that becomes the validation split, in [0, 1), where the
            data set has none of its own. They are the same images every time.

    Raises:
        ValueError: there is no such data set, or it cannot be used; the error says what was expected.

    Example:
        >>> load("digits").image_shape
        (8, 8, 1)
    """
    if not isinstance(validation_fraction, int | float) or not 0.0 <= validation_fraction < 1.0:
        raise ValueError(f"validation_fraction must be in [0, 1), got {validation_fraction!r}")
    if dataset == "digits":
        loaded = _digits()
    elif str(dataset).endswith(".npz"):
        loaded = _npz(Path(dataset), validation_fraction)
    elif is_folder(dataset):
        from nasnet_keras.training import image_folder

        loaded = _assembled(image_folder.load(Path(dataset), image_size, follow_links=False), validation_fraction)
    else:
        from nasnet_keras.training import tensorflow_datasets

        loaded = _assembled(tensorflow_datasets.load(str(dataset), data_dir, image_size), validation_fraction)
    side = loaded.image_shape[:2]
    if image_size is not None and side != (image_size, image_size):
        raise ValueError(f"image_size={image_size}: the images of {dataset} are {side[0]}x{side[1]} and stay so")
    return loaded


def save(dataset: Dataset, path: Path) -> None:
    """Write a data set to an `.npz` file, which `load` reads without delay.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(load("digits"), pathlib.Path(folder, "again.npz"))
        ...     load(f"{folder}/again.npz").source
        'UCI handwritten digits, 17 levels of grey'
    """
    arrays = {"class_names": np.asarray(dataset.class_names), "source": np.asarray(dataset.source)}
    for name in _SPLITS:
        split = getattr(dataset, name)
        arrays |= {f"{name}_images": split.images, f"{name}_labels": split.labels}
    write_npz(path, arrays)


@dataclass(frozen=True)
class Loaded:
    """What a source gives: at least a training split; what is missing is taken from it."""

    name: str
    splits: dict[str, Split]
    class_names: tuple[str, ...]
    source: str


def is_folder(dataset: str | Path) -> bool:
    """Whether `load` takes it for a folder of images."""
    path, text = Path(dataset), str(dataset)
    if text in names() or text.endswith(".npz"):
        return False
    return (path.is_dir() and not is_workdir(path)) or (os.sep in text and not _is_tfds_name(text))


def _is_tfds_name(name: str) -> bool:
    """`name/config` and `name:version` are TensorFlow Datasets' ways to say what they want."""
    parts = name.split("/")
    return len(parts) == 2 and all(
        part.replace(":", "").replace(".", "").replace("-", "").isidentifier() for part in parts
    )


def _assembled(loaded: Loaded, validation_fraction: float) -> Dataset:
    """Check the splits and make the missing ones out of the training images."""
    splits = dict(loaded.splits)
    for name, split in splits.items():
        _check_arrays(split, name, loaded.source)
    classes = len(loaded.class_names)
    if classes < 2:
        named = f" ({loaded.class_names[0]})" if classes else ""
        raise ValueError(f"{loaded.source} has only one class{named}: at least two are needed")
    for name, split in splits.items():
        _check_labels(split.labels, name, loaded.source, classes)
    if "test" not in splits:
        splits["train"], splits["test"] = _cut(splits["train"], max(validation_fraction, 0.1))
    if "validation" not in splits:
        splits["train"], splits["validation"] = _cut(splits["train"], validation_fraction)
    if not len(splits["train"]) or not len(splits["test"]):
        raise ValueError(f"{loaded.source} has too few images to train and test on: {len(loaded.splits['train'])}")
    shapes = {split.images.shape[1:] for split in splits.values()}
    if len(shapes) > 1:
        raise ValueError(f"the splits of {loaded.source} have images of different shapes: {sorted(shapes)}")
    return Dataset(loaded.name, *(splits[name] for name in _SPLITS), loaded.class_names, loaded.source)


def _check_arrays(split: Split, name: str, source: str) -> None:
    images, labels = split.images, split.labels
    if images.dtype != np.uint8 or images.ndim != 4:
        raise ValueError(
            f"{name} images of {source} must be uint8 of (count, height, width, channels), "
            f"got {images.dtype} of {images.shape}"
        )
    if labels.shape != (len(images),) or not np.issubdtype(labels.dtype, np.integer):
        raise ValueError(
            f"{name} labels of {source} must be whole numbers of shape ({len(images)},), "
            f"got {labels.dtype} of {labels.shape}"
        )


def _check_labels(labels: np.ndarray, name: str, source: str, classes: int) -> None:
    if len(labels) and not 0 <= labels.min() <= labels.max() < classes:
        raise ValueError(
            f"{name} labels of {source} must be from 0 to {classes - 1}, got {labels.min()} to {labels.max()}"
        )


def _cut(split: Split, fraction: float) -> tuple[Split, Split]:
    """The same random share of a split every time, and what is left of it, both in their order."""
    taken = np.zeros(len(split), bool)
    count = round(len(split) * fraction)
    taken[np.random.default_rng(0).permutation(len(split))[:count]] = True
    return split.take(~taken), split.take(taken)


def _digits() -> Dataset:
    """The UCI handwritten digits (Alpaydin and Kaynak 1998, CC BY 4.0): 1,797 images of 8×8 grey pixels.

    1,197 for training, 300 for validation, 300 for testing. `tools/make_digits.py` made the file.
    """
    with (resources.files(__package__) / "digits.npz").open("rb") as file, np.load(file, allow_pickle=False) as stored:
        grey, labels = stored["images"], stored["labels"].astype(np.int32)
    images = np.rint(grey[..., None] * (255 / 16)).astype(np.uint8)  # 17 levels of grey
    splits = (Split(images[part], labels[part]) for part in (slice(1197), slice(1197, 1497), slice(1497, None)))
    return Dataset(
        "digits", *splits, class_names=tuple("0123456789"), source="UCI handwritten digits, 17 levels of grey"
    )


def _npz(path: Path, validation_fraction: float) -> Dataset:
    if not path.is_file():
        raise ValueError(f"no data set file {str(path)!r}")
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = dict(stored)
    except Exception as error:  # zipfile, zlib, EOF, pickle: there is no common base
        raise ValueError(f"{path} cannot be read as an .npz file without pickled objects: {error}") from None
    splits = {}
    for name in _SPLITS:
        images, labels = arrays.get(f"{name}_images"), arrays.get(f"{name}_labels")
        if (images is None) != (labels is None) or (name == "train" and images is None):
            raise ValueError(
                f"{path} must hold train_images and train_labels, and the same for validation and test or neither; "
                f"it holds {', '.join(sorted(arrays)) or 'nothing'}"
            )
        if images is not None:
            if np.issubdtype(labels.dtype, np.integer):
                labels = labels.astype(np.int32)
            splits[name] = Split(images, labels)
    labels = splits["train"].labels
    classes = int(labels.max()) + 1 if labels.ndim == 1 and len(labels) else 0
    class_names = tuple(map(str, arrays.get("class_names", range(classes))))
    source = str(arrays.get("source", path))
    return _assembled(Loaded(short_name(path.stem), splits, class_names, source), validation_fraction)


def check_memory(count: int, image_shape: Sequence[int], source: str) -> None:
    """Raise a ValueError where so many images of `(height, width, channels)` do not fit in memory."""
    needed, free = count * math.prod(image_shape), psutil.virtual_memory().available
    if needed > 0.8 * free:
        raise ValueError(
            f"{source}: {count:,} images of {image_shape[0]}x{image_shape[1]} need {needed / 2**30:.1f} GiB of memory, "
            f"where {free / 2**30:.1f} GiB are free: give a smaller image_size, or a part of the images"
        )


def short_name(text: str) -> str:
    """A text as letters, digits and underscores."""
    return "".join(c if c.isascii() and c.isalnum() else "_" for c in text).strip("_").lower() or "images"


def stacked(images: Sequence[np.ndarray], source: str) -> np.ndarray:
    """Images of one shape as one array.

    Raises:
        ValueError: they have different shapes.
    """
    shapes = sorted({image.shape for image in images})
    if len(shapes) > 1:
        some = ", ".join("x".join(map(str, shape)) for shape in shapes[:3])
        raise ValueError(
            f"the images of {source} have {len(shapes)} different sizes ({some}, …): give image_size, the side to "
            f"bring them to"
        )
    return np.stack(images)
