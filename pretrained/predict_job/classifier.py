"""A trained model as a classifier that is fast: fused, and with a check of what it answers."""

import keras
import numpy as np
from absl import logging

from nasnet_keras.inference.fusing import fuse_for_inference
from nasnet_keras.inference.preprocessing import normalizes, reads_pixels
from nasnet_keras.pretrained.any_model import AnyModel
from nasnet_keras.utils.checks import quoted

__all__ = ["FastClassifier"]

_UNCERTAIN = 0.01  # of a sum of probabilities, in float16


class FastClassifier:
    """A fused model that answers with the probabilities of classes.

    Args:
        loaded: the model. If its classes have no names, they are called by their numbers. It gets pixels from 0 to 255:
            a warning tells if none of its first layers rescales them.

    Attributes:
        names: of the classes, by number.
        shape: height, width and channels of the images that it reads.
        fit: the way to bring images to that size.

    Raises:
        ValueError: the model does not read images of a known size, in grey or in colours.
    """

    def __init__(self, loaded: AnyModel) -> None:
        self._name, self.shape, self.fit = loaded.name, loaded.shape, loaded.fit
        if self.shape[-1] not in (1, 3):
            raise ValueError(f"{loaded.name} reads images of {self.shape[-1]} channels: expected one or three")
        if not reads_pixels(loaded.model) and not normalizes(loaded.model):
            logging.warning(
                "%s does not begin with a layer Rescaling or Normalization, and gets pixels from 0 to 255: if it was "
                "trained on other values its answers are wrong; save it with such a layer in front",
                loaded.name,
            )
        self._model = _fused(loaded.model)
        units = self._model.outputs[0].shape[1:]
        if len(self._model.outputs) != 1 or len(units) != 1:
            raise ValueError(f"{loaded.name} is no classifier: it answers with {quoted(self._model.output_shape)}")
        self.names = loaded.class_names or tuple(map(str, range(max(2, units[0]))))

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Answer uint8 images, `(count, *shape)`: float32 probabilities, `(count, classes)`.

        Raises:
            ValueError: the model answers with other numbers than probabilities.
        """
        found = np.asarray(self._model.predict_on_batch(images), np.float32)
        if found.shape[-1] == 1 and len(self.names) == 2:  # of a sigmoid, of the second class
            found = np.concatenate([1 - found, found], axis=-1)
        sums = found.sum(axis=-1)
        if not (found >= -_UNCERTAIN).all() or not (np.abs(sums - 1) < _UNCERTAIN).all():  # nor of NaN
            raise ValueError(
                f"{self._name} answers with {quoted(found[0].tolist())}, which are no probabilities of one class each: "
                f"expected a model that ends in a softmax, or in one sigmoid"
            )
        return found


def _fused(model: keras.Model) -> keras.Model:
    """The fused model, or the model itself if it has layers that cannot be fused."""
    try:
        return fuse_for_inference(model)
    except ValueError:
        return model
