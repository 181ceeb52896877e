"""The record of the files of each split, in a run's folder."""

import json
from pathlib import Path

from nasnet_keras.training.datasets.base import SPLITS, Dataset
from nasnet_keras.utils.files import write_text

__all__ = ["SPLITS_FILE", "are_files", "is_recorded", "record_files"]

SPLITS_FILE = "splits.json"
"""The name of the record: an object by split, each with its `folder` and the paths of its `images` in that folder."""


def record_files(folder: Path, dataset: Dataset) -> None:
    """Write `SPLITS_FILE` into a folder, unless no image is from a file, or it is there and the same.

    Images of data sets by name are divided in the same way every time, and need no record.
    """
    if not is_recorded(folder, dataset):
        write_text(folder / SPLITS_FILE, _text(dataset))


def is_recorded(folder: Path, dataset: Dataset) -> bool:
    """Tell whether the record of a folder is of these files, by their names as they are now; also if none is needed."""
    text, path = _text(dataset), folder / SPLITS_FILE
    return not text or (path.is_file() and path.read_text(errors="replace") == text)


def _text(dataset: Dataset) -> str:
    """The record; empty if no image is from a file."""
    plain = {
        name: {"folder": str(origins.folder), "images": origins.names.tolist()}
        for name in SPLITS
        if (origins := getattr(dataset, name).origins) is not None and origins.folder is not None
    }
    return json.dumps(plain, indent=0) + "\n" if plain else ""


def are_files(dataset: Dataset) -> bool:
    """Tell whether the training images are files in a folder."""
    origins = dataset.train.origins
    return origins is not None and origins.folder is not None
