"""The search space of NAS: networks layer by layer."""

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field

from nasnet_keras.genotypes.base import MAX_ENTRIES
from nasnet_keras.genotypes.chain import CHAIN_FILTERS, CHAIN_KERNELS, CHAIN_STRIDES, ChainGenotype, ChainLayer
from nasnet_keras.genotypes.macro import layer_output
from nasnet_keras.search.spaces.base import Choices, Decision, Space
from nasnet_keras.utils.checks import integer, positive_integer, quoted

__all__ = ["READS", "ChainSpace"]

READS = ("no", "yes")
"""Whether a layer reads an earlier one."""

_MORE = 2  # layers at a time


@dataclass(frozen=True)
class ChainSpace(Space):
    """NAS' space: a chain of convolutions, each of which has its own size and reads any of the layers before it.

    The decisions of a layer are the height and the width of its filters, its strides if they are predicted, the number
    of its filters, then for each earlier layer, from the first on, whether this one reads it.

    Attributes:
        num_layers: number of layers of the chain.
        predict_strides: whether the strides along height and width are decisions too; otherwise they are 1.
        pool_after: numbers of layers, from 0, whose output is halved.
        deepen_every: number of trials after which networks get two layers more, up to `num_layers`; None for networks
            of that depth from the start. In the paper it is 1,600.
        first_layers: number of layers of the first networks of a search that deepens.

    Raises:
        ValueError: a value is out of range.

    Source: Zoph and Le 2017, sections 3.1, 3.3 and 4.1.

    Example:
        >>> [decision.name for decision in ChainSpace(num_layers=2).decisions][3:]
        ['layer_1_height', 'layer_1_width', 'layer_1_filters', 'layer_1_reads_layer_0']
        >>> space = ChainSpace(num_layers=2)
        >>> space.encode(space.decode((0, 1, 2, 3, 0, 1, 1)))
        (0, 1, 2, 3, 0, 1, 1)
    """

    num_layers: int = 6
    predict_strides: bool = False
    pool_after: tuple[int, ...] = ()
    deepen_every: int | None = None
    first_layers: int = 6
    decisions: tuple[Decision, ...] = field(init=False, repr=False)
    _ends: tuple[int, ...] = field(init=False, repr=False)  # how many decisions there are up to each layer's end

    def __post_init__(self) -> None:
        set_value = object.__setattr__
        set_value(self, "num_layers", positive_integer("num_layers", self.num_layers, MAX_ENTRIES))
        set_value(self, "predict_strides", bool(self.predict_strides))
        pools = [integer(number) for number in self.pool_after]
        if any(number is None or not 0 <= number < self.num_layers for number in pools):
            given = quoted(list(self.pool_after))
            raise ValueError(f"pool_after must be numbers of layers from 0 to {self.num_layers - 1}, got {given}")
        set_value(self, "pool_after", tuple(sorted(set(pools))))
        set_value(self, "first_layers", positive_integer("first_layers", self.first_layers))
        if self.deepen_every is not None:
            set_value(self, "deepen_every", positive_integer("deepen_every", self.deepen_every))
            if self.num_layers <= self.first_layers:
                raise ValueError(
                    f"networks that deepen begin with {self.first_layers} layers: num_layers must be more, got "
                    f"{self.num_layers}"
                )
        decisions, ends = [], []
        for index in range(self.num_layers):
            name = layer_output(index)
            decisions += [Decision(f"{name}_{what}", tuple(map(str, legal))) for what, legal in self.shape_decisions]
            decisions += [Decision(f"{name}_reads_{layer_output(read)}", READS) for read in range(index)]
            ends.append(len(decisions))
        set_value(self, "decisions", tuple(decisions))
        set_value(self, "_ends", tuple(ends))

    @property
    def shape_decisions(self) -> tuple[tuple[str, tuple[int, ...]], ...]:
        """The decisions of every layer, except for its inputs, and the numbers to choose from, in order."""
        strides = (("stride_height", CHAIN_STRIDES), ("stride_width", CHAIN_STRIDES)) if self.predict_strides else ()
        return (("height", CHAIN_KERNELS), ("width", CHAIN_KERNELS), *strides, ("filters", CHAIN_FILTERS))

    def at(self, trial: int) -> "ChainSpace":
        if self.deepen_every is None:
            return self
        layers = min(self.num_layers, self.first_layers + _MORE * (trial // self.deepen_every))
        pools = tuple(number for number in self.pool_after if number < layers)
        return dataclasses.replace(self, num_layers=layers, pool_after=pools, deepen_every=None)

    def decode(self, choices: Sequence[int]) -> ChainGenotype:
        picked, layers, start = self.pick(choices), [], 0
        sizes = len(self.shape_decisions)
        while start < len(picked):
            height, width, *strides, filters = map(int, picked[start : start + sizes])
            reads = picked[start + sizes : start + sizes + len(layers)]
            inputs = [layer_output(read) for read, yes in enumerate(reads) if yes == "yes"]
            start += sizes + len(layers)
            layers.append(ChainLayer((height, width), filters, inputs, tuple(strides) or (1, 1)))
        return ChainGenotype(layers, [layer_output(number) for number in self.pool_after if number < len(layers)])

    def encode(self, genotype: ChainGenotype) -> Choices:
        if not isinstance(genotype, ChainGenotype):
            raise ValueError(f"expected a ChainGenotype, got {quoted(genotype, 80)}")
        layers = len(genotype.layers)
        if layers > self.num_layers or (self.deepen_every is None and layers != self.num_layers):
            at_most = "" if self.deepen_every is None else "at most "
            raise ValueError(f"a genotype must have {at_most}{self.num_layers} layers, got {layers}")
        pooled = tuple(layer_output(number) for number in self.pool_after if number < layers)
        if genotype.pooled != pooled:
            expected, given = (", ".join(names) or "no layer" for names in (pooled, genotype.pooled))
            raise ValueError(f"a genotype must pool {expected}, got {given}")
        names: list[str] = []
        for index, layer in enumerate(genotype.layers):
            if not self.predict_strides and layer.strides != (1, 1):
                raise ValueError(f"{layer_output(index)} must have strides 1x1 in this space, got {layer}")
            strides = layer.strides if self.predict_strides else ()
            names += map(str, (*layer.kernel, *strides, layer.filters))
            names += [READS[layer_output(read) in layer.inputs] for read in range(index)]
        return self.find(names)

    def legal_length(self, length: int) -> bool:
        return super().legal_length(length) or (self.deepen_every is not None and length in self._ends)
