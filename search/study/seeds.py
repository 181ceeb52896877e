"""The folder of a search that is run with several seeds: a study for each in a folder `seed_N`.

`seeds.json` has the settings that all of them share, and those of the latest sitting with its seeds. Each study is one
like any other: with its own children, random children, finalists and report. They share settings, images and tables,
and nothing that one of them found.
"""

import re
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.study.errors import StudyError
from nasnet_keras.search.study.folder import Study, load_study
from nasnet_keras.search.study.known import in_present_words, known_settings, remember
from nasnet_keras.search.study.upgrades import upgraded_config
from nasnet_keras.training.recipes import AUTO
from nasnet_keras.utils import values
from nasnet_keras.utils.checks import integer, positive_integer, quoted
from nasnet_keras.utils.groups import Group
from nasnet_keras.utils.json_text import parse, text_of
from nasnet_keras.utils.settings import setting
from nasnet_keras.utils.workdir import SEEDS, STUDY, Workdir

__all__ = ["SeedSettings", "Seeds", "SeedsFolder", "load_studies", "recorded_seeds", "settings_of_seeds"]

_FORMAT = "nasnet_keras.seeds"
_VERSION = 1
_SITTING = "sitting"
_NUMBER = "seeds"  # of a sitting, beside its settings
_MOST = 1000
_FOLDER = re.compile(r"seed_(\d{1,10})", re.ASCII)


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
    path = Path(workdir, SEEDS)
    if not path.exists():
        return None
    try:
        plain = parse(text_of(path))
        sitting = plain.get(_SITTING) if isinstance(plain, dict) else plain
        given = {name: sitting.get(name) for name in ("seed", _NUMBER)} if isinstance(sitting, dict) else sitting
        first, count = map(integer, given.values()) if isinstance(given, dict) else (None, None)
        if first is None or count is None or first < 0 or not 1 <= count <= _MOST:
            expected = f"an object with {_SITTING!r}, an object with 'seed', from 0, and {_NUMBER!r}, from 1 to {_MOST}"
            raise ValueError(f"expected {expected}, got {quoted(given)}")
    except (OSError, ValueError) as error:
        raise StudyError(f"{path} is damaged: {error}") from None
    return Seeds(first, count)


def settings_of_seeds(workdir: str | Path) -> dict[str, Any]:
    """Read the settings of a search with several seeds, as JSON values by name; none if there is no such search.

    Those of its first study are known when that has begun; these are known before.

    Raises:
        StudyError: the file that has them is damaged.

    Example:
        >>> settings_of_seeds("nowhere")
        {}
    """
    seeds = recorded_seeds(workdir)
    known = {} if seeds is None else known_settings(workdir, SEEDS, (_NUMBER,))
    return {**known, "seed": seeds.first} if known else {}


def load_studies(workdir: str | Path) -> list[Study]:
    """Read the studies of all seeds that have begun, in their order, without changing them.

    Args:
        workdir: the folder of a search that was run with several seeds.

    Raises:
        StudyError: the folder holds no such search, or a damaged one.

    Example:
        >>> config = SearchConfig(tempfile.mkdtemp(), evaluator="tabular", table="nasnet_cells_cifar10", seed=3)
        >>> folder = SeedsFolder(config, 2)  # as a search with two seeds begins
        >>> for one in folder.configs():
        ...     Study.open(one).close()
        >>> folder.close()
        >>> [study.config["seed"] for study in load_studies(config.workdir)]
        [3, 4]
    """
    if recorded_seeds(workdir) is None:
        raise StudyError(f"{workdir} holds no search with several seeds: load_study reads a single one")
    return list(map(load_study, _begun(Path(workdir))))


class SeedsFolder:
    """The folder of several seeds, which this process alone writes to until `close`.

    Args:
        config: the configuration of the search with the first seed, whose `workdir` is the folder.
        seeds: the number of seeds.

    Raises:
        StudyError: the folder holds a single study, a search with other settings, or something else; or another
            process writes to it.
        ValueError: the number is no positive integer, or there are not as many seeds from the first one on.
    """

    def __init__(self, config: SearchConfig, seeds: int) -> None:
        self.seeds = Seeds(config.seed, positive_integer("seeds", seeds, _MOST))
        self.path = Path(config.workdir)
        folders = self.seeds.folders(self.path)
        self._configs = [replace(config, workdir=path, seed=seed) for seed, path in folders.items()]
        if (self.path / STUDY).exists():
            raise StudyError(f"{self.path} holds a single study: name a new folder for several seeds")
        identity = {name: value for name, value in config.identity().items() if name != "seed"}

        def present(before: dict[str, Any]) -> dict[str, Any]:
            if not _begun(self.path):  # a search that failed before its first study, or was killed: nothing is lost
                return identity
            try:
                known = in_present_words(self.path, upgraded_config(before), identity, SEEDS)
            except ValueError as error:
                raise StudyError(f"{self.path / SEEDS} is damaged: {error}") from None
            recipe = known.get("recipe")
            if isinstance(recipe, dict) and recipe.get("precision") == AUTO:  # as it was written until 2026-12-01
                known = {**known, "recipe": {**recipe, "precision": config.recipe.precision}}
            return {name: value for name, value in known.items() if name != "seed"}

        self._folder = Workdir(self.path, SEEDS, _FORMAT, _VERSION, identity, StudyError, present)
        try:
            if not _begun(self.path):
                self._folder.begin_anew(identity)
            remember(self.path, config, SEEDS, **{_NUMBER: seeds})
        except OSError as error:
            self.close()
            raise StudyError(f"cannot write the folder {self.path}: {error}") from None

    def configs(self) -> list[SearchConfig]:
        """The configuration of each seed."""
        return self._configs

    def close(self) -> None:
        """Let other processes write to the folder."""
        self._folder.close()


def _begun(workdir: Path) -> list[Path]:
    """The folders of the seeds whose studies have begun, also in earlier sittings, by ascending seeds."""
    found = {path: _FOLDER.fullmatch(path.name) for path in workdir.iterdir() if (path / STUDY).exists()}
    return sorted((path for path, name in found.items() if name), key=lambda path: int(path.name[5:]))
