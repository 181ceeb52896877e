"""A chart with the key of its marks above it and its notes below."""

from collections.abc import Iterable

from nasnet_keras.search.report.charts import SHAPES, Chart
from nasnet_keras.search.report.style import SERIES

__all__ = ["DOTS", "MARKS", "drawn"]

DOTS = 1500
"""The most dots of a layer; of more children an even choice is drawn."""


def _circle(style: str) -> str:
    return f'<circle class="{style}" cx="13" cy="6" r="4"/>'


def _path(style: str, drawn: str) -> str:
    return f'<path class="{style}" d="{drawn}"/>'


_LINE = "M1 6h24"
MARKS = {
    "dot": _circle("dot"),
    "drawn": _circle("drawn"),
    "best": _path("best", _LINE),
    "mean": _path("mean", _LINE),
    "random": '<rect class="spread" width="26" height="12"/>' + _path("random", _LINE),
    "front": _path("best", "M1 10h8v-4h8v-4h8"),
    "random_front": _path("random thin", "M1 10h8v-4h8v-4h8"),
    "finalist": _path("finalist", f"M13 6{SHAPES['diamond']}"),
    "finalist_drawn": _path("finalist drawn", f"M13 6{SHAPES['square']}"),
    "limit": '<rect class="beyond" x="13" width="13" height="12"/>' + _path("rule over-line", "M13 0v12"),
    "over": _path("over-line", f"M13 6{SHAPES['triangle']}"),
    "failed": _path("failed", f"M13 6{SHAPES['cross']}"),
    **{f"series-{place}": _path(f"series-{place}", _LINE) for place in range(len(SERIES))},
}
"""The marks of a key as SVG, by the names of their meanings, in a box of 26 by 12."""


def drawn(chart: Chart, key: Iterable[tuple[str, str]], notes: Iterable[str]) -> str:
    """Set a chart as a figure.

    Args:
        chart: the chart.
        key: names of marks, each with its meaning as HTML.
        notes: sentences below the chart, as HTML.
    """
    marks = "".join(f'<li><svg viewBox="0 0 26 12">{MARKS[name]}</svg>{words}</li>' for name, words in key)
    caption = f"\n<figcaption>{words}</figcaption>" if (words := " ".join(notes)) else ""
    return f'<figure>\n<ul class="key">{marks}</ul>\n{chart.svg()}{caption}\n</figure>'
