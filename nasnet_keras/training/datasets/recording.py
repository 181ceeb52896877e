"""The record of the files of each split, in a run's folder."""

import json
from pathlib import Path

from nasnet_keras.training.datasets.base import SPLITS, Dataset
from nasnet_keras.utils.files import write_text

__all__ = ["SPLITS_FILE", "are_files", "record_files"]

SPLITS_FILE = "splits.json"
"""The name of the record: an object by split, each with its `folder` and the paths of its `images` in that folder."""


def record_files(folder: Path, dataset: Dataset) -> None:
    """Write `SPLITS_FILE` into a folder, unless no image is from a file, or it is there and the same.

    Images of data sets by name are divided in the same way every time, and need no record.
    """
    plain = {
        name: {"folder": str(origins.folder), "images": origins.names.tolist()}
        for name in SPLITS
        if (origins := getattr(dataset, name).origins) is not None and origins.folder is not None
    }
    text, path = json.dumps(plain, indent=0) + "\n", folder / SPLITS_FILE
    if plain and not (path.is_file() and path.read_text(errors="replace") == text):
        write_text(path, text)


def are_files(dataset: Dataset) -> bool:
    """Tell whether the training images are files in a folder."""
    origins = dataset.train.origins
    return origins is not None and origins.folder is not None
