"""Search spaces by name: one module a space."""

import dataclasses
from types import MappingProxyType
from typing import Any

from nasnet_keras.genotypes.conventions import ENAS_OPERATIONS
from nasnet_keras.search.spaces.base import Space
from nasnet_keras.search.spaces.enas_macro import MacroSpace
from nasnet_keras.search.spaces.nas import ChainSpace
from nasnet_keras.search.spaces.nasbench201 import NASBench201Space
from nasnet_keras.search.spaces.nasnet import CellSpace
from nasnet_keras.utils.checks import choice

__all__ = ["SPACES", "make"]

SPACES = MappingProxyType(  # the class, and what it is made with where nobody said otherwise
    {
        "nasnet": (CellSpace, {}),
        "nasbench201": (NASBench201Space, {}),
        "enas_micro": (CellSpace, {"operations": ENAS_OPERATIONS, "combines": ("add",), "unread_inputs": True}),
        "enas_macro": (MacroSpace, {}),
        "nas": (ChainSpace, {}),
    }
)


def make(name: str, **settings: Any) -> Space:
    """The space called `name`; of the settings, those that it has, and its own defaults for those that are None.

    Raises:
        ValueError: no space has that name, or a setting is illegal.

    Example:
        >>> make("nasbench201", operations=("none", "nor_conv_3x3"), num_blocks=5).size
        64
    """
    choice("space", name, tuple(SPACES))
    kind, defaults = SPACES[name]
    known = {field.name for field in dataclasses.fields(kind) if field.init}
    given = {key: value for key, value in settings.items() if key in known and value is not None}
    return kind(**{**defaults, **given})
