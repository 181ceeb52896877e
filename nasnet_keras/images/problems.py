"""What is wrong with folders of images: found in one pass, and told in one error, or left out and recorded."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from absl import logging

__all__ = ["SKIP", "ImagesError", "Problems", "in_lines", "of_record", "of_skipped"]

SKIP = "--skip_unreadable (skip_unreadable=True)"
"""The setting that leaves out what cannot be read."""

_SHOWN = 20
_ITEM = "\n  - "


class ImagesError(ValueError):
    """Folders of images cannot be used; the message has a line for each problem, or for the first ones and a count."""


class _Unreadable(NamedTuple):
    text: str
    name: str  # in records
    kind: str  # in records


class Problems:
    """What is wrong with folders of images, which a reader adds to while it goes on.

    Args:
        source: the folders, for errors.
        skip: whether what can be left out is left out; None if the reader has no such setting, which no error names.
    """

    def __init__(self, source: str, skip: bool | None = False) -> None:
        self._source, self._skip = source, skip
        self._grave: list[str] = []
        self._small: list[_Unreadable] = []

    def __bool__(self) -> bool:
        """Tell whether there is a problem that is not left out."""
        return bool(self._grave or (self._small and not self._skip))

    def add(self, text: str) -> None:
        """Add a problem that cannot be left out, once.

        Args:
            text: a clause that names the file or folder.
        """
        if text not in self._grave:
            self._grave.append(text)

    def add_file(self, text: str, path: Path, folder: Path, kind: str) -> None:
        """Add a file or folder that can be left out, as if it were not there.

        Args:
            text: a clause that names it.
            path: of it.
            folder: the folder that is read, within which records name it.
            kind: what is wrong in a few words, which are the same in all versions.
        """
        self._small.append(_Unreadable(text, path.relative_to(folder).as_posix(), kind))

    @property
    def skipped(self) -> dict[str, str]:
        """What was left out: by path within its folder, what is wrong with it."""
        return {each.name: each.kind for each in self._unreadable()} if self._skip else {}

    def _unreadable(self) -> list[_Unreadable]:
        return sorted(self._small, key=lambda each: each.name)

    def check(self, *others: "Problems") -> None:
        """Raise an error of all problems, also of those of other folders; a warning tells of what is left out.

        Raises:
            ImagesError: there is a problem that is not left out.
        """
        every = (self, *others)
        if any(every):
            raise ImagesError(_message(every))
        for each in every:
            if each._small:
                what = in_lines([problem.text for problem in each._unreadable()])
                logging.warning("%s: %s%s", each._source, of_skipped(each.skipped), what)


def _message(every: Sequence[Problems]) -> str:
    grave = [text for each in every for text in each._grave]
    small = [problem.text for each in every for problem in each._unreadable()]
    source, skip = " and ".join(each._source for each in every if each), every[0]._skip
    if skip:
        if len(grave) == 1:
            return grave[0]
        return f"{source}: {len(grave):,} problems that {SKIP} does not leave out:{in_lines(grave)}"
    told = small and skip is not None
    if len(grave) + len(small) == 1:
        return f"{small[0]}; {SKIP} leaves it out" if told else [*grave, *small][0]
    some = "all" if not grave else f"{len(small):,}"
    hint = f"; {SKIP} leaves out {some} of them" if told else ""
    return f"{source}: {len(grave) + len(small):,} problems{hint}:{in_lines([*grave, *small])}"


def in_lines(texts: list[str]) -> str:
    """List the first of some texts in lines of their own, and count the others.

    Example:
        >>> print("two:" + in_lines(["a", "b"]))
        two:
          - a
          - b
    """
    more = [f"and {len(texts) - _SHOWN:,} more"] if len(texts) > _SHOWN else []
    return "".join(f"{_ITEM}{' '.join(text.splitlines())}" for text in [*texts[:_SHOWN], *more])


def of_record(config: Mapping[str, Any]) -> str:
    """Tell what a job left out, by the configuration that its folder has; an empty text if that is nothing.

    Example:
        >>> print(of_record({"skipped": {"cat/1.png": "cannot be read"}}))
        files and folders left out: 1 cannot be read
          - cat/1.png
    """
    skipped = config.get("skipped")
    if not skipped or not isinstance(skipped, dict):
        return ""
    return f"{of_skipped(skipped)}{in_lines([str(name) for name in skipped])}"


def of_skipped(skipped: Mapping[str, str]) -> str:
    """Tell what was left out, in a line.

    Example:
        >>> of_skipped({"cat/1.png": "cannot be read", "dog/2.png": "cannot be read", "fox": "has no images"})
        'files and folders left out: 2 cannot be read, 1 has no images'
    """
    kinds = sorted({*skipped.values()})
    counts = ", ".join(f"{sum(kind == each for each in skipped.values()):,} {kind}" for kind in kinds)
    return f"files and folders left out: {counts}"
