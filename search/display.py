"""What a person sees of a search that is going on: the bar in the terminal, TensorBoard, and the report."""

import time
from typing import Any

from absl import logging

from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.executors.base import Executor
from nasnet_keras.search.pipeline import Pipeline
from nasnet_keras.search.remaining import Remaining, parts_of
from nasnet_keras.search.report.page import write_report
from nasnet_keras.search.report.places import UnderWay
from nasnet_keras.search.study.folder import Study
from nasnet_keras.search.study.trial import Trial
from nasnet_keras.utils.manual import counted
from nasnet_keras.utils.progress import Progress, showing

__all__ = ["Display", "part_shown", "say_if_slots_stay_idle"]

_REPORT_SECONDS = 60.0  # between two reports at least, and
_REPORT_PAUSES = 20.0  # times as long as the last one took, since thousands of trials take seconds to draw
_BEAT_SECONDS = 0.2  # between two looks at what runs where, since thousands of children may end in a second
_WINDOWS = 8  # the size of a window that keeps most slots busy, in slots: see docs/cluster.md
_CURVES = "the search in TensorBoard"


def part_shown(config: SearchConfig, group: str) -> str:
    """Say which part of a search is running, and what is left after it."""
    parts = {name: str(count) for name, count in parts_of(config).items()}
    parts |= {"finalists": f"of {counted(config.final_epochs, 'epoch')}"} if "finalists" in parts else {}
    place = list(parts).index(group)
    after = ", ".join(f"{name} {much}" for name, much in list(parts.items())[place + 1 :])
    return f"{group} ({place + 1} of {len(parts)}{f'; then {after}' if after else ''})"


def say_if_slots_stay_idle(config: SearchConfig, executor: Executor) -> None:
    """Say it if there is room for more children than the window lets be under way."""
    room, window = executor.capacity, config.window
    room = min(room, config.max_concurrent or room)
    if room > window:
        logging.warning(
            "there is room for %d children at once, and at most %d are under way in a search whose window is %d; "
            "a new study with window=%d keeps most of them busy",
            room,
            window,
            window,
            _WINDOWS * room,
        )


class Display:
    """Shows a search. Its errors become warnings, and the search goes on.

    Args:
        config: the configuration of the search.
        study: the study, open to be written.
        executor: runs the children, and may know on which machines.
        operations: the operations of the search space.
    """

    def __init__(
        self, config: SearchConfig, study: Study, executor: Executor, operations: tuple[str, ...] = ()
    ) -> None:
        self._study, self._executor = study, executor
        self._remaining = Remaining(config, study)
        self._report_due, self._beat_due = time.monotonic() + _REPORT_SECONDS, 0.0
        self._log: Any = None
        with showing(_CURVES):
            from nasnet_keras.search.report.tensorboard import SearchLog  # its import may fail

            self._log = SearchLog(study.path, study.trials, operations, study.limits)

    def trial(self, trial: Trial) -> None:
        """Show a trial of the search that was recorded."""
        with showing(_CURVES):
            if self._log is not None:
                self._log.trial(trial, None if self._study.best is None else self._study.best.reward)

    def beat(self, bar: Progress, pipeline: Pipeline) -> None:
        """Show the state of the children of a group, as often as is useful: this is called at every chance."""
        if time.monotonic() >= self._beat_due:
            self.show(bar, pipeline)
            self._beat_due = time.monotonic() + _BEAT_SECONDS

    def show(self, bar: Progress, pipeline: Pipeline) -> None:
        """Show the state of the children of a group now."""
        under_way = UnderWay(pipeline.under_way)
        with showing("the machines that children run on"):
            under_way = UnderWay(pipeline.under_way, self._executor.places())
        best = {} if self._study.best is None else {"best": f"{self._study.best.reward:.4f}"}
        bar.beat(**best, **pipeline.shown, **under_way.brief(), **self._remaining.shown())
        if time.monotonic() >= self._report_due:
            self._report(under_way)

    def close(self) -> None:
        """Show the state at the end of a sitting."""
        with showing(_CURVES):
            if self._log is not None:
                self._log.close()
                self._log.front(self._study)
        self._report()

    def _report(self, under_way: UnderWay | None = None) -> None:
        started = time.monotonic()
        with showing("the report"):
            write_report(self._study, under_way)
        now = time.monotonic()
        self._report_due = now + max(_REPORT_SECONDS, _REPORT_PAUSES * (now - started))
