"""What genotypes of all kinds share: their JSON form, their fingerprint and the checks of their values.

A genotype's text has at most `MAX_BYTES`, and each of its lists `MAX_ENTRIES`; what is larger is refused before
anything is made of it.
"""

import difflib
import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, Self, TypeVar

from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.json_text import parse, text_of

__all__ = ["MAX_BYTES", "MAX_ENTRIES", "BaseGenotype", "GenotypeError", "check_earlier", "checked", "fields", "items"]
__all__ += ["read", "require", "short", "suggestion", "tuple_of"]

MAX_BYTES = 1 << 20
"""The largest size of a genotype's text or file."""
MAX_ENTRIES = 1000
"""The most blocks of a cell, layers of a network, or states in one list."""

_SHOWN = 40  # legal names in an error
_LONGEST = 100  # letters of a name that is looked for among them
_Made = TypeVar("_Made")


class GenotypeError(ValueError):
    """A genotype, or a file that should hold one, is not legal."""


class BaseGenotype:
    """A genotype of any kind: a frozen value with a JSON form.

    Attributes:
        FORMAT: what its JSON object says as `format`.
        VERSION: of the format.
    """

    FORMAT: ClassVar[str]
    VERSION: ClassVar[int] = 1

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that name the architecture: equal for equal genotypes, on every machine."""
        text = json.dumps(self._identity(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def _identity(self) -> Any:
        """The JSON values that equal genotypes, and no others, have in common."""
        return self.to_plain()

    def describe(self) -> str:
        """The genotype in words."""
        raise NotImplementedError

    def to_plain(self) -> dict[str, Any]:
        """The genotype as JSON values, with its format and its version."""
        raise NotImplementedError

    @classmethod
    def from_plain(cls, plain: object) -> Self:
        """The genotype whose `to_plain` this is.

        Raises:
            GenotypeError: it is that of none.
        """
        raise NotImplementedError

    def to_json(self, indent: int | None = 2) -> str:
        """The genotype as JSON text with a format version; `from_json` reads it back."""
        return json.dumps(self.to_plain(), indent=indent)

    @classmethod
    def from_json(cls, text_or_path: str | Path) -> Self:
        """Read a genotype from JSON text (it starts with `{`) or from a file.

        Raises:
            GenotypeError: no such file, no JSON, more than 1 MiB of it, a later format version, missing or unknown
                fields, or an illegal genotype. Nothing else is raised, whatever the text.
        """
        return read(text_or_path, cls.from_plain)


def suggestion(name: str, choices: Iterable[str]) -> str:
    """The end of an error message that names what was meant, or all that is legal.

    Example:
        >>> suggestion("sep_conv3x3", ["sep_conv_3x3", "identity"])
        "did you mean 'sep_conv_3x3'? Legal are: identity, sep_conv_3x3"
    """
    choices = sorted(choices)
    near = difflib.get_close_matches(name[:_LONGEST], choices, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    more = f", … ({len(choices)} in all)" if len(choices) > _SHOWN else ""
    return f"{hint}Legal are: {', '.join(choices[:_SHOWN])}{more}"


def require(value: object, kind: type, what: str) -> None:
    """Raise a GenotypeError where `value` is not of a kind."""
    if not isinstance(value, kind):
        raise GenotypeError(f"{what} must be a {kind.__name__}, got {short(value)}")


def tuple_of(values: object, kind: type, what: str, *, empty: bool = False) -> tuple[Any, ...]:
    """`values` as a tuple.

    Raises:
        GenotypeError: they are no sequence of a kind, more than `MAX_ENTRIES`, or none and may not be `empty`.
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
    """A JSON list of at most `MAX_ENTRIES`; a GenotypeError where it is none, or longer."""
    require(values, list, what)
    _check_entries(values, what)
    return values


def _check_entries(values: Any, what: str) -> None:
    if len(values) > MAX_ENTRIES:
        raise GenotypeError(f"{what} must be at most {MAX_ENTRIES:,}, got {len(values):,}")


def check_earlier(names: Sequence[str], places: Mapping[str, int], before: int, reads: str, what: str) -> None:
    """Raise a GenotypeError where names are not among the legal ones, or not each once and in their order.

    Args:
        names: what is read.
        places: the place of each name there is.
        before: the first place that is not legal.
        reads: who does, for the error: `"layer_2 reads"`.
        what: a legal name is one of: `"layer before it"`.
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
    """A value for an error message, with its type."""
    return f"{quoted(value, 80)} ({type(value).__name__})"


def fields(value: object, names: tuple[str, ...], what: str) -> Mapping[str, Any]:
    """A JSON object with exactly these fields; a GenotypeError where it has others."""
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
    """The fields of a genotype's JSON object, where its format and version are those of `kind`."""
    given = plain if isinstance(plain, dict) else {}
    if given.get("format", kind.FORMAT) != kind.FORMAT:
        raise GenotypeError(f"format must be {kind.FORMAT!r}, got {short(given['format'])}")
    version = given.get("version", kind.VERSION)
    if type(version) is not int or version < 1:
        raise GenotypeError(f"version must be a positive integer, got {short(version)}")
    if version > kind.VERSION:  # before its fields are looked at, of which it may have others
        raise GenotypeError(
            f"version {quoted(version)} is newer than this nasnet_keras reads ({kind.VERSION}): update nasnet_keras"
        )
    return fields(plain, ("format", "version", *names), what)


def read(text_or_path: str | Path, make: Callable[[object], _Made]) -> _Made:
    """What `make` makes of the JSON values in a text or a file; a benchmark's cell stands there with or without quotes.

    Raises:
        GenotypeError: there is no such file, no JSON in it, or `make` raises it; the error names the file.
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
    """The JSON text, and what to call it in an error."""
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
