"""Loading and saving data sets: the package's own, `.npz` files, folders of images, and TensorFlow Datasets."""

import dataclasses
import os
from importlib import resources
from pathlib import Path

import numpy as np
from absl import logging

from nasnet_keras.training.datasets.base import SPLITS, Dataset, Loaded, Split, chosen, divided
from nasnet_keras.training.datasets.class_names import some
from nasnet_keras.utils import checks
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.files import write_npz
from nasnet_keras.utils.workdir import is_workdir

__all__ = ["is_folder", "load", "names", "save"]


def names() -> tuple[str, ...]:
    """List the data sets that are in the package.

    Example:
        >>> names()
        ('digits',)
    """
    return ("digits",)


def load(
    dataset: str | Path,
    data_dir: str | Path | None = None,
    *,
    image_size: int | None = None,
    fit: str = "crop",
    follow_links: bool = False,
    skip_unreadable: bool = False,
    validation_fraction: float = 0.1,
) -> Dataset:
    """Load a data set.

    Args:
        dataset: one of

            - `"digits"`: handwritten digits, 8×8 grey pixels, in the package;
            - the path of an `.npz` file with `train_images` and `train_labels`, and optionally `test_images`,
              `test_labels`, `validation_images`, `validation_labels`, `class_names` and `source`, as `save` writes it;
            - the path of a folder of images, `FOLDER/CLASS/IMAGE`, or of a folder with such folders named `train`,
              `test` and optionally `validation`;
            - a name of TensorFlow Datasets, such as `"cifar10"`, which is downloaded if it is missing.
        data_dir: of TensorFlow Datasets; by default the environment variable `TFDS_DATA_DIR`, or their own default.
        image_size: side in pixels to bring all images to; needed if they differ in size.
        fit: the way to bring them to it: `"crop"` resizes the shorter side and cuts out the middle; `"pad"` resizes the
            longer side and fills the rest with grey; `"squash"` resizes both sides. With `"crop"`, an `.npz` file may
            name another way in which its images were brought to their size.
        follow_links: whether links in a folder may lead out of it.
        skip_unreadable: whether images of a folder that cannot be read, and empty folders in it, are left out. A
            warning lists them, and they are the data set's `skipped`. A class of which no image is left is an error.
        validation_fraction: share of each class' training images, in [0, 1), that becomes the validation split if the
            data set has none. The same share, but at least a tenth, becomes the test split if it has none. The choice
            is the same every time; see `splits.divided`. A warning tells of classes without an image in a split.

    Raises:
        ValueError: there is no such data set, or it cannot be used; the error says what was expected. Of a folder, it
            tells all that is wrong with it at once.

    Example:
        >>> load("digits").image_shape
        (8, 8, 1)
    """
    if not isinstance(validation_fraction, int | float) or not 0.0 <= validation_fraction < 1.0:
        raise ValueError(f"validation_fraction must be in [0, 1), got {quoted(validation_fraction)}")
    if image_size is not None:
        image_size = checks.positive_integer("image_size", image_size)
    checks.choice("fit", fit, checks.FITS)
    if not isinstance(dataset, str | os.PathLike) or not isinstance(os.fspath(dataset), str) or not os.fspath(dataset):
        raise ValueError(f"dataset must be a name, a folder or an .npz file, got {quoted(dataset)}")
    try:
        loaded = _loaded(os.fspath(dataset), data_dir, image_size, fit, follow_links, skip_unreadable)
    except OSError as error:  # a name that is too long, a folder that may not be read
        raise ValueError(f"cannot read the data set {quoted(str(dataset))}: {error.strerror or type(error)}") from None
    found = _assembled(dataclasses.replace(loaded, fit=chosen(fit, loaded.fit)), validation_fraction)
    side = found.image_shape[:2]
    if image_size is not None and side != (image_size, image_size):
        raise ValueError(f"image_size={image_size}: the images of {dataset} are {side[0]}x{side[1]} and stay so")
    _tell_of_classes_without(found)
    return found


