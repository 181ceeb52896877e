"""What a training step runs on, and how it is compiled for it."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import keras
import numpy as np
from keras import ops

from nasnet_keras.utils.environment import has_gpu

__all__ = ["Replicas", "compiled", "xla_serves"]


class Replicas:
    """What a batch is divided over: here, the one device that the backend chooses.

    A subclass for several devices runs the step once on each of them, a *replica*, with its share of the batch. Each
    replica keeps a whole state, and all states stay equal, since they follow from what is the mean over replicas.
    """

    count = 1
    """Of replicas."""

    def compiled(
        self, function: Callable[..., Any], static: tuple[str, ...] = (), xla: bool = True
    ) -> Callable[..., Any]:
        """What `compiled` gives, run on every replica."""
        return compiled(function, static, xla)

    def scatter(self, batch: np.ndarray) -> Any:
        """A batch, divided into equal shares, one a replica."""
        return ops.convert_to_tensor(batch)

    def replicate(self, value: np.ndarray) -> Any:
        """A value, given to every replica."""
        return ops.convert_to_tensor(value)

    def first(self, value: Any) -> Any:
        """A value of the first replica."""
        return value

    def index(self) -> Any:
        """Which replica this is, from 0. Within a compiled function."""
        return 0

    def mean(self, vector: Any) -> Any:
        """The mean of a vector over the replicas. Within a compiled function."""
        return vector

    def normalizing(self) -> AbstractContextManager[None]:
        """In which the network is called for training: whose batch batch normalisation sees."""
        return nullcontext()


def compiled(function: Callable[..., Any], static: tuple[str, ...] = (), xla: bool = True) -> Callable[..., Any]:
    """`function`, compiled; gradients are its own affair.

    Args:
        function: of tensors.
        static: names of arguments for each of whose values it is compiled once.
        xla: whether XLA may compile it on TensorFlow, where that is faster.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        return tf.function(function, autograph=False, jit_compile=xla and xla_serves())
    if backend == "jax":
        import jax

        return jax.jit(function, static_argnames=static)
    import torch

    return torch.no_grad()(function)


def xla_serves() -> bool:
    """Whether TensorFlow had better compile with XLA.

    These networks are faster by it on GPUs, and ten times slower on processors. Where the same bits are asked for, XLA
    has no gradient of max pooling.
    """
    from tensorflow.python.framework.config import is_op_determinism_enabled  # which Keras asks too

    return has_gpu() and not is_op_determinism_enabled()
