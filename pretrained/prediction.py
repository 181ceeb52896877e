"""New images: read, brought to a model's size, and classified."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
from absl import logging

from nasnet_keras.card import Card
from nasnet_keras.images.files import ImageError, read_image
from nasnet_keras.images.fitting import array_of, resized
from nasnet_keras.images.reading import not_read, tree_of
from nasnet_keras.pretrained import answers, listing, registry
from nasnet_keras.utils.checks import positive_integer, quoted

__all__ = ["Classifier", "Prediction", "Predictions", "predict"]


@dataclass(frozen=True)
class Prediction:
    """The classification of one image.

    Attributes:
        label: the most probable class.
        probability: the probability of that class, from 0 to 1.
        probabilities: the probability of every class, by its name.
        path: path of the image, if it came from a file.
    """

    label: str
    probability: float
    probabilities: dict[str, float]
    path: Path | None = None


class Predictions(list[Prediction]):
    """A list of `Prediction`, in the order of the images, and the files that could not be read.

    Args:
        predictions: the predictions.
        unreadable: the reason by path of each image file that could not be read, and so has no prediction.

    Attributes:
        unreadable: the same.
    """

    def __init__(self, predictions: Iterable[Prediction] = (), unreadable: Mapping[Path, str] | None = None) -> None:
        super().__init__(predictions)
        self.unreadable: dict[Path, str] = dict(unreadable or {})

    def write_csv(self, path: str | Path) -> None:
        """Write a CSV file in UTF-8, at once, with a row for each image in the order of the list.

        The columns are `path`, `label`, `probability`, a `probability_CLASS` for each class, and `error`. An image that
        could not be read has a row with its path and the error alone; these come last.

        Example:
            >>> found = Predictions([Prediction("cat", 0.75, {"cat": 0.75, "dog": 0.25}, pathlib.Path("1.jpg"))])
            >>> with tempfile.TemporaryDirectory() as folder:
            ...     found.write_csv(f"{folder}/found.csv")
            ...     print(pathlib.Path(folder, "found.csv").read_text())
            path,label,probability,probability_cat,probability_dog,error
            1.jpg,cat,0.75,0.75,0.25,
            <BLANKLINE>
        """
        names = list(self[0].probabilities) if self else []
        with answers.writing(Path(path), names) as write:
            for one in self:
                write(answers.row(str(one.path or ""), np.asarray([*one.probabilities.values()]), names))
            for where, error in self.unreadable.items():
                write(answers.row(str(where), None, names, error=error))


class Classifier:
    """A loaded model and the names of its classes.

    Args:
        model: a name of `list_models`, or the path of a card, of a weight file, or of a run's folder.

    Example:
        >>> classify = Classifier("amoebanet_d_tiny_imagenet")
        >>> classify(np.zeros((40, 30, 3), "uint8"))[0].label in classify.card.class_names
        True
    """

    def __init__(self, model: str | Path) -> None:
        self.card: Card = listing.card(model)
        self.model: keras.Model = registry.load(model)

    def __call__(self, images: Any, batch_size: int = 64, *, follow_links: bool = False) -> Predictions:
        """Classify images; see `predict`."""
        names, found = self.card.class_names, Predictions()
        batch_size = positive_integer("batch_size", batch_size)
        pixels = _readable(*_listed(images, follow_links), found.unreadable)
        for batch in _batches(pixels, batch_size):
            arrays = resized(
                [image for _, image in batch], self.card.input_shape, "the images given", fit=self.card.fit
            )
            probabilities = self.model.predict(arrays, batch_size=batch_size, verbose=0)
            for (path, _), row, best in zip(batch, probabilities, np.argmax(probabilities, -1).tolist(), strict=True):
                of_classes = dict(zip(names, row.tolist(), strict=True))
                found.append(Prediction(names[best], float(row[best]), of_classes, path))
        _tell(found)
        return found


def predict(model: str | Path, images: Any, *, batch_size: int = 64, follow_links: bool = False) -> Predictions:
    """Classify images with a trained or fine-tuned model. `Classifier` keeps the model for many calls.

    Args:
        model: a name of `list_models`, or the path of a card, of a weight file, or of a run's folder.
        images: the path of an image or of a folder of images (and folders of them), a sequence of paths or of arrays
            (grey ones may lack the channel), or an array `(height, width, channels)` or `(count, height, width,
            channels)` of values from 0 to 255. Each is brought to the model's size as the images that the model was
            trained on were, by `card.fit`.
        batch_size: images at once.
        follow_links: whether links in a folder may lead out of it.

    Returns:
        A list with a `Prediction` for each image, in their order, which in a folder is that of their names. Images that
        cannot be read are left out: they are in the list's `unreadable`, and a warning counts them. The list's
        `write_csv` writes all of that.

    Raises:
        CardError: there is no such model.
        ValueError: there is no image, none can be read, or an array has another form.

    Example:
        >>> images = np.zeros((2, 64, 64, 3), "uint8")
        >>> [type(each.probability).__name__ for each in predict("amoebanet_d_tiny_imagenet", images)]
        ['float', 'float']
    """
    return Classifier(model)(images, batch_size, follow_links=follow_links)


def _listed(images: Any, follow_links: bool) -> tuple[Sequence[Any], dict[Path, str]]:
    """The images one by one, as paths or arrays, and the reasons for those of a folder that are refused."""
    if isinstance(images, str | Path):
        if images == "":
            raise ValueError("expected the path of an image, or of a folder with images, got an empty one")
        path = Path(images)
        if not _is_folder(path):
            return [path], {}
        tree = tree_of(path, follow_links)
        return tree.images, not_read(tree, path)
    if hasattr(images, "shape") and len(images.shape) != 1:  # an array of one axis has paths
        images = images[None] if len(images.shape) == 3 else images
        if len(images.shape) != 4:
            raise ValueError(f"expected an array of (count, height, width, channels), got one of {images.shape}")
    elif not isinstance(images, Iterable):
        raise ValueError(
            f"expected paths of images, a folder with images, or an array of (count, height, width, channels), "
            f"got {quoted(images)}"
        )
    images = images if len(getattr(images, "shape", ())) > 1 else list(images)
    if not len(images):
        raise ValueError("there are no images to classify")
    return images, {}


def _is_folder(path: Path) -> bool:
    try:
        return path.is_dir()
    except OSError:  # a name that is too long
        return False


def _readable(
    images: Sequence[Any], refused: dict[Path, str], unreadable: dict[Path, str]
) -> Iterator[tuple[Path | None, Any]]:
    """The path, if any, and the pixels of each image that can be read. The others go to `unreadable`."""
    unreadable |= refused
    for image in images:
        if not isinstance(image, str | Path):
            pixels = array_of(image)
            yield None, pixels[..., None] if pixels.ndim == 2 else pixels
            continue
        path = Path(image)
        try:
            pixels = read_image(path)
        except ImageError as error:
            unreadable[path] = error.reason
        else:
            yield path, pixels


def _batches(items: Iterable[Any], batch_size: int) -> Iterator[list[Any]]:
    items = iter(items)
    while batch := list(itertools.islice(items, batch_size)):
        yield batch


def _tell(found: Predictions) -> None:
    """Warn of images that could not be read; raise a ValueError if none could."""
    if not found.unreadable:
        return
    path, error = next(iter(found.unreadable.items()))
    count = len(found) + len(found.unreadable)
    message = f"{len(found.unreadable)} of {count} images cannot be read, the first is {path}: {error}"
    if not found:
        raise ValueError(f"cannot read the image {path}: {error}" if count == 1 else message)
    logging.warning("%s", message)
