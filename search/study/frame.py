"""The trials of a study as a table of pandas."""

from collections.abc import Iterable, Mapping
from typing import Any

from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.search.study.trial import STATUSES, Trial, fingerprint, genotype_text
from nasnet_keras.utils.checks import finite
from nasnet_keras.utils.extras import install

__all__ = ["trials_frame"]

_TYPES = {"number": "int64", "reward": "float64", "seed": "int64"}
_TEXTS = ("group", "genotype", "fingerprint", "error")


def trials_frame(groups: Mapping[str, Iterable[Trial]]) -> Any:
    """Make a table of one row a trial.

    Args:
        groups: trials by the names of their groups.

    Raises:
        ImportError: pandas is not installed.
    """
    try:
        import pandas  # a package that only this needs
    except ImportError as error:
        raise ImportError(f"a DataFrame needs pandas: {install('pandas')}") from error
    trials = [(group, trial) for group, members in groups.items() for trial in members]
    rows = [_row(group, trial) for group, trial in trials]
    names = dict.fromkeys(name for row in rows for name in row) if rows else _row("", None)
    return pandas.DataFrame({name: _column(pandas, name, [row.get(name) for row in rows]) for name in names})


def _row(group: str, trial: Trial | None) -> dict[str, Any]:
    """The cells of a trial by the names of their columns; of none, the names of the columns that are always there."""
    if trial is None:
        return dict.fromkeys(("number", "group", "state", "reward", "genotype", "fingerprint", "duration", "seed"))
    known = isinstance(trial.genotype, BaseGenotype)
    plain = {name: value for name, value in trial.metrics.items() if name not in trial.costs}
    return {
        "number": trial.trial,
        "group": group,
        "state": trial.status,
        "reward": trial.reward,
        **{name: value for name, value in plain.items() if isinstance(value, str | int | float)},
        **trial.costs,
        "genotype": genotype_text(trial.genotype) if known else trial.genotype,
        "fingerprint": fingerprint(trial.genotype),
        "duration": trial.seconds,
        "seed": trial.seed,
    }


def _column(pandas: Any, name: str, values: list[Any]) -> Any:
    """A column in the type of its values: whole numbers that may be missing, numbers, truths or texts."""
    if name == "state":
        return pandas.Categorical(values, categories=STATUSES)
    if name == "duration":
        return pandas.to_timedelta(pandas.Series(values, dtype="float64"), unit="s")
    if name in _TYPES:
        return pandas.Series(values, dtype=_TYPES[name])
    if name in _TEXTS:
        return pandas.Series(values, dtype="string")
    there = [value for value in values if value is not None]
    if all(isinstance(value, bool) for value in there):
        return pandas.Series(values, dtype="boolean")
    if all(isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63 for value in there):
        return pandas.Series(values, dtype="Int64")
    if all(finite(value) for value in there):
        return pandas.Series([None if value is None else float(value) for value in values], dtype="float64")
    return pandas.Series([None if value is None else str(value) for value in values], dtype="string")
