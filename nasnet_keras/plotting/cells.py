"""Genotypes as pictures: SVG text, made without another program."""

from collections.abc import Mapping
from html import escape
from pathlib import Path

from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.genotypes.cells import Cell, Genotype, block_state
from nasnet_keras.genotypes.reading import resolve_genotype
from nasnet_keras.plotting.layers import column_svg
from nasnet_keras.plotting.layout import COLUMN_GAP, Layout, layout
from nasnet_keras.plotting.svg import BOX_WIDTH, MARGIN, document
from nasnet_keras.utils.checks import svg_path
from nasnet_keras.utils.files import write_text

__all__ = ["cells_svg", "genotype_svg", "plot_genotype"]

_TITLE = 34  # height of a title


def plot_genotype(genotype: BaseGenotype | str | Path, path: str | Path) -> Path:
    """Draw the cells of a genotype, or its layers, as an SVG file, which every browser shows.

    Args:
        genotype: a genotype of any kind, a catalogue name, a JSON text or a path.
        path: the file to write, which ends in `.svg`.

    Returns:
        The path of the file.

    Raises:
        GenotypeError: the genotype is not legal.
        ValueError: the path does not end in `.svg`.
        OSError: the file cannot be written.

    Example:
        >>> plot_genotype("nasnet_a", pathlib.Path(tempfile.mkdtemp()) / "nasnet_a.svg").name
        'nasnet_a.svg'
    """
    path = svg_path(path)
    write_text(path, genotype_svg(resolve_genotype(genotype)))
    return path


def genotype_svg(genotype: BaseGenotype) -> str:
    """Draw a genotype as SVG text. Equal genotypes give equal text.

    Args:
        genotype: of any kind.

    Example:
        >>> from nasnet_keras.genotypes import NASNET_A
        >>> genotype_svg(NASNET_A)[:4]
        '<svg'
    """
    if not isinstance(genotype, Genotype):
        return column_svg(genotype.rows())
    if genotype.normal == genotype.reduction:
        return cells_svg({"Normal and reduction cell": genotype.normal})
    return cells_svg({"Normal cell": genotype.normal, "Reduction cell": genotype.reduction})


def cells_svg(cells: Mapping[str, Cell]) -> str:
    """Draw cells below each other, under their titles, as SVG text.

    Args:
        cells: by title, at least one.

    Example:
        >>> from nasnet_keras.genotypes import NASNET_A
        >>> "Reduction cell of 2018" in cells_svg({"Reduction cell of 2018": NASNET_A.reduction})
        True
    """
    parts, top, width = [], 0.0, 0.0
    for title, cell in cells.items():
        placed = layout(cell, top + MARGIN + _TITLE)
        boxes = placed.boxes
        parts.append(f'<text class="title" x="{MARGIN}" y="{top + MARGIN + 14:g}">{escape(title)}</text>')
        parts += _draw(cell, placed)
        top = max(*(box.y + box.height for box in boxes.values()), *placed.lanes.values()) + MARGIN
        width = max(width, *(box.x + BOX_WIDTH + MARGIN for box in boxes.values()))
    return document(width, top + MARGIN, parts)


def _draw(cell: Cell, placed: Layout) -> list[str]:
    boxes = placed.boxes
    parts = []
    for index, block in enumerate(cell.blocks):
        if block_state(index) in boxes:
            for row, edge in enumerate(block.edges):
                parts.append(_path(placed, edge.input, boxes[block_state(index)].entry(row), "edge"))
    target = boxes["output"]
    for state in cell.outputs:
        parts.append(_path(placed, state, (target.x, target.y + target.height / 2), "edge output"))
    for box in boxes.values():
        parts += box.drawn()
    return parts


def _path(placed: Layout, source: str, end: tuple[float, float], style: str) -> str:
    """An arrow that leaves to the right, passes the columns between in their lanes, and arrives from the left."""
    x, y = placed.boxes[source].exit
    drawn = f"M{x:g},{y:g}"
    while True:
        at_end = x + COLUMN_GAP >= end[0]
        number = round((x + COLUMN_GAP - MARGIN) / (BOX_WIDTH + COLUMN_GAP))
        to_x, to_y = end if at_end else (x + COLUMN_GAP, placed.lanes[source, number])
        bend = (to_x - x) / 2
        drawn += f"C{x + bend:g},{y:g} {to_x - bend:g},{to_y:g} {to_x:g},{to_y:g}"
        if at_end:
            break
        x, y = to_x + BOX_WIDTH, to_y
        drawn += f"H{x:g}"
    tip = f"M{end[0] - 7:g},{end[1] - 4:g}L{end[0]:g},{end[1]:g}L{end[0] - 7:g},{end[1] + 4:g}"
    return f'<path class="{style}" d="{drawn}"/><path class="edge" d="{tip}"/>'
