"""A search for TensorBoard: curves of the study, and what each child was made of beside its reward."""

import time
from collections.abc import Sequence
from pathlib import Path

from tensorboard.plugins.hparams.summary_v2 import hparams_pb

from nasnet_keras.genotype import Cell, Genotype
from nasnet_keras.search.statistics import operation_counts
from nasnet_keras.search.trial import Trial
from nasnet_keras.training.events import EventFile

__all__ = ["SearchLog"]


class SearchLog:
    """Writes trials into `tensorboard/` of a study's folder. A kill loses no trial that `trial` returned from.

    A search that goes on after a kill opens the log again: that adds files, and TensorBoard shows all of them as one.
    Curves are `reward`, `best_reward`, `seconds` and `failed`, by trial. A child that was trained has a folder of its
    own, `trial_00012`, whose hyperparameters are the operations of its cells and whose metric is
    `hparams/reward`; a cell of a benchmark's table has none.

    Args:
        path: the study's folder.
        failed: trials that failed before the log was opened again.
        operations: of the search space, so that a child's hyperparameters name those that it lacks too.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     log = SearchLog(folder)
        ...     log.trial(Trial(0, "|none~0|", "ok", 0.5, {}, 1.0, 0), best=0.5)
        ...     log.close()
        ...     len(list(pathlib.Path(folder, "tensorboard").iterdir()))
        1
    """

    def __init__(self, path: str | Path, failed: int = 0, operations: Sequence[str] = ()) -> None:
        self._folder = Path(path) / "tensorboard"
        self._failed = failed
        self._operations = tuple(operations)
        self._file = EventFile(self._folder)

    def trial(self, trial: Trial, best: float | None) -> None:
        """Add a finished trial; `best` is the highest reward so far, with this one, None where there is none."""
        self._failed += trial.status != "ok"
        figures = {
            "reward": trial.reward,
            "best_reward": best,
            "seconds": trial.seconds,
            "failed": self._failed,
        }
        self._file.scalars({name: value for name, value in figures.items() if value is not None}, trial.trial)
        if trial.reward is not None and isinstance(trial.genotype, Genotype):
            self._child(trial, trial.genotype)

    def close(self) -> None:
        """Close the file; a second time it does nothing."""
        self._file.close()

    def _child(self, trial: Trial, genotype: Genotype) -> None:
        name = f"trial_{trial.trial:05}"
        file = EventFile(self._folder / name)
        try:
            started = time.time() - trial.seconds
            file.summary(
                hparams_pb(_hyperparameters(genotype, self._operations), trial_id=name, start_time_secs=started)
            )
            figures = {"hparams/reward": trial.reward}
            parameters = trial.metrics.get("parameters")
            if isinstance(parameters, int):
                figures["hparams/parameters"] = parameters
            file.scalars(figures, 0)
        finally:
            file.close()


def _hyperparameters(genotype: Genotype, operations: Sequence[str]) -> dict[str, int]:
    """How often each operation stands in each cell, how many states a cell puts out, and how deep it is."""
    values = {}
    counts = operation_counts(genotype)
    for name, cell in (("normal", genotype.normal), ("reduction", genotype.reduction)):
        found = counts[f"{name} cell"]
        values |= {f"{name}/{operation}": found[operation] for operation in sorted({*operations, *found})}
        values |= {f"{name}_outputs": len(cell.outputs), f"{name}_depth": _depth(cell)}
    return values


def _depth(cell: Cell) -> int:
    """Blocks on the longest way through a cell."""
    depth = dict.fromkeys(cell.states[:2], 0)
    for state, block in zip(cell.states[2:], cell.blocks, strict=True):
        depth[state] = 1 + max(depth[edge.input] for edge in block.edges)
    return max(depth[state] for state in cell.outputs)
