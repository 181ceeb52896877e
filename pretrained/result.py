"""The result of a fine-tuning run, as a value and as the files of its folder."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import keras
import numpy as np

from nasnet_keras.card import Card
from nasnet_keras.pretrained import registry
from nasnet_keras.pretrained.prediction import Classifier, Predictions
from nasnet_keras.pretrained.verdict import verdict
from nasnet_keras.training import records
from nasnet_keras.training.datasets.base import Dataset
from nasnet_keras.training.evaluation import JUDGED, Answers
from nasnet_keras.training.mistakes.files import TABLE
from nasnet_keras.training.mistakes.judged import judged
from nasnet_keras.training.rehearsal import weights_name
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.files import write_text

__all__ = ["RESULT", "FineTuneResult", "files", "read", "write"]

RESULT = "result.json"
"""The name of the file that is written last: when it is there, all is there."""


@dataclass(frozen=True)
class FineTuneResult:
    """A fine-tuned model and how it came about.

    Attributes:
        card: the card of the model.
        path: the card's path, which can be given instead of a model's name; the weights lie in the same folder.
        saved_model: path of the whole model as a `.keras` file, for `keras.models.load_model` after
            `import nasnet_keras`. The model reads images as they come, 0 to 255.
        history: the figures of each epoch; epoch 0 is the new head on the network before that is trained.
        confusion: numbers of images by true class (rows) and predicted class (columns), of the test images or, without
            any, of the validation images.
        judged_on: `"test"` or `"validation"`, whichever these images are.
    """

    card: Card
    path: Path
    saved_model: Path
    history: list[dict[str, float]]
    confusion: np.ndarray
    judged_on: str

    @property
    def accuracy(self) -> float:
        """The share of these images, from 0 to 1, that are classified right."""
        return float(np.trace(self.confusion) / self.confusion.sum())

    @property
    def mistakes(self) -> Path | None:
        """The table of the images that are classified wrong, with the page `mistakes.html` beside it; None without."""
        path = self.path.with_name(TABLE)
        return path if path.is_file() else None

    @property
    def verdict(self) -> str:
        """Which weights were kept and why, in words, and what to try if training the whole network made it worse.

        It is empty if the head alone was trained.
        """
        return verdict(self.card, self.history)

    @cached_property
    def _classifier(self) -> Classifier:
        return Classifier(self.path)

    def predict(self, images: Any, *, follow_links: bool = False) -> Predictions:
        """Classify new images; see `nasnet_keras.pretrained.predict`."""
        return self._classifier(images, follow_links=follow_links)

    def load(self) -> keras.Model:
        """Load the model; see `nasnet_keras.pretrained.load`."""
        return registry.load(self.path)


def files(name: str) -> tuple[str, ...]:
    """The names of the files that a finished run leaves for a model of this name."""
    return f"{name}.json", weights_name(name), f"{name}.keras", RESULT


def write(folder: Path, answers: Mapping[str, Answers], dataset: Dataset, history: list[dict[str, float]]) -> None:
    """Write `RESULT`, of a model's answers to the test images, or to the validation images if there are none."""
    last = judged(dataset, answers)[-1]
    confusion = last.confusion(len(dataset.class_names))
    result = {"history": history, "confusion": confusion.tolist(), "judged_on": last.name}
    write_text(folder / RESULT, json.dumps(result, indent=1) + "\n")


def read(folder: Path, name: str) -> FineTuneResult:
    """The result of a finished run.

    Raises:
        CardError: the card or the weights are damaged.
        WorkdirError: `RESULT` is damaged.
    """
    path = folder / f"{name}.json"
    card = Card.read(path)
    card.weights.check(folder)

    def result(values: Any) -> FineTuneResult:
        if not isinstance(values, dict) or values.get("judged_on") not in JUDGED:
            raise ValueError(f"expected a result, judged on {' or '.join(JUDGED)} images, got {quoted(values)}")
        history = records.history(values.get("history"), first=0)
        confusion = np.asarray(records.confusion(values.get("confusion"), len(card.class_names)), np.int64)
        return FineTuneResult(card, path, folder / f"{name}.keras", history, confusion, values["judged_on"])

    return records.read(folder / RESULT, result, "remove it to train again")
