"""Macro genotypes: a layer-wise architecture as a value.

A layer-wise network is a chain. A layer applies its operation to the output just before it and joins the result with
outputs further back, its *skips*. Outputs have names: `"stem"`, and layer number `i` makes `"layer_i"`.
"""

from collections import Counter
from dataclasses import dataclass
from typing import Any, ClassVar

from nasnet_keras.genotypes.base import (
    BaseGenotype,
    GenotypeError,
    check_earlier,
    checked,
    fields,
    items,
    require,
    tuple_of,
)
from nasnet_keras.genotypes.operations import MACRO_OPERATIONS
from nasnet_keras.genotypes.picture import Row
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.near import suggestion

__all__ = ["STEM", "MacroGenotype", "MacroLayer", "layer_output", "reduction_places"]

STEM = "stem"


def layer_output(index: int) -> str:
    """Name the output of layer number `index`: `layer_output(2) == "layer_2"`."""
    return f"layer_{index}"


def reduction_places(layers: int) -> tuple[int, ...]:
    """Indices of the layers after which an ENAS macro network halves its maps: at 1/3 and 2/3 of its depth.

    Example:
        >>> reduction_places(24), reduction_places(2)
        ((7, 15), ())
    """
    third = layers // 3
    return (third - 1, 2 * third - 1) if third else ()


@dataclass(frozen=True)
class MacroLayer:
    """An operation, and the earlier outputs that its result is joined with.

    Attributes:
        operation: one of `MACRO_OPERATIONS`. Its input is the output just before it.
        skips: names of outputs before its input, in order.

    Raises:
        GenotypeError: the operation is unknown, or the skips are not a sequence of names.

    Example:
        >>> str(MacroLayer("conv_5x5", ["stem", "layer_0"]))
        'conv_5x5 + stem + layer_0'
    """

    operation: str
    skips: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        require(self.operation, str, "a layer's operation")
        if self.operation not in MACRO_OPERATIONS:
            hint = suggestion(self.operation, MACRO_OPERATIONS)
            raise GenotypeError(f"unknown operation {quoted(self.operation)} of a layer: {hint}")
        object.__setattr__(self, "skips", tuple_of(self.skips, str, "a layer's skips", empty=True))

    def __str__(self) -> str:
        return " + ".join((self.operation, *self.skips))


@dataclass(frozen=True)
class MacroGenotype(BaseGenotype):
    """A whole layer-wise architecture.

    Attributes:
        layers: from 1 to 1,000 layers. Layer `i` reads the output just before it and may skip to any earlier one.

    Raises:
        GenotypeError: a skip is not an output before the layer's input, or is listed twice or out of order; or the
            number of layers is not legal.

    Source: ENAS' macro search space (Pham et al. 2018, section 2.3).

    Example:
        >>> genotype = MacroGenotype([MacroLayer("conv_3x3"), MacroLayer("max_pool_3x3", ["stem"])])
        >>> genotype.outputs
        ('stem', 'layer_0', 'layer_1')
        >>> MacroGenotype.from_json(genotype.to_json()) == genotype
        True
    """

    FORMAT: ClassVar[str] = "nasnet_keras.macro_genotype"

    layers: tuple[MacroLayer, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", tuple_of(self.layers, MacroLayer, "a macro genotype's layers"))
        places = {output: place for place, output in enumerate(self.outputs)}
        for index, layer in enumerate(self.layers):
            # The output at place `index` is the layer's input.
            reader = f"{layer_output(index)} skips to"
            check_earlier(layer.skips, places, index, reader, "output before its input")

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of all outputs, the stem's first, then one for each layer."""
        return (STEM, *map(layer_output, range(len(self.layers))))

    def describe(self) -> str:
        """Describe the genotype in words, a line for each layer."""
        skips = sum(len(layer.skips) for layer in self.layers)
        lines = [f"{len(self.layers)} layers, {skips} skips"]
        for source, index, layer in zip(self.outputs, range(len(self.layers)), self.layers, strict=False):
            joined = "".join(f" + {skip}" for skip in layer.skips)
            lines.append(f"  {layer_output(index)} = {layer.operation}({source}){joined}")
        return "\n".join(lines)

    def operation_counts(self) -> dict[str, Counter[str]]:
        return {"layers": Counter(layer.operation for layer in self.layers)}

    def rows(self) -> tuple[Row, ...]:
        numbers = {output: number for number, output in enumerate(self.outputs)}
        places = reduction_places(len(self.layers))
        rows = [Row(STEM)]
        for index, layer in enumerate(self.layers):
            skips = (numbers[skip] for skip in layer.skips)
            mark = "size / 2" if index in places else None
            rows.append(Row(layer_output(index), (layer.operation,), (*skips, index), mark))
        return tuple(rows)

    def to_plain(self) -> dict[str, Any]:
        layers = [{"operation": layer.operation, "skips": list(layer.skips)} for layer in self.layers]
        return {"format": self.FORMAT, "version": self.VERSION, "layers": layers}

    @classmethod
    def from_plain(cls, plain: object) -> "MacroGenotype":
        top = checked(plain, cls, ("layers",), "a macro genotype")
        layers = items(top["layers"], "a macro genotype's layers")
        return cls([MacroLayer(**fields(layer, ("operation", "skips"), "a layer")) for layer in layers])
