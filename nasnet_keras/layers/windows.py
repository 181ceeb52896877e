"""The pixels that a window reads, for images of sizes that may be unknown."""

from typing import Any

import numpy as np
from keras import ops

__all__ = ["bordered", "check_window", "crossing", "every_other_pixel", "from_odd_pixels", "padded"]
__all__ += ["subsampled", "window_shape"]


def check_window(window: tuple[int, int], strides: tuple[int, int], dilation: int, padding: str, legal: str) -> None:
    """Check that a convolution can be computed on every backend.

    Args:
        window, strides: `(height, width)`.
        dilation: rate in both directions.
        padding: the one to check.
        legal: the names of the paddings that the layer has.

    Raises:
        ValueError: the padding has another name, or does not go with the rest; or no strides go with the dilation.
    """
    if padding not in legal.split():
        raise ValueError(f"padding must be one of {', '.join(legal.split())}, got {padding!r}")
    if padding == "torch" and not all(size % 2 for size in window):
        raise ValueError(f"padding 'torch' places borders around odd kernels, got one of {window}")
    if strides != (1, 1) and dilation > 1 and (padding == "torch" or strides != (2, 2) or dilation % 2):
        known = "none with padding 'torch'" if padding == "torch" else "only strides of 2 with an even dilation work"
        raise ValueError(f"strides {strides} with dilation {dilation}: {known}")


def padded(x: Any, window: tuple[int, int], strides: tuple[int, int], padding: str) -> tuple[Any, str]:
    """Turn PyTorch's padding, half of the window on either side, into one that every backend knows.

    It differs from TensorFlow's "same" with strides only, where the size is even: "same" then begins later.

    Returns:
        The maps, perhaps with a border of zeros, and the padding of a convolution over them.
    """
    if padding != "torch":
        return x, padding
    if strides == (1, 1):
        return x, "same"
    rows, columns = ((size // 2, size // 2) for size in window)
    return ops.pad(x, ((0, 0), rows, columns, (0, 0))), "valid"


def subsampled(x: Any, strides: tuple[int, int], dilation: int) -> tuple[Any, tuple[int, int], int]:
    """Turn a dilated convolution at stride 2 into an equal one at stride 1, which every backend can do.

    With an even dilation the kernel reads pixels of one parity only, in TensorFlow's "same" padding the odd ones if the
    size is even, else the even ones.
    """
    if dilation == 1 or strides == (1, 1):
        return x, strides, dilation
    return every_other_pixel(x), (1, 1), dilation // 2


def from_odd_pixels(x: Any) -> Any:
    """Drop the first row and column, and add zeros behind the last ones if a size is odd or unknown."""
    missing = [0 if size is not None and size % 2 == 0 else 1 for size in x.shape[1:3]]
    if any(missing):  # otherwise it would be a needless copy
        rows, columns = ((0, number) for number in missing)
        x = ops.pad(x, ((0, 0), rows, columns, (0, 0)))
    return x[:, 1:, 1:]


def every_other_pixel(x: Any) -> Any:
    """The pixels at odd positions if the size is even, else the pixels at even positions."""
    height, width = ops.shape(x)[1:3]
    return x[:, (height + 1) % 2 :: 2, (width + 1) % 2 :: 2]


def bordered(x: Any, border: int, stride: int) -> Any:
    """Add the zeros around an image that a window of `2 * border + 1` reads in TensorFlow's "same" padding."""
    x = ops.pad(x, ((0, 0), (border, border), (border, border), (0, 0)))
    if stride == 1:
        return x
    height, width = ops.shape(x)[1:3]  # of the image's parity: even sizes have one zero less at the start
    return x[:, (height + 1) % 2 :, (width + 1) % 2 :]


def crossing(size: int, window: int, stride: int) -> np.ndarray:
    """Tell which windows of TensorFlow's "same" padding reach beyond the border, along one axis.

    Example:
        >>> crossing(5, 3, 2).tolist()
        [True, False, True]
    """
    number = -(-size // stride)
    first = max(0, (number - 1) * stride + window - size) // 2
    starts = np.arange(number) * stride - first
    return (starts < 0) | (starts + window > size)


def window_shape(
    input_shape: tuple[int | None, ...], channels: int, window: tuple[int, int], strides: tuple[int, int], padding: str
) -> tuple[int | None, ...]:
    """The shape of the result of a window that moves over maps.

    Args:
        input_shape: `(batch, height, width, channels)`. All but the channels may be None.
        channels: channels of the result.
        window, strides: `(height, width)`.
        padding: `"same"`, `"torch"` or `"valid"`.
    """

    def size(before, k, stride):
        if before is None:
            return None
        return (before - k) // stride + 1 if padding == "valid" else -(-before // stride)

    spatial = (size(*args) for args in zip(input_shape[1:3], window, strides, strict=True))
    return (input_shape[0], *spatial, channels)
