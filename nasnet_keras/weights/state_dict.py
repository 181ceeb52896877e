"""Files of named tensors, as users of PyTorch exchange them: `.safetensors`, and `.npz` of NumPy. Nothing is unpickled.

Like `hdf5` this module imports no Keras. Names, shapes and types are known before any values are read.
"""

import math
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
from safetensors import safe_open

from nasnet_keras.weights.hdf5 import BFLOAT16, WeightsError, brief
from nasnet_keras.weights.stored import Stored

__all__ = ["opener", "refuse_pickles"]

_Opener = Callable[[Path], AbstractContextManager[dict[str, Stored]]]

_PICKLES = (".pt", ".pth", ".bin", ".ckpt", ".pkl", ".pickle")
_PICKLE_STARTS = (b"\x80\2", b"\x80\3", b"\x80\4", b"\x80\5")
_KINDS = {"F64": "f", "F32": "f", "F16": "f", "BF16": BFLOAT16, "BOOL": "b"}
_KINDS |= {f"{letter}{bits}": letter.lower() for letter in "IU" for bits in (8, 16, 32, 64)}
_MOST = 100_000  # tensors in a file
_HEADERS = {(1, 0): np.lib.format.read_array_header_1_0, (2, 0): np.lib.format.read_array_header_2_0}


def opener(path: Path) -> _Opener | None:
    """How to open a file, by the end of its name: a context manager that gives the tensors by name; None for others."""
    return _OPENERS.get(path.suffix.lower())


def refuse_pickles(path: Path) -> None:
    """Refuse a file that only unpickling could read, by its name and by what it holds; and whole models of Keras.

    Raises:
        WeightsError: it is one; the error says how to convert it.
    """
    suffix = path.suffix.lower()
    if suffix == ".keras":
        raise WeightsError(
            f"{path} is by its name a whole model of Keras: expected a file of weights, such as "
            f"keras.saving.load_model(FILE).save_weights('NAME.weights.h5') writes"
        )
    if suffix in _PICKLES or _is_pickle(path):
        raise _pickle(path)


def _is_pickle(path: Path) -> bool:
    with path.open("rb") as file:
        start = file.read(8)
    if start.startswith(b"PK\3\4") and zipfile.is_zipfile(path):
        with zipfile.ZipFile(path) as archive:
            return any(name.rpartition("/")[2] == "data.pkl" for name in archive.namelist())
    # A file of safetensors begins with the length of its header, whose bytes may be those of a pickle.
    is_length = path.suffix.lower() == ".safetensors" and int.from_bytes(start, "little") < path.stat().st_size
    return start[:2] in _PICKLE_STARTS and not is_length


def _pickle(path: Path) -> WeightsError:
    return WeightsError(
        f"{path} is a file of torch.save, a pickle, which can run any code: it is never read. Where you trust it, have "
        f"PyTorch convert it: safetensors.torch.save_file({{name: tensor.contiguous() for name, tensor in "
        f"torch.load(FILE, weights_only=True).items()}}, 'NAME.safetensors')"
    )


@contextmanager
def _safetensors(path: Path) -> Iterator[dict[str, Stored]]:
    with safe_open(path, "numpy") as file:
        found = {}
        for name in _few(path, file.keys()):
            described = file.get_slice(name)
            kind = _KINDS.get(described.get_dtype(), "V")
            found[name] = Stored(tuple(described.get_shape()), kind, partial(_tensor, file, name))
        yield found


def _tensor(file: Any, name: str) -> np.ndarray:
    values = file.get_tensor(name)
    return values.view(np.uint16) if values.dtype == ml_dtypes.bfloat16 else values


@contextmanager
def _npz(path: Path) -> Iterator[dict[str, Stored]]:
    with zipfile.ZipFile(path) as archive:
        members = _few(path, archive.infolist())
        found: dict[str, Stored] = {}
        for member in members:
            name = member.filename.removesuffix(".npy")
            if name in found or name == member.filename:
                raise WeightsError(f"{path} has a member {brief(member.filename)}: expected arrays NAME.npy, each once")
            found[name] = _member(path, archive, member)
        yield found


def _member(path: Path, archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> Stored:
    """Describe an array by its header, if the rest has the size that follows from it."""
    with archive.open(member) as file:
        version = np.lib.format.read_magic(file)
        if version not in _HEADERS:
            raise WeightsError(f"{path} has an array of an unknown format {version}: {brief(member.filename)}")
        shape, _, dtype = _HEADERS[version](file)
        size = math.prod(shape) * dtype.itemsize
        if dtype.hasobject or min(shape, default=0) < 0 or file.tell() + size != member.file_size:
            raise WeightsError(f"{path} has no array of numbers, or not all of it, as {brief(member.filename)}")
    return Stored(shape, dtype.kind, partial(_array, archive, member))


def _array(archive: zipfile.ZipFile, member: zipfile.ZipInfo) -> np.ndarray:
    with archive.open(member) as file:
        values = np.lib.format.read_array(file, allow_pickle=False)
        file.read(1)  # at the end of the member, its checksum is compared
    return values.astype(f"={values.dtype.kind}{min(values.dtype.itemsize, 8)}")


def _few(path: Path, names: Any) -> Any:
    if len(names) > _MOST:
        raise WeightsError(f"{path} has more than {_MOST:,} tensors: refused")
    return names


_OPENERS: dict[str, _Opener] = {".safetensors": _safetensors, ".npz": _npz}
