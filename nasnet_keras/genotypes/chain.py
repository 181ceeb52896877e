"""Chain genotypes: the networks of NAS, layer by layer, as values.

A layer is one convolution. It reads the layers before it that it names, joined in depth, or else the image. Layer
number `i` is called `"layer_i"`.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from nasnet_keras.genotypes.base import (
    BaseGenotype,
    GenotypeError,
    check_earlier,
    checked,
    fields,
    items,
    short,
    tuple_of,
)
from nasnet_keras.genotypes.macro import layer_output
from nasnet_keras.genotypes.order import canonical_order
from nasnet_keras.genotypes.picture import Row
from nasnet_keras.utils.checks import integer

__all__ = ["CHAIN_FILTERS", "CHAIN_KERNELS", "CHAIN_STRIDES", "ChainGenotype", "ChainLayer"]

CHAIN_KERNELS = (1, 3, 5, 7)
"""The legal heights and widths of a layer's filters."""
CHAIN_FILTERS = (24, 36, 48, 64)
"""The legal numbers of a layer's filters."""
CHAIN_STRIDES = (1, 2, 3)
"""The legal strides of a layer, along the height and along the width."""


@dataclass(frozen=True)
class ChainLayer:
    """A convolution with batch normalisation and ReLU, and the layers that it reads.

    Attributes:
        kernel: height and width of its filters, each one of `CHAIN_KERNELS`.
        filters: number of its filters, one of `CHAIN_FILTERS`.
        inputs: names of earlier layers, in order; a layer without inputs reads the image.
        strides: strides along height and width, each one of `CHAIN_STRIDES`.

    Raises:
        GenotypeError: a value is not legal.

    Example:
        >>> print(ChainLayer((3, 5), 48, ["layer_0"], strides=(1, 2)))
        conv_3x5, 48 filters, strides 1x2
    """

    kernel: tuple[int, int]
    filters: int
    inputs: tuple[str, ...] = ()
    strides: tuple[int, int] = (1, 1)

    def __post_init__(self) -> None:
        object.__setattr__(self, "kernel", _pair("kernel", self.kernel, CHAIN_KERNELS))
        object.__setattr__(self, "filters", _one_of("filters", self.filters, CHAIN_FILTERS))
        object.__setattr__(self, "inputs", tuple_of(self.inputs, str, "a layer's inputs", empty=True))
        object.__setattr__(self, "strides", _pair("strides", self.strides, CHAIN_STRIDES))

    def __str__(self) -> str:
        strides = "" if self.strides == (1, 1) else f", strides {self.strides[0]}x{self.strides[1]}"
        return f"conv_{self.kernel[0]}x{self.kernel[1]}, {self.filters} filters{strides}"


