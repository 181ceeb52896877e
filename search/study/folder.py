"""A study's folder: written as the search goes, read at any time, continued after a kill.

- `study.json`: configuration and versions
- `trials.jsonl`: one line for each finished trial, appended and flushed; `random_trials.jsonl`: the same of random
  search, for comparison; `derived_trials.jsonl`: genotypes that the controller of a supernet's search draws at the end
- `checkpoints/`: the algorithm's state after a number of trials; `supernet/`: the weights that children share
- `best_genotype.json`: the best so far
- `final/`: the trainings of the finalists; `result.json`: their figures; the winner's model and card
- `report.html`, `tensorboard/`: for people
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging

from nasnet_keras.search.config import SearchConfig, may_change
from nasnet_keras.search.costs.limits import Objective
from nasnet_keras.search.study.checkpoints import Checkpoints
from nasnet_keras.search.study.pareto import cost_of, front_of
from nasnet_keras.search.study.result import read_result
from nasnet_keras.search.study.trial import STATUSES, Trial, fingerprint, genotype_text
from nasnet_keras.search.study.trial_log import TrialLog, read_trials
from nasnet_keras.training.recipes import Recipe
from nasnet_keras.utils.files import write_text
from nasnet_keras.utils.settings import check_json, upgraded
from nasnet_keras.utils.workdir import Workdir, WorkdirError, read_description

__all__ = ["STATUSES", "Study", "StudyError", "Trial", "load_study"]

_FILE = "study.json"
_BEST = "best_genotype.json"
_FORMAT = "nasnet_keras.study"
_VERSION = 1
_LOGS = {"search": "trials.jsonl", "random": "random_trials.jsonl", "derived": "derived_trials.jsonl"}


class StudyError(WorkdirError):
    """A study's folder cannot be used; nothing in it was changed."""


