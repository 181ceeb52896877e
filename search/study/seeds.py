"""The folder of a search that is run with several seeds: a study for each in a folder `seed_N`.

`seeds.json` has the settings that all of them share, and the seeds of the latest sitting. Each study is one like any
other: with its own children, random children, finalists and report. They share settings, images and tables, and nothing
that one of them found.
"""

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.study.errors import StudyError
from nasnet_keras.search.study.folder import Study, load_study
from nasnet_keras.search.study.upgrades import in_words_of, upgraded_config
from nasnet_keras.utils import values
from nasnet_keras.utils.checks import integer, positive_integer, quoted
from nasnet_keras.utils.files import write_text
from nasnet_keras.utils.groups import Group
from nasnet_keras.utils.json_text import parse, text_of
from nasnet_keras.utils.settings import setting
from nasnet_keras.utils.workdir import Workdir

__all__ = ["FILE", "SeedSettings", "Seeds", "SeedsFolder", "load_studies", "recorded_seeds"]

FILE = "seeds.json"
_FORMAT = "nasnet_keras.seeds"
_VERSION = 1
_SITTING = "sitting"
_MOST = 1000


@dataclass(frozen=True)
class SeedSettings:
    """The setting of a search with several seeds."""

    seeds: int | None = setting(
        None,
        "Number of seeds to search with, one after another: --seed and those after it, each in a folder seed_N of "
        "--workdir. The report has their mean and spread; by default one search is run, in --workdir itself.",
        values.positive(_MOST),
        may_change=True,
        group=Group.RECORDS,
    )


@dataclass(frozen=True)
class Seeds:
    """Seeds in a row.

    Attributes:
        first: the first one.
        count: their number.
    """

    first: int
    count: int

    def folders(self, workdir: str | Path) -> dict[int, Path]:
        """The folder of each seed.

        Example:
            >>> [str(path) for path in Seeds(3, 2).folders("s5").values()]
            ['s5/seed_3', 's5/seed_4']
        """
        return {seed: Path(workdir, f"seed_{seed}") for seed in range(self.first, self.first + self.count)}


def recorded_seeds(workdir: str | Path) -> Seeds | None:
    """Read the seeds of the latest sitting in a folder; None if it is not one of several seeds.

    Raises:
        StudyError: the file that says so is damaged.

    Example:
        >>> recorded_seeds("nowhere") is None
        True
    """
    path = Path(workdir, FILE)
    if not path.exists():
        return None
    try:
        plain = parse(text_of(path))
        sitting = plain[_SITTING]
        first, count = integer(sitting["seed"]), integer(sitting["seeds"])
        if first is None or count is None or first < 0 or not 1 <= count <= _MOST:
            raise ValueError(f"{_SITTING} cannot be {quoted(sitting)}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise StudyError(f"{path} is damaged: {error}") from None
    return Seeds(first, count)


def load_studies(workdir: str | Path) -> list[Study]:
    """Read the studies of several seeds that have begun, without changing them.

    Args:
        workdir: the folder of a search that was run with several seeds.

    Raises:
        StudyError: the folder holds no such search, or a damaged one.

    Example:
        print(compare(load_studies("s5")))
    """
    seeds = recorded_seeds(workdir)
    if seeds is None:
        raise StudyError(f"{workdir} holds no search with several seeds: load_study reads a single one")
    return [load_study(path) for path in seeds.folders(workdir).values() if (path / "study.json").exists()]


class SeedsFolder:
    """The folder of several seeds, which this process alone writes to until `close`.

    Args:
        config: the configuration of the search with the first seed, whose `workdir` is the folder.
        seeds: the number of seeds.

    Raises:
        StudyError: the folder holds a single study, a search with other settings, or something else; or another
            process writes to it.
        ValueError: the number is no positive integer.
    """

    def __init__(self, config: SearchConfig, seeds: int) -> None:
        self.seeds = Seeds(config.seed, positive_integer("seeds", seeds, _MOST))
        self._config, self.path = config, Path(config.workdir)
        if (self.path / "study.json").exists():
            raise StudyError(f"{self.path} holds a single study: name a new folder for several seeds")
        identity = {name: value for name, value in config.identity().items() if name != "seed"}

        def present(before: dict[str, Any]) -> dict[str, Any]:
            try:
                known = in_words_of(upgraded_config(before), identity)
            except ValueError as error:
                raise StudyError(f"{self.path / FILE} is damaged: {error}") from None
            return {name: value for name, value in known.items() if name != "seed"}

        self._folder = Workdir(self.path, FILE, _FORMAT, _VERSION, identity, StudyError, present)
        try:
            self._remember()
        except OSError as error:
            self.close()
            raise StudyError(f"cannot write the folder {self.path}: {error}") from None

    def configs(self) -> list[SearchConfig]:
        """The configuration of each seed."""
        folders = self.seeds.folders(self.path)
        return [replace(self._config, workdir=path, seed=seed) for seed, path in folders.items()]

    def close(self) -> None:
        """Let other processes write to the folder."""
        self._folder.close()

    def _remember(self) -> None:
        """Record the seeds of this sitting."""
        plain = json.loads((self.path / FILE).read_text(encoding="utf-8"))
        sitting = {"seed": self.seeds.first, "seeds": self.seeds.count}
        if plain.get(_SITTING) != sitting:
            write_text(self.path / FILE, json.dumps({**plain, _SITTING: sitting}, indent=2) + "\n")
