"""Labels from tools and people are read in every form that has a certain meaning."""

from collections.abc import Sequence, Set
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from nasnet_keras.training.datasets.class_names import some
from nasnet_keras.utils.checks import quoted

__all__ = ["Labels", "numbered", "read"]

_MOST = 2**31
_LONGEST = 1000  # letters of a name: an array of texts takes the room of the longest for each


@dataclass(frozen=True)
class Labels:
    """The classes of images.

    Attributes:
        numbers: a class for each image, `(count,)`, int32, from 0.
        classes: the number of classes that the labels tell of; others may be without an image.
        names: by number, if the labels came as texts; else None.
    """

    numbers: np.ndarray
    classes: int
    names: tuple[str, ...] | None = None


def read(values: Any, what: str) -> Labels:
    """Read the classes of images.

    Args:
        values: one class an image: whole numbers from 0 of any type, also floats and bools, in a row or a column;
            texts, which get numbers in alphabetical order; or one-hot rows. They come as an array, as a list, a tensor
            on the processor, a column of a table, or as the result of this function.
        what: a name for errors, such as `"train labels"`.

    Raises:
        ValueError: the values are something else: several labels an image, probabilities, figures, negative or missing
            labels.

    Example:
        >>> read([[0.0, 1.0], [1.0, 0.0]], "labels").numbers.tolist(), read(["dog", "cat"], "labels").names
        ([1, 0], ('cat', 'dog'))
    """
    if isinstance(values, Labels):
        return values
    array = _array(values, what)
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.dtype.kind not in "biufU":
        _refuse(what, array, "labels are numbers or texts")
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        count = int(np.sum(~np.isfinite(array)))
        _refuse(what, array, f"{count:,} of them are missing or infinite: leave these images out")
    if array.ndim == 2 and array.dtype.kind != "U":
        return _one_hot(array, what)
    if array.ndim == 0:
        _refuse(what, array, "there must be one for each image")
    if array.ndim != 1:
        _refuse(what, array, "several labels an image are not supported, nor a label for each pixel")
    return _of_texts(array, what) if array.dtype.kind == "U" else _of_numbers(array, what)


def numbered(values: Any, names: Sequence[str], what: str) -> np.ndarray:
    """Read the classes of images as int32 `(count,)`, as numbers of known class names.

    Raises:
        ValueError: as of `read`, or a label is none of these classes.

    Example:
        >>> numbered(["b", "a"], ("b", "a"), "labels").tolist()
        [0, 1]
    """
    labels = read(values, what)
    if labels.names is None:
        if labels.classes > len(names):
            raise ValueError(
                f"{what} must be from 0 to {len(names) - 1}, for the classes {some(names)}; there is a label "
                f"{labels.classes - 1}"
            )
        return labels.numbers
    if unknown := sorted(set(labels.names) - set(names)):
        raise ValueError(f"{what} must be of the classes {some(names)}; there are {some(unknown)} too")
    places = {name: place for place, name in enumerate(names)}
    return np.asarray([places[name] for name in labels.names], np.int32)[labels.numbers]


def _array(values: Any, what: str) -> np.ndarray:
    """Convert labels to an array of numbers or of texts."""
    if np.ma.is_masked(values):
        _refuse(what, values, "some of them are masked: leave these images out")
    if isinstance(values, list | tuple) and any(isinstance(value, str | bytes) for value in values):
        return _of_objects(list(values), (len(values),), what)  # NumPy would make texts of the other values, too
    try:
        array = np.asarray(values)
    except (OverflowError, RuntimeError, TypeError, ValueError) as error:
        if isinstance(values, list | tuple) and any(isinstance(value, Sequence | np.ndarray) for value in values):
            _refuse(what, values, "several labels an image are not supported")
        _refuse(what, values, f"they make no array ({quoted(str(error))[1:-1]})")
    if array.dtype.kind in "OST":
        return _of_objects(array.astype(object).ravel().tolist(), array.shape, what)
    return array


