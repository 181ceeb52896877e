"""The images that are classified: those of folders, single ones, and those that a file lists."""

import codecs
import os
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from nasnet_keras.images.reading import not_read, tree_of
from nasnet_keras.utils.checks import quoted

__all__ = ["Listed", "listed"]

_LIST = ".txt"


class Listed(NamedTuple):
    """An image of the table.

    Attributes:
        path: of the file.
        name: what the table calls it.
        error: why it is not read; empty if it is to be.
    """

    path: Path
    name: str
    error: str = ""


def listed(sources: Sequence[str], follow_links: bool = False) -> list[Listed]:
    """List the images of folders, files and lists, in the order of these, and in a folder of their names.

    Images of a folder are called by their paths within it, if it is given alone, and others by their paths.

    Args:
        sources: paths of folders of images and of folders with images, of images, or of lists, `NAME.txt`, with a path
            in each line.
        follow_links: whether links in folders may lead out of them.

    Raises:
        ValueError: there is no such folder or file, or it has no images.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     pathlib.Path(folder, "1.jpg").touch()
        ...     [image.name for image in listed([folder])]
        ['1.jpg']
    """
    found = []
    for source in sources:
        path = Path(source)
        if _is(Path.is_dir, path):
            found += _in_folder(path, path if len(sources) == 1 else None, follow_links)
        elif not _is(os.path.lexists, path):
            raise ValueError(f"--images: there is no folder or file {quoted(source)}")
        elif path.suffix.lower() == _LIST:
            found += _in_list(path)
        else:
            found.append(Listed(path, source))
    return found


def _is(test: object, path: Path) -> bool:
    try:
        return test(path)
    except (OSError, ValueError):  # a name that is too long, or has a zero byte
        return False


def _in_folder(folder: Path, top: Path | None, follow_links: bool) -> list[Listed]:
    tree = tree_of(folder, follow_links)
    refused = not_read(tree, folder)
    paths = sorted([*tree.images, *refused])
    return [
        Listed(one, (one if top is None else one.relative_to(top)).as_posix(), refused.get(one, "")) for one in paths
    ]


def _in_list(path: Path) -> list[Listed]:
    """The images that a file names, by paths as the shell takes them."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise ValueError(f"--images: cannot read the list {path}: {error.strerror}") from None
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise ValueError(f"--images: the list {path} is UTF-16, as PowerShell writes it: save it as UTF-8")
    text = data.decode("utf-8-sig", "surrogateescape")  # names of files need not be UTF-8
    lines = [line.removesuffix("\r") for line in text.split("\n")]
    found = [Listed(Path(line), line) for line in lines if line.strip()]
    if not found:
        raise ValueError(f"--images: the list {path} is empty: expected the path of an image in each line")
    return found
