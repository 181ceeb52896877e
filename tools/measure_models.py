"""Measure trained models that the package ships, and write what was found into their cards.

    python tools/measure_models.py [NAME...]    # on a machine that does nothing else

Each model is exported, fused, as it is and in int8, for every runtime that has int8. All files are timed with one
thread and with two, on one image. Those in int8, calibrated with training images, answer 4,000 test images of the data
set, which TensorFlow Datasets must have. Without names all models are measured whose weights are in
`pretrained/weights`. The figures take the place of those before.
"""

import dataclasses
import functools
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
from absl import app

from nasnet_keras.utils import environment

_ROOT = Path(__file__).resolve().parent.parent
_MODE = "int8"
_THREADS = (1, 2)
_IMAGES = 4000  # that files in int8 answer
_PATIENCE = {"attempts": 40, "pause_seconds": 15}  # while the machine is too busy


def main(argv: list[str]) -> None:
    environment.prepare()
    from nasnet_keras import pretrained
    from nasnet_keras.card import Card

    cards = _ROOT / "pretrained/cards"
    names = argv[1:] or [path.name.split(".")[0] for path in sorted((_ROOT / "pretrained/weights").glob("*.h5"))]
    with tempfile.TemporaryDirectory() as folder:
        files = {}
        for name in names:  # before any is timed, since this takes long on a machine that need not be calm
            Path(folder, name).mkdir()
            files[name] = _files(pretrained.load(name), Card.read(cards / f"{name}.json"), Path(folder, name))
        for name, (plain, quantized) in files.items():
            latencies = [each for runtime, path in plain.items() for each in _latencies(path, runtime)]
            for path, found in quantized.items():
                found["latencies"] = _latencies(path, found["format"])
            measured = {"latencies": tuple(latencies), "quantized": tuple(quantized.values())}
            dataclasses.replace(Card.read(cards / f"{name}.json"), **measured).write(cards)


def _files(model: Any, card: Any, folder: Path) -> tuple[dict[str, Path], dict[Path, dict[str, Any]]]:
    """The files of a model as it is, by their runtimes, and those in int8, with what they are worth."""
    import nasnet_keras as nk
    from nasnet_keras.inference.formats import FORMATS
    from nasnet_keras.training import datasets

    data = datasets.load(card.dataset["name"], image_size=card.input_shape[0], fit=card.fit)
    plain, quantized = {}, {}
    for runtime, kind in FORMATS.items():
        if _MODE in kind.modes:
            report = nk.export(model, folder / f"float32{kind.suffix}", runtime)
            plain[runtime], path = report.path, folder / f"{_MODE}{kind.suffix}"
            quantized[path] = {**_quantized(model, runtime, data, path), "float32_size": report.size}
            print(f"{card.name}: {quantized[path]}", flush=True)
    return plain, quantized


def _quantized(model: Any, runtime: str, data: Any, path: Path) -> dict[str, Any]:
    """Write a file in int8, and tell its size and its accuracy."""
    import nasnet_keras as nk

    chosen = np.linspace(0, len(data.test.images) - 1, _IMAGES).astype(int)  # of all classes, however they are sorted
    test = {"images": data.test.images[chosen], "labels": data.test.labels[chosen]}
    report = nk.export(model, path, runtime, quantization=_MODE, calibration=data.train.images, **test)
    before, now = (round(accuracy, 4) for accuracy in report.accuracies)
    common = {"format": runtime, "quantization": _MODE, "size": report.size}
    return {**common, "test_accuracy": now, "float32_accuracy": before, "test_images": report.images}


def _latencies(path: Path, runtime: str) -> list[dict[str, Any]]:
    """The latencies of a file."""
    from nasnet_keras.latency.attempts import when_calm
    from nasnet_keras.latency.measuring import measure_latency

    found = []
    for threads in _THREADS:
        measure = functools.partial(measure_latency, path, runtime, threads)
        found.append(_values(when_calm(measure, **_PATIENCE)))
        print(f"{path}: {found[-1]}", flush=True)
    return found


def _values(latency: Any) -> dict[str, Any]:
    """The values of a latency, in four digits."""
    known = dataclasses.asdict(latency)
    return {name: float(f"{each:.4g}") if isinstance(each, float) else each for name, each in known.items()}


if __name__ == "__main__":
    app.run(main)
