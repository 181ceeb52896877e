"""Tables of benchmarks: what their columns mean, and how they are read."""

import math
import re
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from nasnet_keras.search import registry, tables
from nasnet_keras.search.tables.rows import Row, rows
from nasnet_keras.utils.checks import quoted

__all__ = ["Benchmark", "Entry", "Figure", "fitting", "read", "read_costs"]

_COST = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)


@dataclass(frozen=True)
class Figure:
    """A figure of a network in a table.

    Attributes:
        columns: the column that holds it, or several, whose mean it is.
        scale: factor from the unit of the table to that of the figure.
        whole: whether it is a whole number, which the table may write otherwise.
        optional: whether a network may lack it; its text is then empty, or its number is negative.
    """

    columns: tuple[str, ...]
    scale: float = 1.0
    whole: bool = False
    optional: bool = False

    def of(self, line: Mapping[str, str]) -> float | None:
        """Compute the figure of a line; None if it is missing.

        Raises:
            ValueError: a text is not a finite number.
        """
        values = [_number(column, line[column], self.optional) for column in self.columns]
        if None in values:
            return None
        value = values[0] if len(values) == 1 else sum(values) / len(values)
        return round(value * self.scale) if self.whole else value * self.scale


@dataclass(frozen=True)
class Benchmark:
    """What the columns of a benchmark's table mean.

    Attributes:
        name: the name of the benchmark.
        keys: the columns that name a network together.
        reward: the name of the figure that a search may look at.
        figures: the reward, and the figures by which finalists are judged, by the names of metrics.
        costs: the columns of costs by the names of costs, in the unit that these say.
        named: makes a genotype of the texts of the key columns.
        index: a column of numbers by which another file says more of the same networks; None if there is none.
        repeated: whether a network may stand several times, trained anew; its figures are the means.
        counted: whether the package builds the benchmark's networks by default, so that their costs are counted.
    """

    name: str
    keys: tuple[str, ...]
    reward: str
    figures: Mapping[str, Figure]
    costs: Mapping[str, Figure] = field(default_factory=dict)
    named: Callable[[Sequence[str]], Hashable] = "".join
    index: str | None = None
    repeated: bool = False
    counted: bool = False

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that a table must have."""
        figures = (*self.figures.values(), *self.costs.values())
        return (*self.keys, *dict.fromkeys(column for figure in figures for column in figure.columns))


@dataclass(frozen=True)
class Entry:
    """The figures of one network of a table.

    Attributes:
        reward: the figure that a search may look at.
        tests: all other figures by the names of metrics.
        costs: known costs by name.
        index: the number by which other files name it; empty if the table has none.
    """

    reward: float
    tests: dict[str, float]
    costs: dict[str, float]
    index: str = ""


def read(path: str | Path, benchmark: Benchmark) -> dict[Any, Entry]:
    """Read a benchmark's table: its networks by their genotypes.

    Args:
        path: its file, in CSV, or in JSON lines if its name ends in `.jsonl`; or the name of a table that ships with
            the package, such as `nasnet_cells_cifar10`.
        benchmark: what its columns mean.

    Raises:
        ValueError: the file cannot be read, a column is missing, a figure is not a finite number, a network stands
            twice, or there is none.
    """
    found: dict[Any, list[Entry]] = {}

    def take(line: dict[str, str]) -> None:
        genotype = benchmark.named([line[key] for key in benchmark.keys])
        if genotype in found and not benchmark.repeated:
            raise ValueError(f"the network {getattr(genotype, 'fingerprint', genotype)} stands twice")
        found.setdefault(genotype, []).append(_entry(line, benchmark))

    _read(path, "table", benchmark.columns, take, benchmark)
    return {genotype: _mean(entries) for genotype, entries in found.items()}


def read_costs(path: str | Path, benchmark: Benchmark, table: Mapping[str, Entry]) -> dict[str, dict[str, float]]:
    """Read further costs of all networks of a table: each column but the index is a cost by its name.

    Args:
        path: a CSV file that is joined by the index column of the table. A negative or an empty figure is missing: the
            device cannot run the network.
        benchmark: the benchmark of the table.
        table: the table, as `read` returned it.

    Returns:
        The costs by the genotypes of all networks of the table, and by the names of the columns.

    Raises:
        ValueError: the file cannot be read, an index is not that of a network of the table or stands twice, a network
            has none, or a figure is not a number.
    """
    names = {entry.index: genotype for genotype, entry in table.items()}
    if benchmark.index is None or "" in names:
        raise ValueError(f"cannot join {path} with the table: it has no column {benchmark.index or 'index'}")
    found: dict[str, dict[str, float]] = {}

    def take(line: dict[str, str]) -> None:
        index = line.pop(benchmark.index)
        if index not in names:
            raise ValueError(f"the table has no network with the {benchmark.index} {quoted(index)}")
        if names[index] in found:
            raise ValueError(f"the {benchmark.index} {index} stands twice")
        if not line:
            raise ValueError("it has no column of costs beside the index")
        if illegal := [name for name in line if not _COST.fullmatch(name)]:
            raise ValueError(f"a cost's name has lower-case letters, digits and _ only, got {quoted(illegal[0])}")
        costs = {name: Figure((name,), optional=True).of(line) for name in line}
        found[names[index]] = {name: value for name, value in costs.items() if value is not None}

    _read(path, "costs", (benchmark.index,), take)
    if missing := [index for index, genotype in names.items() if genotype not in found]:
        raise ValueError(
            f"cannot read the costs {path}: it lacks {len(missing)} of the table's {len(names)} networks, as that with "
            f"the {benchmark.index} {missing[0]}"
        )
    return found


def _read(
    path: str | Path,
    what: str,
    columns: Sequence[str],
    take: Callable[[dict[str, str]], None],
    benchmark: Benchmark | None = None,
) -> None:
    """Read a file line by line.

    Args:
        path: the file, or the name of a table.
        what: its contents, for errors.
        columns: the columns that it must have.
        take: takes the texts of a line by their columns; its ValueErrors get the number of the line.
        benchmark: the benchmark whose table it is.

    Raises:
        ValueError: the file cannot be read, or `take` raises one.
    """
    try:
        found = rows(Path(path) if benchmark is None else tables.located(path))
        texts = header = next(found, Row(0, [])).texts
        _check_header(header, columns, benchmark)
        for line, texts in found:
            try:
                if len(texts) != len(header):
                    raise ValueError(f"it has {len(texts)} of {len(header)} columns")
                take(dict(zip(header, texts, strict=True)))
            except ValueError as error:
                raise ValueError(f"line {line}: {error}") from None
        if texts is header:
            raise ValueError("it has no networks")
    except (OSError, ValueError) as error:
        raise ValueError(f"cannot read the {what} {path}: {error}") from None


def _check_header(header: list[str], columns: Sequence[str], benchmark: Benchmark | None) -> None:
    """Raise a ValueError if a column is missing or stands twice; it says if a table is another benchmark's."""
    shown = f"its first line is {quoted(','.join(header), 200)}"
    if missing := [name for name in columns if name not in header]:
        if benchmark is not None and (fit := _fitting(header)):
            whose = f"{registry.space(fit[0]).load().benchmark.name}, for space={fit[0]!r}"
            raise ValueError(f"it is a table of {whose}, and not of {benchmark.name}")
        raise ValueError(f"it has no column {', '.join(missing)}; {shown}")
    if len(set(header)) < len(header):
        raise ValueError(f"it has two columns of one name; {shown}")


