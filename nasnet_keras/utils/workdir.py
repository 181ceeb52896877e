"""The folder of a job: one writer, one configuration, and never a folder of something else."""

import json
import os
import platform
from collections.abc import Callable, Iterable
from importlib import metadata
from pathlib import Path
from typing import Any

from absl import logging

from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.files import begin, guard, unguard, write_text
from nasnet_keras.utils.json_text import parse, text_of
from nasnet_keras.utils.locks import LockedError, LockedFile, NoLocksError

__all__ = [
    "FINE_TUNING",
    "SEEDS",
    "STUDY",
    "TRAINING",
    "Workdir",
    "WorkdirError",
    "check_same",
    "description_of",
    "folder_name",
    "is_workdir",
    "not_of",
    "read_description",
    "recorded",
]

FINE_TUNING, SEEDS, STUDY, TRAINING = "fine_tuning.json", "seeds.json", "study.json", "training.json"
"""The names of the files that describe the folders of the package's jobs."""

_SHOWN = 20  # differences
_DESCRIPTIONS = (FINE_TUNING, SEEDS, STUDY, TRAINING)
_EXPLAINED = {  # how to go on with a folder that is taken for another job's
    SEEDS: ", of a search with several seeds: its studies are in its folders seed_N, search.load_studies reads "
    "them all, and search.run_seeds, or nasnet-search alone, goes on with them"
}
_SKIPPED = "skipped"  # files that were left out, by path
_OF_IMAGES = {  # fields by which images are identified, which files of earlier versions lack
    "split": "the rule by which images are put aside",
    "digest": "of images, labels and class names",
}


class WorkdirError(ValueError):
    """A job's folder cannot be used; its files were not changed."""


class Workdir:
    """A folder that this process alone writes to, until `close`.

    On a file system without locks, a second writer cannot be kept out: it takes the folder over with a warning, and
    the first writer stops.

    Attributes:
        path, file: the folder, and the name of the file that describes it.

    Args:
        path: path of the folder, which is made if it is missing.
        file: name of the JSON file that describes the folder, such as `study.json`.
        kind: the format that the file must name, such as `nasnet_keras.study`.
        version: newest version of the format.
        config: the configuration of the job, as JSON values.
        error: the exception to raise, a subclass of `WorkdirError`.
        complete: upgrades a configuration that an earlier version wrote. If the file lacks `split` or `digest`, by
            which images are identified, they are added to it, with a warning.

    Raises:
        WorkdirError: another process writes to the folder, it holds another configuration (the differences are shown)
            or other files, it is damaged, or it cannot be written.
    """

    def __init__(
        self,
        path: str | Path,
        file: str,
        kind: str,
        version: int,
        config: dict[str, Any],
        error: type[WorkdirError] = WorkdirError,
        complete: Callable[[dict[str, Any]], dict[str, Any]] = dict,
    ) -> None:
        self.path, self.file = Path(path), file
        self._kind, self._version = kind, version
        self._error = error
        self._lock: LockedFile | None = None
        begin()
        try:
            self._occupy(file)
            try:
                if not (self.path / file).exists():
                    write_text(self.path / file, _describe(kind, version, config))
                before = read_description(self.path, file, kind, version, error)
                lacking = {name: config[name] for name in _OF_IMAGES if name in config and name not in before}
                found = {**complete(before), **lacking}
                check_same(self.path, found, json.loads(json.dumps(config)), error)
                if lacking:
                    _add(self.path / file, lacking)
            except BaseException:
                self.close()
                raise
        except OSError as problem:
            raise error(f"cannot write the folder {self.path}: {problem}") from None

    def _occupy(self, file: str) -> None:
        """Make the folder if it is missing, and lock it, unless it is a folder of something else."""
        self.path.mkdir(parents=True, exist_ok=True)
        if not (self.path / file).exists():
            others = sorted(entry.name for entry in self.path.iterdir() if not entry.name.startswith("."))
            if others:
                shown = next((name for name in others if name in _EXPLAINED), others[0])
                raise self._error(
                    f"{self.path} has no {file}, and is not empty (it has {shown}{_EXPLAINED.get(shown, '')}): name a "
                    f"new folder"
                )
        self._lock = _lock(self.path, self._error)
        guard(self.path, self.check)

    def check(self) -> None:
        """Check that the folder is still the one that was opened. `files.replacing` calls this before each write.

        Raises:
            WorkdirError: the folder was removed, or another process began it again.
        """
        if self._lock is not None and not self._lock.is_in_place():
            raise self._error(
                f"{self.path} was removed, or begun again by another process, while this one was writing to it: "
                f"nothing more is written there"
            )

    def begin_anew(self, config: dict[str, Any]) -> None:
        """Let the folder be that of another configuration, whose files the caller has made room for."""
        write_text(self.path / self.file, _describe(self._kind, self._version, config))

    def close(self) -> None:
        """Let other processes write to the folder."""
        if self._lock is not None:
            unguard(self.path, self.check)
            self._lock.close()
            self._lock = None


def recorded(path: str | Path, file: str) -> dict[str, Any]:
    """Read the configuration in a job's file; it is empty if the file is missing or damaged."""
    try:
        plain = parse(text_of(Path(path, file)))
    except (OSError, ValueError):  # a job that continues the folder raises the error
        return {}
    config = plain.get("config") if isinstance(plain, dict) else None
    return config if isinstance(config, dict) else {}