class Study:
    """The trials of one search. Made by `Study.open` (to write) or `load_study` (to read).

    Attributes:
        path: its folder.
        config: the configuration in `study.json`, in the words of this version. Reading it raises a `StudyError` if it
            is damaged.
        trials: finished ones, in the order of their numbers.
        random_trials: trials of random search in the same space, judged alike and told to no algorithm.
        derived_trials: in a search with a supernet, trials drawn by the controller at the end, judged as random ones.
        objective: the limits of costs, and what is maximized under them.
        best: the trial within the limits that has the highest reward, whatever the objective's form; the earliest of
            equals, among the derived ones if there are any; None if no trial succeeded.
        checkpoints: of the algorithm.
    """

    def __init__(self, path: Path, config: dict[str, Any], **trials: list[Trial]) -> None:
        self.path = path
        self._config, self._damage = config, None
        try:
            check_json(SearchConfig, config)
            self.objective = _objective(config)
        except ValueError as error:  # the trials can be read all the same
            self.objective = Objective()
            self._damage = f"the configuration in {path / _FILE} is damaged: {error}"
        self.checkpoints = Checkpoints(path / "checkpoints")
        self._trials: dict[str, dict[int, Trial]] = {group: {} for group in _LOGS}
        self._best: dict[str, Trial] = {}
        self._folder: Workdir | None = None
        self._logs: dict[str, TrialLog] = {}
        for group, members in trials.items():
            for trial in members:
                self._add(trial, group)

    @classmethod
    def open(cls, config: SearchConfig, facts: dict[str, Any] | None = None) -> "Study":
        """Make the folder, or continue it; this process is its only writer until `close`.

        Args:
            config: the configuration of the search.
            facts: further JSON values that may not change.

        Raises:
            StudyError: another process writes to it, it holds another configuration (the differences are shown) or
                other files, it is damaged, or it cannot be written.
        """
        facts = facts or {}
        identity = {**config.identity(), **facts}

        found: list[Study] = []

        def present(before: dict[str, Any]) -> dict[str, Any]:
            """The folder's configuration, after all its files are read and before any of them is changed."""
            found.append(_read(path, _upgraded(before)))
            found[0].result  # noqa: B018 – if it is damaged, the error comes now and not after all trials
            return {**facts, **found[0].config}

        path = Path(config.workdir)
        folder = Workdir(path, _FILE, _FORMAT, _VERSION, identity, StudyError, present)
        (study,) = found
        study._folder = folder
        try:
            study.config.update({**config.to_json(), **facts})  # with the values of this sitting
            study._begin()
        except BaseException:
            study.close()
            raise
        return study

    @property
    def config(self) -> dict[str, Any]:
        if self._damage is not None:
            raise StudyError(self._damage)
        return self._config

    @property
    def trials(self) -> list[Trial]:
        return self._ordered("search")

    @property
    def random_trials(self) -> list[Trial]:
        return self._ordered("random")

    @property
    def derived_trials(self) -> list[Trial]:
        return self._ordered("derived")

    @property
    def best(self) -> Trial | None:
        return self._best.get("derived", self._best.get("search"))

    def get(self, number: int, group: str = "search") -> Trial | None:
        """The trial of a number in a group, `search`, `random` or `derived`; None if it is not finished."""
        return self._trials[group].get(number)

    def pareto(self, costs: Sequence[str] | None = None) -> list[Trial]:
        """Choose the trials of the front: no other is at most as costly in all costs with at least the reward.

        They are among the trials that `best` is among: the derived ones if there are any.

        Args:
            costs: names of costs, such as `("latency_ms",)`; by default those that have limits, else `multiply_adds`.

        Returns:
            The trials by ascending first cost, the earliest of equal ones; none if no trial has the default costs.

        Raises:
            ValueError: no trial has one of these costs.

        Example:
            for trial in load_study("study").pareto(("latency_ms",)):
                print(trial.costs["latency_ms"], trial.reward)
        """
        trials = [trial for trial in self.derived_trials or self.trials if trial.reward is not None]
        chosen = self.front_costs if costs is None else costs
        if costs is None and not all(any(cost_of(one, name) is not None for one in trials) for name in chosen):
            return []
        return front_of(trials, chosen)

    @property
    def limits(self) -> dict[str, float]:
        """The largest value of each cost that has a limit, by its name."""
        return {limit.cost: limit.most for limit in self.objective.limits}

    @property
    def front_costs(self) -> tuple[str, ...]:
        """The names of the costs of the front: those that have limits, else `multiply_adds`."""
        return tuple(self.limits) or ("multiply_adds",)

    @property
    def updates(self) -> int | None:
        """The number of updates of the controller before the last child was proposed; None without a controller."""
        each = self.config.get("children_per_update")
        return None if each is None else max(0, len(self.trials) - self.config["window"]) // each

    def append(self, trial: Trial, group: str = "search") -> None:
        """Record a finished trial of a group.

        When this returns, a crash of the process cannot lose it, and one of the machine loses a second at most.

        Raises:
            StudyError: it is recorded already, it is no JSON, or it cannot be written. Then the trials before it are
                safe, and the study is closed.
        """
        if trial.trial in self._trials[group]:
            raise StudyError(f"{group} trial {trial.trial} is recorded already")
        self._write(group, trial)
        self._add(trial, group)
        if self.best is trial:
            try:
                write_text(self.path / _BEST, genotype_text(trial.genotype) + "\n")
            except OSError as error:
                self.close()
                raise StudyError(f"cannot write the study {self.path}: {error}") from None

    def save_checkpoint(self, told: int, state: dict[str, np.ndarray]) -> None:
        """Keep the algorithm's state, as it is when the first `told` trials are told.

        Raises:
            StudyError: it cannot be written.
        """
        try:
            for log in self._logs.values():  # a checkpoint must not outlive the trials that it tells of
                log.sync()
            self.checkpoints.save(told, state)
        except OSError as error:
            raise StudyError(f"cannot write the study {self.path}: {error}") from None

    @property
    def result(self) -> dict[str, Any] | None:
        """The figures of the finalists and the winner; None while the best genotype was not trained to the end.

        Raises:
            StudyError: `result.json` is damaged.
        """
        path = self.path / "result.json"
        if self.best is None or not path.is_file():
            return None
        try:
            result = read_result(path)
        except (OSError, ValueError) as error:
            raise StudyError(f"{path} is damaged ({error}); remove it to judge the best genotype again") from None
        return result if result["fingerprint"] == fingerprint(self.best.genotype) else None

    def close(self) -> None:
        """Let other processes write to the folder."""
        for log in self._logs.values():
            log.close()
        if self._folder is not None:
            self._folder.close()
            self._folder = None

    def _begin(self) -> None:
        """Open the logs, and write the best genotype if a kill prevented it."""
        best, path = self.best, self.path / _BEST
        try:
            if best is None and path.exists():
                logging.warning("%s lacks its trials: it is searched anew", self.path)
            self._logs = {group: TrialLog(self.path / name) for group, name in _LOGS.items()}
            if best is not None:
                write_text(path, genotype_text(best.genotype) + "\n")
        except OSError as error:
            raise StudyError(f"cannot write the study {self.path}: {error}") from None

    def _ordered(self, group: str) -> list[Trial]:
        trials = self._trials[group]
        return [trials[number] for number in sorted(trials)]

    def _write(self, group: str, trial: Trial) -> None:
        if self._folder is None:
            raise StudyError(f"the study {self.path} is not open to be written")
        self._folder.check()
        try:
            line = trial.to_line().encode()
        except (TypeError, ValueError, RecursionError) as error:
            raise StudyError(f"the metrics of trial {trial.trial} are no JSON: {error}") from None
        try:
            self._logs[group].append(line)
        except OSError as error:
            self.close()
            raise StudyError(f"cannot write the study {self.path}: {error}") from None

    def _add(self, trial: Trial, group: str) -> None:
        self._trials[group][trial.trial] = trial
        best = self._best.get(group)
        if trial.reward is None or not self.objective.within(trial.costs):
            return
        if best is None or (trial.reward, -trial.trial) > (best.reward, -best.trial):
            self._best[group] = trial


