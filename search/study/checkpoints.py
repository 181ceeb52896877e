"""The state of a search algorithm, kept in a study's folder."""

import io
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from nasnet_keras.utils.files import check, write_npz

__all__ = ["Checkpoints"]

_KEPT = 2  # the second one serves if the first is damaged
_NAME = re.compile(r"\d{8,18}\.npz", re.ASCII)


class Checkpoints:
    """The states of a search algorithm, in files such as `00000100.npz`: the state after 100 told trials.

    Checkpoints only save time: without a readable one, a search tells the algorithm all trials again, which leads to
    the same state.

    Args:
        folder: the folder of the files, made with the first one.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def save(self, told: int, state: dict[str, np.ndarray]) -> None:
        """Write a state at once, and remove all but the latest two.

        Args:
            told: the number of trials that the algorithm was told.
            state: arrays by name.

        Raises:
            OSError: the file cannot be written.
        """
        check(self._folder)
        self._folder.mkdir(exist_ok=True)
        write_npz(self._folder / f"{told:08}.npz", state)
        for path in self._paths()[:-_KEPT]:
            path.unlink()

    def load(self, trials: int) -> Iterator[tuple[int, dict[str, np.ndarray]]]:
        """Yield the number of told trials and the state of each readable checkpoint, the latest first.

        Checkpoints after more than `trials` trials hold results that were lost, and are removed.

        Args:
            trials: the number of recorded trials.
        """
        for path in reversed(self._paths()):
            if int(path.stem) > trials:
                path.unlink()
                continue
            try:
                state = _read(path.read_bytes())
            except Exception:  # errors of zipfile, zlib, struct and NumPy have no common base
                continue
            yield int(path.stem), state

    def _paths(self) -> list[Path]:
        return sorted(path for path in self._folder.glob("*.npz") if _NAME.fullmatch(path.name) and path.is_file())


def _read(data: bytes) -> dict[str, np.ndarray]:
    """The arrays of a file that `save` wrote. A damaged file raises an exception of any class."""
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        # `save` does not compress; a compressed member comes from elsewhere, and may be of any size.
        if sum(member.file_size for member in file.infolist()) > len(data):
            raise ValueError("it is compressed")
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