def save(dataset: Dataset, path: Path) -> None:
    """Write a data set to an `.npz` file, which `load` reads without delay.

    Args:
        dataset: any.
        path: ends in `.npz`. A reader never sees half of the file.

    Raises:
        OSError: the file cannot be written.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     save(load("digits"), pathlib.Path(folder, "again.npz"))
        ...     load(f"{folder}/again.npz").source
        'UCI handwritten digits, 17 levels of grey'
    """
    arrays = {name: np.asarray(getattr(dataset, name)) for name in ("class_names", "source", "split", "fit")}
    for name in SPLITS:
        split = getattr(dataset, name)
        arrays |= {f"{name}_images": split.images, f"{name}_labels": split.labels}
    write_npz(path, arrays)


def _loaded(
    dataset: str, data_dir: str | Path | None, image_size: int | None, fit: str, follow_links: bool, skip: bool
) -> Loaded:
    if dataset == "digits":
        return _digits()
    if dataset.endswith(".npz"):
        from nasnet_keras.training.datasets import npz

        return npz.load(Path(dataset))
    if is_folder(dataset):
        from nasnet_keras.training.datasets import image_folder

        return image_folder.load(Path(dataset), image_size, fit=fit, follow_links=follow_links, skip_unreadable=skip)
    from nasnet_keras.training.datasets import tensorflow_datasets

    return tensorflow_datasets.load(dataset, data_dir, image_size, fit)


def is_folder(dataset: str | Path) -> bool:
    """Tell whether `load` takes a name for a folder of images."""
    path, text = Path(dataset), str(dataset)
    if text in names() or text.endswith(".npz"):
        return False
    try:
        found = path.is_dir() and not is_workdir(path)
    except OSError:  # a name that is too long for one
        found = False
    return found or (os.sep in text and not _is_tfds_name(text))


def _is_tfds_name(name: str) -> bool:
    """Tell whether a text is a name of TensorFlow Datasets with a configuration, a version or both."""
    parts = name.split("/")
    return len(parts) == 2 and all(
        part.replace(":", "").replace(".", "").replace("-", "").isidentifier() for part in parts
    )


def _assembled(loaded: Loaded, validation_fraction: float) -> Dataset:
    """Make a data set; its missing splits are taken from the training images."""
    given, source = dict(loaded.splits), loaded.source
    shares = {"test": max(validation_fraction, 0.1), "validation": validation_fraction}
    shares = {name: share for name, share in shares.items() if name not in given}
    fields = {**given, **dict.fromkeys(shares, given["train"].take(slice(0)))}
    about = {name: getattr(loaded, name) for name in ("class_names", "source", "split", "fit", "skipped")}
    whole = Dataset(loaded.name, **fields, **about)
    if shares:
        whole = dataclasses.replace(whole, **divided(whole.train, len(whole.class_names), shares, loaded.split))
    if not len(whole.test):
        raise ValueError(
            f"{source} has too few images to train and test on: {len(given['train'])}; of each class there should be "
            f"three, of some there must be two"
        )
    return whole


def _tell_of_classes_without(dataset: Dataset) -> None:
    """Warn of classes that have no image in a split."""
    found = []
    for name in SPLITS:
        split = getattr(dataset, name)
        missing = np.flatnonzero(np.bincount(split.labels, minlength=len(dataset.class_names)) == 0)
        if len(split) and len(missing):
            without = some(dataset.class_names[label] for label in missing)
            found.append(f"no {name} image of {len(missing)} ({without})")
    if found:
        logging.warning(
            "%s: of %d classes, there is %s. What has none to train on cannot be learnt; of what has none to be judged "
            "by, no figure tells",
            dataset.source,
            len(dataset.class_names),
            ", ".join(found),
        )


def _digits() -> Loaded:
    """Load the UCI handwritten digits (Alpaydin and Kaynak 1998, CC BY 4.0): 1,797 images of 8×8 grey pixels.

    There are 1,197 for training, 300 for validation and 300 for testing. `tools/make_digits.py` made the file.
    """
    with (resources.files(__package__) / "digits.npz").open("rb") as file, np.load(file, allow_pickle=False) as stored:
        grey, numbers = stored["images"], stored["labels"].astype(np.int32)
    images = np.rint(grey[..., None] * (255 / 16)).astype(np.uint8)  # 17 levels of grey
    parts = {"train": slice(1197), "validation": slice(1197, 1497), "test": slice(1497, None)}
    splits = {name: Split(images[part], numbers[part]) for name, part in parts.items()}
    return Loaded("digits", splits, tuple("0123456789"), "UCI handwritten digits, 17 levels of grey")
