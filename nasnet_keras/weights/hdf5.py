"""Strict access to an HDF5 file: nothing outside the file is reached, and no more objects than a network can have.

Neither this module nor those that read weights by it import Keras: `isolated` starts them in a process of their own.
"""

import math
from collections.abc import Iterator
from typing import Any

import h5py
import numpy as np

__all__ = ["BFLOAT16", "Objects", "WeightsError", "brief"]

BFLOAT16 = "bfloat16"
"""The kind of numbers that Keras writes as two bytes each, and marks by an attribute."""

_MOST = 100_000  # objects in a file: NASNet-A large has 3,000
_LONGEST = 1_000  # letters of a layer's name
_SHOWN = 100
# HDF5's deflate, shuffle, Fletcher's checksum, szip, n-bit and scale-offset, and h5py's LZF. HDF5 would look for any
# other filter among the shared libraries of this machine.
_FILTERS = frozenset({1, 2, 3, 4, 5, 6, 32000})
_CHUNK = 1 << 24  # bytes that a chunk may have more than its array
_WORDS = {
    "f": "floating-point numbers",
    BFLOAT16: "floating-point numbers",
    "i": "whole numbers",
    "u": "whole numbers",
    "c": "complex numbers",
    "b": "booleans",
    "S": "text",
    "O": "text or references",
    "V": "compound values",
}


class WeightsError(ValueError):
    """A file holds no weights that can be loaded."""


class Objects:
    """The objects of an open file, each of which is visited once.

    Args:
        file: open for reading.
        path: of the file, for errors.

    Raises:
        WeightsError: by any method, if a link leads out of the file or to another place in it, there are too many
            objects, or an object is of the wrong kind.
    """

    def __init__(self, file: h5py.File, path: Any) -> None:
        self._file, self._path = file, path
        self._left = _MOST
        self._groups: set[h5py.Group] = {file}

    def refused(self, problem: str) -> WeightsError:
        """Make the error of a problem; the caller raises it."""
        return WeightsError(f"{self._path} {problem}: refused")

    def groups(self, parent: h5py.Group) -> Iterator[tuple[str, h5py.Group]]:
        """Yield the groups in a group by name, but for those that were met before under another name."""
        self._spend(len(parent))
        for name in parent:
            found = self._member(parent, name)
            if isinstance(found, h5py.Group) and found not in self._groups:
                self._groups.add(found)
                yield name, found

    def group(self, parent: h5py.Group, name: str) -> h5py.Group | None:
        """Return the group of a name; None if there is no such group."""
        self._spend(1)
        found = self._member(parent, name)
        if found is not None and not isinstance(found, h5py.Group):
            raise self.refused(f"has no group at {_place(parent, name)}")
        return found

    def datasets(self, parent: h5py.Group) -> list[h5py.Dataset]:
        """Return the data sets of a group, whose names are the numbers from 0."""
        self._spend(len(parent))
        return [self.dataset(parent, str(index)) for index in range(len(parent))]

    def dataset(self, parent: h5py.Group, path: str) -> h5py.Dataset:
        """Return the data set at a path within a group."""
        found: Any = parent
        for name in path.split("/"):
            self._spend(1)
            found = self._member(found, name) if isinstance(found, h5py.Group) else None
        if not isinstance(found, h5py.Dataset):
            raise self.refused(f"has no data set at {_place(parent, path)}")
        if found.external or found.is_virtual or found.file != self._file:
            raise self.refused(f"has weights outside the file at {_place(parent, path)}")
        if found.shape is None:
            raise self.refused(f"has a data set without a shape at {_place(parent, path)}")
        return found

    def text(self, owner: h5py.Group, name: str) -> str | None:
        """Return the text of an attribute; None if there is no such attribute."""
        found = self._texts(owner, name, axes=0)
        return found and found[0]

    def texts(self, owner: h5py.Group, name: str) -> list[str]:
        """Return the texts of an attribute."""
        found = self._texts(owner, name, axes=1)
        if found is None:
            raise self.refused(f"has no {name} at {_brief_name(owner)}")
        return found

    def read(self, dataset: h5py.Dataset) -> np.ndarray:
        """Read the values of a data set, whose shape has been checked, in this machine's byte order.

        Values of the kind `BFLOAT16` are returned as the 16-bit whole numbers that they are stored as.
        """
        if dataset.chunks and math.prod(dataset.chunks) * dataset.dtype.itemsize > dataset.nbytes + _CHUNK:
            raise self.refused(f"has larger chunks than arrays at {_brief_name(dataset)}")
        plan = dataset.id.get_create_plist()
        filters = {plan.get_filter(index)[0] for index in range(plan.get_nfilters())}
        if not filters <= _FILTERS:
            raise self.refused(f"is packed by filters {sorted(filters - _FILTERS)} at {_brief_name(dataset)}")
        if dataset.dtype.kind == "V":
            return np.asarray(dataset[()]).view(np.uint16)
        size = min(dataset.dtype.itemsize, 8)  # a long double is not the same everywhere
        return np.asarray(dataset.astype(f"={dataset.dtype.kind}{size}")[()])

    def _member(self, parent: h5py.Group, name: str) -> Any:
        """Follow a hard link; None if there is no link. `in` and `get` would open the targets of other links."""
        links, encoded = parent.id.links, name.encode(errors="surrogateescape")
        if not name or not links.exists(encoded):
            return None
        if links.get_info(encoded).type != h5py.h5l.TYPE_HARD:
            raise self.refused(f"has a link to elsewhere at {_place(parent, name)}")
        return parent[name]

    def _texts(self, owner: h5py.Group, name: str, axes: int) -> list[str] | None:
        if not h5py.h5a.exists(owner.id, name.encode()):
            return None
        attribute = h5py.h5a.open(owner.id, name.encode())
        if axes and attribute.shape == (0,):
            return []
        kind = h5py.check_string_dtype(attribute.dtype)
        if attribute.shape is None or len(attribute.shape) != axes or kind is None or (kind.length or 0) > _LONGEST:
            raise self.refused(f"has no short text as {name} of {_brief_name(owner)}")
        self._spend(math.prod(attribute.shape))
        texts = [_text(value) for value in np.ravel(np.asarray(owner.attrs[name], object))]
        if any(len(text) > _LONGEST for text in texts):
            raise self.refused(f"has names of more than {_LONGEST:,} letters at {_brief_name(owner)}")
        return texts

    def _spend(self, number: int) -> None:
        self._left -= number
        if self._left < 0:
            raise self.refused(f"has more than {_MOST:,} objects, or links to them")


def kind(dataset: h5py.Dataset) -> str:
    """Tell the kind of a data set's values by NumPy's letter, or as `BFLOAT16`."""
    dtype = dataset.dtype
    if dtype.kind == "V" and dtype.names is None and dtype.itemsize == 2 and "dtype" in dataset.attrs:
        return BFLOAT16
    return dtype.kind


def word(letter: str) -> str:
    """Name a kind of values in words."""
    return _WORDS.get(letter, "values of another kind")


def brief(text: Any) -> str:
    """Shorten a text for an error, and escape letters that cannot be printed."""
    text = str(text).encode(errors="backslashreplace").decode()
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _place(parent: h5py.Group, name: str) -> str:
    return brief(f"{(parent.name or '').rstrip('/')}/{name}")


def _brief_name(owner: Any) -> str:
    return brief(owner.name)


def _text(value: Any) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)
