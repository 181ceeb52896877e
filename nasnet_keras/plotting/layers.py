"""Layer-wise genotypes as pictures: their layers in a column, what they read from further back as arcs beside it."""

from collections.abc import Sequence
from dataclasses import dataclass

from nasnet_keras.genotypes.chain import ChainGenotype
from nasnet_keras.genotypes.macro import STEM, MacroGenotype, layer_output, reduction_places
from nasnet_keras.genotypes.nasbench201 import NASBench201Genotype
from nasnet_keras.plotting.svg import BOX_WIDTH, MARGIN, Box, document

__all__ = ["chain_svg", "macro_svg", "nasbench201_svg"]

_GAP = 26
_REACH, _STEP = 18, 10  # of an arc: the shortest one's, and more for each layer that it passes


@dataclass(frozen=True)
class _Row:
    """A box of the column.

    Attributes:
        title, lines: what stands in it.
        reads: the numbers of the rows that it reads, in order.
        mark: what happens after it to all that goes on, if something does.
    """

    title: str
    lines: tuple[str, ...] = ()
    reads: tuple[int, ...] = ()
    mark: str | None = None


def macro_svg(genotype: MacroGenotype) -> str:
    """The picture as SVG text; the same genotype gives the same text."""
    rows, places = [_Row(STEM)], reduction_places(len(genotype.layers))
    numbers = {output: number for number, output in enumerate(genotype.outputs)}
    for index, layer in enumerate(genotype.layers):
        skips = (numbers[skip] for skip in layer.skips)
        mark = "size / 2" if index in places else None
        rows.append(_Row(layer_output(index), (layer.operation,), (*skips, index), mark))
    return _column(rows)


def chain_svg(genotype: ChainGenotype) -> str:
    """The picture as SVG text; the same genotype gives the same text."""
    numbers = {name: number for number, name in enumerate(genotype.outputs, start=1)}
    rows = [_Row("image")]
    for name, layer in zip(genotype.outputs, genotype.layers, strict=True):
        lines = tuple(str(layer).split(", "))
        lines += ("max_pool_2x2",) if name in genotype.pooled else ()
        rows.append(_Row(name, lines, tuple(numbers[read] for read in layer.inputs) or (0,)))
    return _column([*rows, _Row("classifier", reads=tuple(numbers[name] for name in genotype.unread))])


def nasbench201_svg(genotype: NASBench201Genotype) -> str:
    """The picture as SVG text; the same genotype gives the same text. An edge of `none` is not drawn."""
    rows = [_Row("node_0: input")]
    for number, node in enumerate(genotype.nodes, start=1):
        read = [(source, operation) for source, operation in node if operation != "none"]
        lines = tuple(f"{operation} (node_{source})" for source, operation in read)
        title = f"node_{number}: {'output' if number == len(genotype.nodes) else 'add'}"
        rows.append(_Row(title, lines, tuple(source for source, _ in read)))
    return _column(rows)


def _column(rows: Sequence[_Row]) -> str:
    boxes: list[Box] = []
    for row in rows:
        boxes.append(Box(MARGIN, boxes[-1].y + boxes[-1].height + _GAP if boxes else MARGIN, row.title, row.lines))
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
            y = box.y + box.height + _GAP / 2
            parts.append(f'<path class="edge output" d="M{MARGIN},{y:g}H{width:g}"/>')
            parts.append(f'<text x="{MARGIN}" y="{y - 3:g}">{row.mark}</text>')
    for box in boxes:
        parts += box.drawn()
    return document(width + MARGIN, boxes[-1].y + boxes[-1].height + MARGIN, parts)


def _arrow(above: Box, below: Box) -> str:
    """From a layer down to the next."""
    x, y = above.x + BOX_WIDTH / 2, below.y
    tip = f"M{x - 4:g},{y - 7:g}L{x:g},{y:g}L{x + 4:g},{y - 7:g}"
    return f'<path class="edge" d="M{x:g},{above.y + above.height:g}V{y:g}"/><path class="edge" d="{tip}"/>'


def _arc(source: Box, target: Box, share: float, reach: float) -> str:
    """From the right side of a box to that of another, at a share of its height, reaching out so far."""
    x, y = source.exit
    end = target.y + share * target.height
    bend = x + reach * 4 / 3  # where a cubic's control points must be for its middle to be there
    tip = f"M{x + 7:g},{end - 4:g}L{x:g},{end:g}L{x + 7:g},{end + 4:g}"
    curve = f"M{x:g},{y:g}C{bend:g},{y:g} {bend:g},{end:g} {x:g},{end:g}"
    return f'<path class="edge" d="{curve}"/><path class="edge" d="{tip}"/>'
