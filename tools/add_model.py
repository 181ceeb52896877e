"""Add a trained model to the registry: its weights in half precision, and its card, with new figures of that file.

    python tools/add_model.py --run=FOLDER --license=... [--note=...] [--wordnet]

FOLDER is the working folder of `nasnet-train` or `nasnet-finetune`. The model is judged on the test split of its data
set, which TensorFlow Datasets must have. The run's history goes to `docs/models/NAME.json`.
"""

import dataclasses
import hashlib
import tempfile
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from absl import app, flags

from nasnet_keras.utils import environment

_RUN = flags.DEFINE_string("run", None, "Working folder of nasnet-train or nasnet-finetune.", required=True)
_LICENSE = flags.DEFINE_string("license", None, "License of the weights, as SPDX names it.", required=True)
_NOTE = flags.DEFINE_string("note", None, "Note on the data set for the card.")
_WORDNET = flags.DEFINE_bool("wordnet", False, "Replace the class names, which are WordNet ids of ImageNet, by words.")
_ROOT = Path(__file__).resolve().parent.parent
_PREDICTIONS = 500
_REFERENCES = 4


def main(argv: list[str]) -> None:
    del argv
    environment.prepare()
    from nasnet_keras.card import Card
    from nasnet_keras.training import datasets
    from nasnet_keras.training.records import HISTORY
    from nasnet_keras.utils.files import write_bytes, write_saved
    from nasnet_keras.weights.file import WeightsFile

    run = Path(_RUN.value)
    paths = [path for path in run.glob("*.json") if path.with_suffix(".weights.h5").exists()]
    if len(paths) != 1:
        raise ValueError(f"expected one card beside its weights in {run}, got {[path.name for path in paths]}")
    card = Card.read(paths[0])
    test = datasets.load(card.dataset["name"], image_size=card.input_shape[0], fit=card.fit).test
    names = _names(card.class_names) if _WORDNET.value else card.class_names
    dataset = {**card.dataset, **({"note": _NOTE.value} if _NOTE.value else {})}
    with tempfile.TemporaryDirectory() as folder:
        weights = Path(folder, f"{card.name}.weights.h5")
        write_saved(weights, partial(_in_half_precision, card.weights.check(run)))
        changes = {"class_names": names, "license": _LICENSE.value, "weights": WeightsFile.of(weights)}
        card = dataclasses.replace(card, **changes, dataset=dataset)
        before = card.metrics["test_accuracy"]
        card = _judged(card, test, Path(folder))
        print(f"test accuracy {card.metrics['test_accuracy']:.4f}; in full precision {before:.4f}")
        for target in ("cards", "weights"):
            (_ROOT / "pretrained" / target).mkdir(exist_ok=True)
        write_bytes(_ROOT / "pretrained/weights" / weights.name, weights.read_bytes())
        card.write(_ROOT / "pretrained/cards")
    (_ROOT / "docs/models").mkdir(exist_ok=True)
    write_bytes(_ROOT / "docs/models" / f"{card.name}.json", (run / HISTORY).read_bytes())


def _judged(card, test, folder: Path):
    """Give a card the figures, the reference and the predictions of its weights in `folder`."""
    from nasnet_keras import pretrained
    from nasnet_keras.card import encoded

    logits = pretrained.load(card.write(folder), classifier_activation=None).predict(test.images, 256, verbose=0)
    predicted = np.argmax(logits, -1)
    first = np.ascontiguousarray(test.images[:_PREDICTIONS])
    predictions = {
        "split": "test",
        "images": len(first),
        "sha256": hashlib.sha256(first).hexdigest(),
        "labels": " ".join(map(str, predicted[: len(first)])),
    }
    reference = {**encoded(first[:_REFERENCES], logits[:_REFERENCES]), "predictions": predictions}
    metrics = {**card.metrics, "test_accuracy": float(np.mean(predicted == test.labels))}
    return dataclasses.replace(card, metrics=metrics, reference=reference)


def _names(ids: tuple[str, ...]) -> tuple[str, ...]:
    """Look up the names of WordNet ids, which the cards of ImageNet-1k have in the order of the ids."""
    from nasnet_keras import pretrained

    file = resources.files("tensorflow_datasets") / "datasets/imagenet2012/labels.txt"
    known = dict(zip(file.read_text().split(), pretrained.card("nasnet_mobile_imagenet").class_names, strict=True))
    return tuple(known[each] for each in ids)


def _in_half_precision(source: Path, target: Any) -> None:
    """Copy a weight file with kernels as float16, the large ones compressed; vectors keep their type."""
    with h5py.File(source) as old, h5py.File(target, "w") as new:

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset):
                kernel = item.ndim > 1
                # A packed array costs 2 KiB of index.
                packing = {"compression": "gzip", "shuffle": True} if kernel and item.size > 2**15 else {}
                made = new.create_dataset(name, data=item[()].astype(np.float16 if kernel else item.dtype), **packing)
            else:
                made = new.require_group(name)
            made.attrs.update(item.attrs)

        new.attrs.update(old.attrs)
        old.visititems(copy)


if __name__ == "__main__":
    app.run(main)
