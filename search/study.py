"""A study's folder: written as the search goes, read at any time, continued after a kill.

- `study.json`: configuration and versions
- `trials.jsonl`: one line a finished trial, appended and flushed
- `checkpoints/`: the algorithm's state after a number of trials
- `best_genotype.json`: the best so far
- `result.json`: figures of the best genotype when the search has ended; `best_model.keras` where it was trained
"""

import contextlib
import dataclasses
import json
import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from nasnet_keras.files import write_text
from nasnet_keras.search.checkpoints import Checkpoints
from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.trial import STATUSES, Trial, fingerprint, genotype_text
from nasnet_keras.workdir import Workdir, WorkdirError, read_description

__all__ = ["STATUSES", "Study", "StudyError", "Trial", "load_study"]

_FILE = "study.json"
_FORMAT = "nasnet_keras.study"
_VERSION = 1
_MAY_CHANGE = ("workdir", "trials")  # a longer search goes on from a shorter one
_ASSUMED = {  # what studies searched for before their files said so
    "space": "nasnet",
    "operations": None,
    "algorithm": "random",
    "window": 1,
    "evaluator": "child",
    "table": None,
}
_SYNC_SECONDS = 1.0  # what a crash of the machine, not of the process, may cost


class StudyError(WorkdirError):
    """A study's folder cannot be used; nothing in it was changed."""


class Study:
    """The trials of one search. Made by `Study.open` (to write) or `load_study` (to read).

    Attributes:
        path: its folder.
        config: the configuration as `study.json` has it.
        trials: in the order of their numbers.
        best: the trial of the highest reward, the earliest of equals; None without a successful one.
        checkpoints: of the algorithm.
    """

    def __init__(self, path: Path, config: dict[str, Any], trials: list[Trial]) -> None:
        self.path = path
        self.config = config
        self.trials: list[Trial] = []
        self.best: Trial | None = None
        self.checkpoints = Checkpoints(path / "checkpoints")
        self._folder: Workdir | None = None
        self._file: int | None = None
        self._synced = 0.0
        for trial in trials:
            self._add(trial)

    @classmethod
    def open(cls, config: SearchConfig) -> "Study":
        """Make the folder, or go on with it; this process is its only writer until `close`.

        Raises:
            StudyError: another process writes to it, it holds another configuration (the differences are shown) or
                other files, it is damaged, or it cannot be written.
        """
        folder = Workdir(config.workdir, _FILE, _FORMAT, _VERSION, _plain(config), StudyError, _ASSUMED)
        path = folder.path
        try:
            study = load_study(path)
            if (path / "trials.jsonl").exists():
                study._file = _open_lines(path / "trials.jsonl")
            if study.best is not None:  # a kill may have come between the trial's line and this file
                write_text(path / "best_genotype.json", genotype_text(study.best.genotype) + "\n")
        except OSError as error:
            folder.close()
            raise StudyError(f"cannot write the study {path}: {error}") from None
        except BaseException:
            folder.close()
            raise
        study._folder = folder
        return study

    def append(self, trial: Trial) -> None:
        """Record a finished trial.

        When this returns, a crash of the process cannot lose it, and one of the machine loses a second at most.

        Raises:
            StudyError: its number is not the next one, it is no JSON, or it cannot be written. Then the trials
                before it are safe, and the study is closed.
        """
        if trial.trial != len(self.trials):
            raise StudyError(f"trial {trial.trial} does not follow trial {len(self.trials) - 1}")
        if self._folder is None:
            raise StudyError(f"the study {self.path} is not open to be written")
        try:
            line = trial.to_line().encode()
        except (TypeError, ValueError) as error:
            raise StudyError(f"the metrics of trial {trial.trial} are no JSON: {error}") from None
        try:
            if self._file is None:
                self._file = _open_lines(self.path / "trials.jsonl")
            _write_line(self._file, line)
            if time.monotonic() - self._synced >= _SYNC_SECONDS:
                self.sync()
            if self._add(trial):
                write_text(self.path / "best_genotype.json", genotype_text(trial.genotype) + "\n")
        except OSError as error:
            self.close()
            raise StudyError(f"cannot write the study {self.path}: {error}") from None

    def save_checkpoint(self, told: int, state: dict[str, np.ndarray]) -> None:
        """Keep the algorithm's state, as it is when the first `told` trials are told.

        Raises:
            StudyError: it cannot be written.
        """
        try:
            self.sync()  # a checkpoint must not outlive the trials that it tells of
            self.checkpoints.save(told, state)
        except OSError as error:
            raise StudyError(f"cannot write the study {self.path}: {error}") from None

    def sync(self) -> None:
        """Have the trials on the disk."""
        if self._file is not None:
            os.fsync(self._file)
            self._synced = time.monotonic()

    @property
    def result(self) -> dict[str, Any] | None:
        """The figures of the best genotype at the end of the search; None while there are none for it."""
        path = self.path / "result.json"
        if self.best is None or not path.is_file():
            return None
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
            return result if result["fingerprint"] == fingerprint(self.best.genotype) else None
        except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
            raise StudyError(f"{path} is damaged ({error}); remove it to judge the best genotype again") from None

    def close(self) -> None:
        """Let other processes write to the folder."""
        if self._file is not None:
            with contextlib.suppress(OSError):  # the lines are written; a full disk was told of when they were
                self.sync()
            os.close(self._file)
            self._file = None
        if self._folder is not None:
            self._folder.close()
            self._folder = None

    def _add(self, trial: Trial) -> bool:
        """Whether it is the best."""
        self.trials.append(trial)
        better = trial.reward is not None and (self.best is None or trial.reward > self.best.reward)
        if better:
            self.best = trial
        return better


def load_study(workdir: str | Path) -> Study:
    """Read a study, finished or not, without changing it.

    Raises:
        StudyError: the folder holds no study, one of a later version, or a damaged one.
    """
    path = Path(workdir)
    config = read_description(path, _FILE, _FORMAT, _VERSION, StudyError)
    return Study(path, {**_ASSUMED, **config}, _read_trials(path / "trials.jsonl"))


def _read_trials(path: Path) -> list[Trial]:
    trials: list[Trial] = []
    try:
        lines = path.read_bytes().split(b"\n") if path.exists() else [b""]
    except OSError as error:
        raise StudyError(f"cannot read the study's trials: {error}") from None
    for number, line in enumerate(lines[:-1]):  # what follows the last newline is a torn line, or nothing
        try:
            trial = Trial.from_line(line.decode())
            if trial.trial != number:
                raise ValueError(f"its number is {trial.trial}")
        except ValueError as error:
            raise StudyError(f"{path}, line {number + 1} is damaged: {error}") from None
        trials.append(trial)
    return trials


def _open_lines(path: Path) -> int:
    """A descriptor that appends to `path`, from which a torn last line is dropped."""
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o644)
    try:
        data = path.read_bytes()
        if data and not data.endswith(b"\n"):
            os.ftruncate(file, data.rfind(b"\n") + 1)
    except BaseException:
        os.close(file)
        raise
    return file


def _write_line(file: int, line: bytes) -> None:
    """Append a line, or nothing of it."""
    size = os.fstat(file).st_size
    try:
        while line:
            line = line[os.write(file, line) :]
    except OSError:
        with contextlib.suppress(OSError):  # otherwise the next `open` drops the torn line
            os.ftruncate(file, size)
        raise


def _plain(config: SearchConfig) -> dict[str, Any]:
    plain = dataclasses.asdict(config)
    return {key: value for key, value in plain.items() if key not in _MAY_CHANGE}
