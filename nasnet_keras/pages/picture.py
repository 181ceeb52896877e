"""A chart as a file: an SVG picture that stands alone, for papers, slides and notebooks."""

import re
from collections.abc import Iterable
from html import escape, unescape
from itertools import accumulate
from unicodedata import east_asian_width

from nasnet_keras.pages.axes import LEFT, RIGHT, WIDTH
from nasnet_keras.pages.charts import CHART_STYLE, Chart
from nasnet_keras.pages.legend import KEY_BOX
from nasnet_keras.pages.style import COLORS
from nasnet_keras.utils.xml_text import legal

__all__ = ["picture"]

_TITLE = 44.0  # height of the title
_ROW = 22.0  # height of a row of the key
_MARK, _GAP, _LETTER = 34.0, 22.0, 6.7  # widths in the key: a mark, the room after an entry, a letter
_TITLE_LETTERS, _KEY_LETTERS = 84, 108  # the most in a row
_FONT = 'font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif'


def _short(text: str, most: int) -> str:
    """A text of so many letters at most, of which wide ones count twice; of a longer one the middle is left out."""
    if sum(map(_width, text)) <= most:
        return text
    half = (most - 1) // 2
    return f"{_beginning(text, half)}…{_beginning(text[::-1], half)[::-1]}"


def _beginning(text: str, most: int) -> str:
    widths = accumulate(map(_width, text[:most]))
    return text[: sum(width <= most for width in widths)]


def _width(letter: str) -> int:
    return 2 if east_asian_width(letter) in "WF" else 1


def picture(chart: Chart, key: Iterable[tuple[str, str]], title: str, style: str = "") -> str:
    """Set a chart, its key and a title as SVG text that needs no other file.

    Args:
        chart: the chart.
        key: marks as SVG, as of `legend.line`, each with its meaning as HTML.
        title: plain text.
        style: rules of the marks.
    """
    entries, rows = _key([(mark, _short(legal(unescape(words)), _KEY_LETTERS)) for mark, words in key])
    top = _TITLE + _ROW * rows
    height = top + chart.height
    inner = chart.svg().replace("<svg ", f'<svg x="0" y="{top:g}" width="{WIDTH:g}" height="{chart.height:g}" ', 1)
    size = f'width="{WIDTH:g}" height="{height:g}" viewBox="0 0 {WIDTH:g} {height:g}"'
    return legal(
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n<style>{_style(style)}</style>\n'
        f'<rect width="100%" height="100%" fill="{COLORS["card"]}"/>\n'
        f'<text class="title" x="{LEFT:g}" y="28">{escape(_short(legal(title), _TITLE_LETTERS))}</text>\n'
        + "\n".join(entries)
        + f"\n{inner}\n</svg>\n"
    )


def _key(key: list[tuple[str, str]]) -> tuple[list[str], int]:
    """The entries of the key as SVG, and the number of their rows."""
    x, row, drawn = LEFT, 0, []
    wide, high = KEY_BOX
    for mark, words in key:
        width = _MARK + _LETTER * len(words)
        if x > LEFT and x + width > WIDTH - RIGHT:
            x, row = LEFT, row + 1
        y = _TITLE + _ROW * row
        box = f'x="{x:g}" y="{y:g}" width="{wide}" height="{high}" viewBox="0 0 {wide} {high}"'
        drawn.append(
            f'<svg class="key" {box}>{mark}</svg><text x="{x + _MARK:g}" y="{y + 11:g}">{escape(words)}</text>'
        )
        x += width + _GAP
    return drawn, row + 1 if key else 0


def _style(marks: str) -> str:
    """The style of charts without variables, which programs that draw SVG files may not know."""
    text = CHART_STYLE.partition("@media")[0] + marks
    text = text.replace(".chart{display:block;width:100%;height:auto}\n", "")
    text += f"text{{font-size:13px;fill:var(--quiet);{_FONT}}}\n.title{{font-size:17px;fill:var(--ink)}}\n"
    text += ".key path{fill:none;stroke-width:2.4}\n"
    return re.sub(r"var\(--([a-z-]+)\)", lambda found: COLORS[found[1]], text)
