"""A predictor of latencies on one device, made of measured networks of one space."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from nasnet_keras.latency.accuracy import Accuracy
from nasnet_keras.latency.device import Device
from nasnet_keras.latency.errors import LatencyError
from nasnet_keras.latency.features import TILES, correlation, features
from nasnet_keras.latency.operations import network_operations
from nasnet_keras.latency.regression import Regression, fit_best, held_out

__all__ = ["FEWEST", "LatencyPredictor", "Measured"]

FEWEST = 10
"""Networks without which no predictor is made."""
_BEYOND = 0.2  # standard deviation, as a share, for each doubling of the latency beyond those that were measured


@dataclass(frozen=True)
class Measured:
    """A network whose latency was measured: its genotype in any form, and the median in milliseconds."""

    genotype: Any
    latency_ms: float


@dataclass(frozen=True)
class LatencyPredictor:
    """Predicts latencies from the operations of a network's file, in milliseconds of time and with their uncertainty.

    `fit` makes one; `latency.predictor_file` writes and reads it.

    Attributes:
        device: that latencies were measured on.
        space: the name of the search space that the measured networks are of.
        input_shape: `(height, width, channels)` of their images.
        network: their sizes and other arguments of the function that builds them.
        networks: the number of measured networks.
        held_out: how well networks were predicted that the fit did not know, by cross-validation.
        range_ms: the lowest and the highest measured latency.
        names: of the features.
        regression: the fit.
        tile: the number of channels that the device computes at once, as far as the latencies tell; one of `TILES`.

    Example:
        >>> from nasnet_keras.search.spaces.nasnet import CellSpace
        >>> space, generator = CellSpace(num_blocks=1), np.random.default_rng(0)
        >>> cells = [space.decode(space.sample(generator)) for _ in range(12)]
        >>> measured = [Measured(cell, 1.0 + 0.1 * number) for number, cell in enumerate(cells)]  # by measure_latency
        >>> device = Device("litert", "2.1", 1, "2 cores of a processor")
        >>> predictor = LatencyPredictor.fit(measured, device, "nasnet", (16, 16, 3), num_repeats=1, filters=4)
        >>> latency, deviation = predictor.predict(cells[0], (16, 16, 3), num_repeats=1, filters=4)
        >>> 0.5 < latency < 3, 0 < deviation < latency
        (True, True)
    """

    device: Device
    space: str
    input_shape: tuple[int, int, int]
    network: Mapping[str, Any]
    networks: int
    held_out: Accuracy
    range_ms: tuple[float, float]
    names: tuple[str, ...]
    regression: Regression
    tile: int = 1

    @classmethod
    def fit(
        cls,
        measured: Sequence[Measured],
        device: Device,
        space: str,
        input_shape: tuple[int, int, int],
        **network: Any,
    ) -> "LatencyPredictor":
        """Fit a predictor to measured networks.

        Args:
            measured: networks of one size, at least `FEWEST`; some fifty are enough for a space.
            device: that they were measured on.
            space: the name of the space that they were drawn from.
            input_shape: `(height, width, channels)` of their images.
            **network: the other arguments of the function that builds them.

        Raises:
            LatencyError: there are too few networks, or a latency is no positive number.
        """
        if len(measured) < FEWEST:
            raise LatencyError(f"a predictor needs at least {FEWEST} measured networks, got {len(measured)}")
        latencies = np.array([one.latency_ms for one in measured], float)
        if not (np.isfinite(latencies) & (latencies > 0)).all():
            raise LatencyError(f"measured latencies must be positive, got {latencies.min()} ms")
        listed = [network_operations(one.genotype, input_shape, device.runtime, **network) for one in measured]
        names = tuple(sorted({name for one in listed for name in features(one)}))
        forms = np.array([[_row(features(one, tile), names) for one in listed] for tile in TILES])
        prior = correlation(names)
        form, regression = fit_best(forms, latencies, prior)
        return cls(
            device,
            space,
            tuple(input_shape),
            dict(network),
            len(measured),
            Accuracy.of(held_out(forms, latencies, prior), latencies),
            (float(latencies.min()), float(latencies.max())),
            names,
            regression,
            TILES[form],
        )

    def predict(self, genotype: Any, input_shape: Any = None, **network: Any) -> tuple[float, float]:
        """Predict the latency of a network.

        Args:
            genotype: a genotype of any kind.
            input_shape: `(height, width, channels)`; by default that of the measured networks.
            **network: the other arguments of the function that builds the network; by default those of the measured
                networks.

        Returns:
            The latency in milliseconds, and its standard deviation. That grows for operations and sizes unlike those
            that were measured.

        Raises:
            ValueError: the genotype or an argument is not legal.
        """
        known = network or self.network
        operations = network_operations(genotype, input_shape or self.input_shape, self.device.runtime, **known)
        counted = features(operations, self.tile)
        unknown = sum(value for name, value in counted.items() if name not in self.names)
        found, deviation = self.regression.predict(np.array([_row(counted, self.names)]), np.array([unknown]))
        latency = float(found[0])
        lowest, highest = self.range_ms
        beyond = max(0.0, np.log2(latency / highest), np.log2(lowest / latency)) if latency > 0 else 0.0
        return latency, float(np.hypot(deviation[0], _BEYOND * beyond * latency))


def _row(counted: Mapping[str, float], names: Sequence[str]) -> list[float]:
    return [counted.get(name, 0.0) for name in names]
