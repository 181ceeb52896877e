"""A file of measured networks, one line each, so that a fit goes on where it was stopped."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasnet_keras.latency.device import Device
from nasnet_keras.search.latency.drawn import DrawnNetworks
from nasnet_keras.search.study.trial_log import TrialLog
from nasnet_keras.utils.checks import finite, quoted
from nasnet_keras.utils.json_text import parse, text_of

__all__ = ["Measurements"]


@dataclass
class Measurements:
    """The latencies of drawn networks on a device, in a file that may hold those of others too.

    Args:
        path: the file; it is made with the first latency.
        device: that latencies are measured on.
        space: the name of the space.
        networks: the networks that are drawn from it.

    Raises:
        ValueError: a line of the file is damaged.
        OSError: the file cannot be read or written.
    """

    path: Path
    device: Device
    space: str
    networks: DrawnNetworks

    def __post_init__(self) -> None:
        self.known: dict[int, float] = {}
        lines = text_of(self.path).split("\n")[:-1] if self.path.exists() else []  # a torn line may follow
        key = self._key()
        for number, line in enumerate(lines, start=1):
            row = _row(f"{self.path}, line {number}", line)
            if {name: row.get(name) for name in key} == key:
                self.known[row["number"]] = float(row["latency_ms"])
        self._log = TrialLog(self.path)

    def add(self, number: int, latency_ms: float) -> None:
        """Record the latency of a network by its number."""
        row = {**self._key(), "number": number, "latency_ms": latency_ms}
        self._log.append((json.dumps(row) + "\n").encode())
        self.known[number] = latency_ms

    def close(self) -> None:
        """Close the file."""
        self._log.close()

    def _key(self) -> dict[str, Any]:
        """What a latency depends on, beside the number of its network."""
        first = json.loads(json.dumps(self.networks.space.decode([0] * len(self.networks.space.decisions)).to_plain()))
        return {
            "device": self.device.to_json(),
            "space": self.space,
            "decisions": [len(decision.choices) for decision in self.networks.space.decisions],
            "first": first,
            "input_shape": list(self.networks.input_shape),
            "network": self.networks.network,
            "seed": self.networks.seed,
        }


def _row(where: str, line: str) -> dict[str, Any]:
    try:
        row = parse(line)
    except ValueError as error:
        raise ValueError(f"{where} is damaged: {error}") from None
    legal = isinstance(row, dict) and type(row.get("number")) is int and finite(row.get("latency_ms"))
    if not legal or row["latency_ms"] <= 0:
        raise ValueError(f"{where} is damaged: expected the latency of a network, got {quoted(line)}")
    return row
