"""A genotype as a picture: SVG text, for which no other program is needed."""

from dataclasses import dataclass
from html import escape
from pathlib import Path

from nasnet_keras.files import write_text
from nasnet_keras.genotype import CURRENT, PREVIOUS, Cell, Genotype, block_state

__all__ = ["genotype_svg", "plot_genotype"]

_BOX_WIDTH, _ROW_HEIGHT, _HEADER = 172, 24, 24
_COLUMN_GAP, _ROW_GAP, _MARGIN, _TITLE = 76, 26, 16, 34
_COLORS = {"identity": "#eceff1", "pool": "#e3f2fd", "sep": "#fff3e0", "dil": "#f3e5f5", "conv": "#e8f5e9"}
_STYLE = (
    "text{font-family:Helvetica,Arial,sans-serif;font-size:12px;fill:#212121}"
    ".title{font-size:16px;font-weight:bold}.state{font-weight:bold}"
    ".edge{fill:none;stroke:#607d8b;stroke-width:1.4}.output{stroke-dasharray:5 3}"
)


@dataclass(frozen=True)
class _Box:
    """A drawn state: where it stands, its heading and one row for each of its operations."""

    x: float
    y: float
    title: str
    rows: tuple[str, ...]

    @property
    def height(self) -> float:
        return _HEADER + _ROW_HEIGHT * len(self.rows)

    @property
    def exit(self) -> tuple[float, float]:
        return self.x + _BOX_WIDTH, self.y + self.height / 2

    def entry(self, row: int) -> tuple[float, float]:
        return self.x, self.y + _HEADER + _ROW_HEIGHT * (row + 0.5)


def plot_genotype(genotype: Genotype | str | Path, path: str | Path) -> Path:
    """Draw the normal and the reduction cell of a genotype as an SVG file, which every browser shows.

    Args:
        genotype: a `Genotype`, a catalogue name, a JSON text or a path.
        path: ends in `.svg`.

    Returns:
        The path.

    Raises:
        GenotypeError: the genotype is not legal.
        ValueError: the path does not end in `.svg`.

    Example:
        >>> plot_genotype("nasnet_a", pathlib.Path(tempfile.mkdtemp()) / "nasnet_a.svg").name
        'nasnet_a.svg'
    """
    from nasnet_keras.network import resolve_genotype

    path = Path(path)
    if path.suffix != ".svg":
        raise ValueError(f"the picture is an SVG file: expected a path that ends in .svg, got {str(path)!r}")
    write_text(path, genotype_svg(resolve_genotype(genotype)))
    return path


def genotype_svg(genotype: Genotype) -> str:
    """The picture as SVG text; the same genotype gives the same text."""
    cells = {"Normal cell": genotype.normal, "Reduction cell": genotype.reduction}
    if genotype.normal == genotype.reduction:
        cells = {"Normal and reduction cell": genotype.normal}
    parts, top, width = [], 0.0, 0.0
    for title, cell in cells.items():
        boxes = _layout(cell, top + _MARGIN + _TITLE)
        parts.append(f'<text class="title" x="{_MARGIN}" y="{top + _MARGIN + 14:g}">{escape(title)}</text>')
        parts += _draw(cell, boxes)
        top = max(box.y + box.height for box in boxes.values()) + _MARGIN
        width = max(width, *(box.x + _BOX_WIDTH + _MARGIN for box in boxes.values()))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width:g}" height="{top + _MARGIN:g}" '
        f'viewBox="0 0 {width:g} {top + _MARGIN:g}">\n<style>{_STYLE}</style>\n'
        f'<rect width="100%" height="100%" fill="white"/>\n' + "\n".join(parts) + "\n</svg>\n"
    )


def _layout(cell: Cell, top: float) -> dict[str, _Box]:
    """Boxes in columns: a block stands right of all that it reads, the output right of everything."""
    column = {CURRENT: 0, PREVIOUS: 0}
    for index, block in enumerate(cell.blocks):
        column[block_state(index)] = 1 + max(column[edge.input] for edge in block.edges)
    shown = [state for state in cell.states if state in cell.live_states]
    last = 1 + max(column[state] for state in shown)
    rows: dict[str, tuple[str, ...]] = {CURRENT: (), PREVIOUS: ()}
    titles = {CURRENT: CURRENT, PREVIOUS: PREVIOUS}
    for index, block in enumerate(cell.blocks):
        rows[block_state(index)] = tuple(edge.operation for edge in block.edges)
        titles[block_state(index)] = f"{block_state(index)}: {block.combine}"
    columns = [[state for state in shown if column[state] == number] for number in range(last)]

    def height(states: list[str]) -> float:
        return sum(_HEADER + _ROW_HEIGHT * len(rows[state]) + _ROW_GAP for state in states) - _ROW_GAP

    tallest = max(height(states) for states in columns)
    boxes = {}
    for number, states in enumerate(columns):
        y = top + (tallest - height(states)) / 2
        for state in states:
            boxes[state] = _Box(_MARGIN + number * (_BOX_WIDTH + _COLUMN_GAP), y, titles[state], rows[state])
            y += boxes[state].height + _ROW_GAP
    x = _MARGIN + last * (_BOX_WIDTH + _COLUMN_GAP)
    boxes["output"] = _Box(x, top + (tallest - _HEADER) / 2, "output: concat", ())
    return boxes


def _draw(cell: Cell, boxes: dict[str, _Box]) -> list[str]:
    parts = []
    for index, block in enumerate(cell.blocks):
        if block_state(index) in boxes:
            for row, edge in enumerate(block.edges):
                parts.append(_curve(boxes[edge.input].exit, boxes[block_state(index)].entry(row), "edge"))
    target = boxes["output"]
    for state in cell.outputs:
        parts.append(_curve(boxes[state].exit, (target.x, target.y + target.height / 2), "edge output"))
    for box in boxes.values():
        parts.append(
            f'<rect x="{box.x:g}" y="{box.y:g}" width="{_BOX_WIDTH}" height="{box.height:g}" rx="5" fill="#cfd8dc" '
            f'stroke="#455a64"/>'
        )
        middle = box.x + _BOX_WIDTH / 2
        parts.append(f'<text class="state" x="{middle:g}" y="{box.y + 16:g}" text-anchor="middle">{box.title}</text>')
        for row, operation in enumerate(box.rows):
            y = box.y + _HEADER + row * _ROW_HEIGHT
            parts.append(
                f'<rect x="{box.x + 4:g}" y="{y:g}" width="{_BOX_WIDTH - 8}" height="{_ROW_HEIGHT - 4}" rx="3" '
                f'fill="{_color(operation)}"/>'
                f'<text x="{middle:g}" y="{y + 14:g}" text-anchor="middle">{operation}</text>'
            )
    return parts


def _curve(start: tuple[float, float], end: tuple[float, float], style: str) -> str:
    """An arrow that leaves to the right and arrives from the left."""
    (x0, y0), (x1, y1) = start, end
    bend = min((x1 - x0) / 2, _COLUMN_GAP)
    tip = f"M{x1 - 7:g},{y1 - 4:g}L{x1:g},{y1:g}L{x1 - 7:g},{y1 + 4:g}"
    return (
        f'<path class="{style}" d="M{x0:g},{y0:g}C{x0 + bend:g},{y0:g} {x1 - bend:g},{y1:g} {x1:g},{y1:g}"/>'
        f'<path class="edge" d="{tip}"/>'
    )


def _color(operation: str) -> str:
    return next((color for part, color in _COLORS.items() if part in operation), _COLORS["identity"])
