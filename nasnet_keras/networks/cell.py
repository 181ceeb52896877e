"""One cell → tensors, by stride bookkeeping."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from nasnet_keras.genotypes.cells import CURRENT, PREVIOUS, Cell, block_state
from nasnet_keras.genotypes.operations import OPERATIONS

__all__ = ["Feature", "build_cell"]


@dataclass(frozen=True)
class Feature:
    """A tensor, and how many times it has been halved since the input image."""

    tensor: Any
    level: int


def build_cell(
    builder: Any,
    cell: Cell,
    inputs: dict[str, Feature | None],
    *,
    filters: int,
    input_level: int,
    level: int,
    calibration: str = "nasnet",
    odd_reductions: bool = True,
    name: str,
    drop_path_rate: float = 0.0,
) -> Feature:
    """Build the live part of a cell with `builder`.

    Args:
        builder: makes layers (`builder.LayerBuilder`) or counts their cost (`cost.CostBuilder`).
        cell: what to build.
        inputs: the outputs of earlier cells, by the cell's names for them; an input that the cell does not read may
            be None. Where `previous` is read and None, in a network's first cell, `current` takes its place as it
            is, unsqueezed.
        filters: F, the width of the cell's states.
        input_level: level of `current`, to which `previous` is brought.
        level: level of the cell's output; what the cell's inputs lack to it is the stride of the edges reading them.
        calibration, odd_reductions: how the inputs are brought to F filters; see `Skeleton`. `"none"` where they have
            them.
        name: prefix of the names of all layers.
        drop_path_rate: probability with which an operation's result is dropped, per example.

    Returns:
        The concatenated outputs.

    Source: TF-Slim's cell (NASNet, appendix A.4).
    """
    current, previous = inputs[CURRENT], inputs[PREVIOUS]
    reduced = filters if odd_reductions or filters == 1 else filters - filters % 2
    makers: dict[str, Callable[[], Feature]] = {
        CURRENT: lambda: _calibrate_current(builder, current, filters, calibration, f"{name}_current"),
        PREVIOUS: lambda: (
            current
            if previous is None
            else _calibrate_previous(builder, previous, input_level, filters, reduced, calibration, f"{name}_previous")
        ),
    }
    live = cell.live_states
    states = {state: make() for state, make in makers.items() if state in live}
    narrowed: dict[str, Feature] = {}

    def read(state: str) -> Feature:
        # A concatenated block is 2F wide: what reads it reads one shared projection to F.
        if state in makers or states[state].tensor.shape[-1] == filters:
            return states[state]
        if state not in narrowed:
            tensor = builder.conv(states[state].tensor, filters, name=f"{name}_{state}_project")
            narrowed[state] = Feature(tensor, states[state].level)
        return narrowed[state]

    for index, block in enumerate(cell.blocks):
        if block_state(index) not in live:
            continue
        results, rates = [], []
        for side, edge in zip(("left", "right"), block.edges, strict=True):
            source = read(edge.input)
            edge_name = f"{name}_block_{index}_{side}"
            operation = OPERATIONS[edge.operation]
            stride = 2 ** (level - source.level)
            results.append(operation.apply(builder, source.tensor, filters, stride, edge_name))
            rates.append(drop_path_rate if operation.dropped(stride) else 0.0)
        tensor = builder.combine(results, block.combine, rates, name=f"{name}_block_{index}_{block.combine}")
        states[block_state(index)] = Feature(tensor, level)

    tensors = []
    for state in cell.outputs:
        feature = states[state]
        if state in makers:  # blocks enter as they are; an input is brought to the size and width of the others
            feature = _fit(builder, feature, filters, reduced, level, f"{name}_output_{state}")
        tensors.append(feature.tensor)
    return Feature(builder.concat(tensors, name=f"{name}_output"), level)


def _calibrate_current(builder, current: Feature, filters: int, calibration: str, name: str) -> Feature:
    tensor = current.tensor
    if calibration == "none":
        return current
    if calibration == "enas" and tensor.shape[-1] != filters:
        tensor = builder.conv(tensor, filters, name=f"{name}_calibrate")
    return Feature(builder.conv(tensor, filters, name=name), current.level)


def _calibrate_previous(
    builder, previous: Feature, level: int, filters: int, reduced: int, calibration: str, name: str
) -> Feature:
    """Bring the previous output to the current one's size and to F filters."""
    if previous.level < level:
        return Feature(builder.factorized_reduction(previous.tensor, reduced, name=name), level)
    if calibration == "darts" or previous.tensor.shape[-1] != filters:
        return Feature(builder.conv(previous.tensor, filters, name=name), level)
    return previous


def _fit(builder, feature: Feature, filters: int, reduced: int, level: int, name: str) -> Feature:
    """Bring an input of the cell to the cell's output size and width, without a ReLU, as the released code does."""
    if feature.level < level:
        return Feature(builder.factorized_reduction(feature.tensor, reduced, name=name, relu=False), level)
    if feature.tensor.shape[-1] != filters:
        return Feature(builder.conv(feature.tensor, filters, name=name, relu=False), level)
    return feature
