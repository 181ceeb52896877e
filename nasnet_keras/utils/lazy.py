"""Names that resolve when they are first used, so that importing the package is instant and imports no Keras."""

import importlib
import sys
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import wrapt

from nasnet_keras.utils import moved
from nasnet_keras.utils.near import alike, nearest

__all__ = ["LAZY", "register_layers", "resolving"]

LAZY: dict[str, dict[str, str]] = {}
"""By the name of a package: the modules of its lazy names, of a name that is a module itself the module around it.

`tools/make_stubs.py` writes them for editors and type checkers, which run nothing.
"""


def resolving(
    package: str, exports: Mapping[str, str], modules: Mapping[str, str] = MappingProxyType({})
) -> tuple[Callable[[str], Any], Callable[[], list[str]]]:
    """Make the `__getattr__` and `__dir__` (PEP 562) of a package.

    Args:
        package: its `__name__`.
        exports: the module of each name, within the package.
        modules: names that are modules themselves: the place of each, within the package.

    Example:
        >>> get, names = resolving("email", {"Message": "message"})
        >>> get("Message").__name__, "Message" in names(), LAZY.pop("email")
        ('Message', True, {'Message': 'email.message'})
    """

    LAZY[package] = {name: f"{package}.{module}" for name, module in exports.items()}
    LAZY[package] |= {name: f"{package}.{place}".rpartition(".")[0] for name, place in modules.items()}

    def get(name: str) -> Any:
        if name in exports:
            return getattr(importlib.import_module(f"{package}.{exports[name]}"), name)
        if name in modules:
            return importlib.import_module(f"{package}.{modules[name]}")
        try:
            return moved.renamed(package, name)
        except AttributeError as error:
            near = None if name.startswith("_") else meant(name)
            if near is None:
                raise
            # With a name and no object, the error gets no further suggestion from Python's traceback.
            raise AttributeError(f"{error}; did you mean {near!r}?", name=name) from None

    def meant(name: str) -> str | None:
        """The name that a wrong one was meant to be: of the package, or of one of its modules."""
        own = [*exports, *modules]
        if found := alike(name, own):
            return found
        for module, place in modules.items():
            within = alike(name, getattr(importlib.import_module(f"{package}.{place}"), "__all__", ()))
            if within:
                return f"{package}.{module}.{within}"
        return nearest(name, own)

    def names() -> list[str]:
        return sorted({*vars(sys.modules[package]), *exports, *modules})

    return get, names


def register_layers(package: str, layers: Mapping[str, str]) -> None:
    """Tell Keras of layers that a saved model may hold, as soon as Keras is imported.

    A stand-in is registered for each layer until its module is imported. A hook that imported the modules would find
    one of them half loaded, if that module's import of Keras had set off the hook.

    Args:
        package: the `__name__` of a folder of layers.
        layers: the module of each layer, within the package.
    """

    def register(saving: Any) -> None:
        registered = saving.get_custom_objects()
        for name, module in layers.items():
            stand_in = wrapt.lazy_import(f"{package}.{module}", name, interface=type)
            registered.setdefault(f"{package.partition('.')[0]}>{name}", stand_in)

    wrapt.register_post_import_hook(register, "keras.saving")
