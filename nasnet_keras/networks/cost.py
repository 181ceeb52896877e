"""The cost of a network: its parameters and multiply-adds, from its genotype. Nothing is built.

Multiply-adds are those of convolutions and dense layers. Batch normalisation, pooling, additions and activations do not
count, by the convention of the papers.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from nasnet_keras.genotypes.operations import OPERATIONS
from nasnet_keras.genotypes.skeleton import auxiliary_map
from nasnet_keras.networks.any import network_config
from nasnet_keras.networks.builder import Builder

__all__ = ["Cost", "CostBuilder", "genotype_cost", "operation_cost"]


@dataclass(frozen=True)
class Cost:
    """The cost of a network, in exact integers.

    Attributes:
        parameters: number of all weights, batch normalisation's moving statistics included.
        trainable_parameters: number of the weights that training updates.
        multiply_adds: multiply-adds for one image.
    """

    parameters: int
    trainable_parameters: int
    multiply_adds: int


@dataclass(frozen=True)
class _Map:
    """A stand-in for a tensor: a shape `(None, height, width, channels)` and nothing else."""

    shape: tuple[int | None, ...]


class CostBuilder(Builder):
    """Runs a network's description on shapes alone and counts. It needs known sizes.

    `LayerBuilder` shares no code with it, so that tests can hold one to the other.
    """

    def __init__(self) -> None:
        self.trainable = self.moving = self.multiply_adds = 0

    def input(self, height: int, width: int, channels: int) -> _Map:
        """An image of this size, to describe a network or an operation on."""
        return _Map((None, height, width, channels))

    def conv(self, x, filters, kernel=(1, 1), *, name, stride=1, dilation=1, relu=True, padding="same"):
        del name, dilation, relu
        strides = (stride, stride) if isinstance(stride, int) else stride
        sizes = x.shape[1:3]
        if padding == "valid":
            sizes = [size - k + 1 for size, k in zip(sizes, kernel, strict=True)]
        out = self._strided(sizes, strides, filters)
        self._kernel(out, math.prod(kernel) * x.shape[-1] * filters)
        return self._normalized(out)

    def plain_conv(self, x, filters, *, name):
        del name
        out = self._strided(x.shape[1:3], (1, 1), filters)
        self._kernel(out, x.shape[-1] * filters)
        return out

    def depthwise_conv(self, x, size, *, name, stride=1, relu=True):
        del name, relu
        out = self._strided(x.shape[1:3], (stride, stride), x.shape[-1])
        self._kernel(out, x.shape[-1] * size * size)
        return self._normalized(out)

    def squeeze_excite(self, x, reduced, *, name):
        del name
        products = 2 * x.shape[-1] * reduced  # on the average, so once an image
        self.trainable += products + reduced + x.shape[-1]
        self.multiply_adds += products
        return x

    def normalize(self, x, *, name):
        del name
        return self._normalized(x)

    def zeros(self, x, *, name):
        del name
        return x

    def separable_conv(self, x, filters, size, *, name, stride=1, dilation=1):
        del name, dilation
        out = self._strided(x.shape[1:3], (stride, stride), filters)
        self._kernel(out, x.shape[-1] * (size * size + filters))
        return self._normalized(out)

    def factorized_reduction(self, x, filters, *, name, relu=True):
        del name, relu
        out = self._strided(x.shape[1:3], (2, 2), filters)
        self._kernel(out, x.shape[-1] * filters)
        return self._normalized(out)

    def pool(self, x, kind, size, stride, *, name):
        del kind, size, name
        return self._strided(x.shape[1:3], (stride, stride), x.shape[-1])

    def combine(self, xs, combine, drop_path_rates=(), *, name):
        del drop_path_rates
        return xs[0] if combine == "add" else self.concat(xs, name=name)

    def concat(self, xs, *, name):
        del name
        return _Map((*xs[0].shape[:3], sum(x.shape[-1] for x in xs)))

    def padded_concat(self, xs, *, name):
        del name
        sizes = (max(sizes) for sizes in zip(*(x.shape[1:3] for x in xs), strict=True))
        return _Map((None, *sizes, sum(x.shape[-1] for x in xs)))

    def relu(self, x, *, name):
        del name
        return x

    def global_pool(self, x, kind, *, name):
        del kind, name
        return _Map((None, x.shape[-1]))

    def dropout(self, x, rate, *, name):
        del rate, name
        return x

    def dense(self, x, units, *, name, activation, use_bias):
        del name, activation
        self.trainable += (x.shape[-1] + use_bias) * units
        self.multiply_adds += x.shape[-1] * units
        return _Map((None, units))

    def auxiliary_head(self, x, units, auxiliary, *, name, activation):
        narrow, wide = auxiliary.filters
        x = _Map((None, *auxiliary_map(x.shape[1:3], auxiliary.stride), x.shape[-1]))
        x = self.conv(x, narrow, name=name)
        if auxiliary.last_normalization:
            self.conv(x, wide, x.shape[1:3], name=name, padding=auxiliary.padding)
        else:
            positions = x.shape[1:3] if auxiliary.padding == "same" else (1, 1)
            self._kernel(_Map((None, *positions, wide)), math.prod(x.shape[1:]) * wide)
        return self.dense(_Map((None, wide)), units, name=name, activation=activation, use_bias=auxiliary.use_bias)

    def cost(self) -> Cost:
        """The cost of all that was described so far."""
        return Cost(self.trainable + self.moving, self.trainable, self.multiply_adds)

    def _strided(self, sizes: Sequence[int], strides: Sequence[int], channels: int) -> _Map:
        return _Map((None, *(-(-size // stride) for size, stride in zip(sizes, strides, strict=True)), channels))

    def _kernel(self, out: _Map, weights: int) -> None:
        self.trainable += weights
        self.multiply_adds += weights * out.shape[1] * out.shape[2]

    def _normalized(self, out: _Map) -> _Map:
        self.trainable += 2 * out.shape[-1]
        self.moving += 2 * out.shape[-1]
        return out


def genotype_cost(genotype: Any, input_shape: tuple[int, int, int] | None = None, **network: Any) -> Cost:
    """The cost of the network that is built with the same arguments, without building it.

    Args:
        genotype: a genotype of any kind, a catalogue name, a JSON text or a path.
        input_shape: `(height, width, channels)`; by default the network's own default.
        **network: `num_repeats`, `filters`, `stem`, `classes` and other arguments of the function that builds the
            network. Arguments that do not change the cost (`weights`, `name`, rates) may be given too.

    Raises:
        ValueError: an argument is not legal, or the input size is unknown.

    Example:
        >>> genotype_cost("nasnet_a").trainable_parameters
        3346538
    """
    described = {key: value for key, value in network.items() if key not in ("weights", "name")}
    config = network_config(genotype, input_shape, **described)
    if None in config.input_shape:
        raise ValueError(f"a cost needs a known input size, got input_shape={config.input_shape}")
    builder = CostBuilder()
    config.build(builder, builder.input(*config.input_shape))
    return builder.cost()


def operation_cost(operation: str, input_shape: tuple[int, int, int], filters: int, stride: int = 1) -> Cost:
    """The cost of one operation of a cell.

    Args:
        operation: its name, one of `OPERATIONS`.
        input_shape: `(height, width, channels)` of the map that it reads.
        filters: number of output channels.
        stride: 1 or 2.

    Example:
        >>> operation_cost("conv_3x3", (8, 8, 4), filters=6).trainable_parameters
        228
    """
    builder = CostBuilder()
    OPERATIONS[operation].apply(builder, builder.input(*input_shape), filters, stride, "operation")
    return builder.cost()
