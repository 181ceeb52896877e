"""Charts as values, and their SVG text, which takes its colors from the page around it."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

__all__ = ["CHART_STYLE", "Band", "Chart", "Dots", "Line", "ticks"]

_WIDTH, _HEIGHT = 880.0, 420.0
_LEFT, _RIGHT, _TOP, _BOTTOM = 78.0, 14.0, 14.0, 62.0
_LANE = 26.0  # height of the lane for points without a value
_MANY_DOTS = 300  # dots of a layer with more are smaller

CHART_STYLE = """
.chart{display:block;width:100%;height:auto}
.chart text{font-size:13px;fill:var(--quiet)}
.chart .grid{stroke:var(--line);stroke-width:1}
.chart .axis{stroke:var(--quiet);stroke-width:1}
.chart .lane{fill:var(--bad-back)}
.chart path{fill:none;stroke-width:2.2;stroke-linejoin:round}
.chart .band{stroke:none}
.chart .cross{stroke-width:1.8}
@media (max-width:640px){.chart text{font-size:22px}.chart path{stroke-width:4}
.chart circle{r:5.5px}.chart .sideways{display:none}}
"""


@dataclass(frozen=True)
class Dots:
    """Points `(x, y, text)`, each with the text of its tooltip; a y of None puts a cross in a lane below the chart."""

    style: str
    points: Sequence[tuple[float, float | None, str]]


@dataclass(frozen=True)
class Line:
    """A line through points `(x, y)`; a step line keeps its height until the next point."""

    style: str
    points: Sequence[tuple[float, float]]
    step: bool = False


@dataclass(frozen=True)
class Band:
    """The area between two heights, as points `(x, low, high)`."""

    style: str
    points: Sequence[tuple[float, float, float]]


@dataclass(frozen=True)
class Chart:
    """A chart with a title and a description for readers who cannot see it.

    Attributes:
        name: an identifier that is unique in its page: letters and underscores.
        title, description: plain text, which screen readers read out.
        x_label, y_label: labels of the axes.
        x_range, y_range: the lowest and the highest value; dots below `y_range` are triangles at its border.
        layers: layers from back to front.
    """

    name: str
    title: str
    description: str
    x_label: str
    y_label: str
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    layers: Sequence[Dots | Line | Band] = field(default=())

    def svg(self) -> str:
        """Render the chart as SVG text."""
        lane = any(y is None for layer in self.layers if isinstance(layer, Dots) for _, y, _ in layer.points)
        frame = _Frame(self.x_range, self.y_range, _HEIGHT - _BOTTOM - (_LANE if lane else 0.0))
        parts = [*_axes(frame, self.x_label, self.y_label, lane)]
        for layer in self.layers:
            parts += _DRAW[type(layer)](frame, layer)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {_WIDTH:g} {_HEIGHT:g}" role="img" '
            f'aria-labelledby="{self.name}_title {self.name}_description">\n'
            f'<title id="{self.name}_title">{escape(self.title)}</title>\n'
            f'<desc id="{self.name}_description">{escape(self.description)}</desc>\n' + "\n".join(parts) + "\n</svg>"
        )


@dataclass(frozen=True)
class _Frame:
    """The mapping from values to places in the picture; `floor` is the y of the lowest value."""

    x_range: tuple[float, float]
    y_range: tuple[float, float]
    floor: float

    def x(self, value: float) -> float:
        return _LEFT + (_WIDTH - _LEFT - _RIGHT) * _share(value, self.x_range)

    def y(self, value: float) -> float:
        return self.floor - (self.floor - _TOP) * min(1.0, max(0.0, _share(value, self.y_range)))


def ticks(low: float, high: float, most: int = 7, whole: bool = False) -> list[float]:
    """List round values from `low` to `high` for the marks of an axis.

    Args:
        low, high: the ends of the axis, in its own unit.
        most: the most values.
        whole: whether the values are integers.

    Example:
        >>> ticks(0.0, 1.0)
        [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    """
    rough = (high - low) / max(1, most - 1)
    if not rough > 0.0:
        return [low]
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough * (1 - 1e-9))
    if whole:
        step = max(1.0, step)
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [round(index * step, 12) for index in range(first, last + 1)]


def _share(value: float, bounds: tuple[float, float]) -> float:
    low, high = bounds
    return (value - low) / (high - low) if high > low else 0.5


def _axes(frame: _Frame, x_label: str, y_label: str, lane: bool) -> Iterable[str]:
    right, bottom = _WIDTH - _RIGHT, _HEIGHT - _BOTTOM
    if lane:
        yield f'<rect class="lane" x="{_LEFT:g}" y="{frame.floor:g}" width="{right - _LEFT:g}" height="{_LANE:g}"/>'
        yield f'<text x="{_LEFT - 8:g}" y="{frame.floor + 18:g}" text-anchor="end">failed</text>'
    yield from _heights(frame, right)
    yield f'<line class="axis" x1="{_LEFT:g}" x2="{right:g}" y1="{bottom:g}" y2="{bottom:g}"/>'
    for value in ticks(*frame.x_range, whole=True):
        x = frame.x(value)
        yield f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{bottom:g}" y2="{bottom + 5:g}"/>'
        label = f"{value:,.0f}"
        anchor = "middle" if x + 6.5 * len(label) < _WIDTH else "end"  # 6.5 is half a letter on a narrow screen
        yield f'<text x="{x:.1f}" y="{bottom + 25:g}" text-anchor="{anchor}">{label}</text>'
    yield f'<text x="{(_LEFT + right) / 2:g}" y="{_HEIGHT - 9:g}" text-anchor="middle">{escape(x_label)}</text>'
    place = f"translate(18 {(_TOP + frame.floor) / 2:g}) rotate(-90)"
    yield f'<text class="sideways" transform="{place}" text-anchor="middle">{escape(y_label)}</text>'


def _heights(frame: _Frame, right: float) -> Iterable[str]:
    """The grid's lines and the numbers beside them."""
    heights = ticks(*frame.y_range)
    step = heights[1] - heights[0] if len(heights) > 1 else 0.0
    digits = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0.0 else 4
    for value in heights:
        y = frame.y(value)
        yield f'<line class="grid" x1="{_LEFT:g}" x2="{right:g}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{_LEFT - 8:g}" y="{y + 4.5:.1f}" text-anchor="end">{value:.{digits}f}</text>'


def _dots(frame: _Frame, layer: Dots) -> Iterable[str]:
    radius = 3.6 if len(layer.points) <= _MANY_DOTS else 2.4
    for value, height, text in layer.points:
        x = frame.x(value)
        said = f"<title>{escape(text)}</title>"
        if height is None:
            y = frame.floor + _LANE / 2
            drawn = f"M{x - 4:.1f} {y - 4:.1f}l8 8m0 -8l-8 8"
            yield f'<path class="cross {layer.style}" d="{drawn}">{said}</path>'
        elif height < frame.y_range[0]:
            yield f'<path class="cross {layer.style}" d="M{x - 5:.1f} {frame.floor - 9:.1f}h10l-5 8z">{said}</path>'
        else:
            yield f'<circle class="{layer.style}" cx="{x:.1f}" cy="{frame.y(height):.1f}" r="{radius}">{said}</circle>'


def _line(frame: _Frame, layer: Line) -> Iterable[str]:
    drawn = ""
    for value, height in layer.points:
        x, y = f"{frame.x(value):.1f}", f"{frame.y(height):.1f}"
        drawn += f"M{x} {y}" if not drawn else f"H{x}V{y}" if layer.step else f"L{x} {y}"
    if drawn:
        yield f'<path class="{layer.style}" d="{drawn}"/>'


def _band(frame: _Frame, layer: Band) -> Iterable[str]:
    above = [f"{frame.x(value):.1f} {frame.y(high):.1f}" for value, _, high in layer.points]
    below = [f"{frame.x(value):.1f} {frame.y(low):.1f}" for value, low, _ in reversed(layer.points)]
    if above:
        yield f'<path class="band {layer.style}" d="M{"L".join(above + below)}Z"/>'


_DRAW = {Dots: _dots, Line: _line, Band: _band}
