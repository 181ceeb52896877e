"""What is known of a model beyond its layers: the names of its classes, and the images that it reads."""

import weakref
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np

from nasnet_keras.inference.errors import ExportError
from nasnet_keras.inference.preprocessing import PREPROCESSING
from nasnet_keras.utils.checks import quoted

__all__ = ["Description", "describe", "description_of", "without_preprocessing"]


@dataclass(frozen=True)
class Description:
    """What whoever loaded a model knows of it.

    Attributes:
        class_names: the names of the classes, by number; empty if they are unknown.
        input_range: the lowest and the highest value of the images that it reads; None if it is unknown.
        fit: the way in which images are brought to its size, one of `checks.FITS`; None if it is unknown.
    """

    class_names: tuple[str, ...] = ()
    input_range: tuple[float, float] | None = None
    fit: str | None = None


_known: weakref.WeakKeyDictionary[keras.Model, Description] = weakref.WeakKeyDictionary()


def describe(model: keras.Model, description: Description) -> None:
    """Keep what is known of a model, as long as there is the model.

    Example:
        >>> model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
        >>> describe(model, Description(("cat", "dog")))
        >>> description_of(model).class_names
        ('cat', 'dog')
    """
    _known[model] = description


def description_of(model: keras.Model, class_names: Sequence[str] | None = None) -> Description:
    """Tell what is known of a model, with names of classes that a user gives, if any.

    Raises:
        ExportError: these are not one name for each class.
    """
    found = _known.get(model, Description())
    if class_names is None:
        return found
    return Description(_names(class_names, model), found.input_range, found.fit)


def without_preprocessing(description: Description, model: keras.Model) -> Description:
    """Describe a model without its layers that rescale images.

    Example:
        >>> model = keras.Sequential([keras.Input((8, 8, 3)), keras.layers.Rescaling(1 / 127.5, -1.0)])
        >>> without_preprocessing(Description(input_range=(0.0, 255.0)), model).input_range
        (-1.0, 1.0)
    """
    rescaling = [layer for layer in model.layers if isinstance(layer, PREPROCESSING)]
    known = description.input_range
    if not rescaling:
        return description
    if (
        known is None
        or len(rescaling) != 1
        or not all(np.isscalar(v) for v in (rescaling[0].scale, rescaling[0].offset))
    ):
        return replace(description, input_range=None)
    low, high = (value * rescaling[0].scale + rescaling[0].offset for value in known)
    return replace(description, input_range=(low, high))


def _names(given: Any, model: keras.Model) -> tuple[str, ...]:
    """Check names of classes; one output, of a sigmoid, tells two classes apart."""
    names = () if isinstance(given, str) else tuple(given) if hasattr(given, "__iter__") else ()
    legal = all(isinstance(one, str) and one.strip() and len(one.splitlines()) == 1 for one in names)
    if not names or not legal or len(set(names)) != len(names):
        raise ExportError(
            f"class_names must be different texts of one line each, one for each class, got {quoted(given)}"
        )
    outputs = keras.tree.flatten(model.outputs)[0].shape[-1] if len(model.outputs) == 1 else None
    if isinstance(model.output, dict) and "logits" in model.output:
        outputs = model.output["logits"].shape[-1]
    if outputs is not None and len(names) != max(2, outputs):
        raise ExportError(f"class_names has {len(names)} names, and the model answers {max(2, outputs)} classes")
    return names
