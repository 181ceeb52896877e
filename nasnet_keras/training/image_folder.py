"""A folder of images as a data set: one folder a class."""

from pathlib import Path

import numpy as np
from PIL import Image, UnidentifiedImageError

from nasnet_keras.training.datasets import Loaded, Split, short_name, stacked

__all__ = ["load", "read_image"]

_SUFFIXES = frozenset({".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp"})
_EXPECTED = "expected FOLDER/CLASS/IMAGE, or such folders in FOLDER/train, FOLDER/test and FOLDER/validation"


def load(folder: Path, image_size: int | None = None) -> Loaded:
    """Read all images under `folder`.

    Args:
        folder: `FOLDER/CLASS/IMAGE`, or with a level of `train`, `validation` and `test` above the classes.
        image_size: side that every image is brought to, its shorter side resized and the middle cut out.

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
        images = stacked([read_image(path, image_size) for path, _ in labelled], str(folder))
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
        scale = image_size / min(image.size)
        width, height = (max(image_size, round(side * scale)) for side in image.size)
        image = image.resize((width, height), Image.Resampling.BILINEAR)
        left, top = (width - image_size) // 2, (height - image_size) // 2
        image = image.crop((left, top, left + image_size, top + image_size))
    return np.asarray(image, np.uint8)


def _files(root: Path, folder: Path) -> dict[str, list[Path]]:
    """The image files by class, both sorted."""
    classes = {}
    for entry in sorted(root.iterdir()):
        if entry.is_dir() and not entry.name.startswith("."):
            paths = sorted(path for path in entry.iterdir() if path.suffix.lower() in _SUFFIXES)
            for path in paths:
                if not path.resolve().is_relative_to(folder.resolve()):
                    raise ValueError(f"{path} leads out of {folder}: refused")
            if paths:
                classes[entry.name] = paths
    if not classes:
        raise ValueError(f"{root} has no images: {_EXPECTED}")
    return classes
