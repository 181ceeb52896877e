"""Data sets as arrays in memory, wherever they come from.

from nasnet_keras.training import datasets
datasets.load("digits").image_shape
"""

from nasnet_keras.training.datasets.base import Dataset, Split
from nasnet_keras.training.datasets.loading import load, names, save

__all__ = ["Dataset", "Split", "load", "names", "save"]
