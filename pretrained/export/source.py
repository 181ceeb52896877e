"""What is exported: a model of the registry, or any other that was saved whole; and labelled images for it."""

import math
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np

from nasnet_keras.card import is_card
from nasnet_keras.images.reading import read_folder
from nasnet_keras.inference.calibration import MOST_IMAGES
from nasnet_keras.pretrained import listing, registry
from nasnet_keras.training.datasets import image_folder
from nasnet_keras.utils.checks import FITS, quoted

__all__ = ["Source", "source_of"]

_MOST_VALUES = 2**28
"""The numbers that all labelled images together have: one GiB of float32."""


@dataclass(frozen=True, eq=False)
class Source:
    """A model, and how it reads images.

    Attributes:
        model: that is exported.
        name: for the file.
        fit: the way to bring images to its size.
        class_names: by number; empty if they are unknown.
    """

    model: keras.Model
    name: str
    fit: str
    class_names: tuple[str, ...]

    @property
    def shape(self) -> tuple[int, int, int]:
        """Height, width and channels of images.

        Raises:
            ValueError: the model reads images of any size, or none.
        """
        shape = tuple(self.model.inputs[0].shape[1:])
        if len(self.model.inputs) != 1 or len(shape) != 3 or None in shape:
            reads = " and ".join(str(tuple(one.shape[1:])) for one in self.model.inputs)
            raise ValueError(f"{self.name} reads {reads}: quantizing needs a model of images of a known size")
        return shape

    def calibration(self, folder: str) -> np.ndarray:
        """Read images of any folder.

        Raises:
            ValueError: there is no such folder, or there are no images, or some cannot be read.
        """
        if not Path(folder).is_dir():
            raise ValueError(f"--calibration_dir: there is no folder {quoted(folder)}")
        return read_folder(Path(folder), self.shape, MOST_IMAGES, self.fit)

    def labelled(self, folder: str) -> tuple[np.ndarray, np.ndarray]:
        """Read images of a folder of classes, and the number of the class of each.

        Raises:
            ValueError: there is no such folder, its classes are not the model's, or images cannot be read.
        """
        shape = self.shape
        most = max(1, _MOST_VALUES // math.prod(shape))
        loaded = image_folder.load(Path(folder), image_shape=shape, fit=self.fit, most=most)
        split = next(loaded.splits[name] for name in ("test", "validation", "train") if name in loaded.splits)
        return split.images, self._numbers(folder, loaded.class_names)[split.labels]

    def _numbers(self, folder: str, found: Sequence[str]) -> np.ndarray:
        """The model's numbers of the classes that were found."""
        classes = max(2, self.model.outputs[0].shape[-1])  # one output, of a sigmoid, tells two classes apart
        if not self.class_names:  # then folders are numbered in the order of their names, as Keras numbers them
            if len(found) != classes:
                raise ValueError(f"--labels: {folder} has {len(found)} classes, and {self.name} answers {classes}")
            return np.arange(len(found))
        if unknown := [name for name in found if name not in self.class_names]:
            known = ", ".join(self.class_names[:5])
            raise ValueError(
                f"--labels: {folder} has folders that are no classes of {self.name}: {', '.join(unknown[:5])}; "
                f"expected some of its {len(self.class_names)}, {known}{', …' if len(self.class_names) > 5 else ''}"
            )
        return np.asarray([self.class_names.index(name) for name in found])


def source_of(model: str) -> Source:
    """Load what the flag `--model` names.

    Raises:
        ValueError: there is no such model, or it cannot be loaded.
    """
    path = Path(model)
    if model.endswith(".keras") and not is_card(path.with_suffix(".json")):
        return Source(_saved(path), path.stem, FITS[0], ())
    card = listing.card(model)
    return Source(registry.load(model), card.name, card.fit, tuple(card.class_names))


def _saved(path: Path) -> keras.Model:
    """Load a model that Keras saved; nothing in it is run."""
    if not path.is_file():
        raise ValueError(f"there is no file {quoted(str(path))}")
    if not zipfile.is_zipfile(path):
        raise ValueError(f"{path} is no model that Keras saved")
    try:
        return keras.models.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a damaged or strange file makes Keras raise anything
        raise ValueError(f"{path} cannot be loaded: {' '.join(str(error).split())[:300]}") from error
