"""New images: read, brought to a model's size, and classified."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np

from nasnet_keras.card import Card
from nasnet_keras.checks import positive_integer
from nasnet_keras.pretrained import registry
from nasnet_keras.training.image_folder import image_files, read_image, resized

__all__ = ["Classifier", "Prediction", "predict"]


@dataclass(frozen=True)
class Prediction:
    """What a model says of one image.

    Attributes:
        label: the most probable class.
        probability: of that class.
        probabilities: of every class, by name.
        path: of the image, where it came from a file.
    """

    label: str
    probability: float
    probabilities: dict[str, float]
    path: Path | None = None


class Classifier:
    """A loaded model and the names of its classes.

    Args:
        model: a name of `list_models`, or the path of a card or weight file.

    Example:
        >>> classify = Classifier("amoebanet_d_tiny_imagenet")
        >>> classify(np.zeros((40, 30, 3), "uint8"))[0].label in classify.card.class_names
        True
    """

    def __init__(self, model: str | Path) -> None:
        self.card: Card = registry.card(model)
        self.model: keras.Model = registry.load(model)

    def __call__(self, images: Any, batch_size: int = 64) -> list[Prediction]:
        """Classify images; see `predict`."""
        names, predictions = self.card.class_names, []
        for paths, arrays in _batches(images, self.card.input_shape, batch_size):
            probabilities = self.model.predict(arrays, batch_size=batch_size, verbose=0)
            for path, row, best in zip(paths, probabilities, np.argmax(probabilities, -1).tolist(), strict=True):
                of_classes = dict(zip(names, row.tolist(), strict=True))
                predictions.append(Prediction(names[best], float(row[best]), of_classes, path))
        return predictions


def predict(model: str | Path, images: Any, *, batch_size: int = 64) -> list[Prediction]:
    """Classify images with a trained or fine-tuned model. `Classifier` keeps the model for many calls.

    Args:
        model: a name of `list_models`, or the path of a card or weight file.
        images: the path of an image or of a folder of images (and folders of them), a sequence of paths or of arrays,
            or an array `(height, width, channels)` or `(count, height, width, channels)` of values from 0 to 255. Each
            is brought to the model's size, its shorter side resized and the middle cut out.
        batch_size: images at once.

    Returns:
        A `Prediction` for each image, in their order; a folder's in the order of their names.

    Raises:
        CardError: there is no such model.
        ValueError: no image, one that cannot be read, or an array of another kind.

    Example:
        >>> images = np.zeros((2, 64, 64, 3), "uint8")
        >>> [type(each.probability).__name__ for each in predict("amoebanet_d_tiny_imagenet", images)]
        ['float', 'float']
    """
    return Classifier(model)(images, batch_size)


def _batches(
    images: Any, shape: tuple[int, int, int], batch_size: int
) -> Iterator[tuple[list[Path | None], np.ndarray]]:
    """Batches of paths, where there are any, and of uint8 images of a shape."""
    batch_size = positive_integer("batch_size", batch_size)
    if isinstance(images, str | Path):
        path = Path(images)
        images = image_files(path) if path.is_dir() else [path]
    elif hasattr(images, "shape"):
        images = images[None] if len(images.shape) == 3 else images
        if len(images.shape) != 4:
            raise ValueError(f"expected an array of (count, height, width, channels), got one of {images.shape}")
    elif not isinstance(images, Iterable):
        raise ValueError(
            f"expected paths of images, a folder with images, or an array of (count, height, width, channels), "
            f"got {images!r}"
        )
    images = images if hasattr(images, "shape") else list(images)
    if not len(images):
        raise ValueError("there are no images to classify")
    for start in range(0, len(images), batch_size):
        part = images[start : start + batch_size]
        paths = [Path(image) if isinstance(image, str | Path) else None for image in part]
        pixels = (image if path is None else read_image(path) for path, image in zip(paths, part, strict=True))
        yield paths, resized(pixels, shape, "the images given")
