"""Measure the latencies of trained models that the package ships, and write them into their cards.

    python tools/measure_models.py [NAME...]    # on a machine that does nothing else

Each model is exported, fused, and timed by LiteRT and ONNX Runtime with one thread and with two, on one image. Without
names all models are measured whose weights are in `pretrained/weights`. The latencies take the place of those before.
"""

import dataclasses
import functools
import tempfile
from pathlib import Path
from typing import Any

from absl import app, logging

from nasnet_keras.utils import environment

_ROOT = Path(__file__).resolve().parent.parent
_MEASURED = (("litert", 1), ("litert", 2), ("onnx", 1), ("onnx", 2))
_PATIENCE = {"attempts": 10, "pause_seconds": 15}  # while the machine is too busy


def main(argv: list[str]) -> None:
    environment.prepare()
    from nasnet_keras import pretrained
    from nasnet_keras.card import Card

    names = argv[1:] or [path.name.split(".")[0] for path in sorted((_ROOT / "pretrained/weights").glob("*.h5"))]
    for name in names:
        card = Card.read(_ROOT / "pretrained/cards" / f"{name}.json")
        latencies = tuple(_values(each) for each in _measured(pretrained.load(name)))
        dataclasses.replace(card, latencies=latencies).write(_ROOT / "pretrained/cards")


def _measured(model: Any) -> list:
    """The latencies of a model; files are exported once for each runtime."""
    from nasnet_keras.latency.attempts import when_calm
    from nasnet_keras.latency.measuring import exported, measure_latency
    from nasnet_keras.latency.protocol import Protocol

    measured = []
    with tempfile.TemporaryDirectory() as folder:
        files = {runtime: exported(model, Path(folder), Protocol(runtime)) for runtime, _ in _MEASURED}
        for runtime, threads in _MEASURED:
            measured.append(
                when_calm(functools.partial(measure_latency, files[runtime], runtime, threads), **_PATIENCE)
            )
            logging.info("%s", measured[-1])
    return measured


def _values(latency: Any) -> dict[str, Any]:
    """The values of a latency, in four digits."""
    known = dataclasses.asdict(latency)
    return {name: float(f"{each:.4g}") if isinstance(each, float) else each for name, each in known.items()}


if __name__ == "__main__":
    app.run(main)
