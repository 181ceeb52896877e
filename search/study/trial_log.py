"""A file of trials, one line each."""

from pathlib import Path

from nasnet_keras.search.study.trial import Trial
from nasnet_keras.utils.lines import LineLog, whole_lines

__all__ = ["TrialLog", "read_trials"]

TrialLog = LineLog


def read_trials(path: Path) -> list[Trial]:
    """Read the trials of a file, in the order of their numbers; the numbers of unfinished trials are missing.

    Raises:
        OSError: the file cannot be read, or is not a regular file; a pipe, for example, may never end.
        ValueError: a line is damaged, or two lines have the same number.
    """
    trials: dict[int, Trial] = {}
    for number, line in enumerate(whole_lines(path)):
        try:
            trial = Trial.from_line(line.decode())
            if trial.trial in trials:
                raise ValueError(f"trial {trial.trial} stands twice")
        except ValueError as error:
            raise ValueError(f"{path}, line {number + 1} is damaged: {error}") from None
        trials[trial.trial] = trial
    return [trials[number] for number in sorted(trials)]
