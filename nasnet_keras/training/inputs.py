"""The inputs of networks: images with scaled values, at the size of a training step."""

from typing import Any

from keras import ops

__all__ = ["at_size", "scaled"]


def scaled(images: Any) -> Any:
    """Scale uint8 values from 0 to 255 to float32 ones from -1 to 1: `recipes.PREPROCESSING`."""
    return ops.cast(images, "float32") / 127.5 - 1.0


def at_size(images: Any, size: tuple[int, int] | None) -> Any:
    """Bring images to another height and width, by antialiased bilinear resizing; None leaves them as they are.

    `ops.image.resize` would do, but for its operation on TensorFlow, which XLA cannot compile.

    Args:
        images: `(batch, height, width, channels)`, float32.
        size: height and width.
    """
    if size is None:
        return images
    sides = images.shape[1:3]
    return ops.image.scale_and_translate(
        images,
        (images.shape[0], *size, images.shape[-1]),
        scale=ops.convert_to_tensor([new / old for new, old in zip(size, sides, strict=True)], "float32"),
        translation=ops.zeros(2),
        spatial_dims=(1, 2),
        method="linear",
    )