def _objective(config: dict[str, Any]) -> Objective:
    """The objective of a configuration whose settings are legal, each by itself."""
    return Objective.of(config.get("limit", ()), config.get("objective", "hard"), config.get("exchange", ()))


def load_study(workdir: str | Path) -> Study:
    """Read a study, finished or not, without changing it.

    Args:
        workdir: the folder of the study.

    Raises:
        StudyError: the folder holds no study, one of a later version, or a damaged one.

    Example:
        >>> load_study("nowhere")
        Traceback (most recent call last):
        nasnet_keras.search.study.folder.StudyError: nowhere holds no study that can be read: no such file
    """
    path = Path(workdir)
    return _read(path, _upgraded(read_description(path, _FILE, _FORMAT, _VERSION, StudyError)))


def _read(path: Path, config: dict[str, Any]) -> Study:
    try:
        return Study(path, config, **{group: read_trials(path / name) for group, name in _LOGS.items()})
    except OSError as error:
        raise StudyError(f"cannot read the study's trials: {error}") from None
    except ValueError as error:
        raise StudyError(str(error)) from None


def _upgraded(config: dict[str, Any]) -> dict[str, Any]:
    """Convert the configuration of a study of any version to the present names, without settings that may change."""
    config = upgraded(SearchConfig, config)
    if "recipe" not in config and "epochs" in config:
        plain = {name: config.pop(name, None) for name in ("epochs", "batch_size", "learning_rate")}
        try:
            config["recipe"] = Recipe(**plain, clip_norm=0.0, pad=0, flip=False).to_json()
        except ValueError as error:
            raise StudyError(f"the study's configuration is damaged: {error}") from None
    if isinstance(config.get("recipe"), dict):
        config["recipe"] = Recipe.upgraded(config["recipe"])
    without = may_change(config["evaluator"])
    return {name: value for name, value in config.items() if name not in without}
