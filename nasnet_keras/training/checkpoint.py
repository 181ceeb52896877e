"""The state of a training run in one file, written at once, so that a kill at any moment leaves a whole one."""

import json
import math
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from nasnet_keras.utils.checks import quoted
from nasnet_keras.utils.files import write_npz
from nasnet_keras.utils.json_text import parse

__all__ = ["CheckpointError", "read", "write"]

_POSITION = "position"
_LONGEST = 2**24  # letters of a position, which has some hundred for each epoch
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


class CheckpointError(ValueError):
    """A checkpoint cannot be used."""


def write(path: Path, arrays: dict[str, np.ndarray], position: dict[str, Any]) -> None:
    """Write arrays, and a position of JSON values, to an `.npz` file."""
    write_npz(path, {_POSITION: np.asarray(json.dumps(position)), **arrays})


def read(
    path: Path, expected: dict[str, np.ndarray], check: Callable[[dict[str, Any]], Any]
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """Read the arrays and the position that `write` wrote.

    The names, shapes and types in a file are compared before its values are read, so that no file takes more memory
    than the run.

    Args:
        path: path of the file.
        expected: arrays of the names, shapes and types that the file must hold.
        check: raises a ValueError if a position is not one of this run.

    Raises:
        CheckpointError: the file is damaged, or of another network or run.
    """
    try:
        if not path.is_file():  # a pipe would be waited for
            raise ValueError("it is no file")
        with zipfile.ZipFile(path) as archive:
            members = {member.filename.removesuffix(".npy"): member for member in archive.infolist()}
            if len(members) < len(archive.infolist()):
                raise ValueError("it holds two arrays of one name")
            kinds = {name: _kind_of(archive, member) for name, member in members.items()}
            _compare(path, kinds, expected)
            arrays = {name: _array(archive, member) for name, member in members.items()}
        position = parse(str(arrays.pop(_POSITION)))
        if not isinstance(position, dict):
            raise ValueError(f"expected an object as its position, got {quoted(position)}")
        check(position)
    except (CheckpointError, MemoryError):
        raise
    except Exception as error:  # zipfile, zlib, EOF, tokens of a header: there is no common base
        raise CheckpointError(
            f"the checkpoint {path} cannot be read ({str(error)[:300]}); remove it to train from the beginning"
        ) from None
    return arrays, position


def _compare(path: Path, kinds: dict[str, str], expected: dict[str, np.ndarray]) -> None:
    """Raise a CheckpointError unless the arrays of a file are those that are expected."""
    for name in sorted({*kinds, *expected} - {_POSITION}):
        array = expected.get(name)
        wanted = "absent" if array is None else _kind(array.shape, array.dtype)
        if (found := kinds.get(name, "absent")) != wanted:
            raise CheckpointError(
                f"the checkpoint {path} is of another network: {name[:100]} is {found[:100]}, expected {wanted}"
            )
    if (found := kinds.get(_POSITION, "absent")) != "a text":
        raise ValueError(f"expected a text as its position, got {found[:100]}")


def _kind(shape: tuple[int, ...], dtype: np.dtype) -> str:
    return "a text" if shape == () and dtype.kind == "U" else f"{dtype} of {shape}"


def _kind_of(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> str:
    """The type and shape in the header of an array, if the file has the size that follows from them."""
    with archive.open(member) as file:
        shape, dtype = _header(file)
        size = file.tell() + math.prod(shape) * dtype.itemsize
    if size != member.file_size:
        raise ValueError(f"an array of {size:,} bytes is one of {member.file_size:,}")
    kind = _kind(shape, dtype)
    if kind == "a text" and dtype.itemsize > 4 * _LONGEST:
        raise ValueError(f"its position has more than {_LONGEST:,} letters")
    return kind


def _header(file: BinaryIO) -> tuple[tuple[int, ...], np.dtype]:
    version = np.lib.format.read_magic(file)
    if version not in _HEADERS:
        raise ValueError(f"an array of format {version}: expected one of {', '.join(map(str, _HEADERS))}")
    shape, _, dtype = _HEADERS[version](file)
    if dtype.hasobject or min(shape, default=0) < 0:
        raise ValueError(f"expected arrays of numbers, got {dtype} of {shape}")
    return shape, dtype


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as file:
        array = np.lib.format.read_array(file, allow_pickle=False)
        file.read(1)  # at the end of the file, its checksum is compared
    return array
