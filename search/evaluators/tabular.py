"""Children looked up in the table of a benchmark."""

import dataclasses
import zlib
from pathlib import Path
from typing import Any

from nasnet_keras.genotypes.base import BaseGenotype
from nasnet_keras.networks.cost import genotype_cost
from nasnet_keras.search import registry
from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.search.spaces.base import Space
from nasnet_keras.search.spaces.tables import Benchmark, read, read_costs
from nasnet_keras.search.study.trial import network_genotype
from nasnet_keras.utils.checks import quoted

__all__ = ["TabularEvaluator"]


class TabularEvaluator(Evaluator):
    """Looks children up in the table of the benchmark whose space is searched, which says what its columns mean.

    The reward is the one figure that a search may look at, in the table's unit; all other figures are reported for the
    finalists only, at the end of the search. Costs are those of the table, those of a further file of costs, and if the
    package builds the benchmark's networks, the counted ones.

    Args:
        config: a configuration with the file of a benchmark as its `table`, or the name of a table that ships with the
            package.

    Raises:
        ValueError: the table or the costs cannot be read, or the table is another benchmark's.
    """

    def __init__(self, config: SearchConfig) -> None:
        self._benchmark: Benchmark = registry.space(config.space).load().benchmark
        self._table = read(config.table, self._benchmark)
        self._further = None if config.costs is None else read_costs(config.costs, self._benchmark, self._table)
        self._counted: dict[str, dict[str, float]] = {}

    def accept(self, space: Space) -> None:
        genotype, kind = space.decode([0] * len(space.decisions)), type(next(iter(self._table)))
        if not isinstance(genotype, kind):
            known = "strings" if kind is str else f"values of {kind.__name__}"
            raise ValueError(f"a table has {known}, and the genotypes of this space are others, as {quoted(genotype)}")

    def facts(self) -> dict[str, Any]:
        rows = {
            _text(name): (row.reward, *row.tests.values(), *row.costs.values()) for name, row in self._table.items()
        }
        further = {} if self._further is None else {"costs_crc32": _crc32(self._further)}
        return {"table_crc32": _crc32(rows), **further}

    def costs(self, genotype: BaseGenotype | str) -> dict[str, float]:
        known = self._table[genotype].costs if genotype in self._table else {}
        further = (self._further or {}).get(genotype, {})
        return {**self._count(genotype), **known, **further}

    def evaluate(self, genotype: BaseGenotype | str, seed: int) -> tuple[float, dict[str, Any]]:
        if genotype not in self._table:
            raise KeyError(f"the table has no network {_text(genotype)}")
        reward = self._table[genotype].reward
        return reward, {self._benchmark.reward: reward}

    def finish(self, genotype: BaseGenotype | str, seed: int, folder: Path) -> tuple[float, dict[str, Any]]:
        del seed, folder
        row = self._table[genotype]
        return row.reward, {self._benchmark.reward: row.reward, **row.tests}

    def _count(self, genotype: BaseGenotype | str) -> dict[str, float]:
        """The counted costs of the benchmark's network, if the package builds it."""
        if self._benchmark.counted and genotype not in self._counted:
            known = network_genotype(genotype)  # None in a table whose cells are named otherwise
            self._counted[genotype] = {} if known is None else dataclasses.asdict(genotype_cost(known))
        return self._counted.get(genotype, {})


def _text(genotype: BaseGenotype | str) -> str:
    return genotype if isinstance(genotype, str) else genotype.fingerprint


def _crc32(rows: dict[str, Any]) -> str:
    return f"{zlib.crc32(repr(sorted(rows.items())).encode()):08x}"
