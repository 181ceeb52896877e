"""A genotype of any kind, from a name, a JSON text, a file, or what other code writes."""

import re
from pathlib import Path
from typing import Any

from nasnet_keras.genotypes import catalogue
from nasnet_keras.genotypes.base import BaseGenotype, GenotypeError, read, short
from nasnet_keras.genotypes.cells import Genotype
from nasnet_keras.genotypes.chain import ChainGenotype
from nasnet_keras.genotypes.conventions import DARTS_FIELDS, from_darts
from nasnet_keras.genotypes.macro import MacroGenotype
from nasnet_keras.genotypes.nasbench201 import NASBench201Genotype

__all__ = ["genotype_from_json", "resolve_genotype"]

_KINDS: dict[str, type[BaseGenotype]] = {kind.FORMAT: kind for kind in (Genotype, MacroGenotype, ChainGenotype)}
_PRINTED = re.compile(r"\s*(\w+\s*=\s*)?Genotype\(")  # by DARTS' code, or in it


def genotype_from_json(text_or_path: str | Path) -> BaseGenotype:
    """Read a genotype of any kind from JSON text (it starts with `{`) or from a file.

    A cell of NAS-Bench-201 is the benchmark's own text, in quotes or without. The fields of one of DARTS' genotypes, as
    JSON, are read as `nasnet_keras.conventions.from_darts` reads them.

    Raises:
        GenotypeError: as `Genotype.from_json` raises it, or the format is unknown.

    Example:
        >>> genotype_from_json(nk.genotypes.ENAS_MACRO.to_json()) == nk.genotypes.ENAS_MACRO
        True
    """
    return read(text_or_path, _from_plain)


def resolve_genotype(genotype: BaseGenotype | str | Path, kind: type[BaseGenotype] = BaseGenotype) -> BaseGenotype:
    """A genotype from itself, a name of the catalogue, a JSON text or a path.

    Args:
        genotype: one of these; or a text that DARTS' code printed or has, `NAME = Genotype(normal=[…], …)`.
        kind: the class that it must be of, where only one will do.

    Raises:
        GenotypeError: it is none of these, or is of another kind.

    Example:
        >>> resolve_genotype("enas_macro") is nk.genotypes.ENAS_MACRO
        True
    """
    found = genotype if isinstance(genotype, BaseGenotype) else _found(genotype)
    if not isinstance(found, kind):
        raise GenotypeError(
            f"expected a {kind.__name__}, got a {type(found).__name__}, which is for networks of another kind; "
            f"nasnet_keras.networks.any.network_from_genotype makes the network of any"
        )
    return found


def _from_plain(plain: object) -> BaseGenotype:
    """The genotype whose JSON values these are, of the kind that they say as `format`."""
    if isinstance(plain, dict) and set(DARTS_FIELDS) <= set(plain) and "format" not in plain:
        return from_darts(plain)
    if isinstance(plain, str) and plain.lstrip().startswith("|"):
        return NASBench201Genotype.from_plain(plain)
    given = plain.get("format") if isinstance(plain, dict) else plain
    if not isinstance(given, str) or given not in _KINDS:
        raise GenotypeError(f"a genotype's format must be one of {', '.join(_KINDS)}, got {short(given)}")
    return _KINDS[given].from_plain(plain)


def _found(genotype: Any) -> BaseGenotype:
    if isinstance(genotype, str):
        if genotype in catalogue.names(BaseGenotype) or _is_unknown_name(genotype):
            return catalogue.get(genotype)
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
