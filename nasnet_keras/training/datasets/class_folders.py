"""The image files of each class of each split, found in folders; what is wrong with the folders is collected."""

import unicodedata
from collections.abc import Mapping
from pathlib import Path

from nasnet_keras.images.files import is_image
from nasnet_keras.images.problems import Problems
from nasnet_keras.images.reading import FILES, cannot_list
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
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.workdir import is_workdir

__all__ = ["EXPECTED", "class_folders"]

EXPECTED = "expected FOLDER/CLASS/IMAGE, or such folders in FOLDER/train, FOLDER/test and FOLDER/validation"

_SPLITS = {  # their spellings, in small letters
    "train": ("train", "training"),
    "validation": ("validation", "val", "valid"),
    "test": ("test", "testing"),
}
_LEADS_OUT, _NO_IMAGES = "leads out of the folder", "has no images"  # what is wrong, in records


def class_folders(folder: Path, problems: Problems, follow_links: bool = True) -> dict[str, dict[str, list[Path]]]:
    """Find the image files by split and class, both sorted; a warning tells of files that are not read.

    Args:
        folder: see `image_folder.load`.
        problems: gets what is wrong. Folders without any file, and links out of the folder, can be left out.
        follow_links: whether links may lead out of the folder.

    Raises:
        OSError: a folder cannot be listed.
    """
    roots = _roots(folder, problems)
    files = {name: _files(root, folder, follow_links, problems) for name, root in roots.items()}
    for name, by_class in files.items():
        if unknown := sorted(by_class.keys() - files["train"].keys()):
            problems.add(f"{roots[name]} has classes that {roots['train']} has not: {', '.join(unknown)}")
    return files


def _roots(folder: Path, problems: Problems) -> Mapping[str, Path]:
    """Find the folders of splits in a folder; if there are none, the folder itself is the one for training."""
    entries = [entry for entry in _folders(folder) if not is_workdir(entry)]
    found = {
        name: [entry for entry in entries if entry.name.casefold() in spellings] for name, spellings in _SPLITS.items()
    }
    if not any(_folders(entry) for entry in found["train"]):
        return {"train": folder}
    for spelt in found.values():
        if len(spelt) > 1:
            problems.add(f"{folder} has both {spelt[0].name} and {spelt[1].name}: {EXPECTED}")
    known = {entry for spelt in found.values() for entry in spelt}
    roots = {name: spelt[0] for name, spelt in found.items() if spelt}
    if others := [entry for entry in entries if entry not in known]:
        problems.add(f"{folder} has {others[0].name} beside {roots['train'].name}: {EXPECTED}")
    return roots


def _files(root: Path, folder: Path, follow_links: bool, problems: Problems) -> dict[str, list[Path]]:
    """List the image files by class, both sorted."""
    if root != folder and (wrong := _link(root, folder, follow_links)):
        problems.add(wrong)
        return {}
    classes, others, empty = {}, Tree(), True
    for beside in dict.fromkeys((folder, root)):
        others.add(_beside(beside, problems))
    for entry in _folders(root):
        if wrong := _link(entry, folder, follow_links):
            problems.add(wrong)
            empty = False
            continue
        tree = walk(entry, folder, follow_links=follow_links)
        if is_workdir(entry):
            others.ignored.update(path.suffix.lower() for path in tree.images)
            continue
        others.add(tree)
        empty = empty and tree.is_empty
        _add_problems(entry, tree, folder, problems)
        if tree.images or tree.refused:
            _add_class(classes, entry, tree, problems)
    if empty:
        problems.add(f"{root} has no images: {EXPECTED}")
    others.warn(root, EXPECTED)
    return dict(sorted(classes.items()))


def _add_problems(entry: Path, tree: Tree, folder: Path, problems: Problems) -> None:
    """Add what is wrong with the files of a class."""
    for path, reason in tree.locked.items():
        problems.add(cannot_list(path, reason))
    for path in tree.refused:
        problems.add_file(_refused(path, folder), path, folder, _LEADS_OUT)
    if tree.is_empty:
        problems.add_file(f"{entry} has no images: {EXPECTED}, of {FILES}", entry, folder, _NO_IMAGES)
    elif not tree.images and tree.unfollowed:
        problems.add(f"{entry} has links to folders elsewhere alone ({some(tree.unfollowed)}): {OWN_LINKS}")
    elif not (tree.images or tree.refused or tree.locked):
        kinds = ", ".join(f"{count} {kind}" for kind, count in tree.ignored.most_common(3))
        others = f", and there are others ({kinds})" if kinds else ""
        problems.add(f"{entry} has no images: {EXPECTED}, of {FILES}{others}")


def _add_class(classes: dict[str, list[Path]], entry: Path, tree: Tree, problems: Problems) -> None:
    try:
        entry.name.encode()
    except UnicodeEncodeError:
        problems.add(f"the name of the folder {quoted(str(entry))} is not in UTF-8: rename it")
    name = unicodedata.normalize("NFC", entry.name)  # é is one character or two, depending on the system
    if name in classes:
        problems.add(f"{entry.parent} has two folders named {quoted(name)}, in two ways to write it: make them one")
    classes[name] = [*classes.get(name, []), *tree.images]


def _link(path: Path, folder: Path, follow_links: bool) -> str:
    """What is wrong with a folder that leads out of the folder, or back to one that it is in; else an empty text."""
    if not follow_links and leads_out(path, folder):
        return _refused(path, folder)
    return f"{path} is a link to a folder that it is in" if leads_back(path) else ""


def _refused(path: Path, folder: Path) -> str:
    return f"{path} leads out of {folder}: refused; {OWN_LINKS}"


def _beside(root: Path, problems: Problems) -> Tree:
    """List the files beside the folders of splits or classes."""
    beside = Tree()
    for path in root.iterdir():
        if is_of_system(path.name):
            beside.hidden += hidden_images(path)
            continue
        if path.is_dir():
            continue
        if path.is_symlink() and not is_image(path) and not path.exists():
            problems.add(f"{path} is a link that leads nowhere: {EXPECTED}")
            continue
        beside.ignored[path.suffix.lower() or path.name] += 1
    return beside


def _folders(root: Path) -> list[Path]:
    return sorted(entry for entry in root.iterdir() if entry.is_dir() and not is_of_system(entry.name))
