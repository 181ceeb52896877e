"""The files under a folder: images, what is no image, and what links lead to. Nothing is passed over without a word."""

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from absl import logging

from nasnet_keras.training.datasets.images import SUFFIXES, is_image

__all__ = ["OWN_LINKS", "Tree", "hidden_images", "is_of_system", "leads_back", "leads_out", "some", "walk"]

OWN_LINKS = "give --follow_links (follow_links=True) if its links are your own"
_OF_SYSTEMS = frozenset({"__MACOSX", "@eaDir", "$RECYCLE.BIN", "System Volume Information", "lost+found"})
_SHOWN = 5


@dataclass
class Tree:
    """What is under a folder.

    Attributes:
        images: files that are named like images, and lie in the folder or are linked to from it, as is allowed.
        refused: such links that lead out of it, and are not to be followed.
        unfollowed: links to folders out of it, which are not followed either.
        ignored: kinds of the other files, by number.
        hidden: images whose name, or a folder's above, begins with a dot.
    """

    images: list[Path] = field(default_factory=list)
    refused: list[Path] = field(default_factory=list)
    unfollowed: list[Path] = field(default_factory=list)
    ignored: Counter[str] = field(default_factory=Counter)
    hidden: int = 0

    def add(self, other: "Tree") -> None:
        """Have what another one has, too, but for its images."""
        self.refused += other.refused
        self.unfollowed += other.unfollowed
        self.ignored += other.ignored
        self.hidden += other.hidden

    def warn(self, folder: Path, expected: str) -> None:
        """Tell what is not read."""
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
    """A few of the paths."""
    more = f", and {len(paths) - _SHOWN} more" if len(paths) > _SHOWN else ""
    return ", ".join(map(str, paths[:_SHOWN])) + more


def is_of_system(name: str) -> bool:
    """Whether a file or folder was made by an operating system, for itself, or is hidden."""
    return name.startswith(".") or name in _OF_SYSTEMS


def leads_out(path: Path, top: Path) -> bool:
    """Whether a link leads out of the folder `top`, or a path goes through one that does."""
    return not _real(path).is_relative_to(_real(top))


def leads_back(path: Path) -> bool:
    """Whether a link leads to a folder that it is in."""
    return path.is_symlink() and _real(path.parent).is_relative_to(_real(path))


def _real(path: Path) -> Path:
    return Path(os.path.realpath(path))  # `resolve` raises another error of a link to itself


def walk(folder: Path, top: Path, *, follow_links: bool) -> Tree:
    """All that is under a folder.

    A folder that is linked to is read once, after those that are there, and never within itself.

    Args:
        folder: to look into.
        top: that links may lead anywhere in.
        follow_links: whether they may lead out of it, too.

    Raises:
        OSError: a folder cannot be read.
    """
    tree, seen, real, links = Tree(), set[tuple[int, int]](), [folder], list[Path]()
    while real or links:
        linked = not real
        current = links.pop(0) if linked else real.pop()
        if linked and not follow_links and leads_out(current, top):
            tree.unfollowed.append(current)
            continue
        status = current.stat()
        if leads_back(current) or (status.st_dev, status.st_ino) in seen:
            tree.ignored["links to folders that are read anyway"] += 1
            continue
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(current) as entries:
            for entry in entries:
                if is_of_system(entry.name):
                    tree.hidden += hidden_images(entry)
                elif os.path.isdir(entry):  # noqa: PTH112 – `is_dir` raises of some links that lead nowhere
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
    else:  # also what leads nowhere: it is an error when it is read
        tree.images.append(path)


def hidden_images(entry: os.DirEntry | Path) -> int:
    """How many images are hidden by the name of an entry, without those that systems make for themselves."""
    if not entry.name.startswith(".") or entry.name.startswith("._") or entry.is_symlink():
        return 0
    if not entry.is_dir():
        return int(Path(entry.name).suffix.lower() in SUFFIXES)
    names = [name for _, _, files in os.walk(entry) for name in files]
    return sum(is_image(Path(name)) and not name.startswith("._") for name in names)
