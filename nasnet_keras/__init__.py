"""NASNet-family networks from genotypes, exact to the parameter, and the search that finds them.

    import nasnet_keras as nk
    model = nk.NASNetFromGenotype(nk.genotypes.NASNET_A, input_shape=(32, 32, 3))

Names resolve when they are first used, so that importing the package is instant and genotypes, costs and flags work
without importing Keras.
"""

from nasnet_keras import inference, layers  # noqa: F401 – they tell Keras of the layers that saved models hold
from nasnet_keras.genotypes.kinds import KINDS
from nasnet_keras.utils import moved
from nasnet_keras.utils.keras_package import watch_keras
from nasnet_keras.utils.lazy import resolving

__version__ = "0.1.0"

_EXPORTS = {
    "Block": "genotypes.cells",
    "Builder": "networks.builder",
    "Card": "card",
    "Cell": "genotypes.cells",
    "ChainLayer": "genotypes.chain",
    "Cost": "networks.cost",
    "DropPathSchedule": "layers.drop_path",
    "Edge": "genotypes.cells",
    "ExportError": "inference.errors",
    "ExportReport": "inference.report",
    "GenotypeError": "genotypes.base",
    "Latency": "latency.measuring",
    "LatencyError": "latency.errors",
    "LayerCosts": "networks.counting",
    "MachineBusy": "latency.errors",
    "MacroLayer": "genotypes.macro",
    "OperationBuilder": "genotypes.operation_builder",
    "Skeleton": "genotypes.skeleton",
    "Stage": "genotypes.stages",
    "export": "inference.exporting",
    "fuse_for_inference": "inference.fusing",
    "genotype_cost": "networks.cost",
    "layer_costs": "networks.counting",
    "measure_latency": "latency.measuring",
    "model_cost": "networks.counting",
    "plot_genotype": "plotting.cells",
    "plot_training_curve": "training.picture",
    "taps": "networks.taps",
    **{kind.genotype: f"genotypes.{kind.module}" for kind in KINDS},
    **{kind.function: f"networks.{kind.module}" for kind in KINDS if "." not in kind.function},
}
_MODULES = {
    "applications": "applications",
    "conventions": "genotypes.conventions",
    "genotypes": "genotypes",
    "pretrained": "pretrained",
    "search": "search",
}

__all__ = sorted([*_EXPORTS, *_MODULES])


__getattr__, __dir__ = resolving(__name__, _EXPORTS, _MODULES)

moved.install(__name__)
watch_keras()
