"""A cell, described to a builder: its inputs are brought to one size, its blocks follow, and its output is joined."""

from dataclasses import dataclass, field

from nasnet_keras.genotypes.cells import CURRENT, PREVIOUS, Block, Cell, block_state
from nasnet_keras.genotypes.operation_builder import Tensor
from nasnet_keras.genotypes.operations import OPERATIONS
from nasnet_keras.networks.builder import Builder

__all__ = ["Feature", "build_cell"]


@dataclass(frozen=True)
class Feature:
    """A tensor, and how many times it has been halved since the input image."""

    tensor: Tensor
    level: int


def build_cell(
    builder: Builder,
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
    """Describe the live part of a cell to a builder.

    Args:
        builder: describes it.
        cell: the cell.
        inputs: the outputs of earlier cells, by the cell's names for them; an input that the cell does not read may
            be None. If `previous` is read and None, in a network's first cell, `current` takes its place, unsqueezed.
        filters: F, the width of the cell's states.
        input_level: level of `current`, to which `previous` is brought.
        level: level of the cell's output. Edges that read an input of a lower level have the stride that leads to it.
        calibration, odd_reductions: how the inputs are brought to F filters; see `Skeleton`. `"none"` if they have F.
        name: prefix of the names of all layers.
        drop_path_rate: probability with which an operation's result is dropped, per example.

    Returns:
        The concatenated outputs.

    Source: TF-Slim's cell (NASNet, appendix A.4).
    """
    reduced = filters if odd_reductions or filters == 1 else filters - filters % 2
    states = _States(builder, filters, reduced, level, name)
    current, previous = inputs[CURRENT], inputs[PREVIOUS]
    if CURRENT in cell.live_states:
        states.features[CURRENT] = states.calibrated_current(current, calibration)
    if PREVIOUS in cell.live_states:
        calibrated = current if previous is None else states.calibrated_previous(previous, input_level, calibration)
        states.features[PREVIOUS] = calibrated
    for index, block in enumerate(cell.blocks):
        if block_state(index) in cell.live_states:
            states.features[block_state(index)] = states.block(index, block, drop_path_rate)
    return Feature(builder.concat([states.output(state) for state in cell.outputs], name=f"{name}_output"), level)


@dataclass(frozen=True)
class _States:
    """The states of a cell that were described so far.

    Attributes:
        builder, filters, level, name: as for `build_cell`.
        reduced: filters of a factorized reduction.
        features: the states by their names.
        narrowed: the projections to F filters of blocks that concatenate, by the names of their states.
    """

    builder: Builder
    filters: int
    reduced: int
    level: int
    name: str
    features: dict[str, Feature] = field(default_factory=dict)
    narrowed: dict[str, Feature] = field(default_factory=dict)

    def calibrated_current(self, current: Feature, calibration: str) -> Feature:
        """Bring the current output to F filters."""
        name, tensor = f"{self.name}_current", current.tensor
        if calibration == "none":
            return current
        if calibration == "enas" and tensor.shape[-1] != self.filters:
            tensor = self.builder.conv(tensor, self.filters, name=f"{name}_calibrate")
        return Feature(self.builder.conv(tensor, self.filters, name=name), current.level)

    def calibrated_previous(self, previous: Feature, level: int, calibration: str) -> Feature:
        """Bring the previous output to the current one's size and to F filters."""
        name = f"{self.name}_previous"
        if previous.level < level:
            return Feature(self.builder.factorized_reduction(previous.tensor, self.reduced, name=name), level)
        if calibration == "darts" or previous.tensor.shape[-1] != self.filters:
            return Feature(self.builder.conv(previous.tensor, self.filters, name=name), level)
        return previous

    def block(self, index: int, block: Block, drop_path_rate: float) -> Feature:
        """Describe a block: its operations, and their combination."""
        results, rates = [], []
        name = f"{self.name}_block_{index}"
        for side, edge in zip(("left", "right"), block.edges, strict=True):
            source, operation = self.read(edge.input), OPERATIONS[edge.operation]
            stride = 2 ** (self.level - source.level)
            results.append(operation.apply(self.builder, source.tensor, self.filters, stride, f"{name}_{side}"))
            rates.append(drop_path_rate if operation.dropped(stride) else 0.0)
        combined = self.builder.combine(results, block.combine, rates, name=f"{name}_{block.combine}")
        return Feature(combined, self.level)

    def read(self, state: str) -> Feature:
        """A state as blocks read it. All readers of a block of 2F filters share one projection to F."""
        feature = self.features[state]
        if state in (CURRENT, PREVIOUS) or feature.tensor.shape[-1] == self.filters:
            return feature
        if state not in self.narrowed:
            tensor = self.builder.conv(feature.tensor, self.filters, name=f"{self.name}_{state}_project")
            self.narrowed[state] = Feature(tensor, feature.level)
        return self.narrowed[state]

    def output(self, state: str) -> Tensor:
        """A state as a part of the cell's output.

        A block enters as it is. An input of the cell is brought to the output's size and to F filters, without a ReLU,
        as in the released code.
        """
        feature, name = self.features[state], f"{self.name}_output_{state}"
        if state in (CURRENT, PREVIOUS) and feature.level < self.level:
            return self.builder.factorized_reduction(feature.tensor, self.reduced, name=name, relu=False)
        if state in (CURRENT, PREVIOUS) and feature.tensor.shape[-1] != self.filters:
            return self.builder.conv(feature.tensor, self.filters, name=name, relu=False)
        return feature.tensor
