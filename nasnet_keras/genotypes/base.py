"""The base of all kinds of genotypes: their JSON form, their fingerprint and the checks of their values.

A genotype's text has at most `MAX_BYTES` bytes, and each of its lists at most `MAX_ENTRIES` entries. Larger ones are
refused before anything is built from them.
"""

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from nasnet_keras.genotypes.picture import Row
from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.json_text import parse, text_of
from nasnet_keras.utils.near import suggestion

__all__ = ["MAX_BYTES", "MAX_ENTRIES", "BaseGenotype", "GenotypeError", "check_earlier", "checked", "fields", "items"]
__all__ += ["read", "require", "short", "tuple_of"]

MAX_BYTES = 1 << 20
"""The largest size of a genotype's text or file, in bytes."""
MAX_ENTRIES = 1000
"""The most blocks of a cell, layers of a network, or states in one list."""

_Made = TypeVar("_Made")


class GenotypeError(ValueError):
    """A genotype, or a file that should hold one, is not legal."""


class BaseGenotype:
    """A genotype of any kind: a frozen value with a JSON form.

    A kind of genotype is a frozen dataclass that inherits from this class, sets `FORMAT`, and defines `describe`,
    `operation_counts`, `rows`, `to_plain` and `from_plain`, and `canonical` if a network can be written in several
    ways. Equal genotypes have equal JSON values and equal fingerprints.

    Attributes:
        FORMAT: the value of the field `format` in its JSON object; None if its JSON form is not an object.
        VERSION: the newest version of that format, from 1.
    """

    FORMAT: ClassVar[str | None] = None
    VERSION: ClassVar[int] = 1

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that name the architecture: equal for equal genotypes, on every machine.

        They are the first 64 bits of the SHA-256 of its JSON values.
        """
        text = json.dumps(self._identity(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _identity(self) -> Any:
        """The JSON values that are hashed: equal for equal genotypes, and different for different ones."""
        return self.to_plain()

    def canonical(self) -> Self:
        """The one spelling of the network, the same for all genotypes of equal networks; of most kinds, itself.

        Two networks are equal if they are built of the same layers in the same places, and differ only in the order in
        which their genotypes list them, in names, and in parts that are never built. With the same arguments, at every
        size, they have equal parameters and multiply-adds; and for any weights of the one there are weights of the
        other, the same numbers in other places, with which both compute the same function. Trained from one seed they
        begin at other weights, so that their results differ as those of two seeds do. Weights that were saved under one
        spelling do not load under another, since layers have other names.

        Networks of other layers that happen to compute the same function are not equal. What may differ is said by each
        kind: `Genotype` (cells), `ChainGenotype`, `StageGenotype` and `NASBench201Genotype`. A `MacroGenotype` has one
        spelling only.

        Example:
            >>> from nasnet_keras.genotypes.nasbench201 import NASBench201Genotype
            >>> cell = NASBench201Genotype.from_plain("|nor_conv_3x3~0|+|none~0|none~1|+|none~0|none~1|none~2|")
            >>> str(cell.canonical())
            '|none~0|+|nor_conv_3x3~0|none~1|+|none~0|none~1|none~2|'
            >>> cell.canonical().canonical() == cell.canonical()
            True
        """
        return self

    def describe(self) -> str:
        """Describe the genotype in words, in one or several lines."""
        raise NotImplementedError

    def operation_counts(self) -> dict[str, Counter[str]]:
        """Count how often each operation stands in each part of the architecture, by the part's name."""
        raise NotImplementedError

    def rows(self) -> tuple[Row, ...]:
        """The boxes of its picture, from top to bottom. Cells have a picture of their own."""
        raise NotImplementedError

    def to_plain(self) -> dict[str, Any]:
        """Convert the genotype to JSON values, with its format and its version."""
        raise NotImplementedError

    @classmethod
    def is_plain(cls, plain: object) -> bool:
        """Whether JSON values say that they are a genotype of this kind."""
        return isinstance(plain, dict) and "format" in plain and plain["format"] == cls.FORMAT

    @classmethod
    def from_plain(cls, plain: object) -> Self:
        """Convert JSON values to a genotype: the inverse of `to_plain`.

        Raises:
            GenotypeError: `plain` does not describe a genotype of this kind.
        """
        raise NotImplementedError

    def to_json(self, indent: int | None = 2) -> str:
        """Convert the genotype to JSON text with a format version, which `from_json` reads back.

        Args:
            indent: spaces of each level, or None for one line.
        """
        return json.dumps(self.to_plain(), indent=indent)

    @classmethod
    def from_json(cls, text_or_path: str | Path) -> Self:
        """Read a genotype from JSON text (it starts with `{`) or from a file.

        Raises:
            GenotypeError: the file does not exist or cannot be read, the text is not JSON or longer than 1 MiB, its
                format version is newer, fields are missing or unknown, or the genotype is illegal. No text raises
                another error.
        """
        return read(text_or_path, cls.from_plain)


def require(value: object, kind: type, what: str) -> None:
    """Raise a GenotypeError unless `value` is a `kind`; `what` names the value in the error."""
    if not isinstance(value, kind):
        raise GenotypeError(f"{what} must be a {kind.__name__}, got {short(value)}")


def tuple_of(values: object, kind: type, what: str, *, empty: bool = False) -> tuple[Any, ...]:
    """Convert a sequence of a kind to a tuple; `what` names it in errors.

    Raises:
        GenotypeError: `values` is not a sequence, one of them is not a `kind`, there are more than `MAX_ENTRIES`, or
            there is none although `empty` is False.
    """
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise GenotypeError(f"{what} must be a sequence of {kind.__name__}, got {short(values)}")
    _check_entries(values, what)
    if not values and not empty:
        raise GenotypeError(f"{what} must not be empty")
    for value in values:
        require(value, kind, f"each of {what}")
    return tuple(values)


