"""A study's folder: written as the search goes, read at any time, continued after a kill.

- `study.json`: configuration and versions
- `trials.jsonl`: one line a finished trial, appended and flushed
- `best_genotype.json`: the best so far
- `best_model.keras`, `result.json`: the best genotype trained longer, and its figures, when the search has ended
"""

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

from nasnet_keras.files import write_text
from nasnet_keras.genotype import Genotype, GenotypeError
from nasnet_keras.search.config import SearchConfig
from nasnet_keras.workdir import Workdir, WorkdirError, read_description

__all__ = ["STATUSES", "Study", "StudyError", "Trial", "load_study"]

STATUSES = ("ok", "diverged", "crashed", "timeout", "out_of_memory")

_FILE = "study.json"
_FORMAT = "nasnet_keras.study"
_VERSION = 1
_MAY_CHANGE = ("workdir", "trials")  # a longer search goes on from a shorter one


class StudyError(WorkdirError):
    """A study's folder cannot be used; nothing in it was changed."""


@dataclasses.dataclass(frozen=True)
class Trial:
    """One evaluated child, as a line of `trials.jsonl` holds it.

    Attributes:
        trial: its number, from 0.
        genotype: what was evaluated.
        status: one of `STATUSES`.
        reward: what the search maximises; None unless the status is `ok`.
        metrics: whatever else was measured.
        seconds: how long it took.
        seed: of the child.
    """

    trial: int
    genotype: Genotype
    status: str
    reward: float | None
    metrics: dict[str, Any]
    seconds: float
    seed: int

    def to_line(self) -> str:
        plain = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        plain["genotype"] = json.loads(self.genotype.to_json())
        return json.dumps({**plain, "fingerprint": self.genotype.fingerprint}, allow_nan=False) + "\n"

    @classmethod
    def from_line(cls, line: str) -> "Trial":
        plain = json.loads(line)
        fingerprint = plain.pop("fingerprint")
        genotype = Genotype.from_json(json.dumps(plain.pop("genotype")))
        if genotype.fingerprint != fingerprint or plain["status"] not in STATUSES:
            raise ValueError("fingerprint or status is wrong")
        return cls(genotype=genotype, **plain)


class Study:
    """The trials of one search. Made by `Study.open` (to write) or `load_study` (to read)."""

    def __init__(self, path: Path, config: dict[str, Any], trials: list[Trial]) -> None:
        self.path = path
        self.config = config
        self.trials = trials
        self._folder: Workdir | None = None

    @classmethod
    def open(cls, config: SearchConfig) -> "Study":
        """Make the folder, or go on with it; this process is its only writer until `close`.

        Raises:
            StudyError: another process writes to it, it holds another configuration (the differences are shown) or
                other files, it is damaged, or it cannot be written.
        """
        folder = Workdir(config.workdir, _FILE, _FORMAT, _VERSION, _plain(config), StudyError)
        path = folder.path
        try:
            study = load_study(path)
            _drop_torn_line(path / "trials.jsonl")
            if study.best is not None:  # a kill may have come between the trial's line and this file
                write_text(path / "best_genotype.json", study.best.genotype.to_json() + "\n")
        except OSError as error:
            folder.close()
            raise StudyError(f"cannot write the study {path}: {error}") from None
        except BaseException:
            folder.close()
            raise
        study._folder = folder
        return study

    def append(self, trial: Trial) -> None:
        """Record a finished trial; when this returns, a crash cannot lose it."""
        if trial.trial != len(self.trials):
            raise StudyError(f"trial {trial.trial} does not follow trial {len(self.trials) - 1}")
        try:
            with (self.path / "trials.jsonl").open("a", encoding="utf-8") as file:
                file.write(trial.to_line())
                file.flush()
                os.fsync(file.fileno())
            self.trials.append(trial)
            if self.best is trial:
                write_text(self.path / "best_genotype.json", trial.genotype.to_json() + "\n")
        except OSError as error:
            raise StudyError(f"cannot write the study {self.path}: {error}") from None

    @property
    def best(self) -> Trial | None:
        """The trial of the highest reward, the earliest of equals; None without a successful one."""
        successful = [trial for trial in self.trials if trial.status == "ok"]
        return max(successful, key=lambda trial: trial.reward) if successful else None

    @property
    def result(self) -> dict[str, Any] | None:
        """The figures of the best model trained longer; None while there is none for the best genotype."""
        path = self.path / "result.json"
        if self.best is None or not path.is_file():
            return None
        try:
            result = json.loads(path.read_text(encoding="utf-8"))
            return result if result["fingerprint"] == self.best.genotype.fingerprint else None
        except (ValueError, KeyError, TypeError) as error:
            raise StudyError(f"{path} is damaged ({error}); remove it to train the best model again") from None

    def close(self) -> None:
        """Let other processes write to the folder."""
        if self._folder is not None:
            self._folder.close()
            self._folder = None


def load_study(workdir: str | Path) -> Study:
    """Read a study, finished or not, without changing it.

    Raises:
        StudyError: the folder holds no study, one of a later version, or a damaged one.
    """
    path = Path(workdir)
    return Study(
        path, read_description(path, _FILE, _FORMAT, _VERSION, StudyError), _read_trials(path / "trials.jsonl")
    )


def _read_trials(path: Path) -> list[Trial]:
    trials: list[Trial] = []
    if not path.exists():
        return trials
    lines = path.read_bytes().split(b"\n")
    for number, line in enumerate(lines[:-1]):  # what follows the last newline is a torn line, or nothing
        try:
            trial = Trial.from_line(line.decode())
            if trial.trial != number:
                raise ValueError(f"its number is {trial.trial}")
        except (ValueError, KeyError, TypeError, GenotypeError) as error:
            raise StudyError(f"{path}, line {number + 1} is damaged: {error}") from None
        trials.append(trial)
    return trials


def _drop_torn_line(path: Path) -> None:
    if path.exists():
        complete = path.read_bytes().rpartition(b"\n")
        if complete[2]:
            os.truncate(path, len(complete[0]) + len(complete[1]))


def _plain(config: SearchConfig) -> dict[str, Any]:
    plain = dataclasses.asdict(config)
    return {key: value for key, value in plain.items() if key not in _MAY_CHANGE}
