"""A study's folder: written as the search goes, read at any time, continued after a kill.

- `study.json`: configuration and versions
- `trials.jsonl`: one line a finished trial, appended and flushed
- `best_genotype.json`: the best so far
- `best_model.keras`, `result.json`: the best genotype trained longer, and its figures, when the search has ended
"""

import dataclasses
import fcntl
import json
import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from nasnet_keras.files import write_text
from nasnet_keras.genotype import Genotype, GenotypeError
from nasnet_keras.search.config import SearchConfig

__all__ = ["STATUSES", "Study", "StudyError", "Trial", "load_study"]

STATUSES = ("ok", "diverged", "crashed", "timeout", "out_of_memory")

_FORMAT = "nasnet_keras.study"
_VERSION = 1
_MAY_CHANGE = ("workdir", "trials")  # a longer search goes on from a shorter one


class StudyError(ValueError):
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
        self._lock: Any = None

    @classmethod
    def open(cls, config: SearchConfig) -> "Study":
        """Make the folder, or go on with it; this process is its only writer until `close`.

        Raises:
            StudyError: another process writes to it, it holds another configuration (the differences are shown) or
                other files, it is damaged, or it cannot be written.
        """
        path = Path(config.workdir)
        try:
            path.mkdir(parents=True, exist_ok=True)
            lock = _lock(path)
            try:
                study = cls._open(path, config)
            except BaseException:
                os.close(lock)
                raise
        except OSError as error:
            raise StudyError(f"cannot write the study {path}: {error}") from None
        study._lock = lock
        return study

    @classmethod
    def _open(cls, path: Path, config: SearchConfig) -> "Study":
        if not (path / "study.json").exists():
            others = sorted(entry.name for entry in path.iterdir() if not entry.name.startswith("."))
            if others:
                raise StudyError(f"{path} is not a study, and not empty (it has {others[0]}): name a new folder")
            plain = {"format": _FORMAT, "version": _VERSION, "config": _plain(config), "versions": _versions()}
            write_text(path / "study.json", json.dumps(plain, indent=2) + "\n")
        study = load_study(path)
        _check_same(path, study.config, _plain(config))
        _drop_torn_line(path / "trials.jsonl")
        if study.best is not None:  # a kill may have come between the trial's line and this file
            write_text(path / "best_genotype.json", study.best.genotype.to_json() + "\n")
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
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def load_study(workdir: str | Path) -> Study:
    """Read a study, finished or not, without changing it.

    Raises:
        StudyError: the folder holds no study, one of a later version, or a damaged one.
    """
    path = Path(workdir)
    try:
        plain = json.loads((path / "study.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise StudyError(f"{path} holds no study that can be read: {error}") from None
    if not isinstance(plain, dict) or plain.get("format") != _FORMAT or not isinstance(plain.get("config"), dict):
        raise StudyError(f"{path / 'study.json'} does not describe a study")
    if plain.get("version") != _VERSION:
        raise StudyError(
            f"{path} has format version {plain.get('version')!r}, this nasnet_keras reads version {_VERSION}"
        )
    return Study(path, plain["config"], _read_trials(path / "trials.jsonl"))


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


def _lock(path: Path) -> int:
    descriptor = os.open(path / ".lock", os.O_CREAT | os.O_RDWR, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(descriptor)
        raise StudyError(f"another process is writing to the study {path}") from None
    return descriptor


def _plain(config: SearchConfig) -> dict[str, Any]:
    plain = dataclasses.asdict(config)
    return {key: value for key, value in plain.items() if key not in _MAY_CHANGE}


def _check_same(path: Path, old: dict[str, Any], new: dict[str, Any]) -> None:
    differing = [key for key in sorted({*old, *new}) if old.get(key) != new.get(key)]
    if differing:
        shown = "; ".join(f"{key} was {old.get(key)!r} and is now {new.get(key)!r}" for key in differing)
        raise StudyError(f"{path} is a study of another configuration: {shown}. Name a new folder, or the old values")


def _versions() -> dict[str, str]:
    packages = ("nasnet_keras", "keras", "tensorflow", "numpy")
    return {"python": platform.python_version(), **{package: metadata.version(package) for package in packages}}
