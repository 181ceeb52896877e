"""The settings of what proposes children: the algorithm and its parameters."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nasnet_keras.search import registry
from nasnet_keras.search.registry import ALGORITHMS, explained
from nasnet_keras.utils import values
from nasnet_keras.utils.groups import Group
from nasnet_keras.utils.settings import documented, grouped, setting
from nasnet_keras.utils.workdir import STUDY, recorded

__all__ = ["AlgorithmSettings", "begun_with"]

_COUNT = values.positive()
_FIRST = "random"  # that of studies which name none


def begun_with(workdir: str | Path) -> str | None:
    """Return the algorithm of the study in a folder, if it searches all spaces; None if there is none.

    An algorithm of some spaces is the default there, and elsewhere an error; one's own is no name.

    Example:
        >>> begun_with("nowhere") is None
        True
    """
    config = recorded(workdir, STUDY)
    found = config.get("algorithm", _FIRST) if config else None
    return found if isinstance(found, str) and found in ALGORITHMS and not ALGORITHMS[found].spaces else None


def _population(plain: Mapping[str, Any]) -> int | None:
    """The size of the population of studies whose files do not say it."""
    return 50 if "population_size" in registry.algorithm(plain["algorithm"]).parameters else None


@documented
@grouped(Group.ALGORITHM)
@dataclass(frozen=True)
class AlgorithmSettings:
    """The algorithm and its parameters; those that belong to other algorithms are None."""

    algorithm: str | None = setting(
        None,
        "Algorithm that proposes children; by default bayesian, nas in the space nas, or enas with a supernet. A study "
        f"goes on with the one it has. {explained(ALGORITHMS)}.",
        values.choice_of_version(*ALGORITHMS),
        usual="bayesian",
        assumed=_FIRST,
    )
    children_per_update: int | None = setting(
        None,
        "Number of children between two updates of a controller, if the algorithm has one; by default 4, or 10 with a "
        "supernet.",
        _COUNT,
        assumed=None,
    )
    population_size: int | None = setting(
        None,
        "Number of the last children that may be parents in evolution, which begins with as many random ones; by "
        "default 50 in tables and with a supernet, else 10.",
        _COUNT,
        assumed=_population,
    )
    beam_size: int | None = setting(
        None,
        "Number of children that progressive search trains at each size of cells, 256 in the paper; by default "
        "--trials divided by the number of sizes: --num_blocks where one cell grows, and one less than twice as many "
        "where two do, in turn.",
        _COUNT,
        assumed=None,
    )
    predictor: str | None = setting(
        None,
        "What predicts rewards in progressive search: mlp (the default) or lstm.",
        values.choice_of_version("mlp", "lstm"),
        assumed=None,
    )
    prior: str | Path | None = setting(
        None,
        "What the algorithm knows of other networks before the first child: nasnet_cifar10 (trained cells of the "
        "package), the file of a table, the folder of an earlier study, or none. How far it holds is learnt. By "
        "default nasnet_cifar10 where children of the space nasnet are trained from scratch, else none.",
        values.path(),
        assumed=None,
    )
