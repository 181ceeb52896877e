"""The key of a chart: its marks with their meanings; and a chart with its key and notes as a part of a page."""

from collections.abc import Iterable

from nasnet_keras.pages.charts import SHAPES, Chart

__all__ = ["KEY_BOX", "KEY_STYLE", "SERIES", "SERIES_STYLE", "circle", "drawn", "line", "shape"]

KEY_BOX = (26, 12)
"""The width and the height of a mark in a key."""

KEY_STYLE = """.key{display:flex;flex-wrap:wrap;gap:.2rem 1.3rem;list-style:none;margin:0 0 .5rem;padding:0;
font-size:.88rem}
.key svg{width:26px;height:12px;vertical-align:-1px;margin-right:.4rem}
.key path{fill:none;stroke-width:2.4}
"""

SERIES = ("#1f6feb", "#b35c00", "#0b7a4b", "#7a4fb5", "#b3261e", "#00838f", "#8d6e00", "#5b6670")
"""The colors of lines of one kind in a chart, on light and on dark ground; `series-N` is the style of each."""

SERIES_STYLE = "".join(
    f"path.series-{place}{{stroke:{color}}}\npath.band.series-{place}{{fill:{color};fill-opacity:.14}}\n"
    f"circle.series-{place}{{fill:{color}}}\n"
    for place, color in enumerate(SERIES)
)


def line(style: str, path: str = "M1 6h24") -> str:
    """Draw the mark of a line, or of a line of another course."""
    return f'<path class="{style}" d="{path}"/>'


def circle(style: str) -> str:
    """Draw the mark of dots."""
    return f'<circle class="{style}" cx="13" cy="6" r="4"/>'


def shape(style: str, name: str) -> str:
    """Draw the mark of dots of a shape, one of `SHAPES`."""
    return line(style, f"M13 6{SHAPES[name]}")


def drawn(chart: Chart, key: Iterable[tuple[str, str]], notes: Iterable[str]) -> str:
    """Set a chart as a figure of a page.

    Args:
        chart: the chart.
        key: marks as SVG, in a box of `KEY_BOX`, each with its meaning as HTML.
        notes: sentences below the chart, as HTML.
    """
    box = "{} {}".format(*KEY_BOX)
    marks = "".join(f'<li><svg viewBox="0 0 {box}">{mark}</svg>{words}</li>' for mark, words in key)
    caption = f"\n<figcaption>{words}</figcaption>" if (words := " ".join(notes)) else ""
    return f'<figure>\n<ul class="key">{marks}</ul>\n{chart.svg()}{caption}\n</figure>'
