"""What is exported: a trained model, and images for it, with or without labels."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from nasnet_keras.images.reading import read_folder
from nasnet_keras.inference.calibration import MOST_IMAGES
from nasnet_keras.pretrained.any_model import AnyModel, load_any
from nasnet_keras.training.datasets import image_folder
from nasnet_keras.utils.checks import quoted

__all__ = ["Source", "source_of"]

_MOST_VALUES = 2**28
"""The numbers that all labelled images together have: one GiB of float32."""


class Source(AnyModel):
    """A model, and the images for it."""

    def calibration(self, folder: str, skip_unreadable: bool = False) -> np.ndarray:
        """Read images of any folder, perhaps without unreadable ones.

        Raises:
            ValueError: there is no such folder, or there are no images, or some cannot be read.
        """
        if not Path(folder).is_dir():
            raise ValueError(f"--calibration_dir: there is no folder {quoted(folder)}")
        return read_folder(Path(folder), self.shape, MOST_IMAGES, self.fit, skip_unreadable)

    def labelled(self, folder: str, skip_unreadable: bool = False) -> tuple[np.ndarray, np.ndarray]:
        """Read images of a folder of classes, perhaps without unreadable ones, and the number of the class of each.

        Raises:
            ValueError: there is no such folder, its classes are not the model's, or images cannot be read.
        """
        shape = self.shape
        most = max(1, _MOST_VALUES // math.prod(shape))
        loaded = image_folder.load(
            Path(folder), image_shape=shape, fit=self.fit, most=most, skip_unreadable=skip_unreadable
        )
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
    return Source(**vars(load_any(model)))
