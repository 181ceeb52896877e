"""Pictures of genotypes without cells: their rows in a column, with arcs beside it from rows further back."""

from collections.abc import Sequence

from nasnet_keras.genotypes.picture import Row
from nasnet_keras.plotting.svg import BOX_WIDTH, MARGIN, Box, document

__all__ = ["column_svg"]

_GAP, _MARKED = 26, 36  # between boxes, and with a mark between them
_REACH, _STEP = 18, 10  # width of the shortest arc, and its growth for each layer that it passes


def column_svg(rows: Sequence[Row]) -> str:
    """Draw the rows of a genotype as SVG text. Equal rows give equal text."""
    boxes: list[Box] = []
    y = float(MARGIN)
    for row in rows:
        boxes.append(Box(MARGIN, y, row.title, row.lines))
        y += boxes[-1].height + (_GAP if row.mark is None else _MARKED)
    arrows, arcs, width = [], [], float(MARGIN + BOX_WIDTH)
    for number, row in enumerate(rows):
        distant = [read for read in row.reads if read != number - 1]
        if len(distant) < len(row.reads):
            arrows.append(_arrow(boxes[number - 1], boxes[number]))
        for place, read in enumerate(distant):
            reach = _REACH + _STEP * (number - 1 - read)
            arcs.append(_arc(boxes[read], boxes[number], (place + 1) / (len(distant) + 1), reach))
            width = max(width, MARGIN + BOX_WIDTH + reach)
    parts = [*arrows, *arcs]
    for box, row in zip(boxes, rows, strict=True):
        if row.mark is not None:
            y = box.y + box.height + _MARKED * 0.6
            parts.append(f'<path class="edge output" d="M{MARGIN},{y:g}H{width:g}"/>')
            parts.append(f'<text x="{MARGIN}" y="{y - 3:g}">{row.mark}</text>')
    for box in boxes:
        parts += box.drawn()
    return document(width + MARGIN, boxes[-1].y + boxes[-1].height + MARGIN, parts)


def _arrow(above: Box, below: Box) -> str:
    """An arrow from a layer down to the next."""
    x, y = above.x + BOX_WIDTH / 2, below.y
    tip = f"M{x - 4:g},{y - 7:g}L{x:g},{y:g}L{x + 4:g},{y - 7:g}"
    return f'<path class="edge" d="M{x:g},{above.y + above.height:g}V{y:g}"/><path class="edge" d="{tip}"/>'


def _arc(source: Box, target: Box, share: float, reach: float) -> str:
    """An arc between the right sides of two boxes, which ends at a share of the target's height, `reach` wide."""
    x, y = source.exit
    end = target.y + share * target.height
    bend = x + reach * 4 / 3  # the middle of a cubic is at three quarters of its control points
    tip = f"M{x + 7:g},{end - 4:g}L{x:g},{end:g}L{x + 7:g},{end + 4:g}"
    curve = f"M{x:g},{y:g}C{bend:g},{y:g} {bend:g},{end:g} {x:g},{end:g}"
    return f'<path class="edge" d="{curve}"/><path class="edge" d="{tip}"/>'
