"""Many image files as one array."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np

from nasnet_keras.images.files import SUFFIXES, read_image
from nasnet_keras.images.fitting import resized
from nasnet_keras.images.tree import Tree, walk

__all__ = ["FILES", "image_files", "read_folder", "read_images", "spread", "tree_of"]

FILES = f"files of {', '.join(sorted(SUFFIXES))}"
_SHOWN = 5


def tree_of(folder: Path, follow_links: bool) -> Tree:
    """List the files under a folder of images without classes; a warning tells of files that are no images.

    Raises:
        ValueError: there are no images, or a folder cannot be read.
    """
    try:
        tree = walk(folder, folder, follow_links=follow_links)
    except OSError as error:
        raise ValueError(f"cannot read the folder {error.filename}: {error.strerror}") from None
    tree.warn(folder, f"expected {FILES}")
    if not tree.images and not tree.refused:
        raise ValueError(f"no images in {folder}: expected {FILES}")
    return tree


def image_files(folder: Path) -> list[Path]:
    """List the image files under a folder, sorted, without those that links lead out to.

    Raises:
        ValueError: there are no images.
    """
    return tree_of(folder, follow_links=False).images


def read_folder(folder: Path, shape: tuple[int, int, int], most: int, fit: str = "crop") -> np.ndarray:
    """Read images of a folder and of the folders in it, also behind links.

    Args:
        folder: with or without folders of classes.
        shape: height, width and channels that each image is brought to.
        most: the largest number of images to read; of more, every so many of their sorted names.
        fit: the way to bring them to their size, one of `fitting.FITS`.

    Returns:
        uint8 of `(count, *shape)`, 0 to 255.

    Raises:
        ValueError: there are no images, or some cannot be read; the error names their files.

    Example:
        >>> from PIL import Image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new("RGB", (8, 6), "white").save(f"{folder}/a.png")
        ...     read_folder(pathlib.Path(folder), (4, 4, 3), most=10).shape
        (1, 4, 4, 3)
    """
    paths = tree_of(folder, follow_links=True).images
    return read_images([paths[index] for index in spread(len(paths), most)], shape, str(folder), fit)


def spread(count: int, most: int) -> np.ndarray:
    """Choose up to `most` of `count` things, from the first to the last, as far from each other as can be.

    Example:
        >>> spread(9, 3).tolist(), spread(2, 3).tolist()
        ([0, 4, 8], [0, 1])
    """
    return np.linspace(0, count - 1, min(count, most)).round().astype(int)


def read_images(
    paths: list[Path], shape: tuple[int | None, int | None, int], source: str, fit: str = "crop"
) -> np.ndarray:
    """Read images, each brought to its shape at once, as `fitting.resized` does.

    Raises:
        ValueError: images cannot be read, which one error names all, or cannot be brought to the shape.
    """
    broken: list[str] = []

    def images() -> Iterable[np.ndarray]:
        for path in paths:
            try:
                yield read_image(path)
            except ValueError as error:
                broken.append(str(error))

    try:
        array = resized(images(), shape, source, len(paths), fit)
    except ValueError:
        if not broken:
            raise
    if broken:
        more = f"; and {len(broken) - _SHOWN} more" if len(broken) > _SHOWN else ""
        raise ValueError("; ".join(broken[:_SHOWN]) + more)
    return array
