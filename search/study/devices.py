"""The devices that the costs of a study were measured on: what is shown and compared is of the latest of them."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from absl import logging

from nasnet_keras.latency.device import Device
from nasnet_keras.search.costs.limits import is_name
from nasnet_keras.search.costs.measured import Measured, of_device, read, write
from nasnet_keras.search.study.trial import Trial, fingerprint
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.files import write_text
from nasnet_keras.utils.json_text import parse, text_of

__all__ = ["Devices"]

_NAME = "measured"  # in `study.json`, beside the configuration, which may not change: `{"costs": …, "devices": …}`


class Devices:
    """The devices of a study, and the measured costs on the latest.

    A search may go on on another processor, with another version of the runtime, or with another phone behind its
    command. The algorithm is told the recorded costs again, so that it goes on as it began; but a limit is one of a
    device, so that trials are shown with the costs that were measured on the latest one, and without measured costs if
    there are none.

    Args:
        folder: the study's folder.
        file: the name of the file that describes it.

    Attributes:
        latest: the latest device; None if nothing was measured on a known one.

    Raises:
        OSError: a file cannot be read.
        ValueError: a file is damaged.
    """

    def __init__(self, folder: Path, file: str) -> None:
        self._folder, self._path = folder, folder / file
        self._names, self._all = _recorded(self._path)
        self.latest = self._all[-1] if self._all else None
        self._costs = of_device(read(folder), self.latest) if self.latest else {}

    @property
    def several(self) -> bool:
        """Whether costs of several devices may stand among the recorded ones."""
        return len(self._all) > 1

    def use(self, device: Device, names: Iterable[str]) -> None:
        """Make a device the latest one, with a warning if it is another than before.

        Args:
            device: the device.
            names: the names of the costs that are measured on it.

        Raises:
            OSError: the study's file cannot be written.
            ValueError: a file is damaged.
        """
        if device == self.latest:
            return
        if self.latest is not None:
            logging.warning(
                "%s was measured on %s, and goes on on %s: children that succeeded are measured anew there, and "
                "costs of both are not compared",
                self._folder,
                self.latest,
                device,
            )
        self._all = [*(one for one in self._all if one != device), device]
        plain = json.loads(self._path.read_text(encoding="utf-8"))
        self._names |= set(names)
        plain[_NAME] = {"costs": sorted(self._names), "devices": [one.to_json() for one in self._all]}
        write_text(self._path, json.dumps(plain, indent=2) + "\n")
        self.latest, self._costs = device, of_device(read(self._folder), device)

    def add(self, trial: Trial, costs: Mapping[str, float]) -> None:
        """Note the costs of a trial that were measured on the latest device.

        Raises:
            OSError: the file of measurements cannot be written.
            ValueError: it is damaged.
        """
        found = {name: costs[name] for name in self._names & costs.keys()}
        if self.several and found:
            name = fingerprint(trial.genotype)
            if name not in of_device(read(self._folder), self.latest):  # else the evaluator has written them
                write(self._folder, Measured(name, "", "", self.latest, found))
            self._costs[name] = found

    def unmeasured(self, trials: Iterable[Trial]) -> list[Trial]:
        """The successful trials of different genotypes without costs on the latest device, the best first."""
        if not self.several:
            return []
        missing: dict[str, Trial] = {}
        for trial in sorted((one for one in trials if one.status == "ok"), key=lambda one: -one.reward):
            name = fingerprint(trial.genotype)
            if name not in self._costs:
                missing.setdefault(name, trial)
        return list(missing.values())

    def shown(self, trial: Trial) -> Trial:
        """The trial with the measured costs of the latest device alone."""
        if not self.several:
            return trial
        costs = {name: value for name, value in trial.costs.items() if name not in self._names}
        found = self._costs.get(fingerprint(trial.genotype), {})
        return replace(trial, costs=costs | {name: found[name] for name in self._names & found.keys()})


def _recorded(path: Path) -> tuple[set[str], list[Device]]:
    """Read the names of measured costs, and the devices in the order of their use, in a study's file."""
    try:
        plain: Any = parse(text_of(path))
    except (OSError, ValueError):  # the study raises the error of a missing or damaged file
        return set(), []
    found = plain.get(_NAME) if isinstance(plain, dict) else None
    if found is None:
        return set(), []
    try:
        names, devices = found["costs"], found["devices"]
        if not isinstance(names, list) or not isinstance(devices, list) or not all(map(is_name, names)):
            raise ValueError("its costs and devices are no lists")
        return set(names), [Device.from_json(one) for one in devices]
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path} is damaged: {_NAME} cannot be {quoted(found)}: {error}") from None
