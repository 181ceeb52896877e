"""The curve of a training as a picture: accuracies over epochs, as an SVG file for papers, slides and notebooks."""

import math
from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any, NamedTuple

from nasnet_keras.pages.axes import Axis, thinned
from nasnet_keras.pages.charts import Chart, Dots, Line
from nasnet_keras.pages.legend import line
from nasnet_keras.pages.picture import picture
from nasnet_keras.training import records
from nasnet_keras.training.curve import accuracy_of
from nasnet_keras.training.records import HISTORY
from nasnet_keras.utils.checks import integer, real, svg_path, text
from nasnet_keras.utils.files import write_text
from nasnet_keras.utils.json_text import parse, text_of
from nasnet_keras.utils.manual import counted
from nasnet_keras.utils.workdir import (
    FINE_TUNING,
    TRAINING,
    WorkdirError,
    description_of,
    folder_name,
    not_of,
    recorded,
)

__all__ = ["RUNS", "plot_training_curve", "training_curve_svg"]

RUNS = (TRAINING, FINE_TUNING)
"""The names of the files that describe the folder of a training."""

_MOST = 100  # epochs of a line whose points are drawn
_POINTS = 1000  # of a line
_OR_HISTORY = f"its {HISTORY}, or a list of an epoch's figures each"
_STYLE = """path.training{stroke:var(--accent);stroke-dasharray:7 4}
path.validation{stroke:var(--best)}
circle.training{fill:var(--accent)}
circle.validation{fill:var(--best)}
"""
_WEIGHTED = "validation_weighted_accuracy"
_History = Sequence[Mapping[str, Any]]


class _Series(NamedTuple):
    """A line of the curve: its style, its meaning, and its points in the order of epochs, apart for each cycle."""

    style: str
    words: str
    cycles: list[list[tuple[int, float]]]

    @property
    def points(self) -> list[tuple[int, float]]:
        return [point for cycle in self.cycles for point in cycle]


def plot_training_curve(run: str | Path | _History, path: str | Path, title: str | None = None) -> Path:
    """Draw the accuracies of a training over its epochs as an SVG file.

    The accuracy on training images is that of the epoch's steps, on images as they were augmented. That on validation
    images is of the averaged weights; of a fine-tuning whose classes have weights, it is the one by these weights.

    Args:
        run: the folder of a training or a fine-tuning, finished or going on, its `history.json`, or a history: the
            figures of each epoch, as that file and the results of trainings have them.
        path: the file to write, which ends in `.svg`.
        title: the title of the picture; by default the name of the folder and what is drawn.

    Returns:
        The path of the file.

    Raises:
        ValueError: the path does not end in `.svg`, the history is damaged, or no epoch with an accuracy has ended.
        WorkdirError: the folder is none of a training, or its history is damaged.
        OSError: the file cannot be written.

    Example:
        >>> history = [{"epoch": 1, "accuracy": 0.4}, {"epoch": 2, "accuracy": 0.6}]
        >>> plot_training_curve(history, pathlib.Path(tempfile.mkdtemp()) / "curve.svg").name
        'curve.svg'
    """
    path = svg_path(path)
    write_text(path, training_curve_svg(run, title))
    return path


def training_curve_svg(run: str | Path | _History, title: str | None = None) -> str:
    """Draw the accuracies of a training over its epochs as SVG text; see `plot_training_curve`."""
    if title is not None:
        text("title", title)
    if isinstance(run, str | Path) and Path(run).is_file():
        path = Path(run)
        cycles, whose = {0: _of_file(path)}, f"{folder_name(path.parent) if path.name == HISTORY else path.stem}: "
    elif isinstance(run, str | Path):
        cycles, whose = dict(_cycles(Path(run))), f"{folder_name(run)}: "
    else:
        cycles, whose = {0: _checked(run)}, ""
    lines = [one for one in _series(dict(sorted(cycles.items()))) if one.points]
    if not lines:
        said = "no epoch has ended yet" if not any(cycles.values()) else "no epoch has an accuracy"
        raise ValueError(f"{whose}{said}, so that there is no curve to draw")
    title = f"{whose}accuracy over epochs" if title is None else title
    key = [(line(one.style), escape(one.words)) for one in lines]
    return picture(_chart(lines, title), key, title, _STYLE)


