"""The state of a training run in one file, written at once, so that a kill at any moment leaves a whole one."""

import json
from pathlib import Path
from typing import Any

import numpy as np

from nasnet_keras.files import write_npz

__all__ = ["CheckpointError", "read", "write"]


class CheckpointError(ValueError):
    """A checkpoint cannot be used."""


def write(path: Path, arrays: dict[str, np.ndarray], position: dict[str, Any]) -> None:
    """Write arrays, and a position of JSON values, to an `.npz` file."""
    write_npz(path, {"position": np.asarray(json.dumps(position)), **arrays})


def read(path: Path, expected: dict[str, np.ndarray]) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    """What `write` wrote.

    Args:
        expected: arrays of the names, shapes and types that the file must hold.

    Raises:
        CheckpointError: the file is damaged, or of another network.
    """
    try:
        with np.load(path, allow_pickle=False) as stored:
            arrays = dict(stored)
        position = json.loads(str(arrays.pop("position")))
    except Exception as error:  # zipfile, zlib, EOF, pickle: there is no common base
        raise CheckpointError(
            f"the checkpoint {path} cannot be read ({error}); remove it to train from the beginning"
        ) from None
    for name in sorted({*arrays, *expected}):
        found, wanted = (_kind(values.get(name)) for values in (arrays, expected))
        if found != wanted:
            raise CheckpointError(f"the checkpoint {path} is of another network: {name} is {found}, expected {wanted}")
    return arrays, position


def _kind(array: np.ndarray | None) -> str:
    return "absent" if array is None else f"{array.dtype} of {array.shape}"
