"""Measure trained models that the package ships, and write what was found into their cards.

    python tools/measure_models.py [NAME...]    # on a machine that does nothing else

Each model is exported, fused, as it is and in int8, for every runtime that has int8. All files are timed with one
thread and with two, on one image. Those in int8, calibrated with training images, answer all test images of the data
set, which TensorFlow Datasets must have. Without names all models are measured whose weights are in
`pretrained/weights`. The figures take the place of those before.
"""

import dataclasses
import functools
import tempfile
from pathlib import Path
from typing import Any

from absl import app, logging

from nasnet_keras.utils import environment

_ROOT = Path(__file__).resolve().parent.parent
_MODE = "int8"
_THREADS = (1, 2)
_PATIENCE = {"attempts": 10, "pause_seconds": 15}  # while the machine is too busy


def main(argv: list[str]) -> None:
    environment.prepare()
    from nasnet_keras import pretrained
    from nasnet_keras.card import Card
    from nasnet_keras.inference.formats import FORMATS
    from nasnet_keras.training import datasets

    names = argv[1:] or [path.name.split(".")[0] for path in sorted((_ROOT / "pretrained/weights").glob("*.h5"))]
    runtimes = [name for name, kind in FORMATS.items() if _MODE in kind.modes]
    for name in names:
        card, model = Card.read(_ROOT / "pretrained/cards" / f"{name}.json"), pretrained.load(name)
        data = datasets.load(card.dataset["name"], image_size=card.input_shape[0], fit=card.fit)
        latencies, quantized = [], []
        for runtime in runtimes:
            with tempfile.TemporaryDirectory() as folder:
                latencies += _plain(model, runtime, Path(folder))
                quantized.append(_quantized(model, runtime, data, Path(folder, f"int8{FORMATS[runtime].suffix}")))
            logging.info("%s: %s", name, quantized[-1])
        measured = {"latencies": tuple(latencies), "quantized": tuple(quantized)}
        dataclasses.replace(card, **measured).write(_ROOT / "pretrained/cards")


def _plain(model: Any, runtime: str, folder: Path) -> list[dict[str, Any]]:
    """The latencies of a model as it is."""
    from nasnet_keras.latency.measuring import exported
    from nasnet_keras.latency.protocol import Protocol

    return _latencies(exported(model, folder, Protocol(runtime)), runtime)


def _quantized(model: Any, runtime: str, data: Any, path: Path) -> dict[str, Any]:
    """What a model in int8 is worth."""
    import nasnet_keras as nk

    test = {"images": data.test.images, "labels": data.test.labels}
    report = nk.export(model, path, runtime, quantization=_MODE, calibration=data.train.images, **test)
    return {
        "format": runtime,
        "quantization": _MODE,
        "size": report.size,
        "test_accuracy": round(report.accuracies[1], 4),
        "test_images": report.images,
        "latencies": _latencies(path, runtime),
    }


def _latencies(path: Path, runtime: str) -> list[dict[str, Any]]:
    """The latencies of a file."""
    from nasnet_keras.latency.attempts import when_calm
    from nasnet_keras.latency.measuring import measure_latency

    found = [when_calm(functools.partial(measure_latency, path, runtime, one), **_PATIENCE) for one in _THREADS]
    return [_values(latency) for latency in found]


def _values(latency: Any) -> dict[str, Any]:
    """The values of a latency, in four digits."""
    known = dataclasses.asdict(latency)
    return {name: float(f"{each:.4g}") if isinstance(each, float) else each for name, each in known.items()}


if __name__ == "__main__":
    app.run(main)
