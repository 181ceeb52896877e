"""Folders of images as data sets: one folder a class."""

import unicodedata
from pathlib import Path

import numpy as np

from nasnet_keras.images.files import is_image
from nasnet_keras.images.reading import FILES, read_images, spread
from nasnet_keras.images.tree import (
    OWN_LINKS,
    Tree,
    hidden_images,
    is_of_system,
    leads_back,
    leads_out,
    some,
    walk,
)
from nasnet_keras.training.datasets.base import Loaded, Split, slug
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.workdir import is_workdir

__all__ = ["load"]

_EXPECTED = "expected FOLDER/CLASS/IMAGE, or such folders in FOLDER/train, FOLDER/test and FOLDER/validation"
_SPLITS = {  # their spellings, in small letters
    "train": ("train", "training"),
    "validation": ("validation", "val", "valid"),
    "test": ("test", "testing"),
}


def load(
    folder: Path,
    image_size: int | None = None,
    image_shape: tuple[int, int, int] | None = None,
    *,
    fit: str = "crop",
    follow_links: bool = True,
    most: int | None = None,
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

    Returns:
        The splits that the folder has; if it has no `train`, all images are the training split.

    Raises:
        ValueError: there is no folder or no image, a class has no images, splits have different classes, images cannot
            be read or lie outside the folder, have different sizes and no size to bring them to, or do not fit in
            memory.
    """
    if not folder.is_dir():
        raise ValueError(f"no folder {quoted(str(folder))}: {_EXPECTED}")
    try:
        roots = _roots(folder)
        files = {name: _files(root, folder, follow_links) for name, root in roots.items()}
    except OSError as error:
        raise ValueError(f"cannot read the folder {error.filename}: {error.strerror}") from None
    class_names = tuple(files["train"])
    for name, by_class in files.items():
        if unknown := sorted(set(by_class) - set(class_names)):
            raise ValueError(f"{roots[name]} has classes that {roots['train']} has not: {', '.join(unknown)}")
    if image_shape is None and image_size is not None:
        image_shape = (image_size, image_size, 3)
    splits = {}
    for name, by_class in files.items():
        labelled = [(path, class_names.index(label)) for label, paths in by_class.items() for path in paths]
        labelled = labelled if most is None else [labelled[index] for index in spread(len(labelled), most)]
        images = read_images([path for path, _ in labelled], image_shape or (None, None, 3), str(folder), fit)
        splits[name] = Split(images, np.asarray([label for _, label in labelled], np.int32))
    return Loaded(slug(folder.resolve().name), splits, class_names, str(folder))


def _roots(folder: Path) -> dict[str, Path]:
    """Find the folders of splits in a folder; if there are none, the folder itself is the one for training."""
    entries = [entry for entry in _folders(folder) if not is_workdir(entry)]
    found = {
        name: [entry for entry in entries if entry.name.casefold() in spellings] for name, spellings in _SPLITS.items()
    }
    if not any(_folders(entry) for entry in found["train"]):
        return {"train": folder}
    for spelt in found.values():
        if len(spelt) > 1:
            raise ValueError(f"{folder} has both {spelt[0].name} and {spelt[1].name}: {_EXPECTED}")
    roots = {name: spelt[0] for name, spelt in found.items() if spelt}
    if others := [entry for entry in entries if entry not in roots.values()]:
        raise ValueError(f"{folder} has {others[0].name} beside {roots['train'].name}: {_EXPECTED}")
    return roots


def _files(root: Path, folder: Path, follow_links: bool) -> dict[str, list[Path]]:
    """List the image files by class, both sorted."""
    _check_links([root] if root != folder else [], folder, follow_links)
    classes, others = {}, Tree()
    for beside in dict.fromkeys((folder, root)):
        others.add(_beside(beside))
    for entry in _folders(root):
        _check_links([entry], folder, follow_links)
        tree = walk(entry, folder, follow_links=follow_links)
        if is_workdir(entry):
            others.ignored.update(path.suffix.lower() for path in tree.images)
            continue
        _check_links(tree.refused, folder, follow_links)
        others.add(tree)
        if not tree.images and tree.unfollowed:
            raise ValueError(f"{entry} has links to folders elsewhere alone ({some(tree.unfollowed)}): {OWN_LINKS}")
        if not tree.images:
            raise ValueError(f"{entry} has no images: {_EXPECTED}, of {FILES}")
        name = _class_name(entry)
        if name in classes:
            raise ValueError(f"{root} has two folders named {quoted(name)}, in two ways to write it: make them one")
        classes[name] = tree.images
    if not classes:
        raise ValueError(f"{root} has no images: {_EXPECTED}")
    others.warn(root, _EXPECTED)
    return dict(sorted(classes.items()))


def _check_links(paths: list[Path], folder: Path, follow_links: bool) -> None:
    """Raise a ValueError if one of the paths leads out of the folder, or back to a folder that it is in."""
    if out := [path for path in paths if not follow_links and leads_out(path, folder)]:
        raise ValueError(f"{some(out)} leads out of {folder}: refused; {OWN_LINKS}")
    if back := [path for path in paths if leads_back(path)]:
        raise ValueError(f"{back[0]} is a link to a folder that it is in")


def _beside(root: Path) -> Tree:
    """List the files beside the folders of splits or classes."""
    beside = Tree()
    for path in root.iterdir():
        if is_of_system(path.name):
            beside.hidden += hidden_images(path)
            continue
        if path.is_dir():
            continue
        if path.is_symlink() and not is_image(path) and not path.exists():
            raise ValueError(f"{path} is a link that leads nowhere: {_EXPECTED}")
        beside.ignored[path.suffix.lower() or path.name] += 1
    return beside


def _class_name(entry: Path) -> str:
    try:
        entry.name.encode()
    except UnicodeEncodeError:
        raise ValueError(f"the name of the folder {quoted(str(entry))} is not in UTF-8: rename it") from None
    return unicodedata.normalize("NFC", entry.name)  # é is one character or two, depending on the system


def _folders(root: Path) -> list[Path]:
    return sorted(entry for entry in root.iterdir() if entry.is_dir() and not is_of_system(entry.name))