def items(values: object, what: str) -> list[Any]:
    """Return a JSON list, or raise a GenotypeError unless it is a list of at most `MAX_ENTRIES` entries."""
    require(values, list, what)
    _check_entries(values, what)
    return values


def _check_entries(values: Any, what: str) -> None:
    if len(values) > MAX_ENTRIES:
        raise GenotypeError(f"{what} must be at most {MAX_ENTRIES:,}, got {len(values):,}")


def check_earlier(names: Sequence[str], places: Mapping[str, int], before: int, reads: str, what: str) -> None:
    """Raise a GenotypeError unless all names stand at legal places, each once and in the order of their places.

    Args:
        names: the names that are read.
        places: the place of each known name.
        before: the first place that is not legal.
        reads: the reader and its verb, for the error: `"layer_2 reads"`.
        what: the kind of a legal name, for the error: `"layer before it"`.
    """
    found = [places.get(name, before) for name in names]
    for name, place in zip(names, found, strict=True):
        if place >= before:
            legal = [name for name, place in places.items() if place < before]
            hint = suggestion(name, legal) if legal else "it has none"
            raise GenotypeError(f"{reads} {quoted(name)}, no {what}: {hint}")
    if found != sorted(set(found)):
        raise GenotypeError(f"what {reads} must differ and be in order, got {quoted(', '.join(names[:20]))[1:-1]}")


def short(value: object) -> str:
    """Quote a value for an error message, shortened and with its type."""
    return f"{quoted(value, 80)} ({type(value).__name__})"


def fields(value: object, names: tuple[str, ...], what: str) -> Mapping[str, Any]:
    """Return a JSON object, or raise a GenotypeError unless it has exactly the fields `names`."""
    if not isinstance(value, dict):
        raise GenotypeError(f"{what} must be a JSON object with {', '.join(names)}, got {short(value)}")
    missing = [name for name in names if name not in value]
    unknown = [name for name in value if name not in names]
    if missing or unknown:
        parts = [f"lacks {', '.join(missing)}"] if missing else []
        parts += [f"has unknown fields {', '.join(map(quoted, unknown[:3]))}"] if unknown else []
        raise GenotypeError(f"{what} {' and '.join(parts)}; its fields are {', '.join(names)}")
    return value


def checked(plain: object, kind: type[BaseGenotype], names: tuple[str, ...], what: str) -> Mapping[str, Any]:
    """Return a genotype's JSON object, or raise a GenotypeError unless `kind` reads its format, version and fields.

    Args:
        plain: the JSON values.
        kind: the kind of genotype that is expected.
        names: the fields beside `format` and `version`.
        what: a name of the value, for the error.
    """
    given = plain if isinstance(plain, dict) else {}
    if given.get("format", kind.FORMAT) != kind.FORMAT:
        raise GenotypeError(f"format must be {kind.FORMAT!r}, got {short(given['format'])}")
    version = given.get("version", kind.VERSION)
    if type(version) is not int or version < 1:
        raise GenotypeError(f"version must be a positive integer, got {short(version)}")
    if version > kind.VERSION:  # checked before the fields, since a newer version may have others
        raise GenotypeError(
            f"version {quoted(version)} is newer than this nasnet_keras reads ({kind.VERSION}): update nasnet_keras"
        )
    return fields(plain, ("format", "version", *names), what)


def read(text_or_path: str | Path, make: Callable[[object], _Made]) -> _Made:
    """Build a value from the JSON values in a text or a file; a benchmark's cell may stand there without quotes.

    Args:
        text_or_path: JSON text, or the path of a file of at most `MAX_BYTES`.
        make: a function of the JSON values.

    Raises:
        GenotypeError: the file does not exist, it holds no JSON, or `make` raises it. The error names the file.
    """
    text, source = _read_text(text_or_path)
    bare = text.strip()
    try:
        return make(bare if bare.startswith("|") else parse(text, _unique_keys))
    except GenotypeError as error:
        raise GenotypeError(f"{source}: {error}") from None
    except ValueError as error:
        raise GenotypeError(f"{source} is not JSON (half-written?): {error}") from None


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    if len(plain) != len(pairs):
        raise GenotypeError(f"the same field stands twice among {short([key for key, _ in pairs])}")
    return plain


def _read_text(text_or_path: object) -> tuple[str, str]:
    """The JSON text, and the name of its source for errors."""
    if isinstance(text_or_path, str) and text_or_path.lstrip()[:1] in ("{", '"', "|"):
        if len(text_or_path) > MAX_BYTES:
            raise GenotypeError(f"a text of {len(text_or_path):,} letters is too large to be a genotype")
        return text_or_path, "the text"
    if not isinstance(text_or_path, (str, Path)):
        raise GenotypeError(f"expected JSON text or the path of a file, got {short(text_or_path)}")
    try:
        path = Path(text_or_path)
        if not path.is_file():
            raise GenotypeError(
                f"expected JSON text that starts with '{{', or the path of a file; "
                f"got {short(text_or_path)}, and no such file exists"
            )
        if path.stat().st_size > MAX_BYTES:
            raise GenotypeError(f"{path} is {path.stat().st_size:,} bytes long: too large to be a genotype")
        return text_of(path, MAX_BYTES), str(path)
    except (OSError, ValueError) as error:
        if isinstance(error, GenotypeError):
            raise
        problem = error.strerror if isinstance(error, OSError) else error
        raise GenotypeError(f"cannot read a genotype from {short(text_or_path)}: {problem}") from None
