"""Differences between backends: compilation, gradients, and the same bits each time."""

from collections.abc import Callable
from typing import Any

import keras

from nasnet_keras.utils.environment import has_gpu

__all__ = ["compiled", "gradient", "is_traced", "make_deterministic", "xla_serves"]


def compiled(function: Callable[..., Any], static: tuple[str, ...] = (), xla: bool = True) -> Callable[..., Any]:
    """Compile a function, which takes gradients by `gradient`.

    Args:
        function: a function of tensors that returns tensors.
        static: names of arguments; the function is compiled once for each of their values.
        xla: whether XLA may compile it on TensorFlow, if `xla_serves`.
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


def is_traced() -> bool:
    """Tell whether `compiled` traces a function: then a value lives as long as it is needed, whoever else holds it."""
    return keras.backend.backend() != "torch"


def xla_serves() -> bool:
    """Tell whether TensorFlow should compile with XLA.

    XLA makes these networks faster on GPUs, and ten times slower on processors. When the same bits are asked for, it
    has no gradient of max pooling.
    """
    from tensorflow.python.framework.config import is_op_determinism_enabled  # which Keras asks too

    return has_gpu() and not is_op_determinism_enabled()


def gradient(loss: Callable[[Any], tuple[Any, Any]], parameters: Any) -> tuple[Any, Any]:
    """Compute the gradient of a loss by its parameters.

    Args:
        loss: a function of the parameters that returns the loss, a scalar, and further values.
        parameters: a vector.

    Returns:
        The further values, and the gradient, a vector like `parameters`.
    """
    backend = keras.backend.backend()
    if backend == "tensorflow":
        import tensorflow as tf

        with tf.GradientTape() as tape:
            tape.watch(parameters)
            total, other = loss(parameters)
        return other, tape.gradient(total, parameters)
    if backend == "jax":
        import jax

        found, other = jax.grad(loss, has_aux=True)(parameters)
        return other, found
    import torch

    with torch.enable_grad():
        parameters = parameters.detach().requires_grad_()
        total, other = loss(parameters)
        (found,) = torch.autograd.grad(total, parameters)
    return _detached(other), found


def make_deterministic() -> None:
    """Make the backend give the same bits each time, for the rest of this process. JAX does so anyway."""
    if keras.backend.backend() == "tensorflow":
        import tensorflow as tf

        tf.config.experimental.enable_op_determinism()
    elif keras.backend.backend() == "torch":
        import torch

        torch.use_deterministic_algorithms(True, warn_only=True)


def _detached(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return type(value)(map(_detached, value))
    return value.detach()
