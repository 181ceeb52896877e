"""Files of weights: finding or downloading them, checking them strictly, and loading them into a model."""

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
