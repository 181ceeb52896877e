"""Genotypes of any kind, of cells, layers, chains or a benchmark: how one is read, and the network that is made of it.

This is the one place that knows all kinds; whoever takes a genotype of any kind calls these functions.
"""

import re
from pathlib import Path
from typing import Any

from nasnet_keras import genotypes
from nasnet_keras.chain_genotype import ChainGenotype
from nasnet_keras.checks import quoted
from nasnet_keras.conventions import DARTS_FIELDS, from_darts
from nasnet_keras.genotype import Genotype
from nasnet_keras.genotype_json import AnyGenotype, GenotypeError, read, short
from nasnet_keras.macro_genotype import MacroGenotype
from nasnet_keras.nasbench201_genotype import NASBench201Genotype

__all__ = ["genotype_from_json", "network_config", "network_from_genotype", "resolve_genotype", "size_arguments"]

_KINDS: dict[str, type[AnyGenotype]] = {kind.FORMAT: kind for kind in (Genotype, MacroGenotype, ChainGenotype)}
_SIZES: dict[type[AnyGenotype], tuple[str, ...]] = {
    Genotype: ("num_repeats", "filters", "stem"),
    MacroGenotype: ("filters",),
    ChainGenotype: (),
    NASBench201Genotype: ("num_repeats", "filters"),
}
_PRINTED = re.compile(r"\s*(\w+\s*=\s*)?Genotype\(")  # by DARTS' code, or in it
# Arguments of networks of cells that say nothing of others, and the values by which a caller asks for none of them.
_OF_CELLS: dict[str, Any] = {"auxiliary_head": False, "drop_path_rate": 0.0}


def genotype_from_json(text_or_path: str | Path) -> AnyGenotype:
    """Read a genotype of any kind from JSON text (it starts with `{`) or from a file.

    A cell of NAS-Bench-201 is the benchmark's own text, in quotes or without. The fields of one of DARTS' genotypes, as
    JSON, are read as `nasnet_keras.conventions.from_darts` reads them.

    Raises:
        GenotypeError: as `Genotype.from_json` raises it, or the format is unknown.

    Example:
        >>> genotype_from_json(genotypes.ENAS_MACRO.to_json()) == genotypes.ENAS_MACRO
        True
    """
    return read(text_or_path, _from_plain)


def resolve_genotype(genotype: AnyGenotype | str | Path, kind: type[AnyGenotype] = AnyGenotype) -> AnyGenotype:
    """A genotype from itself, a name of the catalogue, a JSON text or a path.

    Args:
        genotype: one of these; or a text that DARTS' code printed or has, `NAME = Genotype(normal=[…], …)`.
        kind: the class that it must be of, where only one will do.

    Raises:
        GenotypeError: it is none of these, or is of another kind.

    Example:
        >>> resolve_genotype("enas_macro") is genotypes.ENAS_MACRO
        True
    """
    found = genotype if isinstance(genotype, AnyGenotype) else _found(genotype)
    if not isinstance(found, kind):
        raise GenotypeError(
            f"expected a {kind.__name__}, got a {type(found).__name__}, which is for networks of another kind; "
            f"nasnet_keras.kinds.network_from_genotype makes the network of any"
        )
    return found


def size_arguments(genotype: AnyGenotype) -> tuple[str, ...]:
    """The names of the arguments that say how large a genotype's network is, apart from its genotype.

    Example:
        >>> size_arguments(genotypes.ENAS_MACRO)
        ('filters',)
    """
    return _SIZES[type(genotype)]


def network_config(genotype: AnyGenotype | str | Path, input_shape: Any = None, **network: Any) -> Any:
    """The validated arguments of a genotype's network; its `build` describes the network to a builder.

    Args:
        genotype: of any kind; see `resolve_genotype`.
        input_shape: `(height, width, channels)` or None.
        **network: further arguments of `NASNetFromGenotype` for cells, of `ENASMacro` for a `MacroGenotype`, of
            `ChainFromGenotype` for a `ChainGenotype`, of `NASBench201FromGenotype` for a `NASBench201Genotype`.

    Raises:
        ValueError: an argument is out of range, or is for networks of another kind.
    """
    from nasnet_keras.chain import ChainConfig, MacroConfig
    from nasnet_keras.nasbench201 import NASBench201Config
    from nasnet_keras.network import NetworkConfig

    genotype = resolve_genotype(genotype)
    if isinstance(genotype, Genotype):
        return NetworkConfig.of(genotype, input_shape=input_shape, **network)
    configs = {MacroGenotype: MacroConfig, ChainGenotype: ChainConfig, NASBench201Genotype: NASBench201Config}
    config = configs[type(genotype)]
    return config(genotype=genotype, input_shape=input_shape, **_without_cells(genotype, network))


def network_from_genotype(genotype: AnyGenotype | str | Path, input_shape: Any = None, **network: Any) -> Any:
    """The Keras model of a genotype; the arguments are those of `network_config`, `weights`, `input_tensor` and `name`.

    Raises:
        ValueError: what that function raises which makes it, or an argument for networks of another kind.

    Example:
        >>> network_from_genotype("enas_macro", (8, 8, 1), filters=2).output_shape
        (None, 10)
    """
    from nasnet_keras.chain import ChainFromGenotype, ENASMacro
    from nasnet_keras.nasbench201 import NASBench201FromGenotype
    from nasnet_keras.network import NASNetFromGenotype

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


def _without_cells(genotype: AnyGenotype, network: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a network of another kind, of which recipes do not know that it has no such parts."""
    for name, none in _OF_CELLS.items():
        if network.get(name, none) != none:
            raise ValueError(
                f"{name}={quoted(network[name])} is for networks of cells: a {type(genotype).__name__} has no such "
                f"part, and a recipe for it leaves drop_path_rate and auxiliary_weight at 0"
            )
    return {name: value for name, value in network.items() if name not in _OF_CELLS}


def _from_plain(plain: object) -> AnyGenotype:
    """The genotype whose JSON values these are, of the kind that they say as `format`."""
    if isinstance(plain, dict) and set(DARTS_FIELDS) <= set(plain) and "format" not in plain:
        return from_darts(plain)
    if isinstance(plain, str) and plain.lstrip().startswith("|"):
        return NASBench201Genotype.from_plain(plain)
    given = plain.get("format") if isinstance(plain, dict) else plain
    if not isinstance(given, str) or given not in _KINDS:
        raise GenotypeError(f"a genotype's format must be one of {', '.join(_KINDS)}, got {short(given)}")
    return _KINDS[given].from_plain(plain)


def _found(genotype: Any) -> AnyGenotype:
    if isinstance(genotype, str):
        if genotype in genotypes.names(AnyGenotype) or _is_unknown_name(genotype):
            return genotypes.get(genotype)
        if _PRINTED.match(genotype):
            return from_darts(genotype)
    elif not isinstance(genotype, Path):
        raise GenotypeError(
            f"expected a genotype, a name of the catalogue, JSON text or the path of a file, got {short(genotype)}; "
            f"nasnet_keras.conventions makes genotypes of those of other code"
        )
    return genotype_from_json(genotype)


def _is_unknown_name(text: str) -> bool:
    """Whether a text looks like a catalogue name, and is no file that a genotype could be read from."""
    try:
        return text.isidentifier() and not Path(text).is_file()
    except OSError:  # longer than a path can be
        return True
