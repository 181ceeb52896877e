"""Networks are measured with random weights, on this machine or by the user's own command."""

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import nasnet_keras
from nasnet_keras.latency.command import LatencyCommand
from nasnet_keras.latency.device import Device
from nasnet_keras.latency.errors import LatencyError
from nasnet_keras.latency.measuring import exported, measure_latency
from nasnet_keras.latency.protocol import Protocol
from nasnet_keras.search.costs.limits import MEASURED
from nasnet_keras.search.costs.measured import Measured, find, read, write
from nasnet_keras.utils import files
from nasnet_keras.utils.checks import finite

__all__ = ["Meter", "Network"]

_SEED = 0  # of the random weights: equal networks give equal files


@dataclass(frozen=True)
class Network:
    """A network to measure.

    Attributes:
        genotype: the fingerprint of its genotype.
        described: all that the network depends on, as JSON values.
        build: makes the model.
    """

    genotype: str
    described: Mapping[str, Any]
    build: Callable[[], Any]

    @property
    def fingerprint(self) -> str:
        """The fingerprint of the network, as this version of the package exports it."""
        described = {**self.described, "genotype": self.genotype, "version": nasnet_keras.__version__}
        return hashlib.sha256(json.dumps(described, sort_keys=True).encode()).hexdigest()[:32]


@dataclass(frozen=True)
class Meter:
    """Measures networks on one device, and remembers the costs in a folder.

    Attributes:
        protocol: how they are measured; beside a command its runtime says which files the command gets.
        command: the user's own command, or None.
        folder: the study's folder, which may be missing.

    Raises:
        LatencyError: the runtime is not installed.
    """

    protocol: Protocol
    command: LatencyCommand | None
    folder: Path

    @classmethod
    def of(cls, runtime: str, threads: int, latency_command: str | None, folder: str | Path) -> "Meter":
        """Make a meter of the settings of a search.

        Raises:
            LatencyError: a setting is not legal.
        """
        command = None if latency_command is None else LatencyCommand(latency_command)
        return cls(Protocol(runtime, threads), command, Path(folder))

    @property
    def device(self) -> Device:
        """The device that is measured on."""
        return Device.of(self.protocol, self.command)

    @property
    def measures(self) -> tuple[str, ...]:
        """The names of the costs that can be measured: a command prints the latency alone."""
        return MEASURED if self.command is None else MEASURED[:1]

    def costs(self, network: Network) -> dict[str, float]:
        """Measure a network, unless it or an equal file was measured on this device before.

        Raises:
            LatencyError: it cannot be measured; `MachineBusy` if another attempt may succeed.
            ValueError: it cannot be fused or exported.
        """
        device, known = self.device, self._known()
        found = find(known, device, network=network.fingerprint)
        return found.costs if found else self._measured(network, device, known, self.protocol)

    def rehearse(self, network: Network) -> None:
        """Measure a small network roughly, so that what cannot work is an error before a search begins.

        Raises:
            LatencyError: nothing can be measured.
            ValueError: the network cannot be fused or exported.
        """
        device, known = self.device, read(self.folder)
        if not find(known, device, network=network.fingerprint):
            self._measured(network, device, known, replace(self.protocol, accuracy=None))

    def _known(self) -> list[Measured]:
        """The measurements in the folder, but for those that are less exact than this meter's."""
        most = self.protocol.accuracy
        shares = ((one, one.details.get("known_to")) for one in read(self.folder))  # a command says none
        return [one for one, share in shares if most is None or not finite(share) or share <= most]

    def _measured(
        self, network: Network, device: Device, known: list[Measured], protocol: Protocol
    ) -> dict[str, float]:
        """Export a network and measure its file."""
        with tempfile.TemporaryDirectory() as folder:
            path = _exported(network, Path(folder), protocol)
            file = files.digest(path, "sha256") if path.is_file() else ""
            found = find(known, device, file=file)
            costs, details = (found.costs, found.details) if found else self._of_file(path, protocol)
        if self.command is not None or protocol.accuracy is not None:  # what was measured roughly is not kept
            write(self.folder, Measured(network.genotype, network.fingerprint, file, device, costs, details))
        return costs

    def _of_file(self, path: Path, protocol: Protocol) -> tuple[dict[str, float], dict[str, Any]]:
        """Measure a file; returns its costs and further figures."""
        if self.command is not None:
            return {"latency_ms": self.command.measure(path)}, {}
        found = measure_latency(
            path,
            protocol.runtime,
            protocol.threads,
            accuracy=protocol.accuracy,
            timeout_seconds=protocol.timeout_seconds,
        )
        details = {"quartiles_ms": list(found.quartiles_ms), "runs": found.runs, "known_to": found.known_to}
        return {"latency_ms": found.median_ms, "peak_memory_mib": found.peak_memory_mib}, details


def _exported(network: Network, folder: Path, protocol: Protocol) -> Path:
    """Export a network with the random weights of a fixed seed. GPUs and their memory are for those who train."""
    import keras

    keras.backend.clear_session()  # layers without a name are numbered anew
    keras.utils.set_random_seed(_SEED)
    with keras.device("cpu:0"):
        try:
            model = network.build()
        except ValueError as error:
            raise LatencyError(f"the network cannot be built: {error}") from None
        return exported(model, folder, protocol)
