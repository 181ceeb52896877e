"""Files of weights: where they are, whether they are what they should be, and how they get into a model."""

from nasnet_keras.utils.lazy import resolving

_EXPORTS = {
    "CardError": "file",
    "DownloadError": "download",
    "WeightsError": "hdf5",
    "WeightsFile": "file",
    "load_weights": "loading",
}

__all__ = sorted(_EXPORTS)


__getattr__, __dir__ = resolving(__name__, _EXPORTS)
