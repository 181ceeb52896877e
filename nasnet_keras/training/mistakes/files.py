"""The files of the mistakes of a network: a table of all of them, and a page that shows them."""

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

from nasnet_keras.card import Card
from nasnet_keras.training.datasets.base import Dataset
from nasnet_keras.training.datasets.recording import is_recorded, record_files
from nasnet_keras.training.evaluation import JUDGED, Answers
from nasnet_keras.training.mistakes.judged import Judged, judged, surest
from nasnet_keras.training.mistakes.page import page_of
from nasnet_keras.training.result import answers_of
from nasnet_keras.utils.csv_rows import row_writer
from nasnet_keras.utils.files import write_bytes, write_text
from nasnet_keras.utils.progress import showing

__all__ = ["FILES", "PAGE", "TABLE", "complete", "told", "write"]

TABLE, PAGE = FILES = "mistakes.csv", "mistakes.html"
"""The names of the files, in a run's folder."""
_COLUMNS = ("path", "true", "predicted", "probability", "split")


def write(folder: Path, card: Card, dataset: Dataset, answers: Mapping[str, Answers]) -> None:
    """Write the files, or remove those of an earlier network if there are no mistakes. An error is a warning.

    Args:
        folder: the folder that they are written to.
        card: the card of the network.
        dataset: the images.
        answers: the network's answers to the images of splits, by their names.
    """
    with showing("the list of wrong answers"):
        found = judged(dataset, answers)
        if not surest(found):
            _remove(folder)
            return
        # Names of files that are not UTF-8 are written as Python would escape them.
        write_bytes(folder / TABLE, _table(card.class_names, found).encode("utf-8", "backslashreplace"))
        write_text(folder / PAGE, page_of(card.name, card.class_names, found))


def complete(folder: Path, card: Card, dataset: Dataset) -> None:
    """Record the images' files, and make those of the mistakes of a finished run again if it lacks some.

    Its card says whether there are mistakes. Files that have other names of images than those of now are removed first.
    """
    if not is_recorded(folder, dataset):
        _remove(folder)
        record_files(folder, dataset)
    if not _is_perfect(card) and not _are_there(folder):
        with showing("the list of wrong answers"):
            write(folder, card, dataset, answers_of(card, folder, dataset))


def told(folder: Path, card: Card) -> str:
    """Say where the files of a finished run are, or that there are no mistakes; empty if they could not be written."""
    if _are_there(folder):
        return f"{folder / PAGE} shows them, {folder / TABLE} lists all, the surest first"
    return "none, in all images that it was judged on" if _is_perfect(card) else ""


def _remove(folder: Path) -> None:
    for name in FILES:
        (folder / name).unlink(missing_ok=True)


def _is_perfect(card: Card) -> bool:
    return all(card.metrics.get(f"{name}_accuracy", 1.0) == 1.0 for name in JUDGED)


def _are_there(folder: Path) -> bool:
    return all((folder / name).is_file() for name in FILES)


def _table(class_names: Sequence[str], judged: Sequence[Judged]) -> str:
    """The mistakes as CSV, the surest first."""
    text = io.StringIO(newline="")
    write_row = row_writer(text)
    write_row(_COLUMNS)
    for one, index in surest(judged):
        true, taken = (class_names[labels[index]] for labels in (one.split.labels, one.answers.labels))
        write_row((one.shown(index), true, taken, f"{one.answers.probabilities[index]:.6g}", one.name))
    return text.getvalue()
