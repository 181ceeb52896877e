"""A search for TensorBoard: the curves of the study, and the operations and the reward of each child."""

import re
import shutil
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from heapq import heappush, heappushpop
from pathlib import Path

from tensorboard.plugins.hparams.summary_v2 import hparams_pb

from nasnet_keras.genotypes.cells import Cell, Genotype
from nasnet_keras.search.costs.limits import OVER_LIMIT
from nasnet_keras.search.report.front_events import write_front
from nasnet_keras.search.report.statistics import operation_counts
from nasnet_keras.search.study.folder import Study
from nasnet_keras.search.study.pareto import cost_of, front_of, hypervolume, points_of
from nasnet_keras.search.study.trial import Trial
from nasnet_keras.training.events import EventFile
from nasnet_keras.utils import files

__all__ = ["SearchLog"]


_LAST, _BEST = 200, 50  # numbers of trials with a folder: TensorBoard takes minutes to read thousands
_FOLDER_SECONDS = 2.0  # between two moments at which folders are made: most of many quick trials never need one
_NAME = re.compile(r"trial_\d{5,}", re.ASCII)


class SearchLog:
    """Writes trials into `tensorboard/` of a study's folder. A kill loses no trial once `trial` has returned.

    A search that continues after a kill opens the log again; TensorBoard shows all files of the folder as one. The
    curves are `reward`, `best_reward`, `seconds`, `failed`, `over_limit` and each cost, such as `cost/latency_ms`, by
    trial; under limits also `hypervolume`, whose reference is the limits and a reward of 0. A trained child has its own
    folder, such as `trial_00012`, while it is among the last 200 or the best 50: its hyperparameters are the operations
    of its cells, and its metrics are `hparams/reward` and its costs. A cell of a benchmark's table has no folder.

    Args:
        path: the study's folder.
        trials: the trials that were recorded before the log was opened.
        operations: the operations of the search space; a child's hyperparameters name those that it lacks, too.
        limits: the largest value of each cost that has a limit, by its name.

    Raises:
        OSError: a file cannot be written.

    Example:
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     log = SearchLog(folder)
        ...     log.trial(Trial(0, "|none~0|", "ok", 0.5, {}, 1.0, 0), best=0.5)
        ...     log.close()
        ...     len(list(pathlib.Path(folder, "tensorboard").iterdir()))
        1
    """

    def __init__(
        self,
        path: str | Path,
        trials: Iterable[Trial] = (),
        operations: Sequence[str] = (),
        limits: Mapping[str, float] | None = None,
    ) -> None:
        self._folder = Path(path) / "tensorboard"
        self._operations, self._limits = tuple(operations), dict(limits or {})
        self._without: Counter[str] = Counter()
        self._front: list[Trial] = []
        self._last: deque[Trial] = deque(maxlen=_LAST)
        self._best: list[tuple[float, int, Trial]] = []
        self._file = EventFile(self._folder)
        self._due = 0.0
        for trial in trials:
            self._count(trial)
            self._keep(trial)
        self._settle()

    def trial(self, trial: Trial, best: float | None) -> None:
        """Add a finished trial.

        Args:
            trial: the trial, which is added once.
            best: the highest reward so far, this trial's included; None if there is none.
        """
        self._count(trial)
        figures = {
            "reward": trial.reward,
            "best_reward": best,
            "seconds": trial.seconds,
            "failed": self._without["failed"],
            "over_limit": self._without[OVER_LIMIT] if self._limits else None,
            "hypervolume": self._volume(),
            **{f"cost/{name}": value for name, value in trial.costs.items()},
        }
        self._file.scalars({name: value for name, value in figures.items() if value is not None}, trial.trial)
        if self._keep(trial) and time.monotonic() >= self._due:
            self._follow()

    def front(self, study: Study) -> None:
        """Write the front of a study that has ended or was stopped, for now: see `write_front`."""
        write_front(study)

    def close(self) -> None:
        """Make the last folders and close the file; closing it again has no effect."""
        self._follow()
        self._file.close()

    def _count(self, trial: Trial) -> None:
        """Note why a trial has no reward, or whether it is on the front under the limits."""
        if trial.reward is None:
            self._without[OVER_LIMIT if trial.status == OVER_LIMIT else "failed"] += 1
        elif trial.status == "ok" and self._limits and all(cost_of(trial, name) is not None for name in self._limits):
            self._front = front_of([*self._front, trial], tuple(self._limits))

    def _volume(self) -> float | None:
        """The hypervolume of the trials so far; None without limits, which would leave its reference open."""
        names = tuple(self._limits)
        return hypervolume(points_of(self._front, names), [*self._limits.values(), 0.0]) if names else None

    def _keep(self, trial: Trial) -> bool:
        """Note a trial that has a folder; returns whether it has one."""
        if trial.status != "ok" or not isinstance(trial.genotype, Genotype):
            return False
        self._last.append(trial)
        (heappush if len(self._best) < _BEST else heappushpop)(self._best, (trial.reward, -trial.trial, trial))
        return True

    def _kept(self) -> dict[str, Trial]:
        """The trials with a folder, by its name."""
        return {f"trial_{trial.trial:05}": trial for trial in (*self._last, *(trial for *_, trial in self._best))}

    def _settle(self) -> None:
        """Add the missing folders and remove the extra ones that a kill, or an earlier version, left."""
        kept = self._kept()
        found = {path.name: path for path in self._folder.iterdir() if _NAME.fullmatch(path.name) and path.is_dir()}
        self._remove(found.keys() - kept.keys())
        for name, trial in kept.items():
            if name not in found or not any(found[name].iterdir()):
                self._child(trial)
        self._names = {*kept}

    def _follow(self) -> None:
        """Make the folders of new trials, and remove those of trials that are no more among the last and the best."""
        files.check(self._folder)  # another process may have taken it over
        kept = self._kept()
        for name in kept.keys() - self._names:
            self._child(kept[name])
        self._remove(self._names - kept.keys())
        self._names = {*kept}
        self._due = time.monotonic() + _FOLDER_SECONDS

    def _remove(self, names: Iterable[str]) -> None:
        for name in names:
            shutil.rmtree(self._folder / name, ignore_errors=True)

    def _child(self, trial: Trial) -> None:
        name = f"trial_{trial.trial:05}"
        file = EventFile(self._folder / name)
        try:
            started = time.time() - trial.seconds
            values = _hyperparameters(trial.genotype, self._operations)
            file.summary(hparams_pb(values, trial_id=name, start_time_secs=started))
            figures = {"hparams/reward": trial.reward}
            parameters = trial.metrics.get("parameters")
            if isinstance(parameters, int):
                figures["hparams/parameters"] = parameters
            figures |= {f"hparams/{name}": value for name, value in trial.costs.items()}
            file.scalars(figures, 0)
        finally:
            file.close()


def _hyperparameters(genotype: Genotype, operations: Sequence[str]) -> dict[str, int]:
    """The counts of operations in each cell, its number of outputs and its depth."""
    values = {}
    counts = operation_counts(genotype)
    for name, cell in (("normal", genotype.normal), ("reduction", genotype.reduction)):
        found = counts[f"{name} cell"]
        values |= {f"{name}/{operation}": found[operation] for operation in sorted({*operations, *found})}
        values |= {f"{name}_outputs": len(cell.outputs), f"{name}_depth": _depth(cell)}
    return values


def _depth(cell: Cell) -> int:
    """The number of blocks on the longest path through a cell."""
    depth = dict.fromkeys(cell.states[:2], 0)
    for state, block in zip(cell.states[2:], cell.blocks, strict=True):
        depth[state] = 1 + max(depth[edge.input] for edge in block.edges)
    return max(depth[state] for state in cell.outputs)
