"""Which pixels a window reads, for images of sizes that may be unknown."""

from typing import Any

from keras import ops

__all__ = ["bordered", "every_other_pixel", "from_odd_pixels", "subsampled", "window_shape"]


def subsampled(x: Any, strides: tuple[int, int], dilation: int) -> tuple[Any, tuple[int, int], int]:
    """Turn a dilated convolution at stride 2 into an equal one at stride 1, which every backend can do.

    With an even dilation the kernel touches pixels of one parity only: odd ones where the size is even, else even
    ones, in TensorFlow's "same" padding.
    """
    if dilation == 1 or strides == (1, 1):
        return x, strides, dilation
    return every_other_pixel(x), (1, 1), dilation // 2


def from_odd_pixels(x: Any) -> Any:
    """Without the first row and column, and with zeros beyond the last ones where a size is not even, or not known."""
    missing = [0 if size is not None and size % 2 == 0 else 1 for size in x.shape[1:3]]
    if any(missing):  # else it would be a copy for nothing
        rows, columns = ((0, number) for number in missing)
        x = ops.pad(x, ((0, 0), rows, columns, (0, 0)))
    return x[:, 1:, 1:]


def every_other_pixel(x: Any) -> Any:
    """The pixels at odd positions where the size is even, else those at even ones."""
    height, width = ops.shape(x)[1:3]
    return x[:, (height + 1) % 2 :: 2, (width + 1) % 2 :: 2]


def bordered(x: Any, border: int, stride: int) -> Any:
    """With the zeros around it that a window of `2 * border + 1` reads in TensorFlow's "same" padding."""
    x = ops.pad(x, ((0, 0), (border, border), (border, border), (0, 0)))
    if stride == 1:
        return x
    height, width = ops.shape(x)[1:3]  # still of the parity of the image: even sizes have one less at the start
    return x[:, (height + 1) % 2 :, (width + 1) % 2 :]


def window_shape(
    input_shape: tuple[int | None, ...], channels: int, window: tuple[int, int], strides: tuple[int, int], padding: str
) -> tuple[int | None, ...]:
    """The shape of what a window that moves over maps makes of them: `padding` is `"same"` or `"valid"`."""

    def size(before, k, stride):
        if before is None:
            return None
        return -(-before // stride) if padding == "same" else (before - k) // stride + 1

    spatial = (size(*args) for args in zip(input_shape[1:3], window, strides, strict=True))
    return (input_shape[0], *spatial, channels)
