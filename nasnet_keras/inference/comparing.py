"""An exported model is compared with its source: by what both compute before the softmax."""

from typing import Any

import keras
import numpy as np

from nasnet_keras.inference.errors import ExportError
from nasnet_keras.inference.given import array_of, check_finite, converted
from nasnet_keras.inference.preprocessing import reads_pixels

__all__ = ["checked_images", "compare", "compare_answers"]

_IMAGES = 4
_SIZE = 64  # of the images that a model of images of any size is checked with
_ROUNDING = 1e-5  # of a softmax that is computed in two ways


def checked_images(images: Any, model: keras.Model) -> np.ndarray:
    """Convert the images that a user gave to the type that a model reads; of None make random ones.

    Raises:
        ExportError: the images are none, or none that the model reads, or have values that are not finite.
    """
    return _random(model) if images is None else _given(images, model)


def compare(
    got: np.ndarray, expected: np.ndarray, outputs: np.ndarray, last: Any, tolerance: float, what: str
) -> tuple[float, float]:
    """Compare the logits of images, and check that the outputs follow from them.

    A softmax reads differences of logits, so the largest range of an image's logits is what an error is small against.

    Args:
        got, expected: logits of `(count, …)`.
        outputs: computed together with the logits that were got.
        last: the layer that turns logits into outputs.
        tolerance: the largest difference of a logit that is accepted, as a share of that range.
        what: begins the message of an error.

    Returns:
        The largest difference, as a share of the largest range of an image's logits, or of the largest value if each
        image has only one; and the share of images with the same largest logit.

    Raises:
        ExportError: they differ by more than the tolerance.
    """
    known = keras.ops.convert_to_numpy(last(got))
    got, expected = (values.reshape(len(expected), -1) for values in (got, expected))
    spread = _spread(expected)
    difference = float(np.abs(got - expected).max() / spread)
    if not difference <= tolerance:
        raise ExportError(
            f"{what} differs from the model by {difference:.1e} of the range of its logits, on {len(got)} images: "
            f"expected at most {tolerance:.1e}. Nothing was written"
        )
    # Both runs round in their own ways, and an output is at most as wrong as the logits.
    if outputs.shape != known.shape or not np.abs(outputs - known).max() <= _ROUNDING + tolerance * spread:
        raise ExportError(f"{what} has outputs that do not follow from its logits. Nothing was written")
    return difference, float((got.argmax(-1) == expected.argmax(-1)).mean())


def compare_answers(
    got: np.ndarray,
    expected: np.ndarray,
    labels: np.ndarray | None,
    written: np.ndarray | None = None,
    middle: float = 0.0,
) -> tuple[float, float, float, tuple[float, float] | None]:
    """Compare what a quantized classifier answers with what its source does.

    Args:
        got, expected: logits of `(count, classes)`.
        labels: the right answers, if they are known.
        written: outputs of `(count, classes)` that round the logits that were got so much that some become equal; the
            quantized classifier answers by them then, and two largest ones are no answer.
        middle: of two classes that one output stands for: the output where the second one begins.

    Returns:
        The largest difference as in `compare`; the share of equal answers; that of the images which the source answers
        right, or of all if no label is known or no answer right; and the accuracies of the source and of the quantized
        model.
    """
    before, after = _answers(expected), _answers(got)
    if written is not None:
        after = np.where(_tied(written, middle), -1, _answers(written, middle))
    right = np.ones(len(before), bool) if labels is None else before == labels
    accuracies = None if labels is None else (float(right.mean()), float((after == labels).mean()))
    equal = before == after
    kept = equal[right] if right.any() else equal
    return float(np.abs(got - expected).max() / _spread(expected)), float(equal.mean()), float(kept.mean()), accuracies


def _spread(logits: np.ndarray) -> float:
    """The largest range of an image's logits."""
    return max(float(np.ptp(logits, axis=1).max() if logits.shape[1] > 1 else np.abs(logits).max()), 1e-30)


def _answers(values: np.ndarray, middle: float = 0.0) -> np.ndarray:
    """The classes that logits or outputs stand for; one stands for two."""
    return values.argmax(-1) if values.shape[1] > 1 else (values[:, 0] > middle).astype(int)


def _tied(values: np.ndarray, middle: float) -> np.ndarray:
    """Tell of which images the outputs stand for no class more than for another."""
    if values.shape[1] == 1:
        return values[:, 0] == middle
    return (values == values.max(-1, keepdims=True)).sum(-1) > 1


def _random(model: keras.Model) -> np.ndarray:
    """Make random images in the range that a model expects."""
    (image,) = model.inputs
    shape = (_IMAGES, *(size or _SIZE for size in image.shape[1:]))
    values = np.random.default_rng(0).random(shape)
    pixels = reads_pixels(model) or not image.dtype.startswith(("float", "bfloat"))
    return (values * 255 if pixels else values * 2 - 1).astype(image.dtype)


def _given(images: Any, model: keras.Model) -> np.ndarray:
    (image,) = model.inputs
    given = array_of(images, "images to check with")
    same = len(given.shape) == len(image.shape) and all(
        size in (None, found) for size, found in zip(image.shape, given.shape, strict=True)
    )
    if not same or not given.size or given.dtype.kind not in "biuf":
        expected = ", ".join(str(size or "any") for size in image.shape[1:])
        raise ExportError(
            f"expected images to check with of (count, {expected}), and some, got {given.dtype} of {given.shape}"
        )
    given = converted(given, model)
    check_finite(given, "images to check with")
    return given
