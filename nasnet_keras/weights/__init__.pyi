"""The names of nasnet_keras.weights, for editors and type checkers. `tools/make_stubs.py` writes it."""

from nasnet_keras.weights.download import DownloadError as DownloadError
from nasnet_keras.weights.file import CardError as CardError
from nasnet_keras.weights.file import WeightsFile as WeightsFile
from nasnet_keras.weights.hdf5 import WeightsError as WeightsError
from nasnet_keras.weights.loading import load_weights as load_weights

__all__ = ["CardError", "DownloadError", "WeightsError", "WeightsFile", "load_weights"]
