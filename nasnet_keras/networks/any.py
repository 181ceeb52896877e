"""Networks of genotypes of any kind. The kinds are the rows of `nasnet_keras.genotypes.kinds`."""

import dataclasses
from importlib import import_module
from pathlib import Path
from typing import Any

from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.genotypes.kinds import kind_of
from nasnet_keras.genotypes.reading import resolve_genotype
from nasnet_keras.networks.base import NetworkConfig
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.near import nearest

__all__ = ["network_config", "network_from_genotype", "size_arguments", "taken_arguments"]

# Arguments that recipes give for networks of every kind, and the values by which they ask for nothing.
_OF_CELLS: dict[str, Any] = {"auxiliary_head": False, "drop_path_rate": 0.0}
_OF_MODELS = ("input_tensor", "name", "weights")  # what networks take when they are built, besides


def size_arguments(genotype: BaseGenotype) -> tuple[str, ...]:
    """The names of the arguments that say how large a genotype's network is.

    Example:
        >>> size_arguments(nk.genotypes.ENAS_MACRO)
        ('filters',)
    """
    return _config(genotype).SIZES


def taken_arguments(config: type[NetworkConfig]) -> list[str]:
    """The names of the arguments that networks of a kind take, besides the genotype and the shape of images.

    Example:
        >>> from nasnet_keras.networks.macro import MacroConfig
        >>> taken_arguments(MacroConfig)[-3:]
        ['filters', 'include_top', 'pooling']
    """
    names = {field.name for field in dataclasses.fields(config) if field.init}
    return sorted(names - {"genotype", "input_shape"})


def network_config(genotype: BaseGenotype | str | Path, input_shape: Any = None, **network: Any) -> NetworkConfig:
    """The checked arguments of a genotype's network. Their `build` describes the network to a builder.

    Args:
        genotype: a genotype of any kind; see `resolve_genotype`.
        input_shape: `(height, width, channels)` or None.
        **network: further arguments of the function that builds networks of this kind: `NASNetFromGenotype`,
            `ENASMacro`, `ChainFromGenotype`, `NASBench201FromGenotype` or `StagesFromGenotype`.

    Raises:
        ValueError: an argument is out of range, or is for networks of another kind.
    """
    genotype = resolve_genotype(genotype)
    config = _config(genotype)
    return config(genotype=genotype, input_shape=input_shape, **_arguments(config, network, ()))


def network_from_genotype(genotype: BaseGenotype | str | Path, input_shape: Any = None, **network: Any) -> Any:
    """Build the Keras model of a genotype of any kind.

    Args:
        genotype: see `resolve_genotype`.
        input_shape: `(height, width, channels)` or None.
        **network: the arguments of `network_config`, `weights`, `input_tensor` and `name`.

    Raises:
        ValueError: an argument is not legal, or is for networks of another kind.

    Example:
        >>> network_from_genotype("enas_macro", (8, 8, 1), filters=2).output_shape
        (None, 10)
    """
    genotype = resolve_genotype(genotype)
    kind = kind_of(genotype)
    build = getattr(_module(genotype), kind.function.rpartition(".")[2])
    return build(genotype=genotype, input_shape=input_shape, **_arguments(_config(genotype), network, _OF_MODELS))


def _module(genotype: BaseGenotype) -> Any:
    return import_module(f"nasnet_keras.networks.{kind_of(genotype).module}")


def _config(genotype: BaseGenotype) -> type[NetworkConfig]:
    return getattr(_module(genotype), kind_of(genotype).config)


def _arguments(config: type[NetworkConfig], network: dict[str, Any], more: tuple[str, ...]) -> dict[str, Any]:
    """The arguments without those of networks of cells, if this network has no such parts and none is asked for."""
    taken = taken_arguments(config)
    others = _OF_CELLS.keys() - set(taken)
    for name in _OF_CELLS:
        if name in others and network.get(name, _OF_CELLS[name]) != _OF_CELLS[name]:
            raise ValueError(
                f"{name}={quoted(network[name])} is for networks of cells: a {config.KIND.__name__} has no such "
                f"part, and a recipe for it leaves drop_path_rate and auxiliary_weight at 0"
            )
    for name, value in network.items():
        if name not in {*taken, *others, *more}:
            near = nearest(name, [*taken, *more])
            hint = f"; did you mean {near!r}?" if near else ""
            raise ValueError(
                f"{name}={quoted(value)} is not for a {config.KIND.__name__}, whose networks take "
                f"{', '.join(taken)}{hint}"
            )
    return {name: value for name, value in network.items() if name not in others}
