"""Training on: a finished run that is asked for more epochs goes on from its weights, in the same folder.

The rates begin a new cycle over the epochs that are added, as those of a run with initial weights do: at the end of the
first cycle they are zero. The finished run is put aside first, whole, in `until_epoch_N/`, so that a kill at any moment
costs nothing.
"""

import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from absl import logging

from nasnet_keras.training.run import CHECKPOINT
from nasnet_keras.utils.workdir import Workdir, WorkdirError, recorded

__all__ = ["BEFORE", "Earlier", "earlier", "put_aside"]

BEFORE = "epochs_before"
"""The field of a configuration that says how many epochs the trainings had that it goes on from."""


@dataclass(frozen=True)
class Earlier:
    """A finished training of a folder, from whose weights another one goes on.

    Attributes:
        epochs: its epochs, with those of the trainings before it.
        folder: where it is put aside.
        aside: whether it is there already, and the present training is the one that goes on.
    """

    epochs: int
    folder: Path
    aside: bool

    def to_json(self) -> dict[str, int]:
        """The field of the configuration of the training that goes on."""
        return {BEFORE: self.epochs}


def earlier(folder: Path, file: str, wanted: int, names: Sequence[str]) -> Earlier | None:
    """Find the training that one of more epochs goes on from; None if the folder has none, or is not finished.

    Args:
        folder: the run's folder.
        file: the name of the file that describes it.
        wanted: epochs of all trainings together.
        names: the files of a finished run.

    Raises:
        WorkdirError: the folder was trained on, and for more epochs than are wanted.
    """
    config = recorded(folder, file)
    before, recipe = config.get(BEFORE, 0), config.get("recipe")
    epochs = recipe.get("epochs") if isinstance(recipe, dict) else None
    if type(epochs) is not int or type(before) is not int:
        return None
    total = before + (0 if config.get("head_only") else epochs)
    finished = all((folder / name).is_file() for name in names)
    if wanted > total and (finished or _aside(folder, total).is_dir()) and not (folder / CHECKPOINT).exists():
        return Earlier(total, _aside(folder, total), aside=False)
    if BEFORE not in config:
        return None
    if wanted != total:
        raise WorkdirError(
            f"{folder} was trained for {total} epochs, and {wanted} are asked for, which counts all of them: more "
            f"train it on when it is finished; for fewer, name a new folder"
        )
    return Earlier(before, _aside(folder, before), aside=True)


def put_aside(found: Earlier, work: Workdir, names: Sequence[str], config: Callable[[], dict[str, Any]]) -> None:
    """Put a finished training aside, and let its folder be that of the one that goes on.

    Args:
        found: the finished training.
        work: its folder, opened.
        names: the files of a finished run.
        config: makes the configuration of the one that goes on, when the files are where they stay.
    """
    folder, file = work.path, work.file
    if all((folder / name).is_file() for name in names):
        making = folder / f".{found.folder.name}"
        for path in (making, found.folder):
            shutil.rmtree(path, ignore_errors=True)
        making.mkdir()
        for name in (file, *names):
            shutil.copy2(folder / name, making / name)
        os.replace(making, found.folder)  # noqa: PTH105 – of folders
    new = config()
    for name in names:
        (folder / name).unlink(missing_ok=True)
    if (folder / "tensorboard").is_dir():
        shutil.move(folder / "tensorboard", found.folder / "tensorboard")
    work.begin_anew(new)
    logging.warning("the run of %d epochs is kept in %s; training goes on from its weights", found.epochs, found.folder)


def _aside(folder: Path, epochs: int) -> Path:
    return folder / f"until_epoch_{epochs}"
