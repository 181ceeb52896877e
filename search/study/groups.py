"""The trials of a study by groups and numbers, and the best of them."""

from collections.abc import Iterable

from nasnet_keras.search.costs.limits import Objective
from nasnet_keras.search.study.devices import Devices
from nasnet_keras.search.study.trial import Trial

__all__ = ["Groups"]


class Groups:
    """The trials of a study.

    Args:
        names: the names of the groups.
        objective: the limits that the best trials are within.
        devices: shows trials with costs of one device.
    """

    def __init__(self, names: Iterable[str], objective: Objective, devices: Devices) -> None:
        self._trials: dict[str, dict[int, Trial]] = {name: {} for name in names}
        self._objective, self._devices = objective, devices
        self._best: dict[str, Trial] = {}

    def get(self, number: int, group: str) -> Trial | None:
        """The trial of a number in a group, as it was recorded."""
        return self._trials[group].get(number)

    def count(self, group: str) -> int:
        """The number of trials of a group."""
        return len(self._trials[group])

    def ordered(self, group: str) -> list[Trial]:
        """The trials of a group by number, with the measured costs of the latest device."""
        trials = self._trials[group]
        return [self._devices.shown(trials[number]) for number in sorted(trials)]

    def recorded(self) -> list[Trial]:
        """All trials, as they were recorded."""
        return [trial for trials in self._trials.values() for trial in trials.values()]

    def best(self, group: str) -> Trial | None:
        """The trial of a group within the limits that has the highest reward, the earliest of equals."""
        return self._best.get(group)

    def add(self, trial: Trial, group: str) -> None:
        """Add a trial."""
        self._trials[group][trial.trial] = trial
        self._judge(trial, group)

    def judge_anew(self) -> None:
        """Find the best trials again, after costs have changed."""
        self._best = {}
        for group, trials in self._trials.items():
            for trial in trials.values():
                self._judge(trial, group)

    def _judge(self, trial: Trial, group: str) -> None:
        trial, best = self._devices.shown(trial), self._best.get(group)
        if trial.status != "ok" or not self._objective.within(trial.costs):
            return
        if best is None or (trial.reward, -trial.trial) > (best.reward, -best.trial):
            self._best[group] = trial
