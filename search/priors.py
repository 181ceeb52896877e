"""Priors by name or path: the rewards of a table of trained networks, or of an earlier study."""

import zlib
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

from nasnet_keras.search import registry, spaces, tables
from nasnet_keras.search.spaces.tables import fitting, read
from nasnet_keras.search.study.folder import load_study
from nasnet_keras.search.study.trial import EQUAL
from nasnet_keras.search.surrogates.prior import Prior
from nasnet_keras.utils.checks import quoted

__all__ = ["PRIORS", "read_prior"]

PRIORS: Mapping[str, str] = MappingProxyType({"nasnet_cifar10": "nasnet_cells_cifar10"})
"""The names of priors, and of the tables that ship with the package which they are."""

_LEAST = 4  # networks


def read_prior(name: str | Path) -> Prior:
    """Read a prior.

    Args:
        name: one of `PRIORS`, the name or the file of a table, or the folder of a study, of which all successful
            trials are known, random ones too.

    Raises:
        ValueError: there is none, it cannot be read, or it knows fewer than four networks.

    Example:
        >>> prior = read_prior("nasnet_cifar10")
        >>> len(prior.networks) == len(prior.rewards) > 4
        True
    """
    try:
        named = str(name) in (*PRIORS, *tables.names())
        known = _of_study(Path(name)) if not named and Path(name).is_dir() else _of_table(PRIORS.get(str(name), name))
    except FileNotFoundError:
        names = ", ".join((*PRIORS, *tables.names()))
        raise ValueError(f"prior={quoted(str(name))} is no file, no folder, and none of {names}") from None
    except (OSError, ValueError) as error:
        raise ValueError(f"prior={quoted(str(name))}: {error}") from None
    if len(known) < _LEAST:
        raise ValueError(f"prior={quoted(str(name))} knows {len(known)} networks: {_LEAST} at least are needed")
    texts = sorted(f"{getattr(network, 'fingerprint', network)} {reward!r}" for network, reward in known)
    networks, rewards = zip(*known, strict=True)
    return Prior(str(name), networks, rewards, f"{zlib.crc32(repr(texts).encode()):08x}")


def _of_table(name: str | Path) -> list[tuple[Any, float]]:
    space = fitting(tables.located(name))
    made = spaces.make(space)
    entries = read(name, registry.space(space).load().benchmark)
    return [(_network(made, genotype), entry.reward) for genotype, entry in entries.items()]


def _of_study(path: Path) -> list[tuple[Any, float]]:
    study = load_study(path)
    name = study.config.get("space")
    made = spaces.make(name) if name in registry.SPACES else None
    trials = (
        trial for trial in (*study.trials, *study.random_trials) if trial.status == "ok" and EQUAL not in trial.metrics
    )
    return [(_network(made, trial.genotype), trial.reward) for trial in trials]


def _network(space: Any, genotype: Any) -> Any:
    """What a genotype's network is built of; the genotype itself if the space cannot say it."""
    architecture = None if space is None else space.architecture(genotype)
    return genotype if architecture is None else architecture
