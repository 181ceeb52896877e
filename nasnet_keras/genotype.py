"""Genotypes: an architecture as a value.

A *cell* is a list of *blocks*; a block applies an operation to each of two states and combines the results into
a new state. States have names: a cell reads `"current"` (the output of the cell below it) and `"previous"` (the
output of the one below that), and block number `i` makes the state `"block_i"`. What a cell outputs is an
explicit list of states, since the released networks cannot be expressed by "concatenate what nobody reads".

Only the standard library is used here, so genotypes can be made, read and compared where no Keras is installed.
"""

import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from nasnet_keras.operations import OPERATIONS

__all__ = [
    "COMBINES",
    "CURRENT",
    "PREVIOUS",
    "Block",
    "Cell",
    "Edge",
    "Genotype",
    "GenotypeError",
    "block_state",
    "suggestion",
]

CURRENT = "current"
PREVIOUS = "previous"
COMBINES = ("add", "concat")

_FORMAT = "nasnet_keras.genotype"
_VERSION = 1
_MAX_FILE_BYTES = 1 << 20


class GenotypeError(ValueError):
    """A genotype, or a file that should hold one, is not legal."""


def block_state(index: int) -> str:
    """Name of the state that block number `index` makes: `block_state(2) == "block_2"`."""
    return f"block_{index}"


