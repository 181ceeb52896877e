"""Charts of a study as files: SVG pictures that stand alone, for papers, slides and notebooks."""

import re
from collections.abc import Iterable
from html import escape, unescape
from pathlib import Path

from nasnet_keras.pages.style import COLORS
from nasnet_keras.search.report import front, rewards
from nasnet_keras.search.report.axes import LEFT, RIGHT, WIDTH
from nasnet_keras.search.report.charts import CHART_STYLE, Chart
from nasnet_keras.search.report.facts import Facts, gather
from nasnet_keras.search.report.legend import MARKS
from nasnet_keras.search.report.style import MARK_STYLE
from nasnet_keras.search.study.folder import Study
from nasnet_keras.search.study.pareto import cost_of
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.files import write_text
from nasnet_keras.utils.near import suggestion

__all__ = ["picture", "plot_optimization_history", "plot_pareto_front"]

_TITLE = 44.0  # height of the title
_ROW = 22.0  # height of a row of the key
_MARK, _GAP, _LETTER = 34.0, 22.0, 6.7  # widths in the key: a mark, the room after an entry, a letter
_FONT = 'font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Helvetica Neue",Arial,sans-serif'


def plot_optimization_history(study: Study, path: str | Path) -> Path:
    """Draw the rewards of a study over its trials, with the best so far and what chance would find, as an SVG file.

    Args:
        study: a study at any moment.
        path: the file to write, which ends in `.svg`.

    Returns:
        The path of the file.

    Raises:
        ValueError: the path does not end in `.svg`, or no trial has a reward yet.
        OSError: the file cannot be written.

    Example:
        plot_optimization_history(load_study("study"), "history.svg")
    """
    path, facts = _checked(path), _gathered(study)
    write_text(path, picture(*rewards.chart(facts), f"{facts.study.path.name}: reward over trials"))
    return path


def plot_pareto_front(study: Study, path: str | Path, cost: str | None = None) -> Path:
    """Draw the rewards of a study against a cost, with the front, the limit and random children, as an SVG file.

    Args:
        study: a study at any moment.
        path: the file to write, which ends in `.svg`.
        cost: the name of a cost, one of `study.cost_names`; by default the first of `study.front_costs`.

    Returns:
        The path of the file.

    Raises:
        ValueError: the path does not end in `.svg`, no trial has a reward yet, or none has such a cost.
        OSError: the file cannot be written.

    Example:
        study = load_study("study")
        for cost in study.cost_names:
            plot_pareto_front(study, f"{cost}.svg", cost)
    """
    path, facts = _checked(path), _gathered(study)
    cost = study.front_costs[0] if cost is None else cost
    if not any(cost_of(trial, cost) is not None for trial in facts.derived or facts.successful):
        raise ValueError(f"no trial with a reward has the cost {quoted(cost)}: {suggestion(cost, study.cost_names)}")
    write_text(path, picture(*front.chart(facts, cost), f"{facts.study.path.name}: reward against {cost}"))
    return path


def picture(chart: Chart, key: Iterable[tuple[str, str]], title: str) -> str:
    """Set a chart, its key and a title as SVG text that needs no other file.

    Args:
        chart: the chart.
        key: names of marks, each with its meaning as HTML, as of `legend.drawn`.
        title: plain text.
    """
    entries, rows = _key([(name, unescape(words)) for name, words in key])
    top = _TITLE + _ROW * rows
    height = top + chart.height
    inner = chart.svg().replace("<svg ", f'<svg x="0" y="{top:g}" width="{WIDTH:g}" height="{chart.height:g}" ', 1)
    size = f'width="{WIDTH:g}" height="{height:g}" viewBox="0 0 {WIDTH:g} {height:g}"'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" {size}>\n<style>{_style()}</style>\n'
        f'<rect width="100%" height="100%" fill="{COLORS["card"]}"/>\n'
        f'<text class="title" x="{LEFT:g}" y="28">{escape(title)}</text>\n'
        + "\n".join(entries)
        + f"\n{inner}\n</svg>\n"
    )


def _key(key: list[tuple[str, str]]) -> tuple[list[str], int]:
    """The entries of the key as SVG, and the number of their rows."""
    x, row, drawn = LEFT, 0, []
    for name, words in key:
        width = _MARK + _LETTER * len(words)
        if x > LEFT and x + width > WIDTH - RIGHT:
            x, row = LEFT, row + 1
        y = _TITLE + _ROW * row
        drawn.append(
            f'<svg class="key" x="{x:g}" y="{y:g}" width="26" height="12" viewBox="0 0 26 12">{MARKS[name]}</svg>'
            f'<text x="{x + _MARK:g}" y="{y + 11:g}">{escape(words)}</text>'
        )
        x += width + _GAP
    return drawn, row + 1 if key else 0


def _style() -> str:
    """The style of charts without variables, which programs that draw SVG files may not know."""
    text = CHART_STYLE.partition("@media")[0] + MARK_STYLE
    text = text.replace(".chart{display:block;width:100%;height:auto}\n", "")
    text += f"text{{font-size:13px;fill:var(--quiet);{_FONT}}}\n.title{{font-size:17px;fill:var(--ink)}}\n"
    text += ".key path{fill:none;stroke-width:2.4}\n"
    return re.sub(r"var\(--([a-z-]+)\)", lambda found: COLORS[found[1]], text)


def _checked(path: str | Path) -> Path:
    path = Path(path)
    if path.suffix != ".svg":
        raise ValueError(f"the picture is an SVG file: expected a path that ends in .svg, got {quoted(str(path))}")
    return path


def _gathered(study: Study) -> Facts:
    facts = gather(study)
    if not (facts.derived or facts.successful):
        raise ValueError(f"no trial of {study.path} has a reward yet, so that there is nothing to draw")
    return facts
