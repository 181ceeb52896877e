"""The frame of a chart: from values to places in the picture, and the axes around it, as SVG text."""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np

__all__ = ["LANE", "LEFT", "RIGHT", "TOP", "WIDTH", "Axis", "Frame", "axes", "log_ticks", "thinned", "ticks"]

WIDTH = 880.0
LEFT, RIGHT, TOP, _BOTTOM = 78.0, 14.0, 14.0, 62.0
LANE = 26.0  # height of a lane for points without a value
_DIGIT = 6.5  # half a letter on a narrow screen


def _count(value: float) -> str:
    return f"{value:,.0f}"


@dataclass(frozen=True)
class Axis:
    """The horizontal axis.

    Attributes:
        label: plain text.
        low, high: the lowest and the highest value.
        log: whether equal factors are equally far apart; the values are then positive.
        write: writes a value of a mark; by default as a whole number, and then all marks are whole.
    """

    label: str
    low: float
    high: float
    log: bool = False
    write: Callable[[float], str] = _count

    def share(self, value: float) -> float:
        """The place of a value, from 0 to 1."""
        if self.log:
            return _share(math.log(max(value, self.low)), (math.log(self.low), math.log(self.high)))
        return _share(value, (self.low, self.high))

    def marks(self) -> list[float]:
        """The values of the marks."""
        return log_ticks(self.low, self.high) if self.log else ticks(self.low, self.high, whole=self.write is _count)


@dataclass(frozen=True)
class Frame:
    """The mapping from values to places in the picture.

    Attributes:
        axis: the horizontal axis.
        y_range: the lowest and the highest value of the vertical axis.
        height: the height of the picture.
        lanes: the titles of the lanes below the vertical axis, from above.
    """

    axis: Axis
    y_range: tuple[float, float]
    height: float
    lanes: Sequence[str] = ()

    @property
    def bottom(self) -> float:
        """The y of the horizontal axis."""
        return self.height - _BOTTOM

    @property
    def floor(self) -> float:
        """The y of the lowest value."""
        return self.bottom - LANE * len(self.lanes)

    def x(self, value: float) -> float:
        """The x of a value."""
        return LEFT + (WIDTH - LEFT - RIGHT) * min(1.0, max(0.0, self.axis.share(value)))

    def y(self, value: float) -> float:
        """The y of a value, at the border if it is outside."""
        return self.floor - (self.floor - TOP) * min(1.0, max(0.0, _share(value, self.y_range)))

    def lane(self, title: str) -> float:
        """The y of the middle of a lane."""
        return self.floor + LANE * (self.lanes.index(title) + 0.5)


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


def log_ticks(low: float, high: float, most: int = 8) -> list[float]:
    """List round values from `low` to `high`, both positive, for the marks of an axis of equal factors.

    Example:
        >>> log_ticks(0.4, 30.0)
        [0.5, 1.0, 2.0, 5.0, 10.0, 20.0]
    """
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for factors in ((1, 2, 3, 5, 7), (1, 2, 5), (1, 3), (1,)):
        found = [float(f"{factor}e{decade}") for decade in decades for factor in factors]
        found = [value for value in found if low * (1 - 1e-9) <= value <= high * (1 + 1e-9)]
        if len(found) <= most:
            break
    found = found[:: max(1, math.ceil(len(found) / most))]
    return found if len(found) > 1 else ticks(low, high)


def thinned(total: int, limit: int) -> np.ndarray:
    """Choose at most `limit` of the indices 0 to `total - 1`, evenly, with the first and the last."""
    if total <= limit:
        return np.arange(total)
    return np.unique(np.linspace(0, total - 1, limit).round().astype(int))


def axes(frame: Frame, y_label: str) -> Iterable[str]:
    """Draw both axes, the grid and the lanes."""
    right, bottom, axis = WIDTH - RIGHT, frame.bottom, frame.axis
    for title in frame.lanes:
        y, style = frame.lane(title), f"lane lane-{title.partition(' ')[0]}"
        place = f'x="{LEFT:g}" y="{y - LANE / 2:g}" width="{right - LEFT:g}" height="{LANE:g}"'
        yield f'<rect class="{style}" {place}/>'
        yield f'<text x="{LEFT - 8:g}" y="{y + 5:g}" text-anchor="end">{_lane_title(title)}</text>'
    yield from _heights(frame, right)
    yield f'<line class="axis" x1="{LEFT:g}" x2="{right:g}" y1="{bottom:g}" y2="{bottom:g}"/>'
    for value in axis.marks():
        x, label = frame.x(value), axis.write(value)
        yield f'<line class="axis" x1="{x:.1f}" x2="{x:.1f}" y1="{bottom:g}" y2="{bottom + 5:g}"/>'
        anchor = "middle" if x + _DIGIT * len(label) < WIDTH else "end"
        yield f'<text x="{x:.1f}" y="{bottom + 25:g}" text-anchor="{anchor}">{escape(label)}</text>'
    yield (
        f'<text x="{(LEFT + right) / 2:g}" y="{frame.height - 9:g}" text-anchor="middle">{escape(axis.label)}</text>'
    )
    place = f"translate(18 {(TOP + frame.floor) / 2:g}) rotate(-90)"
    yield f'<text class="sideways" transform="{place}" text-anchor="middle">{escape(y_label)}</text>'


def _lane_title(title: str) -> str:
    """The title of a lane; on a narrow screen its first word."""
    first, _, rest = title.partition(" ")
    return f'{escape(first)}<tspan class="sideways"> {escape(rest)}</tspan>' if rest else escape(first)


def _heights(frame: Frame, right: float) -> Iterable[str]:
    """The grid's lines and the numbers beside them."""
    heights = ticks(*frame.y_range, most=7 if frame.height > 300 else 5)
    step = heights[1] - heights[0] if len(heights) > 1 else 0.0
    digits = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0.0 else 4
    for value in heights:
        y = frame.y(value)
        yield f'<line class="grid" x1="{LEFT:g}" x2="{right:g}" y1="{y:.1f}" y2="{y:.1f}"/>'
        yield f'<text x="{LEFT - 8:g}" y="{y + 4.5:.1f}" text-anchor="end">{value:.{digits}f}</text>'


def _share(value: float, bounds: tuple[float, float]) -> float:
    low, high = bounds
    return (value - low) / (high - low) if high > low else 0.5
