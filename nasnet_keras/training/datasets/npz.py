"""Data sets in one `.npz` file."""

from pathlib import Path
from typing import Any

import numpy as np
import psutil

from nasnet_keras.images.fitting import check_levels, pixels
from nasnet_keras.training.datasets import labels
from nasnet_keras.training.datasets.base import SPLITS, Loaded, Split, slug
from nasnet_keras.training.datasets.class_names import class_names
from nasnet_keras.training.datasets.splits import DEFAULT, RULES
from nasnet_keras.utils.checks import FITS, quoted

__all__ = ["load"]

_FACTS = ("class_names", "source", "split", "fit")


def load(path: Path) -> Loaded:
    """Read a data set from arrays `train_images`, `train_labels` and so on.

    Raises:
        ValueError: there is no such file, it is damaged or needs more memory than is free, or arrays are missing or of
            another kind than expected.
    """
    stored = _arrays(path)
    given = [name for name in SPLITS if f"{name}_images" in stored]
    if "train" not in given or any((f"{name}_labels" in stored) != (name in given) for name in SPLITS):
        raise ValueError(
            f"{path} must hold train_images and train_labels, and the same for validation and test or neither; of "
            f"these it holds {', '.join(sorted(stored)) or 'nothing'}"
        )
    names = _class_names(path, stored, given)
    splits = {}
    for name in given:
        images = pixels(stored[f"{name}_images"], f"{name} images of {path}")
        check_levels(images, f"{name} images of {path}")
        splits[name] = Split(images, labels.numbered(stored[f"{name}_labels"], names, f"{name} labels of {path}"))
    rule, fit = (str(stored.get(name)) for name in ("split", "fit"))
    source = str(stored.get("source", path))
    rule, fit = rule if rule in RULES else DEFAULT, fit if fit in FITS else FITS[0]
    return Loaded(slug(path.stem), splits, names, source, rule, fit)


def _arrays(path: Path) -> dict[str, np.ndarray]:
    """Read the known arrays of a file, and leave all others unread."""
    if not path.is_file():
        raise ValueError(f"no data set file {quoted(str(path))}")
    known = {*_FACTS, *(f"{name}_{kind}" for name in SPLITS for kind in ("images", "labels"))}
    try:
        with np.load(path, allow_pickle=False) as stored:
            needed, free = sum(entry.file_size for entry in stored.zip.infolist()), psutil.virtual_memory().available
            if needed > 0.8 * free:  # a small file can unpack to more than that
                raise ValueError(f"it needs {needed / 2**30:.1f} GiB of memory, of which {free / 2**30:.1f} are free")
            return {name: stored[name] for name in stored.files if name in known}
    except Exception as error:  # zipfile, zlib, EOF, pickle: there is no common base
        raise ValueError(
            f"{path} cannot be read as an .npz file without pickled objects: {quoted(str(error))[1:-1]}"
        ) from None


def _class_names(path: Path, stored: dict[str, Any], given: list[str]) -> tuple[str, ...]:
    """Read the class names of a file; if it has none, those of its training labels."""
    if "class_names" in stored:
        try:
            return class_names(stored["class_names"])
        except ValueError as error:
            raise ValueError(f"{path}: {error}") from None
    found = labels.read(stored["train_labels"], f"train labels of {path}")
    count = sum(stored[f"{name}_labels"].size for name in given)
    if found.classes > max(2, count):
        raise ValueError(
            f"train labels of {path} must count from 0, a number for each class; there is a label {found.classes - 1}, "
            f"and there are {count} images"
        )
    return found.names or tuple(map(str, range(found.classes)))
