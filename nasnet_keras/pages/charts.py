"""Charts as values, and their SVG text, which takes its colors from the page around it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from html import escape

from nasnet_keras.pages.axes import LEFT, RIGHT, TOP, WIDTH, Axis, Frame, axes

__all__ = ["CHART_STYLE", "SHAPES", "Band", "Chart", "Dots", "Line", "Rule"]

_HEIGHT = 420.0
_MANY_DOTS = 300  # dots of a layer with more are smaller

CHART_STYLE = """
.chart{display:block;width:100%;height:auto}
.chart text{font-size:13px;fill:var(--quiet)}
.chart .grid{stroke:var(--line);stroke-width:1}
.chart .axis{stroke:var(--quiet);stroke-width:1}
.chart .lane{fill:var(--bad-back)}
.chart .lane-over{fill:var(--over-back)}
.chart path{fill:none;stroke-width:2.2;stroke-linejoin:round}
.chart .band{stroke:none}
.chart .cross{stroke-width:1.8}
.chart .many{stroke-opacity:.35;fill-opacity:.35}
.chart circle.low.many{stroke:none}
.chart .beyond{fill:var(--over-back)}
.chart .rule{stroke-width:1.6;stroke-dasharray:2 3}
.chart .rule-text{fill:var(--over)}
@media (max-width:640px){.chart text{font-size:22px}.chart path{stroke-width:4}
.chart circle{r:5.5px}.chart .sideways{display:none}}
"""
SHAPES = {  # paths of marks around a middle
    "cross": "m-4 -4l8 8m0 -8l-8 8",
    "diamond": "m0 -6.5l6.5 6.5l-6.5 6.5l-6.5 -6.5z",
    "square": "m-4.6 -4.6h9.2v9.2h-9.2z",
    "triangle": "m-3.4 -4.4l8 4.4l-8 4.4z",
}


@dataclass(frozen=True)
class Dots:
    """Points `(x, y, text)`, each with the text of its tooltip.

    Attributes:
        style: the class of the style of the page.
        points: the points; one whose y is None lies in a lane below the chart, where a circle is a cross.
        shape: `circle` or one of `SHAPES`.
        lane: the title of the lane.
    """

    style: str
    points: Sequence[tuple[float, float | None, str]]
    shape: str = "circle"
    lane: str = "failed"


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
class Rule:
    """A vertical line at a value with a text at its top, and a shade on all beyond it."""

    style: str
    x: float
    text: str


@dataclass(frozen=True)
class Chart:
    """A chart with a title and a description for readers who cannot see it.

    Attributes:
        name: an identifier that is unique in its page: letters and underscores.
        title, description: plain text, which screen readers read out.
        axis: the horizontal axis.
        y_label: the label of the vertical axis.
        y_range: the lowest and the highest value; dots below `y_range` are triangles at its border.
        layers: layers from back to front.
        height: the height for a width of 880.
    """

    name: str
    title: str
    description: str
    axis: Axis
    y_label: str
    y_range: tuple[float, float]
    layers: Sequence[Dots | Line | Band | Rule] = field(default=())
    height: float = _HEIGHT

    def svg(self) -> str:
        """Render the chart as SVG text."""
        dots = [layer for layer in self.layers if isinstance(layer, Dots)]
        lanes = dict.fromkeys(layer.lane for layer in dots if any(y is None for _, y, _ in layer.points))
        frame = Frame(self.axis, self.y_range, self.height, tuple(lanes))
        parts = [*axes(frame, self.y_label)]
        for layer in self.layers:
            parts += _DRAW[type(layer)](frame, layer)
        return (
            f'<svg xmlns="http://www.w3.org/2000/svg" class="chart" viewBox="0 0 {WIDTH:g} {self.height:g}" role="img" '
            f'aria-labelledby="{self.name}_title {self.name}_description">\n'
            f'<title id="{self.name}_title">{escape(self.title)}</title>\n'
            f'<desc id="{self.name}_description">{escape(self.description)}</desc>\n' + "\n".join(parts) + "\n</svg>"
        )


def _dots(frame: Frame, layer: Dots) -> Iterable[str]:
    many = len(layer.points) > _MANY_DOTS
    radius, style = (2.6, f"{layer.style} many") if many else (3.6, layer.style)
    for value, height, text in layer.points:
        x = frame.x(value)
        said = f"<title>{escape(text)}</title>"
        if height is None:
            mark = SHAPES.get(layer.shape, SHAPES["cross"])
            yield f'<path class="cross {style}" d="M{x:.1f} {frame.lane(layer.lane):.1f}{mark}">{said}</path>'
        elif height < frame.y_range[0]:
            yield f'<path class="cross {style}" d="M{x - 5:.1f} {frame.floor - 9:.1f}h10l-5 8z">{said}</path>'
        elif layer.shape == "circle":
            yield f'<circle class="{style}" cx="{x:.1f}" cy="{frame.y(height):.1f}" r="{radius}">{said}</circle>'
        else:
            drawn = f"M{x:.1f} {frame.y(height):.1f}{SHAPES[layer.shape]}"
            yield f'<path class="{style}" d="{drawn}">{said}</path>'


def _line(frame: Frame, layer: Line) -> Iterable[str]:
    drawn = ""
    for value, height in layer.points:
        x, y = f"{frame.x(value):.1f}", f"{frame.y(height):.1f}"
        drawn += f"M{x} {y}" if not drawn else f"H{x}V{y}" if layer.step else f"L{x} {y}"
    if drawn:
        yield f'<path class="{layer.style}" d="{drawn}"/>'


def _band(frame: Frame, layer: Band) -> Iterable[str]:
    above = [f"{frame.x(value):.1f} {frame.y(high):.1f}" for value, _, high in layer.points]
    below = [f"{frame.x(value):.1f} {frame.y(low):.1f}" for value, low, _ in reversed(layer.points)]
    if above:
        yield f'<path class="band {layer.style}" d="M{"L".join(above + below)}Z"/>'


def _rule(frame: Frame, layer: Rule) -> Iterable[str]:
    x, right = frame.x(layer.x), WIDTH - RIGHT
    yield f'<rect class="beyond" x="{x:.1f}" y="{TOP:g}" width="{right - x:.1f}" height="{frame.bottom - TOP:g}"/>'
    yield f'<path class="rule {layer.style}" d="M{x:.1f} {TOP:g}V{frame.bottom:g}"/>'
    place, anchor = (x - 7, "end") if x > LEFT + 0.85 * (right - LEFT) else (x + 7, "start")
    yield f'<text class="rule-text" x="{place:.1f}" y="{TOP + 15:g}" text-anchor="{anchor}">{escape(layer.text)}</text>'


_DRAW = {Dots: _dots, Line: _line, Band: _band, Rule: _rule}
