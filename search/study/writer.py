"""The files of a study as they are written: in an order in which a kill at any time does no harm."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from nasnet_keras.search.study.checkpoints import Checkpoints
from nasnet_keras.search.study.errors import StudyError
from nasnet_keras.search.study.trial import Trial, genotype_text
from nasnet_keras.search.study.trial_log import TrialLog
from nasnet_keras.utils.files import write_text
from nasnet_keras.utils.workdir import Workdir

__all__ = ["Writer"]

_BEST = "best_genotype.json"


class Writer:
    """Writes the files of a study. After a file could not be written, none is, and other processes may write.

    Args:
        path: the folder of the study.
        checkpoints: the checkpoints of its algorithm.
    """

    def __init__(self, path: Path, checkpoints: Checkpoints) -> None:
        self._path, self._checkpoints = path, checkpoints
        self._folder: Workdir | None = None
        self._logs: dict[str, TrialLog] = {}

    def begin(self, folder: Workdir) -> None:
        """Take the folder that this process alone writes to, until `close`."""
        self._folder = folder

    def open_logs(self, names: Mapping[str, str]) -> None:
        """Open the files of the trials, whose names are given by group.

        Raises:
            StudyError: one cannot be opened.
        """
        with self.writing():
            self._logs = {group: TrialLog(self._path / name) for group, name in names.items()}

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Close the study if a file of it cannot be written, or cannot be read before."""
        try:
            yield
        except (OSError, ValueError) as error:
            self.close()
            raise self._error(error) from None

    def append(self, trial: Trial, group: str) -> None:
        """Append a trial to the file of its group.

        When this returns, a crash of the process cannot lose it, and one of the machine loses a second at most.

        Raises:
            StudyError: the study is not open to be written, the trial is no JSON, or it cannot be written. Then the
                trials before it are safe, and the study is closed.
        """
        if self._folder is None:
            raise StudyError(f"the study {self._path} is not open to be written")
        self._folder.check()
        try:
            line = trial.to_line().encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise StudyError(f"the metrics of trial {trial.trial} are no JSON: {error}") from None
        try:
            self._logs[group].append(line)
        except OSError as error:
            self.close()
            raise self._error(error) from None

    def save_checkpoint(self, told: int, state: dict[str, np.ndarray]) -> None:
        """Write a checkpoint of the algorithm, after the trials that it tells of.

        Raises:
            StudyError: it cannot be written.
        """
        try:
            for log in self._logs.values():
                log.sync()
            self._checkpoints.save(told, state)
        except OSError as error:
            raise self._error(error) from None

    @property
    def has_best(self) -> bool:
        """Whether there is a file of the best genotype."""
        return (self._path / _BEST).exists()

    def write_best(self, best: Trial | None) -> None:
        """Write the best genotype, or remove its file if there is none.

        Raises:
            StudyError: it cannot be written.
        """
        with self.writing():
            if best is not None:
                write_text(self._path / _BEST, genotype_text(best.genotype) + "\n")
            else:
                (self._path / _BEST).unlink(missing_ok=True)

    def close(self) -> None:
        """Let other processes write to the folder."""
        for log in self._logs.values():
            log.close()
        if self._folder is not None:
            self._folder.close()
            self._folder = None

    def _error(self, error: Exception) -> StudyError:
        return StudyError(f"cannot write the study {self._path}: {error}")
