"""Elements of a `tf.data.Dataset`: an image and its label, or a batch of them, in the forms that pipelines give."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from nasnet_keras.images.fitting import check_channels

__all__ = ["OF_WEIGHTS", "batch_of"]

OF_WEIGHTS = "weights of single images are not supported, those of classes are: class_weights"
"""The end of errors about a third part beside images and labels."""


def batch_of(element: Any, key: str) -> tuple[Sequence[np.ndarray], np.ndarray]:
    """The images and the labels of an element, which may have one of each, or a batch, also of several sizes.

    Args:
        element: a tuple `(image, label)`, or a dict with these names.
        key: name of the split, for errors.

    Returns:
        Images `(height, width, channels)`, or grey ones without channels, and an array with an entry for each.

    Raises:
        ValueError: it is anything else.

    Example:
        >>> images, labels = batch_of({"image": np.zeros((8, 8, 3)), "label": 1}, "train")
        >>> len(images), labels
        (1, array([1]))
    """
    return _batch(*_pair(element, key), key)


def _pair(element: Any, key: str) -> tuple[Any, Any]:
    """The image and the label of an element, or batches of them; they may have TensorFlow Datasets' names."""
    if isinstance(element, dict) and {"image", "label"} <= set(element):
        return element["image"], element["label"]
    if isinstance(element, tuple) and len(element) == 2 and not isinstance(element[0], dict | tuple):
        return element
    parts = f" of {len(element)}" if isinstance(element, tuple | dict) else ""
    weights = f": {OF_WEIGHTS}" if isinstance(element, tuple) and len(element) == 3 else ""
    raise ValueError(
        f"expected elements (image, label), or such dicts, in the {key} tf.data.Dataset, got a "
        f"{type(element).__name__}{parts}{weights}"
    )


def _batch(image: Any, label: Any, key: str) -> tuple[Sequence[np.ndarray], np.ndarray]:
    """A batch of images and their labels; a single image becomes a batch of one."""
    label = np.asarray(label)
    if isinstance(image, np.ndarray) and image.dtype == object:  # of a ragged batch
        return [_row(row, key) for row in image], label
    shape = np.shape(image)
    greys = _are_greys(shape, label)
    if len(shape) in (3, 4) and not greys:
        check_channels(shape if len(shape) == 4 else (1, *shape), f"{key} images")
    if len(shape) == 4 or greys:
        return image, label
    if len(shape) in (2, 3):
        return [image], label[None]
    raise ValueError(
        f"expected images (height, width, channels), or batches of them, in the {key} tf.data.Dataset, got an array of "
        f"{shape}"
    )


def _are_greys(shape: tuple[int, ...], label: np.ndarray) -> bool:
    """Whether it is a batch of images without channels, with a label for each, and not a one-hot one of three."""
    one_hot = label.shape == (3,) and label.dtype.kind == "f"
    return len(shape) == 3 and shape[-1] not in (1, 3) and label.shape[:1] == shape[:1] and not one_hot


def _row(image: np.ndarray, key: str) -> np.ndarray:
    """An image of a ragged batch; its rows may come one by one."""
    try:
        return np.stack(list(image)) if image.dtype == object else image
    except (ValueError, AttributeError):
        raise ValueError(f"expected images (height, width, channels) in the {key} tf.data.Dataset") from None
