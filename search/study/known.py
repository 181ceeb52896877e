"""What a study's folder knows of its settings, so that who goes on with it types only what differs.

`study.json` has the settings that may not change under `config`, and all of the latest sitting under `sitting`. Of the
latter, those that may change are known, but not those of its place: the next sitting may be on another machine.
`seeds.json`, of a search with several seeds, is alike.
"""

import dataclasses
import json
import os
import shlex
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from nasnet_keras.search import registry
from nasnet_keras.search.config import SearchConfig, may_change
from nasnet_keras.search.objects import classes_in
from nasnet_keras.search.study.errors import StudyError
from nasnet_keras.search.study.upgrades import in_words_of, upgraded_config
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.files import write_text
from nasnet_keras.utils.groups import Group
from nasnet_keras.utils.json_text import parse, text_of
from nasnet_keras.utils.manual import shown
from nasnet_keras.utils.near import suggestion
from nasnet_keras.utils.settings import check_json, settings, upgraded
from nasnet_keras.utils.workdir import STUDY, check_same, recorded

__all__ = ["check_continues", "check_objects", "in_present_words", "known_settings", "remember", "told"]

_SITTING = "sitting"
_PATHS = ("dataset", "data_dir", "table", "prior", "latency", "costs")


def remember(path: Path, config: SearchConfig, file: str = STUDY, **beside: Any) -> None:
    """Record the settings of a sitting, those that may change too, and files by their whole paths.

    Args:
        path: the folder.
        config: the configuration of the sitting.
        file: the file that describes the folder.
        beside: what else is recorded of the sitting, as JSON values.

    Raises:
        OSError: they cannot be written.
    """
    plain = json.loads((path / file).read_text(encoding="utf-8"))
    sitting = {name: _whole(name, value) for name, value in config.to_json().items() if name != "workdir"} | beside
    if plain.get(_SITTING) != sitting:
        write_text(path / file, json.dumps({**plain, _SITTING: sitting}, indent=2) + "\n")


def known_settings(workdir: str | Path, file: str = STUDY, beside: Collection[str] = ()) -> dict[str, Any]:
    """Read the settings of the study in a folder, as JSON values by name; none if there is no study to be read.

    Args:
        workdir: the folder.
        file: the file that describes it.
        beside: the names of what is recorded of a sitting beside settings.

    Raises:
        StudyError: the settings of the latest sitting are damaged.

    Example:
        >>> known_settings("nowhere")
        {}
    """
    try:
        plain = parse(text_of(Path(workdir, file)))
        found = upgraded_config(plain["config"])
    except (OSError, ValueError, KeyError, TypeError):  # a search that continues the folder raises the error
        return {}
    if _SITTING in plain:
        found |= _of_sitting(Path(workdir, file), plain[_SITTING], found["evaluator"], beside)
        found |= _places(found, plain[_SITTING])
    return {name: value for name, value in found.items() if name in settings(SearchConfig) and name != "workdir"}


def _of_sitting(file: Path, sitting: Any, evaluator: str, beside: Collection[str]) -> dict[str, Any]:
    """The settings of the latest sitting that another may change, but for those of its place."""
    known = settings(SearchConfig)
    try:
        if not isinstance(sitting, dict):
            raise ValueError(f"an object was expected, got {quoted(sitting)}")
        found = upgraded(SearchConfig, {name: value for name, value in sitting.items() if name not in beside})
        if unknown := sorted({*found} - {*known}):
            raise ValueError(f"there is no setting {quoted(unknown[0])}: {suggestion(unknown[0], known)}")
        check_json(SearchConfig, found)
    except ValueError as error:
        raise StudyError(f"{file} is damaged, in what it has under {_SITTING!r}: {error}") from None
    free = {name for name in may_change(evaluator) if known[name].group is not Group.PLACE}
    if registry.evaluator(evaluator).is_cheap and found.get("random_trials") == found.get("trials"):
        free -= {"random_trials"}  # as many as of the search, also if these become more
    return {name: value for name, value in found.items() if name in free}


def in_present_words(
    workdir: str | Path, config: dict[str, Any], now: dict[str, Any], file: str = STUDY
) -> dict[str, Any]:
    """Write a study's limits, rates and paths as in another configuration, if they mean the same.

    Args:
        workdir: the study's folder.
        config: its configuration, in the words of this version.
        now: the other one.
        file: the file that describes the folder.

    Raises:
        ValueError: the settings of one of them contradict each other.
    """
    try:
        sitting = parse(text_of(Path(workdir, file))).get(_SITTING)
    except (OSError, ValueError, AttributeError):
        sitting = None
    known = sitting if isinstance(sitting, dict) else {}
    given = {name: now[name] for name in _PATHS if now.get(name) is not None}
    same = {name: value for name, value in given.items() if known.get(name) == _whole(name, value)}
    return in_words_of({**config, **same}, now)


