"""Drawings of how the searches of the literature work, in the style of the pictures of genotypes, as SVG text.

They are two boxes wide, so that a telephone shows their letters. `make_pictures.py` writes them.
"""

from collections.abc import Sequence
from itertools import pairwise

from nasnet_keras.genotypes.picture import Row
from nasnet_keras.plotting.layers import column_svg
from nasnet_keras.plotting.svg import BOX_WIDTH, HEADER, MARGIN, ROW_HEIGHT, Box, document

__all__ = ["DRAWINGS"]

_GAP = 92  # between two columns of boxes
_RIGHT = MARGIN + BOX_WIDTH + _GAP
_WIDTH = _RIGHT + BOX_WIDTH + MARGIN
_FIRST, _SECOND = "#c2410c", "#1d4ed8"  # of two children

_Point = tuple[float, float]


def controller() -> str:
    """The loop of NAS (Zoph and Le 2017, figure 1), which NASNet and MnasNet kept."""
    policy = Box(MARGIN, MARGIN, "controller", ("LSTM", "a softmax for each choice"))
    genotype = Box(_RIGHT, MARGIN, "genotype", ("conv_3x5", "36 filters", "reads layer_0"))
    y = MARGIN + 180
    child = Box(_RIGHT, y, "child", ("built", "trained for some epochs"))
    reward = Box(MARGIN, y, "reward", ("validation accuracy",))
    level, back = policy.y + policy.height / 2, child.y + child.height / 2 - 12
    arrows = [
        _arrow([(policy.exit[0], level), (_RIGHT, level)], "samples"),
        _arrow([_below(genotype), _above(child)], "is built", beside=True),
        _arrow([(_RIGHT, back), (reward.exit[0], back)], "is judged"),
        _arrow([_above(reward), _below(policy)], "policy gradient", beside=True),
    ]
    return _drawn([policy, genotype, child, reward], arrows)


def skeleton() -> str:
    """Cells on NASNet's skeleton for CIFAR-10 (Zoph et al. 2018, figure 2), with one cell in each place of N."""
    rows = [Row("image", ("32×32",)), Row("stem", ("conv_3x3, 3F filters",), (0,))]
    cells = [("normal cell", "F"), ("reduction cell", "2F"), ("normal cell", "2F"), ("reduction cell", "4F")]
    cells.append(("normal cell", "4F"))
    for number, (title, filters) in enumerate(cells, start=2):
        halves = number < 6 and cells[number - 1][0].startswith("reduction")
        times = "" if title.startswith("reduction") else " (N times)"
        reads = (number - 2, number - 1) if number > 2 else (number - 1,)
        rows.append(Row(title + times, (f"states of {filters} filters",), reads, "size / 2" if halves else None))
    rows.append(Row("classifier", ("global average, dense",), (len(rows) - 1,)))
    return column_svg(rows)


def supernet() -> str:
    """Two children of one supernet (Pham et al. 2018, figure 2), which share the weights of what both use."""
    operations = ("sep_conv_3x3", "sep_conv_5x5", "avg_pool_3x3", "max_pool_3x3")
    choices = ((0, 0), (1, 3), (1, 1))
    x, y, boxes, marks = (_WIDTH - BOX_WIDTH) / 2, MARGIN + 44.0, [], []
    ends: list[tuple[_Point, _Point]] = []
    for number, (one, other) in enumerate(choices):
        box = Box(x, y, f"layer_{number}", operations)
        boxes.append(box)
        ends.append((box.entry(one), (x + BOX_WIDTH, box.entry(other)[1])))
        for row, color, inset in ((one, _FIRST, 0), (other, _SECOND, -2)):
            marks.append(_framed(box, row, color, inset))
        y += box.height + 34
    first, second = x - 62, x + BOX_WIDTH + 62
    lines = [
        _text(first, MARGIN + 14, "child 1", _FIRST),
        _text(second, MARGIN + 14, "child 2", _SECOND),
        _line([(first, MARGIN + 24), (first, y - 20)], _FIRST),
        _line([(second, MARGIN + 24), (second, y - 20)], _SECOND),
    ]
    for one, other in ends:
        lines.append(_arrow([(first, one[1]), one], color=_FIRST))
        lines.append(_arrow([(second, other[1]), other], color=_SECOND))
    note = _text(_WIDTH / 2, y - 2, "both train the weights of layer_0 and of layer_2")
    return _drawn(boxes, [*lines, *[box for one in boxes for box in one.drawn()], *marks, note], y + 4, again=False)


