"""Search spaces by name: one module a space. `base.Space` states the rules."""

import dataclasses
from typing import Any

from nasnet_keras.search.registry import SPACES
from nasnet_keras.search.spaces.base import Space
from nasnet_keras.utils.checks import choice

__all__ = ["SPACES", "make"]


def make(name: str, **settings: Any) -> Space:
    """Make the space called `name`.

    Args:
        name: one of `SPACES`.
        settings: settings of a search by name, such as `operations` and `num_blocks`. The space ignores those that it
            does not have, and uses its own defaults for those that are None.

    Raises:
        ValueError: no space has that name, or a setting is illegal.

    Example:
        >>> make("nasbench201", operations=("none", "nor_conv_3x3"), num_blocks=5).size
        64
    """
    choice("space", name, tuple(SPACES))
    row = SPACES[name]
    made = row.load()
    known = {field.name for field in dataclasses.fields(made) if field.init}
    given = {key: value for key, value in settings.items() if key in known and value is not None}
    return made(**{**row.arguments, **given})