def suggestion(name: str, choices: Iterable[str]) -> str:
    """The end of an error message that names what was meant, or all that is legal.

    Example:
        >>> suggestion("sep_conv3x3", ["sep_conv_3x3", "identity"])
        "did you mean 'sep_conv_3x3'? Legal are: identity, sep_conv_3x3"
    """
    choices = sorted(choices)
    near = difflib.get_close_matches(name, choices, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    return f"{hint}Legal are: {', '.join(choices)}"


@dataclass(frozen=True)
class Edge:
    """One operation applied to one state.

    Attributes:
        operation: a name from `nasnet_keras.operations.OPERATIONS`.
        input: the state that it reads: `"current"`, `"previous"` or `"block_i"`.

    Raises:
        GenotypeError: the operation is unknown, or an attribute is not a string.

    Example:
        >>> Edge("sep_conv_5x5", "current")
        Edge(operation='sep_conv_5x5', input='current')
    """

    operation: str
    input: str

    def __post_init__(self) -> None:
        _require(self.operation, str, "an edge's operation")
        _require(self.input, str, "an edge's input")
        if self.operation not in OPERATIONS:
            raise GenotypeError(f"unknown operation {self.operation!r}: {suggestion(self.operation, OPERATIONS)}")

    def __str__(self) -> str:
        return f"{self.operation}({self.input})"


@dataclass(frozen=True)
class Block:
    """Two edges and how their results become one state.

    Attributes:
        left, right: the edges.
        combine: `"add"` (a state of F filters) or `"concat"` (2F filters).

    Raises:
        GenotypeError: an edge is not an `Edge`, or `combine` is neither of the two.

    Example:
        >>> str(Block(Edge("identity", "current"), Edge("avg_pool_3x3", "previous")))
        'identity(current) + avg_pool_3x3(previous)'
    """

    left: Edge
    right: Edge
    combine: str = "add"

    def __post_init__(self) -> None:
        _require(self.left, Edge, "a block's left edge")
        _require(self.right, Edge, "a block's right edge")
        _require(self.combine, str, "a block's combine")
        if self.combine not in COMBINES:
            raise GenotypeError(f"unknown combine {self.combine!r}: {suggestion(self.combine, COMBINES)}")

    @property
    def edges(self) -> tuple[Edge, Edge]:
        """Left and right."""
        return self.left, self.right

    def __str__(self) -> str:
        if self.combine == "add":
            return f"{self.left} + {self.right}"
        return f"concat({self.left}, {self.right})"


@dataclass(frozen=True)
class Cell:
    """Blocks in order, and the states that the cell concatenates as its output.

    A block that no output depends on is legal and is not built.

    Attributes:
        blocks: at least one block; block `i` may read the two inputs and the blocks before it.
        outputs: at least one state, none twice, concatenated in this order.

    Raises:
        GenotypeError: an input or output does not exist, comes from a later block, or is listed twice.

    Example:
        >>> cell = Cell([Block(Edge("identity", "current"), Edge("sep_conv_3x3", "previous"))], ["block_0"])
        >>> cell.states
        ('current', 'previous', 'block_0')
    """

    blocks: tuple[Block, ...]
    outputs: tuple[str, ...]

    def __post_init__(self) -> None:
        object.__setattr__(self, "blocks", _tuple_of(self.blocks, Block, "a cell's blocks"))
        object.__setattr__(self, "outputs", _tuple_of(self.outputs, str, "a cell's outputs"))
        known = [CURRENT, PREVIOUS]
        for index, block in enumerate(self.blocks):
            for edge in block.edges:
                if edge.input not in known:
                    raise GenotypeError(
                        f"{block_state(index)} reads {edge.input!r}, which is not an input of the cell or an "
                        f"earlier block: {suggestion(edge.input, known)}"
                    )
            known.append(block_state(index))
        for output in self.outputs:
            if output not in known:
                raise GenotypeError(f"unknown output {output!r}: {suggestion(output, known)}")
        if len(set(self.outputs)) != len(self.outputs):
            raise GenotypeError(f"a cell's outputs must differ from each other, got {list(self.outputs)}")

    @property
    def states(self) -> tuple[str, ...]:
        """All states: the two inputs, then one a block."""
        return (CURRENT, PREVIOUS, *(block_state(index) for index in range(len(self.blocks))))

    @cached_property
    def live_states(self) -> frozenset[str]:
        """The states that the outputs depend on."""
        live = set(self.outputs)
        for index in reversed(range(len(self.blocks))):
            if block_state(index) in live:
                live.update(edge.input for edge in self.blocks[index].edges)
        return frozenset(live)

    @property
    def width(self) -> int:
        """Width of the output, in units of F: 2 for a block that concatenates, else 1."""
        wide = {block_state(index) for index, block in enumerate(self.blocks) if block.combine == "concat"}
        return sum(2 if output in wide else 1 for output in self.outputs)

    def describe(self) -> str:
        """One line a block, then the output."""
        lines = []
        for index, block in enumerate(self.blocks):
            unused = "" if block_state(index) in self.live_states else "   (unused)"
            lines.append(f"{block_state(index)} = {block}{unused}")
        joined = ", ".join(self.outputs)
        lines.append(f"output  = {f'concat({joined})' if len(self.outputs) > 1 else joined}")
        return "\n".join(lines)


@dataclass(frozen=True)
class Genotype:
    """A whole architecture: the normal cell, which keeps the size, and the reduction cell, which halves it.

    Attributes:
        normal: applied at stride 1.
        reduction: applied at stride 2 (its edges that read the cell's inputs are).

    Raises:
        GenotypeError: an attribute is not a `Cell`.

    Example:
        >>> cell = Cell([Block(Edge("identity", "current"), Edge("max_pool_3x3", "previous"))], ["block_0"])
        >>> genotype = Genotype(normal=cell, reduction=cell)
        >>> Genotype.from_json(genotype.to_json()) == genotype
        True
    """

    normal: Cell
    reduction: Cell

    def __post_init__(self) -> None:
        _require(self.normal, Cell, "a genotype's normal cell")
        _require(self.reduction, Cell, "a genotype's reduction cell")

    @property
    def fingerprint(self) -> str:
        """16 hexadecimal digits that name the architecture: equal for equal genotypes, on every machine."""
        text = json.dumps(_to_plain(self), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()[:16]

    def describe(self) -> str:
        """The genotype in words."""
        cells = {"normal cell": self.normal, "reduction cell": self.reduction}
        parts = []
        for title, cell in cells.items():
            body = "\n".join(f"  {line}" for line in cell.describe().splitlines())
            parts.append(f"{title}: {len(cell.blocks)} blocks, {len(cell.outputs)} states in the output\n{body}")
        return "\n".join(parts)

    def to_json(self, indent: int | None = 2) -> str:
        """The genotype as JSON text with a format version; `from_json` reads it back."""
        return json.dumps(_to_plain(self), indent=indent)

    @classmethod
    def from_json(cls, text_or_path: str | Path) -> "Genotype":
        """Read a genotype from JSON text (it starts with `{`) or from a file.

        Raises:
            GenotypeError: no such file, no JSON, a later format version, missing or unknown fields, or an
                illegal genotype. Nothing else is raised, whatever the text.
        """
        text, source = _read_text(text_or_path)
        try:
            return _from_plain(json.loads(text, object_pairs_hook=_unique_keys))
        except GenotypeError as error:
            raise GenotypeError(f"{source}: {error}") from None
        except (ValueError, RecursionError) as error:
            raise GenotypeError(f"{source} is not JSON (half-written?): {error}") from None


def _require(value: object, kind: type, what: str) -> None:
    if not isinstance(value, kind):
        raise GenotypeError(f"{what} must be a {kind.__name__}, got {_short(value)}")


def _tuple_of(values: object, kind: type, what: str) -> tuple[Any, ...]:
    if isinstance(values, str) or not isinstance(values, Sequence):
        raise GenotypeError(f"{what} must be a sequence of {kind.__name__}, got {_short(values)}")
    if not values:
        raise GenotypeError(f"{what} must not be empty")
    for value in values:
        _require(value, kind, f"each of {what}")
    return tuple(values)


def _short(value: object) -> str:
    text = repr(value)
    return f"{text if len(text) <= 80 else text[:77] + '...'} ({type(value).__name__})"


def _to_plain(genotype: Genotype) -> dict[str, Any]:
    def edge(value: Edge) -> dict[str, str]:
        return {"operation": value.operation, "input": value.input}

    def cell(value: Cell) -> dict[str, Any]:
        blocks = [{"left": edge(b.left), "right": edge(b.right), "combine": b.combine} for b in value.blocks]
        return {"blocks": blocks, "outputs": list(value.outputs)}

    return {
        "format": _FORMAT,
        "version": _VERSION,
        "normal": cell(genotype.normal),
        "reduction": cell(genotype.reduction),
    }


def _from_plain(plain: object) -> Genotype:
    top = _fields(plain, ("format", "version", "normal", "reduction"), "a genotype")
    if top["format"] != _FORMAT:
        raise GenotypeError(f"format must be {_FORMAT!r}, got {_short(top['format'])}")
    if type(top["version"]) is not int or top["version"] < 1:
        raise GenotypeError(f"version must be a positive integer, got {_short(top['version'])}")
    if top["version"] > _VERSION:
        raise GenotypeError(
            f"version {top['version']} is newer than this nasnet_keras reads ({_VERSION}): update nasnet_keras"
        )

    def edge(value: object) -> Edge:
        return Edge(**_fields(value, ("operation", "input"), "an edge"))

    def block(value: object) -> Block:
        fields = _fields(value, ("left", "right", "combine"), "a block")
        return Block(edge(fields["left"]), edge(fields["right"]), fields["combine"])

    def cell(value: object) -> Cell:
        fields = _fields(value, ("blocks", "outputs"), "a cell")
        _require(fields["blocks"], list, "a cell's blocks")
        return Cell([block(item) for item in fields["blocks"]], fields["outputs"])

    return Genotype(cell(top["normal"]), cell(top["reduction"]))


def _fields(value: object, names: tuple[str, ...], what: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise GenotypeError(f"{what} must be a JSON object with {', '.join(names)}, got {_short(value)}")
    missing = [name for name in names if name not in value]
    unknown = [name for name in value if name not in names]
    if missing or unknown:
        parts = [f"lacks {', '.join(missing)}"] if missing else []
        parts += [f"has unknown fields {', '.join(map(repr, unknown))}"] if unknown else []
        raise GenotypeError(f"{what} {' and '.join(parts)}; its fields are {', '.join(names)}")
    return value


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    plain = dict(pairs)
    if len(plain) != len(pairs):
        raise GenotypeError(f"the same field stands twice among {_short([key for key, _ in pairs])}")
    return plain


def _read_text(text_or_path: object) -> tuple[str, str]:
    """The JSON text, and what to call it in an error."""
    if isinstance(text_or_path, str) and text_or_path.lstrip().startswith("{"):
        return text_or_path, "the text"
    if not isinstance(text_or_path, (str, Path)):
        raise GenotypeError(f"expected JSON text or the path of a file, got {_short(text_or_path)}")
    try:
        path = Path(text_or_path)
        if not path.is_file():
            raise GenotypeError(
                f"expected JSON text that starts with '{{', or the path of a file; "
                f"got {_short(text_or_path)}, and no such file exists"
            )
        if path.stat().st_size > _MAX_FILE_BYTES:
            raise GenotypeError(f"{path} is {path.stat().st_size} bytes long: too large to be a genotype")
        return path.read_text(encoding="utf-8"), str(path)
    except (OSError, ValueError) as error:
        if isinstance(error, GenotypeError):
            raise
        raise GenotypeError(f"cannot read a genotype from {_short(text_or_path)}: {error}") from None
