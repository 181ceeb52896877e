"""A predictor is made for a device and a space: networks are drawn, exported, measured in turn, and fitted."""

import functools
from pathlib import Path

from nasnet_keras.latency.attempts import when_calm
from nasnet_keras.latency.errors import LatencyError
from nasnet_keras.latency.predictor import FEWEST, LatencyPredictor, Measured
from nasnet_keras.latency.predictor_file import write_predictor
from nasnet_keras.search.costs.meter import Meter
from nasnet_keras.search.latency.drawn import DrawnNetworks
from nasnet_keras.utils.progress import Progress

__all__ = ["check", "make_predictor"]


def check(count: int, output: Path) -> None:
    """Check that a predictor of so many networks can be made and written.

    Raises:
        LatencyError: there are too few networks, or there is no folder for the file.
    """
    if count < FEWEST:
        raise LatencyError(f"a predictor needs at least {FEWEST} networks, got {count}")
    if output.is_dir() or not output.parent.is_dir():
        raise LatencyError(f"expected the path of a file in a folder that exists, got {str(output)!r}")


def make_predictor(networks: DrawnNetworks, space: str, count: int, meter: Meter, output: Path) -> LatencyPredictor:
    """Measure drawn networks, fit a predictor to them, and write its file.

    Args:
        networks: the networks to draw from.
        space: the name of their space.
        count: number of networks to measure.
        meter: measures networks, and keeps the latencies, so that a call that was stopped goes on from there.
        output: path of the predictor's file.

    Raises:
        LatencyError: there are too few networks, also in the space, or a latency cannot be measured.
        ValueError: a file of latencies is damaged, or a network cannot be exported.
        OSError: a file cannot be written.
    """
    check(count, output)
    numbers, device, measured = networks.different(count), meter.device, []
    with Progress(total=count, desc="latencies", unit="network") as bar:
        for number in numbers:
            latency = when_calm(functools.partial(meter.costs, networks.described(number)))["latency_ms"]
            measured.append(Measured(networks.genotype(number), latency))
            bar.update()
            bar.beat(ms=f"{latency:.3g}")
    predictor = LatencyPredictor.fit(measured, device, space, networks.input_shape, **networks.network)
    write_predictor(predictor, output)
    return predictor
