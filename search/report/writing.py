"""The pictures of a folder as files, of which none of an earlier call stays beside them."""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from nasnet_keras.search.report.figures import Figures, is_picture
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.files import write_text

__all__ = ["check_places", "write"]

_SEED = re.compile(r"seed_\d+")  # the folder of one of several seeds


def check_places(drawn: Mapping[Path, Figures]) -> None:
    """Check that pictures can be written, before any of them is.

    Args:
        drawn: pictures by the folder that they are to be in.

    Raises:
        ValueError: a file is where a folder is to be or the other way round, or a folder may not be written to.
    """
    for path in (path for place, each in drawn.items() for path in _paths(place, each)):
        if path.is_dir():
            raise ValueError(f"{quoted(str(path))} is a folder, and a picture is to be written there: remove it")
        there = next(folder for folder in path.parents if os.path.lexists(folder))
        if not there.is_dir():
            raise ValueError(f"{quoted(str(there))} is a file: expected a folder for the pictures, or a new name")
        if not os.access(there, os.W_OK | os.X_OK):
            raise ValueError(f"the folder {quoted(str(there))} may not be written to: name another by --output")


def write(place: Path, drawn: Figures) -> None:
    """Write the pictures of a folder, remove those of an earlier call that are not drawn again, and print the paths.

    Args:
        place: the folder of the pictures.
        drawn: the pictures.

    Raises:
        OSError: one cannot be written or removed.
    """
    for path, svg in zip(_paths(place, drawn), drawn.pictures.values(), strict=True):
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, svg)
        print(path)
    for name, reason in drawn.lacking.items():
        print(f"(no {name}: {reason})")
    for path in sorted({*_earlier(place)} - {*_paths(place, drawn)}):
        path.unlink()
        print(f"(removed {path}: an earlier call drew it, and this one did not)")
        if path.parent != place:
            with suppress(OSError):  # other files are in it
                path.parent.rmdir()


def _paths(place: Path, drawn: Figures) -> list[Path]:
    return [place / f"{name}.svg" for name in drawn.pictures]


def _earlier(place: Path) -> Iterator[Path]:
    """The pictures in a folder that have names of this job's, also those of seeds."""
    seeds = (one for one in place.iterdir() if _SEED.fullmatch(one.name) and one.is_dir() and not one.is_symlink())
    for folder in (place, *seeds):
        yield from (one for one in folder.iterdir() if is_picture(one.name) and one.is_file())
