"""The installation of Keras: the distributions `keras` and `keras-nightly` put their files into one folder.

Whichever is installed last overwrites the other's files, and removing either removes the files of both. TensorFlow's
release candidates require `keras-nightly`, and this package requires `keras`.
"""

import os
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from typing import Any

__all__ = ["BrokenKerasError", "check_keras", "watch_keras"]

_DISTRIBUTIONS = ("keras", "keras-nightly")
_SAID = "NASNET_KERAS_SAID_NIGHTLY"  # in the environment, so that the processes of a search do not say it again


class BrokenKerasError(ImportError):
    """Keras is installed by its distribution's name, and its files are gone."""


def check_keras(path: Sequence[str] | None = None) -> None:
    """Check that Keras has its files, and log, once, that two distributions share them.

    Args:
        path: the folders that packages are searched in; by default `sys.path`.

    Raises:
        BrokenKerasError: a distribution of Keras is installed, and its files are gone.
    """
    from importlib import metadata  # slow

    path = sys.path if path is None else path
    found = [next(iter(metadata.distributions(name=name, path=[*path])), None) for name in _DISTRIBUTIONS]
    there = [f"{name} {one.version}" for name, one in zip(_DISTRIBUTIONS, found, strict=True) if one]
    last = there[-1].replace(" ", "==") if there else ""
    mended = f"pip install --force-reinstall --no-deps {last}"
    spec = PathFinder.find_spec("keras", path)
    if there and (spec is None or spec.origin is None):  # a folder without __init__.py would import as an empty package
        raise BrokenKerasError(
            f"{' and '.join(there)} {'is' if len(there) == 1 else 'are'} installed without files: keras and "
            f"keras-nightly share a folder, and removing either removes the files of both; it is mended by: {mended}",
            name="keras",
        )
    if all(found) and _SAID not in os.environ:
        from absl import logging  # slow

        os.environ[_SAID] = "1"
        logging.warning(
            "%s share a folder: removing either breaks the other, which is mended by: %s", " and ".join(there), mended
        )


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
