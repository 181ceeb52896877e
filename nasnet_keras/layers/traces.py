"""Functions of tensors that TensorFlow traces once for all layers of the same shapes.

A network has hundreds of convolutions of a dozen shapes. Tracing each of them, forward and backward, takes most of the
time before a network's first step. A call of a function that has been traced is one operation instead, which TensorFlow
inlines when it optimises the graph.
"""

from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import keras

from nasnet_keras.layers.normalization import is_synchronized

__all__ = ["forget", "noinline", "traced"]


def traced(function: Callable[..., Any], *tensors: Any, **settings: Any) -> Any:
    """Call a pure function.

    Args:
        function: takes `*tensors` and hashable keyword arguments, and returns a tuple of tensors.
        tensors, settings: its arguments.

    Returns:
        The result of `function`. On other backends than TensorFlow the function is called directly. So it is if
        replicas wait for each other within it, which TensorFlow allows in the outermost function only.
    """
    tensors = tuple(keras.ops.convert_to_tensor(tensor) for tensor in tensors)
    if keras.backend.backend() != "tensorflow" or is_synchronized():
        return function(*tensors, **settings)
    return _called(function, tensors, settings, inline=True)


def noinline(function: Callable[..., Any], *tensors: Any, **settings: Any) -> Any:
    """Call a pure function that TensorFlow does not inline, and so optimises once for all calls of the same shapes.

    Args:
        function: takes `*tensors` and hashable keyword arguments.
        tensors, settings: its arguments.

    Returns:
        The result of `function`.
    """
    return _called(function, tensors, settings, inline=False)


def forget() -> None:
    """Drop all traces, so that every function is traced anew at its next call."""
    _trace.cache_clear()


def _called(function: Callable[..., Any], tensors: Any, settings: dict[str, Any], inline: bool) -> Any:
    import tensorflow as tf

    tensors = tuple(map(tf.convert_to_tensor, tensors))  # values instead of variables
    signature = tuple(tf.TensorSpec(tensor.shape, tensor.dtype) for tensor in tensors)
    return _trace(function, signature, tuple(sorted(settings.items())), inline)(*tensors)


@lru_cache(maxsize=2048)
def _trace(function: Callable[..., Any], signature: Any, settings: tuple[tuple[str, Any], ...], inline: bool) -> Any:
    import tensorflow as tf

    trace = tf.function(
        partial(function, **dict(settings)),
        input_signature=signature,
        autograph=False,
        experimental_attributes=None if inline else {"_noinline": True},
    )
    return trace.get_concrete_function()  # whose call does not match the arguments once more
