"""Children looked up in the table of a benchmark."""

import csv
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from nasnet_keras.search.config import SearchConfig
from nasnet_keras.search.evaluators.base import Evaluator
from nasnet_keras.search.spaces.base import Space
from nasnet_keras.utils.checks import quoted

__all__ = ["TabularEvaluator", "read_table"]

_CELL = "cell"
_REWARD = "validation_accuracy_12_epochs"
_TEST = "test_accuracy_200_epochs"


class TabularEvaluator(Evaluator):
    """Looks children up in a table: the reward is the validation accuracy after 12 epochs, in percent as in the table.

    The test accuracy after 200 epochs is reported for the finalists only, at the end of the search.

    Args:
        config: a configuration whose `table` is a CSV file with the columns `cell`, `validation_accuracy_12_epochs` and
            `test_accuracy_200_epochs`.

    Raises:
        ValueError: the table cannot be read.

    Source: NAS-Bench-201 (Dong and Yang 2020); its search algorithms read the accuracy after 12 epochs.
    """

    def __init__(self, config: SearchConfig) -> None:
        self._table = read_table(config.table)

    def accept(self, space: Space) -> None:
        genotype = space.decode([0] * len(space.decisions))
        if not isinstance(genotype, str):
            raise ValueError(f"a table has strings, and the genotypes of this space are others, as {quoted(genotype)}")

    def facts(self) -> dict[str, Any]:
        text = repr(sorted(self._table.items())).encode()
        return {"table_crc32": f"{zlib.crc32(text):08x}"}

    def evaluate(self, genotype: str, seed: int) -> tuple[float, dict[str, Any]]:
        if genotype not in self._table:
            raise KeyError(f"the table has no cell {genotype}")
        reward, _ = self._table[genotype]
        return reward, {_REWARD: reward}

    def finish(self, genotype: str, seed: int, folder: Path) -> tuple[float, dict[str, Any]]:
        del seed, folder
        reward, test = self._table[genotype]
        return reward, {_REWARD: reward, _TEST: test}


def read_table(path: str | Path) -> dict[str, tuple[float, float]]:
    """Read a benchmark's table: the validation accuracy after 12 epochs and the test accuracy after 200, by cell.

    Raises:
        ValueError: the file does not exist, a column is missing, a figure is not finite, two lines have the same cell,
            or the table is empty.
    """
    try:
        with Path(path).open(encoding="utf-8", newline="") as file:
            rows = csv.reader(file)
            header = next(rows, [])
            missing = [name for name in (_CELL, _REWARD, _TEST) if name not in header]
            if missing:
                raise ValueError(
                    f"it has no column {', '.join(missing)}; its first line is {quoted(','.join(header), 200)}"
                )
            cell, reward, test = (header.index(name) for name in (_CELL, _REWARD, _TEST))
            table = {}
            for row in rows:
                if row[cell] in table:
                    raise ValueError(f"line {rows.line_num}: the cell {row[cell]} stands twice")
                table[row[cell]] = (float(row[reward]), float(row[test]))
        if not table or not np.isfinite(list(table.values())).all():
            raise ValueError("it has a figure that is not finite" if table else "it has no cells")
    except (OSError, ValueError, IndexError, csv.Error) as error:
        reason = f"line {rows.line_num} is cut short" if isinstance(error, IndexError) else error
        raise ValueError(f"cannot read the table {path}: {reason}") from None
    return table
