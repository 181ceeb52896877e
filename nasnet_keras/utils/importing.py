"""Functions and classes by importable names: `package.module:name`."""

import importlib
from typing import Any

__all__ = ["load_named", "name_of"]


def name_of(value: Any) -> str:
    """Return the name of a class or a function, by which `load_named` finds it.

    Example:
        >>> name_of(load_named)
        'nasnet_keras.utils.importing:load_named'
    """
    return f"{value.__module__}:{value.__qualname__}"


def load_named(name: str) -> Any:
    """Import a class or a function by its `name_of`.

    Raises:
        ImportError: the module does not exist, or has no such name.
    """
    module, _, qualified = name.partition(":")
    found: Any = importlib.import_module(module)
    for part in qualified.split("."):
        if not hasattr(found, part):
            raise ImportError(f"the module {module} has no {qualified}")
        found = getattr(found, part)
    return found
