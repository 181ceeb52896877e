"""The search space of ENAS' layer-wise networks."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from nasnet_keras.genotypes.base import MAX_ENTRIES
from nasnet_keras.genotypes.macro import STEM, MacroGenotype, MacroLayer, layer_output
from nasnet_keras.genotypes.operations import MACRO_OPERATIONS
from nasnet_keras.search.spaces.base import Choices, Decision, Space
from nasnet_keras.utils.checks import positive_integer, quoted

__all__ = ["MacroSpace"]

_SKIP = ("no", "yes")


@dataclass(frozen=True)
class MacroSpace(Space):
    """ENAS' macro space: a chain of layers, each with an operation and skips to any of the outputs before its input.

    The decisions of a layer are its operation, then whether it skips to each earlier output, from the stem's on.

    Attributes:
        operations: names of the operations to choose from.
        num_layers: number of layers of the chain.

    Raises:
        ValueError: an operation is unknown or listed twice, there is none, or there is no layer.

    Source: Pham et al. 2018, section 2.3.

    Example:
        >>> [decision.name for decision in MacroSpace(num_layers=2).decisions]
        ['layer_0_operation', 'layer_1_operation', 'layer_1_skips_to_stem']
        >>> space = MacroSpace(num_layers=3)
        >>> space.encode(space.decode((0, 5, 1, 2, 0, 1)))
        (0, 5, 1, 2, 0, 1)
    """

    operations: tuple[str, ...] = MACRO_OPERATIONS
    num_layers: int = 12
    decisions: tuple[Decision, ...] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        values = tuple(self.operations)
        if not values or set(values) - set(MACRO_OPERATIONS) or len(set(values)) != len(values):
            raise ValueError(
                f"operations must be some of {', '.join(MACRO_OPERATIONS)}, each once, got {quoted(values)}"
            )
        object.__setattr__(self, "operations", values)
        object.__setattr__(self, "num_layers", positive_integer("num_layers", self.num_layers, MAX_ENTRIES))
        decisions = []
        for index in range(self.num_layers):
            decisions.append(Decision(f"{layer_output(index)}_operation", values))
            decisions += [Decision(f"{layer_output(index)}_skips_to_{name}", _SKIP) for name in earlier(index)]
        object.__setattr__(self, "decisions", tuple(decisions))

    def decode(self, choices: Sequence[int]) -> MacroGenotype:
        picked = self.pick(choices)
        layers, start = [], 0
        for index in range(self.num_layers):
            operation, *skips = picked[start : start + 1 + index]
            names = [name for name, skip in zip(earlier(index), skips, strict=True) if skip == "yes"]
            layers.append(MacroLayer(operation, names))
            start += 1 + index
        return MacroGenotype(layers)

    def encode(self, genotype: MacroGenotype) -> Choices:
        if not isinstance(genotype, MacroGenotype):
            raise ValueError(f"expected a MacroGenotype, got {quoted(genotype, 80)}")
        if len(genotype.layers) != self.num_layers:
            raise ValueError(f"a genotype must have {self.num_layers} layers, got {len(genotype.layers)}")
        names: list[str] = []
        for index, layer in enumerate(genotype.layers):
            names.append(layer.operation)
            names += [_SKIP[name in layer.skips] for name in earlier(index)]
        return self.find(names)


def earlier(index: int) -> tuple[str, ...]:
    """The outputs that layer number `index` may skip to: all those before its input.

    Example:
        >>> earlier(2)
        ('stem', 'layer_0')
    """
    return (STEM, *map(layer_output, range(index)))[:index]
