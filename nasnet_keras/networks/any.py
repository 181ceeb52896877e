"""Genotypes of any kind, of cells, layers, chains or a benchmark: how one is read, and the network that is made of it.

This is the one place that knows all kinds; whoever takes a genotype of any kind calls these functions.
"""

from pathlib import Path
from typing import Any

from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.genotypes.cells import Genotype
from nasnet_keras.genotypes.chain import ChainGenotype
from nasnet_keras.genotypes.macro import MacroGenotype
from nasnet_keras.genotypes.nasbench201 import NASBench201Genotype
from nasnet_keras.genotypes.reading import resolve_genotype
from nasnet_keras.utils.checks import quoted

__all__ = ["network_config", "network_from_genotype", "size_arguments"]

_SIZES: dict[type[BaseGenotype], tuple[str, ...]] = {
    Genotype: ("num_repeats", "filters", "stem"),
    MacroGenotype: ("filters",),
    ChainGenotype: (),
    NASBench201Genotype: ("num_repeats", "filters"),
}
# Arguments of networks of cells that say nothing of others, and the values by which a caller asks for none of them.
_OF_CELLS: dict[str, Any] = {"auxiliary_head": False, "drop_path_rate": 0.0}


def size_arguments(genotype: BaseGenotype) -> tuple[str, ...]:
    """The names of the arguments that say how large a genotype's network is, apart from its genotype.

    Example:
        >>> size_arguments(nk.genotypes.ENAS_MACRO)
        ('filters',)
    """
    return _SIZES[type(genotype)]


def network_config(genotype: BaseGenotype | str | Path, input_shape: Any = None, **network: Any) -> Any:
    """The validated arguments of a genotype's network; its `build` describes the network to a builder.

    Args:
        genotype: of any kind; see `resolve_genotype`.
        input_shape: `(height, width, channels)` or None.
        **network: further arguments of `NASNetFromGenotype` for cells, of `ENASMacro` for a `MacroGenotype`, of
            `ChainFromGenotype` for a `ChainGenotype`, of `NASBench201FromGenotype` for a `NASBench201Genotype`.

    Raises:
        ValueError: an argument is out of range, or is for networks of another kind.
    """
    from nasnet_keras.networks.cells import NetworkConfig
    from nasnet_keras.networks.chain import ChainConfig
    from nasnet_keras.networks.macro import MacroConfig
    from nasnet_keras.networks.nasbench201 import NASBench201Config

    genotype = resolve_genotype(genotype)
    if isinstance(genotype, Genotype):
        return NetworkConfig.of(genotype, input_shape=input_shape, **network)
    configs = {MacroGenotype: MacroConfig, ChainGenotype: ChainConfig, NASBench201Genotype: NASBench201Config}
    config = configs[type(genotype)]
    return config(genotype=genotype, input_shape=input_shape, **_without_cells(genotype, network))


def network_from_genotype(genotype: BaseGenotype | str | Path, input_shape: Any = None, **network: Any) -> Any:
    """The Keras model of a genotype; the arguments are those of `network_config`, `weights`, `input_tensor` and `name`.

    Raises:
        ValueError: what that function raises which makes it, or an argument for networks of another kind.

    Example:
        >>> network_from_genotype("enas_macro", (8, 8, 1), filters=2).output_shape
        (None, 10)
    """
    from nasnet_keras.networks.cells import NASNetFromGenotype
    from nasnet_keras.networks.chain import ChainFromGenotype
    from nasnet_keras.networks.macro import ENASMacro
    from nasnet_keras.networks.nasbench201 import NASBench201FromGenotype

    genotype = resolve_genotype(genotype)
    if isinstance(genotype, Genotype):
        return NASNetFromGenotype(genotype, input_shape, **network)
    makers = {
        MacroGenotype: ENASMacro,
        ChainGenotype: ChainFromGenotype,
        NASBench201Genotype: NASBench201FromGenotype,
    }
    make = makers[type(genotype)]
    return make(genotype=genotype, input_shape=input_shape, **_without_cells(genotype, network))


def _without_cells(genotype: BaseGenotype, network: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a network of another kind, of which recipes do not know that it has no such parts."""
    for name, none in _OF_CELLS.items():
        if network.get(name, none) != none:
            raise ValueError(
                f"{name}={quoted(network[name])} is for networks of cells: a {type(genotype).__name__} has no such "
                f"part, and a recipe for it leaves drop_path_rate and auxiliary_weight at 0"
            )
    return {name: value for name, value in network.items() if name not in _OF_CELLS}
