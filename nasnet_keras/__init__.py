"""NASNet-family networks from genotypes, exact to the parameter, and the search that finds them.

    import nasnet_keras as nk
    model = nk.NASNetFromGenotype(nk.genotypes.NASNET_A, input_shape=(32, 32, 3))

Names resolve when they are first used, so that importing the package is instant and genotypes, costs and flags work
without importing Keras.
"""

import importlib
import sys
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


def _register_layers(_: Any) -> None:
    # Keras finds the layers of a saved model only when their modules have been imported.
    for module in ("layers", "auxiliary", "drop_path", "padded_concatenate", "fusion.layers", "fusion.model"):
        importlib.import_module(f"{__name__}.{module}")


if "keras" in sys.modules and hasattr(sys.modules["keras"], "layers"):
    _register_layers(None)
else:
    wrapt.register_post_import_hook(_register_layers, "keras")
