"""A study's folder: written as the search goes, read at any time, continued after a kill.

- `study.json`: configuration and versions, the settings of the latest sitting, and the devices that costs were measured
  on
- `latencies.jsonl`: the measured costs
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

from nasnet_keras.latency.device import Device
from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.costs.limits import Objective
from nasnet_keras.search.study.checkpoints import Checkpoints
from nasnet_keras.search.study.devices import Devices
from nasnet_keras.search.study.errors import StudyError
from nasnet_keras.search.study.frame import trials_frame
from nasnet_keras.search.study.groups import Groups
from nasnet_keras.search.study.known import in_present_words, remember
from nasnet_keras.search.study.pareto import cost_of, front_of
from nasnet_keras.search.study.result import RESULT, read_result
from nasnet_keras.search.study.trial import STATUSES, Trial, fingerprint
from nasnet_keras.search.study.trial_log import read_trials
from nasnet_keras.search.study.upgrades import objective_of, upgraded_config
from nasnet_keras.search.study.words import study_words
from nasnet_keras.search.study.writer import Writer
from nasnet_keras.utils.checks import choice
from nasnet_keras.utils.settings import check_json
from nasnet_keras.utils.workdir import STUDY, Workdir, read_description

__all__ = ["STATUSES", "Study", "StudyError", "Trial", "load_study"]

_FORMAT, _VERSION = "nasnet_keras.study", 1
_LOGS = {"search": "trials.jsonl", "random": "random_trials.jsonl", "derived": "derived_trials.jsonl"}


class Study:
    """The trials of one search. Made by `Study.open` (to write) or `load_study` (to read).

    Attributes:
        path: its folder.
        config: the configuration in `study.json`, in the words of this version. Reading it raises a `StudyError` if it
            is damaged.
        trials: finished ones, in the order of their numbers. Their measured costs are those on the latest device.
        random_trials: trials of random search in the same space, judged alike and told to no algorithm.
        derived_trials: in a search with a supernet, trials drawn by the controller at the end, judged as random ones.
        objective: the limits of costs, and what is maximized under them.
        best: the candidate within the limits that has the highest reward, whatever the objective's form; the earliest
            of equals; None if no trial succeeded.
        checkpoints: of the algorithm.
        device: the latest device that costs were measured on, or None.
    """

    def __init__(self, path: Path, config: dict[str, Any], **trials: list[Trial]) -> None:
        self.path = path
        self._config, self._damage = config, None
        try:
            check_json(SearchConfig, config)
            self.objective = objective_of(config)
        except ValueError as error:  # the trials can be read all the same
            self.objective = Objective()
            self._damage = f"the configuration in {path / STUDY} is damaged: {error}"
        self.checkpoints = Checkpoints(path / "checkpoints")
        self._devices = Devices(path, STUDY)
        self._groups = Groups(_LOGS, self.objective, self._devices)
        self._writer = Writer(path, self.checkpoints)
        for group, members in trials.items():
            for trial in members:
                self._groups.add(trial, group)

    @classmethod
    def open(
        cls,
        config: SearchConfig,
        facts: dict[str, Any] | None = None,
        device: Device | None = None,
        measured: Sequence[str] = (),
    ) -> "Study":
        """Make the folder, or continue it; this process is its only writer until `close`.

        Args:
            config: the configuration of the search.
            facts: further JSON values that may not change.
            device: the device that costs are measured on in this sitting; None if it is not known, or none are.
            measured: the names of these costs.

        Raises:
            StudyError: another process writes to it, it holds another configuration (the differences are shown) or
                other files, it is damaged, or it cannot be written.
        """
        facts = facts or {}
        identity = {**config.identity(), **facts}
        found: list[Study] = []

        def present(before: dict[str, Any]) -> dict[str, Any]:
            """The folder's configuration, after all its files are read and before any of them is changed."""
            found.append(_read(path, _upgraded(before, warned=True)))
            found[0].result  # noqa: B018 – if it is damaged, the error comes now and not after all trials
            return {**facts, **in_present_words(path, found[0].config, identity)}

        path = Path(config.workdir)
        folder = Workdir(path, STUDY, _FORMAT, _VERSION, identity, StudyError, present)
        (study,) = found
        study._writer.begin(folder)
        try:
            with study._writer.writing():
                remember(path, config)
            study.config.update({**config.to_json(), **facts})  # with the values of this sitting
            if device is not None:
                with study._writer.writing():
                    study._devices.use(device, measured)
                study._groups.judge_anew()
            study._begin()
        except BaseException:
            study.close()
            raise
        return study

    def __repr__(self) -> str:
        return study_words(self.path, self._config, {group: self.count(group) for group in _LOGS}, self.best)

    @property
    def config(self) -> dict[str, Any]:
        if self._damage is not None:
            raise StudyError(self._damage)
        return self._config

    @property
    def trials(self) -> list[Trial]:
        return self._groups.ordered("search")

    @property
    def random_trials(self) -> list[Trial]:
        return self._groups.ordered("random")

    @property
    def derived_trials(self) -> list[Trial]:
        return self._groups.ordered("derived")

    @property
    def candidates(self) -> list[Trial]:
        """The trials to choose from, derived ones if any of them is within the limits, else the search's."""
        return self.derived_trials if self._groups.best("derived") else self.trials

    @property
    def best(self) -> Trial | None:
        return self._groups.best("derived") or self._groups.best("search")

    @property
    def device(self) -> Device | None:
        return self._devices.latest

    def get(self, number: int, group: str = "search") -> Trial | None:
        """The trial of a number in a group, `search`, `random` or `derived`; None if it is not finished.

        Its costs are those that were recorded, on whatever device, by which an algorithm is told of it.
        """
        return self._groups.get(number, group)

    def count(self, group: str = "search") -> int:
        """The number of finished trials of a group, `search`, `random` or `derived`."""
        return self._groups.count(group)

    def pareto(self, costs: Sequence[str] | None = None) -> list[Trial]:
        """Choose the candidates of the front: no other is at most as costly in all costs with at least the reward.

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
        trials = [trial for trial in self.candidates if trial.status == "ok"]
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
        """The names of the costs of the front, which are those that have limits, else `multiply_adds`."""
        return tuple(self.limits) or ("multiply_adds",)

    @property
    def updates(self) -> int | None:
        """The number of updates of the controller before the last child was proposed; None without a controller."""
        each = self.config.get("children_per_update")
        return None if each is None else max(0, len(self.trials) - self.config["window"]) // each

    @property
    def cost_names(self) -> tuple[str, ...]:
        """The names of the costs that trials of the search have, those with limits first."""
        known = dict.fromkeys(name for trial in self.trials for name in trial.costs)
        return tuple(sorted(known, key=lambda name: name not in self.limits))

    def to_dataframe(self, groups: Sequence[str] = ("search", "derived", "random")) -> Any:
        """Tabulate trials as a `pandas.DataFrame`, one row each; pandas is an extra.

        Columns: `number`, `group`, `state` (a category), `reward`, metrics (`validation_accuracy`, …), costs
        (`parameters`, …), `genotype` (JSON, or a benchmark's name), `fingerprint`, `duration` (a timedelta), `seed`.

        Args:
            groups: the groups of trials, in their order.

        Raises:
            ImportError: pandas is not installed; the message says how it is.
            ValueError: there is no such group.

        Example:
            frame = load_study("study").to_dataframe()
            frame[frame.state == "ok"].nlargest(5, "reward")[["number", "reward", "multiply_adds"]]
        """
        for name in groups:
            choice("groups", name, tuple(_LOGS))
        return trials_frame({name: self._groups.ordered(name) for name in groups})

    def append(self, trial: Trial, group: str = "search") -> None:
        """Record a finished trial of a group.

        When this returns, a crash of the process cannot lose it, and one of the machine loses a second at most.

        Raises:
            StudyError: it is recorded already, it is no JSON, or it cannot be written. Then the trials before it are
                safe, and the study is closed.
        """
        if self._groups.get(trial.trial, group) is not None:
            raise StudyError(f"{group} trial {trial.trial} is recorded already")
        self._writer.append(trial, group)
        before = self.best
        self._note(trial, trial.costs)
        self._groups.add(trial, group)
        if self.best is not before:
            self._write_best()

    def unmeasured(self) -> list[Trial]:
        """The successful trials without costs on the latest device, one of each genotype, the best first."""
        return self._devices.unmeasured(self._groups.recorded())

    def add_costs(self, trial: Trial, costs: dict[str, float]) -> None:
        """Record the costs of an earlier trial that was measured anew, on the latest device.

        Raises:
            StudyError: they cannot be written.
        """
        self._note(trial, costs)
        self._groups.judge_anew()
        self._write_best()

    def save_checkpoint(self, told: int, state: dict[str, np.ndarray]) -> None:
        """Keep the algorithm's state, as it is when the first `told` trials are told.

        Raises:
            StudyError: it cannot be written.
        """
        self._writer.save_checkpoint(told, state)

    @property
    def result(self) -> dict[str, Any] | None:
        """The figures of the finalists and the winner; None while the best genotype was not trained to the end.

        Raises:
            StudyError: `result.json` is damaged, or cannot be read.
        """
        path = self.path / RESULT
        if self.best is None or not path.is_file():
            return None
        try:
            result = read_result(path)
        except OSError as error:
            raise StudyError(f"cannot read {path}: {error.strerror or error}") from None
        except ValueError as error:
            raise StudyError(f"{path} is damaged ({error}); remove it to judge the best genotype again") from None
        return result if result["fingerprint"] == fingerprint(self.best.genotype) else None

    def close(self) -> None:
        """Let other processes write to the folder."""
        self._writer.close()

    def _begin(self) -> None:
        """Open the logs, and write the best genotype if a kill prevented it."""
        with self._writer.writing():
            if not self._groups.ordered("search") and self._writer.has_best:
                logging.warning("%s lacks its trials: it is searched anew", self.path)
        self._writer.open_logs(_LOGS)
        self._write_best()

    def _note(self, trial: Trial, costs: dict[str, float]) -> None:
        with self._writer.writing():
            self._devices.add(trial, costs)

    def _write_best(self) -> None:
        """Write the best genotype; if there is none on the latest device, that of another one is removed."""
        if self.best is not None or self._groups.recorded():
            self._writer.write_best(self.best)


def load_study(workdir: str | Path) -> Study:
    """Read a study, finished or not, without changing it.

    Args:
        workdir: the folder of the study.

    Raises:
        StudyError: the folder holds no study, one of a later version, or a damaged one.

    Example:
        >>> load_study("nowhere")
        Traceback (most recent call last):
        nasnet_keras.search.study.errors.StudyError: nowhere holds no study that can be read: no such file
    """
    path = Path(workdir)
    return _read(path, _upgraded(read_description(path, STUDY, _FORMAT, _VERSION, StudyError)))


def _read(path: Path, config: dict[str, Any]) -> Study:
    try:
        return Study(path, config, **{group: read_trials(path / name) for group, name in _LOGS.items()})
    except OSError as error:
        raise StudyError(f"cannot read the study's trials: {error}") from None
    except ValueError as error:
        raise StudyError(str(error)) from None


def _upgraded(config: dict[str, Any], warned: bool = False) -> dict[str, Any]:
    try:
        return upgraded_config(config, warned)
    except ValueError as error:
        raise StudyError(f"the study's configuration is damaged: {error}") from None
