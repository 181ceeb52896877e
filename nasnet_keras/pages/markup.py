"""HTML text: escaping, numbers, tables, sections and the whole page."""

import math
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any

from nasnet_keras.pages.style import STYLE
from nasnet_keras.utils.xml_text import legal

__all__ = ["code", "duration", "figure", "integer", "number", "page", "percent", "section", "short", "table", "text"]

_LONG = 300
_LARGEST = 1e18  # no measurement is larger; a long integer of a file may even have no float


def text(value: Any) -> str:
    """Escape any value as plain text of the page; a text of more than 300 letters is cut."""
    shown = str(value)
    return escape(shown if len(shown) <= _LONG else shown[: _LONG - 1] + "…")


def code(value: Any) -> str:
    """Set a value in the type of names."""
    return f"<code>{text(value)}</code>"


def number(value: Any) -> float | None:
    """Return a finite number as it is, and None for any other value of a file."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    return value if abs(value) < _LARGEST and math.isfinite(value) else None


def figure(value: Any) -> str:
    """Write a reward: a share with four decimals, a percentage with two."""
    value = number(value)
    if value is None:
        return "–"
    return f"{value:.4f}" if abs(value) < 2.0 else f"{value:,.2f}"


def percent(value: Any) -> str:
    """Write a percentage with two decimals."""
    value = number(value)
    return "–" if value is None else f"{value:.2f}&nbsp;%"


def integer(value: Any) -> str:
    """Write a count with separators."""
    value = number(value)
    return "–" if value is None else f"{value:,.0f}"


def short(value: Any) -> str:
    """Write a large count with a unit: `4.27 M`."""
    value = number(value)
    if value is None:
        return "–"
    for size, unit in ((1e9, " G"), (1e6, " M"), (1e3, " k")):
        if value >= size:
            return f"{value / size:.3g}{unit}"
    return f"{value:,.0f}"


def duration(seconds: Any) -> str:
    """Write seconds as a person says them; the text never breaks over two lines.

    Example:
        >>> duration(7260).replace("&nbsp;", " "), duration(4.25).replace("&nbsp;", " ")
        ('2 h 1 min', '4.2 s')
    """
    seconds = number(seconds)
    if seconds is None:
        return "–"
    if seconds < 60:
        return f"{seconds:.1f}&nbsp;s"
    if seconds < 3600:
        minutes, rest = divmod(round(seconds), 60)
        return f"{minutes}&nbsp;min&nbsp;{rest}&nbsp;s"
    hours, minutes = divmod(round(seconds / 60), 60)
    return f"{hours:,}&nbsp;h&nbsp;{minutes}&nbsp;min"


def table(
    caption: str,
    headers: Sequence[str],
    rows: Iterable[Sequence[str]],
    numeric: Iterable[int] = (),
    marked: Any = (),
    kind: str = "",
) -> str:
    """Set a table of HTML cells; the first cell of a row is its heading.

    Args:
        caption, headers: plain text.
        rows: cells as HTML.
        numeric: the indices of columns that are flush right.
        marked: the indices of rows that stand out.
        kind: `"even"` for columns of equal width.
    """
    right = set(numeric)

    def attributes(column: int) -> str:
        return ' class="number"' if column in right else ""

    head = "".join(f'<th scope="col"{attributes(i)}>{text(header)}</th>' for i, header in enumerate(headers))
    body = []
    for index, row in enumerate(rows):
        cells = [f'<th scope="row"{attributes(0)}>{row[0]}</th>']
        cells += [f"<td{attributes(i)}>{cell}</td>" for i, cell in enumerate(row[1:], start=1)]
        opened = '<tr class="marked">' if index in marked else "<tr>"
        body.append(f"{opened}{''.join(cells)}</tr>")
    return (
        f'<div class="{f"scroll {kind}".strip()}" tabindex="0" role="region" aria-label="{text(caption)}"><table>'
        f"<caption>{text(caption)}</caption>\n<thead><tr>{head}</tr></thead>\n<tbody>\n"
        + "\n".join(body)
        + "\n</tbody></table></div>"
    )


def section(name: str, title: str, *parts: str) -> str:
    """Set a section of HTML parts under a heading; the section is empty if all parts are."""
    body = "\n".join(part for part in parts if part)
    if not body:
        return ""
    return f'<section aria-labelledby="{name}">\n<h2 id="{name}">{text(title)}</h2>\n{body}\n</section>'


def page(title: str, body: str, style: str = "") -> str:
    """Set a whole page, which loads no file and runs no script.

    The name of a file that is not valid Unicode is shown by its bytes, and a control character by its number.

    Args:
        title: as plain text.
        body: as HTML.
        style: rules of what only this page has.
    """
    return legal(
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8"/>\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1"/>\n'
        '<meta name="color-scheme" content="light dark"/>\n'
        '<meta http-equiv="Content-Security-Policy" content="default-src \'none\'; img-src data:; '
        "style-src 'unsafe-inline'\"/>\n"
        f"<title>{text(title)}</title>\n<style>{STYLE}{style}</style>\n</head>\n"
        f"<body>\n<main>\n{body}\n</main>\n</body>\n</html>\n"
    )
