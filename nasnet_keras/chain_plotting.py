"""A layer-wise genotype as a picture: its layers in a column, its skips as arcs beside it."""

import itertools

from nasnet_keras.chain import reduction_places
from nasnet_keras.drawing import BOX_WIDTH, MARGIN, Box, document
from nasnet_keras.macro_genotype import STEM, MacroGenotype, layer_output

__all__ = ["chain_svg"]

_GAP = 26
_REACH, _STEP = 18, 10  # of the arc of a skip: the shortest one's, and more for each layer that it passes


def chain_svg(genotype: MacroGenotype) -> str:
    """The picture as SVG text; the same genotype gives the same text."""
    boxes = [Box(MARGIN, MARGIN, STEM, ())]
    for index, layer in enumerate(genotype.layers):
        boxes.append(Box(MARGIN, boxes[-1].y + boxes[-1].height + _GAP, layer_output(index), (layer.operation,)))
    parts, width = [], MARGIN + BOX_WIDTH
    parts += [_arrow(above, below) for above, below in itertools.pairwise(boxes)]
    places = {name: place for place, name in enumerate(genotype.outputs)}
    for index, layer in enumerate(genotype.layers):
        for number, skip in enumerate(layer.skips):
            reach = _REACH + _STEP * (index - places[skip])
            share = (number + 1) / (len(layer.skips) + 1)
            parts.append(_arc(boxes[places[skip]], boxes[index + 1], share, reach))
            width = max(width, MARGIN + BOX_WIDTH + reach)
    for place in reduction_places(len(genotype.layers)):
        box = boxes[place + 1]
        y = box.y + box.height + _GAP / 2
        parts.append(f'<path class="edge output" d="M{MARGIN},{y:g}H{width:g}"/>')
        parts.append(f'<text x="{MARGIN}" y="{y - 3:g}">size / 2</text>')
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
