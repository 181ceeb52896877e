"""Equal networks are one: what no trial of a search repeats, and what earlier versions repeated."""

import contextlib
import functools
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from nasnet_keras.genotypes.base import BaseGenotype, GenotypeError
from nasnet_keras.genotypes.reading import genotype_from_plain
from nasnet_keras.utils.workdir import STUDY, recorded

__all__ = ["CHOICES", "FACT", "NETWORKS", "distinct_by", "is_listed", "network_name"]

NETWORKS, CHOICES = "networks", "choices"
"""What the trials of a study differ by.

By networks: algorithms draw again if they were told of a network, under any spelling, and a trial of one that was
judged has its result. By choices, in studies of earlier versions: algorithms that learn draw again if they were told of
a choice vector, and every child is judged.
"""
FACT = "distinct_by"
"""The name of that fact in `study.json`; earlier versions wrote none."""


def distinct_by(workdir: str | Path) -> str:
    """Return what the trials of a study differ by: a new one's by networks, one's of an earlier version by choices.

    Example:
        >>> distinct_by("nowhere")
        'networks'
    """
    config = recorded(workdir, STUDY)
    found = config.get(FACT, CHOICES) if config else NETWORKS
    return found if found in (NETWORKS, CHOICES) else NETWORKS  # a later version's study is refused when it is opened


@functools.lru_cache(4096)
def network_name(genotype: BaseGenotype | str, listed: bool = True) -> str:
    """Name a network: the name is the same for all genotypes that describe it.

    It is the fingerprint of the genotype's one spelling (see `BaseGenotype.canonical`). A string, such as a benchmark's
    name of a cell, is its own name where a table lists it: a table has equal networks apart, each with figures of its
    own. Where networks are built, a string has the name of the network that is built of it.

    Args:
        genotype: the genotype.
        listed: whether strings are those of a table.

    Example:
        >>> from nasnet_keras import Block, Cell, Edge, Genotype
        >>> left, right = Edge("identity", "current"), Edge("max_pool_3x3", "previous")
        >>> cells = (Cell([Block(*edges)], ["block_0"]) for edges in ((left, right), (right, left)))
        >>> len({network_name(Genotype(cell, cell)) for cell in cells}), network_name("|none~0|")
        (1, '|none~0|')
    """
    value = genotype
    if isinstance(genotype, str) and not listed:
        with contextlib.suppress(GenotypeError):  # of strings that the package does not know
            value = genotype_from_plain(genotype)
    return value.canonical().fingerprint if isinstance(value, BaseGenotype) else value


def is_listed(config: Mapping[str, Any]) -> bool:
    """Whether the networks of a search, by the values of its settings, are looked up in a table."""
    return config.get("table") is not None
