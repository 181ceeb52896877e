"""The names of nasnet_keras.training.datasets, for editors and type checkers. `tools/make_stubs.py` writes it."""

from nasnet_keras.training.datasets.base import Dataset as Dataset
from nasnet_keras.training.datasets.base import Split as Split
from nasnet_keras.training.datasets.loading import load as load
from nasnet_keras.training.datasets.loading import names as names
from nasnet_keras.training.datasets.loading import save as save

__all__ = ["Dataset", "Split", "load", "names", "save"]