def _cycles(folder: Path) -> Iterator[tuple[int, _History]]:
    """The histories of a run, each with the number of epochs before it: one that was trained on has several."""
    file = description_of(folder)
    if file not in RUNS and not (folder / HISTORY).is_file():
        raise not_of(folder, (*RUNS, HISTORY), f"nasnet-train or nasnet-finetune, {_OR_HISTORY}")
    place, before = folder, math.inf
    while True:
        count = recorded(place, file).get(records.BEFORE, 0) if file else 0
        count = count if type(count) is int and 0 < count < before else 0
        if (place / HISTORY).exists():
            yield count, records.read(place / HISTORY, _checked, "only a training writes it")
        place, before = records.folder_before(folder, count), count
        if not count or not place.is_dir():
            return


def _of_file(path: Path) -> _History:
    try:
        return _checked(parse(text_of(path)))
    except ValueError as error:
        raise WorkdirError(
            f"{path} is a file: expected the folder of a run of nasnet-train or nasnet-finetune, {_OR_HISTORY} "
            f"({str(error)[:300]})"
        ) from None


def _checked(value: Any) -> _History:
    """Check a history, whose first epoch is 0 if the network was judged before it was trained."""
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        value = [_plain(entry) if isinstance(entry, Mapping) else entry for entry in value]
    begun = isinstance(value, list) and bool(value) and isinstance(value[0], Mapping)
    return records.history(value, first=0 if begun and integer(value[0].get("epoch")) == 0 else 1)


def _plain(entry: Mapping[str, Any]) -> dict[str, Any]:
    """The figures of an epoch, those of NumPy as Python's own."""
    found = {}
    for name, value in entry.items():
        plain = real(value) if integer(value) is None else integer(value)
        found[name] = value if plain is None else plain
    return found


def _series(cycles: Mapping[int, _History]) -> list[_Series]:
    """The lines of the curve, of which some may have no points."""
    entries = [entry for history in cycles.values() for entry in history]
    same = ", every class counting the same" if any(_WEIGHTED in entry for entry in entries) else ""

    ends = {before + history[-1]["epoch"] for before, history in cycles.items() if history and history[-1]["epoch"]}

    def points(value: Any) -> list[list[tuple[int, float]]]:
        found = [
            [(before + entry["epoch"], value(entry)) for entry in history if entry["epoch"] or before not in ends]
            for before, history in cycles.items()
        ]
        return [[point for point in cycle if point[1] is not None] for cycle in found]

    def judged(entry: Mapping[str, Any]) -> float | None:
        return accuracy_of(entry) if "validation_accuracy" in entry else None

    return [
        _Series("training", "training images, as augmented", points(lambda entry: entry.get("accuracy"))),
        _Series("validation", f"validation images{same}, averaged weights", points(judged)),
    ]


def _chart(lines: Sequence[_Series], title: str) -> Chart:
    values = [value for one in lines for _, value in one.points]
    epochs = [epoch for one in lines for epoch, _ in one.points]
    low, high = min(values), max(values)
    margin = 0.05 * (high - low) or 0.05
    layers = [Line(one.style, _thinned(cycle)) for one in lines for cycle in one.cycles]
    few = len({*epochs}) <= _MOST
    layers += [Dots(one.style, [(x, y, f"epoch {x}: {y:.4f}") for x, y in one.points]) for one in lines if few]
    return Chart(
        name="training",
        title=title,
        description=" ".join(map(_described, lines)),
        axis=Axis("epoch", min(epochs), max(max(epochs), min(epochs) + 1)),
        y_label="accuracy",
        y_range=(max(0.0, low - margin), min(1.0, high + margin)),
        layers=layers,
    )


def _thinned(cycle: Sequence[tuple[int, float]]) -> list[tuple[int, float]]:
    return [cycle[place] for place in thinned(len(cycle), _POINTS)]


def _described(one: _Series) -> str:
    """A line in a sentence."""
    epoch, best = max(one.points, key=lambda point: point[1])
    course = f"at best {best:.4f} at epoch {epoch}, {one.points[-1][1]:.4f} in the end"
    epochs = counted(sum(epoch > 0 for epoch, _ in one.points), "epoch")
    return f"{one.words[:1].upper()}{one.words[1:]}: {epochs}, {course}."