def _places(config: Mapping[str, Any], sitting: Mapping[str, Any]) -> dict[str, str]:
    """The whole paths of the files that a study was begun with by relative ones, which are of another folder now."""
    found = {}
    for name in _PATHS:
        given, whole = config.get(name), sitting.get(name)
        relative = isinstance(given, str) and isinstance(whole, str) and given != whole and Path(whole).is_absolute()
        if relative and Path(whole) != Path(given).absolute() and Path(whole).name == Path(given).name:
            found[name] = whole
    return found


def _whole(name: str, value: Any) -> Any:
    """A setting, as the whole path if it is one of a file or folder that is there."""
    if name not in _PATHS or not isinstance(value, str) or not value or value in _names():
        return value
    return os.path.abspath(value) if Path(value).exists() else value  # noqa: PTH100 – links stay as they are


def _names() -> Collection[str]:
    """The names of what the package brings, which are no paths, whatever the present folder holds."""
    from nasnet_keras.search import tables
    from nasnet_keras.training.datasets.loading import names

    return {*names(), *tables.names(), *registry.PRIORS, registry.NO_PRIOR}


def told(config: SearchConfig, names: Iterable[str], recipe: Iterable[str] = ()) -> str:
    """Tell which settings of a search were taken from its folder and differ from the defaults, in one line of flags.

    Args:
        config: the configuration of the search.
        names: the names of the settings that were taken from its folder.
        recipe: if its recipe is among them, the fields that were not.

    Returns:
        The line; an empty text if there are none.

    Example:
        >>> told(SearchConfig("s1", trials=20, finalists=0), ["trials", "finalists", "filters"])
        'from s1: --trials=20 --finalists=0'
    """
    names, usual, flags = {*names}, _usual(config), []
    for name, one in settings(SearchConfig).items():
        value = getattr(config, name)
        if name not in names or value is None or value == usual[name]:
            continue
        if name == "recipe":
            fields = {field.name for field in dataclasses.fields(value)} - {*recipe}
            plain = {name: getattr(value, name) for name in sorted(fields)}
            flags += [(name, new) for name, new in plain.items() if new != getattr(usual["recipe"], name)]
        else:
            flags += [(name, each) for each in (value if one.kind.flag.startswith("multi") else [value])]
    texts = (shlex.quote(f"--{name}={shown(value)}") for name, value in flags)
    return f"from {config.workdir}: {' '.join(texts)}" if flags else ""


def _usual(config: SearchConfig) -> dict[str, Any]:
    """The values that settings have by default in a search of the same space by the same algorithm and evaluator."""
    plain = SearchConfig(os.devnull)  # which is no folder of a study
    usual = vars(plain)
    with suppress(ValueError):
        choices = ("dataset", "space", "evaluator", *registry.evaluator(config.evaluator).requires)
        given = {name: getattr(config, name) for name in choices}
        own = SearchConfig(os.devnull, **given)
        full = SearchConfig(os.devnull, **given, algorithm=config.algorithm)
        usual = {**vars(full), "algorithm": own.algorithm, **{name: vars(plain)[name] for name in choices}}
    return usual


def check_objects(workdir: str | Path, given: Collection[str] = ()) -> None:
    """Check that no object is missing with which the study in a folder was begun.

    Args:
        workdir: the folder, which need not be there.
        given: the kinds of the objects that are given.

    Raises:
        StudyError: an object is missing.
    """
    for name, kind in classes_in(recorded(workdir, STUDY)).items():
        if name not in given:
            raise StudyError(
                f"{workdir} was begun with the {name} {kind}, and goes on with one of that class: give it as "
                f"search.run(config, {name}=...)"
            )


def check_continues(config: SearchConfig) -> None:
    """Check, before anything slow begins, that a study in the folder of a configuration can go on with it.

    Files, images and objects are not looked at: `Study.open` checks what is known of them.

    Raises:
        StudyError: the folder holds a study with other settings.
    """
    before = recorded(config.workdir, STUDY)
    if not before:
        return
    now = config.identity()
    try:
        known = upgraded_config(before)
        check_json(SearchConfig, known)
        known = in_present_words(config.workdir, known, now)
    except ValueError:  # `Study.open` says what is damaged
        return
    check_same(
        Path(config.workdir),
        {name: known.get(name) for name in now if name in known},
        {name: value for name, value in now.items() if name in known},
        StudyError,
    )
