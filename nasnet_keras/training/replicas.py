"""The replicas of a training step: each has a whole state and computes its share of a batch."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np
from keras import ops

from nasnet_keras.training.backend import compiled

__all__ = ["Replicas"]


class Replicas:
    """One replica: the whole batch on the device that the backend chooses.

    A subclass for several devices runs a step once on each of them, with its share of the batch. The states of all
    replicas stay equal, since a step changes them by nothing but means over the replicas.

    Attributes:
        count: the number of replicas.
    """

    count = 1

    def compiled(
        self, function: Callable[..., Any], static: tuple[str, ...] = (), xla: bool = True
    ) -> Callable[..., Any]:
        """A function that runs `function`, compiled as by `backend.compiled`, on every replica."""
        return compiled(function, static, xla)

    def scatter(self, batch: np.ndarray) -> Any:
        """Give each replica an equal share of a batch, cut along the first axis."""
        return ops.convert_to_tensor(batch)

    def replicate(self, value: np.ndarray) -> Any:
        """Give every replica a value."""
        return ops.convert_to_tensor(value)

    def first(self, value: Any) -> Any:
        """The first replica's part of a value that `scatter`, `replicate` or a compiled function returned."""
        return value

    def index(self) -> Any:
        """The number of this replica, from 0. For use within a compiled function."""
        return 0

    def mean(self, vector: Any) -> Any:
        """The mean of a vector over the replicas. For use within a compiled function."""
        return vector

    def normalizing(self) -> AbstractContextManager[None]:
        """A context for calling the network in training: it says which images batch normalisation normalises by."""
        return nullcontext()
