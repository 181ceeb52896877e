"""An array in a file of weights: its values are read after its shape and its type have been checked."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

__all__ = ["Layers", "Stored"]


@dataclass(frozen=True)
class Stored:
    """An array in an open file.

    Attributes:
        shape: as the array will have it.
        kind: the kind of its numbers, as `hdf5.kind` calls it.
        read: reads the values, in this machine's byte order; bfloat16 as 16-bit whole numbers.
    """

    shape: tuple[int, ...]
    kind: str
    read: Callable[[], np.ndarray]

    def transposed(self, axes: tuple[int, ...]) -> "Stored":
        """The array with its axes in another order; as it is if it has another number of axes."""
        if len(axes) != len(self.shape):
            return self
        return replace(self, shape=tuple(self.shape[a] for a in axes), read=lambda: self.read().transpose(axes))


Layers = dict[str, list[Stored]]
"""The arrays of each layer, by its path, in the order of its variables."""
