"""The state of a search algorithm, kept in a study's folder."""

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from nasnet_keras.utils.files import check, write_npz

__all__ = ["Checkpoints"]

_KEPT = 2  # the second is for the day that the first is damaged
_NAME = re.compile(r"\d{8,18}\.npz", re.ASCII)


class Checkpoints:
    """Files `00000100.npz`: what an algorithm had learnt when the trials before number 100 were told.

    They only save time: a search that finds none that it can read tells all trials again, to the same state.

    Args:
        folder: made when the first is written.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, told: int, state: dict[str, np.ndarray]) -> None:
        """Write a state at once, after which older ones go. Raises OSError where it cannot be written."""
        check(self._folder)
        self._folder.mkdir(exist_ok=True)
        write_npz(self._folder / f"{told:08}.npz", state)
        for path in self._paths()[:-_KEPT]:
            path.unlink()

    def load(self, trials: int) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
        """Number of trials told, and the state: the latest first, damaged ones left out.

        Those of more than `trials` trials, which tell of results that were lost, are removed.
        """
        for path in reversed(self._paths()):
            if int(path.stem) > trials:
                path.unlink()
                continue
            try:
                state = _read(path.read_bytes())
            except Exception:  # zipfile, zlib, struct, a kind of compression: there is no common base
                continue
            yield int(path.stem), state

    def _paths(self) -> list[Path]:
        return sorted(path for path in self._folder.glob("*.npz") if _NAME.fullmatch(path.name) and path.is_file())


def _read(data: bytes) -> dict[str, np.ndarray]:
    """The arrays of a file that `save` wrote. Raises whatever is wrong with it."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        # What is compressed is none of ours, and may be of any size.
        if sum(member.file_size for member in file.infolist()) > len(data):
            raise ValueError("it is compressed")
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
