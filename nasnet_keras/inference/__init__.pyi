"""The names of nasnet_keras.inference, for editors and type checkers. `tools/make_stubs.py` writes it."""

from nasnet_keras.inference.errors import ExportError as ExportError
from nasnet_keras.inference.exporting import export as export
from nasnet_keras.inference.fusing import fuse_for_inference as fuse_for_inference
from nasnet_keras.inference.layers import BandedDepthwiseConv2D as BandedDepthwiseConv2D
from nasnet_keras.inference.layers import BorderedMaxPooling2D as BorderedMaxPooling2D
from nasnet_keras.inference.layers import Channels as Channels
from nasnet_keras.inference.layers import DilatedDepthwiseConv2D as DilatedDepthwiseConv2D
from nasnet_keras.inference.layers import EveryOtherPixel as EveryOtherPixel
from nasnet_keras.inference.layers import FixedConv2D as FixedConv2D
from nasnet_keras.inference.layers import FixedDepthwiseConv2D as FixedDepthwiseConv2D
from nasnet_keras.inference.layers import FixedSqueezeExcite as FixedSqueezeExcite
from nasnet_keras.inference.layers import PlainReLU as PlainReLU
from nasnet_keras.inference.model import FusedModel as FusedModel
from nasnet_keras.inference.pooling import ConvolvedAveragePooling2D as ConvolvedAveragePooling2D
from nasnet_keras.inference.report import ExportReport as ExportReport

LAYERS: dict[str, str]
__all__ = ["ExportError", "ExportReport", "export", "fuse_for_inference"]
