"""A warning where a network for small images is built for large ones, which costs many times what another stem does."""

import functools
from contextlib import AbstractContextManager, suppress
from contextvars import ContextVar

from absl import logging

from nasnet_keras.networks.base import NetworkConfig
from nasnet_keras.networks.cost import CostBuilder
from nasnet_keras.utils.context import within

__all__ = ["loading_weights", "tell_of_cost"]

_SIDE = 64  # up to which images count as small
_SMALL = 32
_loading: ContextVar[bool] = ContextVar("loading", default=False)


def loading_weights(loading: bool = True) -> AbstractContextManager[None]:
    """A context in which networks are built for weights, which fit no other stem; without `loading` it does nothing."""
    return within(_loading, loading or _loading.get())


def tell_of_cost(config: NetworkConfig) -> None:
    """Warn, once in a process, if a network's stem is made for smaller images: what it costs, and what to do instead.

    That is another stem; within `loading_weights`, which other stems cannot take, smaller images or another model.

    Example:
        >>> from nasnet_keras.networks.cells import CellsConfig
        >>> tell_of_cost(CellsConfig(genotype="nasnet_a", input_shape=(32, 32, 3)))
    """
    height, width, channels = config.input_shape
    if height is None or width is None or height * width <= _SIDE**2:
        return
    found = config.for_large_images()
    if found is None:
        return
    cost, small = (_multiply_adds(config, shape) for shape in (config.input_shape, (_SMALL, _SMALL, channels)))
    instead = ""
    if _loading.get():
        instead = ". Its weights fit no other stem: take smaller images, or a model that was trained on larger ones"
    else:
        with suppress(ValueError):  # the other stem may leave too small a map for an auxiliary head
            argument, other = found
            instead = f". With {argument} it is {_millions(_multiply_adds(other, config.input_shape))}"
    _warn(
        f"this network is made for images of about {_SMALL}×{_SMALL}: one of {height}×{width} takes {_millions(cost)} "
        f"multiply-adds, {cost / small:.0f} times as many, and about as many times the memory in training{instead}"
    )


@functools.cache
def _warn(message: str) -> None:
    logging.warning("%s", message)


def _millions(count: int) -> str:
    return f"{count / 1e6:,.0f} million"


def _multiply_adds(config: NetworkConfig, shape: tuple[int, int, int]) -> int:
    builder = CostBuilder()
    config.build(builder, builder.input(*shape))
    return builder.cost().multiply_adds
