"""Names of a package that resolve when they are first used, so that importing it is instant and imports no Keras."""

import importlib
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from nasnet_keras.utils import moved

__all__ = ["resolving"]


def resolving(
    package: str, exports: Mapping[str, str], modules: Mapping[str, str] = MappingProxyType({})
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """The `__getattr__` and `__dir__` (PEP 562) of a package.

    Args:
        package: its `__name__`.
        exports: the module of each name, within the package.
        modules: names that are modules themselves: where each is, within the package.

    Example:
        >>> get, names = resolving("nasnet_keras", {"Genotype": "genotypes.cells"})
        >>> get("Genotype").__name__, "Genotype" in names()
        ('Genotype', True)
    """

    def get(name: str) -> Any:
        if name in exports:
            return getattr(importlib.import_module(f"{package}.{exports[name]}"), name)
        if name in modules:
            return importlib.import_module(f"{package}.{modules[name]}")
        return moved.renamed(package, name)

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *exports, *modules})

    return get, names
