"""NASNet-family networks from genotypes, exact to the parameter, and the search that finds them.

    import nasnet_keras as nk
    model = nk.NASNetFromGenotype(nk.genotypes.NASNET_A, input_shape=(32, 32, 3))

Names resolve when they are first used, so that importing the package is instant and genotypes, costs and flags work
without importing Keras.
"""

from typing import Any

import wrapt

from nasnet_keras.lazy import resolving

__version__ = "0.1.0"

_EXPORTS = {
    "Block": "genotype",
    "Cell": "genotype",
    "Edge": "genotype",
    "Genotype": "genotype",
    "GenotypeError": "genotype",
    "ChainFromGenotype": "chain",
    "ChainGenotype": "chain_genotype",
    "ChainLayer": "chain_genotype",
    "MacroGenotype": "macro_genotype",
    "MacroLayer": "macro_genotype",
    "NASBench201FromGenotype": "nasbench201",
    "NASBench201Genotype": "nasbench201_genotype",
    "Skeleton": "skeleton",
    "NASNetFromGenotype": "network",
    "Cost": "cost",
    "genotype_cost": "cost",
    "model_cost": "cost",
    "DropPathSchedule": "drop_path",
    "ExportError": "exporting",
    "ExportReport": "exporting",
    "export": "exporting",
    "fuse_for_inference": "fusion",
    "plot_genotype": "plotting",
}
_MODULES = ("applications", "conventions", "genotypes")

__all__ = sorted([*_EXPORTS, *_MODULES])


__getattr__, __dir__ = resolving(__name__, _EXPORTS, _MODULES)


# Keras makes a saved model of the layers that are registered. Until its module is imported, a stand-in is registered
# for each: a hook that imported the modules would find that one half loaded whose import of Keras it follows.
_LAYERS = {
    "AuxiliaryHead": "auxiliary",
    "AveragePooling2D": "pooling",
    "BandedDepthwiseConv2D": "fusion.layers",
    "BatchNorm": "batch_norm",
    "Channels": "fusion.layers",
    "ConvBatchNorm": "layers",
    "DropPathCombine": "drop_path",
    "EveryOtherPixel": "fusion.layers",
    "FactorizedReduction": "layers",
    "FixedConv2D": "fusion.layers",
    "FixedDepthwiseConv2D": "fusion.layers",
    "FusedModel": "fusion.model",
    "PaddedConcatenate": "padded_concatenate",
    "PaddedPooling2D": "pooling",
    "PlainReLU": "fusion.layers",
    "SeparableConvBatchNorm": "layers",
    "TrainingProgress": "drop_path",
}


def _register_layers(saving: Any) -> None:
    registered = saving.get_custom_objects()
    for name, module in _LAYERS.items():
        layer = wrapt.lazy_import(f"{__name__}.{module}", name, interface=type)
        registered.setdefault(f"{__name__}>{name}", layer)


wrapt.register_post_import_hook(_register_layers, "keras.saving")
