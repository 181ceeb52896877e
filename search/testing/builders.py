"""The rules of builders."""

import inspect
from collections.abc import Callable, Iterator
from typing import Any

from nasnet_keras.genotypes.chain import ChainGenotype, ChainLayer
from nasnet_keras.genotypes.macro import MacroGenotype, MacroLayer
from nasnet_keras.genotypes.operation_builder import OperationBuilder, Tensor
from nasnet_keras.genotypes.operations import MACRO_APPLY, NASBENCH201_APPLY, OPERATIONS
from nasnet_keras.genotypes.stages import Stage, StageGenotype
from nasnet_keras.networks.any import network_config
from nasnet_keras.networks.base import NetworkConfig
from nasnet_keras.networks.builder import Builder
from nasnet_keras.search.testing.contract import allowed, require
from nasnet_keras.utils.checks import quoted

__all__ = ["check_builder"]

_CLASSES = 7
_SHAPE = (21, 20, 3)

Image = Callable[[Any, tuple[int, int, int]], Tensor]
"""`(builder, (height, width, channels)) -> tensor`: an image, or a map, that a builder can read."""


def check_builder(make: Callable[[], OperationBuilder], image: Image) -> None:
    """Check the rules of a builder on every operation and, if it is a `Builder`, on a network of every kind.

    Args:
        make: returns a new builder.
        image: `(builder, (height, width, channels)) -> tensor`; returns a tensor that the builder can read.

    Raises:
        ContractError: a rule is broken.

    Example:
        >>> from nasnet_keras.networks.cost import CostBuilder
        >>> check_builder(CostBuilder, lambda builder, shape: builder.input(*shape))
    """
    builder = make()
    require(isinstance(builder, OperationBuilder), f"expected an OperationBuilder, got {quoted(builder)}")
    _check_signatures(type(builder))
    _check_operations(make, image)
    if isinstance(builder, Builder):
        _check_networks(make, image)


def _check_signatures(kind: type[OperationBuilder]) -> None:
    interface = Builder if issubclass(kind, Builder) else OperationBuilder
    for name in sorted(interface.__abstractmethods__):
        expected, found = (_parameters(getattr(one, name)) for one in (interface, kind))
        require(found == expected, f"{name} must take the arguments {_text(expected)}, not {_text(found)}")


def _check_operations(make: Callable[[], OperationBuilder], image: Image) -> None:
    for name, apply, channels, filters, stride in _cases():
        rule = f"the operation {name} at stride {stride} must "
        with allowed(f"{rule}be described"):
            builder = make()
            found = _sizes(apply(builder, image(builder, (9, 6, channels)), filters, stride))
        expected = (-(-9 // stride), -(-6 // stride), filters)
        require(found == expected, f"{rule}make a map of {expected}, not of {found}")


def _check_networks(make: Callable[[], Builder], image: Image) -> None:
    for network in _networks():
        rule = f"a network of a {type(network.genotype).__name__} must "
        with allowed(f"{rule}be described"):
            builder = make()
            outputs = network.build(builder, image(builder, _SHAPE))
        for output in outputs.values() if isinstance(outputs, dict) else (outputs,):
            require(_sizes(output) == (_CLASSES,), f"{rule}end in {_CLASSES} classes, not in {_sizes(output)}")


def _parameters(method: Callable[..., Any]) -> list[tuple[str, Any, Any]]:
    return [(one.name, one.kind, one.default) for one in inspect.signature(method).parameters.values()]


def _text(parameters: list[tuple[str, Any, Any]]) -> str:
    missing = inspect.Parameter.empty
    return ", ".join(name if default is missing else f"{name}={default!r}" for name, _, default in parameters)


def _sizes(x: Tensor) -> tuple[int, ...]:
    """The shape of a tensor without its batch."""
    return tuple(x.shape)[1:]


def _cases() -> Iterator[tuple[str, Callable[..., Tensor], int, int, int]]:
    """Every operation: its name, `(builder, x, filters, stride) -> y`, channels, filters and stride."""
    for name, operation in OPERATIONS.items():
        for channels, filters in ((8, 8), (5, 6), (4, 3)):
            for stride in (1, 2):
                yield name, lambda *given, at=operation: at.apply(*given, "operation"), channels, filters, stride
    for name, once in (*MACRO_APPLY.items(), *NASBENCH201_APPLY.items()):
        yield name, lambda builder, x, filters, _, at=once: at(builder, x, filters, "operation"), 8, 8, 1


def _networks() -> Iterator[NetworkConfig]:
    """A small network of every kind. Together they use every primitive."""
    layers = [MacroLayer("conv_3x3"), MacroLayer("sep_conv_3x3"), MacroLayer("avg_pool_3x3", ["layer_0"])]
    chain = [ChainLayer((1, 3), 24, strides=(2, 1)), ChainLayer((3, 3), 24, ["layer_0"]), ChainLayer((1, 1), 36)]
    bench = "|nor_conv_3x3~0|+|none~0|skip_connect~1|+|avg_pool_3x3~0|skip_connect~1|nor_conv_1x1~2|"
    stages = [
        Stage("inverted_bottleneck", 5, 8, 2, 2, 3, 0.25),
        Stage("conv", 3, 8),
        Stage("depthwise", 3, 8, skip="pool"),
    ]
    small = {"num_repeats": 1, "filters": 4}
    common = {"input_shape": _SHAPE, "classes": _CLASSES, "dropout_rate": 0.1}
    yield network_config("nasnet_a", **small, **common, auxiliary_head=True)
    yield network_config(MacroGenotype(layers), filters=4, **common)
    yield network_config(ChainGenotype(chain, ["layer_0"]), **common)
    yield network_config(bench, **small, **common)
    yield network_config(StageGenotype(stages, stem=4, head=16), **common)
