"""The folders of images that a network is fine-tuned on, read together, so that one error tells all that is wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from nasnet_keras.images.problems import Problems
from nasnet_keras.training.datasets import image_folder
from nasnet_keras.training.datasets.base import Loaded
from nasnet_keras.training.datasets.class_names import some

__all__ = ["Folders", "too_few"]


@dataclass(frozen=True)
class Folders:
    """The images of folders.

    Attributes:
        loaded: the images of each folder, by the split that it is given for.
        skipped: what was left out, as of a `Dataset`; files of other folders than that of `train` have its name before
            theirs.
    """

    loaded: dict[str, Loaded]
    skipped: dict[str, str]

    @classmethod
    def read(
        cls, paths: Mapping[str, Path], divided: bool, *, skip_unreadable: bool = False, **options: Any
    ) -> "Folders":
        """Read folders.

        Args:
            paths: of the folders, by the split that each is given for.
            divided: whether images to validate by are taken from those of `train`, unless these are divided already.
            skip_unreadable, options: see `image_folder.load`.

        Raises:
            ImagesError: something is wrong with the images; it tells all of it.
            ValueError: there is no such folder.
        """
        for path in paths.values():
            image_folder.check(path)
        every = {key: Problems(str(path), skip_unreadable) for key, path in paths.items()}
        loaded = {
            key: image_folder.load(path, skip_unreadable=skip_unreadable, problems=every[key], **options)
            for key, path in paths.items()
        }
        if "train" in loaded and divided:
            _add_single(loaded["train"], every["train"])
        for first, *others in [list(every.values())] if every else []:
            first.check(*others)
        names = {key: "" if key == "train" else f"{key}: " for key in loaded}
        return cls(
            loaded, {f"{names[key]}{path}": kind for key in loaded for path, kind in loaded[key].skipped.items()}
        )


def _add_single(train: Loaded, problems: Problems) -> None:
    """Add the classes of a folder from which no image can be put aside to validate by."""
    if "validation" not in train.splits:
        counts = np.bincount(train.splits["train"].labels, minlength=len(train.class_names))
        if single := [train.class_names[label] for label in np.flatnonzero(counts == 1)]:
            problems.add(too_few(single))


def too_few(names: Sequence[str]) -> str:
    """Tell that classes, of these names, have one image each."""
    return f"there is one image of {some(names)}: at least two are needed, one to validate by"