def progressive() -> str:
    """PNAS' levels (Liu et al. 2018, section 4), with the numbers of its space: 8 operations, beams of 256."""
    kinds = [pairs * (pairs + 1) // 2 for pairs in (8 * (blocks + 1) for blocks in range(1, 6))]
    beam, boxes, arrows, y = 256, [], [], float(MARGIN)
    for blocks, kind in enumerate(kinds, start=1):
        before = kinds[0] if blocks == 2 else beam
        lines = (f"{kind} cells, all trained",)
        if blocks > 1:
            lines = (f"up to {before * kind:,} candidates", f"the best {beam} are trained")
        boxes.append(Box(MARGIN, y, f"{blocks} block{'s' if blocks > 1 else ''}", lines))
        y += boxes[-1].height + 40
    levels = [box.y + box.height / 2 for box in boxes]
    lines = ("mean of five networks", "reads a cell", "says its accuracy")
    learns = Box(_RIGHT, levels[2] - Box(0, 0, "", lines).height / 2, "predictor", lines)
    for above, below in pairwise(boxes):
        arrows.append(_arrow([_below(above), _above(below)], "one block more", beside=True))
    edge, told, asked = boxes[0].exit[0], _RIGHT - 78, _RIGHT - 58
    first, second, third, fourth, fifth = (level - 8 for level in levels)
    arrows.append(_line([(edge, first), (told, first), (told, fourth), (edge, fourth)]))
    arrows.append(_line([(edge, second), (told, second)]))
    arrows.append(_arrow([(edge, third), (_RIGHT, third)], "results", at=(_RIGHT - 29, third - 6)))
    down = 20  # from results to ranks
    for level in (second, fourth, fifth):
        arrows.append(_arrow([(asked, third + down), (asked, level + down), (edge, level + down)]))
    arrows.append(_arrow([(_RIGHT, third + down), (edge, third + down)], "ranks", at=(_RIGHT - 29, third + down + 15)))
    return _drawn([*boxes, learns], arrows)


def stages() -> str:
    """MnasNet's loop (Tan et al. 2019, figures 1 and 4): choices by stage, and a latency that is measured."""
    choices = (
        "kind, expansion",
        "kernel 3 or 5",
        "squeeze-and-excite",
        "skip",
        "filters ×¾, ×1, ×1¼",
        "layers −1, 0, +1",
    )
    stage = Box(MARGIN, MARGIN, "choices of one stage", choices)
    network = Box(MARGIN, stage.y + stage.height + 44, "network", ("stage_1 … stage_7",))
    y = network.y + network.height + 44
    trained = Box(MARGIN, y, "trained", ("validation accuracy A",))
    phone = Box(_RIGHT, network.y - 12, "phone", ("runs the network", "latency L, target T"))
    reward = Box(_RIGHT, y, "reward", ("A · (L / T)^−0.07",))
    policy = Box(_RIGHT, MARGIN + 24, "controller", ("LSTM, trained by PPO",))
    level, across = network.y + network.height / 2, y + reward.height / 2
    top = policy.y + policy.height / 2
    side = _RIGHT + BOX_WIDTH - 20
    arrows = [
        _arrow([(policy.x, top), (stage.exit[0], top)], "samples"),
        _arrow([_below(stage), _above(network)], "for each stage", beside=True),
        _arrow([(network.exit[0], level), (phone.x, level)], "exported"),
        _arrow([_below(network), _above(trained)], "5 epochs", beside=True),
        _arrow([_below(phone), _above(reward)]),
        _arrow([(trained.exit[0], across), (reward.x, across)]),
        _line([(reward.x + BOX_WIDTH, across), (side + 28, across), (side + 28, top)]),
        _arrow([(side + 28, top), (policy.x + BOX_WIDTH, top)]),
    ]
    return _drawn([stage, network, trained, phone, reward, policy], arrows)


def fusing() -> str:
    """A separable convolution of a cell before and after `fuse_for_inference`."""
    before = ("ReLU", "depthwise 5×5", "pointwise 1×1", "batch normalization") * 2
    left = Box(MARGIN, MARGIN + 20, "sep_conv_5x5, trained", before)
    after = ("ReLU", "depthwise 5×5", "1×1, bias, ReLU", "depthwise 5×5", "1×1, bias")
    right = Box(_RIGHT, MARGIN + 20, "fused", after)
    pairs = {0: 0, 1: 1, 2: 2, 3: 2, 4: 2, 5: 3, 6: 4, 7: 4}
    arrows = []
    for one, other in pairs.items():
        start, end = (left.exit[0], left.entry(one)[1]), right.entry(other)
        arrows.append(_curve(start, end))
    return _drawn([left, right], arrows)


DRAWINGS = {drawing.__name__: drawing for drawing in (controller, skeleton, supernet, progressive, stages, fusing)}
"""The drawings by the names of their files."""


def _drawn(boxes: Sequence[Box], parts: Sequence[str], height: float | None = None, again: bool = True) -> str:
    """Compose the picture of boxes, which are drawn over lines unless they are among the parts."""
    bottom = max(box.y + box.height for box in boxes) if height is None else height
    over = [part for box in boxes for part in box.drawn()] if again else []
    return document(_WIDTH, bottom + MARGIN, [*parts, *over])


def _above(box: Box) -> _Point:
    return box.x + BOX_WIDTH / 2, box.y


def _below(box: Box) -> _Point:
    return box.x + BOX_WIDTH / 2, box.y + box.height


def _line(points: Sequence[_Point], color: str | None = None) -> str:
    way = "L".join(f"{x:g},{y:g}" for x, y in points)
    return f'<path class="edge" d="M{way}"{_stroke(color)}/>'


def _curve(start: _Point, end: _Point) -> str:
    (x, y), (to_x, to_y) = start, end
    bend = (to_x - x) / 2
    way = f"M{x:g},{y:g}C{x + bend:g},{y:g} {to_x - bend:g},{to_y:g} {to_x:g},{to_y:g}"
    return f'<path class="edge" d="{way}"/>' + _tip((to_x - 1, to_y), end)


def _arrow(
    points: Sequence[_Point],
    label: str = "",
    *,
    at: _Point | None = None,
    beside: bool = False,
    under: bool = False,
    color: str | None = None,
) -> str:
    """A line with a tip, and a label above its middle, beside it, under it, or in a place."""
    (x, y), (to_x, to_y) = points[0], points[-1]
    middle = (x + to_x) / 2, (y + to_y) / 2
    if at is None:
        at = (middle[0] + 8, middle[1] + 4) if beside else (middle[0], middle[1] + (15 if under else -6))
    words = _text(*at, label, anchor="start" if beside else "middle") if label else ""
    return _line(points, color) + _tip(points[-2], points[-1], color) + words


def _tip(start: _Point, end: _Point, color: str | None = None) -> str:
    """The tip of a line that is level or upright."""
    (x, y), (to_x, to_y) = start, end
    if y == to_y:
        back = to_x - 7 if to_x > x else to_x + 7
        way = f"M{back:g},{to_y - 4:g}L{to_x:g},{to_y:g}L{back:g},{to_y + 4:g}"
    else:
        back = to_y - 7 if to_y > y else to_y + 7
        way = f"M{to_x - 4:g},{back:g}L{to_x:g},{to_y:g}L{to_x + 4:g},{back:g}"
    return f'<path class="edge" d="{way}"{_stroke(color)}/>'


def _framed(box: Box, row: int, color: str, inset: int) -> str:
    y = box.y + HEADER + row * ROW_HEIGHT
    return (
        f'<rect x="{box.x + 4 + inset:g}" y="{y + inset:g}" width="{BOX_WIDTH - 8 - 2 * inset}" '
        f'height="{ROW_HEIGHT - 4 - 2 * inset}" rx="3" fill="none"{_stroke(color, 2)}/>'
    )


def _text(x: float, y: float, words: str, color: str | None = None, anchor: str = "middle") -> str:
    fill = f' style="fill:{color}"' if color else ""
    return f'<text x="{x:g}" y="{y:g}" text-anchor="{anchor}"{fill}>{words}</text>'


def _stroke(color: str | None, width: float = 1.6) -> str:
    return f' style="stroke:{color};stroke-width:{width:g}"' if color else ""
