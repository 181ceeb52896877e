"""Several studies side by side: whether they can be compared, and their figures by kinds of search."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from nasnet_keras.search import registry
from nasnet_keras.search.config import SearchConfig, may_change
from nasnet_keras.search.equality import is_listed, network_name
from nasnet_keras.search.report.facts import accuracy
from nasnet_keras.search.study.errors import StudyError
from nasnet_keras.search.study.folder import Study, load_study
from nasnet_keras.search.study.known import known_settings
from nasnet_keras.search.study.seeds import load_studies, recorded_seeds
from nasnet_keras.search.study.trial import Trial
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.settings import settings

__all__ = ["Kind", "Spread", "Together", "best_so_far", "together"]

_JUDGED = ("evaluator", "evaluator_config", "table", "proxy", "proxy_images")  # beside the settings of children
_IMAGES = ("digest", "split", "images", "image_shape")  # facts, by which data sets are the same wherever they are
_TABLES = ("table_crc32", "costs_crc32")
_PLACES = ("dataset", "data_dir", "table")  # say where those are
_NO_KIND = ("seed", "deterministic", "data_dir")
_OBJECTS = ("algorithm", "space")  # given as objects, which studies of one kind were begun with equal arguments of
_SHOWN = 5  # differences in an error


@dataclass(frozen=True)
class Spread:
    """Figures of several studies, one of each.

    Example:
        >>> one = Spread((0.5, 0.75, 1.0))
        >>> one.mean, one.deviation, one.best
        (0.75, 0.25, 1.0)
    """

    values: tuple[float, ...]

    @property
    def mean(self) -> float | None:
        """Their mean; None of no figures."""
        return float(np.mean(self.values)) if self.values else None

    @property
    def deviation(self) -> float | None:
        """Their sample standard deviation; None of fewer than two."""
        return float(np.std(self.values, ddof=1)) if len(self.values) > 1 else None

    @property
    def best(self) -> float | None:
        """The highest; None of no figures."""
        return max(self.values, default=None)


@dataclass(frozen=True)
class Kind:
    """Studies that differ by their seed alone, or by where and how far they ran.

    Attributes:
        title: what they have in common and others have not.
        studies: the studies.
        trials: the number of trials at which `equal` is taken.
    """

    title: str
    studies: tuple[Study, ...]
    trials: int

    @property
    def equal(self) -> Spread:
        """The best rewards within the limits after equally many trials of each study."""
        return Spread(tuple(found for one in self.studies if (found := _best(one, self.trials)) is not None))

    @property
    def best(self) -> Spread:
        """The best rewards of the whole studies."""
        return Spread(tuple(one.best.reward for one in self.studies if one.best is not None))

    @property
    def rewards(self) -> Spread:
        """The mean rewards of the children of each study, within the limits."""
        return Spread(tuple(float(np.mean(found)) for one in self.studies if (found := _within(one, one.trials))))

    @property
    def random(self) -> Spread:
        """The mean rewards of the random children of each study, within the limits."""
        found = (_within(one, one.random_trials) for one in self.studies)
        return Spread(tuple(float(np.mean(rewards)) for rewards in found if rewards))

    @property
    def tests(self) -> Spread:
        """The test accuracies of the winners, in percent."""
        found = (accuracy(one.result, "test_accuracy") for one in self.studies)
        return Spread(tuple(test for test in found if test is not None))


@dataclass(frozen=True)
class Together:
    """Studies that can be compared.

    Attributes:
        studies: the studies.
        kinds: the studies by kinds, in the order in which they were given.
        left_out: studies that have begun and are left out, as long as they have fewer trials than others of their kind
            that are done, or no reward.
    """

    studies: tuple[Study, ...]
    kinds: tuple[Kind, ...]
    left_out: tuple[Study, ...] = ()

    @property
    def trials(self) -> int:
        """The number of trials of the shortest study."""
        return min(len(one.trials) for one in self.studies)

    @cached_property
    def networks(self) -> tuple[int, int]:
        """The number of different networks with a reward, and of those that several studies have."""
        found: dict[str, set[int]] = {}
        for place, one in enumerate(self.studies):
            for trial in one.trials:
                if trial.reward is not None:
                    found.setdefault(network_name(trial.genotype, is_listed(one.config)), set()).add(place)
        return len(found), sum(len(places) > 1 for places in found.values())

    @cached_property
    def differing(self) -> dict[str, list[str]]:
        """The settings in which the kinds differ, with the values of each kind as text."""
        return _differing([kind.studies[0] for kind in self.kinds])


def together(studies: Iterable[Study | str | Path]) -> Together:
    """Put studies side by side.

    Args:
        studies: studies, or their folders, also of several seeds.

    Raises:
        StudyError: they cannot be compared, since their rewards are of different kinds, one has no reward, or one is
            given twice; or a folder cannot be read.
    """
    if isinstance(studies, str | Path | Study):
        studies = [studies]
    if not isinstance(studies, Iterable):
        raise StudyError(f"studies or their folders were expected, got {quoted(studies)}")
    found = tuple(study for one in studies for study in _loaded(one))
    if not found:
        raise StudyError("there is no study to compare")
    paths = [one.path.resolve() for one in found]
    if twice := next((one for one, path in zip(found, paths, strict=True) if paths.count(path) > 1), None):
        raise StudyError(f"{twice.path} is given twice")
    members = _by_kinds(found)
    left_out = tuple(one for group in members.values() for one in _behind(group))
    found = tuple(one for one in found if one not in left_out)
    for one in found:
        if not _is_rewarded(one):
            raise StudyError(f"{one.path} has no trial with a reward, so that it cannot be compared")
        _check_alike(found[0], one)
    trials, members = min(len(one.trials) for one in found), _by_kinds(found)
    titles = _titles([group[0] for group in members.values()])
    kinds = (Kind(title, tuple(group), trials) for title, group in zip(titles, members.values(), strict=True))
    return Together(found, tuple(kinds), left_out)


def _loaded(one: Study | str | Path) -> list[Study]:
    if isinstance(one, Study):
        return [one]
    if not isinstance(one, str | Path):
        raise StudyError(f"a study or its folder was expected, got {quoted(one)}")
    return [load_study(one)] if recorded_seeds(one) is None else load_studies(one)


def _by_kinds(studies: Iterable[Study]) -> dict[str, list[Study]]:
    """The studies by what those of one kind have in common."""
    members: dict[str, list[Study]] = {}
    for one in studies:
        members.setdefault(json.dumps(_identity(one), sort_keys=True), []).append(one)
    return members


def _behind(group: Sequence[Study]) -> list[Study]:
    """Those of one kind that would cut the others to the few trials that they have so far; never all of them."""
    asked = [known_settings(one.path).get("trials") for one in group]  # of its latest sitting
    pairs = list(zip(group, asked, strict=True))
    shortest = min((len(one.trials) for one, trials in pairs if len(one.trials) >= (trials or 0)), default=0)
    found = [
        one
        for one, trials in pairs
        if trials is not None and (not _is_rewarded(one) or len(one.trials) < min(trials, shortest))
    ]
    return found if len(found) < len(group) else []


def _is_rewarded(study: Study) -> bool:
    return any(trial.reward is not None for trial in study.trials)


def _check_alike(first: Study, other: Study) -> None:
    """Raise a StudyError unless the rewards of two studies are of one kind."""
    ours, theirs = _judging(first), _judging(other)
    lacking = {*_unused(first), *_unused(other)}
    names = [name for name in dict.fromkeys((*ours, *theirs)) if name not in lacking]
    found = [line for name in names for line in _differences(name, ours.get(name), theirs.get(name))]
    if found:
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise StudyError(
            f"{first.path} and {other.path} cannot be compared, since their rewards are of different kinds: "
            f"{'; '.join(found[:_SHOWN])}{more}"
        )


def _differences(name: str, one: Any, other: Any) -> Iterable[str]:
    if isinstance(one, dict) and isinstance(other, dict):
        for key in dict.fromkeys((*one, *other)):
            yield from _differences(f"{name}.{key}", one.get(key), other.get(key))
    elif one != other:
        yield f"{name} is {quoted(one)} in the first and {quoted(other)} in the second"


def _judging(study: Study) -> dict[str, Any]:
    """What says how the children of a study are judged, by names of settings and facts."""
    config = study.config
    row = registry.evaluator(config.get("evaluator"))
    known = settings(SearchConfig)
    names = [name for name, one in known.items() if "children" in one.for_ and not one.may_change and row.trains]
    facts = [name for name in (*_IMAGES, *_TABLES) if name in config]
    by_facts = _PLACES if facts else ()
    found = {name: config.get(name) for name in (*names, *_JUDGED, *facts) if name not in (*by_facts, *_NO_KIND)}
    return {**found, "objective": study.objective.own}


def _unused(study: Study) -> Iterable[str]:
    """The settings that say nothing of the networks of a study's space."""
    row = registry.space(study.config.get("space"))
    return (*row.lacks, *row.ignores)


