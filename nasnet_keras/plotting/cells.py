"""A genotype as a picture: SVG text, for which no other program is needed."""

from dataclasses import dataclass
from html import escape
from pathlib import Path

from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.genotypes.cells import CURRENT, PREVIOUS, Cell, Genotype, block_state
from nasnet_keras.genotypes.reading import resolve_genotype
from nasnet_keras.plotting.layers import column_svg
from nasnet_keras.plotting.svg import BOX_WIDTH, HEADER, MARGIN, ROW_HEIGHT, Box, document
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.files import write_text

__all__ = ["genotype_svg", "plot_genotype"]

_COLUMN_GAP, _ROW_GAP, _TITLE = 76, 26, 34


@dataclass(frozen=True)
class _Layout:
    """The boxes by state (and `output`), and the heights of the lanes by state and column."""

    boxes: dict[str, Box]
    lanes: dict[tuple[str, int], float]


def plot_genotype(genotype: BaseGenotype | str | Path, path: str | Path) -> Path:
    """Draw the cells of a genotype, or its layers, as an SVG file, which every browser shows.

    Args:
        genotype: a genotype of any kind, a catalogue name, a JSON text or a path.
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
    path = Path(path)
    if path.suffix != ".svg":
        raise ValueError(f"the picture is an SVG file: expected a path that ends in .svg, got {quoted(str(path))}")
    write_text(path, genotype_svg(resolve_genotype(genotype)))
    return path


def genotype_svg(genotype: BaseGenotype) -> str:
    """The picture as SVG text; the same genotype gives the same text."""
    return _cells_svg(genotype) if isinstance(genotype, Genotype) else column_svg(genotype.rows())


def _cells_svg(genotype: Genotype) -> str:
    cells = {"Normal cell": genotype.normal, "Reduction cell": genotype.reduction}
    if genotype.normal == genotype.reduction:
        cells = {"Normal and reduction cell": genotype.normal}
    parts, top, width = [], 0.0, 0.0
    for title, cell in cells.items():
        layout = _layout(cell, top + MARGIN + _TITLE)
        boxes = layout.boxes
        parts.append(f'<text class="title" x="{MARGIN}" y="{top + MARGIN + 14:g}">{escape(title)}</text>')
        parts += _draw(cell, layout)
        top = max(box.y + box.height for box in boxes.values()) + MARGIN
        width = max(width, *(box.x + BOX_WIDTH + MARGIN for box in boxes.values()))
    return document(width, top + MARGIN, parts)


def _layout(cell: Cell, top: float) -> _Layout:
    """Boxes in columns: a block stands right of all that it reads, the output right of everything.

    What reads a state from further off than the next column is led there through lanes between the boxes.
    """
    column = {CURRENT: 0, PREVIOUS: 0}
    for index, block in enumerate(cell.blocks):
        column[block_state(index)] = 1 + max(column[edge.input] for edge in block.edges)
    shown = [state for state in cell.states if state in cell.live_states]
    last = 1 + max(column[state] for state in shown)
    rows = {block_state(index): tuple(edge.operation for edge in b.edges) for index, b in enumerate(cell.blocks)}
    titles = {block_state(index): f"{block_state(index)}: {b.combine}" for index, b in enumerate(cell.blocks)}
    reads = {state: [e.input for e in cell.blocks[i].edges] for i, state in enumerate(cell.states[2:])}
    farthest = dict.fromkeys(shown, 0)
    for state in shown:
        for source in reads.get(state, ()):
            farthest[source] = max(farthest[source], column[state])
    farthest |= dict.fromkeys(cell.outputs, last)

    boxes: dict[str, Box] = {}
    lanes: dict[tuple[str, int], float] = {}
    placed: list[list[tuple[float, str, float]]] = []  # per column: middle, state, height

    def order(state: str, number: int) -> float:
        """Mean height of what it reads, so that few lines cross."""
        sources = reads.get(state, ()) if column[state] == number else (state,)
        heights = {name: middle for items in placed for middle, name, _ in items}
        return sum(heights[source] for source in sources) / len(sources) if sources else 0.0

    for number in range(last):
        items = [state for state in shown if column[state] == number or column[state] < number < farthest[state]]
        items.sort(key=lambda state: order(state, number))
        y, entries = 0.0, []
        for state in items:
            boxed = column[state] == number
            height = HEADER + ROW_HEIGHT * len(rows.get(state, ())) if boxed else 0.0
            entries.append((y + height / 2, state, height))
            y += height + _ROW_GAP
        shift = (y - _ROW_GAP) / 2
        placed.append([(middle - shift, state, height) for middle, state, height in entries])
    tallest = max(2 * max(abs(middle) + height / 2 for middle, _, height in items) for items in placed)
    for number, items in enumerate(placed):
        x = MARGIN + number * (BOX_WIDTH + _COLUMN_GAP)
        for middle, state, height in items:
            center = top + tallest / 2 + middle
            if column[state] == number:
                boxes[state] = Box(x, center - height / 2, titles.get(state, state), rows.get(state, ()))
            else:
                lanes[state, number] = center
    x = MARGIN + last * (BOX_WIDTH + _COLUMN_GAP)
    boxes["output"] = Box(x, top + (tallest - HEADER) / 2, "output: concat", ())
    return _Layout(boxes, lanes)


def _draw(cell: Cell, layout: _Layout) -> list[str]:
    boxes = layout.boxes
    parts = []
    for index, block in enumerate(cell.blocks):
        if block_state(index) in boxes:
            for row, edge in enumerate(block.edges):
                parts.append(_path(layout, edge.input, boxes[block_state(index)].entry(row), "edge"))
    target = boxes["output"]
    for state in cell.outputs:
        parts.append(_path(layout, state, (target.x, target.y + target.height / 2), "edge output"))
    for box in boxes.values():
        parts += box.drawn()
    return parts


def _path(layout: _Layout, source: str, end: tuple[float, float], style: str) -> str:
    """An arrow that leaves to the right, passes the columns between in their lanes, and arrives from the left."""
    x, y = layout.boxes[source].exit
    drawn = f"M{x:g},{y:g}"
    while True:
        at_end = x + _COLUMN_GAP >= end[0]
        number = round((x + _COLUMN_GAP - MARGIN) / (BOX_WIDTH + _COLUMN_GAP))
        to_x, to_y = end if at_end else (x + _COLUMN_GAP, layout.lanes[source, number])
        bend = (to_x - x) / 2
        drawn += f"C{x + bend:g},{y:g} {to_x - bend:g},{to_y:g} {to_x:g},{to_y:g}"
        if at_end:
            break
        x, y = to_x + BOX_WIDTH, to_y
        drawn += f"H{x:g}"
    tip = f"M{end[0] - 7:g},{end[1] - 4:g}L{end[0]:g},{end[1]:g}L{end[0] - 7:g},{end[1] + 4:g}"
    return f'<path class="{style}" d="{drawn}"/><path class="edge" d="{tip}"/>'
