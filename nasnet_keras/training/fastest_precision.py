"""The precision in which networks train fastest on this machine, by a measurement that is remembered."""

import dataclasses
import hashlib
import itertools
import json
import time
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import Any

import keras
from absl import logging

from nasnet_keras import __version__
from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.training.datasets.base import Dataset
from nasnet_keras.training.recipes import PRECISIONS, Recipe
from nasnet_keras.training.trainer import Trainer
from nasnet_keras.utils import environment
from nasnet_keras.utils.files import write_text
from nasnet_keras.utils.json_text import parse, text_of
from nasnet_keras.utils.progress import Progress
from nasnet_keras.weights.addresses import cache

__all__ = ["fastest_precision"]

_WARM, _STEPS = 2, 5  # steps: the first ones, which do not count, and those that do
_SECONDS = 5.0  # after which no more is made than one that counts
_GAIN = 1.1  # how much faster than float32 another precision must be


def fastest_precision(
    genotypes: Sequence[BaseGenotype],
    dataset: Dataset,
    network: dict[str, Any],
    recipe: Recipe,
    *,
    deterministic: bool = True,
) -> str:
    """Find the precision in which networks train fastest on this machine, by a few steps of each.

    It is float32 unless another one is a tenth faster. What was found is remembered for this machine, these networks
    and images of this shape, in the file `precisions.json` beside downloaded weights.

    Args:
        genotypes: the networks; their times are added.
        dataset: the images.
        network: further arguments of `network_from_genotype`.
        recipe: how they are trained, but for the precision.
        deterministic: whether training has to give the same bits each time.

    Returns:
        One of `PRECISIONS`.
    """
    count = min(recipe.batch_size, len(dataset.train))
    dataset = dataclasses.replace(dataset, train=dataset.train.take(slice(count)))
    recipe = dataclasses.replace(recipe, batch_size=count, epochs=_WARM + _STEPS, sizes=((0.0, 1.0),))
    path = cache() / "nasnet_keras" / "precisions.json"
    key = _key(genotypes, dataset.image_shape, network, recipe, deterministic)
    if (known := _remembered(path).get(key)) in PRECISIONS:
        return known
    milliseconds = dict.fromkeys(PRECISIONS, 0.0)
    with Progress(total=len(PRECISIONS) * len(genotypes), desc="measuring precisions", unit="network") as bar:
        for precision, genotype in itertools.product(PRECISIONS, genotypes):
            how = dataclasses.replace(recipe, precision=precision)
            trainer = Trainer(genotype, network, dataset, how, seed=0, deterministic=deterministic)
            milliseconds[precision] += 1e3 * _seconds_of_a_step(trainer)
            bar.update()
    found = min(PRECISIONS, key=lambda name: milliseconds[name] * (1.0 if name == PRECISIONS[0] else _GAIN))
    shown = ", ".join(f"{name} {value:.1f}" for name, value in milliseconds.items())
    logging.warning("training in %s: a step takes, in milliseconds, %s", found, shown)
    with suppress(OSError):  # it is measured again next time
        path.parent.mkdir(parents=True, exist_ok=True)
        write_text(path, json.dumps({**_remembered(path), key: found}, indent=2) + "\n")
    return found


def _key(
    genotypes: Sequence[BaseGenotype],
    image_shape: tuple[int, int, int],
    network: dict[str, Any],
    recipe: Recipe,
    deterministic: bool,
) -> str:
    """What a measurement holds for, as a digest."""
    backend = keras.backend.backend()
    facts = {
        "machine": [environment.hardware(), environment.processor()],
        "versions": [backend, import_module(backend).__version__, __version__],
        "networks": [one.fingerprint for one in genotypes],
        "network": {**network, **recipe.network},
        "images": [recipe.batch_size, *image_shape],
        "sam": recipe.sam_radius > 0.0,
        "deterministic": deterministic,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


def _remembered(path: Path) -> dict[str, Any]:
    """What was measured before; nothing if the file is missing or damaged."""
    with suppress(OSError, ValueError):
        plain = parse(text_of(path))
        return plain if isinstance(plain, dict) else {}
    return {}


def _seconds_of_a_step(trainer: Trainer) -> float:
    """The seconds of the shortest of a few steps: nothing but other programs makes one longer."""
    times, begun = [], time.perf_counter()
    while len(times) < _WARM + _STEPS and (len(times) <= _WARM or time.perf_counter() - begun < _SECONDS):
        started = time.perf_counter()
        trainer.advance()
        trainer.wait()
        times.append(time.perf_counter() - started)
    return min(times[_WARM:])
