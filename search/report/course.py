"""The course of several studies: the best reward so far over trials, of each kind of search."""

from collections.abc import Sequence

import numpy as np

from nasnet_keras.pages.axes import Axis, thinned
from nasnet_keras.pages.charts import Band, Chart, Line
from nasnet_keras.pages.legend import SERIES, line
from nasnet_keras.pages.markup import text
from nasnet_keras.search.report.several import Together, best_so_far

__all__ = ["chart"]

_POINTS = 400


def chart(found: Together, description: str) -> tuple[Chart, list[tuple[str, str]]] | None:
    """Make the chart of the mean over the studies of each kind, with their lowest and highest, and its key.

    Args:
        found: the studies by kinds.
        description: of the chart, for readers who cannot see it.

    Returns:
        The chart, and marks with their meanings as HTML; None if no study has a child within its limits yet.
    """
    count, bands, lines, heights = found.trials, [], [], []
    for place, kind in enumerate(found.kinds):
        runs = np.array([best_so_far(one, count) for one in kind.studies])
        known = ~np.isnan(runs).any(axis=0)
        points = [place_ for place_ in thinned(count, _POINTS) if known[place_]]
        style = f"series-{place % len(SERIES)}"
        if len(kind.studies) > 1:
            bands.append(Band(style, _steps(runs, points)))
        lines.append(Line(style, [(at + 1, float(runs[:, at].mean())) for at in points], step=True))
        heights += [float(runs[:, at].min()) for at in points] + [float(runs[:, at].max()) for at in points]
    if not heights:
        return None
    low, high = min(heights), max(heights)
    margin = 0.05 * (high - low) or 0.05 * abs(high) or 0.05
    made = Chart(
        name="course_chart",
        title="Best reward over trials",
        description=description,
        axis=Axis("children evaluated", 0.0, count + 1.0),
        y_label="best reward",
        y_range=(low - margin, high + margin),
        layers=(*bands, *lines),
    )
    return made, [(line(f"series-{place % len(SERIES)}"), text(kind.title)) for place, kind in enumerate(found.kinds)]


def _steps(runs: np.ndarray, points: Sequence[int]) -> list[tuple[float, float, float]]:
    """The lowest and the highest of all runs at some trials, each of which holds until the next."""
    edges: list[tuple[float, float, float]] = []
    for at in points:
        edges += [(at + 1, *edges[-1][1:])] if edges else []
        edges.append((at + 1, float(runs[:, at].min()), float(runs[:, at].max())))
    return edges