def _of_objects(values: list[Any], shape: tuple[int, ...], what: str) -> np.ndarray:
    """Convert a list of Python objects to an array of a shape."""
    if why := _fault(values):
        _refuse(what, values, why)
    if not all(isinstance(value, str | bytes) for value in values):
        return np.array(values).reshape(shape)
    try:
        texts = [value.decode("utf-8") if isinstance(value, bytes) else value for value in values]
    except UnicodeDecodeError as error:
        _refuse(what, values, f"they are not in UTF-8 ({error})")
    return np.array(texts, dtype=str).reshape(shape)


def _fault(values: list[Any]) -> str | None:
    """Tell why Python objects are no labels; None if they are."""
    texts = [isinstance(value, str | bytes) for value in values]
    if any(map(_is_missing, values)):
        return "some of them are missing: leave these images out"
    if all(texts):
        long = max(map(len, values), default=0) > _LONGEST
        return f"the name of a class has {_LONGEST:,} letters at most" if long else None
    if any(texts):
        return "texts and other things are mixed in them"
    if any(isinstance(value, Sequence | Set | np.ndarray) for value in values):
        return "several labels an image are not supported"
    if not all(isinstance(value, int | float | np.number | np.bool_) for value in values):
        return "labels are numbers or texts"
    if any(isinstance(value, int) and abs(value) >= _MOST for value in values):
        return f"a label must be below {_MOST:,}"
    return None


def _is_missing(value: Any) -> bool:
    """Tell whether a value marks an empty place in a table."""
    nothing = value is None or type(value).__name__ in ("NAType", "NaTType")  # pandas' marks
    return nothing or (isinstance(value, float | np.floating) and np.isnan(value))


def _of_texts(texts: np.ndarray, what: str) -> Labels:
    if not all(texts.tolist()):
        _refuse(what, texts, "some of them are empty: leave these images out")
    names, numbers = np.unique(texts, return_inverse=True)
    return Labels(numbers.astype(np.int32), len(names), tuple(names.tolist()))


def _of_numbers(numbers: np.ndarray, what: str) -> Labels:
    if not len(numbers):
        return Labels(numbers.astype(np.int32), 0)
    if numbers.dtype.kind == "f" and np.any(numbers % 1):
        _refuse(
            what, numbers, "fractions are no classes, and networks that give figures (regression) are not supported"
        )
    least, most = numbers.min(), numbers.max()
    if least < 0:
        unlabelled = "-1 mostly marks an image that nobody labelled: leave these images out"
        _refuse(what, numbers, f"the least is {int(least)}; {unlabelled if least == -1 else 'they count from 0'}")
    if int(most) >= _MOST:
        _refuse(what, numbers, f"the largest is {quoted(int(most))}; they count from 0, below {_MOST:,}")
    classes = 2 if numbers.dtype.kind == "b" else int(most) + 1
    return Labels(numbers.astype(np.int32), classes)


def _one_hot(rows: np.ndarray, what: str) -> Labels:
    if not len(rows):
        return Labels(np.zeros(len(rows), np.int32), rows.shape[1])
    sums = rows.sum(1, dtype=float)
    if np.all((rows == 0) | (rows == 1)):
        if wrong := int(np.sum(sums != 1)):
            _refuse(what, rows, f"{wrong:,} images have several labels or none, which is not supported")
        return Labels(rows.argmax(1).astype(np.int32), rows.shape[1])
    if np.all((rows >= 0) & (rows <= 1)) and np.allclose(sums, 1, atol=0.01):
        why = (
            "rows of probabilities, such as smoothed one-hot ones, say no class for certain; if the largest is meant, "
            "give np.argmax(labels, -1) (label_smoothing is a value of the recipe)"
        )
    else:
        why = "several labels or figures an image are not supported; of logits, give np.argmax(labels, -1)"
    return _refuse(what, rows, why)


def _refuse(what: str, values: Any, why: str) -> NoReturn:
    kind, shape = getattr(values, "dtype", type(values).__name__), getattr(values, "shape", None)
    came = f"{kind} of shape {tuple(shape)}" if shape is not None else f"a {kind} of {len(values):,}"
    raise ValueError(
        f"expected one class an image as {what} (whole numbers from 0, texts, or one-hot rows), got "
        f"{quoted(came)[1:-1]}: {why}"
    )
