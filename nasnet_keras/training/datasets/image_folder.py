"""Folders of images as data sets: one folder a class."""

from pathlib import Path

import numpy as np

from nasnet_keras.images.problems import Problems
from nasnet_keras.images.reading import read_images, spread
from nasnet_keras.training.datasets.base import Loaded, Split, slug
from nasnet_keras.training.datasets.class_folders import EXPECTED, class_folders
from nasnet_keras.training.datasets.origins import Origins
from nasnet_keras.utils.checks import quoted

__all__ = ["check", "load"]


def load(
    folder: Path,
    image_size: int | None = None,
    image_shape: tuple[int, int, int] | None = None,
    *,
    fit: str = "crop",
    follow_links: bool = True,
    most: int | None = None,
    skip_unreadable: bool = False,
    problems: Problems | None = None,
) -> Loaded:
    """Read all images under `folder`.

    Args:
        folder: `FOLDER/CLASS/IMAGE`, or with a level of `train`, `validation` and `test` above the classes (or
            `Training`, `val` and so on). A class may have folders within it. A warning tells of files that are not
            read.
        image_size: side in pixels that every image is brought to.
        image_shape: height, width and channels to bring images to, instead of a side.
        fit: the way to bring them to their size, one of `fitting.FITS`.
        follow_links: whether links may lead out of the folder. `datasets.load` and `fine_tune` follow none, unless
            their caller says that the links are the user's own: somebody else may have put them into the folder. A
            warning then tells of linked folders within a class, and any other such link is an error.
        most: the largest number of images of a split that are read, from all over it; None means all.
        skip_unreadable: whether images that cannot be read, and folders without any file, are left out. A warning lists
            them, and they are the `skipped` of what is returned. A class of which no image is left is an error.
        problems: gets all that is wrong with the folder, which the caller checks; by default an error tells all of it.

    Returns:
        The splits that the folder has; if it has no `train`, all images are the training split.

    Raises:
        ImagesError: a class has no images, splits have different classes, images cannot be read or lie outside the
            folder, have different sizes and no size to bring them to, or do not fit in memory. The error tells all of
            that at once.
        ValueError: there is no folder, or it cannot be listed.
    """
    check(folder)
    found = Problems(str(folder), skip_unreadable) if problems is None else problems
    try:
        files = class_folders(folder, found, follow_links)
    except OSError as error:
        raise ValueError(f"cannot read the folder {error.filename}: {error.strerror}") from None
    class_names = tuple(dict.fromkeys(name for by_class in files.values() for name in by_class))  # training's, if legal
    if image_shape is None and image_size is not None:
        image_shape = (image_size, image_size, 3)
    splits = {}
    for split, by_class in files.items():
        labelled = [(path, label) for label, name in enumerate(class_names) for path in by_class.get(name, ())]
        labelled = labelled if most is None else [labelled[index] for index in spread(len(labelled), most)]
        paths = [path for path, _ in labelled]
        images, kept = read_images(paths, image_shape or (None, None, 3), folder, fit, found)
        labels = [labelled[index][1] for index in kept]
        origins = Origins.of_files(folder, [paths[index] for index in kept])
        splits[split] = Split(images, np.asarray(labels, np.int32), origins)
        tried = {label for _, label in labelled} | {class_names.index(name) for name in by_class if not by_class[name]}
        for label in sorted(tried.difference(labels)):
            where = f"no {split} image of the class {class_names[label]} in {folder} can be read"
            found.add(f"{where}: mend one, or move its folder away")
    if problems is None:
        found.check()
    return Loaded(slug(folder.resolve().name), splits, class_names, str(folder), skipped=found.skipped)


def check(folder: Path) -> None:
    """Raise a ValueError if there is no such folder."""
    if not folder.is_dir():
        raise ValueError(f"no folder {quoted(str(folder))}: {EXPECTED}")
