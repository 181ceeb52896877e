"""Data sets as arrays in memory, wherever they come from. Names resolve when they are first used.

from nasnet_keras.training import datasets
datasets.load("digits").image_shape
"""

from nasnet_keras.utils.lazy import resolving

_EXPORTS = {"Dataset": "base", "Split": "base", "load": "loading", "names": "loading", "save": "loading"}

__all__ = sorted(_EXPORTS)


__getattr__, __dir__ = resolving(__name__, _EXPORTS)
