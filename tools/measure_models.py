"""Measure the latencies of trained models that the package ships, and write them into their cards.

    python tools/measure_models.py [NAME...]    # on a machine that does nothing else

Each model is exported, fused, and timed by LiteRT and ONNX Runtime with one thread and with two, on one image. Without
names all models are measured whose weights are in `pretrained/weights`. The latencies take the place of those before.
"""

import dataclasses
import tempfile
import time
from pathlib import Path
from typing import Any

from absl import app, logging

from nasnet_keras.utils import environment

_ROOT = Path(__file__).resolve().parent.parent
_MEASURED = (("litert", 1), ("litert", 2), ("onnx", 1), ("onnx", 2))
_TRIES, _PAUSE_SECONDS = 10, 15


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
    from nasnet_keras.latency.measuring import exported
    from nasnet_keras.latency.protocol import Protocol

    with tempfile.TemporaryDirectory() as folder:
        files = {runtime: exported(model, Path(folder), Protocol(runtime)) for runtime, _ in _MEASURED}
        return [_calm(files[runtime], runtime, threads) for runtime, threads in _MEASURED]


def _calm(path: Path, runtime: str, threads: int) -> Any:
    """Measure a file; if the machine is too busy, once more after a pause."""
    from nasnet_keras import measure_latency
    from nasnet_keras.latency.errors import MachineBusy

    for _ in range(_TRIES - 1):
        try:
            latency = measure_latency(path, runtime, threads)
        except MachineBusy as error:
            logging.warning("%s; measuring again in %d seconds", error, _PAUSE_SECONDS)
            time.sleep(_PAUSE_SECONDS)
        else:
            logging.info("%s", latency)
            return latency
    return measure_latency(path, runtime, threads)


def _values(latency: Any) -> dict[str, Any]:
    """The values of a latency, in four digits."""
    known = dataclasses.asdict(latency)
    return {name: float(f"{each:.4g}") if isinstance(each, float) else each for name, each in known.items()}


if __name__ == "__main__":
    app.run(main)