@dataclass(frozen=True)
class ChainGenotype(BaseGenotype):
    """A whole network of NAS: a chain of convolutions with skips.

    Attributes:
        layers: from 1 to 1,000 layers. Each may read any earlier ones, so a layer need not read the one just before it.
        pooled: names of layers, in order. A maximum pool halves their output before any layer reads it.

    Raises:
        GenotypeError: an input is not an earlier layer, or is listed twice or out of order; a pooled layer does not
            exist; or the number of layers is not legal.

    Source: Zoph and Le 2017 (arXiv 1611.01578), sections 3.1 and 3.3; pools as in its third network for CIFAR-10.

    Example:
        >>> layers = [ChainLayer((3, 3), 24), ChainLayer((1, 7), 64), ChainLayer((5, 5), 36, ["layer_0"])]
        >>> genotype = ChainGenotype(layers, pooled=["layer_1"])
        >>> genotype.unread
        ('layer_1', 'layer_2')
        >>> ChainGenotype.from_json(genotype.to_json()) == genotype
        True
    """

    FORMAT: ClassVar[str] = "nasnet_keras.chain_genotype"

    layers: tuple[ChainLayer, ...]
    pooled: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        object.__setattr__(self, "layers", tuple_of(self.layers, ChainLayer, "a chain genotype's layers"))
        object.__setattr__(self, "pooled", tuple_of(self.pooled, str, "a chain genotype's pooled layers", empty=True))
        places = {output: place for place, output in enumerate(self.outputs)}
        for index, layer in enumerate(self.layers):
            check_earlier(layer.inputs, places, index, f"{layer_output(index)} reads", "layer before it")
        check_earlier(self.pooled, places, len(places), "the genotype pools", "layer of it")

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names of all layers."""
        return tuple(map(layer_output, range(len(self.layers))))

    @property
    def unread(self) -> tuple[str, ...]:
        """The names of the layers that no layer reads. The classifier reads them."""
        read = {name for layer in self.layers for name in layer.inputs}
        return tuple(name for name in self.outputs if name not in read)

    def canonical(self) -> "ChainGenotype":
        """The one spelling of the network: its layers in the smallest topological order, by the layers that they read,
        their kernels, strides and filters, and whether they are pooled; see `nasnet_keras.genotypes.order`.

        Layers of which neither reads the other may come in any order, and networks that differ only in it are equal, in
        the sense of `BaseGenotype.canonical`: outputs are joined in depth in another order, and the kernels and the
        classifier that read them have their weights in another order, too.

        Example:
            >>> one, other = ChainLayer((3, 3), 24), ChainLayer((1, 1), 36)
            >>> ChainGenotype([one, other]).canonical() == ChainGenotype([other, one]).canonical()
            True
        """
        parts = {name: part for part, name in enumerate(self.outputs)}
        reads = [{parts[name] for name in layer.inputs} for layer in self.layers]
        pooled = {parts[name] for name in self.pooled}

        def described(part: int, places: Mapping[int, int]) -> tuple[Any, ...]:
            layer = self.layers[part]
            inputs = tuple(sorted(places[read] for read in reads[part]))
            return inputs, layer.kernel, layer.strides, layer.filters, part in pooled

        places = canonical_order(reads, described)
        layers = [
            ChainLayer(kernel, filters, tuple(map(layer_output, inputs)), strides)
            for inputs, kernel, strides, filters, _ in (described(part, places) for part in places)
        ]
        return ChainGenotype(layers, [layer_output(place) for part, place in places.items() if part in pooled])

    def describe(self) -> str:
        """Describe the genotype in words, a line for each layer."""
        skips = sum(len(layer.inputs) for layer in self.layers)
        lines, pooled = [f"{len(self.layers)} layers, {skips} connections"], set(self.pooled)
        for name, layer in zip(self.outputs, self.layers, strict=True):
            pool = ", pooled" if name in pooled else ""
            lines.append(f"  {name} = {layer}{pool} ({', '.join(layer.inputs) or 'image'})")
        return "\n".join([*lines, f"  classifier ({', '.join(self.unread)})"])

    def operation_counts(self) -> dict[str, Counter[str]]:
        kernels = Counter("conv_{}x{}".format(*layer.kernel) for layer in self.layers)
        return {"layers": kernels, "numbers of filters": Counter(str(layer.filters) for layer in self.layers)}

    def rows(self) -> tuple[Row, ...]:
        numbers = {name: number for number, name in enumerate(self.outputs, start=1)}
        rows = [Row("image")]
        for name, layer in zip(self.outputs, self.layers, strict=True):
            lines = (*str(layer).split(", "), *(("max_pool_2x2",) if name in self.pooled else ()))
            rows.append(Row(name, lines, tuple(numbers[read] for read in layer.inputs) or (0,)))
        return (*rows, Row("classifier", reads=tuple(numbers[name] for name in self.unread)))

    def to_plain(self) -> dict[str, Any]:
        layers = [
            {
                "kernel": list(layer.kernel),
                "filters": layer.filters,
                "strides": list(layer.strides),
                "inputs": list(layer.inputs),
            }
            for layer in self.layers
        ]
        return {"format": self.FORMAT, "version": self.VERSION, "layers": layers, "pooled": list(self.pooled)}

    @classmethod
    def from_plain(cls, plain: object) -> "ChainGenotype":
        top = checked(plain, cls, ("layers", "pooled"), "a chain genotype")
        layers = items(top["layers"], "a chain genotype's layers")
        names = ("kernel", "filters", "strides", "inputs")
        return cls([ChainLayer(**fields(layer, names, "a layer")) for layer in layers], top["pooled"])


def _one_of(name: str, value: object, legal: tuple[int, ...]) -> int:
    number = integer(value)
    if number not in legal:
        raise GenotypeError(f"a layer's {name} must be one of {', '.join(map(str, legal))}, got {short(value)}")
    return number


def _pair(name: str, values: object, legal: tuple[int, ...]) -> tuple[int, int]:
    if isinstance(values, (str, bytes)) or not isinstance(values, Sequence) or len(values) != 2:
        raise GenotypeError(f"a layer's {name} must be two numbers, for height and width, got {short(values)}")
    height, width = (_one_of(name, value, legal) for value in values)
    return height, width
