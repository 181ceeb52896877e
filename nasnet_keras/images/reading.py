"""Many image files as one array."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from nasnet_keras.images.files import SUFFIXES, ImageError, read_image
from nasnet_keras.images.fitting import resized
from nasnet_keras.images.problems import Problems
from nasnet_keras.images.tree import OWN_LINKS, Tree, walk

__all__ = [
    "CANNOT_BE_READ",
    "FILES",
    "cannot_list",
    "image_files",
    "not_read",
    "read_folder",
    "read_images",
    "spread",
    "tree_of",
]

FILES = f"files of {', '.join(sorted(SUFFIXES))}"
CANNOT_BE_READ = "cannot be read"
"""What is wrong with a file or folder, in records."""


def tree_of(folder: Path, follow_links: bool) -> Tree:
    """List the files under a folder of images without classes; a warning tells of files that are no images.

    Raises:
        ValueError: there are no images, or the folder cannot be read.
    """
    tree = walk(folder, folder, follow_links=follow_links)
    if folder in tree.locked:
        raise ValueError(cannot_list(folder, tree.locked[folder]))
    tree.warn(folder, f"expected {FILES}")
    if not tree.images and not tree.refused and not tree.locked:
        raise ValueError(f"no images in {folder}: expected {FILES}")
    return tree


def not_read(tree: Tree, folder: Path) -> dict[Path, str]:
    """The reasons for links and folders of a tree that are not read, by path."""
    refused = dict.fromkeys(tree.refused, f"it leads out of {folder}: refused; {OWN_LINKS}")
    return refused | {path: f"the folder cannot be listed: {reason}" for path, reason in tree.locked.items()}


def image_files(folder: Path) -> list[Path]:
    """List the image files under a folder, sorted, without those that links lead out to.

    Raises:
        ValueError: there are no images, or a folder cannot be read.
    """
    tree = tree_of(folder, follow_links=False)
    for path, reason in tree.locked.items():
        raise ValueError(cannot_list(path, reason))
    return tree.images


def read_folder(
    folder: Path, shape: tuple[int, int, int], most: int, fit: str = "crop", skip_unreadable: bool | None = None
) -> np.ndarray:
    """Read images of a folder and of the folders in it, also behind links.

    Args:
        folder: with or without folders of classes.
        shape: height, width and channels that each image is brought to.
        most: the largest number of images to read; of more, every so many of their sorted names.
        fit: the way to bring them to their size, one of `fitting.FITS`.
        skip_unreadable: whether images that cannot be read are left out, with a warning; None if nobody can say so.

    Returns:
        uint8 of `(count, *shape)`, 0 to 255.

    Raises:
        ImagesError: some images cannot be read; the error names their files.
        ValueError: there are no images, or none can be read.

    Example:
        >>> from PIL import Image
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     Image.new("RGB", (8, 6), "white").save(f"{folder}/a.png")
        ...     read_folder(pathlib.Path(folder), (4, 4, 3), most=10).shape
        (1, 4, 4, 3)
    """
    tree, problems = tree_of(folder, follow_links=True), Problems(str(folder), skip_unreadable)
    for path, reason in tree.locked.items():
        problems.add_file(cannot_list(path, reason), path, folder, CANNOT_BE_READ)
    paths = [tree.images[index] for index in spread(len(tree.images), most)]
    images, kept = read_images(paths, shape, folder, fit, problems)
    if not len(kept):
        problems.add(f"no image in {folder} can be read")
    problems.check()
    return images


def cannot_list(folder: Path, reason: str) -> str:
    """Tell that a folder cannot be listed."""
    return f"cannot read the folder {folder}: {reason}"


def spread(count: int, most: int) -> np.ndarray:
    """Choose up to `most` of `count` things, from the first to the last, as far from each other as can be.

    Example:
        >>> spread(9, 3).tolist(), spread(2, 3).tolist()
        ([0, 4, 8], [0, 1])
    """
    return np.linspace(0, count - 1, min(count, most)).round().astype(int)


def read_images(
    paths: Sequence[Path],
    shape: tuple[int | None, int | None, int],
    folder: Path,
    fit: str,
    problems: Problems,
) -> tuple[np.ndarray, list[int]]:
    """Read images, each brought to its shape at once, as `fitting.resized` does.

    Args:
        paths: of the images.
        shape: height, width and channels of each; height and width are None for images of one size that keep it.
        folder: the folder that they are of.
        fit: the way to bring them to their size, one of `fitting.FITS`.
        problems: gets the images that cannot be read, and what else is wrong with all of them.

    Returns:
        The images that can be read, and their indices among the paths.

    Raises:
        ImagesError: so many images do not fit in memory.
    """
    kept, tried = [], 0

    def images() -> Iterable[np.ndarray]:
        nonlocal tried
        for index, path in enumerate(paths):
            tried += 1
            try:
                pixels = read_image(path)
            except ImageError as error:
                problems.add_file(str(error), path, folder, CANNOT_BE_READ)
            else:
                kept.append(index)
                yield pixels

    try:
        return resized(images(), shape, str(folder), len(paths), fit), kept
    except ValueError as error:
        if kept or tried < len(paths):  # else it says that there are no images
            problems.add(str(error))
        if tried < len(paths):  # there is no room for so many
            problems.check()
    return np.zeros((0, *(side or 0 for side in shape)), np.uint8), kept