def is_workdir(path: Path) -> bool:
    """Tell whether a folder is a job's: people put such folders among their images, and name them alike."""
    return description_of(path) is not None


def description_of(path: Path) -> str | None:
    """Return the name of the file that describes a job's folder, such as `study.json`; None if there is none."""
    return next((name for name in _DESCRIPTIONS if (path / name).exists()), None)


def folder_name(path: str | Path) -> str:
    """Return the name of a folder, also of one that is written as `.` or `a/..`; a link keeps its own.

    Example:
        >>> folder_name("runs/mine/.."), folder_name(".") == Path.cwd().name
        ('runs', True)
    """
    return os.path.basename(os.path.abspath(path))  # noqa: PTH100, PTH119 – pathlib follows links


def not_of(path: Path, files: Iterable[str], jobs: str) -> WorkdirError:
    """Return the error that a folder is none of some jobs.

    Args:
        path: of the folder, which may be missing, or be a file.
        files: what the folder of one of the jobs would have one of.
        jobs: their names.
    """
    expected = f"expected the folder of a run of {jobs}"
    if not path.is_dir():
        return WorkdirError(f"{path} is {'a file' if path.exists() else 'missing'}: {expected}")
    other = description_of(path)
    found = f", but {other}" if other else ""
    return WorkdirError(f"{path} has none of {', '.join(files)}{found}: {expected}")


def _describe(kind: str, version: int, config: dict[str, Any]) -> str:
    """Write the text of the file that describes a folder."""
    return json.dumps({"format": kind, "version": version, "config": config, "versions": _versions()}, indent=2) + "\n"


def read_description(
    path: Path, file: str, kind: str, version: int, error: type[WorkdirError] = WorkdirError
) -> dict[str, Any]:
    """Read the configuration of the job whose folder is `path`.

    Raises:
        WorkdirError: `path` is no such folder, or a folder of a later version.
    """
    name = kind.rpartition(".")[2]
    try:
        plain = parse(text_of(path / file))
    except (OSError, ValueError) as problem:
        others = [other for other in _DESCRIPTIONS if other != file and (path / other).exists()]
        said = f", but {others[0]}{_EXPLAINED.get(others[0], '')}" if others else ""
        raise error(f"{path} holds no {name} that can be read: {problem}{said}") from None
    if not isinstance(plain, dict) or plain.get("format") != kind or not isinstance(plain.get("config"), dict):
        raise error(f"{path / file} does not describe a {name}")
    if type(plain.get("version")) is not int or plain["version"] != version:
        raise error(
            f"{path} has format version {quoted(plain.get('version'))}, this nasnet_keras reads version {version}"
        )
    return plain["config"]


def _add(path: Path, lacking: dict[str, Any]) -> None:
    """Add to a folder's file the parts that its configuration lacks."""
    plain = json.loads(path.read_text(encoding="utf-8"))
    plain["config"] |= lacking
    write_text(path, json.dumps(plain, indent=2) + "\n")
    logging.warning(
        "%s is of an earlier version, which did not say what its images are known by; from now on it does (%s), and "
        "goes on with these images only",
        path,
        ", ".join(lacking),
    )


def _lock(path: Path, error: type[WorkdirError]) -> LockedFile:
    try:
        return LockedFile(path / ".lock")
    except LockedError:
        raise error(f"another process is writing to {path}") from None
    except NoLocksError:
        logging.warning(
            "the file system of %s has no locks, so that nothing keeps a second job out of the folder: one that is "
            "started there takes it over, and this one stops then",
            path,
        )
        return LockedFile(path / ".lock", take_over=True)


def check_same(path: Path, old: dict[str, Any], new: dict[str, Any], error: type[WorkdirError]) -> None:
    """Raise an error that shows the differences of two configurations of a folder, unless they are equal."""
    differing = list(_differences(old, new))
    if differing:
        shown = "; ".join([*differing[:_SHOWN], *(["and more"] if differing[_SHOWN:] else [])])
        raise error(f"{path} has another configuration: {shown}. Name a new folder, or the old values")


def _differences(old: dict[str, Any], new: dict[str, Any], prefix: str = "") -> Iterable[str]:
    for key in sorted({*old, *new}):
        before, now = old.get(key), new.get(key)
        if key == _SKIPPED and isinstance(before, dict) and isinstance(now, dict):
            yield from (f"{name[:200]} was left out and is there now" for name in sorted({*before} - {*now}))
            yield from (f"{name[:200]} was there and is left out now" for name in sorted({*now} - {*before}))
        elif isinstance(before, dict) and isinstance(now, dict):
            yield from _differences(before, now, f"{prefix}{key[:100]}.")
        elif before != now:
            meaning = f" ({_OF_IMAGES[key]})" if key in _OF_IMAGES else ""
            yield f"{prefix}{key[:100]}{meaning} was {quoted(before)} and is now {quoted(now)}"


def _versions() -> dict[str, str]:
    versions = {"python": platform.python_version()}
    for package in ("nasnet_keras", "keras", "tensorflow", "jax", "torch", "numpy"):
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return versions
