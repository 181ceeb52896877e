"""The Keras layers of networks, one family in each file. Names resolve when they are first used."""

from nasnet_keras.utils.lazy import register_layers, resolving

LAYERS = {
    "AuxiliaryHead": "auxiliary",
    "AveragePooling2D": "pooling",
    "BatchNorm": "batch_norm",
    "ConvBatchNorm": "convolution",
    "DepthwiseBatchNorm": "depthwise",
    "DropPathCombine": "drop_path",
    "FactorizedReduction": "factorized_reduction",
    "MaxPooling2D": "pooling",
    "PaddedConcatenate": "padded_concatenate",
    "PaddedPooling2D": "pooling",
    "SeparableConvBatchNorm": "convolution",
    "SqueezeExcite": "squeeze_excite",
    "TrainingProgress": "drop_path",
}
"""The module of each layer that a saved model may hold."""

__all__ = sorted(LAYERS)


__getattr__, __dir__ = resolving(__name__, LAYERS)
register_layers(__name__, LAYERS)
