"""A predictor is made for a device and a space: networks are drawn, exported, measured in turn, and fitted."""

import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from absl import logging

from nasnet_keras.latency.command import LatencyCommand
from nasnet_keras.latency.device import Device
from nasnet_keras.latency.errors import MachineBusy
from nasnet_keras.latency.measuring import measure_latency
from nasnet_keras.latency.predictor import FEWEST, LatencyPredictor, Measured
from nasnet_keras.latency.predictor_file import write_predictor
from nasnet_keras.latency.protocol import Protocol
from nasnet_keras.search.latency.drawn import DrawnNetworks
from nasnet_keras.search.latency.measurements import Measurements
from nasnet_keras.utils.progress import Progress

__all__ = ["Meter", "make_predictor"]

_ATTEMPTS = 5  # at a network, while the machine is too busy
_PAUSE_SECONDS = 10.0


@dataclass(frozen=True)
class Meter:
    """How a file is measured: by this machine's runtime, or by a command.

    Attributes:
        protocol: how this machine measures.
        command: that measures instead; None for this machine.
    """

    protocol: Protocol
    command: LatencyCommand | None = None

    @property
    def device(self) -> Device:
        """What latencies are measured on."""
        return Device.of(self.protocol, self.command)

    def measure(self, path: Path) -> float:
        """Measure a file, in milliseconds; while the machine is too busy, several times.

        Raises:
            LatencyError: the latency cannot be measured.
        """
        if self.command is not None:
            return self.command.measure(path)
        for attempt in range(_ATTEMPTS):
            try:
                asked = self.protocol
                found = measure_latency(path, asked.runtime, asked.threads, accuracy=asked.accuracy)
                return found.median_ms
            except MachineBusy as error:
                if attempt == _ATTEMPTS - 1:
                    raise
                logging.warning("%s; trying again", error)
                time.sleep(_PAUSE_SECONDS)
        raise AssertionError


def make_predictor(
    networks: DrawnNetworks,
    space: str,
    count: int,
    meter: Meter,
    output: Path,
    begun: Callable[[], None] = lambda: None,
) -> LatencyPredictor:
    """Measure drawn networks, fit a predictor to them, and write its file.

    Measured latencies stand in `OUTPUT.measurements.jsonl`; a call that was stopped goes on from there.

    Args:
        networks: the networks to draw from.
        space: the name of their space.
        count: number of networks to measure.
        meter: measures their files.
        output: path of the predictor's file.
        begun: called before anything is written.

    Raises:
        ValueError: a file is damaged, or a network cannot be exported or measured.
        OSError: a file cannot be written.
    """
    if count < FEWEST:
        raise ValueError(f"networks must be at least {FEWEST} for a predictor, got {count}")
    if not output.parent.is_dir():
        raise ValueError(f"there is no folder {str(output.parent)!r} to write {output.name!r} into")
    device = meter.device
    begun()
    measurements = Measurements(output.with_name(f"{output.name}.measurements.jsonl"), device, space, networks)
    try:
        _measure(networks, count, meter, measurements)
    finally:
        measurements.close()
    measured = [Measured(networks.genotype(number), measurements.known[number]) for number in range(count)]
    predictor = LatencyPredictor.fit(measured, device, space, networks.input_shape, **networks.network)
    write_predictor(predictor, output)
    return predictor


def _measure(networks: DrawnNetworks, count: int, meter: Meter, measurements: Measurements) -> None:
    """Measure the networks whose latency is not known yet."""
    runtime = meter.protocol.chosen
    missing = [number for number in range(count) if number not in measurements.known]
    with Progress(total=count, initial=count - len(missing), desc="latencies", unit="network") as bar:
        for number in missing:
            with tempfile.TemporaryDirectory() as folder:
                path = Path(folder, f"network_{number}{runtime.suffix}")
                networks.export(number, {runtime.format: path})
                measurements.add(number, meter.measure(path))
            bar.update()
            bar.beat(ms=f"{measurements.known[number]:.3g}")
