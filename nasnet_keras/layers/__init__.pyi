"""The names of nasnet_keras.layers, for editors and type checkers. `tools/make_stubs.py` writes it."""

from nasnet_keras.layers.auxiliary import AuxiliaryHead as AuxiliaryHead
from nasnet_keras.layers.batch_norm import BatchNorm as BatchNorm
from nasnet_keras.layers.convolution import ConvBatchNorm as ConvBatchNorm
from nasnet_keras.layers.convolution import SeparableConvBatchNorm as SeparableConvBatchNorm
from nasnet_keras.layers.depthwise import DepthwiseBatchNorm as DepthwiseBatchNorm
from nasnet_keras.layers.drop_path import DropPathCombine as DropPathCombine
from nasnet_keras.layers.drop_path import TrainingProgress as TrainingProgress
from nasnet_keras.layers.factorized_reduction import FactorizedReduction as FactorizedReduction
from nasnet_keras.layers.padded_concatenate import PaddedConcatenate as PaddedConcatenate
from nasnet_keras.layers.pooling import AveragePooling2D as AveragePooling2D
from nasnet_keras.layers.pooling import MaxPooling2D as MaxPooling2D
from nasnet_keras.layers.pooling import PaddedPooling2D as PaddedPooling2D
from nasnet_keras.layers.squeeze_excite import SqueezeExcite as SqueezeExcite

LAYERS: dict[str, str]
__all__ = [
    "AuxiliaryHead",
    "AveragePooling2D",
    "BatchNorm",
    "ConvBatchNorm",
    "DepthwiseBatchNorm",
    "DropPathCombine",
    "FactorizedReduction",
    "MaxPooling2D",
    "PaddedConcatenate",
    "PaddedPooling2D",
    "SeparableConvBatchNorm",
    "SqueezeExcite",
    "TrainingProgress",
]
