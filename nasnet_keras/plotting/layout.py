"""The places of a cell's states in its picture: boxes in columns, and lanes between them for lines that pass."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from nasnet_keras.genotypes.cells import CURRENT, PREVIOUS, Cell, block_state
from nasnet_keras.plotting.svg import BOX_WIDTH, HEADER, MARGIN, ROW_HEIGHT, Box

__all__ = ["COLUMN_GAP", "Layout", "layout"]

COLUMN_GAP = 76
_ROW_GAP = 26


@dataclass(frozen=True)
class Layout:
    """The boxes by state (and `output`), and the heights of the lanes by state and column."""

    boxes: dict[str, Box]
    lanes: dict[tuple[str, int], float]


@dataclass(frozen=True)
class _Graph:
    """The live states of a cell, with the states that each reads, and their columns.

    Attributes:
        reads: the states that each block reads.
        column: the column of each state: a block stands to the right of all states that it reads.
        farthest: the last column that a line from each state leads to.
        last: the column of the output, to the right of all others.
    """

    reads: Mapping[str, Sequence[str]]
    column: Mapping[str, int]
    farthest: Mapping[str, int]
    last: int

    def passing(self, number: int) -> list[str]:
        """The states with a box or a lane in a column."""
        return [
            state
            for state, end in self.farthest.items()
            if self.column[state] == number or self.column[state] < number < end
        ]


def layout(cell: Cell, top: float) -> Layout:
    """Place the states of a cell below the height `top`.

    A line that passes a column, on its way to one further right, has a lane between the boxes there.
    """
    graph, rows = _graph(cell), {}
    titles = {}
    for index, block in enumerate(cell.blocks):
        rows[block_state(index)] = tuple(edge.operation for edge in block.edges)
        titles[block_state(index)] = f"{block_state(index)}: {block.combine}"
    heights = {state: HEADER + ROW_HEIGHT * len(rows.get(state, ())) for state in graph.column}
    placed = _columns(graph, heights)
    tallest = max(2 * max(abs(middle) + height / 2 for middle, _, height in items) for items in placed)
    boxes: dict[str, Box] = {}
    lanes: dict[tuple[str, int], float] = {}
    for number, items in enumerate(placed):
        x = MARGIN + number * (BOX_WIDTH + COLUMN_GAP)
        for middle, state, height in items:
            center = top + tallest / 2 + middle
            if graph.column[state] == number:
                boxes[state] = Box(x, center - height / 2, titles.get(state, state), rows.get(state, ()))
            else:
                lanes[state, number] = center
    x = MARGIN + graph.last * (BOX_WIDTH + COLUMN_GAP)
    boxes["output"] = Box(x, top + (tallest - HEADER) / 2, "output: concat", ())
    return Layout(boxes, lanes)


def _graph(cell: Cell) -> _Graph:
    column = {CURRENT: 0, PREVIOUS: 0}
    for index, block in enumerate(cell.blocks):
        column[block_state(index)] = 1 + max(column[edge.input] for edge in block.edges)
    shown = [state for state in cell.states if state in cell.live_states]
    last = 1 + max(column[state] for state in shown)
    reads = {block_state(index): [edge.input for edge in block.edges] for index, block in enumerate(cell.blocks)}
    farthest = dict.fromkeys(shown, 0)
    for state in shown:
        for source in reads.get(state, ()):
            farthest[source] = max(farthest[source], column[state])
    return _Graph(reads, column, farthest | dict.fromkeys(cell.outputs, last), last)


def _columns(graph: _Graph, heights: Mapping[str, float]) -> list[list[tuple[float, str, float]]]:
    """The middle, the state and the height of each box and lane, column by column, around a middle of 0."""
    placed: list[list[tuple[float, str, float]]] = []
    middles: dict[str, float] = {}

    def order(state: str, number: int) -> float:
        """The mean height of the states that it reads, so that few lines cross."""
        sources = graph.reads.get(state, ()) if graph.column[state] == number else (state,)
        return sum(middles[source] for source in sources) / len(sources) if sources else 0.0

    for number in range(graph.last):
        items = sorted(graph.passing(number), key=lambda state: order(state, number))
        y, entries = 0.0, []
        for state in items:
            height = heights[state] if graph.column[state] == number else 0.0
            entries.append((y + height / 2, state, height))
            y += height + _ROW_GAP
        shift = (y - _ROW_GAP) / 2
        placed.append([(middle - shift, state, height) for middle, state, height in entries])
        middles |= {state: middle for middle, state, _ in placed[-1]}
    return placed
