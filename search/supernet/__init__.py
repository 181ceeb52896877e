"""Supernets: networks that share the weights of all networks of a space. A tensor chooses one of them."""

from typing import Any

import keras

from nasnet_keras.search.spaces.base import Space
from nasnet_keras.search.spaces.enas_macro import MacroSpace
from nasnet_keras.search.spaces.nasnet import CellSpace
from nasnet_keras.search.supernet.macro import layer_supernet
from nasnet_keras.search.supernet.micro import cell_supernet, check_adds

__all__ = ["check", "supernet"]


def check(space: Space) -> None:
    """Raise a ValueError for a space that has no supernet."""
    if not isinstance(space, (CellSpace, MacroSpace)):
        raise ValueError(f"a supernet is for spaces of cells, or of ENAS' layers, got {type(space).__name__}")
    if isinstance(space, CellSpace):
        check_adds(space)


def supernet(
    space: Space,
    image_shape: tuple[int, int, int],
    *,
    seed: int,
    num_repeats: int,
    auxiliary_head: bool = False,
    **network: Any,
) -> keras.Model:
    """Build the supernet of a space: `micro.cell_supernet` for cells, `macro.layer_supernet` for layer-wise networks.

    Raises:
        ValueError: one of these functions raises it, or `auxiliary_head` is given for a layer-wise network.
    """
    if not isinstance(space, MacroSpace):
        return cell_supernet(
            space, image_shape, seed=seed, num_repeats=num_repeats, auxiliary_head=auxiliary_head, **network
        )
    if auxiliary_head:
        raise ValueError("auxiliary_weight is for networks of cells: a layer-wise network has no auxiliary head")
    return layer_supernet(space, image_shape, seed=seed, **network)
