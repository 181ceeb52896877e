"""Put a trained model into the registry: its weights in half precision, and its card, judged anew from that file.

    python tools/add_model.py --run=FOLDER --name=nasnet_a_cifar10 --dataset=cifar10

FOLDER is what `nasnet-train` wrote. The run's history goes to `docs/models/NAME.json`.
"""

import dataclasses
import hashlib
import shutil
from pathlib import Path

import h5py
import numpy as np
from absl import app, flags

from nasnet_keras import environment

_RUN = flags.DEFINE_string("run", None, "What nasnet-train wrote.", required=True)
_NAME = flags.DEFINE_string("name", None, "Of the model in the registry.", required=True)
_DATASET = flags.DEFINE_string("dataset", None, "It is judged on the test split.", required=True)
_LABELS = flags.DEFINE_string("labels", None, "A file of the classes' names, one a line, instead of the data set's.")
_LICENCE = flags.DEFINE_string("licence", "Apache-2.0", "Of the weights.")
_ROOT = Path(__file__).resolve().parent.parent
_PREDICTIONS = 500
_REFERENCES = 4


def main(argv: list[str]) -> None:
    del argv
    environment.prepare()
    from nasnet_keras.card import Card, WeightsFile, encoded
    from nasnet_keras.pretrained import registry
    from nasnet_keras.training import datasets

    (path,) = (path for path in Path(_RUN.value).glob("*.json") if path.with_suffix(".weights.h5").exists())
    card = Card.read(path)
    weights = _ROOT / "pretrained/weights" / f"{_NAME.value}.weights.h5"
    weights.parent.mkdir(exist_ok=True)
    _in_half_precision(card.weights.check(path.parent), weights)
    names = Path(_LABELS.value).read_text().splitlines() if _LABELS.value else card.class_names
    test = datasets.load(_DATASET.value, image_size=card.input_shape[0] if "/" in _DATASET.value else None).test
    card = dataclasses.replace(
        card, name=_NAME.value, class_names=tuple(names), licence=_LICENCE.value, weights=WeightsFile.of(weights)
    )
    written = card.write(_ROOT / "pretrained/cards")
    model = registry.load(_NAME.value, classifier_activation=None)
    logits = model.predict(test.images, batch_size=256, verbose=0)
    predicted = np.argmax(logits, -1)
    accuracy = float(np.mean(predicted == test.labels))
    print(f"test accuracy {accuracy:.4f}; in full precision {card.metrics['test_accuracy']:.4f}")
    first = test.images[:_PREDICTIONS]
    predictions = {
        "split": "test",
        "images": len(first),
        "sha256": hashlib.sha256(np.ascontiguousarray(first)).hexdigest(),
        "labels": " ".join(map(str, predicted[: len(first)])),
    }
    reference = {**encoded(first[:_REFERENCES], logits[:_REFERENCES]), "predictions": predictions}
    metrics = {**card.metrics, "test_accuracy": accuracy}
    dataclasses.replace(card, metrics=metrics, reference=reference).write(written.parent)
    history = _ROOT / "docs/models" / f"{_NAME.value}.json"
    history.parent.mkdir(exist_ok=True)
    shutil.copyfile(path.parent / "history.json", history)


def _in_half_precision(source: Path, target: Path) -> None:
    """Copy a weight file, its kernels as float16; vectors stay as they are."""
    with h5py.File(source) as old, h5py.File(target, "w") as new:

        def copy(name: str, item: h5py.Group | h5py.Dataset) -> None:
            if isinstance(item, h5py.Dataset):
                kernel = item.ndim > 1
                made = new.create_dataset(name, data=item[()].astype(np.float16 if kernel else item.dtype))
            else:
                made = new.require_group(name)
            made.attrs.update(item.attrs)

        new.attrs.update(old.attrs)
        old.visititems(copy)


if __name__ == "__main__":
    app.run(main)
