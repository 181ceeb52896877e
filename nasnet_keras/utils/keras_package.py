"""The installation of Keras: the distributions `keras` and `keras-nightly` put their files into one folder.

Whichever is installed last overwrites the other's files, and removing either removes the files of both. TensorFlow's
release candidates require `keras-nightly`, and this package requires `keras`.
"""

import os
import sys
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any

__all__ = ["BrokenKerasError", "check_keras", "watch_keras"]

_DISTRIBUTIONS = ("keras", "keras-nightly")
_SAID = "NASNET_KERAS_SAID_NIGHTLY"  # in the environment, so that the processes of a search do not say it again


class BrokenKerasError(ImportError):
    """Keras is installed by its distribution's name, and its files are gone."""


def check_keras(path: Sequence[str] | None = None) -> None:
    """Check that Keras has its files, and log, once, that two distributions share them.

    Keras itself is not imported. It may lie wherever Python finds it, as an editable installation does.

    Args:
        path: the folders that packages are searched in; by default wherever Python looks.

    Raises:
        BrokenKerasError: a distribution of Keras is installed, and its files are gone.
    """
    from importlib import metadata  # slow

    places = [*(sys.path if path is None else path)]
    found = [next(iter(metadata.distributions(name=name, path=places)), None) for name in _DISTRIBUTIONS]
    there = {name: one.version for name, one in zip(_DISTRIBUTIONS, found, strict=True) if one}
    names = " and ".join(f"{name} {version}" for name, version in there.items())
    if there and not _has_files(path):
        raise BrokenKerasError(
            f"{names} {'is' if len(there) == 1 else 'are'} installed without files: keras and keras-nightly share a "
            f"folder, and removing either removes the files of both; {_mended(there)}",
            name="keras",
        )
    if len(there) == 2 and _SAID not in os.environ:
        from absl import logging  # slow

        os.environ[_SAID] = "1"
        logging.warning("%s share a folder: removing either breaks the other; %s", names, _mended(there))


def _has_files(path: Sequence[str] | None) -> bool:
    """Whether Keras can be imported; a folder without `__init__.py` would be as an empty package, without a loader."""
    finders = [finder for finder in sys.meta_path if not isinstance(finder, _Watch)] if path is None else [PathFinder]
    specs = (finder.find_spec("keras", path) for finder in finders)
    first = next((spec for spec in specs if spec is not None), None)
    return first is not None and first.loader is not None


def _mended(there: Mapping[str, str]) -> str:
    """How Keras gets its files back: by a command for each distribution that is installed, of which one is to stay."""
    again = "pip install --force-reinstall --no-deps"
    ways = {"keras": f"{again} keras", "keras-nightly": f"{again} keras-nightly=={there.get('keras-nightly')}"}
    return f"it is mended by: {', or, for the nightly, by: '.join(ways[name] for name in there)}"


class _Watch:
    """Checks Keras when it is imported, and lets Python's other finders find it."""

    def find_spec(self, name: str, path: Sequence[str] | None = None, target: Any = None) -> ModuleSpec | None:
        del path, target
        if name == "keras":
            check_keras()


def watch_keras() -> None:
    """Check Keras as soon as it is imported, now if it already is."""
    if "keras" in sys.modules:
        check_keras()
    else:
        sys.meta_path.insert(0, _Watch())
