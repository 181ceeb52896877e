"""Latencies that a predictor's file tells, for a search on the same device, space and images."""

import dataclasses
from pathlib import Path
from typing import Any

from nasnet_keras.latency.errors import LatencyError
from nasnet_keras.latency.predictor import LatencyPredictor
from nasnet_keras.latency.predictor_file import read_predictor

__all__ = ["facts_of", "fitting_predictor"]


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


def facts_of(predictor: LatencyPredictor) -> dict[str, Any]:
    """Describe a predictor as JSON values: what it was made of, and how good it is."""
    return {
        "device": predictor.device.to_json(),
        "networks": predictor.networks,
        "held_out": dataclasses.asdict(predictor.held_out),
    }


def _shown(value: Any) -> str:
    return "×".join(map(str, value)) if isinstance(value, tuple) else str(value)
