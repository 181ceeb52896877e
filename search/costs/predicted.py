"""Latencies that a predictor's file tells, for a search on the same device, space and images."""

import dataclasses
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from absl import logging

from nasnet_keras.latency.errors import LatencyError
from nasnet_keras.latency.predictor import LatencyPredictor
from nasnet_keras.latency.predictor_file import read_predictor

__all__ = ["facts_of", "fitting_predictor", "warn_of_sizes"]


def fitting_predictor(
    path: str | Path, *, space: str, image_shape: tuple[int, int, int], runtime: str, threads: int
) -> LatencyPredictor:
    """Read the predictor for a search.

    Args:
        path: of the file that `nasnet-latency --fit` wrote.
        space: the name of the search space.
        image_shape: `(height, width, channels)` of the images.
        runtime, threads: the device that the search is for; a command's file has no number of threads.

    Raises:
        LatencyError: the file cannot be read, or is for another space, other images or another device.
    """
    predictor = read_predictor(path)
    device = predictor.device
    facts = {
        "space": (predictor.space, space),
        "image shape": (predictor.input_shape, tuple(image_shape)),
        "runtime": (device.runtime, runtime),
        "threads": (device.threads or threads, threads),
    }
    differing = [f"{name} {_shown(its)}, not {_shown(asked)}" for name, (its, asked) in facts.items() if its != asked]
    if differing:
        raise LatencyError(f"{path} predicts latencies of another kind than this search needs: {'; '.join(differing)}")
    return predictor


def warn_of_sizes(path: str | Path, predictor: LatencyPredictor, sizes: Mapping[str, float]) -> None:
    """Warn if a predictor was made of networks of other sizes than a search has, for which it is less certain.

    Args:
        path: of the predictor's file.
        predictor: the predictor.
        sizes: the sizes of children by name, such as `filters`.

    Example:
        warn_of_sizes("pixel.json", predictor, {"filters": 32})
    """
    its = {"alpha": 1.0, **predictor.network}
    differing = [f"{name}={its[name]:g}, not {size:g}" for name, size in sizes.items() if its.get(name, size) != size]
    if differing:
        logging.warning(
            "%s was made of networks with %s as in this search: its predictions are less certain than it says",
            path,
            ", ".join(differing),
        )


def facts_of(predictor: LatencyPredictor) -> dict[str, Any]:
    """Describe a predictor as JSON values: what it was made of, how good it is, and a checksum of its coefficients."""
    coefficients = sorted(zip(predictor.names, predictor.regression.coefficients.tolist(), strict=True))
    return {
        "crc32": f"{zlib.crc32(repr(coefficients).encode()):08x}",
        "device": predictor.device.to_json(),
        "networks": predictor.networks,
        "held_out": dataclasses.asdict(predictor.held_out),
    }


def _shown(value: Any) -> str:
    return "×".join(map(str, value)) if isinstance(value, tuple) else str(value)
