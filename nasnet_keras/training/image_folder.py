"""A folder of images as a data set: one folder a class."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, UnidentifiedImageError

from nasnet_keras.training.datasets import Loaded, Split, short_name, stacked

__all__ = ["image_files", "load", "read_image", "resized"]

_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
_EXPECTED = "expected FOLDER/CLASS/IMAGE, or such folders in FOLDER/train, FOLDER/test and FOLDER/validation"


def load(folder: Path, image_size: int | None = None, image_shape: tuple[int, int, int] | None = None) -> Loaded:
    """Read all images under `folder`.

    Args:
        folder: `FOLDER/CLASS/IMAGE`, or with a level of `train`, `validation` and `test` above the classes.
        image_size: side that every image is brought to, its shorter side resized and the middle cut out.
        image_shape: height, width and channels to bring them to, instead of a side.

    Returns:
        The splits that the folder has; without `train`, everything is the training split.

    Raises:
        ValueError: no folder, no images, other classes in the splits, an image that cannot be read or lies outside
            the folder, or images of different sizes and no `image_size`.
    """
    if not folder.is_dir():
        raise ValueError(f"no folder {str(folder)!r}: {_EXPECTED}")
    has_splits = (folder / "train").is_dir()
    roots = {"train": folder}
    if has_splits:
        roots = {name: folder / name for name in ("train", "validation", "test") if (folder / name).is_dir()}
        folders = {entry.name for entry in folder.iterdir() if entry.is_dir() and not entry.name.startswith(".")}
        if other := sorted(folders - set(roots)):
            raise ValueError(f"{folder} has {other[0]} beside train: {_EXPECTED}")
    files = {name: _files(root, folder) for name, root in roots.items()}
    class_names = tuple(files["train"])
    for name, by_class in files.items():
        if unknown := sorted(set(by_class) - set(class_names)):
            raise ValueError(f"{roots[name]} has classes that {roots['train']} has not: {', '.join(unknown)}")
    splits = {}
    for name, by_class in files.items():
        labelled = [(path, class_names.index(label)) for label, paths in by_class.items() for path in paths]
        if image_shape is None:
            images = stacked([read_image(path, image_size) for path, _ in labelled], str(folder))
        else:
            images = resized((read_image(path) for path, _ in labelled), image_shape)
        splits[name] = Split(images, np.asarray([label for _, label in labelled], np.int32))
    return Loaded(short_name(folder.resolve().name), splits, class_names, str(folder))


def read_image(path: Path, image_size: int | None = None) -> np.ndarray:
    """One image as uint8 RGB, `(height, width, 3)`.

    Raises:
        ValueError: it cannot be read.
    """
    try:
        with Image.open(path) as file:
            image = file.convert("RGB")
    except (OSError, ValueError, SyntaxError, UnidentifiedImageError, Image.DecompressionBombError) as error:
        raise ValueError(f"cannot read the image {path}: {error}") from None
    if image_size is not None:
        image = _cut_out(image, (image_size, image_size))
    return np.asarray(image, np.uint8)


def resized(images: Iterable[np.ndarray], shape: tuple[int | None, int | None, int]) -> np.ndarray:
    """Images of values from 0 to 255 as one uint8 array of `(count, *shape)`.

    Args:
        images: each `(height, width, channels)`; grey ones are given three channels where three are wanted,
            and colours made grey where one is.
        shape: height and width to bring each image to, resized until it covers them, its middle cut out; None for
            images of one size that keep it. And the channels.

    Raises:
        ValueError: images of other channels or values, or of different sizes and no size to bring them to.
    """
    height, width, channels = shape
    result = []
    for image in images:
        image = _whole_numbers(image)
        if image.ndim == 3 and image.shape[-1] == 1 and channels == 3:
            image = np.repeat(image, 3, axis=-1)
        elif image.ndim == 3 and image.shape[-1] == 3 and channels == 1:
            image = np.asarray(Image.fromarray(image).convert("L"))[..., None]
        if image.ndim != 3 or image.shape[-1] != channels or not image.size:
            raise ValueError(f"expected images of (height, width, {channels}), got one of {image.shape}")
        if None not in (height, width) and image.shape[:2] != (height, width):
            planes = image if channels != 1 else image[..., 0]
            image = np.asarray(_cut_out(Image.fromarray(planes), (width, height))).reshape(height, width, channels)
        result.append(image)
    if not result:
        raise ValueError("no images")
    return stacked(result, "the images given")


def _whole_numbers(image: Any) -> np.ndarray:
    """An image's values from 0 to 255 as uint8."""
    image = np.asarray(image)
    if image.dtype == np.uint8:
        return image
    if image.dtype.kind not in "iuf" or not np.all((image >= 0) & (image <= 255)):
        found = f"{image.min()} to {image.max()}" if image.size and image.dtype.kind in "iuf" else str(image.dtype)
        raise ValueError(f"expected images of values from 0 to 255, got {found}")
    if image.dtype.kind == "f" and image.size and 0.0 < image.max() <= 1.0:
        raise ValueError(f"expected images of values from 0 to 255, got fractions up to {image.max()}: times 255?")
    return np.rint(image).astype(np.uint8)


def _cut_out(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """The middle of an image that was resized until it covers `(width, height)`."""
    scale = max(want / have for want, have in zip(size, image.size, strict=True))
    width, height = (max(want, round(have * scale)) for want, have in zip(size, image.size, strict=True))
    image = image.resize((width, height), Image.Resampling.BILINEAR)
    left, top = (width - size[0]) // 2, (height - size[1]) // 2
    return image.crop((left, top, left + size[0], top + size[1]))


def image_files(folder: Path) -> list[Path]:
    """The image files of a folder, sorted.

    Raises:
        ValueError: there are none.
    """
    paths = _images(folder)
    if not paths:
        raise ValueError(f"no images in {folder}: expected files of {', '.join(sorted(_SUFFIXES))}")
    return paths


def _images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in _SUFFIXES)


def _files(root: Path, folder: Path) -> dict[str, list[Path]]:
    """The image files by class, both sorted."""
    classes = {}
    for entry in sorted(root.iterdir()):
        if entry.is_dir() and not entry.name.startswith("."):
            paths = _images(entry)
            for path in paths:
                if not path.resolve().is_relative_to(folder.resolve()):
                    raise ValueError(f"{path} leads out of {folder}: refused")
            if paths:
                classes[entry.name] = paths
    if not classes:
        raise ValueError(f"{root} has no images: {_EXPECTED}")
    return classes
