"""The files under a folder: images, other files, and targets of links. A warning tells of all that is not read."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from absl import logging

from nasnet_keras.images.files import SUFFIXES, is_image

__all__ = ["OWN_LINKS", "Tree", "hidden_images", "is_of_system", "leads_back", "leads_out", "some", "walk"]

OWN_LINKS = "give --follow_links (follow_links=True) if its links are your own"
_OF_SYSTEMS = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"})
_SHOWN = 5


@dataclass
class Tree:
    """The files under a folder.

    Attributes:
        images: files that are named like images, in the folder or behind links that are followed.
        refused: links to images out of the folder, which are not followed.
        unfollowed: links to folders out of the folder, which are not followed.
        ignored: the number of other files, by kind.
        hidden: the number of images with a dot at the beginning of their name, or of a folder's above.
        locked: folders that cannot be listed, and why.
    """

    images: list[Path] = field(default_factory=list)
    refused: list[Path] = field(default_factory=list)
    unfollowed: list[Path] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    hidden: int = 0
    locked: dict[Path, str] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing at all, not even files that are no images."""
        return not (self.images or self.refused or self.unfollowed or self.ignored or self.hidden or self.locked)

    def add(self, other: "Tree") -> None:
        """Add the files of another tree, but for its images."""
        self.refused += other.refused
        self.unfollowed += other.unfollowed
        self.ignored += other.ignored
        self.hidden += other.hidden
        self.locked |= other.locked

    def warn(self, folder: Path, expected: str) -> None:
        """Warn of files that are not read."""
        parts = []
        if self.ignored:
            kinds = ", ".join(f"{count} {kind}" for kind, count in self.ignored.most_common(_SHOWN))
            parts.append(f"{self.ignored.total()} files are not read ({kinds})")
        if self.hidden:
            parts.append(f"{self.hidden} hidden images are not read")
        if parts:
            logging.warning("%s: %s: %s", folder, ", ".join(parts), expected)
        if self.unfollowed:
            logging.warning(
                "%s: what is behind %d links to folders elsewhere is not read (%s): %s",
                folder,
                len(self.unfollowed),
                some(self.unfollowed),
                OWN_LINKS,
            )


def some(paths: Sequence[Path]) -> str:
    """List a few of the paths."""
    more = f", and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(map(str, paths[:_SHOWN])) + more


def is_of_system(name: str) -> bool:
    """Tell whether a file or folder is an operating system's own, or hidden."""
    return name.startswith(".") or name in _OF_SYSTEMS


def leads_out(path: Path, top: Path) -> bool:
    """Tell whether a path is, or goes through, a link out of the folder `top`."""
    return not _real(path).is_relative_to(_real(top))


def leads_back(path: Path) -> bool:
    """Tell whether a path is a link to a folder that it is in."""
    return path.is_symlink() and _real(path.parent).is_relative_to(_real(path))


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # `resolve` raises another error if a link leads to itself


def walk(folder: Path, top: Path, *, follow_links: bool) -> Tree:
    """List all files under a folder.

    A linked folder is read once, after the folders that are there themselves, and never within itself.

    Args:
        folder: to look into.
        top: the folder that links may lead anywhere in.
        follow_links: whether links may also lead out of `top`.
    """
    tree, seen, real, links = Tree(), set[tuple[int, int]](), [folder], list[Path]()
    while real or links:
        linked = not real
        current = links.pop(0) if linked else real.pop()
        if linked and not follow_links and leads_out(current, top):
            tree.unfollowed.append(current)
            continue
        try:
            status = current.stat()
            if leads_back(current) or (status.st_dev, status.st_ino) in seen:
                tree.ignored["links to folders that are read anyway"] += 1
                continue
            seen.add((status.st_dev, status.st_ino))
            with os.scandir(current) as found:
                entries = list(found)
        except OSError as error:
            tree.locked[current] = error.strerror or type(error).__name__
            continue
        for entry in entries:
            if is_of_system(entry.name):
                tree.hidden += hidden_images(entry)
            elif os.path.isdir(entry):  # noqa: PTH112 – `is_dir` raises for some links that lead nowhere
                (links if entry.is_symlink() else real).append(Path(entry.path))
            else:
                _add_file(tree, entry, top, follow_links)
        links.sort()
    tree.images.sort()
    tree.refused.sort()
    return tree


def _add_file(tree: Tree, entry: os.DirEntry, top: Path, follow_links: bool) -> None:
    path = Path(entry.path)
    if not is_image(path):
        tree.ignored[path.suffix.lower() or path.name] += 1
    elif entry.is_symlink() and not follow_links and _real(path).exists() and leads_out(path, top):
        tree.refused.append(path)
    else:  # a link that leads nowhere is an error when it is read
        tree.images.append(path)


def hidden_images(entry: os.DirEntry | Path) -> int:
    """Count the images that an entry's name hides, without those of operating systems."""
    if not entry.name.startswith(".") or entry.name.startswith("._") or entry.is_symlink():
        return 0
    if not entry.is_dir():
        return int(Path(entry.name).suffix.lower() in SUFFIXES)
    names = [name for _, _, files in os.walk(entry) for name in files]
    return sum(is_image(Path(name)) and not name.startswith("._") for name in names)
