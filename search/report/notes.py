"""The section on what the algorithm learnt."""

from typing import Any

from nasnet_keras.pages.markup import figure, integer, section, table, text
from nasnet_keras.search.report.facts import Facts

__all__ = ["notes"]


def notes(facts: Facts) -> str:
    """Tabulate the notes of the algorithm; empty if it has none."""
    tables = (facts.result or {}).get("notes", {})
    return section("notes", "What the algorithm learnt", *(_table(title, rows) for title, rows in tables.items()))


def _table(title: str, rows: list[dict[str, Any]]) -> str:
    columns = list(rows[0])
    numeric = [place for place, name in enumerate(columns) if not any(isinstance(row[name], str) for row in rows)]
    return table(title, columns, [[_cell(row[name]) for name in columns] for row in rows], numeric)


def _cell(value: Any) -> str:
    if isinstance(value, str):
        return text(value)
    return integer(value) if isinstance(value, int) else figure(value)
