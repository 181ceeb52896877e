"""Priors by name or path: the rewards of a table of trained networks, or of an earlier study.

A study keeps what its prior knew, and goes on with that: tables grow from version to version, as other studies do.
"""

import json
import zlib
from pathlib import Path
from typing import Any

from nasnet_keras.search import registry, spaces, tables
from nasnet_keras.search.registry import PRIORS
from nasnet_keras.search.spaces.tables import fitting, read
from nasnet_keras.search.study.folder import load_study
from nasnet_keras.search.study.trial import EQUAL, genotype_of, genotype_text
from nasnet_keras.search.surrogates.prior import Prior
from nasnet_keras.utils.checks import finite, quoted
from nasnet_keras.utils.files import write_text
from nasnet_keras.utils.lines import whole_lines

__all__ = ["keep_prior", "known_prior", "read_prior"]

_LEAST = 4  # networks
_KEPT = "prior.jsonl"


def read_prior(name: str | Path) -> Prior:
    """Read a prior.

    Args:
        name: one of `registry.PRIORS`, the name or the file of a table, or the folder of a study, of which all
            successful trials are known, random ones too.

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
    return _prior(name, known)


def known_prior(name: str | Path, workdir: str | Path) -> Prior:
    """Read the prior of a search: what its study keeps, or else `read_prior`.

    Args:
        name: as for `read_prior`.
        workdir: the folder of the study, which need not be there.

    Raises:
        ValueError: as `read_prior`, or what the study keeps is damaged.

    Example:
        >>> known_prior("nasnet_cifar10", "nowhere") == read_prior("nasnet_cifar10")
        True
    """
    path = Path(workdir, _KEPT)
    if not path.exists():
        return read_prior(name)
    try:
        lines = [json.loads(line) for line in whole_lines(path)]
        if not all(finite(line["reward"]) for line in lines):
            raise ValueError("a reward is no number")
        return _prior(name, [(genotype_of(line["network"]), line["reward"]) for line in lines])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} is damaged: expected a network and its reward in each line, got {error!r}. Without this file the "
            f"prior is read from {quoted(str(name))} again, and the study goes on if that is unchanged"
        ) from None


def keep_prior(prior: Prior | None, workdir: Path) -> None:
    """Write what the prior of a search knows into the folder of its study, unless it is there or there is none.

    Raises:
        OSError: it cannot be written.
    """
    path = workdir / _KEPT
    if prior is None or path.exists():
        return
    lines = (
        json.dumps({"network": json.loads(genotype_text(network)), "reward": reward}, separators=(",", ":"))
        for network, reward in zip(prior.networks, prior.rewards, strict=True)
    )
    write_text(path, "".join(f"{line}\n" for line in lines))


def _prior(name: str | Path, known: list[tuple[Any, float]]) -> Prior:
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
