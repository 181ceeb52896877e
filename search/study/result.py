"""The result of a search: `result.json` of a study's folder."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from nasnet_keras.utils.checks import finite, integer, quoted
from nasnet_keras.utils.json_text import parse, text_of

__all__ = ["FINAL", "RESULT", "are_notes", "check_metrics", "final_folder", "finalist_name", "read_result"]

RESULT = "result.json"
"""The name of the file, in the folder of a study, with the figures of its finalists."""

FINAL = "final"
"""The name of the folder, in that of a study, with the trainings of its finalists."""

_LONGEST = 200  # letters of a name


def final_folder(settings: Mapping[str, Any]) -> Path:
    """Return the folder, within a study's, in which finalists are trained by some settings.

    Example:
        >>> final_folder({"epochs": 30, "filters": 16}).name
        'epochs_30_filters_16'
    """
    return Path(FINAL, "_".join(f"{name}_{value}" for name, value in settings.items()))


def finalist_name(origin: str, fingerprint: str) -> str:
    """Return the name of a finalist's folder within it; the origin is `search` or `random`."""
    return f"{origin}_{fingerprint}"


def _is_object(value: Any) -> bool:
    return isinstance(value, dict)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_name(value: Any) -> bool:
    """Whether a value can be the bare name of a file."""
    return isinstance(value, str) and len(value) <= _LONGEST and Path(value).name == value and value.isprintable()


def _is_whole(value: Any) -> bool:
    return integer(value) is not None


def _are_costs(value: Any) -> bool:
    return isinstance(value, dict) and all(map(finite, value.values()))


def _is_of_front(value: Any) -> bool:
    return _has(value, _OF_FRONT_TRIALS)


def _has(value: Any, legal: dict[str, Callable[[Any], bool]]) -> bool:
    """Whether a value is an object with all fields of legal values."""
    return isinstance(value, dict) and all(name in value and is_legal(value[name]) for name, is_legal in legal.items())


def are_notes(value: Any) -> bool:
    """Whether a value is what `Algorithm.notes` returns: tables by their titles, lists of rows with equal columns.

    Example:
        >>> are_notes({"Steps": [{"Step": 1, "Found": 0.5}]}), are_notes({"Steps": 1})
        (True, False)
    """
    return _is_object(value) and all(map(_is_text, value)) and all(map(_is_table, value.values()))


def _is_table(value: Any) -> bool:
    rows = value if isinstance(value, list) and all(map(_is_object, value)) else [{}]
    cells = [(name, cell) for row in rows for name, cell in row.items()]
    legal = all(_is_text(name) and (cell is None or _is_text(cell) or finite(cell)) for name, cell in cells)
    return legal and bool(rows) and all(row and list(row) == list(rows[0]) for row in rows)


def _may_be_none(legal: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or legal(value)


_FIELDS = {  # the fields that `finals.finish` writes; earlier versions wrote fewer
    "fingerprint": _is_text,
    "winner": _is_text,
    "card": _is_name,
    "model": _is_name,
    "settings": _is_object,
    "finalists": lambda value: isinstance(value, list),
    "seconds": finite,
    "kendall_tau": _may_be_none(finite),
    "kendall_tau_pairs": _is_whole,
    "kendall_tau_random": _may_be_none(finite),
    "notes": are_notes,
}
_OF_FRONT = {
    "costs": lambda value: isinstance(value, list) and all(map(_is_text, value)),
    "hypervolume": finite,
    "random_hypervolume": _may_be_none(finite),
    "reference": lambda value: _is_object(value) and _are_costs(value.get("costs")) and finite(value.get("reward")),
    "trials": lambda value: isinstance(value, list) and all(map(_is_of_front, value)),
}
_OF_FRONT_TRIALS = {
    "trial": _is_whole,
    "fingerprint": _is_name,
    "costs": _are_costs,
    "reward": finite,
    "score": _may_be_none(finite),
}
_OF_METRICS = {"test_images": _is_whole, "epochs": _is_whole, "parameters": _is_whole}
_OF_FINALISTS = {
    "origin": lambda value: value in ("search", "random"),
    "trial": _is_whole,
    "fingerprint": _is_name,
    "status": _is_text,
    "metrics": _is_object,
    "reward": _may_be_none(finite),
    "seconds": _may_be_none(finite),
}


def read_result(path: Path) -> dict[str, Any]:
    """Read a file of this version or of another.

    Raises:
        OSError: the file cannot be read.
        ValueError: the file is damaged.
    """
    plain = parse(text_of(path))
    if not isinstance(plain, dict) or "fingerprint" not in plain:
        raise ValueError("it is no object with a fingerprint")
    _check(plain, _FIELDS)
    check_metrics(plain)
    if "front" in plain and not _has(plain["front"], _OF_FRONT):
        raise ValueError(f"front cannot be {quoted(plain['front'])}")
    for one in plain.get("finalists", ()):
        if not isinstance(one, dict) or (missing := [name for name in _OF_FINALISTS if name not in one]):
            raise ValueError("a finalist is no object" if not isinstance(one, dict) else f"a finalist lacks {missing}")
        _check(one, _OF_FINALISTS)
        check_metrics(one["metrics"])
    return plain


def _check(plain: dict[str, Any], legal: dict[str, Callable[[Any], bool]]) -> None:
    for name, is_legal in legal.items():
        if name in plain and not is_legal(plain[name]):
            raise ValueError(f"{name} cannot be {quoted(plain[name])}")


def check_metrics(plain: dict[str, Any]) -> None:
    """Check the metrics that are shown or compared; others may be anything.

    Raises:
        ValueError: one has another type, or is not finite.
    """
    _check(plain, _OF_METRICS)
    _check(plain, {name: finite for name in plain if name.startswith(("test_accuracy", "validation_accuracy"))})
