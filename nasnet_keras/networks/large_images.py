"""A warning where a network for small images is built for large ones, which costs many times what another stem does."""

from contextlib import suppress

from absl import logging

from nasnet_keras.networks.base import NetworkConfig
from nasnet_keras.networks.cost import CostBuilder

__all__ = ["tell_of_cost"]

_SIDE = 64  # up to which images count as small
_SMALL = 32


def tell_of_cost(config: NetworkConfig) -> None:
    """Warn if a network's stem is made for smaller images, with what it costs and what to take instead.

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
    with suppress(ValueError):  # the other stem may leave too small a map for an auxiliary head
        argument, other = found
        instead = f". With {argument} it is {_millions(_multiply_adds(other, config.input_shape))}"
    logging.warning(
        "this network is made for images of about %d×%d: one of %d×%d takes %s multiply-adds, %.0f times as many, and "
        "about as many times the memory in training%s",
        *(_SMALL, _SMALL, height, width, _millions(cost), cost / small, instead),
    )


def _millions(count: int) -> str:
    return f"{count / 1e6:,.0f} million"


def _multiply_adds(config: NetworkConfig, shape: tuple[int, int, int]) -> int:
    builder = CostBuilder()
    config.build(builder, builder.input(*shape))
    return builder.cost().multiply_adds
