"""Tables of trained networks: those that ship with the package, by name, and the rows of any table's file."""

from pathlib import Path

__all__ = ["located", "names"]

_FOLDER = Path(__file__).parent


def names() -> tuple[str, ...]:
    """The names of the tables that ship with the package; each has a card, `NAME.json`, beside its lines.

    Example:
        >>> names()
        ('nasnet_cells_cifar10',)
    """
    return tuple(sorted(path.stem for path in _FOLDER.glob("*.jsonl") if not path.stem.endswith("_repeats")))


def located(table: str | Path) -> Path:
    """The file of a table that is given by name or by path; a name has precedence.

    Raises:
        FileNotFoundError: there is no such file; the message lists the names.

    Example:
        >>> located("nasnet_cells_cifar10").name
        'nasnet_cells_cifar10.jsonl'
    """
    if str(table) in names():
        return _FOLDER / f"{table}.jsonl"
    if not Path(table).exists():
        raise FileNotFoundError(f"there is no such file, and the tables that have names are {', '.join(names())}")
    return Path(table)
