"""A genotype of any kind, from a name, a JSON text, a file, or the text of other code."""

import re
from pathlib import Path
from typing import Any

from nasnet_keras.genotypes import catalogue
from nasnet_keras.genotypes.base import BaseGenotype, GenotypeError, read, short
from nasnet_keras.genotypes.conventions import DARTS_FIELDS, from_darts
from nasnet_keras.genotypes.kinds import KINDS

__all__ = ["genotype_from_json", "genotype_from_plain", "resolve_genotype"]

_PRINTED = re.compile(r"\s*(\w+\s*=\s*)?Genotype\(")  # printed by DARTS' code, or copied from it


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
    return read(text_or_path, genotype_from_plain)


def genotype_from_plain(plain: object) -> BaseGenotype:
    """Make a genotype of any kind of its JSON values, or of the fields of one of DARTS' genotypes.

    Raises:
        GenotypeError: they do not describe a genotype.

    Example:
        >>> genotype_from_plain(nk.genotypes.NASNET_A.to_plain()) == nk.genotypes.NASNET_A
        True
    """
    if isinstance(plain, dict) and set(DARTS_FIELDS) <= set(plain) and "format" not in plain:
        return from_darts(plain)
    classes = [kind.genotype_class for kind in KINDS]
    for genotype_class in classes:
        if genotype_class.is_plain(plain):
            return genotype_class.from_plain(plain)
    given = plain.get("format") if isinstance(plain, dict) else plain
    formats = ", ".join(each.FORMAT for each in classes if each.FORMAT is not None)
    raise GenotypeError(f"a genotype's format must be one of {formats}, got {short(given)}")


def resolve_genotype(genotype: BaseGenotype | str | Path, kind: type[BaseGenotype] = BaseGenotype) -> BaseGenotype:
    """Return a genotype that is given as itself, by a name of the catalogue, as a JSON text or by a path.

    Args:
        genotype: one of these; or a text from DARTS' code or its output, `NAME = Genotype(normal=[…], …)`.
        kind: the class that it must be of.

    Raises:
        GenotypeError: it is not one of these, or of another kind.

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
    """Whether a text looks like a catalogue name, and is not the name of a file."""
    try:
        return text.replace("-", "_").isidentifier() and not Path(text).is_file()
    except OSError:  # longer than a path can be
        return True