def _identity(study: Study) -> dict[str, Any]:
    """The settings in which studies of one kind agree."""
    known, free = settings(SearchConfig), may_change(study.config.get("evaluator", "child"))
    names = [name for name in known if name not in {*free, *_NO_KIND, *_PLACES}]
    found = {name: study.config.get(name) for name in names}
    for kind in _OBJECTS:
        found |= {f"{kind}.{name}": value for name, value in _object(study, f"{kind}_config").items()}
    return {**found, "latency_predictor": _object(study, "latency_predictor").get("crc32")}


def _object(study: Study, name: str) -> Mapping[str, Any]:
    found = study.config.get(name)
    return found if isinstance(found, dict) else {}


def _differing(studies: Sequence[Study]) -> dict[str, list[str]]:
    found = [_identity(one) for one in studies]
    names = dict.fromkeys(name for one in found for name in one)
    texts = {name: [_as_text(one.get(name)) for one in found] for name in names}
    return {name: values for name, values in texts.items() if len(set(values)) > 1}


def _titles(studies: Sequence[Study]) -> list[str]:
    """The algorithm of each kind, and the other settings in which kinds differ."""
    differing = _differing(studies)
    differing.pop("algorithm", None)
    algorithms = [str(one.config.get("algorithm")) for one in studies]
    named = []
    for place, algorithm in enumerate(algorithms):
        others = []
        for name, values in differing.items():
            alike = {value for value, other in zip(values, algorithms, strict=True) if other == algorithm}
            of_algorithm = name in registry.algorithm(algorithm).parameters
            if values[place] != "none" and (len(alike) > 1 or not of_algorithm):
                others.append(f"{name}={values[place]}")
        named.append(", ".join([algorithm, *others]))
    return named


def _as_text(value: Any) -> str:
    if value is None:
        return "none"
    return ",".join(map(str, value)) or "none" if isinstance(value, list | tuple) else str(value)


def _within(study: Study, trials: Iterable[Trial]) -> list[float]:
    """The rewards of trials within the limits."""
    return [trial.reward for trial in trials if trial.reward is not None and study.objective.within(trial.costs)]


def _best(study: Study, count: int) -> float | None:
    """The best reward within the limits of the first trials."""
    return max(_within(study, study.trials[:count]), default=None)


def best_so_far(study: Study, count: int) -> list[float]:
    """The best reward within the limits after each of the first trials; NaN before there is one."""
    rewards: Mapping[int, float] = {
        place: trial.reward
        for place, trial in enumerate(study.trials[:count])
        if trial.reward is not None and study.objective.within(trial.costs)
    }
    found = [rewards.get(place, -np.inf) for place in range(count)]
    return [value if np.isfinite(value) else float("nan") for value in np.maximum.accumulate(found)]
