"""A trained model, faster and elsewhere: fused into fewer operations, and exported to other runtimes."""

from nasnet_keras.utils.lazy import register_layers, resolving

LAYERS = {
    "BandedDepthwiseConv2D": "layers",
    "BorderedMaxPooling2D": "layers",
    "Channels": "layers",
    "ConvolvedAveragePooling2D": "pooling",
    "DilatedDepthwiseConv2D": "layers",
    "EveryOtherPixel": "layers",
    "FixedConv2D": "layers",
    "FixedDepthwiseConv2D": "layers",
    "FixedSqueezeExcite": "layers",
    "FusedModel": "model",
    "PlainReLU": "layers",
}
"""The module of each layer that a saved fused model may hold."""

_EXPORTS = {
    "ExportError": "errors",
    "ExportReport": "report",
    "export": "exporting",
    "fuse_for_inference": "fusing",
}

__all__ = sorted(_EXPORTS)


__getattr__, __dir__ = resolving(__name__, {**_EXPORTS, **LAYERS})
register_layers(__name__, LAYERS)