def fitting(path: str | Path) -> str:
    """The name of the space whose table a file is, by its columns.

    Raises:
        OSError: it cannot be read.
        ValueError: it is damaged, or no table.

    Example:
        >>> fitting(tables.located("nasnet_cells_cifar10"))
        'nasnet'
    """
    header = next(rows(Path(path)), Row(0, [])).texts
    if not (found := _fitting(header)):
        raise ValueError(f"it is no table of a benchmark; its first line is {quoted(','.join(header), 200)}")
    return found[0]


def _fitting(header: list[str]) -> list[str]:
    """The names of the spaces whose tables have the columns of a header."""
    others = {name: getattr(registry.space(name).load(), "benchmark", None) for name in registry.SPACES}
    return [name for name, other in others.items() if other is not None and {*other.columns} <= {*header}]


def _entry(line: Mapping[str, str], benchmark: Benchmark) -> Entry:
    tests = {name: figure.of(line) for name, figure in benchmark.figures.items()}
    costs = {name: figure.of(line) for name, figure in benchmark.costs.items()}
    known = {name: value for name, value in costs.items() if value is not None}
    index = line.get(benchmark.index, "") if benchmark.index is not None else ""
    return Entry(tests.pop(benchmark.reward), tests, known, index)


def _mean(entries: list[Entry]) -> Entry:
    """The entry of a network that stands in several lines."""
    if len(entries) == 1:
        return entries[0]

    def means(parts: list[dict[str, float]]) -> dict[str, float]:
        shared = [name for name in parts[0] if all(name in part for part in parts)]
        return {name: sum(part[name] for part in parts) / len(parts) for name in shared}

    reward = sum(entry.reward for entry in entries) / len(entries)
    return Entry(reward, means([entry.tests for entry in entries]), means([entry.costs for entry in entries]))


def _number(column: str, text: str, optional: bool) -> float | None:
    """The number of a text; None for a text without one, or a negative number, if the figure may be missing."""
    if optional and not text.strip():
        return None
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        raise ValueError(f"{column} must be a finite number, got {quoted(text)}")
    return None if optional and value < 0 else value
