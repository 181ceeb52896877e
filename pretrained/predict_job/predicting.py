"""Images are read, classified in batches, and written to the table as they come; a few are in memory at a time."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from nasnet_keras.images.files import ImageError
from nasnet_keras.images.stream import stream
from nasnet_keras.pretrained.answers import row, writing
from nasnet_keras.pretrained.predict_job.classifier import FastClassifier
from nasnet_keras.pretrained.predict_job.images import Listed
from nasnet_keras.utils.progress import Progress

__all__ = ["Answered", "write_answers"]


@dataclass
class Answered:
    """What was answered.

    Attributes:
        labels: the number of images by their most probable class.
        unreadable: the name in the table of each image that could not be read, and the reason.
    """

    labels: Counter[str] = field(default_factory=Counter)
    unreadable: list[tuple[str, str]] = field(default_factory=list)


def write_answers(
    classifier: FastClassifier, images: Sequence[Listed], output: Path, top: int | None = None, batch_size: int = 32
) -> Answered:
    """Classify images and write the table of answers, in their order.

    Args:
        classifier: the model.
        images: the images.
        output: path of the table, a CSV file; it is written at once, at the end.
        top: the number of classes that a row names; None for the probabilities of all.
        batch_size: images that are classified at once.

    Raises:
        ValueError: the model is no classifier.
        OSError: the table cannot be written.
    """
    answered, names = Answered(), classifier.names
    with (
        writing(output, names, top) as write,
        Progress(total=len(images), desc="predict", unit="image") as bar,
    ):
        for batch in _batches(_read(images, classifier), batch_size):
            arrays = [pixels for _, pixels in batch if isinstance(pixels, np.ndarray)]
            answers = iter(classifier(np.stack(arrays)) if arrays else ())
            for image, pixels in batch:
                if isinstance(pixels, np.ndarray):
                    probabilities = next(answers)
                    answered.labels[names[int(probabilities.argmax())]] += 1
                    write(row(image.name, probabilities, names, top))
                else:
                    answered.unreadable.append((image.name, pixels))
                    write(row(image.name, None, names, top, error=pixels))
            bar.update(len(batch))
    return answered


def _read(images: Sequence[Listed], classifier: FastClassifier) -> Iterator[tuple[Listed, np.ndarray | str]]:
    """Each image with its pixels, or with the reason why there are none."""
    pixels = stream((image.path for image in images if not image.error), classifier.shape, classifier.fit)
    for image in images:
        if image.error:
            yield image, image.error
        else:
            _, found = next(pixels)
            yield image, found.reason if isinstance(found, ImageError) else found


def _batches(
    items: Iterator[tuple[Listed, np.ndarray | str]], size: int
) -> Iterator[list[tuple[Listed, np.ndarray | str]]]:
    while batch := list(itertools.islice(items, size)):
        yield batch
