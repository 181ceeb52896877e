"""The measured costs of a study: a file of lines, which saves measuring twice and tells devices apart."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nasnet_keras.latency.device import Device
from nasnet_keras.search.costs.limits import checked_costs
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.json_text import parse
from nasnet_keras.utils.lines import LineLog, whole_lines

__all__ = ["FILE", "Measured", "find", "of_device", "read", "write"]

FILE = "latencies.jsonl"
"""The name of the file, in the study's folder."""


@dataclass(frozen=True)
class Measured:
    """One measurement.

    Attributes:
        genotype: the fingerprint of the genotype.
        network: the fingerprint of the network, with its sizes and the version of the package that exported it.
        file: the SHA-256 of the exported file; empty for a folder.
        device: that it was measured on.
        costs: the measured costs by name.
        details: further figures of the measurement, JSON values by name.
    """

    genotype: str
    network: str
    file: str
    device: Device
    costs: dict[str, float]
    details: dict[str, Any] = field(default_factory=dict)

    def to_line(self) -> str:
        """Write the line, with its newline."""
        plain = {"genotype": self.genotype, "network": self.network, "file": self.file}
        plain |= {"device": self.device.to_json(), "costs": self.costs, "details": self.details}
        return json.dumps(plain, allow_nan=False) + "\n"

    @classmethod
    def from_line(cls, line: str) -> "Measured":
        """Read a line.

        Raises:
            ValueError: it is no line of this kind.
        """
        plain = parse(line)
        names = ("genotype", "network", "file")
        if not isinstance(plain, dict) or not all(isinstance(plain.get(name), str) for name in names):
            raise ValueError(f"expected a measurement, with {', '.join(names)}, got {quoted(plain)}")
        details = plain.get("details", {})
        if not isinstance(details, dict):
            raise ValueError(f"details must be an object, got {quoted(details)}")
        costs = checked_costs(plain.get("costs"), "a measurement")
        return cls(*(plain[name] for name in names), Device.from_json(plain.get("device")), costs, details)


def read(folder: Path) -> list[Measured]:
    """Read the measurements in a study's folder; none if there is no file.

    Raises:
        OSError: the file cannot be read.
        ValueError: a line is damaged.
    """
    found, path = [], folder / FILE
    for number, line in enumerate(whole_lines(path)):
        try:
            found.append(Measured.from_line(line.decode()))
        except ValueError as error:
            raise ValueError(f"{path}, line {number + 1} is damaged: {error}") from None
    return found


def write(folder: Path, measured: Measured) -> None:
    """Append a measurement to the file of a folder; nothing is written if the folder is missing.

    Raises:
        OSError: the file cannot be written.
    """
    if folder.is_dir():
        log = LineLog(folder / FILE)
        try:
            log.append(measured.to_line().encode())
        finally:
            log.close()


def find(known: list[Measured], device: Device, *, network: str = "", file: str = "") -> Measured | None:
    """Find the latest measurement on a device of a network, or of a file."""
    for one in reversed(known):
        if one.device == device and ((network and one.network == network) or (file and one.file == file)):
            return one
    return None


def of_device(known: list[Measured], device: Device) -> dict[str, dict[str, float]]:
    """The costs that were measured on a device, by the fingerprints of genotypes."""
    return {one.genotype: one.costs for one in _of(known, device)}


def _of(known: list[Measured], device: Device) -> Iterator[Measured]:
    return (one for one in known if one.device == device)
