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

from nasnet_keras.training.mistakes.files import FILES as MISTAKES
from nasnet_keras.training.records import BEFORE, folder_before
from nasnet_keras.training.run import CHECKPOINT
from nasnet_keras.utils.manual import counted
from nasnet_keras.utils.workdir import Workdir, WorkdirError, recorded

__all__ = ["START", "Earlier", "clear", "earlier", "finished_epochs", "first_of", "put_aside"]

START = "start.npz"
"""The name of the file that keeps the state that a fine-tuning starts from."""


@dataclass(frozen=True)
class Earlier:
    """A finished training of a folder, from whose weights another one goes on.

    Attributes:
        epochs: its epochs, with those of the trainings before it.
        folder: where it is put aside.
        aside: whether it is there already, and the present training is the one that goes on.
        ended: the configuration of the one that goes on if that is finished, and needs the earlier one no more.
    """

    epochs: int
    folder: Path
    aside: bool
    ended: dict[str, Any] | None = None

    def to_json(self) -> dict[str, int]:
        """The field of the configuration of the training that goes on."""
        return {BEFORE: self.epochs}


def earlier(folder: Path, file: str, wanted: int, names: Sequence[str]) -> Earlier | None:
    """Find the training that one of more epochs goes on from; None if the folder has none, or is not finished.

    Args:
        folder: the run's folder.
        file: the name of the file that describes it.
        wanted: epochs of all trainings together.
        names: the files of a finished run, its card and its weights first.

    Raises:
        WorkdirError: the folder was trained on for other epochs than are wanted, or what it goes on from is gone.
    """
    config = recorded(folder, file)
    total = _epochs(config)
    if total is None:
        return None
    finished = _is_finished(folder, names)
    halfway = folder_before(folder, total).is_dir() and not (folder / CHECKPOINT).exists()  # in being put aside
    if wanted > total and (finished or halfway):
        return Earlier(total, folder_before(folder, total), aside=False)
    if BEFORE not in config:
        return None
    before = config[BEFORE]
    aside = folder_before(folder, before)
    if wanted != total and finished:
        raise WorkdirError(
            f"{folder} was trained for {counted(total, 'epoch')}, and {wanted} are asked for, which counts all of "
            f"them: more train it on; for fewer, name a new folder"
        )
    if wanted != total:
        raise WorkdirError(
            f"{folder} is being trained to {counted(total, 'epoch')}, and {wanted} are asked for, which counts all of "
            f"them: finish it with --epochs={total} first; {aside} has the finished model of {counted(before, 'epoch')}"
        )
    if not finished and (gone := [name for name in names[:2] if not (aside / name).is_file()]):
        raise WorkdirError(
            f"{folder} is being trained on from the finished run in {aside}, which has no {gone[0]} any more: put it "
            f"back, or name a new folder"
        )
    return Earlier(before, aside, aside=True, ended=config if finished else None)


def finished_epochs(folder: Path, file: str, names: Sequence[str]) -> int | None:
    """The epochs of a folder's finished run, with those before it; None if it has none."""
    return _epochs(recorded(folder, file)) if _is_finished(folder, names) else None


def first_of(found: Earlier, file: str) -> dict[str, Any]:
    """The configuration of the first of the runs that go on from each other; empty if its files were deleted.

    Args:
        found: the run that another goes on from.
        file: the name of the file that describes a run.
    """
    asides = {path.name.rpartition("_")[2]: path for path in found.folder.parent.glob("until_epoch_*")}
    numbers = sorted(int(number) for number in asides if number.isdecimal())
    oldest = recorded(asides[str(numbers[0])], file) if numbers else {}
    return oldest if BEFORE not in oldest else {}


def clear(folder: Path) -> None:
    """Remove the states that only a run that is not finished needs; a kill may have left them."""
    for name in (START, CHECKPOINT):
        (folder / name).unlink(missing_ok=True)


def put_aside(found: Earlier, work: Workdir, names: Sequence[str], config: Callable[[], dict[str, Any]]) -> None:
    """Put a finished training aside, and let its folder be that of the one that goes on.

    Args:
        found: the finished training.
        work: its folder, opened.
        names: the files of a finished run.
        config: makes the configuration of the one that goes on, when the files are where they stay.
    """
    folder, file = work.path, work.file
    if _is_finished(folder, names):
        clear(folder)
        making = folder / f".{found.folder.name}"
        for path in (making, found.folder):
            shutil.rmtree(path, ignore_errors=True)
        making.mkdir()
        for name in (file, *names, *(name for name in MISTAKES if (folder / name).is_file())):
            shutil.copy2(folder / name, making / name)
        os.replace(making, found.folder)  # noqa: PTH105 – of folders
    new = config()
    for name in (*names, *MISTAKES):
        (folder / name).unlink(missing_ok=True)
    if (folder / "tensorboard").is_dir():
        shutil.move(folder / "tensorboard", found.folder / "tensorboard")
    work.begin_anew(new)
    logging.warning(
        "the run of %s is kept in %s; training goes on from its weights", counted(found.epochs, "epoch"), found.folder
    )


def _epochs(config: dict[str, Any]) -> int | None:
    """The epochs of a configuration, with those of the trainings before it; None if it is damaged."""
    before, recipe = config.get(BEFORE, 0), config.get("recipe")
    epochs = recipe.get("epochs") if isinstance(recipe, dict) else None
    if type(epochs) is not int or type(before) is not int:
        return None
    return before + (0 if config.get("head_only") else epochs)


def _is_finished(folder: Path, names: Sequence[str]) -> bool:
    return all((folder / name).is_file() for name in names)
